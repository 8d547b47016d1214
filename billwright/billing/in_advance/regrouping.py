"""Collecting the paid fees of charges with ``regroup_paid_fees: invoice`` on ``advance_charges`` invoices
(spec 02 §10.5, 04 §2.4, §3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Charge
from billwright.billing.catalog.snapshot import TaxRate
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import finalizes_empty_invoices
from billwright.billing.invoicing.billing import new_invoice
from billwright.billing.invoicing.dates import dates_at_generation
from billwright.billing.invoicing.issuing import issue
from billwright.billing.invoicing.models import Fee, FeeTax, Invoice, InvoiceSubscription
from billwright.billing.invoicing.totals import Totals
from billwright.billing.invoicing.writing import apply_totals, insert_fees
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.money import PRECISE
from billwright.billing.kernel.statements import fetch, flush
from billwright.billing.payments.service import record_paid_fees
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.taxes.computation import PaidFeeTax, regrouped_taxes

INVOICE_TYPE = "advance_charges"
REASON = "in_advance_charge_periodic"

_ANY_PAID = """
select 1 from fees where organization_id = $1 and external_subscription_id = any($2::text[])
  and invoice_id is null and payment_status = 'succeeded' and deleted_at is null limit 1
"""
"""Asked by every billing run, and the answer is nearly always no."""


async def regroup_paid_fees(
    ctx: Context,
    customer: Customer,
    subscriptions: Sequence[Subscription],
    t: datetime,
    tz: str,
    *,
    ending: bool = False,
) -> list[Invoice]:
    """Invoice what was paid by ``t`` for the external ids of ``subscriptions``, one invoice per currency.

    Fees of earlier subscriptions with the same external id are found too. Unless one of them is ``ending`` or being
    replaced, a fee paid for a period that is still open waits for the next run. Nothing paid: no invoice. ``customer``
    must be locked.
    """
    external_ids = sorted({item.external_id for item in subscriptions})
    await flush(ctx.session)
    if not await fetch(ctx.session, _ANY_PAID, ctx.organization_id, external_ids):
        return []
    fees = await _paid_fees(ctx, customer, external_ids, t, ending)
    by_currency: dict[str, list[Fee]] = {}
    for fee in fees:
        by_currency.setdefault(fee.currency, []).append(fee)
    return [await _invoice(ctx, customer, group, currency, t, tz) for currency, group in by_currency.items()]


async def _paid_fees(
    ctx: Context, customer: Customer, external_ids: Iterable[str], t: datetime, ending: bool
) -> list[Fee]:
    """Locked, so that no payment status changes under the invoice."""
    statement = (
        select(Fee)
        .join(Charge, col(Charge.id) == col(Fee.charge_id))
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.external_subscription_id).in_(list(external_ids)),
            col(Fee.customer_id) == customer.id,
            col(Fee.invoice_id).is_(None),
            col(Fee.payment_status) == "succeeded",
            col(Fee.deleted_at).is_(None),
            col(Fee.pay_in_advance).is_(True),
            col(Fee.succeeded_at) <= t,
            col(Charge.regroup_paid_fees) == "invoice",
        )
        .order_by(col(Fee.timestamp), col(Fee.created_at), col(Fee.id))
        .with_for_update(of=Fee)
        .execution_options(populate_existing=True)
    )
    if not ending:
        statement = statement.where(col(Fee.charges_to_datetime) <= t)
    return list((await ctx.session.scalars(statement)).all())


async def _invoice(
    ctx: Context, customer: Customer, fees: Sequence[Fee], currency: str, t: datetime, tz: str
) -> Invoice:
    """Finalized at once, and paid in full by what was paid before; never e-mailed, nothing to collect."""
    dates = dates_at_generation(customer, ctx.organization, t, has_grace_period=False, periodic=False, tz=tz)
    invoice = new_invoice(ctx, customer, dates, currency=currency, t=t, tz=tz, invoice_type=INVOICE_TYPE)
    totals = await _totals(ctx, fees)
    apply_totals(invoice, totals)
    invoice.payment_status = "succeeded"
    invoice.skip_automatic_payment = True
    if totals.fees_amount_cents == 0 and not finalizes_empty_invoices(customer, ctx.organization):
        invoice.status = "closed"
    else:
        record_paid_fees(ctx, invoice, t)
        await issue(ctx, customer, invoice, t)
    ctx.session.add(invoice)
    await ctx.session.flush()
    await ctx.session.execute(insert(InvoiceSubscription), _rows(invoice, fees))
    await insert_fees(ctx, invoice, [], totals)
    for position, fee in enumerate(fees):
        fee.invoice_id = invoice.id
        fee.position = position
        fee.updated_at = ctx.now()
    await ctx.session.flush()
    return invoice


async def _totals(ctx: Context, fees: Sequence[Fee]) -> Totals:
    """The fees' amounts and taxes added up, never computed again."""
    amount, taxes = sum(fee.amount_cents for fee in fees), sum(fee.taxes_amount_cents for fee in fees)
    by_id = {fee.id: fee for fee in fees}
    rows = await ctx.session.scalars(
        select(FeeTax)
        .where(col(FeeTax.organization_id) == ctx.organization_id, col(FeeTax.fee_id).in_(list(by_id)))
        .order_by(col(FeeTax.created_at), col(FeeTax.id))
    )
    paid = [
        PaidFeeTax(
            TaxRate(row.tax_id or row.id, row.tax_code, row.tax_name, row.tax_description, row.tax_rate),
            PRECISE.subtract(by_id[row.fee_id].amount_cents, by_id[row.fee_id].precise_coupons_amount_cents),
            row.amount_cents,
        )
        for row in rows
    ]
    return Totals(
        fees_amount_cents=amount,
        progressive_billing_credit_amount_cents=0,
        coupons_amount_cents=0,
        sub_total_excluding_taxes_amount_cents=amount,
        taxes_amount_cents=taxes,
        sub_total_including_taxes_amount_cents=amount + taxes,
        total_amount_cents=amount + taxes,
        taxes=regrouped_taxes(paid, taxes, amount),
    )


def _rows(invoice: Invoice, fees: Sequence[Fee]) -> list[dict[str, Any]]:
    """One row per subscription that has fees here; its windows span theirs."""
    by_subscription: dict[UUID, list[Fee]] = {}
    for fee in fees:
        if fee.subscription_id is not None:
            by_subscription.setdefault(fee.subscription_id, []).append(fee)

    def bound(group: Sequence[Fee], name: str, choose: Any) -> datetime:
        return choose(getattr(fee, name) or fee.timestamp for fee in group)

    return [
        {
            "id": new_id(),
            "created_at": invoice.created_at,
            "updated_at": invoice.updated_at,
            "organization_id": invoice.organization_id,
            "invoice_id": invoice.id,
            "subscription_id": subscription_id,
            "invoicing_reason": REASON,
            "recurring": False,
            "timestamp": invoice.timestamp,
            "from_datetime": bound(group, "from_datetime", min),
            "to_datetime": bound(group, "to_datetime", max),
            "charges_from_datetime": bound(group, "charges_from_datetime", min),
            "charges_to_datetime": bound(group, "charges_to_datetime", max),
            "charges_duration": group[-1].charges_duration or 0,
            "window_case": REASON,
            "window_options": {},
            "replaced_at": None,
        }
        for subscription_id, group in by_subscription.items()
    ]
