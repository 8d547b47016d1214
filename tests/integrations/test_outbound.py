"""Requests to user-given URLs go to judged addresses only (spec 06 §16.6, traps of DNS included)."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from billwright.billing.notifications.addresses import is_public, is_sendable, literal_address
from billwright.billing.notifications.options import AddressRefused, NoAnswer
from billwright.integrations.outbound import AddressNotAllowed, JudgingBackend, OutboundHttp, Resolver
from billwright.integrations.webhooks import HttpWebhookSender
from tests.support.webhook_receiver import receiver as listening

PRIVATE = (
    "0.0.0.0 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 "
    "172.31.255.255 192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 240.0.0.1 "
    "255.255.255.255 :: ::1 fc00::1 fdff::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 2001:db8::1 2001::1 100::1 "
    "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::1 "
    "2002:7f00:1:: 2002:c0a8:101::1 3fff::1 5f00::1"
).split()
PUBLIC = (
    "1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.167.255.255 192.169.0.1 223.255.255.255 "
    "2606:4700:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1"
).split()


@pytest.mark.parametrize("text", PRIVATE)
def test_addresses_that_are_refused(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_addresses_that_are_allowed(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "host",
    "127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 127.0.0.1. 0 [::1] "
    "[::ffff:127.0.0.1] [fe80::1%25eth0] [0:0:0:0:0:0:0:1] 169.254.169.254".split(),
)
def test_literal_private_addresses_are_refused_when_they_are_saved(host: str) -> None:
    assert not is_sendable(f"http://{host}/hooks", allow_private=False)
    assert is_sendable(f"http://{host}/hooks", allow_private=True)


@pytest.mark.parametrize("url", ["http://user@example.com/", "http://u:p@example.com/", "http://:p@example.com/"])
def test_user_info_is_refused(url: str) -> None:
    assert not is_sendable(url, allow_private=True)


def test_names_are_judged_when_they_are_resolved() -> None:
    assert is_sendable("https://localhost/", allow_private=False)
    assert literal_address("localhost") is None
    assert literal_address("cafe.example") is None


@pytest.mark.parametrize(
    "host", "127.0.0.1 localhost 2130706433 0x7f.1 127.1 [::ffff:127.0.0.1] [::1] 0.0.0.0 [::]".split()
)
async def test_no_form_of_the_own_machine_is_connected_to(host: str) -> None:
    """With the system's resolver, while somebody listens there."""
    async with listening() as receiver:
        http = OutboundHttp(timeout=2)
        sender = HttpWebhookSender(http)
        with pytest.raises(AddressRefused):
            await sender.post(f"http://{host}:{receiver.port}/", {}, b"{}")
        await sender.close()
        assert not receiver.requests


class _Names:
    """A name server whose answers change."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0)


class _Network(httpcore.AsyncNetworkBackend):
    """Notes where it should have connected."""

    def __init__(self) -> None:
        self.connected: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        raise httpcore.ConnectError("not in a test")


async def test_a_name_that_changes_between_question_and_connection() -> None:
    """DNS rebinding: the judged address is the one connected to; the next attempt asks and judges anew."""
    names, network = _Names(["93.184.215.14"], ["127.0.0.1"]), _Network()
    backend = JudgingBackend(names, allow_private=False)
    backend._network = network
    with pytest.raises(httpcore.ConnectError):
        await backend.connect_tcp("rebind.example", 443, 1)
    assert (names.asked, network.connected) == ([("rebind.example", 443)], ["93.184.215.14"])
    with pytest.raises(AddressNotAllowed):
        await backend.connect_tcp("rebind.example", 443, 1)
    assert network.connected == ["93.184.215.14"]


@pytest.mark.parametrize("answer", [["93.184.215.14", "10.0.0.8"], ["::ffff:169.254.169.254"], ["fe80::1%eth0"]])
async def test_one_private_address_among_several_is_enough(answer: list[str]) -> None:
    network = _Network()
    backend = JudgingBackend(_Names(answer), allow_private=False)
    backend._network = network
    with pytest.raises(AddressNotAllowed):
        await backend.connect_tcp("mixed.example", 80, 1)
    assert not network.connected


async def test_all_addresses_of_a_name_are_tried() -> None:
    names, network = _Names(["2606:2800:21f::1", "93.184.215.14"]), _Network()
    backend = JudgingBackend(names, allow_private=False)
    backend._network = network
    with pytest.raises(httpcore.ConnectError):
        await backend.connect_tcp("two.example", 80, 1)
    assert network.connected == ["2606:2800:21f::1", "93.184.215.14"]


async def test_the_name_goes_into_the_host_header_and_no_second_look_is_taken() -> None:
    async with listening() as receiver:
        names = _Names(["127.0.0.1"])
        sender = HttpWebhookSender(OutboundHttp(allow_private=True, resolve=names))
        url = f"http://hooks.example:{receiver.port}/a%20b?c=d#e"
        reply = await sender.post(url, {"X-Lago-Unique-Key": "k"}, b"{}")
        assert (reply.status, reply.body) == (200, b"thanks")
        request = await receiver.next()
        assert request.headers["host"] == f"hooks.example:{receiver.port}"
        assert request.path == "/a%20b?c=d"
        assert names.asked == [("hooks.example", receiver.port)]
        await sender.close()


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy, listening() as receiver:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        sender = HttpWebhookSender(OutboundHttp(allow_private=True))
        await sender.post(receiver.url, {}, b"{}")
        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)
        await sender.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://nowhere.invalid/", "could not connect: nowhere.invalid: "),
        ("http://0177.0.0.1/", "the URL cannot be used"),
        ("http://u:p@127.0.0.1/", "the URL cannot be used: user-info"),
        ("ftp://127.0.0.1/", "no answer: "),
        (f"http://{'a' * 70}.example/", "could not connect: "),
    ],
)
async def test_what_cannot_be_reached_is_no_answer(url: str, said: str) -> None:
    sender = HttpWebhookSender(OutboundHttp(allow_private=True, timeout=5))
    with pytest.raises(NoAnswer) as failure:
        await sender.post(url, {}, b"{}")
    assert str(failure.value).startswith(said)
    await sender.close()


async def test_a_name_server_that_does_not_answer_is_a_time_out() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    sender = HttpWebhookSender(OutboundHttp(timeout=0.2, resolve=never))
    with pytest.raises(NoAnswer, match=r"timed out while connecting: slow\.example"):
        await sender.post("http://slow.example/", {}, b"{}")


async def test_questions_at_one_moment_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def slowly(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        time.sleep(0.1)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))] * 2

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    resolver = Resolver(4)
    answers = await asyncio.gather(*(resolver("one.example", 80) for _ in range(20)))
    assert answers == [["192.0.2.1"]] * 20
    assert asked == ["one.example"]
    resolver.close()


def _certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for ``name`` and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cafile=str(file))
    return server, client


async def test_tls_is_spoken_with_the_name_not_the_address(tmp_path: Path) -> None:
    server, client = _certificate(tmp_path, "hooks.example")
    async with listening(server) as receiver:
        names = _Names(["127.0.0.1"], ["127.0.0.1"])
        sender = HttpWebhookSender(OutboundHttp(allow_private=True, resolve=names, ssl_context=client))
        assert (await sender.post(f"https://hooks.example:{receiver.port}/", {}, b"{}")).status == 200
        assert receiver.names == ["hooks.example"]
        with pytest.raises(NoAnswer, match=r"could not connect.*certificate"):
            await sender.post(f"https://other.example:{receiver.port}/", {}, b"{}")
        assert len(receiver.requests) == 1
        await sender.close()


async def test_an_unknown_certificate_is_refused(tmp_path: Path) -> None:
    server, _ = _certificate(tmp_path, "hooks.example")
    async with listening(server) as receiver:
        sender = HttpWebhookSender(OutboundHttp(allow_private=True, resolve=_Names(["127.0.0.1"])))
        with pytest.raises(NoAnswer, match="certificate"):
            await sender.post(f"https://hooks.example:{receiver.port}/", {}, b"{}")
        assert not receiver.requests
        await sender.close()
