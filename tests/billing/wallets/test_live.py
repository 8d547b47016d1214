"""Live organizations: ongoing balances follow events with the pass, at once only what moves a balance (spec 05 D8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.metering.store.protocol import EventIn
from billwright.billing.scheduling.engine import tick
from billwright.billing.wallets.refreshing import refresh_all_marked
from tests.support.sandbox import Sandbox, sandbox_on
from tests.support.wallets import reread, transactions


@pytest.fixture
async def company(database: Database) -> AsyncIterator[Sandbox]:
    """A live organization with customer c1, subscription s1 and a metric ``calls`` at 1 EUR."""
    async with sandbox_on(database, clock=system_now()) as made:
        async with made.context() as ctx:
            await ctx.session.execute(
                text("update organizations set kind = 'live', clock_now = null where id = :id"),
                {"id": made.organization_id},
            )
        made.rest.organization.kind = "live"
        made.rest.organization.clock_now = None
        await made.customer("c1")
        plan = await made.plan("p", 0)
        await made.charge(plan)
        began = (system_now() - timedelta(days=3)).isoformat()
        await made.subscribe(subscription_at=began, billing_time="anniversary")
        yield made


async def jobs(company: Sandbox) -> None:
    """Run what is queued, delayed jobs included."""
    while ids := await due_jobs(company.runtime.database, organization_id=company.organization_id):
        for job_id in ids:
            assert await run_job(company.runtime, job_id, immediate=True) in ("succeeded", "skipped")


async def wallet(company: Sandbox, **values: Any) -> Any:
    body = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", **values}
    made = (await company.call("POST", "wallets", {"wallet": body}))["wallet"]
    await jobs(company)
    return made


async def send(company: Sandbox, units: int, **more: Any) -> None:
    event = EventIn(
        organization_id=company.organization_id,
        transaction_id=str(uuid4()),
        code="calls",
        external_subscription_id="s1",
        timestamp=system_now() - timedelta(hours=1),
        created_at=more.get("created_at", system_now()),
        properties={"n": units},
    )
    await company.runtime.event_store.append([event])


async def test_the_pass_finds_events_and_buys(company: Sandbox) -> None:
    rule = {"trigger": "threshold", "threshold_credits": "10", "paid_credits": "30"}
    made = await wallet(company, granted_credits="20", recurring_transaction_rules=[rule])
    assert await refresh_all_marked(company.runtime) == 0, "what moved was refreshed at once"
    await send(company, 15)
    assert (await reread(company, made))["ongoing_balance_cents"] == 2000
    assert await refresh_all_marked(company.runtime) == 1
    assert (await reread(company, made))["ongoing_balance_cents"] == 500
    assert [item["source"] for item in await transactions(company, made)] == ["manual"]
    await jobs(company)
    assert [item["source"] for item in await transactions(company, made)] == ["manual", "threshold"]


async def test_events_that_commit_late_are_found(company: Sandbox) -> None:
    made = await wallet(company, granted_credits="20")
    await refresh_all_marked(company.runtime)
    await send(company, 1)
    await refresh_all_marked(company.runtime)
    await send(company, 2, created_at=system_now() - timedelta(seconds=90))
    await refresh_all_marked(company.runtime)
    assert (await reread(company, made))["ongoing_usage_balance_cents"] == 300


async def test_a_failing_customer_holds_up_nobody(company: Sandbox) -> None:
    made = await wallet(company, granted_credits="20")
    await company.customer("c2")
    other = await wallet(company, external_customer_id="c2", code="other")
    await send(company, 1)
    async with company.context() as ctx:
        await ctx.session.execute(text("update plans set code = code, interval = 'nonsense'"))
    await company.call("PUT", f"wallets/{other['lago_id']}", {"wallet": {"name": "Other"}})
    await refresh_all_marked(company.runtime)
    assert (await reread(company, other))["last_balance_sync_at"] is not None
    async with company.context() as ctx:
        await ctx.session.execute(text("update plans set interval = 'monthly'"))
    assert await refresh_all_marked(company.runtime) == 1, "the mark is still there"
    assert (await reread(company, made))["ongoing_usage_balance_cents"] == 100


async def test_the_live_tick_tops_up_at_intervals(company: Sandbox) -> None:
    made = await wallet(company)
    rule = {"trigger": "interval", "interval": "weekly", "granted_credits": "5"}
    body = {"recurring_transaction_rules": [rule]}
    await company.call("PUT", f"wallets/{made['lago_id']}", {"wallet": body})
    assert await tick(company.runtime) == 0
    async with company.context() as ctx:
        await ctx.session.execute(text("update wallets set created_at = created_at - interval '7 days'"))
        await ctx.session.execute(
            text("update wallet_rules set top_up_due_at = due.at, due_at = due.at from (select now() as at) due")
        )
    assert await tick(company.runtime) == 1
    assert await tick(company.runtime) == 0
    await jobs(company)
    assert (await reread(company, made))["credits_balance"] == "5.0"


async def test_the_pass_counts_all_of_its_customers(company: Sandbox) -> None:
    for number in range(9):
        await company.customer(f"k{number}")
        await wallet(company, external_customer_id=f"k{number}")
    assert await refresh_all_marked(company.runtime) == 9
    assert await refresh_all_marked(company.runtime) == 0
