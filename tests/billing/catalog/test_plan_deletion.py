"""Deleting a plan (spec 03 §2.3)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog import plan_deletion
from billwright.billing.catalog.models import Plan
from billwright.billing.catalog.queries import PlanView
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.scheduling.test_clock import advance, begin_advance
from billwright.billing.subscriptions.models import Subscription
from tests.billing.catalog.shop import Shop, charge, codes


async def _delete(shop: Shop, code: str = "startup") -> PlanView:
    async with shop.context() as ctx:
        return await plan_deletion.delete_plan(ctx, code)


async def _advance(shop: Shop, target: datetime) -> None:
    async with shop.runtime.database.transaction() as session:
        fresh = await session.get_one(Organization, shop.organization.id)
        await begin_advance(Context(session, fresh, event_store=shop.runtime.event_store), target)
    await advance(shop.runtime, shop.organization.id)


async def test_03_2_3_worked_example(runtime: Runtime) -> None:
    """In advance, grace 3 days, from 15 Dec; drafts of 15 Dec and 1 Jan; deleted 20 Jan: three finalized invoices."""
    shop = await Shop.open(runtime, clock=datetime(2023, 12, 15, 10, tzinfo=UTC))
    async with shop.context() as ctx:
        ctx.organization.invoice_grace_period = 3
    await shop.plan(pay_in_advance=True)
    await shop.subscribe()
    async with shop.context() as ctx:
        await (await ctx.session.connection()).exec_driver_sql("update organizations set invoice_grace_period = 60")
        await (await ctx.session.connection()).exec_driver_sql(
            "update invoices set expected_finalization_date = '2024-03-01', finalization_due_at = '2024-03-01 00:20Z'"
        )
    await _advance(shop, datetime(2024, 1, 20, 10, tzinfo=UTC))
    assert [row.status for row in await shop.all_of(Invoice)] == ["draft", "draft"]

    gone = await _delete(shop)
    assert gone.plan.pending_deletion
    assert (await shop.show_plan()).plan.pending_deletion
    with pytest.raises(NotFound, match="plan_not_found"):
        await shop.subscribe("late")
    with pytest.raises(ValidationFailed) as failure:
        await shop.plan()
    assert codes(failure) == {"code": ["value_already_exist"]}

    await shop.run_jobs()
    (subscription,) = await shop.all_of(Subscription)
    assert (subscription.status, subscription.terminated_at) == ("terminated", datetime(2024, 1, 20, 10, tzinfo=UTC))
    invoices = await shop.rows(select(Invoice).order_by(Invoice.sequential_id))
    assert [(row.status, row.sequential_id) for row in invoices] == [
        ("finalized", 1),
        ("finalized", 2),
        ("finalized", 3),
    ]
    (row,) = await shop.all_of(Plan)
    assert (row.pending_deletion, row.deleted_at) == (False, datetime(2024, 1, 20, 10, tzinfo=UTC))
    with pytest.raises(NotFound, match="plan_not_found"):
        await shop.show_plan()
    assert (await shop.plan()).plan.id != row.id


async def test_pending_subscriptions_are_canceled_and_other_plans_left_alone(shop: Shop) -> None:
    await shop.plan()
    await shop.plan(code="other")
    await shop.subscribe("later", subscription_at="2024-02-01T00:00:00Z")
    await shop.subscribe("now")
    await shop.subscribe("elsewhere", "other")
    await _delete(shop)
    await shop.run_jobs()
    states = {row.external_id: row.status for row in await shop.all_of(Subscription)}
    assert states == {"later": "canceled", "now": "terminated", "elsewhere": "active"}
    assert (await shop.show_plan("other")).plan.deleted_at is None


async def test_the_job_finishes_what_a_crash_left_and_may_run_twice(shop: Shop) -> None:
    metric = await shop.metric()
    await shop.plan(charge(metric))
    for number in range(3):
        await shop.subscribe(f"s{number}", external_customer_id=f"c{number}")
    await _delete(shop)
    plan = (await shop.show_plan()).plan
    customers = await plan_deletion._customers(shop.runtime, plan.id)  # pyright: ignore[reportPrivateUsage]
    await plan_deletion._end_for_customer(  # pyright: ignore[reportPrivateUsage]
        shop.runtime, shop.organization.id, plan.id, customers[0]
    )
    assert sorted(row.status for row in await shop.all_of(Subscription)) == ["active", "active", "terminated"]
    await _delete(shop)
    assert (await shop.run_jobs()).count("catalog.plan_wind_up") == 1
    assert {row.status for row in await shop.all_of(Subscription)} == {"terminated"}
    invoices = len(await shop.all_of(Invoice))
    assert invoices == 3
    async with shop.context() as ctx:
        await plan_deletion.enqueue(
            ctx.session, ctx.organization_id, plan_deletion.WIND_UP_JOB, {"plan_id": str(plan.id)}
        )
    await shop.run_jobs()
    assert len(await shop.all_of(Invoice)) == invoices


async def test_overridden_children_go_first(shop: Shop) -> None:
    await shop.plan()
    await shop.plan(code="child")
    await shop.subscribe("s1", "child")
    async with shop.context() as ctx:
        await (await ctx.session.connection()).exec_driver_sql(
            "update plans set parent_id = (select id from plans where code = 'startup'), code = 'startup'"
            " where code = 'child'"
        )
    await _delete(shop)
    await shop.run_jobs()
    assert all(row.deleted_at for row in await shop.all_of(Plan))
    assert [row.status for row in await shop.all_of(Subscription)] == ["terminated"]


async def test_nobody_stays_on_a_plan_that_is_deleted_while_they_subscribe(shop: Shop) -> None:
    for number in range(5):
        await shop.plan(code=f"p{number}")
        outcome, gone = await asyncio.gather(
            shop.subscribe(f"s{number}", f"p{number}"), _delete(shop, f"p{number}"), return_exceptions=True
        )
        assert isinstance(gone, PlanView)
        assert isinstance(outcome, Subscription) or str(outcome) == "plan_not_found"
        await shop.run_jobs()
    assert "active" not in {row.status for row in await shop.all_of(Subscription)}
    assert all(row.deleted_at for row in await shop.all_of(Plan))


async def test_unknown(shop: Shop) -> None:
    with pytest.raises(NotFound, match="plan_not_found"):
        await _delete(shop, "nope")
