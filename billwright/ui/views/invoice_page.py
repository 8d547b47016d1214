"""One invoice: the document that the customer gets, and what happened to it (spec 07 §7.8, 04 §19)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.views.credit_notes import note_row
from billwright.ui.views.customers import customer_href, load_frame, present
from billwright.ui.views.fee_lines import groups
from billwright.ui.views.invoice_actions import may, metadata_of, why_no_credit_note
from billwright.ui.views.invoice_history import events
from billwright.ui.views.invoices import TYPES, invoice_href, payment_status
from billwright.ui.views.parties import parties
from billwright.ui.views.payments import NO_ERRORS, form_of, is_marked, no_payment_words, shown_payments
from billwright.ui.views.resending import FIELDS as SEND_FIELDS
from billwright.ui.views.resending import form_of as form_of_email
from billwright.ui.views.support import View
from billwright.ui.views.thresholds import passed_facts

Data = Mapping[str, Any]
TABS = ("overview", "payments", "credit-notes")


async def show_invoice(view: View, toast: tuple[str, str] | None = None) -> Response:
    """``GET /{slug}/invoice/{id}`` and its tabs, and the block of it after an action."""
    data = await view.ask("InvoicePage", id=view.path("invoice"))
    invoice, organization = data["invoice"], data["organization"]
    now = present(view, await load_frame(view))
    today = formatting.instant(now).astimezone(ZoneInfo(invoice["customer"]["applicableTimezone"])).date()
    href, tab = invoice_href(view, invoice), _tab(view)
    actions = may(view, invoice)
    content = {
        "title": invoice["number"] or "Draft",
        "url": href if tab == "overview" else f"{href}/{tab}",
        "tab": tab,
        "tabs": _tabs(invoice, href, tab),
        "invoice": {
            **_head(view, invoice, today),
            **_document(view, invoice, organization),
            "footer": (organization["billingConfiguration"] or {}).get("invoiceFooter"),
            "finalizes_at": invoice["finalizationDueAt"] if invoice["status"] == "draft" else None,
            "problem": _problem(view, invoice),
            "waits": _waits(invoice),
            "groups": groups(invoice, view.base),
            "totals": totals(invoice),
            "facts": _facts(invoice),
            "metadata": [{"label": item["key"], "value": item["value"]} for item in invoice["metadata"]],
            "customer_metadata": [
                {"label": item["key"], "value": item["value"]}
                for item in invoice["customer"]["metadata"]
                if not item["displayInInvoice"]
            ],
        },
        "can": {**actions, "edit": actions["finalize"]},
        "finalize": {"text": _consequence(invoice)},
        "delete": {"text": _deletion(invoice)},
        "events": events(invoice),
        "payments": shown_payments(view, invoice),
        "no_payment": no_payment_words(invoice),
        "payment": form_of(invoice, today, view.base),
        "metadata": metadata_of(view, invoice),
        "send": {**form_of_email(href, invoice["number"], invoice["customer"]["email"]), "target": "#invoice"},
        "send_errors": dict.fromkeys(SEND_FIELDS),
        "errors": NO_ERRORS,
        "error": None,
        "credit_notes": [note_row(view, note) for note in invoice["creditNotes"] or []],
        "no_credit_note": why_no_credit_note(invoice),
        "api": view.api("InvoicePage", "GET", f"/invoices/{invoice['id']}"),
    }
    block = "invoice" if view.is_htmx and view.request.method == "POST" else None
    return await view.page("invoices/page.html", "invoices", content, block, toast=toast)


def _tab(view: View) -> str:
    """The tab of the address; after an action the one that the browser shows."""
    path = view.request.url.path
    if view.request.method == "POST":
        path = view.request.headers.get("hx-current-url", "").partition("?")[0].partition("#")[0]
    last = path.rstrip("/").rpartition("/")[2]
    return last if last in TABS else "overview"


def _tabs(invoice: Data, href: str, current: str) -> list[dict[str, Any]]:
    """Overview, and what there may be of payments and credit notes; hidden from those who may not look."""
    found: list[dict[str, Any]] = [{"label": "Overview", "href": href, "current": current == "overview"}]
    for key, label, field in (("payments", "Payments", "payments"), ("credit-notes", "Credit notes", "creditNotes")):
        if invoice[field] is not None:
            count = len(invoice[field])
            found.append({"label": label, "href": f"{href}/{key}", "current": key == current, "count": count})
    return found


def _head(view: View, invoice: Data, today: date) -> dict[str, Any]:
    days = invoice["netPaymentTerm"]
    return {
        "id": invoice["id"],
        "href": invoice_href(view, invoice),
        "number": invoice["number"] or "No number yet",
        "status": invoice["status"],
        "payment_status": payment_status(invoice),
        "overdue": invoice["paymentOverdue"],
        "disputed": invoice["paymentDisputeLostAt"] is not None,
        "currency": invoice["currency"],
        "total_cents": int(invoice["totalAmountCents"]),
        "paid_cents": int(invoice["totalPaidAmountCents"]),
        "due_cents": int(invoice["totalDueAmountCents"]) if invoice["status"] == "finalized" else 0,
        "issuing_date": invoice["issuingDate"],
        "due_date": invoice["paymentDueDate"],
        "term": f"{days} day{'' if days == 1 else 's'}",
        "due_note": _due_note(invoice, today),
    }


def _due_note(invoice: Data, today: date) -> str:
    if invoice["status"] == "draft":
        return "So far. Nothing is due before it is finalized."
    if invoice["status"] == "voided":
        return "Voided: nothing is due."
    if invoice["status"] != "finalized":
        return "Not issued yet."
    if int(invoice["totalAmountCents"]) == 0:
        return "Nothing to pay"
    if is_marked(invoice):
        return "Marked as paid"
    if invoice["paymentStatus"] == "succeeded" or int(invoice["totalDueAmountCents"]) <= 0:
        return "Paid"
    due = invoice["paymentDueDate"]
    return f"Due {formatting.plain_date(due)}, {formatting.relative_days(due, today)}"


def _document(view: View, invoice: Data, organization: Data) -> dict[str, Any]:
    """Title and parties as the document prints them."""
    found = parties(view, invoice, organization)
    advance, taxed = invoice["invoiceType"] == "credit", found.pop("taxed_by_law")
    return {**found, "title": "Advance invoice" if advance else "Tax invoice" if taxed else "Invoice"}


def totals(invoice: Data) -> list[dict[str, Any]]:
    """The block below the lines (spec 04 §19.5): every sum is the sum of the parts above it."""
    currency = invoice["currency"]

    def cents(name: str) -> int:
        return int(invoice[f"{name}AmountCents"])

    def row(label: str, amount: int, kind: str = "part") -> dict[str, Any]:
        return {"label": label, "cents": amount, "kind": kind}

    if invoice["invoiceType"] == "credit":
        return [row("Total", cents("total"), "total")]

    def reductions(kind: str, label: str, code: str = "itemCode") -> list[dict[str, Any]]:
        return [
            row(f"{label} {item[code]}", -int(item["amountCents"]))
            for item in invoice["credits"]
            if item["itemType"] == kind
        ]

    rows = [row("Fees", cents("fees"))]
    if cents("progressiveBillingCredit"):
        rows.append(row("Usage already billed", -cents("progressiveBillingCredit")))
    rows += reductions("coupon", "Coupon", "itemName")
    rows.append(row("Subtotal, excl. tax", cents("subTotalExcludingTaxes"), "sum"))
    taxes = sorted(invoice["appliedTaxes"], key=lambda tax: -float(tax["taxRate"]))
    for tax in taxes:
        label = formatting.tax_line(tax["taxName"], tax["taxRate"], tax["feesAmountCents"], currency)
        rows.append(row(label, int(tax["amountCents"])))
    if not taxes:
        rows.append(row("Tax (0%)", 0))
    rows.append(row("Subtotal, incl. tax", cents("subTotalIncludingTaxes"), "sum"))
    rows += reductions("credit_note", "Credit note")
    if cents("prepaidCredit"):
        rows.append(row("Prepaid credits", -cents("prepaidCredit")))
    return [*rows, row("Total", cents("total"), "total")]


def _facts(invoice: Data) -> list[dict[str, str]]:
    facts = [
        ("Type", TYPES[invoice["invoiceType"]]),
        ("Currency", invoice["currency"]),
        ("Due date", formatting.plain_date(invoice["paymentDueDate"])),
        ("Time zone", invoice["timezone"]),
        *passed_facts(invoice),
    ]
    return [{"label": label, "value": value} for label, value in facts]


def _problem(view: View, invoice: Data) -> dict[str, str] | None:
    """Why it could not be issued, and where that is mended (spec 04 §11)."""
    if invoice["status"] != "failed" or not invoice["errorDetails"]:
        return None
    failure = invoice["errorDetails"][0]
    details = failure["details"] or {}
    code = details.get("tax_error") or failure["errorCode"]
    message = details.get("tax_error_message")
    words = code.replace("_", " ") + (f" ({message})" if message else "")
    return {
        "text": f"This invoice could not be issued, because its taxes could not be determined: {words}.",
        "href": f"{customer_href(view, invoice['customer'])}/edit",
        "label": "Edit the customer",
    }


def _waits(invoice: Data) -> str | None:
    """What an invoice waits for before it is issued."""
    if invoice["status"] == "pending":
        return "The customer's taxes are being determined. The invoice is issued by itself as soon as they are known."
    if invoice["status"] == "draft" and invoice["taxStatus"] == "pending":
        return "The customer's taxes are being determined. The draft can be finalized as soon as they are known."
    return None


def _consequence(invoice: Data) -> str:
    total = formatting.money_with_currency(invoice["totalAmountCents"], invoice["currency"])
    due = formatting.plain_date(invoice["paymentDueDate"])
    return (
        f"It is computed once more with the usage until now, then gets its number. At present {total} become due on "
        f"{due}. This cannot be undone."
    )


def _deletion(invoice: Data) -> str:
    total = formatting.money_with_currency(invoice["totalAmountCents"], invoice["currency"])
    return (
        f"{total} are not billed, now or later: the period counts as done. Credit notes of this draft go with it. "
        "This cannot be undone."
    )
