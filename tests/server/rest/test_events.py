"""Events over REST (spec 01 §2, §3.5)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.kernel.db import Database
from tests.billing.metering.company import Company, at, charge, instant_of, open_company
from tests.server.rest.client import validation

CLOCK = datetime(2024, 6, 10, 12, 30, 15, 250_999, tzinfo=UTC)


@pytest.fixture
async def company(database: Database) -> AsyncIterator[Company]:
    async with open_company(database, CLOCK) as made:
        yield made


async def post(company: Company, **event: Any) -> Any:
    return await company.rest.post("events", {"event": event})


async def accepted(company: Company, **event: Any) -> dict[str, Any]:
    answer = await post(company, **event)
    assert answer.status_code == 200, answer.text
    return answer.json()["event"]


async def test_01_2_2_an_event(company: Company) -> None:
    stored = await accepted(
        company,
        transaction_id="t.1/ä",
        external_subscription_id="s1",
        code="api/calls.v2",
        timestamp=1693842312.3449,
        properties={"n": 12.434, "list": [1, {"x": None}], "flag": True, "text": "é"},
        precise_total_amount_cents="70.350",
        unknown="ignored",
    )
    lago_id = stored.pop("lago_id")
    assert stored == {
        "transaction_id": "t.1/ä",
        "lago_customer_id": None,
        "code": "api/calls.v2",
        "timestamp": "2023-09-04T15:45:12.344Z",
        "properties": {"n": 12.434, "list": [1, {"x": None}], "flag": True, "text": "é"},
        "precise_total_amount_cents": "70.35",
        "lago_subscription_id": None,
        "external_subscription_id": "s1",
        "created_at": "2024-06-10T12:30:15Z",
    }
    found = await company.rest.get("events/t.1%2F%C3%A4")
    assert found.json() == {"event": {"lago_id": lago_id, **stored}}


async def test_01_2_2_nulls_are_absent(company: Company) -> None:
    """A sandbox event without timestamp has the clock's now (spec 09 §1)."""
    absent = await accepted(company, transaction_id="a", code="c")
    null = await accepted(
        company,
        transaction_id="b",
        code="c",
        timestamp=None,
        properties=None,
        precise_total_amount_cents=None,
        external_subscription_id=None,
    )
    for stored in (absent, null):
        assert stored["timestamp"] == "2024-06-10T12:30:15.250Z"
        assert stored["properties"] == {}
        assert stored["precise_total_amount_cents"] is None
        assert stored["external_subscription_id"] is None


@pytest.mark.parametrize("properties", [[], "text", 5, [1, 2], True])
async def test_01_2_2_properties_that_are_no_object_are_empty(company: Company, properties: Any) -> None:
    assert (await accepted(company, transaction_id="a", code="c", properties=properties))["properties"] == {}


@pytest.mark.parametrize(
    ("given", "kept"),
    [("12.5", "12.5"), (3, "3.0"), (0.1, "0.1"), ("abc", "0.0"), ("", "0.0"), ([1], "0.0"), (True, "0.0"),
     ("NaN", "0.0"), ("1.0000000000000005", "1.000000000000001"), ("-2", "-2.0"), ("9e99", "0.0"), ("1e-9999", "0.0")],
)  # fmt: skip
async def test_01_2_2_precise_amount(company: Company, given: Any, kept: str) -> None:
    event = await accepted(company, transaction_id="a", code="c", precise_total_amount_cents=given)
    assert event["precise_total_amount_cents"] == kept
    found = (await company.rest.get("events/a")).json()["event"]
    assert found["precise_total_amount_cents"] == kept


@pytest.mark.parametrize(
    ("event", "details"),
    [
        ({"code": "c"}, {"transaction_id": ["value_is_mandatory"]}),
        ({"code": "c", "transaction_id": None}, {"transaction_id": ["value_is_mandatory"]}),
        ({"code": "c", "transaction_id": "  "}, {"transaction_id": ["value_is_mandatory"]}),
        ({"transaction_id": "t"}, {"code": ["value_is_mandatory"]}),
        ({"transaction_id": "t", "code": ""}, {"code": ["value_is_mandatory"]}),
        ({"transaction_id": "t", "code": "c", "timestamp": "soon"}, {"timestamp": ["invalid_format"]}),
        (
            {"transaction_id": "", "code": " ", "timestamp": ""},
            {
                "transaction_id": ["value_is_mandatory"],
                "code": ["value_is_mandatory"],
                "timestamp": ["invalid_format"],
            },
        ),
    ],
)
async def test_01_2_2_rejections(company: Company, event: Any, details: Any) -> None:
    answer = await post(company, **event)
    assert (answer.status_code, answer.json()["error_details"]) == (422, details)
    assert (await company.rest.get("events")).json()["meta"]["total_count"] == 0


async def test_01_2_2_nothing_else_is_validated(company: Company) -> None:
    await company.metric("c", "sum_agg", field_name="n", filters={"region": ["eu"]})
    for number, event in enumerate(
        [
            {"code": "unknown"},
            {"external_subscription_id": "unknown"},
            {"properties": {}},
            {"properties": {"n": "many", "region": "mars"}},
            {"properties": {"n": -5}},
            {"timestamp": 0},
            {"timestamp": at("2199-01-01")},
        ]
    ):
        await accepted(company, **{"transaction_id": f"t{number}", "code": "c", **event})


@pytest.mark.parametrize("body", [{}, {"event": None}, {"event": {}}, {"event": []}, {"event": "x"}, [], None, 5])
async def test_01_2_2_missing_root(company: Company, body: Any) -> None:
    answer = await company.rest.post("events", json.dumps(body).encode())
    assert (answer.status_code, answer.json()) == (
        400,
        {"status": 400, "error": "BadRequest: param is missing or the value is empty or invalid: event"},
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"1780586634.1", "2026-06-04T15:23:54.100000"),
        (b'"1780586634.1"', "2026-06-04T15:23:54.100000"),
        (b"1780586634.1234569", "2026-06-04T15:23:54.123456"),
        (b'" +1780586634 "', "2026-06-04T15:23:54"),
        (b'"1.780586634e9"', "2026-06-04T15:23:54"),
        (b"1.780586634e9", "2026-06-04T15:23:54"),
        (b"0", "1970-01-01T00:00:00"),
        (b"-1.5", "1969-12-31T23:59:58.500000"),
    ],
)
async def test_01_2_3_timestamps(company: Company, given: bytes, kept: str) -> None:
    body = b'{"event":{"transaction_id":"t","code":"c","timestamp":' + given + b"}}"
    assert (await company.rest.post("events", body)).status_code == 200
    async with company.runtime.database.reading() as session:
        stored = (await session.execute(text("select ts from events"))).scalar_one()
    assert stored == instant_of(kept)


@pytest.mark.parametrize(
    "given", ['"2024-06-01T00:00:00Z"', '""', '"  "', "true", "[]", "{}", '"NaN"', '"1_0"', '"0x10"', '"1,5"', '"١٢"']
)
async def test_01_2_3_not_a_timestamp(company: Company, given: str) -> None:
    body = f'{{"event":{{"transaction_id":"t","code":"c","timestamp":{given}}}}}'.encode()
    answer = await company.rest.post("events", body)
    assert (answer.status_code, answer.json()) == (422, validation(timestamp="invalid_format"))


async def test_01_2_5_duplicates(company: Company) -> None:
    first = await accepted(company, transaction_id="t", external_subscription_id="s1", code="c", properties={"n": 1})
    again = await post(
        company, transaction_id="t", external_subscription_id="s1", code="other", timestamp=1, properties={"n": 2}
    )
    assert (again.status_code, again.json()) == (422, validation(transaction_id="value_already_exist"))
    await accepted(company, transaction_id="t", external_subscription_id="s2", code="c")
    await accepted(company, transaction_id="t", code="c")
    again = await post(company, transaction_id="t", code="c")
    assert again.status_code == 422
    stranger = await company.rest.another()
    other = {"transaction_id": "t", "external_subscription_id": "s1", "code": "c"}
    assert (await stranger.post("events", {"event": other})).status_code == 200
    found = (await company.rest.get("events/t")).json()["event"]
    assert (found["lago_id"], found["properties"]) == (first["lago_id"], {"n": 1})


async def test_01_2_5_racing_requests_store_once(company: Company) -> None:
    one = {"event": {"transaction_id": "t", "external_subscription_id": "s1", "code": "c"}}
    batch = {"events": [{**one["event"], "transaction_id": "u"}, one["event"]]}
    answers = await asyncio.gather(
        *[company.rest.post("events", one) for _ in range(12)],
        *[company.rest.post("events/batch", batch) for _ in range(12)],
    )
    stored = [answer for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} == {200, 422}
    assert len(stored) == 1
    assert (await company.rest.get("events")).json()["meta"]["total_count"] == (
        2 if "events" in stored[0].json() else 1
    )


async def test_01_2_6_batch(company: Company) -> None:
    events = [
        {
            "transaction_id": f"t{number}",
            "external_subscription_id": "s1",
            "code": "c",
            "timestamp": 1700000000 - number,
        }
        for number in range(100)
    ]
    answer = await company.rest.post("events/batch", {"events": events})
    assert set(answer.json()) == {"events"}
    assert [event["transaction_id"] for event in answer.json()["events"]] == [f"t{number}" for number in range(100)]
    answer = await company.rest.post("events/batch", {"events": [*events, {**events[0], "transaction_id": "x"}]})
    assert (answer.status_code, answer.json()) == (422, validation(events="too_many_events"))


@pytest.mark.parametrize("body", [{}, {"events": []}, {"events": None}, {"events": {}}, {"events": "x"}, None])
async def test_01_2_6_no_events(company: Company, body: Any) -> None:
    answer = await company.rest.post("events/batch", json.dumps(body).encode())
    assert (answer.status_code, answer.json()) == (422, validation(events="no_events"))


async def test_01_2_6_all_or_nothing(company: Company) -> None:
    good = {"external_subscription_id": "s1", "code": "c", "timestamp": 1700000000}
    await accepted(company, transaction_id="stored", **good)
    answer = await company.rest.post(
        "events/batch",
        {
            "events": [
                {**good, "transaction_id": "a"},
                {**good, "transaction_id": "b", "timestamp": "soon"},
                {**good, "transaction_id": "stored"},
                None,
                {**good, "transaction_id": "c", "code": " "},
            ]
        },
    )
    assert (answer.status_code, answer.json()["error_details"]) == (
        422,
        {
            "1": {"timestamp": ["invalid_format"]},
            "3": {"transaction_id": ["value_is_mandatory"], "code": ["value_is_mandatory"]},
            "4": {"code": ["value_is_mandatory"]},
        },
    )
    answer = await company.rest.post(
        "events/batch",
        {
            "events": [
                {**good, "transaction_id": "a"},
                {**good, "transaction_id": "stored"},
                {**good, "transaction_id": "a"},
                {**good, "transaction_id": "a", "external_subscription_id": "s2"},
            ]
        },
    )
    taken = {"transaction_id": ["value_already_exist"]}
    assert (answer.status_code, answer.json()["error_details"]) == (422, {"1": taken, "2": taken})
    assert (await company.rest.get("events")).json()["meta"]["total_count"] == 1
    assert (await company.rest.get("events/a")).status_code == 404


async def test_01_2_7_list(company: Company) -> None:
    for name, code, sub, moment in [
        ("b", "c1", "s1", "2024-06-29T23:59:59.999"),
        ("a", "c1", "s1", "2024-06-29T23:59:59.999"),
        ("c", "c2", "s1", "2024-06-30T00:00:00"),
        ("d", "c1", "s2", "2024-06-30T12:00:00"),
        ("e", "c1", "s1", "2024-06-01"),
    ]:
        await accepted(company, transaction_id=name, code=code, external_subscription_id=sub, timestamp=at(moment))

    async def names(**query: Any) -> str:
        answer = await company.rest.get("events", params=query)
        assert answer.status_code == 200, answer.text
        return "".join(event["transaction_id"] for event in answer.json()["events"])

    assert await names() == "dcabe"
    assert await names(code="c1") == "dabe"
    assert await names(external_subscription_id="s1") == "cabe"
    assert await names(timestamp_from="2024-06-30") == "dc"
    assert await names(timestamp_to="2024-06-30") == "cabe"
    assert await names(timestamp_to="2024-06-29") == "e"
    assert await names(timestamp_from="2024-06-30T02:00:00+02:00", timestamp_to="2024-06-30T12:00:00Z") == "dc"
    assert await names(per_page=2, page=2) == "ab"
    assert await names(code="none") == ""
    meta = (await company.rest.get("events", params={"per_page": 2, "page": 3})).json()["meta"]
    assert meta == {"current_page": 3, "next_page": None, "prev_page": 2, "total_pages": 3, "total_count": 5}


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ({"timestamp_from": "soon"}, {"timestamp_from": ["invalid_date"]}),
        ({"timestamp_to": "2024-13-01"}, {"timestamp_to": ["invalid_date"]}),
        (
            {"timestamp_from_started_at": "true", "timestamp_from": "2024-01-01", "external_subscription_id": "s1"},
            {"timestamp_from": ["cannot be used with timestamp_from_started_at"]},
        ),
        (
            {"timestamp_from_started_at": "true"},
            {"external_subscription_id": ["required with timestamp_from_started_at"]},
        ),
    ],
)
async def test_01_2_7_list_errors(company: Company, query: Any, details: Any) -> None:
    answer = await company.rest.get("events", params=query)
    assert (answer.status_code, answer.json()["error_details"]) == (422, details)


async def test_01_2_7_from_started_at(company: Company) -> None:
    """The active subscription's start, else the last terminated one's; without any the filter is ignored."""
    await company.plan()
    await company.subscribe()
    for name, moment in [("before", CLOCK.replace(day=9)), ("after", CLOCK.replace(day=15)), ("now", CLOCK)]:
        await accepted(
            company, transaction_id=name, code="c", external_subscription_id="s1", timestamp=str(moment.timestamp())
        )
    await accepted(company, transaction_id="other", code="c", external_subscription_id="s9", timestamp=1)

    async def names(sub: str, flag: str = "true") -> list[str]:
        query = {"external_subscription_id": sub, "timestamp_from_started_at": flag}
        return [event["transaction_id"] for event in (await company.rest.get("events", params=query)).json()["events"]]

    assert await names("s1") == ["after", "now"]
    assert await names("s1", "false") == ["after", "now", "before"]
    assert await names("s9") == ["other"]
    await company.to("2024-06-12")
    await company.terminate()
    assert await names("s1") == ["after", "now"]
    await company.to("2024-06-13")
    await company.subscribe()
    assert await names("s1") == ["after"]


async def test_01_2_8_owners(company: Company) -> None:
    """Running first, then the latest ended; compared at milliseconds; nobody owns what lies between."""
    await company.plan()
    await company.subscribe()
    ids: dict[str, str] = {}
    await company.to("2024-06-12T00:00:00.123456")
    await company.terminate()
    await company.to("2024-06-14")
    await company.subscribe()
    async with company.runtime.database.reading() as session:
        for row in await session.execute(text("select id, status, customer_id from subscriptions")):
            ids[row[1]] = str(row[0])
            customer = str(row[2])
    expected = {
        "2024-06-10T12:30:15.249": None,
        "2024-06-10T12:30:15.250": "terminated",
        "2024-06-12T00:00:00.123999": "terminated",
        "2024-06-12T00:00:00.124": None,
        "2024-06-13": None,
        "2024-06-14": "active",
        "2025-01-01": "active",
    }
    for number, moment in enumerate(expected):
        await accepted(
            company, transaction_id=f"t{number}", code="c", external_subscription_id="s1", timestamp=at(moment)
        )
    listed = (await company.rest.get("events")).json()["events"]
    owners = {event["transaction_id"]: (event["lago_subscription_id"], event["lago_customer_id"]) for event in listed}
    for number, status in enumerate(expected.values()):
        assert owners[f"t{number}"] == ((ids[status], customer) if status else (None, None)), number
    found = (await company.rest.get("events/t1")).json()["event"]
    assert (found["lago_subscription_id"], found["lago_customer_id"]) == (ids["terminated"], customer)


async def test_metadata_of_the_sender(company: Company) -> None:
    body = {"event": {"transaction_id": "t", "code": "c"}}
    await company.rest.post("events", body, headers={"User-Agent": "Lago Python v1.0"})
    async with company.runtime.database.reading() as session:
        metadata = (await session.execute(text("select metadata from events"))).scalar_one()
    assert metadata["user_agent"] == "Lago Python v1.0"
    assert metadata["ip_address"] == "127.0.0.1"


async def test_permissions(company: Company) -> None:
    reader = await company.rest.with_key({"event": ["read"]})
    refused = await reader.post("events", {"event": {"transaction_id": "t", "code": "c"}})
    assert (refused.status_code, refused.json()["code"]) == (403, "write_action_not_allowed_for_event")
    assert (await reader.get("events/unknown")).json()["code"] == "event_not_found"


async def test_01_3_5_expressions(company: Company) -> None:
    expression = "CEIL((event.properties.ended_at - event.timestamp) / 3600)"
    await company.metric("vm", "sum_agg", field_name="hours", expression=expression)
    properties = {"ended_at": 1700009000, "hours": 99}
    stored = await accepted(company, transaction_id="t", code="vm", timestamp=1700000000.9, properties=properties)
    assert stored["properties"] == {"ended_at": 1700009000, "hours": "3.0"}
    assert (await company.rest.get("events/t")).json()["event"]["properties"] == stored["properties"]
    failed = await post(company, transaction_id="u", code="vm", properties={})
    assert (failed.status_code, failed.json()["error_details"]) == (
        422,
        "expression_evaluation_failed: Variable: ended_at not found",
    )
    batch = [{"transaction_id": f"v{number}", "code": "vm", "properties": given} for number, given in enumerate(
        [properties, {"ended_at": "eu"}, {}, properties]
    )]  # fmt: skip
    batch[3]["timestamp"] = "soon"
    failed = await company.rest.post("events/batch", {"events": batch})
    assert (failed.status_code, failed.json()["error_details"]) == (
        422,
        {
            "1": "expression_evaluation_failed: Expected a decimal",
            "2": "expression_evaluation_failed: Variable: ended_at not found",
            "3": {"timestamp": ["invalid_format"]},
        },
    )
    assert (await company.rest.get("events")).json()["meta"]["total_count"] == 1


async def test_01_3_5_count_metrics_evaluate_nothing(company: Company) -> None:
    await company.metric("vm", "count_agg", expression="event.properties.missing / 0")
    stored = await accepted(company, transaction_id="t", code="vm", properties={"a": 1})
    assert stored["properties"] == {"a": 1}


async def test_01_3_5_edits_do_not_touch_stored_events(company: Company) -> None:
    await company.metric("vm", "sum_agg", field_name="n", expression="event.properties.a * 2")
    await accepted(company, transaction_id="t", code="vm", properties={"a": 1})
    edited = await company.rest.put(
        "billable_metrics/vm", {"billable_metric": {"expression": "event.properties.a * 3"}}
    )
    assert edited.status_code == 200
    assert (await accepted(company, transaction_id="u", code="vm", properties={"a": 1}))["properties"]["n"] == "3.0"
    assert (await company.rest.get("events/t")).json()["event"]["properties"]["n"] == "2.0"


@pytest.mark.parametrize("kind", ["sandbox", "live"])
async def test_01_1_6_a_cached_absence_of_expressions_is_dropped(database: Database, kind: str) -> None:
    """Live keys come from a cache; a metric that is created, changed or deleted counts at once."""
    async with open_company(database, CLOCK if kind == "sandbox" else None, kind=kind) as company:
        for turn in range(10):
            for _ in range(3):
                plain = await post(company, transaction_id=f"p{turn}{_}", code="vm", properties={"a": 1})
                assert plain.json()["event"]["properties"] == {"a": 1}
                await asyncio.sleep(0.02)
            await company.metric("vm", "sum_agg", field_name="n", expression="event.properties.a + 1")
            stored = await accepted(company, transaction_id=f"a{turn}", code="vm", properties={"a": 1})
            assert stored["properties"] == {"a": 1, "n": "2.0"}
            change = {"billable_metric": {"expression": "event.properties.a + 2"}}
            assert (await company.rest.put("billable_metrics/vm", change)).status_code == 200
            stored = await accepted(company, transaction_id=f"b{turn}", code="vm", properties={"a": 1})
            assert stored["properties"] == {"a": 1, "n": "3.0"}
            assert (await company.rest.delete("billable_metrics/vm")).status_code == 200


async def test_01_1_5_events_of_a_deleted_metric(company: Company) -> None:
    """They leave usage, keep their transaction ids, and a new metric with the code never sees them."""
    await company.metric("c", "count_agg")
    await company.plan(charge("c", amount="1"))
    await company.subscribe()
    await accepted(company, transaction_id="old", code="c", external_subscription_id="s1")
    assert await company.shown() == ("1.0", 100, 1)
    assert (await company.rest.delete("billable_metrics/c")).status_code == 200
    assert (await company.usage())["charges_usage"] == []
    await company.to("2024-06-11")
    again = await post(company, transaction_id="old", code="c", external_subscription_id="s1")
    assert (again.status_code, again.json()) == (422, validation(transaction_id="value_already_exist"))
    assert (await company.rest.get("events")).json()["meta"]["total_count"] == 0
    assert (await company.rest.get("events/old")).status_code == 404
    await company.metric("c", "count_agg")
    await company.plan(charge("c", amount="1"), code="p2")
    await company.subscribe("s2", plan="p2")
    await accepted(company, transaction_id="new", code="c", external_subscription_id="s2")
    assert await company.shown(sub="s2") == ("1.0", 100, 1)


async def test_late_and_future_events_01_2_9(database: Database) -> None:
    async with open_company(database, instant_of("2024-06-01")) as company:
        await company.metric("c", "sum_agg", field_name="n")
        await company.metric("r", "sum_agg", field_name="n", recurring=True)
        await company.plan(charge("c", amount="1"), charge("r", amount="1"))
        await company.to("2024-06-02")
        await company.subscribe()

        async def both(moment: str, value: int) -> None:
            await company.send((at(moment), {"n": value}), code="c")
            await company.send((at(moment), {"n": value}), code="r")

        async def units() -> tuple[str, str]:
            return (await company.shown("c"))[0], (await company.shown("r"))[0]

        await both("2024-05-01", 1)
        assert await units() == ("0.0", "1.0")
        await both("2024-06-02", 10)
        await both("2024-06-30", 100)
        assert await units() == ("110.0", "111.0")
        await both("2024-07-15", 1000)
        assert await units() == ("110.0", "111.0")
        bill = await company.bill("2024-07-01")
        assert {fee.code: fee.units for fee in bill} == {"c": "110.0", "r": "111.0"}
        await both("2024-06-15", 5)
        assert await units() == ("1000.0", "1116.0")
        await company.to("2024-07-10")
        await company.terminate()
        bill = await company.last_bill()
        assert {fee.code: fee.units for fee in bill} == {"r": "116.0"}


async def test_01_2_9_late_events_of_a_draft_count_at_finalization(database: Database) -> None:
    async with open_company(database, instant_of("2024-06-01")) as company:
        async with company.context() as ctx:
            ctx.organization.invoice_grace_period = 3
        await company.metric("c", "count_agg")
        await company.plan(charge("c", amount="1"))
        await company.subscribe()
        await company.send((at("2024-06-10"), {}))
        bill = await company.bill("2024-07-01")
        assert (bill.amounts, bill.invoice and bill.invoice.status) == ([100], "draft")
        await company.send((at("2024-06-20"), {}))
        bill = await company.bill("2024-07-05")
        assert (bill.amounts, bill.invoice and bill.invoice.status) == ([200], "finalized")
        await company.send((at("2024-06-21"), {}))
        bill = await company.bill("2024-07-06")
        assert bill.amounts == [200]


async def test_01_2_6_unstorable_text_names_its_event(company: Company) -> None:
    """Also a mistake that is seen before the events are read says which event it is in."""
    good = {"external_subscription_id": "s1", "code": "c"}
    events = [
        {**good, "transaction_id": "a"},
        {**good, "transaction_id": "b", "properties": {"k": "x\x00"}},
        {**good, "transaction_id": "c\x00"},
    ]
    answer = await company.rest.post("events/batch", {"events": events})
    assert (answer.status_code, answer.json()["error_details"]) == (
        422,
        {"1": {"properties": ["value_is_invalid"]}, "2": {"transaction_id": ["value_is_invalid"]}},
    )
    assert (await company.rest.get("events/a")).status_code == 404
