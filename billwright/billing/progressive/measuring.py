"""Lifetime usage of a running subscription as it is now (spec 02 §13.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import ChargeSnapshot
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.charge_fees import charges_in_arrears
from billwright.billing.invoicing.charge_usage import PricedBucket, price_charges, window_of
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.rows import Row, new_row
from billwright.billing.progressive.checking import Usage
from billwright.billing.progressive.models import LifetimeUsage
from billwright.billing.progressive.queries import chain_of, invoiced_usage, progressive_invoices
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import plan_of


@dataclass(frozen=True, slots=True)
class Measured:
    """``row``: the subscription in the full charges period of the moment; ``charges``: what its charges in arrears cost
    in it; ``latest``: the period's latest progressive invoice.
    """

    row: Row
    charges: Sequence[tuple[ChargeSnapshot, Sequence[PricedBucket]]]
    usage: Usage
    latest: Invoice | None


async def measure(
    ctx: Context, customer: Customer, subscription: Subscription, record: LifetimeUsage, t: datetime
) -> Measured:
    """Usage of ``subscription`` at ``t``. Raises the event store's and custom aggregators' errors."""
    plan = await plan_of(ctx, subscription)
    row = await new_row(ctx, subscription, plan, Case.progressive, t, applicable_timezone(customer, ctx.organization))
    charges: list[tuple[ChargeSnapshot, Sequence[PricedBucket]]] = []
    if row.windows.bills_charges:
        billed = await charges_in_arrears(ctx, row)
        window = window_of(subscription.external_id, row.windows)
        charges = list(zip(billed, await price_charges(ctx, billed, window, plan.amount_currency), strict=True))
    opened, closed = row.windows.charges_from_datetime, row.windows.charges_to_datetime
    made = await progressive_invoices(ctx, subscription.id, opened, closed)
    usage = Usage(
        historical=record.external_historical_usage_amount_cents,
        invoiced=await invoiced_usage(ctx, await chain_of(ctx, subscription)),
        current=sum(bucket.amount_cents for _, buckets in charges for bucket in buckets),
        progressive=made[0].fees_amount_cents if made else 0,
    )
    return Measured(row, charges, usage, made[0] if made else None)
