"""The subscription fee of a row (spec 03 §4)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import TaxRate
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.models import Fee, Invoice, InvoiceSubscription
from billwright.billing.invoicing.rows import Row
from billwright.billing.kernel.money import decimal_of, exponent
from billwright.billing.subscriptions.calendar.subscription_fee import fee_is_due, subscription_fee
from billwright.billing.subscriptions.calendar.timezones import local_date


async def subscription_fee_of(
    ctx: Context, row: Row, customer_taxes: tuple[TaxRate, ...], *, invoice_id: UUID | None
) -> FeeDraft | None:
    """The row's subscription fee, or ``None`` when none is due (spec 03 §4.2).

    ``invoice_id`` names the invoice being rebuilt, whose own fee does not count as another one.
    """
    guarded = row.windows.bills_subscription_fee and row.terms.pay_in_advance and row.trial.end is not None
    on_same_day = guarded and await _fee_on_same_day(ctx, row, invoice_id)
    if not fee_is_due(row.windows, row.terms, trial=row.trial, fee_on_same_day=on_same_day):
        return None
    plan, chosen, subscription = row.plan, row.windows, row.subscription
    amount = subscription_fee(plan.amount_cents, chosen, trial_end=row.trial.end)
    currency_units = Decimal(amount.amount_cents).scaleb(-exponent(plan.amount_currency))
    return FeeDraft(
        fee_type="subscription",
        subscription=subscription,
        amount_cents=amount.amount_cents,
        precise_amount_cents=decimal_of(amount.precise),
        units=Decimal(1),
        precise_unit_amount=currency_units,
        from_datetime=chosen.from_datetime,
        to_datetime=chosen.to_datetime,
        charges_from_datetime=chosen.charges_from_datetime,
        charges_to_datetime=chosen.charges_to_datetime,
        charges_duration=chosen.charges_duration_days,
        timestamp=chosen.timestamp,
        taxes=plan.taxes or customer_taxes,
        pay_in_advance=plan.pay_in_advance,
        amount_details={"plan_amount_cents": plan.amount_cents},
        item={
            "type": "subscription",
            "item_type": "Subscription",
            "id": str(subscription.id),
            "code": plan.code,
            "name": plan.name,
            "description": plan.description,
            "invoice_display_name": subscription.name or plan.invoice_display_name or plan.name,
            "interval": plan.interval,
            "plan_display_name": plan.invoice_display_name or plan.name,
        },
        explanation={
            "days": amount.days,
            "period_days": amount.period_days,
            "plan_amount_cents": plan.amount_cents,
            "trial_end": row.trial.end.isoformat() if row.trial.end else None,
            "timezone": chosen.tz,
        },
    )


async def _fee_on_same_day(ctx: Context, row: Row, invoice_id: UUID | None) -> bool:
    statement = (
        select(col(InvoiceSubscription.timestamp))
        .join(Fee, col(Fee.invoice_id) == col(InvoiceSubscription.invoice_id))
        .join(Invoice, col(Invoice.id) == col(Fee.invoice_id))
        .where(
            col(InvoiceSubscription.subscription_id) == row.subscription.id,
            col(Fee.subscription_id) == row.subscription.id,
            col(Fee.fee_type) == "subscription",
            col(Invoice.status) != "voided",
            col(Invoice.organization_id) == ctx.organization_id,
        )
    )
    if invoice_id is not None:
        statement = statement.where(col(Invoice.id) != invoice_id)
    timestamps: list[datetime] = list((await ctx.session.scalars(statement)).all())
    return any(local_date(instant, row.windows.tz) == row.windows.day for instant in timestamps)
