"""Progressive billing in a live organization: marks wait for the next minute (spec 03 §8.1)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import text

from billwright.billing.progressive.processing import check_all_marked
from tests.server.rest.client import RestClient
from tests.support.sandbox import Sandbox


async def call(rest: RestClient, method: str, path: str, body: Any = None, **more: Any) -> Any:
    answer = await rest.request(method, path, body, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def send(rest: RestClient, units: int) -> None:
    event = {"transaction_id": str(uuid4()), "external_subscription_id": "s1", "code": "calls"}
    await call(rest, "POST", "events", {"event": {**event, "properties": {"n": units}}})


async def test_events_are_checked_by_the_pass_of_live_organizations(sandbox: Sandbox) -> None:
    live = await sandbox.rest.another("Raviga", kind="live")
    metric = {"name": "Calls", "code": "calls", "aggregation_type": "sum_agg", "field_name": "n"}
    made = (await call(live, "POST", "billable_metrics", {"billable_metric": metric}))["billable_metric"]
    charge = {"billable_metric_id": made["lago_id"], "charge_model": "standard", "properties": {"amount": "0.01"}}
    plan = {
        "name": "P",
        "code": "p",
        "interval": "monthly",
        "amount_cents": 0,
        "amount_currency": "EUR",
        "pay_in_advance": False,
        "charges": [charge],
    }
    await call(live, "POST", "plans", {"plan": plan})
    await call(live, "POST", "customers", {"customer": {"external_id": "c1"}})
    subscription = {"external_customer_id": "c1", "plan_code": "p", "external_id": "s1"}
    await call(live, "POST", "subscriptions", {"subscription": subscription})
    await send(live, 500)

    async def marks() -> list[bool]:
        """Whether each mark is due."""
        async with sandbox.runtime.database.reading() as session:
            rows = await session.execute(text("select due_at <= now() from lifetime_usage_marks order by position"))
            return [row[0] for row in rows]

    assert await marks() == [], "without thresholds nothing is marked"
    await call(live, "PUT", "plans/p", {"plan": {"usage_thresholds": [{"amount_cents": 1000}]}})
    assert await marks() == [True, False], "once more for events that were being stored meanwhile"
    assert await check_all_marked(sandbox.runtime, kind="live") == 1
    assert await marks() == [False]
    await send(live, 700)
    assert await check_all_marked(sandbox.runtime, kind="sandbox") == 0
    assert await check_all_marked(sandbox.runtime, kind="live") == 1
    assert await check_all_marked(sandbox.runtime, kind="live") == 0
    [invoice] = (await call(live, "GET", "invoices"))["invoices"]
    assert (invoice["invoice_type"], invoice["fees_amount_cents"]) == ("progressive_billing", 1200)
    async with sandbox.runtime.database.transaction() as session:
        await session.execute(text("update lifetime_usage_marks set due_at = now() - interval '1 second'"))
    assert await check_all_marked(sandbox.runtime, kind="live") == 1
    assert await marks() == []
    assert len((await call(live, "GET", "invoices"))["invoices"]) == 1
