"""What can be done with an issued invoice on its page: payment status, void, lost dispute (spec 07 §7.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui.views.support import Outcome, View
from billwright.ui.views.words import toast_words

PAYMENT_STATUSES = ("pending", "succeeded", "failed")


def may(view: View, invoice: Mapping[str, Any]) -> dict[str, bool]:
    """The actions that the invoice's state and the permissions allow."""
    issued = invoice["status"] == "finalized"
    undisputed = issued and invoice["paymentDisputeLostAt"] is None
    return {
        "status": issued and view.may("invoices:update"),
        "void": undisputed and view.may("invoices:void"),
        "dispute": undisputed and view.may("invoices:update"),
    }


async def set_status(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/payment-status``."""
    status = view.posted("payment_status")
    if status not in PAYMENT_STATUSES:
        await view.ask("PaymentForm", id=view.path("invoice"))  # an invoice of others is not there at all
        return await _answer(view, Outcome(code="value_is_invalid"), "")
    outcome = await view.change("UpdateInvoice", id=view.path("invoice"), paymentStatus=status)
    return await _answer(view, outcome, "Payment status updated")


async def void(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/void``."""
    return await _answer(view, await view.change("VoidInvoice", id=view.path("invoice")), "Invoice voided")


async def lose_dispute(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/dispute``."""
    outcome = await view.change("LoseInvoiceDispute", id=view.path("invoice"))
    return await _answer(view, outcome, "Dispute marked as lost")


async def _answer(view: View, outcome: Outcome, words: str) -> Response:
    from billwright.ui.views.invoice_page import show_invoice  # it shows this module's actions

    toast = ("positive", words) if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    if not view.is_htmx:
        return view.redirect(f"{view.base}/invoice/{view.path('invoice')}", toast)
    return await show_invoice(view, toast=toast)
