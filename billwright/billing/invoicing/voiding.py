"""Voiding an issued invoice: what becomes of it and what the customer gets back (spec 04 §9).

The number, the document, the amounts and the payment status stay. Under the customer's row lock, in this order:

    coupons come back -> wallet credits come back (not with a credit note) -> credit notes for what was asked

Credits of progressive invoices need no step: those on voided invoices do not count. Credit notes that the invoice has
consumed are not given back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.coupons.applying import give_coupons_back
from billwright.billing.credit_notes.voiding import check_credit_of_void, credit_voided_invoice
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.drafts import locked_invoice
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.overdue import await_payment
from billwright.billing.kernel.errors import NotAllowed
from billwright.billing.kernel.inputs import Input, NonNegativeInteger
from billwright.billing.notifications.service import emit
from billwright.billing.progressive.marks import mark_usage_of_invoice
from billwright.billing.wallets.use import give_wallet_credits_back

GiveBack = Callable[[Context, Customer, Invoice], Awaitable[None]]
"""Returns to a locked customer what one kind of credit had taken off a voided invoice."""

ALWAYS: tuple[GiveBack, ...] = (give_coupons_back,)
WITHOUT_CREDIT_NOTE: tuple[GiveBack, ...] = (give_wallet_credits_back,)
"""Wallets: with a credit note, what they paid is part of the creditable amount."""


class VoidOptions(Input):
    """Body of ``POST /invoices/{lago_id}/void``, without a root. Amounts in minor units, taxes included."""

    generate_credit_note: bool = False
    credit_amount: NonNegativeInteger = 0
    refund_amount: NonNegativeInteger = 0


async def void_invoice(ctx: Context, invoice_id: UUID, options: VoidOptions) -> Invoice:
    """Cancel an issued invoice; of several calls at once one wins.

    Raises ``NotFound("invoice")``; ``NotAllowed("not_voidable")`` unless it is finalized without a lost dispute;
    ``ValidationFailed`` (``credit_refund_amount``) for a credit note beyond what the invoice can give back.
    """
    invoice, customer = await locked_invoice(ctx, invoice_id)
    if invoice.status != "finalized" or invoice.payment_dispute_lost_at is not None:
        raise NotAllowed("not_voidable")
    if options.generate_credit_note:
        parts = {"credit_cents": options.credit_amount, "refund_cents": options.refund_amount}
        await check_credit_of_void(ctx, invoice, **parts)
    now = ctx.now()
    invoice.status = "voided"
    invoice.voided_at = now
    invoice.updated_at = now
    invoice.payment_overdue = False
    await_payment(invoice, now)
    await ctx.session.flush()
    for give_back in ALWAYS:
        await give_back(ctx, customer, invoice)
    if options.generate_credit_note:
        await credit_voided_invoice(
            ctx, customer, invoice, credit_cents=options.credit_amount, refund_cents=options.refund_amount
        )
    else:
        for give_back in WITHOUT_CREDIT_NOTE:
            await give_back(ctx, customer, invoice)
    await mark_usage_of_invoice(ctx, invoice.id)
    await emit(ctx, "invoice.voided", "invoice", invoice.id)
    await ctx.session.flush()
    return invoice
