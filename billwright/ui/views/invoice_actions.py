"""What can be done with an invoice on its page (spec 07 §7.8): who may do what in which state, and doing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui.views import metadata_forms
from billwright.ui.views.credit_note_forms import is_creditable
from billwright.ui.views.payments import may_record
from billwright.ui.views.support import Outcome, View
from billwright.ui.views.words import in_words, toast_words

Data = Mapping[str, Any]
PAYMENT_STATUSES = ("pending", "succeeded", "failed")
MOST_METADATA = 5
_PRINTED = ("finalized", "voided")
"""Statuses with a PDF (spec 04 §18)."""


def may(view: View, invoice: Data) -> dict[str, bool]:
    """The actions that the invoice's state and the permissions allow, on its page."""
    found = may_in_rows(view, invoice)
    issued = invoice["status"] == "finalized"
    return {
        **found,
        "link": _is_unpaid(invoice) and view.may("invoices:update") and bool(invoice["customer"]["paymentProvider"]),
        "credit_note": issued and is_creditable(invoice) and view.may("credit_notes:create"),
    }


def _is_unpaid(invoice: Data) -> bool:
    undisputed = invoice["status"] == "finalized" and invoice["paymentDisputeLostAt"] is None
    return undisputed and invoice["paymentStatus"] != "succeeded"


def may_in_rows(view: View, invoice: Data) -> dict[str, bool]:
    """Those of a row of a list: without what takes a look at every fee to know."""
    status, update = invoice["status"], view.may("invoices:update")
    issued = status == "finalized"
    undisputed = issued and invoice["paymentDisputeLostAt"] is None
    return {
        "download": status in _PRINTED,
        "send": invoice["canBeMailed"] and view.may("invoices:send"),
        "collect": _is_unpaid(invoice) and view.may("invoices:send"),
        "record_payment": may_record(view, invoice),
        "status": issued and update,
        "void": undisputed and view.may("invoices:void"),
        "dispute": undisputed and update,
        "retry": status == "failed" and update,
        "finalize": status == "draft" and update,
        "refresh": status == "draft" and update,
        "metadata": status not in ("draft", "voided") and update,
        "delete": status == "draft" and view.may("invoices:delete"),
    }


def why_no_credit_note(invoice: Data) -> str:
    """Why none can be issued."""
    if invoice["status"] == "draft":
        return "Credit notes are issued once the invoice is finalized."
    if invoice["status"] == "finalized" and not is_creditable(invoice):
        return "Nothing is left of it that could be given back."
    if invoice["status"] == "voided":
        return "A voided invoice owes nothing."
    return "No credit note yet" if invoice["status"] == "finalized" else "It is not issued yet."


async def set_status(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/payment-status``."""
    status = view.posted("payment_status")
    if status not in PAYMENT_STATUSES:
        await view.ask("PaymentForm", id=view.path("invoice"))  # an invoice of others is not there at all
        return await answer(view, Outcome(code="value_is_invalid"), "")
    outcome = await view.change("UpdateInvoice", id=view.path("invoice"), paymentStatus=status)
    return await answer(view, outcome, "Payment status updated")


async def lose_dispute(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/dispute``."""
    outcome = await view.change("LoseInvoiceDispute", id=view.path("invoice"))
    return await answer(view, outcome, "Dispute marked as lost")


async def retry(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/retry``: determine the taxes of a failed invoice again."""
    outcome = await view.change("RetryInvoice", id=view.path("invoice"))
    return await answer(view, outcome, "Its taxes are being determined again", anew=True)


async def collect(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/collect``: once more to the payment provider (spec 04 §13)."""
    outcome = await view.change("RetryInvoicePayment", id=view.path("invoice"))
    linked = outcome.ok and outcome.data["retryInvoicePayment"]["customer"]["paymentProvider"]
    missing = "Your webhook endpoints were told that the customer has no payment provider"
    return await answer(view, outcome, "Sent for collection" if linked else missing)


async def link(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/payment-link``: the page on which the customer can pay."""
    outcome = await view.change("GeneratePaymentUrl", invoiceId=view.path("invoice"))
    if outcome.ok:
        return view.redirect(outcome.data["generatePaymentUrl"]["paymentUrl"])
    return await answer(view, outcome, "")


async def delete(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/delete``: a draft."""
    outcome = await view.change("DestroyInvoice", id=view.path("invoice"))
    if not outcome.ok:
        return await answer(view, outcome, "")
    return view.redirect(f"{view.base}/invoices", ("positive", "Draft deleted"))


def metadata_of(view: View, invoice: Data) -> dict[str, Any]:
    """What the form of its metadata begins with."""
    rows = [{"id": item["id"], "key": item["key"], "value": item["value"]} for item in invoice["metadata"]]
    return metadata_forms.form_of(_metadata_action(view), "#invoice", rows, most=MOST_METADATA, hint=_METADATA_HINT)


_METADATA_HINT = "At most 5, keys of 20 and values of 140 characters."


def _metadata_action(view: View) -> str:
    return f"{view.base}/invoice/{view.path('invoice')}/metadata"


async def metadata_form(view: View) -> Response:
    """``GET /{slug}/invoice/{id}/metadata``: the form of the dialog."""
    invoice = (await view.ask("InvoiceMetadata", id=view.path("invoice")))["invoice"]
    return await metadata_forms.answer(view, "invoices", metadata_of(view, invoice))


async def set_metadata(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/metadata``: replaces all of it (spec 04 §12)."""
    rows = metadata_forms.posted(view)
    problem = metadata_forms.repeated(rows)
    if problem is None:
        sent = [{**({"id": row["id"]} if row["id"] else {}), "key": row["key"], "value": row["value"]} for row in rows]
        outcome = await view.change("UpdateInvoice", id=view.path("invoice"), metadata=sent)
        if outcome.ok:
            return await answer(view, outcome, "Metadata saved")
        problem = toast_words(outcome.code, outcome.fields)
    return await metadata_forms.refused(view, "invoices", _metadata_action(view), "#invoice", rows, problem)


async def answer(view: View, outcome: Outcome, words: str, *, anew: bool = False) -> Response:
    """The invoice's page after an action, with what came of it; loaded ``anew`` where other dialogs belong to it."""
    from billwright.ui.views.invoice_page import show_invoice  # it shows this module's actions

    toast = ("positive", words) if outcome.ok else ("negative", _failure(outcome))
    if not view.is_htmx or (anew and outcome.ok):
        return view.redirect(f"{view.base}/invoice/{view.path('invoice')}", toast)
    return await show_invoice(view, toast=toast)


def _failure(outcome: Outcome) -> str:
    base = outcome.fields.get("base")
    return in_words(base[0]) if base else toast_words(outcome.code, outcome.fields)
