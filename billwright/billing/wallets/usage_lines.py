"""What a customer owes and no invoice has settled yet, line by line (spec 05 D8). Reads only.

  current usage of the active subscriptions, taxes included; of charges in arrears, as the others' fees of events and of
  renewals bill it at once
+ fees of drafts
- what progressive invoices have billed of that usage already
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.computing import taxes_of_customer
from billwright.billing.kernel.statements import Row, fetch
from billwright.billing.metering.usage import CurrentUsage, UsageRequest, usage_of
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.taxes.computation import TaxableFee, fee_taxes
from billwright.billing.wallets.distribution import Line

_WITHOUT_TAXES = UsageRequest(apply_taxes=False)
_TAKEN_BACK = ("voided", "deleted", "closed")

_DRAFTS = """
select f.currency, f.fee_type, f.item->>'id' as item_id,
  sum(f.amount_cents + f.taxes_amount_cents - f.precise_coupons_amount_cents) as amount
from fees f join invoices i on i.id = f.invoice_id
where i.organization_id = $1 and i.customer_id = $2 and i.status = 'draft' and i.total_amount_cents <> 0
  and f.deleted_at is null
group by 1, 2, 3
"""
_BILLED = f"""
select f.currency, f.item->>'id' as item_id,
  sum(f.amount_cents + f.taxes_amount_cents - f.precise_coupons_amount_cents) as amount
from unnest($2::uuid[], $3::timestamptz[]) as period(subscription_id, since)
join fees f on f.subscription_id = period.subscription_id and f.charges_from_datetime >= period.since
join invoices i on i.id = f.invoice_id
where f.organization_id = $1 and f.fee_type = 'charge' and f.deleted_at is null
  and i.invoice_type = 'progressive_billing' and i.status not in {_TAKEN_BACK}
group by 1, 2
"""  # noqa: S608 - made of constants of this module; every value is a parameter


async def usage_lines(ctx: Context, customer: Customer) -> dict[str, list[Line]]:
    """The lines by currency; the customer must be locked, so that no period counts twice or not at all."""
    await ctx.session.flush()
    subscriptions = (
        await ctx.session.scalars(
            select(Subscription)
            .where(
                col(Subscription.organization_id) == ctx.organization_id,
                col(Subscription.customer_id) == customer.id,
                col(Subscription.status) == "active",
            )
            .order_by(col(Subscription.id))
        )
    ).all()
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    usages = [await usage_of(ctx, customer, item, _WITHOUT_TAXES) for item in subscriptions]
    for usage in usages:
        lines[usage.currency] += await _lines_of(ctx, customer, usage)
    for row in await fetch(ctx.session, _DRAFTS, ctx.organization_id, customer.id):
        lines[row["currency"]].append(_line(row["fee_type"], row["item_id"], row["amount"]))
    for row in await _billed(ctx, usages):
        lines[row["currency"]].append(_line("charge", row["item_id"], -row["amount"]))
    return dict(lines)


def _line(fee_type: str, item_id: str | None, amount: Decimal) -> Line:
    return Line(fee_type, item_id if fee_type == "charge" else None, Fraction(amount))


async def _lines_of(ctx: Context, customer: Customer, usage: CurrentUsage) -> list[Line]:
    """A subscription's usage with the taxes of each fee, as an invoice would show them."""
    buckets = [(charge, bucket) for charge, priced in usage.charges if not charge.pay_in_advance for bucket in priced]
    own = await taxes_of_customer(ctx, customer) if buckets else ()
    lines: list[Line] = []
    for charge, bucket in buckets:
        fee = TaxableFee(
            amount_cents=bucket.amount_cents,
            precise_amount_cents=bucket.precise_amount_cents,
            discount_cents=Decimal(0),
            taxes=charge.taxes or usage.plan.taxes or own,
        )
        amount = bucket.amount_cents + fee_taxes(fee).taxes_amount_cents
        lines.append(Line("charge", str(charge.metric.id), Fraction(amount)))
    return lines


async def _billed(ctx: Context, usages: Sequence[CurrentUsage]) -> Sequence[Row]:
    if not usages:
        return ()
    ids = [usage.subscription.id for usage in usages]
    return await fetch(ctx.session, _BILLED, ctx.organization_id, ids, [usage.from_datetime for usage in usages])
