"""What a stored subscription invoice means for progressive billing (spec 02 §13.2, §13.5)."""

from __future__ import annotations

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.waterfall import Waterfall
from billwright.billing.progressive.excess import give_excess_back
from billwright.billing.progressive.marks import mark_usage


async def follow_up(ctx: Context, customer: Customer, flow: Waterfall) -> None:
    """Give back what progressive invoices billed too much, and have the lifetime usage checked. The invoice and its
    credits are stored; the customer is locked."""
    await give_excess_back(ctx, customer, flow)
    if flow.is_watched and flow.invoice.invoice_type == "subscription":
        billed = [row.subscription.external_id for row in flow.rows_billed if row.windows.bills_charges]
        await mark_usage(ctx, billed)
