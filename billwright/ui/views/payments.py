"""Payments: the list, what the page of an invoice says of them, and recording one by hand (spec 07 §7.8, 06 §12)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from billwright.billing.kernel.money import exponent, from_minor_units, parse_decimal
from billwright.ui import formatting
from billwright.ui.filters import Filter, read_filters
from billwright.ui.views.customers import customer_href, load_frame, present, shown_name
from billwright.ui.views.support import View
from billwright.ui.views.when import local_instant
from billwright.ui.views.words import field_errors, in_words

Data = Mapping[str, Any]
FORM = "invoices/payment_form.html"
FILTERS = (Filter("customer", "Customer", "text", quick=True, hint="The customer's external id."),)
FIELDS: Mapping[str, str] = {
    "amountCents": "amount",
    "reference": "reference",
    "createdAt": "paid_on",
    "paidAt": "paid_on",
}
"""Names of the server's fields -> names in the form."""
NO_ERRORS: Mapping[str, None] = dict.fromkeys(FIELDS.values())


def shown_payments(view: View, invoice: Data) -> list[dict[str, Any]]:
    """The payments of an invoice, newest first."""
    return [
        {
            "status": payment["payablePaymentStatus"],
            "amount_cents": int(payment["amountCents"]),
            "currency": payment["amountCurrency"],
            "method": payment["reference"] or "Payment",
            "href": f"{view.base}/payment/{payment['id']}",
            "at": payment["createdAt"],
        }
        for payment in invoice["payments"] or []
    ]


def method(payment: Data) -> str:
    """How it was made, in words."""
    return "Recorded by hand" if payment["paymentType"] == "manual" else "Payment provider"


def is_marked(invoice: Data) -> bool:
    """Whether it counts as paid without the money: somebody set the status and recorded no payment (spec 06 §5.4)."""
    return invoice["paymentStatus"] == "succeeded" and int(invoice["totalDueAmountCents"]) > 0


def no_payment_words(invoice: Data) -> str:
    """Why there is no payment to show."""
    total, paid = int(invoice["totalAmountCents"]), int(invoice["totalPaidAmountCents"])
    if invoice["status"] == "finalized":
        if total == 0:
            return "There was nothing to pay."
        if is_marked(invoice):
            return "Marked as paid. No payment is recorded."
        if paid >= total:
            return "Paid with its fees, one by one."
        if int(invoice["totalDueAmountCents"]) <= 0:
            return "Settled by a credit note."
    return "No payment." if invoice["status"] == "voided" else "No payment yet."


def may_record(view: View, invoice: Data) -> bool:
    """Finalized, and something is due (spec 07 §7.8)."""
    due = int(invoice["totalDueAmountCents"]) > 0
    return invoice["status"] == "finalized" and due and view.may("payments:create")


async def payment_list(view: View) -> Response:
    """``GET /{slug}/payments``: newest first."""
    filters = read_filters(view.url, FILTERS)
    data = await view.ask(
        "PaymentList",
        **view.paging(),
        searchTerm=view.search or None,
        externalCustomerId=filters.one("customer"),
    )
    found = data["payments"]
    content = {
        "title": "Payments",
        "url": view.url,
        "search": view.query("search"),
        "filters": filters.bar,
        "filtered": bool(filters) or bool(view.search),
        "page": view.pager(found["metadata"]),
        "payments": [payment_row(view, payment) for payment in found["collection"]],
        "api": view.api("PaymentList", "GET", "/payments?per_page=20"),
    }
    return await view.page("payments/list.html", "payments", content)


def payment_row(view: View, payment: Data) -> dict[str, Any]:
    """What both payment tables show of a payment."""
    customer = payment["customer"]
    return {
        "id": payment["id"],
        "href": f"{view.base}/payment/{payment['id']}",
        "method": method(payment),
        "status": payment["payablePaymentStatus"],
        "invoices": [
            {"number": invoice["number"], "href": f"{view.base}/invoice/{invoice['id']}"}
            for invoice in payment["invoices"]
        ],
        "customer": {"name": shown_name(customer), "href": customer_href(view, customer)},
        "reference": payment["reference"] or "",
        "amount_cents": int(payment["amountCents"]),
        "currency": payment["amountCurrency"],
        "at": payment["createdAt"],
    }


async def payment_form(view: View) -> Response:
    """``GET /{slug}/invoice/{id}/payments/create``: the form of the dialog, with all that is due."""
    data = await view.ask("PaymentForm", id=view.path("invoice"))
    return await _form(view, data["invoice"], {}, {})


async def record_payment(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/payments``."""
    from billwright.ui.views.invoice_page import show_invoice  # it shows this module's payments

    invoice = (await view.ask("PaymentForm", id=view.path("invoice")))["invoice"]
    values = {name: view.posted(name) for name in ("amount", "paid_on", "reference")}
    amount = _minor_units(values["amount"], invoice["currency"])
    received = local_instant(values["paid_on"], invoice["customer"]["applicableTimezone"])
    problems: dict[str, list[str]] = {}
    if amount is None:
        problems["amountCents"] = ["invalid_value"]
    if received is None:
        problems["createdAt"] = ["invalid_date"]
    if problems:
        return await _form(view, invoice, values, problems)
    outcome = await view.change(
        "CreatePayment",
        invoiceId=invoice["id"],
        amountCents=str(amount),
        reference=values["reference"],
        createdAt=received,
    )
    if not outcome.ok:
        return await _form(view, invoice, values, outcome.fields, outcome.code)
    words = f"Payment of {formatting.money_with_currency(amount or 0, invoice['currency'])} recorded"
    if not view.is_htmx:
        return view.redirect(f"{view.base}/invoice/{invoice['id']}", ("positive", words))
    return await show_invoice(view, toast=("positive", words))


def _minor_units(text: str, currency: str) -> int | None:
    """An amount as people write it, ``1,234.50``; ``None`` for anything that is no exact amount of the currency."""
    value = parse_decimal(text.replace(",", ""))
    if value is None:
        return None
    cents = value.scaleb(exponent(currency))
    return int(cents) if cents == cents.to_integral_value() else None


async def _form(
    view: View, invoice: Data, values: Mapping[str, str], fields: Mapping[str, list[str]], code: str | None = None
) -> Response:
    zone = invoice["customer"]["applicableTimezone"]
    today = formatting.instant(present(view, await load_frame(view))).astimezone(ZoneInfo(zone)).date()
    errors = {**NO_ERRORS, **{FIELDS.get(name, "amount"): text for name, text in field_errors(fields).items()}}
    form = form_of(invoice, today, view.base)
    content = {
        "url": view.url,
        "payment": {**form, "filled": {**form["filled"], **values}},
        "errors": errors,
        "error": in_words(code) if code and not any(errors.values()) else None,
    }
    refused = bool(fields or code)
    response = await view.page(FORM, "invoices", content, "payment_form", status_code=422 if refused else 200)
    if refused:
        response.headers["HX-Retarget"] = "#payment-form"
    return response


def form_of(invoice: Data, today: date, base: str) -> dict[str, Any]:
    """What the form begins with: everything that is due, received today."""
    due = max(int(invoice["totalDueAmountCents"]), 0)
    return {
        "action": f"{base}/invoice/{invoice['id']}/payments",
        "number": invoice["number"],
        "currency": invoice["currency"],
        "due": formatting.money_with_currency(due, invoice["currency"]),
        "filled": {"amount": _plain(due, invoice["currency"]), "paid_on": today.isoformat(), "reference": ""},
    }


def _plain(cents: int, currency: str) -> str:
    value: Decimal = from_minor_units(cents, currency)
    return f"{value:.{exponent(currency)}f}"
