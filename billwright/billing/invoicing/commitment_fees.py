"""The true-up to a plan's minimum commitment on an invoice row (spec 02 §12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import TaxRate
from billwright.billing.documents.locales import load_locale
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.models import Fee, Invoice, InvoiceSubscription
from billwright.billing.invoicing.rows import Row
from billwright.billing.kernel.money import from_minor_units
from billwright.billing.pricing.commitment import commitment_true_up
from billwright.billing.subscriptions.calendar.periods import Period
from billwright.billing.subscriptions.calendar.timezones import end_of_day, local_date, start_of_day
from billwright.billing.subscriptions.calendar.windows import TIMEZONE_SLACK, Case

_ENDINGS = (Case.terminating, Case.upgrade_old, Case.downgrade_old)
_COUNTED = ("subscription", "charge")
_ONE_DAY = timedelta(days=1)


async def commitment_fee_of(
    ctx: Context,
    row: Row,
    fees: Sequence[FeeDraft],
    customer_taxes: tuple[TaxRate, ...],
    *,
    locale: str,
    invoice_id: UUID | None,
) -> FeeDraft | None:
    """What is missing to the commitment of the interval that ``row`` reconciles, or ``None``.

    ``fees`` are those of the row itself. ``invoice_id`` names the invoice being rebuilt, whose stored fees are replaced
    by them. ``locale``: the language of the fee's name where the commitment has none.
    """
    commitment = row.plan.commitment
    if commitment is None:
        return None
    interval = await _reconciled(ctx, row)
    if interval is None:
        return None
    terms, chosen, plan, subscription = row.terms, row.windows, row.plan, row.subscription
    counted = [_counted(fee) for fee in fees if _draft_counts(fee, interval, terms.tz)]
    counted.extend(await _stored(ctx, row, interval, invoice_id))
    active_days = terms.active_days(interval)
    missing = commitment_true_up(
        commitment.amount_cents,
        active_days=active_days,
        interval_days=interval.days,
        counted_cents=[amount for amount, _ in counted],
        precise_counted_cents=[precise for _, precise in counted],
    )
    if missing is None:
        return None
    since, until = _boundaries(row, interval)
    name = commitment.invoice_display_name or load_locale(locale).text("minimum_commitment")
    return FeeDraft(
        fee_type="commitment",
        subscription=subscription,
        amount_cents=missing.amount_cents,
        precise_amount_cents=missing.precise_amount_cents,
        units=Decimal(1),
        precise_unit_amount=from_minor_units(missing.amount_cents, plan.amount_currency),
        from_datetime=since,
        to_datetime=until,
        charges_from_datetime=chosen.charges_from_datetime,
        charges_to_datetime=chosen.charges_to_datetime,
        charges_duration=chosen.charges_duration_days,
        timestamp=chosen.timestamp,
        taxes=commitment.taxes or plan.taxes or customer_taxes,
        item={
            "type": "commitment",
            "item_type": "Subscription",
            "id": str(subscription.id),
            "code": plan.code,
            "name": plan.name,
            "description": plan.description,
            "invoice_display_name": name,
            "interval": plan.interval,
        },
        explanation={
            "commitment_amount_cents": commitment.amount_cents,
            "days": active_days,
            "period_days": interval.days,
            "due_cents": missing.due_cents,
            "counted_cents": missing.counted_cents,
            "timezone": chosen.tz,
        },
    )


async def _reconciled(ctx: Context, row: Row) -> Period | None:
    """The plan interval that the row closes: in arrears the one whose subscription fee it bills; in advance the one
    before a renewal, and at an ending the running one, or the one just ended. In advance only an interval that an
    invoice opened counts.
    """
    chosen, terms = row.windows, row.terms
    if not terms.pay_in_advance:
        return chosen.fee_period if chosen.bills_subscription_fee else None
    here = terms.fee_period(chosen.day)
    if chosen.case == Case.periodic:
        if chosen.day != here.start:
            return None
        interval = terms.previous_fee_period(chosen.day)
    elif chosen.case in _ENDINGS:
        just_ended = chosen.case == Case.downgrade_old or bool(row.options.get("unbilled", {}).get("fee"))
        interval = terms.previous_fee_period(chosen.day) if just_ended else here
    else:
        return None
    return interval if await _was_opened(ctx, row, interval) else None


async def _was_opened(ctx: Context, row: Row, interval: Period) -> bool:
    """Whether the subscription's start was invoiced in ``interval``, or a periodic invoice opened it."""
    rows = await ctx.session.execute(
        select(col(InvoiceSubscription.recurring), col(InvoiceSubscription.timestamp), col(Invoice.timezone))
        .join(Invoice, col(Invoice.id) == col(InvoiceSubscription.invoice_id))
        .where(
            col(InvoiceSubscription.organization_id) == ctx.organization_id,
            col(InvoiceSubscription.subscription_id) == row.subscription.id,
            col(InvoiceSubscription.invoicing_reason).in_(("subscription_starting", "subscription_periodic")),
            col(InvoiceSubscription.timestamp).between(*_around(interval, row.terms.tz)),
        )
    )
    days = [(recurring, local_date(timestamp, tz)) for recurring, timestamp, tz in rows]
    return any(abs(day - interval.start) <= _ONE_DAY if recurring else day in interval for recurring, day in days)


def _around(interval: Period, tz: str) -> tuple[datetime, datetime]:
    """Instants that hold the interval in whatever time zone the customer had."""
    return start_of_day(interval.start, tz) - TIMEZONE_SLACK, end_of_day(interval.end, tz) + TIMEZONE_SLACK


def _counted(fee: FeeDraft) -> tuple[int, Decimal]:
    return fee.amount_cents, fee.precise_amount_cents


def _draft_counts(fee: FeeDraft, interval: Period, tz: str) -> bool:
    if fee.fee_type == "subscription":
        return _belongs(fee.from_datetime, fee.to_datetime, None, interval, tz)
    return _belongs(fee.charges_from_datetime, fee.charges_to_datetime, fee.item.get("paid_period"), interval, tz)


def _belongs(
    since: datetime | None, until: datetime | None, paid: dict[str, str] | None, interval: Period, tz: str
) -> bool:
    """Whether most days of a fee's period, or of the one that a renewal pays for, lie in ``interval``.

    Most, not all: the days of the same period differ by one when the customer's time zone has changed.
    """
    if paid:
        first, last = date.fromisoformat(paid["from"]), date.fromisoformat(paid["to"])
    elif since is None or until is None:
        return False
    else:
        first, last = local_date(since, tz), local_date(until, tz)
    shared = (min(last, interval.end) - max(first, interval.start)).days + 1
    return 2 * shared > (last - first).days + 1


async def _stored(ctx: Context, row: Row, interval: Period, invoice_id: UUID | None) -> list[tuple[int, Decimal]]:
    """Rounded and precise sums of the interval's fees on other invoices and of standalone ones; those of progressive
    and voided invoices are left out. One sum per period, however many events were billed in advance.
    """
    since, until = _around(interval, row.terms.tz)
    is_charge = col(Fee.fee_type) == "charge"
    item: Any = col(Fee.item)
    explanation: Any = col(Fee.explanation)
    statement = (
        select(
            case((is_charge, col(Fee.charges_from_datetime)), else_=col(Fee.from_datetime)).label("period_from"),
            case((is_charge, col(Fee.charges_to_datetime)), else_=col(Fee.to_datetime)).label("period_to"),
            item["paid_period"].label("paid_period"),
            func.coalesce(col(Invoice.timezone), explanation["timezone"].astext).label("zone"),
            func.sum(col(Fee.amount_cents)),
            func.sum(col(Fee.precise_amount_cents)),
        )
        .outerjoin(Invoice, col(Invoice.id) == col(Fee.invoice_id))
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.subscription_id) == row.subscription.id,
            col(Fee.fee_type).in_(_COUNTED),
            col(Fee.deleted_at).is_(None),
            col(Fee.charges_to_datetime) >= since - _ONE_DAY,  # a renewal stands on the period before the paid one
            col(Fee.charges_from_datetime) <= until,
            or_(
                col(Fee.invoice_id).is_(None),
                (col(Invoice.status) != "voided") & (col(Invoice.invoice_type) != "progressive_billing"),
            ),
        )
        .group_by("period_from", "period_to", "paid_period", "zone")
    )
    if invoice_id is not None:
        statement = statement.where(or_(col(Fee.invoice_id).is_(None), col(Fee.invoice_id) != invoice_id))
    return [
        (int(amount), precise)
        for start, end, paid, tz, amount, precise in await ctx.session.execute(statement)
        if _belongs(start, end, paid, interval, tz or row.terms.tz)
    ]


def _boundaries(row: Row, interval: Period) -> tuple[datetime, datetime]:
    """The interval as far as the subscription was active in it, like the subscription fee's period."""
    terms = row.terms
    since = start_of_day(max(interval.start, terms.local(terms.started_at)), terms.tz)
    until = end_of_day(interval.end, terms.tz)
    if terms.terminated_at is not None:
        until = min(until, terms.terminated_at)
    return since, until
