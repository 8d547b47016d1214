"""The invoice of one event (spec 02 §10.5)."""

from __future__ import annotations

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import finalizes_empty_invoices
from billwright.billing.invoicing.billing import new_invoice, settle
from billwright.billing.invoicing.computing import Computation
from billwright.billing.invoicing.dates import dates_at_generation
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.rows import Row
from billwright.billing.invoicing.totals import totals_of
from billwright.billing.notifications.service import emit


async def invoice_event(ctx: Context, customer: Customer, row: Row, fee: FeeDraft) -> Invoice:
    """An invoice of this one fee, dated by the event, numbered now; never a draft. ``customer`` must be locked.

    ``closed`` and unannounced when it is empty and such invoices are skipped (spec 04 §7).
    """
    t, tz = row.windows.timestamp, row.windows.tz
    dates = dates_at_generation(customer, ctx.organization, t, has_grace_period=False, periodic=False, tz=tz)
    invoice = new_invoice(ctx, customer, dates, currency=row.plan.amount_currency, t=t, tz=tz)
    computed = Computation([fee], totals_of([fee]))
    if computed.totals.fees_amount_cents or finalizes_empty_invoices(customer, ctx.organization):
        await emit(ctx, "fee.created", "fee", fee.id)
    await settle(ctx, customer, invoice, computed, rows=[row], issued_at=ctx.now())
    return invoice
