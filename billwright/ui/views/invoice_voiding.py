"""Voiding an invoice: the page that says what becomes of it, and what may be given back (spec 07 §7.8, 04 §9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.views.invoices import invoice_href
from billwright.ui.views.money import minor_units, written
from billwright.ui.views.support import View
from billwright.ui.views.words import in_words, toast_words

Data = Mapping[str, Any]
FORM = "invoices/void.html"


async def void_form(view: View) -> Response:
    """``GET /{slug}/invoice/{id}/void``."""
    invoice = await _invoice(view)
    if not _is_voidable(invoice):
        return view.redirect(invoice_href(view, invoice), ("info", "This invoice cannot be voided any more"))
    refund, creditable = int(invoice["refundableAmountCents"]), int(invoice["creditableAmountCents"])
    values = {
        "give_back": "no",
        "refund": written(refund, invoice["currency"]),
        "credit": written(max(creditable - refund, 0), invoice["currency"]),
    }
    return await _form(view, invoice, values, {})


async def void(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/void``."""
    invoice = await _invoice(view)
    values = {name: view.posted(name) for name in ("give_back", "refund", "credit")}
    asked: dict[str, Any] = {}
    problems: dict[str, str] = {}
    if values["give_back"] == "yes":
        asked["generateCreditNote"] = True
        for name in ("refund", "credit"):
            cents = minor_units(values[name], invoice["currency"]) if values[name] else "0"
            if cents is None or int(cents) < 0:
                problems[name] = in_words("invalid_value")
            asked[f"{name}Amount"] = cents
    if problems:
        return await _form(view, invoice, values, problems, "value_is_invalid")
    outcome = await view.change("VoidInvoice", id=invoice["id"], **asked)
    if not outcome.ok and not outcome.fields:
        return view.redirect(invoice_href(view, invoice), ("negative", toast_words(outcome.code, outcome.fields)))
    if not outcome.ok:
        beyond = "creditRefundAmount" in outcome.fields
        words = "More than can be given back." if beyond else toast_words(outcome.code, outcome.fields)
        return await _form(view, invoice, values, {"credit": words}, outcome.code)
    return view.redirect(invoice_href(view, invoice), ("positive", f"{invoice['number']} is void"))


async def _invoice(view: View) -> Data:
    invoice: Data = (await view.ask("InvoiceVoiding", id=view.path("invoice")))["invoice"]
    return invoice


def _is_voidable(invoice: Data) -> bool:
    return invoice["status"] == "finalized" and invoice["paymentDisputeLostAt"] is None


async def _form(
    view: View, invoice: Data, values: Mapping[str, str], errors: Mapping[str, str], code: str | None = None
) -> Response:
    currency = invoice["currency"]
    creditable, refundable = int(invoice["creditableAmountCents"]), int(invoice["refundableAmountCents"])
    content = {
        "title": f"Void {invoice['number']}",
        "url": view.url,
        "invoice": {
            "number": invoice["number"],
            "href": invoice_href(view, invoice),
            "currency": currency,
            "total_cents": int(invoice["totalAmountCents"]),
        },
        "action": f"{invoice_href(view, invoice)}/void",
        "consequences": _consequences(invoice),
        "creditable_cents": creditable,
        "refundable_cents": refundable,
        "values": values,
        "errors": {name: errors.get(name) for name in ("refund", "credit")},
        "api": view.api(
            "VoidInvoice",
            "POST",
            f"/invoices/{invoice['id']}/void",
            {"generate_credit_note": True, "credit_amount": creditable - refundable, "refund_amount": refundable},
        ),
    }
    block = "void_form" if code is not None and view.is_htmx else None
    return await view.page(FORM, "invoices", content, block, status_code=422 if code is not None else 200)


def _consequences(invoice: Data) -> list[str]:
    """What voiding does, in figures."""
    currency = invoice["currency"]

    def money(name: str) -> str:
        return formatting.money_with_currency(invoice[f"{name}AmountCents"], currency)

    due, paid = int(invoice["totalDueAmountCents"]), int(invoice["totalPaidAmountCents"])
    found = [
        f"{money('totalDue')} are not due any more." if due > 0 else "Nothing was due on it any more.",
        "Number, document and amounts stay as they are.",
    ]
    if paid:
        found.append(f"{money('totalPaid')} were paid. That money stays with you, unless you give it back below.")
    coupons = [item for item in invoice["credits"] if item["itemType"] == "coupon"]
    if coupons:
        names = ", ".join(item["itemName"] for item in coupons)
        found.append(f"{len(coupons)} coupon{'' if len(coupons) == 1 else 's'} can be used again: {names}.")
    if int(invoice["prepaidCreditAmountCents"]):
        found.append(f"{money('prepaidCredit')} go back to the wallets, unless you issue a credit note below.")
    if int(invoice["creditNotesAmountCents"]):
        found.append(f"{money('creditNotes')} of credit notes that it has used do not come back.")
    return [*found, "This cannot be undone."]
