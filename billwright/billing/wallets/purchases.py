"""The invoice of a purchase of credits (spec 05 D4): one fee, no taxes, no credits, no grace period."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.customers.locking import lock_customer, lock_scope
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.billing import new_invoice
from billwright.billing.invoicing.dates import dates_at_generation
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.issuing import issue
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.totals import totals_of
from billwright.billing.invoicing.writing import apply_totals, insert_fees
from billwright.billing.wallets.models import Wallet, WalletTransaction
from billwright.billing.wallets.transactions import BILL_PURCHASE


@job(BILL_PURCHASE)
async def bill_purchase_job(call: JobCall) -> None:
    """Bill a purchase once."""
    async with call.runtime.database.transaction() as session:
        organization = await session.get_one(Organization, call.organization_id)
        ctx = Context(session, organization, event_store=call.runtime.event_store)
        await bill_purchase(ctx, UUID(call.arguments["transaction_id"]))


async def bill_purchase(ctx: Context, transaction_id: UUID) -> Invoice | None:
    """The invoice of a pending purchase; ``None`` when it has one already.

    Issued at once, unless it requires a successful payment: then it is ``open``, without a number and invisible,
    until the payment succeeds.
    """
    found = (
        await ctx.session.execute(
            select(WalletTransaction, Wallet)
            .join(Wallet, col(Wallet.id) == col(WalletTransaction.wallet_id))
            .where(
                col(WalletTransaction.organization_id) == ctx.organization_id,
                col(WalletTransaction.id) == transaction_id,
            )
        )
    ).first()
    if found is None:
        return None
    purchase: WalletTransaction = found[0]
    wallet: Wallet = found[1]
    customer = await lock_customer(ctx, wallet.customer_id)
    if customer is None:
        return None
    await lock_scope(ctx, "prepaid_credit", customer.id)
    await ctx.session.refresh(purchase, with_for_update=True)
    if purchase.transaction_status != "purchased" or purchase.status != "pending" or purchase.invoice_id is not None:
        return None
    invoice = await _make(ctx, customer, wallet, purchase)
    purchase.invoice_id = invoice.id
    purchase.updated_at = ctx.now()
    await ctx.session.flush()
    return invoice


async def _make(ctx: Context, customer: Customer, wallet: Wallet, purchase: WalletTransaction) -> Invoice:
    now, tz = ctx.now(), applicable_timezone(customer, ctx.organization)
    dates = dates_at_generation(customer, ctx.organization, now, has_grace_period=False, periodic=False, tz=tz)
    invoice = new_invoice(ctx, customer, dates, currency=wallet.currency, t=now, tz=tz, invoice_type="credit")
    fees = [_fee(wallet, purchase, invoice)]
    totals = totals_of(fees)
    apply_totals(invoice, totals)
    if purchase.invoice_requires_successful_payment:
        invoice.status = "open"
    else:
        await issue(ctx, customer, invoice, now)
    ctx.session.add(invoice)
    await ctx.session.flush()
    await insert_fees(ctx, invoice, fees, totals)
    return invoice


def _fee(wallet: Wallet, purchase: WalletTransaction, invoice: Invoice) -> FeeDraft:
    label = f"Prepaid credits - {wallet.name}" if wallet.name else "Prepaid credits"
    return FeeDraft(
        fee_type="credit",
        subscription=None,
        amount_cents=purchase.amount_cents,
        precise_amount_cents=Decimal(purchase.amount_cents),
        units=purchase.credit_amount,
        precise_unit_amount=wallet.rate_amount,
        from_datetime=invoice.timestamp,
        to_datetime=invoice.timestamp,
        charges_from_datetime=None,
        charges_to_datetime=None,
        charges_duration=None,
        timestamp=invoice.timestamp,
        invoice_display_name=purchase.name or label,
        item={
            "type": "credit",
            "item_type": "WalletTransaction",
            "id": str(purchase.id),
            "code": "credit",
            "name": purchase.name or "credit",
            "description": None,
            "invoice_display_name": purchase.name or label,
            "transaction_name": purchase.name,
            "wallet_name": wallet.name,
        },
        explanation={"rate_amount": str(wallet.rate_amount)},
    )
