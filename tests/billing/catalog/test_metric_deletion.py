"""Deleting a billable metric (spec 01 §1.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from billwright.billing.catalog import metric_deletion
from billwright.billing.catalog.models import BillableMetricFilter, Charge, ChargeFilter
from billwright.billing.catalog.queries import MetricView
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import NotFound
from billwright.billing.metering.store.protocol import EventFilters, EventIn
from tests.billing.catalog.shop import Shop, charge

FILTERS = [{"key": "region", "values": ["eu"]}]


async def _delete(shop: Shop, code: str = "storage") -> MetricView:
    async with shop.context() as ctx:
        return await metric_deletion.delete_metric(ctx, code)


def _event(shop: Shop, name: str, received: datetime, *, subscription: str = "s1", code: str = "storage") -> EventIn:
    return EventIn(
        organization_id=shop.organization.id,
        transaction_id=name,
        code=code,
        timestamp=datetime(2024, 1, 15, 11, tzinfo=UTC),
        created_at=received,
        external_subscription_id=subscription,
        properties={"gb": 1},
    )


async def _left(shop: Shop) -> list[str]:
    page = await shop.runtime.event_store.list(shop.organization.id, EventFilters())
    return sorted(event.transaction_id for event in page.events)


async def test_a_metric_in_use_goes_with_its_charges_and_frees_its_code(shop: Shop) -> None:
    metric = await shop.metric(filters=FILTERS)
    other = await shop.metric(code="calls")
    priced = {"values": {"region": ["eu"]}, "properties": {"amount": "2"}}
    await shop.plan(charge(metric, filters=[priced]), charge(other))
    gone = await _delete(shop)
    assert (gone.metric.id, gone.filter_values) == (metric.metric.id, {"region": ["eu"]})
    assert (await shop.only_charge()).metric.code == "calls"
    with pytest.raises(NotFound):
        await _delete(shop)
    again = await shop.metric()
    assert again.metric.id != metric.metric.id
    await shop.run_jobs()
    assert [row.deleted_at is None for row in await shop.all_of(BillableMetricFilter)] == [False]
    assert [row.deleted_at is None for row in await shop.all_of(ChargeFilter)] == [False]
    states = await shop.rows(select(Charge.deleted_at).order_by(Charge.id))
    assert [deleted is None for deleted in states] == [False, True]


async def test_drafts_of_its_plans_are_flagged_and_no_others(shop: Shop) -> None:
    metric = await shop.metric()
    await shop.plan(charge(metric), pay_in_advance=True)
    await shop.plan(code="plain", pay_in_advance=True)
    async with shop.context() as ctx:
        ctx.organization.invoice_grace_period = 3
    await shop.subscribe("s1", "startup")
    await shop.subscribe("s2", "plain")
    await _delete(shop)
    drafts = await shop.rows(select(Invoice).order_by(Invoice.created_at, Invoice.id))
    assert [(draft.status, draft.ready_to_be_refreshed) for draft in drafts] == [("draft", True), ("draft", False)]


async def test_events_received_until_the_deletion_are_hidden_and_stay_taken(shop: Shop) -> None:
    """Only of subscriptions whose plan had the charge; a new metric never sees them."""
    metric = await shop.metric()
    await shop.plan(charge(metric))
    await shop.plan(code="plain")
    await shop.subscribe("s1", "startup")
    await shop.subscribe("s2", "plain")
    now = datetime(2024, 1, 15, 10, tzinfo=UTC)
    store = shop.runtime.event_store
    await store.append(
        [
            _event(shop, "before", now - timedelta(hours=1)),
            _event(shop, "at", now),
            _event(shop, "after", now + timedelta(microseconds=1)),
            _event(shop, "other code", now, code="calls"),
            _event(shop, "other plan", now, subscription="s2"),
        ]
    )
    await _delete(shop)
    assert "before" in await _left(shop), "the job has not run"
    await shop.metric()
    assert await _left(shop) == ["after", "other code", "other plan"], "before the job too"
    assert "catalog.metric_deleted" in await shop.run_jobs()
    assert await _left(shop) == ["after", "other code", "other plan"]
    assert (await store.append([_event(shop, "before", now)]))[0].duplicate


async def test_the_job_may_run_twice_and_ignores_a_living_metric(shop: Shop) -> None:
    metric = await shop.metric(filters=FILTERS)
    await shop.plan(charge(metric))
    await shop.subscribe()
    await shop.runtime.event_store.append([_event(shop, "one", datetime(2024, 1, 1, tzinfo=UTC))])
    async with shop.context() as ctx:
        await metric_deletion.enqueue(
            ctx.session, ctx.organization_id, metric_deletion.TIDY_JOB, {"metric_id": str(metric.metric.id)}
        )
    await shop.run_jobs()
    assert await _left(shop) == ["one"]
    await _delete(shop)
    async with shop.context() as ctx:
        await metric_deletion.enqueue(
            ctx.session, ctx.organization_id, metric_deletion.TIDY_JOB, {"metric_id": str(metric.metric.id)}
        )
    names = await shop.run_jobs()
    assert names.count("catalog.metric_deleted") == 2
    assert await _left(shop) == []


async def test_overridden_plans_lose_the_charge_too(shop: Shop) -> None:
    metric = await shop.metric()
    parent = await shop.plan(charge(metric))
    child = await shop.plan(charge(metric), code="child")
    async with shop.context() as ctx:
        await ctx.session.execute(
            update(type(child.plan)).where(type(child.plan).id == child.plan.id).values(parent_id=parent.plan.id)
        )
    await _delete(shop)
    assert [row.deleted_at is None for row in await shop.all_of(Charge)] == [False, False]
