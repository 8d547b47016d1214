"""Standalone fees: in advance, on no invoice (spec 02 §10.5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.writing import FeeOwner, store_fees
from billwright.billing.notifications.service import emit
from billwright.billing.taxes.computation import TaxableFee, fee_taxes
from billwright.billing.wallets.marks import mark_wallets


async def store_standalone(
    ctx: Context, customer: Customer, fees: Sequence[FeeDraft], currency: str, created_at: datetime
) -> None:
    """Fees on no invoice: taxed at once, waiting for their payment, announced by ``fee.created``."""
    taxes = [
        fee_taxes(
            TaxableFee(
                amount_cents=fee.amount_cents,
                precise_amount_cents=fee.precise_amount_cents,
                discount_cents=Decimal(0),
                taxes=fee.taxes,
            )
        )
        for fee in fees
    ]
    owner = FeeOwner(
        organization_id=ctx.organization_id,
        customer_id=customer.id,
        invoice_id=None,
        currency=currency,
        created_at=created_at,
        updated_at=created_at,
    )
    await store_fees(ctx, owner, fees, taxes, "pending")
    for fee in fees:
        await emit(ctx, "fee.created", "fee", fee.id)
    await mark_wallets(ctx, customer.id)
