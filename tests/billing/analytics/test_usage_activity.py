"""Usage by day, week and month (spec 07 §8.8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from billwright.billing.analytics import daily_usage
from billwright.billing.analytics.daily_usage import Used, differences, note_all_days, note_days
from billwright.billing.kernel.db import Database
from billwright.billing.metering.store.protocol import UsedSpan
from tests.support.sandbox import Sandbox, sandbox_on

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)


def test_what_was_added_is_the_difference_metric_by_metric() -> None:
    a, b, c = uuid4(), uuid4(), uuid4()
    before = {a: Used(Decimal(10), 100), b: Used(Decimal(1), 5)}
    now = {a: Used(Decimal(25), 250), c: Used(Decimal(2), 0)}
    assert differences(now, before) == {
        a: Used(Decimal(15), 150), b: Used(Decimal(-1), -5), c: Used(Decimal(2), 0),
    }  # fmt: skip
    assert differences(before, before) == {}


async def _usages(sandbox: Sandbox, **query: str) -> list[tuple[str, str, str, int]]:
    """Start, metric, units and amount of each row."""
    rows = (await sandbox.call("GET", "analytics/usage", params=query))["usages"]
    return [(row["start_of_period_dt"], row["billable_metric_code"], row["units"], row["amount_cents"]) for row in rows]


async def _company(sandbox: Sandbox, *, price: str = "0.1", **charge: Any) -> None:
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan, properties={"amount": price}, **charge)
    await sandbox.customer("c1", currency="EUR", country="FR", customer_type="company")
    await sandbox.subscribe("s1", "p")


async def test_the_example_of_the_specification(database: Database) -> None:
    """Snapshots of one period: 5 Jan 10 units 100, nothing on 6 Jan, 7 Jan 25 units 250 (spec 07 §8.8)."""
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await _company(sandbox)
        await sandbox.advance("2024-01-05T12:00:00Z")
        await sandbox.send(("2024-01-05T10:00:00+00:00", 10))
        assert await _usages(sandbox) == []
        await sandbox.advance("2024-01-07T12:00:00Z")
        await sandbox.send(("2024-01-07T09:00:00+00:00", 15))
        assert await _usages(sandbox) == [("2024-01-05", "calls", "10.0", 100)], "a day that is not over is not noted"
        await sandbox.advance("2024-01-09T12:00:00Z")
        daily = [("2024-01-05", "calls", "10.0", 100), ("2024-01-07", "calls", "15.0", 150)]
        assert await _usages(sandbox) == daily
        [month] = (await sandbox.call("GET", "analytics/usage?time_granularity=monthly"))["usages"]
        assert month == {
            "organization_id": str(sandbox.organization_id),
            "start_of_period_dt": "2024-01-01",
            "end_of_period_dt": "2024-01-31",
            "amount_currency": "EUR",
            "amount_cents": 250,
            "billable_metric_code": "calls",
            "units": "25.0",
            "is_billable_metric_deleted": False,
        }
        weeks = (await sandbox.call("GET", "analytics/usage?time_granularity=weekly&from_date=2024-01-07"))["usages"]
        assert [(row["start_of_period_dt"], row["end_of_period_dt"], row["units"]) for row in weeks] == [
            ("2024-01-01", "2024-01-07", "15.0")
        ], "the week is named whole, and what lies before the range is not in it"
        assert await note_days(sandbox.runtime, sandbox.organization_id, datetime(2024, 1, 9, 13, tzinfo=UTC)) == 0
        assert await _usages(sandbox) == daily


async def test_the_last_day_of_a_period_is_what_was_invoiced(database: Database) -> None:
    """Also what came late, and a true-up, which has no units; the next period begins at nothing."""
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await _company(sandbox, min_amount_cents=1000)
        await sandbox.advance("2024-01-20T00:00:00Z")
        await sandbox.send(("2024-01-10T10:00:00+00:00", 5), ("2024-01-20T10:00:00+00:00", 20))
        await sandbox.advance("2024-01-25T00:00:00Z")
        assert await _usages(sandbox) == [("2024-01-20", "calls", "25.0", 250)], "the late event counts with the day"
        await sandbox.send(("2024-01-11T10:00:00+00:00", 3), ("2024-01-31T23:59:59+00:00", 1))
        await sandbox.advance("2024-02-01T01:00:00Z")
        assert (await sandbox.amounts())[-1][1] == 1000
        rest = [("2024-01-20", "calls", "25.0", 250), ("2024-01-31", "calls", "4.0", 750)]
        assert await _usages(sandbox) == rest
        await sandbox.send(("2024-02-01T00:30:00+00:00", 7))
        await sandbox.advance("2024-02-03T00:00:00Z")
        assert await _usages(sandbox) == [*rest, ("2024-02-01", "calls", "7.0", 70)]


async def test_a_day_is_the_customers(database: Database) -> None:
    """Tokyo's day of 3 January is over at 15:00Z, and the same instant belongs to 2 January in New York."""
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await _company(sandbox)
        for zone, code in (("Asia/Tokyo", "jp"), ("America/New_York", "us")):
            await sandbox.customer(code, currency="EUR", timezone=zone)
            await sandbox.subscribe(code, "p", code)
            await sandbox.send(("2024-01-02T16:00:00+00:00", 1), ("2024-01-03T04:30:00+00:00", 2), subscription=code)
        await sandbox.advance("2024-01-03T14:59:00Z")
        assert await _usages(sandbox, external_customer_id="jp") == []
        await sandbox.advance("2024-01-03T15:00:00Z")
        assert await _usages(sandbox, external_customer_id="jp") == [("2024-01-03", "calls", "3.0", 30)]
        assert await _usages(sandbox, external_subscription_id="us") == [("2024-01-02", "calls", "3.0", 30)]


async def test_charges_paid_in_advance_and_an_ended_subscription(database: Database) -> None:
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await _company(sandbox)
        plan = await sandbox.plan("q", 0)
        await sandbox.charge(plan, code="now", pay_in_advance=True, properties={"amount": "2"})
        await sandbox.subscribe("s2", "q")
        await sandbox.advance("2024-01-02T12:00:00Z")
        await sandbox.send(("2024-01-02T12:00:00+00:00", 4), code="now", subscription="s2")
        await sandbox.send(("2024-01-02T12:00:00+00:00", 6))
        await sandbox.advance("2024-01-04T12:00:00Z")
        noted = [("2024-01-02", "calls", "6.0", 60), ("2024-01-02", "now", "4.0", 800)]
        assert await _usages(sandbox) == noted
        await sandbox.send(("2024-01-04T12:00:00+00:00", 1), code="now", subscription="s2")
        await sandbox.send(("2024-01-04T11:00:00+00:00", 2))
        await sandbox.terminate("s1")
        await sandbox.terminate("s2")
        await sandbox.advance("2024-01-06T12:00:00Z")
        assert await _usages(sandbox) == [
            *noted, ("2024-01-04", "calls", "2.0", 20), ("2024-01-04", "now", "1.0", 200),
        ]  # fmt: skip
        await sandbox.advance("2024-02-02T12:00:00Z")
        assert len(await _usages(sandbox, from_date="2024-01-01")) == 4


async def test_a_draft_counts_again_when_it_is_finalized(database: Database) -> None:
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await _company(sandbox)
        await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
        await sandbox.advance("2024-02-01T02:00:00Z")
        assert await _usages(sandbox) == []
        await sandbox.send(("2024-01-31T20:00:00+00:00", 30))
        [draft] = await sandbox.invoices()
        await sandbox.call("PUT", f"invoices/{draft['lago_id']}/refresh")
        await sandbox.advance("2024-02-05T00:00:00Z")
        assert await _usages(sandbox) == [("2024-01-31", "calls", "30.0", 300)]


async def test_filters(database: Database) -> None:
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await _company(sandbox)
        dollars = await sandbox.plan("usd", 0, currency="USD")
        await sandbox.charge(dollars, code="seats", recurring=True, properties={"amount": "1"})
        await sandbox.customer("c2", currency="USD", country="US", customer_type="individual")
        await sandbox.subscribe("s2", "usd", "c2")
        await sandbox.send(("2024-01-01T10:00:00+00:00", 1))
        await sandbox.send(("2024-01-02T10:00:00+00:00", 2), code="seats", subscription="s2")
        await sandbox.advance("2024-01-04T00:00:00Z")
        calls, seats = ("2024-01-01", "calls", "1.0", 10), ("2024-01-02", "seats", "2.0", 200)
        for query, expected in (
            ({}, [calls, seats]),
            ({"currency": "usd"}, [seats]),
            ({"external_customer_id": "c1"}, [calls]),
            ({"external_customer_id": "nobody"}, []),
            ({"external_subscription_id": "s2"}, [seats]),
            ({"plan_code": "p"}, [calls]),
            ({"billable_metric_code": "seats"}, [seats]),
            ({"customer_type": "individual"}, [seats]),
            ({"customer_country": "fr"}, [calls]),
            ({"is_billable_metric_recurring": "true"}, [seats]),
            ({"is_billable_metric_recurring": "false"}, [calls]),
            ({"from_date": "2024-01-02"}, [seats]),
            ({"to_date": "2024-01-01"}, [calls]),
            ({"from_date": "2023-01-01", "to_date": "2023-12-31"}, []),
        ):
            assert await _usages(sandbox, **query) == expected, query
        await sandbox.call("DELETE", "billable_metrics/seats")
        rows = (await sandbox.call("GET", "analytics/usage"))["usages"]
        assert [row["is_billable_metric_deleted"] for row in rows] == [False, True]
        await sandbox.advance("2024-03-01T00:00:00Z")
        assert calls not in await _usages(sandbox), "the last thirty days"
        other = await sandbox.rest.another()
        assert (await other.get("analytics/usage?from_date=2024-01-01")).json() == {"usages": []}


async def test_unusable_filters_are_refused(sandbox: Sandbox) -> None:
    for query, field, code in (
        ("time_granularity=hourly", "time_granularity", "value_is_invalid"),
        ("from_date=x", "from_date", "invalid_date"),
        ("from_date=2024-02-01&to_date=2024-01-31", "to_date", "invalid_date_range"),
    ):
        answer = await sandbox.rest.get(f"analytics/usage?{query}")
        assert answer.status_code == 422
        assert answer.json()["error_details"] == {field: [code]}


async def test_live_organizations_are_noted_each_hour(database: Database) -> None:
    """Two runs at once, and one that comes days late: each day has one note."""
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await _company(sandbox)
        await sandbox.send(("2024-01-03T10:00:00+00:00", 1), ("2024-01-05T10:00:00+00:00", 2))
        async with database.transaction() as session:
            await session.execute(text("update organizations set kind = 'live', clock_now = null"))
        at = datetime(2024, 1, 4, 0, 15, tzinfo=UTC)
        assert await note_all_days(sandbox.runtime, at - timedelta(hours=1)) == 0
        assert await note_all_days(sandbox.runtime, at) == 1
        assert await note_all_days(sandbox.runtime, at + timedelta(hours=1)) == 0
        assert await note_all_days(sandbox.runtime, at + timedelta(days=4)) == 1
        async with database.reading() as session:
            rows = await session.execute(
                text(
                    "select usage_date::text, used->>'units', used->>'amount_cents'"
                    " from daily_usages, jsonb_each(usage_diff) as e(metric, used) order by 1"
                )
            )
        assert [tuple(row) for row in rows] == [("2024-01-03", "1.0", "10"), ("2024-01-05", "2.0", "20")]


async def test_one_that_cannot_be_computed_does_not_keep_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await _company(sandbox)
        await sandbox.customer("c2", currency="EUR")
        broken = await sandbox.subscribe("s2", "p", "c2")
        await sandbox.send(("2024-01-02T10:00:00+00:00", 1))
        await sandbox.send(("2024-01-02T10:00:00+00:00", 1), subscription="s2")
        usual = daily_usage.price_charges

        async def failing(ctx: Any, charges: Any, window: Any, currency: str) -> Any:
            if window.external_subscription_id == broken["external_id"]:
                raise RuntimeError("broken")
            return await usual(ctx, charges, window, currency)

        monkeypatch.setattr(daily_usage, "price_charges", failing)
        await sandbox.advance("2024-01-03T12:00:00Z")
        assert await _usages(sandbox) == [("2024-01-02", "calls", "1.0", 10)]


async def test_the_store_knows_which_spans_were_used(database: Database) -> None:
    """The beginning counts, the end does not; nor do other codes, subscriptions, organizations, and purged events."""
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await _company(sandbox)
        await sandbox.send(("2024-01-02T10:00:00+00:00", 1))
        at = datetime(2024, 1, 2, 10, tzinfo=UTC)
        one, codes = timedelta(milliseconds=1), frozenset({"calls", "other"})
        spans = [
            UsedSpan("s1", codes, at, at + one),
            UsedSpan("s1", codes, at - one, at),
            UsedSpan("s1", codes, at + one, at + timedelta(days=1)),
            UsedSpan("s1", frozenset({"other"}), at, at + one),
            UsedSpan("s2", codes, at, at + one),
        ]
        store = sandbox.runtime.event_store
        assert await store.used(sandbox.organization_id, spans) == [True, False, False, False, False]
        assert await store.used(uuid4(), spans) == [False] * 5
        await store.purge(sandbox.organization_id)
        assert await store.used(sandbox.organization_id, spans) == [False] * 5
