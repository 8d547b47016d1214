"""One invoice: the document that the customer gets, and what happened to it (spec 07 §7.8, 04 §19)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from billwright.billing.documents.header import TAX_INVOICE_COUNTRIES, customer_block, seller_block
from billwright.billing.documents.invoice_document import Address, Party
from billwright.billing.documents.locales import load_locale
from billwright.ui import formatting
from billwright.ui.views.customers import customer_href, load_frame, present, shown_name
from billwright.ui.views.fee_lines import groups
from billwright.ui.views.invoice_actions import may
from billwright.ui.views.invoices import TYPES, invoice_href, payment_status
from billwright.ui.views.payments import NO_ERRORS, form_of, is_marked, may_record, no_payment_words, shown_payments
from billwright.ui.views.support import View
from billwright.ui.views.thresholds import passed_facts

Data = Mapping[str, Any]
_AT_ONCE = timedelta(minutes=1)
PRINTED = ("finalized",)
"""Statuses with a PDF (spec 04 §18)."""


async def show_invoice(view: View, toast: tuple[str, str] | None = None) -> Response:
    """``GET /{slug}/invoice/{id}``, and the block of it after an action."""
    data = await view.ask("InvoicePage", id=view.path("invoice"))
    invoice, organization = data["invoice"], data["organization"]
    now = present(view, await load_frame(view))
    today = formatting.instant(now).astimezone(ZoneInfo(invoice["customer"]["applicableTimezone"])).date()
    draft = invoice["status"] == "draft"
    may_update = draft and view.may("invoices:update")
    content = {
        "title": invoice["number"] or "Draft",
        "url": f"{view.base}/invoice/{invoice['id']}",
        "invoice": {
            **_head(view, invoice, today),
            **_parties(view, invoice, organization),
            "footer": (organization["billingConfiguration"] or {}).get("invoiceFooter"),
            "finalizes_at": invoice["finalizationDueAt"] if draft else None,
            "problem": _problem(view, invoice),
            "groups": groups(invoice, view.base),
            "totals": totals(invoice),
            "facts": _facts(invoice),
            "metadata": [
                {"label": item["key"], "value": item["value"]}
                for item in invoice["customer"]["metadata"]
                if not item["displayInInvoice"]
            ],
        },
        "can": {
            **dict.fromkeys(("send", "collect", "credit_note", "delete"), False),
            **may(view, invoice),
            "record_payment": may_record(view, invoice),
            "edit": may_update,
            "download": invoice["status"] in PRINTED,
            "finalize": may_update,
            "refresh": may_update,
        },
        "finalize": {"text": _consequence(invoice)},
        "events": events(invoice),
        "payments": shown_payments(invoice),
        "no_payment": no_payment_words(invoice),
        "payment": form_of(invoice, today, view.base),
        "errors": NO_ERRORS,
        "error": None,
        "credit_notes": [
            {
                "number": note["number"],
                "amount_cents": int(note["totalAmountCents"]),
                "currency": note["currency"],
                "status": note["creditStatus"],
            }
            for note in invoice["creditNotes"] or []
        ],
        "api": view.api("InvoicePage", "GET", f"/invoices/{invoice['id']}"),
    }
    block = "invoice" if view.is_htmx and view.request.method == "POST" else None
    return await view.page("invoices/page.html", "invoices", content, block, toast=toast)


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


def _parties(view: View, invoice: Data, organization: Data) -> dict[str, Any]:
    """Seller and buyer as the document prints them: fixed at issue, as they are now before."""
    issued = invoice["issuedParties"] or {}
    customer = invoice["customer"]
    locale = load_locale("en")
    seller = _party(issued["seller"] if issued else _as_stored(organization), organization["name"])
    buyer_values = (
        {**issued["buyer"], "name": issued["buyer"].get("display_name")}
        if issued
        else {**_as_stored(customer), "name": customer["displayName"], "legal_name": None}
    )
    sold = seller_block(seller, locale)
    bought = customer_block(_party(buyer_values, customer["externalId"]), "", locale)
    titled = invoice["invoiceType"] == "credit", (seller.address.country or "").upper() in TAX_INVOICE_COUNTRIES
    return {
        "title": "Advance invoice" if titled[0] else "Tax invoice" if titled[1] else "Invoice",
        "seller": {"name": sold.name, "logo_url": None, "lines": list(sold.lines)},
        "customer": {
            "name": bought.name or shown_name(customer),
            "href": customer_href(view, customer),
            "timezone": customer["applicableTimezone"],
            "lines": list(bought.lines),
        },
        "shown_metadata": [
            {"label": item["key"], "value": item["value"]} for item in customer["metadata"] if item["displayInInvoice"]
        ],
    }


_STORED = {
    "name": "name", "legal_name": "legalName", "legal_number": "legalNumber", "email": "email",
    "tax_identification_number": "taxIdentificationNumber", "address_line1": "addressLine1",
    "address_line2": "addressLine2", "zipcode": "zipcode", "city": "city", "state": "state", "country": "country",
}  # fmt: skip


def _as_stored(values: Data) -> dict[str, Any]:
    return {stored: values.get(name) for stored, name in _STORED.items()}


def _party(values: Mapping[str, Any], fallback: str) -> Party:
    return Party(
        name=values.get("name") or fallback,
        legal_name=values.get("legal_name"),
        legal_number=values.get("legal_number"),
        tax_identification_number=values.get("tax_identification_number"),
        emails=tuple(part.strip() for part in (values.get("email") or "").split(",") if part.strip()),
        address=Address(
            line1=values.get("address_line1"),
            line2=values.get("address_line2"),
            zipcode=values.get("zipcode"),
            city=values.get("city"),
            state=values.get("state"),
            country=values.get("country"),
        ),
    )


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
        base = formatting.money_with_currency(tax["feesAmountCents"], currency)
        rows.append(row(f"{tax['taxName']} ({float(tax['taxRate']):g}% on {base})", int(tax["amountCents"])))
    if not taxes:
        rows.append(row("Tax (0%)", 0))
    rows.append(row("Subtotal, incl. tax", cents("subTotalIncludingTaxes"), "sum"))
    rows += reductions("credit_note", "Credit note")
    if cents("prepaidCredit"):
        rows.append(row("Prepaid credits", -cents("prepaidCredit")))
    return [*rows, row("Total", cents("total"), "total")]


def events(invoice: Data) -> list[dict[str, Any]]:
    """What happened to it, oldest first, and what comes next."""

    def event(icon: str, title: str, at: str | None, state: str = "done", note: str | None = None) -> dict[str, Any]:
        return {"icon": icon, "title": title, "at": at, "note": note, "state": state}

    status, finalized = invoice["status"], invoice["finalizedAt"]
    at_once = finalized and abs(formatting.instant(finalized) - formatting.instant(invoice["createdAt"])) < _AT_ONCE
    found = [event("circle-check", "Issued" if at_once else "Drafted", invoice["createdAt"])]
    if status == "draft":
        if invoice["finalizationDueAt"]:
            found.append(event("clock", "Finalizes by itself", invoice["finalizationDueAt"], "next"))
        return found
    if finalized and not at_once:
        found.append(event("circle-check", "Finalized", finalized))
    if status in ("failed", "pending", "generating"):
        failed = status == "failed"
        title = "Could not be issued" if failed else "Being issued"
        found.append(event("triangle-alert" if failed else "clock", title, None, "failed" if failed else "now"))
    elif status == "voided":
        found.append(event("circle-minus", "Voided", invoice["voidedAt"], "now"))
    elif invoice["paymentStatus"] == "succeeded":
        paid_at = max((payment["createdAt"] for payment in invoice["payments"] or []), default=None)
        found.append(event("circle-check", "Marked as paid" if is_marked(invoice) else "Paid", paid_at, "now"))
    elif int(invoice["totalDueAmountCents"]) > 0:
        late = invoice["paymentOverdue"]
        found.append(
            event(
                "triangle-alert" if late else "circle",
                "Was due" if late else "Due",
                None,
                "failed" if late else "next",
                formatting.plain_date(invoice["paymentDueDate"]),
            )
        )
    return found


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
    if invoice["status"] != "failed" or not invoice["errorDetails"]:
        return None
    words = invoice["errorDetails"][0]["errorCode"].replace("_", " ")
    return {
        "text": f"This invoice could not be issued: {words}.",
        "href": f"{customer_href(view, invoice['customer'])}/edit",
        "label": "Edit the customer",
    }


def _consequence(invoice: Data) -> str:
    total = formatting.money_with_currency(invoice["totalAmountCents"], invoice["currency"])
    due = formatting.plain_date(invoice["paymentDueDate"])
    return (
        f"It is computed once more with the usage until now, then gets its number. At present {total} become due on "
        f"{due}. This cannot be undone."
    )
