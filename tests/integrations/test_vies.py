"""The VIES client against a fake service that checks what it is sent (spec 08 A13)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from billwright.billing.taxes.vat_checks import Invalid, Unavailable, Valid
from billwright.integrations.vies import MAX_ANSWER_BYTES, ViesClient
from tests.fakes.vies import GARBAGE, HTML, SLOW, FakeVies, fake_vies

NUMBER = "FR40303265045"


@pytest.fixture
async def vies() -> AsyncIterator[FakeVies]:
    async with fake_vies() as fake:
        yield fake


@asynccontextmanager
async def client_of(url: str, *, timeout: float = 5.0) -> AsyncIterator[ViesClient]:
    client = ViesClient(url, timeout=timeout)
    try:
        yield client
    finally:
        await client.close()


async def test_a_valid_number(vies: FakeVies) -> None:
    vies.know(NUMBER, name="SA SODIMAS & <FILS>", address="RUE DE LA PAIX\n75002 PARIS")
    async with client_of(vies.url) as client:
        outcome = await client.check("fr 40-303.265 045")
    assert outcome == Valid("FR", "40303265045", "2025-01-15", "SA SODIMAS & <FILS>", "RUE DE LA PAIX\n75002 PARIS")
    assert vies.calls == [("FR", "40303265045")]


async def test_undisclosed_names_and_addresses_are_null(vies: FakeVies) -> None:
    vies.know("DE136695976")
    async with client_of(vies.url) as client:
        assert await client.check("DE136695976") == Valid("DE", "136695976", "2025-01-15", None, None)


async def test_a_number_that_does_not_exist(vies: FakeVies) -> None:
    async with client_of(vies.url) as client:
        assert await client.check(NUMBER) == Invalid(valid_format=True)


@pytest.mark.parametrize("written", ["EL094259216", "GR094259216", "el 094259216"])
async def test_greece_is_asked_for_as_el_and_answers_as_gr(vies: FakeVies, written: str) -> None:
    vies.know("EL094259216")
    async with client_of(vies.url) as client:
        outcome = await client.check(written)
    assert isinstance(outcome, Valid)
    assert outcome.country_code == "GR"
    assert vies.calls == [("EL", "094259216")]


async def test_northern_ireland_is_asked_for(vies: FakeVies) -> None:
    vies.know("XI123456789")
    async with client_of(vies.url) as client:
        outcome = await client.check("XI 123 4567 89")
    assert isinstance(outcome, Valid)
    assert outcome.country_code == "XI"


@pytest.mark.parametrize("number", ["GB123456789", "US-111", "IT123", "INVALID123", "12345678901", "FR", "", "FR<&>"])
async def test_what_cannot_be_valid_is_not_sent(vies: FakeVies, number: str) -> None:
    async with client_of(vies.url) as client:
        assert await client.check(number) == Invalid(valid_format=False)
    assert vies.calls == []


FAULTS = [
    ("MS_MAX_CONCURRENT_REQ", "rate_limit"),
    ("MS_MAX_CONCURRENT_REQ_TIME", "rate_limit"),
    ("GLOBAL_MAX_CONCURRENT_REQ", "rate_limit"),
    ("GLOBAL_MAX_CONCURRENT_REQ_TIME", "rate_limit"),
    ("TIMEOUT", "timeout"),
    ("VAT_BLOCKED", "blocked"),
    ("IP_BLOCKED", "blocked"),
    ("INVALID_REQUESTER_INFO", "invalid_requester"),
    ("MS_UNAVAILABLE", "member_state_unavailable"),
    ("SERVICE_UNAVAILABLE", "service_unavailable"),
    ("SOMETHING_NEW", "unknown"),
    ("", "unknown"),
]


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(("fault", "kind"), FAULTS)
async def test_a_fault_counts_whatever_the_status(vies: FakeVies, fault: str, kind: str, status: int) -> None:
    vies.know(NUMBER)
    vies.fail(fault, status=status)
    async with client_of(vies.url) as client:
        outcome = await client.check(NUMBER)
        assert isinstance(outcome, Unavailable)
        assert outcome.type == kind
        assert fault in outcome.message
        assert isinstance(await client.check(NUMBER), Valid)


@pytest.mark.parametrize("status", [200, 500])
async def test_invalid_input_is_an_invalid_number(vies: FakeVies, status: int) -> None:
    vies.fail("INVALID_INPUT", status=status)
    async with client_of(vies.url) as client:
        assert await client.check(NUMBER) == Invalid(valid_format=True)


@pytest.mark.parametrize("status", [302, 403, 404, 429, 502, 503])
async def test_an_error_page_is_an_outage(vies: FakeVies, status: int) -> None:
    vies.fail(HTML, status=status)
    async with client_of(vies.url) as client:
        outcome = await client.check(NUMBER)
    assert outcome == Unavailable("service_unavailable", f"VIES answered HTTP {status}")


@pytest.mark.parametrize("kind", [HTML, GARBAGE])
async def test_a_page_with_status_200_is_not_taken_for_an_answer(vies: FakeVies, kind: str) -> None:
    vies.fail(kind)
    async with client_of(vies.url) as client:
        outcome = await client.check(NUMBER)
    assert isinstance(outcome, Unavailable)
    assert outcome.type == "unknown"


async def test_who_answers_too_late_has_timed_out(vies: FakeVies) -> None:
    vies.know(NUMBER)
    vies.fail(SLOW)
    begin = time.monotonic()
    async with client_of(vies.url, timeout=0.2) as client:
        outcome = await client.check(NUMBER)
    assert outcome == Unavailable("timeout", "VIES did not answer within 0.2 seconds")
    assert time.monotonic() - begin < 0.9


async def test_nobody_listening_is_an_outage() -> None:
    async with client_of("http://127.0.0.1:1/services") as client:
        outcome = await client.check(NUMBER)
    assert isinstance(outcome, Unavailable)
    assert outcome.type == "service_unavailable"


@asynccontextmanager
async def _raw(answer: bytes, *, drip: float | None = None) -> AsyncIterator[str]:
    """A server that says ``answer`` and hangs up, or says it again and again every ``drip`` seconds."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(65536)
            writer.write(answer)
            while drip is not None:
                await writer.drain()
                await asyncio.sleep(drip)
                writer.write(b" ")
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/services"
    finally:
        server.close()


async def test_a_connection_that_breaks_is_an_outage() -> None:
    async with _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<a") as url, client_of(url) as client:
        outcome = await client.check(NUMBER)
    assert isinstance(outcome, Unavailable)
    assert outcome.type == "service_unavailable"


async def test_an_answer_that_drips_in_does_not_hold_the_call() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    async with _raw(head, drip=0.05) as url, client_of(url, timeout=0.3) as client:
        outcome = await client.check(NUMBER)
    assert isinstance(outcome, Unavailable)
    assert outcome.type == "timeout"


async def test_of_an_endless_answer_only_the_beginning_is_read() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"<a>" * MAX_ANSWER_BYTES
    async with _raw(answer) as url, client_of(url) as client:
        outcome = await client.check(NUMBER)
    assert isinstance(outcome, Unavailable)
    assert outcome.type == "unknown"


async def test_entities_are_not_expanded() -> None:
    inner = b"<a><checkVatResponse><valid>&b;</valid></checkVatResponse></a>"
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "true">]>' + inner
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    async with _raw(head + bomb) as url, client_of(url) as client:
        outcome = await client.check(NUMBER)
    assert isinstance(outcome, Unavailable)


async def test_five_calls_at_once_for_each_member_state(vies: FakeVies) -> None:
    vies.delay = 0.25
    async with client_of(vies.url) as client:
        await asyncio.gather(*(client.check(f"DE{100000000 + n}") for n in range(12)))
        assert vies.most_waiting == 5
        vies.most_waiting = 0
        await asyncio.gather(
            *(client.check(f"DE{100000000 + n}") for n in range(8)),
            *(client.check(f"FI{10000000 + n}") for n in range(8)),
        )
        assert 5 < vies.most_waiting <= 10, "five of each, side by side"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("300", "service_unavailable"),
        ("301", "member_state_unavailable"),
        ("302", "timeout"),
        ("500", "rate_limit"),
        ("600", "rate_limit"),
    ],
)
async def test_the_fixed_numbers_of_the_test_service(vies: FakeVies, number: str, kind: str) -> None:
    async with client_of(f"{vies.url}/checkVatTestService") as client:
        outcome = await client.check(f"FR{number}")
        assert isinstance(outcome, Unavailable)
        assert outcome.type == kind
        assert await client.check("FR100") == Valid("FR", "100", "2025-01-15", "John Doe", "123 Main St")
        assert await client.check("FR200") == Invalid(valid_format=True)


async def test_the_service_itself_may_be_named(vies: FakeVies) -> None:
    vies.know(NUMBER)
    async with client_of(f"{vies.url}/checkVatService/") as client:
        assert isinstance(await client.check(NUMBER), Valid)
