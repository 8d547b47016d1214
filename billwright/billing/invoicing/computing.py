"""Computing an invoice: the fees of its rows and their totals. Reads only; nothing is stored here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.adjusted_fees.applying import adjusted_subscription_fee, adjustments_of
from billwright.billing.catalog.snapshot import TaxRate
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import document_locale
from billwright.billing.invoicing.charge_fees import charge_fees_of
from billwright.billing.invoicing.commitment_fees import commitment_fee_of
from billwright.billing.invoicing.fee_drafts import CustomerTaxes, FeeDraft
from billwright.billing.invoicing.rows import Row
from billwright.billing.invoicing.subscription_fees import subscription_fee_of
from billwright.billing.invoicing.totals import Totals, totals_of
from billwright.billing.kernel.statements import fetch, flush


@dataclass(frozen=True, slots=True)
class Computation:
    """Fees in the order in which they are stored, the totals over them, and the subscriptions that they bill."""

    fees: list[FeeDraft]
    totals: Totals
    rows: Sequence[Row] = ()


_TAXES = """
select t.id, t.code, t.name, t.description, t.rate, own.tax_id is not null as own
from taxes t left join customers_taxes own on own.tax_id = t.id and own.customer_id = $2
where t.organization_id = $1 and t.deleted_at is null and (own.tax_id is not null or t.applied_to_organization)
order by t.created_at, t.id
"""


async def taxes_of_customer(ctx: Context, customer: Customer) -> tuple[TaxRate, ...]:
    """The customer's own taxes, else the organization's defaults (spec 05 A2, the last two levels)."""
    rows = await fetch(ctx.session, _TAXES, ctx.organization_id, customer.id)
    own = any(row["own"] for row in rows)
    return CustomerTaxes(
        TaxRate(row["id"], row["code"], row["name"], row["description"], row["rate"])
        for row in rows
        if row["own"] or not own
    )


async def compute(
    ctx: Context, customer: Customer, rows: Sequence[Row], *, invoice_id: UUID | None = None
) -> Computation:
    """Fees and totals of ``rows``. ``invoice_id`` is set when an existing invoice is rebuilt.

    Raises the event store's and custom aggregators' errors; never bills partial results (spec 01 §9.2).
    """
    await flush(ctx.session)
    customer_taxes = await taxes_of_customer(ctx, customer)
    adjustments = await adjustments_of(ctx, invoice_id)
    fees: list[FeeDraft] = []
    for row in rows:
        computed = await subscription_fee_of(ctx, row, customer_taxes, invoice_id=invoice_id)
        fee = adjusted_subscription_fee(adjustments, computed, row.plan.amount_currency)
        own = [fee] if fee is not None else []
        if row.windows.bills_charges:
            own.extend(await charge_fees_of(ctx, row, customer_taxes, adjustments))
        missing = await commitment_fee_of(
            ctx, row, own, customer_taxes, locale=document_locale(customer, ctx.organization), invoice_id=invoice_id
        )
        fees.extend(own if missing is None else [*own, missing])
    return Computation(fees, totals_of(fees), rows)
