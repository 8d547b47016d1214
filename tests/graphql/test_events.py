"""Events over GraphQL, with what is wrong with each (spec 07 §6.2, §7.9, §10 trap 27)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from billwright.billing.metering.store.protocol import EventIn
from tests.graphql.support import CLOCK, World, make_customers, make_plan

LIST = """query($limit: Int, $after: String, $id: String) { events(limit: $limit, after: $after, transactionId: $id) {
    collection { transactionId code cursor matchBillableMetric matchCustomField billableMetricName } } }"""
ONE = """query($id: String!, $sub: String) { event(transactionId: $id, externalSubscriptionId: $sub) {
    code transactionId externalSubscriptionId receivedAt timestamp properties payload ipAddress apiClient source
    customerTimezone subscription { externalId } billableMetric { code } matchCustomField } }"""


async def _send(world: World, transaction_id: str, received: datetime = CLOCK, **given: Any) -> None:
    event = {
        "code": "calls_scale", "timestamp": CLOCK + timedelta(minutes=1), "external_subscription_id": "sub_c0",
        "properties": {"n": 1}, **given,
    }  # fmt: skip
    await world.runtime.event_store.append(
        [EventIn(organization_id=world.organization.id, transaction_id=transaction_id, created_at=received, **event)]
    )


async def test_the_latest_first_and_on_behind_a_cursor(world: World) -> None:
    await make_customers(world, await make_plan(world), 1)
    for number in range(5):
        await _send(world, f"t{number}", CLOCK + timedelta(seconds=number // 2))

    async def listed(**variables: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await world.data(LIST, **variables))["events"]["collection"]
        return found

    assert [item["transactionId"] for item in await listed()] == ["t4", "t3", "t2", "t1", "t0"]
    first = await listed(limit=2)
    assert [item["transactionId"] for item in await listed(limit=2, after=first[-1]["cursor"])] == ["t2", "t1"]
    assert await listed(limit=2, after=(await listed())[-1]["cursor"]) == []
    assert [item["transactionId"] for item in await listed(id="t3")] == ["t3"]
    for wrong in ("x", "1-", "-1", "1-2-3", "9" * 30 + "-1", "1-" + "9" * 20):
        refused = await world.error(LIST, after=wrong)
        assert refused["extensions"]["details"] == {"after": ["value_is_invalid"]}, wrong
    refused = await world.error(LIST, "finance")
    assert refused["extensions"]["requiredPermissions"] == ["developers:manage"]
    counted = "{ events(limit: 2, page: 2) { collection { transactionId } metadata { currentPage totalCount } } }"
    assert (await world.data(counted))["events"] == {
        "collection": [{"transactionId": "t2"}, {"transactionId": "t1"}],
        "metadata": {"currentPage": 2, "totalCount": 5},
    }
    spread = "{ events { ...Part } } fragment Part on EventCollection { metadata { totalCount } }"
    assert (await world.data(spread))["events"] == {"metadata": {"totalCount": 5}}


async def test_trap_27_what_is_wrong_with_an_event(world: World) -> None:
    await make_customers(world, await make_plan(world), 1)
    async with world.runtime.database.transaction() as session:
        await session.execute(
            text(
                "insert into billable_metrics (id, organization_id, name, code, aggregation_type, recurring, "
                "created_at, updated_at) select gen_random_uuid(), organization_id, 'Logins', 'logins', 'count_agg', "
                "false, created_at, updated_at from billable_metrics limit 1"
            )
        )
    await _send(world, "good")
    await _send(world, "unknown", code="nobody", properties={})
    await _send(world, "missing", properties={"m": 1})
    await _send(world, "null", properties={"n": None})
    await _send(world, "count", code="logins", properties={})
    found = (await world.data(LIST))["events"]["collection"]
    flags = {item["transactionId"]: (item["matchBillableMetric"], item["matchCustomField"]) for item in found}
    assert flags == {
        "good": (True, True),
        "unknown": (False, True),
        "missing": (True, False),
        "null": (True, False),
        "count": (True, True),
    }
    names = {item["transactionId"]: item["billableMetricName"] for item in found}
    assert (names["good"], names["unknown"], names["count"]) == ("API calls", None, "Logins")


async def test_one_event_whole(world: World) -> None:
    await make_customers(world, await make_plan(world), 2)
    zone = 'mutation { updateCustomer(input: {id: "%s", timezone: "Asia/Tokyo"}) { id } }'
    customer = (await world.data('{ customer(externalId: "c0") { id } }'))["customer"]["id"]
    await world.data(zone % customer)
    await _send(
        world, "t/1", timestamp=CLOCK + timedelta(microseconds=1_500_000), properties={"n": Decimal("0.10")},
        precise_total_amount_cents=Decimal("12.5"), metadata={"ip_address": "198.51.100.7", "user_agent": "curl/8"},
    )  # fmt: skip
    await _send(world, "t/1", external_subscription_id="sub_c1", properties={"n": 2})
    await _send(world, "orphan", external_subscription_id="nobody")
    found = (await world.data(ONE, id="t/1"))["event"]
    assert found["subscription"] == {"externalId": "sub_c0"}
    assert found["billableMetric"] == {"code": "calls_scale"}
    assert found["timestamp"] == "2024-01-15T10:00:01.500Z"
    assert found["receivedAt"] == "2024-01-15T10:00:00.000Z"
    assert found["customerTimezone"] == "Asia/Tokyo"
    assert (found["ipAddress"], found["apiClient"], found["source"]) == ("198.51.100.7", "curl/8", None)
    assert found["payload"] == {
        "transaction_id": "t/1", "external_subscription_id": "sub_c0", "code": "calls_scale",
        "timestamp": 1705312801.5, "properties": {"n": 0.1}, "precise_total_amount_cents": "12.5",
    }  # fmt: skip
    other = (await world.data(ONE, id="t/1", sub="sub_c1"))["event"]
    assert other["properties"] == {"n": 2}
    assert other["customerTimezone"] == "UTC"
    orphan = (await world.data(ONE, id="orphan"))["event"]
    assert (orphan["subscription"], orphan["customerTimezone"]) == (None, "UTC")
    for gone in ({"id": "nothing"}, {"id": "orphan", "sub": "sub_c0"}):
        refused = await world.error(ONE, **gone)
        assert refused["extensions"]["details"] == {"event": ["not_found"]}
