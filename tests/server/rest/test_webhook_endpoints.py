"""``/webhook_endpoints``, the public key, and ``webhook_url`` of the organization (spec 06 §16.1, §16.3)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from lago_python_client.models.webhook_endpoint import WebhookEndpoint
from sqlalchemy import text

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.notifications.keys import WebhookKeys
from billwright.billing.notifications.options import WebhookOptions
from billwright.billing.notifications.signing import generate_private_key, public_pem
from tests.server.rest.client import RestClient, rest_client, validation
from tests.server.rest.contract import problems, unknown_keys
from tests.support.serving import official_client

BOX = SecretBox("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
NOT_FOUND = {"status": 404, "error": "Not Found", "code": "webhook_endpoint_not_found"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def hooks(database: Database) -> AsyncIterator[RestClient]:
    """As ``rest``, with a runtime that can seal."""
    store: Any = None
    runtime = Runtime(database, store, box=BOX, webhooks=WebhookOptions(keys=WebhookKeys(BOX)))
    async with rest_client(database, runtime=runtime) as client:
        yield client


async def make(client: RestClient, **attributes: Any) -> Any:
    answer = await client.post("webhook_endpoints", {"webhook_endpoint": attributes})
    assert answer.status_code == 200, answer.text
    return answer.json()["webhook_endpoint"]


async def test_life_of_an_endpoint(rest: RestClient) -> None:
    made = await make(rest, webhook_url="https://hooks.example.com/a", signature_algo="hmac", name="Ledger")
    assert problems("WebhookEndpointObject", made) == []
    assert unknown_keys("WebhookEndpointObject", made) == set()
    assert made.pop("created_at").endswith("Z")
    assert made == {
        "lago_id": made["lago_id"],
        "lago_organization_id": str(rest.organization.id),
        "webhook_url": "https://hooks.example.com/a",
        "signature_algo": "hmac",
        "name": "Ledger",
        "event_types": None,
    }
    path = f"webhook_endpoints/{made['lago_id']}"
    sent = {"webhook_endpoint": {"event_types": ["invoice.created"]}}
    changed = (await rest.put(path, sent)).json()["webhook_endpoint"]
    assert {**changed, "created_at": None} == {**made, "event_types": ["invoice.created"], "created_at": None}
    assert (await rest.get(path)).json()["webhook_endpoint"] == changed
    cleared = (await rest.put(path, {"webhook_endpoint": {"event_types": None, "name": None}})).json()
    assert (cleared["webhook_endpoint"]["event_types"], cleared["webhook_endpoint"]["name"]) == (None, None)
    other = await make(rest, webhook_url="https://hooks.example.com/b")
    assert other["signature_algo"] == "jwt"
    listed = (await rest.get("webhook_endpoints?per_page=1")).json()
    assert [item["lago_id"] for item in listed["webhook_endpoints"]] == [other["lago_id"]]
    assert listed["meta"]["total_count"] == 2
    deleted = await rest.delete(path)
    assert (deleted.status_code, deleted.json()["webhook_endpoint"]["lago_id"]) == (200, made["lago_id"])
    for method in ("GET", "DELETE"):
        answer = await rest.request(method, path)
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert (await rest.put(path, {"webhook_endpoint": {"webhook_url": ""}})).json() == NOT_FOUND


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({}, {"webhook_url": "value_is_mandatory"}),
        ({"webhook_url": "  "}, {"webhook_url": "value_is_mandatory"}),
        ({"webhook_url": "hooks.example.com"}, {"webhook_url": "url_is_invalid"}),
        ({"webhook_url": "ftp://hooks.example.com"}, {"webhook_url": "url_is_invalid"}),
        ({"webhook_url": "https://"}, {"webhook_url": "url_is_invalid"}),
        ({"webhook_url": "https://u:p@hooks.example.com"}, {"webhook_url": "url_is_invalid"}),
        ({"webhook_url": "http://127.0.0.1/"}, {"webhook_url": "url_is_invalid"}),
        ({"webhook_url": "http://[::1]:8080/"}, {"webhook_url": "url_is_invalid"}),
        ({"webhook_url": "http://169.254.169.254/latest/meta-data"}, {"webhook_url": "url_is_invalid"}),
        ({"webhook_url": "http://0x7f.1/"}, {"webhook_url": "url_is_invalid"}),
        ({"webhook_url": "https://taken.example.com"}, {"webhook_url": "value_already_exist"}),
        ({"webhook_url": "https://a.example", "signature_algo": "md5"}, {"signature_algo": "value_is_invalid"}),
        ({"webhook_url": "https://a.example", "event_types": "invoice.created"}, {"event_types": "must_be_array"}),
        ({"webhook_url": "https://a.example", "event_types": ["invoice.eaten"]}, {"event_types": "value_is_invalid"}),
        ({"webhook_url": "https://a.example", "event_types": [1]}, {"event_types": "value_is_invalid"}),
    ],
)
async def test_refusals(rest: RestClient, attributes: dict[str, Any], code: dict[str, str]) -> None:
    await make(rest, webhook_url="https://taken.example.com")
    answer = await rest.post("webhook_endpoints", {"webhook_endpoint": {**attributes, "name": "n"}})
    assert (answer.status_code, answer.json()) == (422, validation(**code))


async def test_an_update_is_checked_like_a_new_one(rest: RestClient) -> None:
    await make(rest, webhook_url="https://one.example.com")
    second = await make(rest, webhook_url="https://two.example.com")
    path = f"webhook_endpoints/{second['lago_id']}"
    for url, code in (
        ("https://one.example.com", "value_already_exist"),
        (None, "value_is_mandatory"),
        ("http://10.0.0.1", "url_is_invalid"),
    ):
        answer = await rest.put(path, {"webhook_endpoint": {"webhook_url": url}})
        assert (answer.status_code, answer.json()) == (422, validation(webhook_url=code))
    same = await rest.put(path, {"webhook_endpoint": {"webhook_url": "https://two.example.com"}})
    assert same.status_code == 200


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (None, None),
        (["*"], None),
        (["invoice.created", "*"], None),
        ([], []),
        ([" Invoice.Created ", "invoice.created", "fee.created"], ["invoice.created", "fee.created"]),
        (
            ["credit_note.refund_failure", "credit_note.provider_refund_failure"],
            ["credit_note.refund_failure", "credit_note.provider_refund_failure"],
        ),
    ],
)
async def test_event_types(rest: RestClient, sent: Any, kept: Any) -> None:
    """spec 06 §16.1"""
    made = await make(rest, webhook_url="https://a.example.com", event_types=sent)
    assert made["event_types"] == kept


async def test_the_eleventh_endpoint(rest: RestClient) -> None:
    """spec 06 §16.1: ten for each organization."""
    for number in range(10):
        await make(rest, webhook_url=f"https://{number}.example.com")
    answer = await rest.post("webhook_endpoints", {"webhook_endpoint": {"webhook_url": "https://11.example.com"}})
    assert (answer.status_code, answer.json()) == (422, validation(base="exceeded_limit"))
    await make(await rest.another(), webhook_url="https://1.example.com")


async def test_ten_even_when_all_come_at_once(rest: RestClient) -> None:
    answers = await asyncio.gather(
        *(
            rest.post("webhook_endpoints", {"webhook_endpoint": {"webhook_url": f"https://{n % 13}.example.com"}})
            for n in range(26)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [422] * 16


async def test_endpoints_of_another_organization_do_not_exist(rest: RestClient) -> None:
    other = await rest.another()
    made = await make(other, webhook_url="https://a.example.com")
    path = f"webhook_endpoints/{made['lago_id']}"
    for answer in (
        await rest.get(path),
        await rest.put(path, {"webhook_endpoint": {"name": "mine"}}),
        await rest.delete(path),
    ):
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert (await rest.get("webhook_endpoints")).json()["webhook_endpoints"] == []
    assert (await other.get(path)).json()["webhook_endpoint"] == made


@pytest.mark.parametrize("lago_id", [UNKNOWN, "nonsense"])
async def test_unknown_endpoints(rest: RestClient, lago_id: str) -> None:
    assert (await rest.get(f"webhook_endpoints/{lago_id}")).json() == NOT_FOUND


async def test_private_addresses_where_they_are_allowed(database: Database) -> None:
    async with rest_client(database, settings=SimpleNamespace(webhook_allow_private_networks=True)) as client:
        assert (await make(client, webhook_url="http://127.0.0.1:9000/"))["webhook_url"] == "http://127.0.0.1:9000/"


async def test_the_organizations_url(rest: RestClient) -> None:
    """spec 06 §16.1: that of the oldest endpoint."""

    async def put(url: Any) -> Any:
        return await rest.put("organizations", {"organization": {"webhook_url": url}})

    made = (await put("https://first.example.com")).json()["organization"]
    assert (made["webhook_url"], made["webhook_urls"]) == ("https://first.example.com", ["https://first.example.com"])
    (endpoint,) = (await rest.get("webhook_endpoints")).json()["webhook_endpoints"]
    assert (endpoint["signature_algo"], endpoint["event_types"]) == ("jwt", None)
    await make(rest, webhook_url="https://second.example.com")
    changed = (await put("https://edited.example.com")).json()["organization"]
    assert changed["webhook_urls"] == ["https://edited.example.com", "https://second.example.com"]
    assert (await rest.get(f"webhook_endpoints/{endpoint['lago_id']}")).json()["webhook_endpoint"] == {
        **endpoint,
        "webhook_url": "https://edited.example.com",
    }
    for url, code in (
        (None, "value_is_mandatory"),
        ("", "value_is_mandatory"),
        ("nonsense", "url_is_invalid"),
        ("http://127.0.0.1", "url_is_invalid"),
        ("https://second.example.com", "value_already_exist"),
    ):
        answer = await put(url)
        assert (answer.status_code, answer.json()) == (422, validation(webhook_url=code))
    await rest.put("organizations", {"organization": {"legal_name": "Hooli Inc."}})
    shown = (await rest.get("organizations")).json()["organization"]
    assert shown["webhook_url"] == "https://edited.example.com"


async def test_a_refused_url_leaves_the_other_settings_alone(rest: RestClient) -> None:
    sent = {"organization": {"legal_name": "Hooli Inc.", "webhook_url": "http://127.0.0.1"}}
    assert (await rest.put("organizations", sent)).status_code == 422
    assert (await rest.get("organizations")).json()["organization"]["legal_name"] is None


async def test_the_public_key(hooks: RestClient) -> None:
    """spec 06 §16.3: base64 of a PEM, the same twice and for everybody, in both forms; the private half is sealed."""
    shown = await hooks.get("webhooks/json_public_key")
    assert shown.json() == {"webhook": {"public_key": shown.json()["webhook"]["public_key"]}}
    encoded = shown.json()["webhook"]["public_key"]
    key: Any = serialization.load_pem_public_key(base64.b64decode(encoded))
    assert key.key_size >= 2048
    plain = await hooks.get("webhooks/public_key")
    assert plain.headers["content-type"].startswith("text/plain")
    assert plain.text == encoded
    again = WebhookKeys(BOX)
    assert await again.public_key(hooks.database) == encoded
    assert (await (await hooks.another()).get("webhooks/public_key")).text == encoded
    async with hooks.database.reading() as session:
        (sealed,) = (await session.execute(text("select sealed from signing_keys"))).scalars().all()
    assert b"PRIVATE KEY" not in sealed
    assert public_pem(BOX.open(sealed)) == base64.b64decode(encoded)


async def test_the_key_of_the_settings_wins(database: Database) -> None:
    pem = generate_private_key()
    store: Any = None
    runtime = Runtime(database, store, webhooks=WebhookOptions(keys=WebhookKeys(BOX, pem)))
    async with rest_client(database, runtime=runtime) as client:
        encoded = (await client.get("webhooks/public_key")).text
    assert base64.b64decode(encoded) == public_pem(pem)


async def test_processes_that_start_together_agree_on_the_key(database: Database) -> None:
    keys = [WebhookKeys(BOX) for _ in range(4)]
    found = await asyncio.gather(*(item.public_key(database) for item in keys))
    assert len(set(found)) == 1


async def test_the_hmac_key_is_kept_sealed(hooks: RestClient) -> None:
    keys = WebhookKeys(BOX)
    async with hooks.context() as ctx:
        key = await keys.hmac_key(ctx.session, ctx.organization_id)
        assert await keys.hmac_key(ctx.session, ctx.organization_id) == key
    async with hooks.database.reading() as session:
        (sealed,) = (await session.execute(text("select sealed from webhook_hmac_keys"))).scalars().all()
    assert key.encode() not in sealed
    async with (await hooks.another()).context() as ctx:
        assert await keys.hmac_key(ctx.session, ctx.organization_id) != key


async def test_the_official_client(hooks: RestClient) -> None:
    """Over a socket, with code that no one here wrote."""
    async with official_client(hooks) as lago:
        attributes: dict[str, Any] = {"webhook_url": "https://a.example.com", "signature_algo": "hmac", "name": "A"}
        made = await asyncio.to_thread(
            lago.webhook_endpoints.create, WebhookEndpoint(**attributes, event_types=["invoice.created"])
        )
        assert (made.webhook_url, made.signature_algo, made.event_types) == (
            "https://a.example.com",
            "hmac",
            ["invoice.created"],
        )
        changed = {**attributes, "webhook_url": "https://b.example.com", "event_types": []}
        updated = await asyncio.to_thread(lago.webhook_endpoints.update, WebhookEndpoint(**changed), made.lago_id)
        assert (updated.webhook_url, updated.event_types) == ("https://b.example.com", [])
        assert (await asyncio.to_thread(lago.webhook_endpoints.find, made.lago_id)).name == "A"
        listed = await asyncio.to_thread(lago.webhook_endpoints.find_all)
        assert [item.lago_id for item in listed["webhook_endpoints"]] == [made.lago_id]
        assert (await asyncio.to_thread(lago.webhook_endpoints.destroy, made.lago_id)).lago_id == made.lago_id
        pem = await asyncio.to_thread(lago.webhooks.public_key)
        assert pem.startswith(b"-----BEGIN PUBLIC KEY-----")
