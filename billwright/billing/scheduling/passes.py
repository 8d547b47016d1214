"""The passes of the timetable that act on one customer at one due instant (spec 03 §8.1).

Each pass names its rank, finds what is due for a customer, and runs it under the customer's lock. All but the overdue
pass and the alerts are "announced": they change subscriptions, invoices and wallets by themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.in_advance.waiting import refuse_while_events_wait
from billwright.billing.invoicing.drafts import finalize_draft
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.overdue import flag_overdue
from billwright.billing.kernel.loading import load
from billwright.billing.kernel.statements import fetch, flush
from billwright.billing.subscriptions.alerts import alert
from billwright.billing.subscriptions.calendar.starts import StartDay
from billwright.billing.subscriptions.life_cycle import start, terminate
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.periodic_billing import bill_periodic
from billwright.billing.subscriptions.termination_credits import taxes_are_unknown
from billwright.billing.subscriptions.terms import plan_of, put_ending_off, refresh_due
from billwright.billing.subscriptions.trials import end_trial
from billwright.billing.wallets.top_ups import run_rules

Run = Callable[[Context, Customer, datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pass:
    """``due_column`` is the subscription column that holds the due instant; ``None`` for what is due on invoices and
    wallets."""

    rank: int
    name: str
    run: Run
    due_column: str | None


async def _due(ctx: Context, customer: Customer, column: str, t: datetime) -> list[Subscription]:
    await flush(ctx.session)
    due = f"organization_id = $1 and customer_id = $2 and {column} <= $3 order by created_at, id"
    return await load(ctx.session, Subscription, due, ctx.organization_id, customer.id, t)


async def _activate(ctx: Context, customer: Customer, t: datetime) -> None:
    for subscription in await _due(ctx, customer, "activation_due_at", t):
        await start(ctx, customer, subscription, t, StartDay.today)


async def _end(ctx: Context, customer: Customer, t: datetime) -> None:
    for subscription in await _due(ctx, customer, "ending_due_at", t):
        if await taxes_are_unknown(ctx, subscription, await plan_of(ctx, subscription)):
            put_ending_off(subscription)
            continue
        await terminate(ctx, customer, subscription, t, generate_invoice=subscription.on_termination_invoice != "skip")


async def _bill(ctx: Context, customer: Customer, t: datetime) -> None:
    due = await _due(ctx, customer, "next_billing_at", t)
    await refuse_while_events_wait(ctx, due, t)
    await bill_periodic(ctx, customer, due, t)


async def _end_trials(ctx: Context, customer: Customer, t: datetime) -> None:
    for subscription in await _due(ctx, customer, "trial_due_at", t):
        await end_trial(ctx, customer, subscription)


async def _finalize(ctx: Context, customer: Customer, t: datetime) -> None:
    drafts = await ctx.session.scalars(
        select(Invoice)
        .where(
            col(Invoice.organization_id) == ctx.organization_id,
            col(Invoice.customer_id) == customer.id,
            col(Invoice.status) == "draft",
            col(Invoice.finalization_due_at) <= t,
        )
        .order_by(col(Invoice.expected_finalization_date), col(Invoice.created_at), col(Invoice.id))
        .with_for_update()
    )
    for invoice in drafts.all():
        await finalize_draft(ctx, customer, invoice)


async def _alert(ctx: Context, customer: Customer, t: datetime) -> None:
    tz = applicable_timezone(customer, ctx.organization)
    for subscription in await _due(ctx, customer, "alert_due_at", t):
        await alert(ctx, subscription)
        await refresh_due(ctx, subscription, await plan_of(ctx, subscription), tz)


ACTIVATION = Pass(1, "activate scheduled subscriptions", _activate, "activation_due_at")
ENDING = Pass(2, "terminate ended subscriptions", _end, "ending_due_at")
BILLING = Pass(3, "periodic billing", _bill, "next_billing_at")
TRIALS = Pass(4, "end of trials", _end_trials, "trial_due_at")
FINALIZATION = Pass(7, "finalize drafts", _finalize, None)
OVERDUE = Pass(8, "flag overdue invoices", flag_overdue, None)
ALERTS = Pass(11, "termination alerts", _alert, "alert_due_at")
TOP_UPS = Pass(12, "expired top-up rules; interval top-ups", run_rules, None)
PASSES = (ACTIVATION, ENDING, BILLING, TRIALS, FINALIZATION, OVERDUE, ALERTS, TOP_UPS)


_COLUMNS = tuple(item for item in PASSES if item.due_column is not None)
_EARLIEST = f"""
select due.*, billed.*,
  (select min(due_at) from wallet_rules
    where organization_id = $1 and customer_id = $2 and due_at is not null)
from (select {", ".join(f"min({item.due_column})" for item in _COLUMNS)}
    from subscriptions where organization_id = $1 and customer_id = $2 and due_at <= $3) due,
  (select min(finalization_due_at) filter (where status = 'draft'),
      min(overdue_due_at) filter (where overdue_due_at is not null)
    from invoices where organization_id = $1 and customer_id = $2) billed
"""  # noqa: S608 - column names of this module
"""``filter`` keeps the planner from looking for a customer's minimum through the due instants of all customers."""


async def next_pass(ctx: Context, customer: Customer, until: datetime) -> tuple[datetime, Pass] | None:
    """The customer's earliest due pass at or before ``until``, by instant, then rank."""
    await flush(ctx.session)
    [row] = await fetch(ctx.session, _EARLIEST, ctx.organization_id, customer.id, until)
    due = [
        (instant, item)
        for instant, item in zip(row, (*_COLUMNS, FINALIZATION, OVERDUE, TOP_UPS), strict=True)
        if instant is not None and instant <= until
    ]
    return min(due, key=lambda found: (found[0], found[1].rank), default=None)
