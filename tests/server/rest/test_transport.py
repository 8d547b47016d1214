"""Transport rules of the REST surface (spec 07 §1.1-§1.5)."""

from __future__ import annotations

import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
import redis.asyncio
from sqlalchemy import text

from billwright.billing.access.api_keys import delete_api_key, rotate_api_key, update_api_key
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.statements import fetch
from tests.server.rest.client import RestClient, rest_client

UNAUTHORIZED = {"status": 401, "error": "Unauthorized"}
NOT_FOUND = {"status": 404, "error": "Not Found", "code": "resource_not_found"}
VAT = {"name": "VAT", "code": "vat", "rate": "20"}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic abc",
        "Token x",
        "Bearer nope",
        "Bearer " + "x" * 5000,
        "Bearer 6a4f0a57-0f0b-4a9c-9d5e-3b1f5f0f8a11",
    ],
)
async def test_without_a_known_key_401(rest: RestClient, header: str) -> None:
    answer = await rest.get("taxes", headers={"Authorization": header})
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
async def test_scheme_in_any_case(rest: RestClient, scheme: str) -> None:
    assert (await rest.get("taxes", headers={"Authorization": f"{scheme} {rest.api_key}"})).status_code == 200


async def test_an_expired_key_stops(rest: RestClient) -> None:
    async with rest.context() as ctx:
        key = (await ctx.session.execute(text("select id from api_keys"))).scalar_one()
        later = await rotate_api_key(ctx, key, expires_at=system_now() + timedelta(hours=24))
    assert (await rest.get("taxes")).status_code == 200
    async with rest.context() as ctx:
        await ctx.session.execute(text("update api_keys set expires_at = now() where id = :id"), {"id": key})
    assert (await rest.get("taxes")).json() == UNAUTHORIZED
    rest.api_key = later.value
    assert (await rest.get("taxes")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "nothing"),
        ("GET", "customers/a/b/c/d"),
        ("PATCH", "taxes"),
        ("POST", "taxes/x"),
        ("DELETE", "taxes"),
        ("DELETE", "organizations"),
        ("OPTIONS", "taxes"),
        ("GET", ""),
        ("GET", "taxes?format=xml".replace("?", "%3F")),
    ],
)
async def test_unmatched_path_or_verb_is_404(rest: RestClient, method: str, path: str) -> None:
    answer = await rest.request(method, path)
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


async def test_permissions_come_before_lookup_and_body(rest: RestClient) -> None:
    reader = await rest.with_key({"tax": ["read"]})
    assert (await reader.get("taxes")).status_code == 200
    refused = await reader.put("taxes/unknown", b"{")
    assert refused.json() == {"status": 403, "error": "Forbidden", "code": "write_action_not_allowed_for_tax"}
    assert (await reader.get("organizations")).json()["code"] == "read_action_not_allowed_for_organization"
    writer = await rest.with_key({"tax": ["write"]})
    assert (await writer.get("taxes/unknown")).json()["code"] == "read_action_not_allowed_for_tax"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b'"tax"', b'{"tax":null}', b'{"tax":{}}', b'{"tax":[]}', b'{"other":{"a":1}}',
             b'{"tax":"x"}', b'{"tax":[{"name":"x"}]}', b'{"tax":1}']
)  # fmt: skip
async def test_missing_root_key_is_400(rest: RestClient, body: bytes) -> None:
    answer = await rest.post("taxes", body)
    assert (answer.status_code, answer.json()) == (
        400,
        {"status": 400, "error": "BadRequest: param is missing or the value is empty or invalid: tax"},
    )


HOSTILE = [
    b"{",
    b"{'tax': 1}",
    b'{"tax":{"rate":NaN}}',
    b'{"tax":{"rate":Infinity}}',
    b'{"tax":{"rate":-Infinity}}',
    b'{"tax":{"rate":1e999999999}}',
    b'{"tax":{"rate":1e-999999999}}',
    b'{"tax":{"rate":' + b"9" * 5000 + b"}}",
    b'{"tax":{"rate":0.' + b"9" * 5000 + b"}}",
    b'{"tax":{"name":"a","name":"b"}}',
    b'{"tax":{"name":"\xff\xfe"}}',
    b"\xff\xfe{\x00}\x00",
    b'{"tax":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"tax":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    b'{"tax":{"x":' + b"[" * 150 + b"]" * 150 + b"}}",
    b'{"tax":{"name":"a\nb"}}',
    b'{"tax":{}} trailing',
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
async def test_unreadable_bodies_are_400(rest: RestClient, body: bytes) -> None:
    answer = await rest.post("taxes", body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("BadRequest: ")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"tax":{"name":"a\\u0000b","code":"c","rate":1}}', "name"),
        (b'{"tax":{"name":"a\\uD800b","code":"c","rate":1}}', "name"),
        (b'{"tax":{"name":"a","code":"c","rate":1,"unknown":{"deep":["\\u0000"]}}}', "unknown"),
        (b'{"tax":{"name":"a","code":"c","rate":1,"x\\u0000":1}}', "base"),
    ],
)
async def test_unstorable_text_is_422(rest: RestClient, body: bytes, field: str) -> None:
    answer = await rest.post("taxes", body)
    assert (answer.status_code, answer.json()["error_details"]) == (422, {field: ["value_is_invalid"]})


async def test_an_escaped_backslash_is_no_nul(rest: RestClient) -> None:
    answer = await rest.post("taxes", b'{"tax":{"name":"a\\\\u0000b","code":"c","rate":1}}')
    assert answer.json()["tax"]["name"] == "a\\u0000b"
    emoji = await rest.post("taxes", b'{"tax":{"name":"\\ud83d\\ude00","code":"d","rate":1}}')
    assert emoji.json()["tax"]["name"] == "\U0001f600"


async def test_bodies_are_bounded(rest: RestClient) -> None:
    answer = await rest.post("taxes", b'{"tax":{"name":"' + b"x" * 11_000_000 + b'"}}')
    assert (answer.status_code, answer.json()) == (413, {"status": 413, "error": "Content Too Large"})


@pytest.mark.parametrize(
    ("query", "meta"),
    [
        ("per_page=20", (1, 2, None, 3, 41)),
        ("per_page=20&page=3", (3, None, 2, 3, 41)),
        ("per_page=20&page=4", (4, None, 3, 3, 41)),
        ("page=0&per_page=0", (1, None, None, 1, 41)),
        ("page=x&per_page=y", (1, None, None, 1, 41)),
        ("per_page=100000", (1, None, None, 1, 41)),
        ("page=99999999999999999999999", None),
        ("page[]=2&per_page[]=20", (2, 3, 1, 3, 41)),
    ],
)
async def test_pages(rest: RestClient, query: str, meta: tuple[int | None, ...] | None) -> None:
    """Spec 07 §1.3."""
    async with rest.context() as ctx:
        await ctx.session.execute(
            text(
                "insert into taxes (id, organization_id, name, code, rate, applied_to_organization, auto_generated,"
                " created_at, updated_at) select gen_random_uuid(), :o, 'n'||i, 'c'||i, i, false, false, now(), now()"
                " from generate_series(1, 41) i"
            ),
            {"o": rest.organization.id},
        )
    answer = await rest.get(f"taxes?{query}")
    assert answer.status_code == 200
    if meta is not None:
        assert tuple(answer.json()["meta"].values()) == meta


async def test_request_ids(rest: RestClient) -> None:
    given = str(uuid.uuid4())
    assert (await rest.get("taxes", headers={"X-Request-Id": given})).headers["X-Request-Id"] == given
    made = (await rest.get("nothing", headers={"X-Request-Id": "<script>"})).headers["X-Request-Id"]
    assert uuid.UUID(made)


async def test_an_unexpected_failure_is_a_plain_500(rest: RestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("billwright.billing.taxes.queries.list_taxes", broken)
    answer = await rest.get("taxes")
    assert (answer.status_code, answer.json()) == (
        500,
        {"status": 500, "error": "Internal Server Error", "code": "internal_error"},
    )


@pytest.mark.parametrize(
    ("sql", "code", "details"),
    [
        ("insert into taxes select * from taxes", "validation_errors", {"base": ["concurrency_conflict"]}),
        ("select 1/0", "validation_errors", {"base": ["value_is_invalid"]}),
        ("select cast('x' as int)", "validation_errors", {"base": ["value_is_invalid"]}),
        ("do $$ begin raise sqlstate '55P03'; end $$", "lock_acquisition_failed", None),
        ("do $$ begin raise sqlstate '40001'; end $$", "validation_errors", {"base": ["concurrency_conflict"]}),
    ],
)
async def test_database_refusals_are_422(
    rest: RestClient, monkeypatch: pytest.MonkeyPatch, sql: str, code: str, details: object
) -> None:
    await rest.post("taxes", {"tax": VAT})

    async def refused(ctx: object, *_: object) -> None:
        await ctx.session.execute(text(sql))  # type: ignore[attr-defined]

    async def refused_plainly(ctx: object, *_: object) -> None:
        await fetch(ctx.session, sql)  # type: ignore[attr-defined]

    for statement in (refused, refused_plainly):
        monkeypatch.setattr("billwright.billing.taxes.service.delete_tax", statement)
        answer = await rest.delete("taxes/vat")
        assert (answer.status_code, answer.json()["code"], answer.json().get("error_details")) == (422, code, details)


@pytest.mark.parametrize("plain", [False, True], ids=["SQLAlchemy's", "the driver's"])
async def test_a_deadlock_is_tried_again(rest: RestClient, monkeypatch: pytest.MonkeyPatch, plain: bool) -> None:
    from billwright.billing.taxes import service

    await rest.post("taxes", {"tax": VAT})
    original, tries = service.delete_tax, []

    async def unlucky(ctx: object, code: str) -> object:
        tries.append(code)
        deadlock = "do $$ begin raise sqlstate '40P01'; end $$"
        if len(tries) < 3 and plain:
            await fetch(ctx.session, deadlock)  # type: ignore[attr-defined]
        if len(tries) < 3:
            await ctx.session.execute(text(deadlock))  # type: ignore[attr-defined]
        return await original(ctx, code)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "delete_tax", unlucky)
    assert (await rest.delete("taxes/vat")).status_code == 200
    assert len(tries) == 3


async def test_a_failed_call_leaves_nothing(rest: RestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def late(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("billwright.billing.taxes.queries.tax_details", late)
    assert (await rest.post("taxes", {"tax": VAT})).status_code == 500
    monkeypatch.undo()
    assert (await rest.get("taxes/vat")).status_code == 404


@pytest.fixture
async def valkey(redis_url: str):
    client = redis.asyncio.Redis.from_url(redis_url)
    yield client
    await client.aclose()


async def test_rate_limits_are_off_until_set(database: Database, valkey: redis.asyncio.Redis) -> None:
    async with rest_client(database, redis=valkey) as client:
        answer = await client.get("taxes")
        assert "X-RateLimit-Limit" not in answer.headers


async def test_rate_limits_count_the_organization(database: Database, valkey: redis.asyncio.Redis) -> None:
    async with rest_client(database, redis=valkey, settings=SimpleNamespace(rate_limit_default=3)) as client:
        second = await client.with_key()
        neighbour = await client.another()
        while True:
            answers = [await each.get("taxes") for each in (client, second, client, second)]
            headers = [answer.headers for answer in answers]
            if [h["X-RateLimit-Remaining"] for h in headers] == ["2", "1", "0", "0"]:
                break  # otherwise a second ended in between
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[3].json() == {"status": 429, "error": "Too Many Requests", "code": "rate_limited"}
        assert {h["X-RateLimit-Limit"] for h in headers} == {"3"}
        assert {h["X-RateLimit-Reset"] for h in headers} == {"1"}
        assert (await neighbour.get("taxes")).status_code == 200


async def test_without_redis_requests_pass(database: Database) -> None:
    dead = redis.asyncio.Redis.from_url("redis://127.0.0.1:1/0")
    async with rest_client(database, redis=dead, settings=SimpleNamespace(rate_limit_default=1)) as client:
        assert [(await client.get("taxes")).status_code for _ in range(3)] == [200, 200, 200]
    await dead.aclose()


async def test_last_use_goes_through_redis_to_the_key(database: Database, valkey: redis.asyncio.Redis) -> None:
    """Spec 07 §2.5."""
    from billwright.server.rest.authentication import LAST_USED, store_noted_uses

    async with rest_client(database, redis=valkey) as client:
        await client.get("taxes")
        await client.app.state.rest_last_use.flush()
        assert await valkey.hlen(LAST_USED) == 1
        assert await store_noted_uses(valkey, database) == 1
        assert not await valkey.exists(LAST_USED)
        async with client.context() as ctx:
            used = (await ctx.session.execute(text("select last_used_at from api_keys"))).scalar_one()
        assert system_now() - used < timedelta(minutes=1)
        assert await store_noted_uses(valkey, database) == 0


async def test_a_refused_request_has_used_its_key(database: Database, valkey: redis.asyncio.Redis) -> None:
    """Spec 07 §2.5: every authenticated request but POST /events, those beyond the limit and without permission too."""
    from billwright.server.rest.authentication import LAST_USED

    async with rest_client(database, redis=valkey, settings=SimpleNamespace(rate_limit_default=1)) as client:
        limited, status = await client.with_key({"event": ["read"]}), 0
        while status != 429:
            await valkey.delete(LAST_USED)
            status = (await client.get("taxes")).status_code
            await client.app.state.rest_last_use.flush()
        assert await valkey.hlen(LAST_USED) == 1
        while (await limited.get("taxes")).status_code != 403:
            pass
        await client.app.state.rest_last_use.flush()
        assert await valkey.hlen(LAST_USED) == 2
        await valkey.delete(LAST_USED)
        assert (await client.post("events", {"event": {"code": ""}})).status_code == 422
        await client.app.state.rest_last_use.flush()
        assert not await valkey.exists(LAST_USED)


async def test_explicit_keys_of_the_permission_map_can_change(rest: RestClient) -> None:
    limited = await rest.with_key({"tax": ["read"]})
    async with rest.context() as ctx:
        ids = (await ctx.session.execute(text("select id from api_keys order by created_at desc"))).scalars().all()
        await update_api_key(ctx, ids[0], {"permissions": {"organization": ["read"]}})
    assert (await limited.get("taxes")).status_code == 403
    assert (await limited.get("organizations")).status_code == 200
    async with rest.context() as ctx:
        await delete_api_key(ctx, ids[0])
    assert (await limited.get("organizations")).status_code == 401
