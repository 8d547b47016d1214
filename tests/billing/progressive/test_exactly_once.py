"""Races: checks beside each other and beside the invoice that closes the period (spec 02 §13.4, 00 rule 18)."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.models import Organization
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.clock import system_now
from billwright.billing.progressive import invoicing, processing
from billwright.billing.progressive.models import LifetimeUsageMark, ProgressiveInvoice
from billwright.billing.progressive.processing import check, check_marked
from billwright.billing.scheduling.engine import run_customer
from tests.billing.progressive.steps import closing, notes, progressive, sell, sums, threshold
from tests.support.sandbox import Sandbox


async def send(sandbox: Sandbox, units: int, when: str = "2024-02-06T12:00:00+00:00") -> None:
    await sandbox.send((when, str(units)))


async def marks(sandbox: Sandbox) -> int:
    async with sandbox.context() as ctx:
        return (await ctx.session.execute(select(func.count()).select_from(LifetimeUsageMark))).scalar_one()


async def run_check(sandbox: Sandbox) -> bool:
    return await check(sandbox.runtime, sandbox.organization_id, "s1")


async def test_checks_at_the_same_time_make_one_invoice(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(500), threshold(1000, recurring=True))
    await sandbox.advance("2024-02-06T12:00:00Z")
    await send(sandbox, 1700)
    await asyncio.gather(*(run_check(sandbox) for _ in range(6)))
    [invoice] = await progressive(sandbox)
    assert len(invoice["applied_usage_thresholds"]) == 2
    assert await marks(sandbox) == 0


async def test_two_runs_that_both_saw_nothing_are_kept_apart_by_the_database(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even without the measuring under the customer's lock, the unique index lets one of them through."""
    await sell(sandbox, threshold(500))
    await sandbox.advance("2024-02-06T12:00:00Z")
    await send(sandbox, 700)
    assert await run_check(sandbox)
    before = processing.measure

    async def as_if_nothing_was_billed(*arguments: Any) -> Any:
        found = await before(*arguments)
        usage = type(found.usage)(found.usage.historical, found.usage.invoiced, found.usage.current, 0)
        return type(found)(found.row, found.charges, usage, None)

    monkeypatch.setattr(processing, "measure", as_if_nothing_was_billed)
    await send(sandbox, 0)
    assert await run_check(sandbox)
    assert await marks(sandbox) == 0
    monkeypatch.undo()
    assert len(await progressive(sandbox)) == 1
    async with sandbox.context() as ctx:
        assert len((await ctx.session.scalars(select(ProgressiveInvoice))).all()) == 1


async def test_events_that_come_during_a_check_are_checked_afterwards(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sell(sandbox, threshold(500), threshold(900))
    await sandbox.advance("2024-02-06T12:00:00Z")
    await send(sandbox, 700)
    before = processing.bill_usage

    async def and_more_comes(*arguments: Any) -> Any:
        invoice = await before(*arguments)
        await send(sandbox, 300)
        return invoice

    monkeypatch.setattr(processing, "bill_usage", and_more_comes)
    assert await run_check(sandbox)
    assert await marks(sandbox) == 1
    monkeypatch.undo()
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 1
    assert [item["fees_amount_cents"] for item in await progressive(sandbox)] == [700, 1000]
    assert await marks(sandbox) == 0


async def test_storing_events_never_waits_for_a_check(sandbox: Sandbox) -> None:
    """While somebody holds the customer, as a check does, events are stored and marked."""
    await sell(sandbox, threshold(500))
    async with sandbox.context() as ctx:
        customer = (await ctx.session.scalars(select(Customer))).one()
        assert await lock_customer(ctx, customer.id) is not None
        await asyncio.wait_for(send(sandbox, 700), 5)
    assert await marks(sandbox) >= 1


async def test_only_subscriptions_with_thresholds_are_marked(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(500))
    await sandbox.plan("free")
    await sandbox.subscribe("s2", "free")
    await sandbox.advance("2024-02-06T12:00:00Z")
    await sandbox.send(("2024-02-06T12:00:00+00:00", "1"), subscription="s2")
    await sandbox.send(("2024-02-06T12:00:00+00:00", "1"), subscription=str(uuid4()))
    assert await marks(sandbox) == 0
    await send(sandbox, 1)
    assert await marks(sandbox) == 1


@pytest.mark.parametrize("first", ["check", "closing", "together"])
async def test_a_check_beside_the_closing_invoice(sandbox: Sandbox, first: str) -> None:
    """Whoever comes first, all usage is billed once: before taxes, the invoices add up to it."""
    await sell(sandbox, threshold(500), plan_cents=100)
    await sandbox.advance("2024-02-29T23:59:59Z")
    await send(sandbox, 700)
    async with sandbox.context() as ctx:
        customer_id = (await ctx.session.scalars(select(col(Customer.id)))).one()
        organization = await ctx.session.get_one(Organization, sandbox.organization_id)
        if first != "check":
            organization.clock_now = organization.clock_now and organization.clock_now.replace(month=3, day=1, hour=0)
    instant = system_now() if first == "check" else organization.clock_now
    assert instant is not None

    async def close() -> Any:
        return await run_customer(sandbox.runtime, sandbox.organization_id, customer_id, instant)

    if first == "check":
        assert await run_check(sandbox)
    elif first == "closing":
        # The period is over: the check waits for its invoice, and keeps its marks.
        assert not await run_check(sandbox) or await progressive(sandbox) == []
        await close()
        assert await run_check(sandbox)
    else:
        await asyncio.gather(close(), run_check(sandbox), run_check(sandbox), close())
    await sandbox.advance("2024-03-05T00:00:00Z")
    made = await progressive(sandbox)
    last = sums(await closing(sandbox))
    assert last["fees"] == 800
    assert sum(item["sub_total_excluding_taxes_amount_cents"] for item in await sandbox.invoices()) == 800
    assert len(made) == (1 if first == "check" else 0)


async def test_terminating_beside_checks(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(500))
    await sandbox.advance("2024-02-06T12:00:00Z")
    await send(sandbox, 700)
    await asyncio.gather(run_check(sandbox), sandbox.terminate(), run_check(sandbox))
    await sandbox.advance("2024-02-06T12:00:00Z")
    async with sandbox.context() as ctx:
        rows = (await ctx.session.scalars(select(Invoice).where(col(Invoice.status) == "finalized"))).all()
    assert sum(row.sub_total_excluding_taxes_amount_cents for row in rows) == 700
    assert sum(row.progressive_billing_credit_amount_cents for row in rows) == (700 if len(rows) == 2 else 0)


async def test_a_check_that_fails_is_done_later(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    await sell(sandbox, threshold(500))
    await sandbox.advance("2024-02-06T12:00:00Z")
    await send(sandbox, 700)

    async def broken(*arguments: Any) -> Any:
        raise RuntimeError("no usage today")

    monkeypatch.setattr(processing, "measure", broken)
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 0
    assert await marks(sandbox) == 1
    monkeypatch.undo()
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 1
    assert len(await progressive(sandbox)) == 1


async def test_what_fails_after_the_invoice_leaves_nothing_behind(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sell(sandbox, threshold(500))
    await sandbox.advance("2024-02-06T12:00:00Z")
    await send(sandbox, 700)

    async def broken(*arguments: Any) -> Any:
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(invoicing, "_remember", broken)
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 0
    assert await sandbox.invoices() == []
    monkeypatch.undo()
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 1
    [invoice] = await progressive(sandbox)
    assert invoice["sequential_id"] == 1


async def test_an_upgrade_at_the_very_instant_of_a_progressive_invoice(sandbox: Sandbox) -> None:
    """Events of that instant belong to the new plan, so the old one gives back what it had billed of them."""
    await sell(sandbox, threshold(1000), plan_cents=100)
    await sandbox.plan("more", 9000)
    metric = (await sandbox.call("GET", "billable_metrics/calls"))["billable_metric"]["lago_id"]
    charge = {"billable_metric_id": metric, "charge_model": "standard", "properties": {"amount": "0.01"}}
    await sandbox.call("POST", "plans/more/charges", {"charge": charge})
    await sandbox.advance("2024-02-06T12:00:00Z")
    await send(sandbox, 1500)
    assert await run_check(sandbox)
    await sandbox.subscribe("s1", "more")
    [note] = await notes(sandbox)
    assert note["sub_total_excluding_taxes_amount_cents"] == 1500
    await sandbox.advance("2024-03-01T00:00:00Z")
    invoices = [await sandbox.invoice(item["lago_id"]) for item in await sandbox.invoices()]
    usage = sum(
        fee["amount_cents"] for item in invoices for fee in item["fees"] if fee["item"]["type"] == "charge"
    ) - sum(item["progressive_billing_credit_amount_cents"] for item in invoices)
    assert usage - 1500 == 1500
