"""What the end of a period paid in advance gives back (spec 03 §6.7, §6.8; 05 C4).

The life cycle calls ``credit_unused_period`` where a subscription ends or is upgraded, inside its transaction, with the
customer locked, after ``terminated_at`` is set and before the final invoice is made.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.background.jobs import RetryLater
from billwright.billing.catalog.snapshot import PlanSnapshot
from billwright.billing.credit_notes.unused import credit_unused
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.models import Fee, Invoice, InvoiceSubscription
from billwright.billing.kernel.errors import NotAllowed
from billwright.billing.subscriptions.calendar.termination import (
    UnusedDays,
    credit_note_base,
    current_fee_window,
    is_first_period,
    unused_days,
    used_days,
)
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.windows import TIMEZONE_SLACK
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import PlanTerms, terms_of, trial_of

_STEP = Decimal("0.00001")
PENDING_TAXES = "cannot_terminate_with_pending_taxes"


@contextmanager
def postponed_while_taxes_are_unknown() -> Generator[None]:
    """For jobs that end subscriptions: where one cannot end yet, the job looks again later (spec 03 §6.7)."""
    try:
        yield
    except NotAllowed as refused:
        if refused.code != PENDING_TAXES:
            raise
        raise RetryLater(timedelta(minutes=5)) from None


@dataclass(frozen=True, slots=True)
class UnusedPeriod:
    """The paid part of a period that nobody will use. Amounts in minor units of the fee's currency, before coupons and
    taxes; ``plan_amount_cents`` is the price recorded on ``fee``, the last subscription fee.
    """

    fee: Fee
    invoice: Invoice
    plan_amount_cents: int
    unused: UnusedDays
    used_days: int
    """Days of the period used, the day of the end included (spec 05 C4, ``used_part``)."""

    def item_amount_cents(self, already_credited_cents: Decimal | int = 0) -> Decimal:
        """The credit note's item: ``trunc5(min(P * unused / D, fee) - already credited)``, 0 if nothing is left.

        ``already_credited_cents``: items that earlier credit notes hold on the same fee.
        """
        base = credit_note_base(
            self.plan_amount_cents,
            self.unused,
            fee_amount_cents=self.fee.amount_cents,
            already_credited_cents=already_credited_cents,
        )
        with localcontext(prec=60):
            return (Decimal(base.numerator) / Decimal(base.denominator)).quantize(_STEP, rounding=ROUND_DOWN)


async def unused_period(
    ctx: Context, subscription: Subscription, plan: PlanSnapshot, t: datetime, tz: str, *, upgrade: bool = False
) -> UnusedPeriod | None:
    """What ending ``subscription`` at ``t`` leaves unused; ``None`` when there is nothing to give back.

    That is: a plan in arrears, a period whose fee was not billed (spec 03 §6.7 step 2), no subscription fee, one of 0
    cents, one on a voided invoice, or no day left.
    """
    if not plan.pay_in_advance:
        return None
    terms = terms_of(subscription, plan, tz)
    found = await _last_fee(ctx, subscription)
    if found is None:
        return None
    fee, invoice = found
    if fee.amount_cents == 0 or invoice.status == "voided" or not await _is_billed(ctx, subscription, terms, t):
        return None
    trial = await trial_of(ctx, subscription, plan)
    unused = unused_days(terms, t, upgrade=upgrade, trial_end=trial.end)
    if unused.days == 0:
        return None
    return UnusedPeriod(
        fee=fee,
        invoice=invoice,
        plan_amount_cents=int(fee.amount_details.get("plan_amount_cents", plan.amount_cents)),
        unused=unused,
        used_days=used_days(terms, fee.from_datetime or t, t, trial_end=trial.end),
    )


async def _last_fee(ctx: Context, subscription: Subscription) -> tuple[Fee, Invoice] | None:
    rows = await ctx.session.execute(
        select(Fee, Invoice)
        .join(Invoice, col(Invoice.id) == col(Fee.invoice_id))
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.subscription_id) == subscription.id,
            col(Fee.fee_type) == "subscription",
            col(Fee.deleted_at).is_(None),
        )
        .order_by(col(Fee.timestamp).desc(), col(Fee.created_at).desc(), col(Fee.id).desc())
        .limit(1)
    )
    found = rows.first()
    return None if found is None else (found[0], found[1])


async def _is_billed(ctx: Context, subscription: Subscription, terms: Terms, t: datetime) -> bool:
    """Always in the first period, else when an invoice row has the running period's fee window, in the time zone that
    the customer had then (spec 03 §3.7, §6.7): who has moved since has paid all the same.
    """
    if is_first_period(terms, t):
        return True
    opened, closed = current_fee_window(terms, t)
    rows = await ctx.session.scalars(
        select(col(InvoiceSubscription.id))
        .where(
            col(InvoiceSubscription.subscription_id) == subscription.id,
            col(InvoiceSubscription.from_datetime).between(opened - TIMEZONE_SLACK, opened + TIMEZONE_SLACK),
            col(InvoiceSubscription.to_datetime).between(closed - TIMEZONE_SLACK, closed + TIMEZONE_SLACK),
            col(InvoiceSubscription.replaced_at).is_(None),
        )
        .limit(1)
    )
    return rows.first() is not None


async def taxes_are_unknown(ctx: Context, subscription: Subscription, plan: PlanTerms) -> bool:
    """Whether ``subscription`` cannot end yet: the invoice of its last fee in advance waits for its taxes."""
    found = await _last_fee(ctx, subscription) if plan.pay_in_advance else None
    return found is not None and found[1].tax_status == "pending"


async def credit_unused_period(
    ctx: Context,
    customer: Customer,
    subscription: Subscription,
    plan: PlanSnapshot,
    t: datetime,
    *,
    option: str = "credit",
    upgrade: bool = False,
    reason: str = "order_cancellation",
) -> UnusedPeriod | None:
    """Give back the unused part of ``subscription``'s period, which ends at ``t``; the one door to credit notes here.

    ``option``: ``credit`` (the customer's balance; always so on upgrades), ``refund``, ``offset`` or ``skip``.
    ``upgrade``: the day of ``t`` belongs to the new plan and is given back too. The credit note has ``reason``, is
    attached to the invoice of the last subscription fee, is a draft while that invoice is one, and exists before the
    final invoice, which may use it (spec 05 C4). Returns what is unused, ``None`` if there is nothing to credit.

    Raises ``NotAllowed("cannot_terminate_with_pending_taxes")`` while the taxes of that fee are not known: nothing may
    have been changed for good (spec 03 §6.7, 05 A7).
    """
    if await taxes_are_unknown(ctx, subscription, plan):
        raise NotAllowed(PENDING_TAXES)
    if option == "skip":
        return None
    tz = applicable_timezone(customer, ctx.organization)
    unused = await unused_period(ctx, subscription, plan, t, tz, upgrade=upgrade)
    if unused is not None:
        await credit_unused(ctx, customer, unused, option=option, reason=reason)
    return unused
