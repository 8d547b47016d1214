"""The log of API requests over REST (spec 07 §9.2)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from billwright.billing.api_logs.queries import discard_old_api_logs
from billwright.billing.api_logs.recorder import ApiLogRecorder, Exchange
from billwright.billing.kernel.db import Database
from tests.server.rest.client import RestClient

TAX = {"tax": {"name": "VAT", "code": "vat", "rate": "20"}}


async def _stored(rest: RestClient) -> None:
    """Wait until everything that was said is in the log."""
    recorder: ApiLogRecorder | None = getattr(rest.app.state, "rest_api_log", None)
    if recorder is not None:
        await recorder.flush()


async def _listed(rest: RestClient, query: str = "") -> list[dict[str, Any]]:
    await _stored(rest)
    answer = await rest.get(f"api_logs{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["api_logs"]


async def test_every_changing_request_is_logged_as_it_was(rest: RestClient) -> None:
    before = datetime.now(UTC)
    wanted = str(uuid4())
    made = await rest.post("taxes", TAX, headers={"User-Agent": "Lago Python v1", "X-Request-Id": wanted})
    await rest.put("taxes/vat?x=1", {"tax": {"rate": "10"}})
    await rest.delete("taxes/vat")
    await rest.get("taxes")
    logs = await _listed(rest)
    assert [(log["http_method"], log["request_path"], log["http_status"]) for log in logs] == [
        ("delete", "/api/v1/taxes/vat", 200),
        ("put", "/api/v1/taxes/vat", 200),
        ("post", "/api/v1/taxes", 200),
    ]
    first = (await rest.get(f"api_logs/{wanted}")).json()["api_log"]
    assert first == logs[-1]
    assert first["request_id"] == wanted == made.headers["x-request-id"]
    assert first["request_body"] == TAX
    assert first["request_response"] == made.json()
    assert first["request_origin"] == "http://test"
    assert first["client"] == "Lago Python v1"
    assert first["api_version"] == "v1"
    assert first["logged_at"] == first["created_at"]
    logged = datetime.fromisoformat(first["logged_at"])
    assert before - timedelta(seconds=1) < logged <= datetime.now(UTC)
    assert logs[0]["request_body"] == {}


async def test_refused_requests_are_logged_and_strangers_are_not(rest: RestClient) -> None:
    await rest.post("taxes", {"tax": {"name": "VAT"}})
    await rest.post("taxes", b"{")
    await rest.patch("fees/none", {"fee": {"payment_status": "failed"}})
    reader = await rest.with_key({"tax": ["read"]})
    await reader.post("taxes", TAX)
    await rest.request("POST", "taxes", TAX, headers={"Authorization": "Bearer nobody"})
    await rest.post("nowhere", {})
    logs = await _listed(rest)
    assert [(log["http_method"], log["http_status"]) for log in logs] == [
        ("post", 403), ("put", 404), ("post", 400), ("post", 422),
    ]  # fmt: skip
    assert logs[0]["request_response"]["code"] == "write_action_not_allowed_for_tax"
    assert logs[2]["request_body"] == {"unreadable": "1 bytes"}
    assert "error_details" in logs[3]["request_response"]


async def test_a_failure_after_the_key_was_read_is_logged_too(
    rest: RestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("billwright.server.rest.resources.taxes.service.create_tax", broken)
    assert (await rest.post("taxes", TAX)).status_code == 500
    [log] = await _listed(rest)
    assert log["http_status"] == 500
    assert log["request_response"] == {"status": 500, "error": "Internal Server Error", "code": "internal_error"}


async def test_events_are_not_logged_and_estimates_are(rest: RestClient) -> None:
    event = {"transaction_id": "t", "external_subscription_id": "s", "code": "c"}
    await rest.post("events", {"event": event})
    await rest.post("events/batch", {"events": [{**event, "transaction_id": "u"}]})
    await rest.post("events/estimate_fees", {"event": event})
    assert [log["request_path"] for log in await _listed(rest)] == ["/api/v1/events/estimate_fees"]


async def test_secrets_are_not_kept(rest: RestClient) -> None:
    hook = {"webhook_endpoint": {"webhook_url": "https://a:b@hooks.example.com/x", "secret_key": "s3cret"}}
    await rest.post("webhook_endpoints", hook)
    [log] = await _listed(rest)
    assert log["request_body"]["webhook_endpoint"]["secret_key"] == "[FILTERED]"
    assert log["request_body"]["webhook_endpoint"]["webhook_url"] == "https://[FILTERED]@hooks.example.com/x"
    assert "s3cret" not in str(log)


async def test_another_organization_sees_none_of_it(rest: RestClient) -> None:
    await rest.post("taxes", TAX)
    [log] = await _listed(rest)
    other = await rest.another()
    assert await _listed(other) == []
    unknown = await other.get(f"api_logs/{log['request_id']}")
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "api_log_not_found"
    assert (await rest.get("api_logs/nonsense")).json()["code"] == "api_log_not_found"
    blind = await rest.with_key({"tax": ["read"]})
    assert (await blind.get("api_logs")).json()["code"] == "read_action_not_allowed_for_api_log"


def _exchange(rest: RestClient, path: str, method: str, status: int, at: datetime, **more: Any) -> Exchange:
    given: dict[str, Any] = {
        "organization_id": rest.organization.id, "api_key_id": uuid4(), "request_id": uuid4(), "method": method,
        "path": f"/api/v1/{path}", "origin": "https://api.example", "client": "curl/8", "status": status,
        "request": b"", "response": b"", "at": at, **more,
    }  # fmt: skip
    return Exchange(**given)


NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


async def _some(rest: RestClient) -> list[str]:
    """Four logged requests, oldest first."""
    recorder = ApiLogRecorder(rest.database)
    known = [
        _exchange(rest, "customers", "POST", 200, NEW_YEAR - timedelta(microseconds=1)),
        _exchange(rest, "customers/a_b/wallets", "PATCH", 422, NEW_YEAR),
        _exchange(rest, "customers/axb", "DELETE", 404, NEW_YEAR + timedelta(days=1, microseconds=-1)),
        _exchange(rest, "plans", "POST", 399, NEW_YEAR + timedelta(days=1)),
    ]
    for exchange in known:
        recorder.note(exchange)
    await recorder.close()
    return [str(exchange.request_id) for exchange in known]


FILTERS: list[tuple[str, list[int]]] = [
    ("", [3, 2, 1, 0]),
    ("?from_date=2024-01-01", [3, 2, 1]),
    ("?to_date=2024-01-01", [2, 1, 0]),
    ("?from_date=2024-01-01&to_date=2024-01-01", [2, 1]),
    ("?to_date=9999-12-31", [3, 2, 1, 0]),
    ("?http_methods[]=put", [1]),
    ("?http_methods[]=POST&http_methods[]=delete", [3, 2, 0]),
    ("?http_statuses[]=422", [1]),
    ("?http_statuses[]=succeeded", [3, 0]),
    ("?http_statuses[]=failed&http_statuses[]=399", [3, 2, 1]),
    ("?api_version=v1", [3, 2, 1, 0]),
    ("?api_version=v2", []),
    ("?request_paths=/api/v1/customers", [0]),
    ("?request_paths=/api/v1/customers*", [2, 1, 0]),
    ("?request_paths=/api/v1/customers/a_b*", [1]),
    ("?request_paths=*/wallets", [1]),
    ("?request_paths=%25", []),
    ("?request_paths=/api/v1/customers/*&http_statuses[]=failed&http_methods[]=delete", [2]),
]


async def test_filters(rest: RestClient) -> None:
    known = await _some(rest)
    for query, expected in FILTERS:
        found = [known.index(log["request_id"]) for log in await _listed(rest, query)]
        assert found == expected, query


async def test_unusable_filters_are_refused(rest: RestClient) -> None:
    for query, field, code in (
        ("from_date=soon", "from_date", "invalid_date"),
        ("http_methods[]=get", "http_methods", "value_is_invalid"),
        ("http_statuses[]=999", "http_statuses", "value_is_invalid"),
        ("http_statuses[]=ok", "http_statuses", "value_is_invalid"),
    ):
        answer = await rest.get(f"api_logs?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["error_details"] == {field: [code]}


async def test_a_repeated_request_id_shows_the_latest(rest: RestClient) -> None:
    twice = str(uuid4())
    for code in ("a", "b"):
        await rest.post("taxes", {"tax": {**TAX["tax"], "code": code}}, headers={"X-Request-Id": twice})
    assert len(await _listed(rest)) == 2
    assert (await rest.get(f"api_logs/{twice}")).json()["api_log"]["request_body"]["tax"]["code"] == "b"


async def test_a_request_does_not_wait_for_the_log_and_does_not_fail_with_it(
    rest: RestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: Any) -> None:
        raise OSError("down")

    monkeypatch.setattr("billwright.billing.api_logs.recorder.insert_many", down)
    assert (await rest.post("taxes", TAX)).status_code == 200
    assert await _listed(rest) == []
    monkeypatch.undo()
    assert (await rest.put("taxes/vat", {"tax": {"rate": "1"}})).status_code == 200
    assert [log["http_method"] for log in await _listed(rest)] == ["put"]


async def test_a_full_buffer_loses_what_is_too_much(rest: RestClient) -> None:
    recorder = ApiLogRecorder(rest.database, most_waiting=3_000)
    for number in range(4):
        recorder.note(_exchange(rest, str(number), "POST", 200, NEW_YEAR, request=b" " * 400))
    await recorder.flush()
    recorder.note(_exchange(rest, "after", "POST", 200, NEW_YEAR))
    await recorder.close()
    assert {log["request_path"][-5:] for log in await _listed(rest)} == {"/v1/0", "/v1/1", "after"}


async def test_requests_reach_the_log_by_themselves(rest: RestClient) -> None:
    await rest.post("taxes", TAX)
    for _ in range(100):
        if (await rest.get("api_logs")).json()["api_logs"]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("not logged within five seconds")


async def test_the_log_goes_back_as_many_days_as_set(rest: RestClient, database: Database) -> None:
    await _some(rest)
    now = NEW_YEAR + timedelta(days=8)
    assert await discard_old_api_logs(database, 8, now=now) == 1
    assert await discard_old_api_logs(database, 7, now=now) == 2
    assert [log["request_path"] for log in await _listed(rest)] == ["/api/v1/plans"]


async def test_odd_texts_can_be_stored(rest: RestClient) -> None:
    recorder = ApiLogRecorder(rest.database)
    recorder.note(
        _exchange(rest, "x" * 5000, "POST", 200, NEW_YEAR, client="a\x00b", request=b'{"a": "\\u0000", "b": 1e400}')
    )
    await recorder.close()
    [log] = await _listed(rest)
    assert len(log["request_path"]) == 2000
    assert log["client"] == "ab"
    async with rest.database.reading() as session:
        stored = await session.scalar(text("select request_body::text from api_logs"))
    assert stored == '{"a":"\\u0000","b":1E+400}'
    assert UUID(log["request_id"])
