"""What documents print of progressive billing (spec 02 §13.4, 04 §19.6)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.documents.invoice_document import PassedThreshold
from billwright.billing.invoicing.models import Credit, Invoice, InvoiceSubscription
from billwright.billing.progressive.queries import reason_of


async def passed_threshold(ctx: Context, invoice: Invoice) -> PassedThreshold | None:
    """Which lifetime usage made a progressive invoice, and the threshold that it passed last; ``None`` for others."""
    reason = await reason_of(ctx, invoice.id) if invoice.invoice_type == "progressive_billing" else None
    return reason and PassedThreshold(
        usage_amount_cents=reason.lifetime_usage_amount_cents, threshold_amount_cents=reason.passed_amount_cents
    )


async def credits_by_subscription(ctx: Context, invoice: Invoice) -> dict[UUID, int]:
    """Usage that was billed already, by subscription, in minor units."""
    if not invoice.progressive_billing_credit_amount_cents:
        return {}
    rows = await ctx.session.execute(
        select(col(InvoiceSubscription.subscription_id), func.sum(col(Credit.amount_cents)))
        .join(Credit, col(Credit.progressive_billing_invoice_id) == col(InvoiceSubscription.invoice_id))
        .where(col(Credit.organization_id) == ctx.organization_id, col(Credit.invoice_id) == invoice.id)
        .group_by(col(InvoiceSubscription.subscription_id))
    )
    return {subscription_id: int(amount) for subscription_id, amount in rows}
