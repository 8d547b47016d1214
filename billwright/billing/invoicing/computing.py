"""Computing an invoice: the fees of its rows and their totals. Reads only; nothing is stored here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import TaxRate, tax_rate
from billwright.billing.customers.models import Customer, CustomerTax
from billwright.billing.invoicing.charge_fees import charge_fees_of
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.rows import Row
from billwright.billing.invoicing.subscription_fees import subscription_fee_of
from billwright.billing.invoicing.totals import Totals, totals_of
from billwright.billing.taxes.models import Tax


@dataclass(frozen=True, slots=True)
class Computation:
    """Fees in the order in which they are stored, and the totals over them."""

    fees: list[FeeDraft]
    totals: Totals


async def taxes_of_customer(ctx: Context, customer: Customer) -> tuple[TaxRate, ...]:
    """The customer's own taxes, else the organization's defaults (spec 05 A2, the last two levels)."""
    own = await ctx.session.scalars(
        select(Tax)
        .join(CustomerTax, col(CustomerTax.tax_id) == col(Tax.id))
        .where(col(CustomerTax.customer_id) == customer.id, col(Tax.deleted_at).is_(None))
        .order_by(col(Tax.created_at), col(Tax.id))
    )
    taxes = tuple(tax_rate(tax) for tax in own)
    if taxes:
        return taxes
    defaults = await ctx.session.scalars(
        select(Tax)
        .where(
            col(Tax.organization_id) == ctx.organization_id,
            col(Tax.applied_to_organization).is_(True),
            col(Tax.deleted_at).is_(None),
        )
        .order_by(col(Tax.created_at), col(Tax.id))
    )
    return tuple(tax_rate(tax) for tax in defaults)


async def compute(
    ctx: Context, customer: Customer, rows: Sequence[Row], *, invoice_id: UUID | None = None
) -> Computation:
    """Fees and totals of ``rows``. ``invoice_id`` is set when an existing invoice is rebuilt.

    Raises the event store's and custom aggregators' errors; never bills partial results (spec 01 §9.2).
    """
    customer_taxes = await taxes_of_customer(ctx, customer)
    fees: list[FeeDraft] = []
    for row in rows:
        fee = await subscription_fee_of(ctx, row, customer_taxes, invoice_id=invoice_id)
        if fee is not None:
            fees.append(fee)
        if row.windows.bills_charges:
            fees.extend(await charge_fees_of(ctx, row, customer_taxes))
    return Computation(fees, totals_of(fees))
