"""What creating, changing or ending a subscription would do: the use case itself in a dry run, and what it left behind.

Nothing here knows a billing rule. The figures are those of the invoices and credit notes that the code which bills has
made, as they are when no grace period holds them back; then everything is undone (``dry_run``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.catalog.snapshot import PlanSnapshot
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import get_customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.billed_days import cut_by_upgrades, last_day
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.kernel.errors import NotFound, Unprocessable
from billwright.billing.previewing.dry_run import dry_run
from billwright.billing.subscriptions.calendar.due import switch_day
from billwright.billing.subscriptions.calendar.starts import StartDay, activation_at
from billwright.billing.subscriptions.calendar.timezones import local_date, start_of_day
from billwright.billing.subscriptions.calendar.trial import Trial, trial_end
from billwright.billing.subscriptions.life_cycle import start, terminate
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.periodic_billing import bill_periodic, catch_up
from billwright.billing.subscriptions.queries import subscription_by_id
from billwright.billing.subscriptions.schemas import SubscriptionCreate, SubscriptionUpdate, TerminationOptions
from billwright.billing.subscriptions.service import (
    create_subscription,
    terminate_subscription,
    update_subscription,
)
from billwright.billing.subscriptions.successors import pending_successors
from billwright.billing.subscriptions.terms import first_started_at, plan_of, terms_of
from billwright.billing.subscriptions.trials import end_trial

_STEPS_AHEAD = 4
"""Due instants looked at for the next invoice: start, end of trial, billing, ending."""


class Outcome(StrEnum):
    """What becomes of a subscription."""

    started = "started"
    scheduled = "scheduled"
    unchanged = "unchanged"
    upgraded = "upgraded"
    downgraded = "downgraded"
    rescheduled = "rescheduled"
    """Not started yet, and put on another plan in place."""
    updated = "updated"
    terminated = "terminated"
    canceled = "canceled"


@dataclass(frozen=True, slots=True)
class OutlookFee:
    """A line of an invoice, with the first and the last local day that it bills. Minor units, without taxes."""

    fee_type: str
    name: str
    amount_cents: int
    first_on: date | None
    last_on: date | None


@dataclass(frozen=True, slots=True)
class OutlookInvoice:
    """An invoice that would be made at ``at``. Amounts in minor units of ``currency``."""

    at: datetime
    currency: str
    fees: Sequence[OutlookFee]
    fees_amount_cents: int
    coupons_amount_cents: int
    taxes_amount_cents: int
    credit_notes_amount_cents: int
    prepaid_credit_amount_cents: int
    total_amount_cents: int


@dataclass(frozen=True, slots=True)
class OutlookCreditNote:
    """What would be given back, taxes included, in minor units of ``currency``: the total is the sum of the others."""

    currency: str
    total_amount_cents: int
    credit_amount_cents: int
    refund_amount_cents: int
    offset_amount_cents: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would follow. Instants are UTC, to be shown in ``timezone``, the customer's.

    ``takes_effect_at``: when the subscription starts, switches its plan or ends. ``period_from`` and ``period_to``:
    start of the first and of the last day of the whole plan period that runs then, of today's if it started before.
    ``invoices`` and ``credit_notes`` are made at once; ``next_invoice`` is the first one that comes by itself, with the
    usage known today.
    """

    outcome: Outcome
    timezone: str
    takes_effect_at: datetime
    plan_name: str
    pay_in_advance: bool
    period_from: datetime | None
    period_to: datetime | None
    trial_ends_at: datetime | None
    ends_at: datetime | None
    invoices: Sequence[OutlookInvoice]
    credit_notes: Sequence[OutlookCreditNote]
    next_invoice: OutlookInvoice | None


async def foresee_creation(ctx: Context, inp: SubscriptionCreate, *, changing: UUID | None = None) -> Outlook:
    """What ``create_subscription`` would do for a new subscription, or for the plan change of ``changing``. Raises what
    it raises, and ``NotFound("customer")`` for a customer that would be made."""
    customer = await get_customer(ctx, inp.external_customer_id or "")
    return await _foreseen(
        ctx, customer.id, lambda dry: create_subscription(dry, inp, changing=changing, new=changing is None)
    )


async def foresee_update(ctx: Context, subscription_id: UUID, inp: SubscriptionUpdate) -> Outlook:
    """What ``update_subscription`` would do. Raises what it raises."""
    found = await subscription_by_id(ctx, subscription_id)
    external_id, status = found.external_id, found.status
    return await _foreseen(
        ctx, found.customer_id, lambda dry: update_subscription(dry, external_id, status, inp), edits=True
    )


async def foresee_termination(ctx: Context, subscription_id: UUID, options: TerminationOptions) -> Outlook:
    """What ``terminate_subscription`` would do. Raises what it raises."""
    found = await subscription_by_id(ctx, subscription_id)
    external_id, status = found.external_id, found.status
    if status not in ("active", "pending"):
        raise NotFound("subscription")
    return await _foreseen(
        ctx, found.customer_id, lambda dry: terminate_subscription(dry, external_id, options, status=status)
    )


async def foresee_next_invoice(ctx: Context, subscription_id: UUID) -> OutlookInvoice | None:
    """The first invoice that comes by itself if nothing changes, with the usage known today; ``None`` if there is none.
    Raises ``NotFound("subscription")``."""
    async with dry_run(ctx) as dry:
        found = await subscription_by_id(dry, subscription_id)
        customer = await lock_customer(dry, found.customer_id)
        if customer is None or customer.deleted_at is not None:
            raise NotFound("subscription")
        customer.invoice_grace_period = 0
        await dry.session.flush()
        before = await _stock(dry, customer)
        return await _coming(dry, customer, found, None, before.since, before.invoices)


async def _foreseen(
    ctx: Context, customer_id: UUID, act: Callable[[Context], Awaitable[Subscription]], *, edits: bool = False
) -> Outlook:
    async with dry_run(ctx) as dry:
        customer = await lock_customer(dry, customer_id)
        if customer is None or customer.deleted_at is not None:
            raise NotFound("customer")
        customer.invoice_grace_period = 0
        await dry.session.flush()
        before = await _stock(dry, customer)
        left = await act(dry)
        await dry.session.flush()
        outcome, shown = await _judged(dry, left, before, edits=edits)
        return await _outlook(dry, customer, outcome, left, shown, before)


@dataclass(frozen=True, slots=True)
class _Stock:
    """What was there before: active and pending subscriptions with status and plan, and the ids of documents that were
    made at ``since`` or later, which on a sandbox clock may be many instants' worth."""

    since: datetime
    subscriptions: dict[UUID, tuple[str, UUID]]
    invoices: frozenset[UUID]
    credit_notes: frozenset[UUID]


async def _stock(ctx: Context, customer: Customer) -> _Stock:
    rows = await ctx.session.execute(
        select(col(Subscription.id), col(Subscription.status), col(Subscription.plan_id)).where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.customer_id) == customer.id,
            col(Subscription.status).in_(("active", "pending")),
        )
    )
    since = ctx.now()
    invoices = await ctx.session.scalars(select(col(Invoice.id)).where(*_made(Invoice, customer, since)))
    notes = await ctx.session.scalars(select(col(CreditNote.id)).where(*_made(CreditNote, customer, since)))
    return _Stock(since, {row[0]: (row[1], row[2]) for row in rows}, frozenset(invoices), frozenset(notes))


def _made(model: type[Invoice] | type[CreditNote], customer: Customer, since: datetime) -> list[ColumnElement[bool]]:
    """The customer's documents made at ``since`` or later."""
    return [
        col(model.organization_id) == customer.organization_id,
        col(model.customer_id) == customer.id,
        col(model.created_at) >= since,
    ]


async def _judged(ctx: Context, left: Subscription, before: _Stock, *, edits: bool) -> tuple[Outcome, Subscription]:
    """What happened, and the subscription that it happened to or that it made."""
    if left.status == "canceled":
        return Outcome.canceled, left
    if left.status == "terminated":
        return Outcome.terminated, left
    known = before.subscriptions.get(left.id)
    if known is None:
        if left.previous_subscription_id is not None:
            return Outcome.upgraded, left
        return (Outcome.scheduled if left.status == "pending" else Outcome.started), left
    if edits:
        return (Outcome.started if known[0] != left.status else Outcome.updated), left
    successor = (await pending_successors(ctx, [left])).get(left.id)
    if successor is not None and successor.id not in before.subscriptions:
        return Outcome.downgraded, successor
    return (Outcome.unchanged if known[1] == left.plan_id else Outcome.rescheduled), left


async def _outlook(
    ctx: Context, customer: Customer, outcome: Outcome, left: Subscription, shown: Subscription, before: _Stock
) -> Outlook:
    tz = applicable_timezone(customer, ctx.organization)
    snapshot = await plan_of(ctx, shown)
    plan = await ctx.session.get_one(Plan, shown.plan_id)
    invoices = await _invoices(ctx, customer, before.since, before.invoices)
    notes = await ctx.session.scalars(select(CreditNote).where(*_made(CreditNote, customer, before.since)))
    credit_notes = [_credit_note(note) for note in notes if note.id not in before.credit_notes]
    at = await _effect(ctx, outcome, left, shown, tz)
    goes_on = outcome not in (Outcome.terminated, Outcome.canceled)
    first, last, trial_ends_at = await _dates(ctx, shown, snapshot, at, tz) if goes_on else (None, None, None)
    name, ends_at = plan.name, shown.ending_due_at or shown.ending_at
    coming = None
    if goes_on:
        known = before.invoices.union(invoice_id for invoice_id, _ in invoices)
        switch_at = at if outcome is Outcome.downgraded else None
        coming = await _coming(ctx, customer, left, switch_at, before.since, known)
    return Outlook(
        outcome=outcome,
        timezone=tz,
        takes_effect_at=at,
        plan_name=name,
        pay_in_advance=snapshot.pay_in_advance,
        period_from=first,
        period_to=last,
        trial_ends_at=trial_ends_at,
        ends_at=ends_at,
        invoices=[invoice for _, invoice in invoices],
        credit_notes=credit_notes,
        next_invoice=coming,
    )


async def _effect(ctx: Context, outcome: Outcome, left: Subscription, shown: Subscription, tz: str) -> datetime:
    if outcome is Outcome.downgraded:
        terms = terms_of(left, await plan_of(ctx, left), tz)
        return start_of_day(switch_day(terms, terms.local(ctx.now())), tz)
    if outcome is Outcome.terminated:
        return shown.terminated_at or ctx.now()
    if outcome is Outcome.canceled:
        return ctx.now()
    return shown.started_at or activation_at(shown.subscription_at, tz)


async def _dates(
    ctx: Context, shown: Subscription, plan: PlanSnapshot, takes_effect_at: datetime, tz: str
) -> tuple[datetime, datetime, datetime | None]:
    """First and last day of the plan period, and the end of a trial that has not ended by then."""
    at = max(takes_effect_at, ctx.now())
    terms = terms_of(shown, plan, tz)
    period = terms.fee_period(terms.local(at))
    first_start = await first_started_at(ctx, shown.customer_id, shown.external_id) or takes_effect_at
    end = trial_end(min(first_start, takes_effect_at), plan.trial_period)
    running = Trial(end, shown.trial_ended_at).is_running(at)
    return start_of_day(period.start, tz), start_of_day(period.end, tz), end if running else None


async def _coming(
    ctx: Context,
    customer: Customer,
    subscription: Subscription,
    switch_at: datetime | None,
    since: datetime,
    known: frozenset[UUID],
) -> OutlookInvoice | None:
    """The first invoice that comes by itself: at the switch of a downgrade, else at the earliest due instant that
    makes one (spec 03 §8.1). ``None`` if there is none, or if it cannot be computed."""
    try:
        if switch_at is not None:
            subscription = await catch_up(ctx, customer, subscription, switch_at)
            await bill_periodic(ctx, customer, [subscription], switch_at)
            made = await _invoices(ctx, customer, since, known)
            return made[-1][1] if made else None
        for _ in range(_STEPS_AHEAD):
            ended = not await _step(ctx, customer, subscription)
            made = await _invoices(ctx, customer, since, known)
            if made or ended:
                return made[0][1] if made else None
    except Unprocessable:
        pass
    return None


async def _step(ctx: Context, customer: Customer, subscription: Subscription) -> bool:
    """Do what is due next for the subscription; ``False`` when nothing is."""
    if subscription.status == "pending" and subscription.activation_due_at is not None:
        await start(ctx, customer, subscription, subscription.activation_due_at, StartDay.today)
        return True
    ending, billing, trial = subscription.ending_due_at, subscription.next_billing_at, subscription.trial_due_at
    due = [instant for instant in (ending, billing, trial) if instant is not None]
    if subscription.status != "active" or not due:
        return False
    at = min(due)
    if at == ending:
        await terminate(ctx, customer, subscription, at)
    elif at == billing:
        await bill_periodic(ctx, customer, [subscription], at)
    else:
        await end_trial(ctx, customer, subscription)
    return True


async def _invoices(
    ctx: Context, customer: Customer, since: datetime, known: frozenset[UUID]
) -> list[tuple[UUID, OutlookInvoice]]:
    """Invoices that were not known, in the order in which they were made. Raises ``Unprocessable``."""
    await ctx.session.flush()
    invoices = (
        await ctx.session.scalars(
            select(Invoice)
            .where(*_made(Invoice, customer, since), col(Invoice.id).not_in(known), col(Invoice.status) != "closed")
            .order_by(col(Invoice.timestamp), col(Invoice.id))
            .execution_options(populate_existing=True)
        )
    ).all()
    if any(invoice.status == "generating" for invoice in invoices):
        raise Unprocessable("invoice_generation_error")
    fees = (
        await ctx.session.scalars(
            select(Fee)
            .where(col(Fee.invoice_id).in_([invoice.id for invoice in invoices]), col(Fee.deleted_at).is_(None))
            .order_by(col(Fee.position), col(Fee.id))
        )
    ).all()
    cut = await cut_by_upgrades(ctx, fees)
    lines: dict[UUID | None, list[OutlookFee]] = {}
    zones: dict[UUID | None, str] = {invoice.id: invoice.timezone for invoice in invoices}
    for fee in fees:
        lines.setdefault(fee.invoice_id, []).append(_fee(fee, zones[fee.invoice_id], cut=fee.id in cut))
    return [(invoice.id, _invoice(invoice, lines.get(invoice.id, []))) for invoice in invoices]


def _fee(fee: Fee, tz: str, *, cut: bool) -> OutlookFee:
    name = fee.invoice_display_name or fee.item.get("invoice_display_name") or fee.item.get("name") or ""
    begin = fee.charges_from_datetime if fee.fee_type == "charge" else fee.from_datetime
    return OutlookFee(
        fee_type=fee.fee_type,
        name=str(name),
        amount_cents=fee.amount_cents,
        first_on=None if begin is None else local_date(begin, tz),
        last_on=last_day(fee, tz, cut=cut),
    )


def _invoice(invoice: Invoice, fees: Sequence[OutlookFee]) -> OutlookInvoice:
    return OutlookInvoice(
        at=invoice.timestamp,
        currency=invoice.currency,
        fees=fees,
        fees_amount_cents=invoice.fees_amount_cents,
        coupons_amount_cents=invoice.coupons_amount_cents,
        taxes_amount_cents=invoice.taxes_amount_cents,
        credit_notes_amount_cents=invoice.credit_notes_amount_cents,
        prepaid_credit_amount_cents=invoice.prepaid_credit_amount_cents,
        total_amount_cents=invoice.total_amount_cents,
    )


def _credit_note(note: CreditNote) -> OutlookCreditNote:
    return OutlookCreditNote(
        currency=note.currency,
        total_amount_cents=note.total_amount_cents,
        credit_amount_cents=note.credit_amount_cents,
        refund_amount_cents=note.refund_amount_cents,
        offset_amount_cents=note.offset_amount_cents,
    )
