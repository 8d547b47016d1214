"""The progressive invoice: all usage of the running period, as soon as a threshold is passed (spec 02 §13.4)."""

from __future__ import annotations

from collections.abc import Sequence

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.billing import new_invoice, settle
from billwright.billing.invoicing.charge_fees import charge_fee
from billwright.billing.invoicing.computing import Computation, taxes_of_customer
from billwright.billing.invoicing.dates import dates_at_generation
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.totals import totals_of
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.service import emit
from billwright.billing.progressive.checking import Passed, reached_amount
from billwright.billing.progressive.measuring import Measured
from billwright.billing.progressive.models import AppliedUsageThreshold, ProgressiveInvoice, UsageThreshold
from billwright.billing.progressive.schemas import applicable_threshold_object, usage_threshold_object
from billwright.billing.progressive.thresholds import grid_of

TYPE = "progressive_billing"


async def bill_usage(
    ctx: Context, customer: Customer, measured: Measured, thresholds: Sequence[UsageThreshold], found: Passed
) -> Invoice:
    """One invoice for the thresholds that ``found`` says were passed; never a draft. The customer must be locked.

    Raises ``IntegrityError`` when another run has made it already.
    """
    row, subscription = measured.row, measured.row.subscription
    t, tz = row.windows.timestamp, row.windows.tz
    dates = dates_at_generation(customer, ctx.organization, t, has_grace_period=False, periodic=False, tz=tz)
    currency = row.plan.amount_currency
    invoice = new_invoice(ctx, customer, dates, currency=currency, t=t, tz=tz, invoice_type=TYPE)
    customer_taxes = await taxes_of_customer(ctx, customer)
    fees = [
        fee
        for charge, buckets in measured.charges
        for bucket in buckets
        if charge.invoiceable
        and not (fee := charge_fee(row, bucket, charge.taxes or row.plan.taxes or customer_taxes)).is_empty
    ]
    await settle(ctx, customer, invoice, Computation(fees, totals_of(fees), [row]), rows=[row])
    applied = [item for item in thresholds if (found.recurring if item.recurring else item.amount_cents in found.steps)]
    await _remember(ctx, invoice, measured, thresholds, applied, found)
    shown = [applicable_threshold_object(item) for item in thresholds]
    for item in applied:
        details = {"usage_threshold": usage_threshold_object(item), "applicable_usage_thresholds": shown}
        await emit(ctx, "subscription.usage_threshold_reached", "subscription", subscription.id, details)
    return invoice


async def _remember(
    ctx: Context,
    invoice: Invoice,
    measured: Measured,
    thresholds: Sequence[UsageThreshold],
    applied: Sequence[UsageThreshold],
    found: Passed,
) -> None:
    """Why the invoice was made, and once: the unique index on ``progressive_invoices``."""
    usage, now, last = measured.usage, ctx.now(), applied[-1]
    previous = measured.latest.id if last.recurring and measured.latest is not None else None
    ctx.session.add(
        ProgressiveInvoice(
            invoice_id=invoice.id,
            organization_id=ctx.organization_id,
            external_subscription_id=measured.row.subscription.external_id,
            charges_from_datetime=measured.row.windows.charges_from_datetime,
            invoiced_amount_cents=usage.historical + usage.invoiced,
            lifetime_usage_amount_cents=usage.total,
            threshold_amount_cents=last.amount_cents,
            passed_amount_cents=reached_amount(grid_of(thresholds), found, usage.total),
            recurring=last.recurring,
            previous_invoice_id=previous,
        )
    )
    ctx.session.add_all(
        AppliedUsageThreshold(
            id=new_id(),
            created_at=now,
            updated_at=now,
            organization_id=ctx.organization_id,
            usage_threshold_id=item.id,
            invoice_id=invoice.id,
            lifetime_usage_amount_cents=usage.total,
        )
        for item in applied
    )
    await ctx.session.flush()
