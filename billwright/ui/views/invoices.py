"""Invoices: list and what can be done with them (spec 07 §7.8). The page is in ``invoice_page``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.responses import RedirectResponse, Response

from billwright.ui import formatting
from billwright.ui.components import status_of
from billwright.ui.views.support import Refused, View
from billwright.ui.views.words import toast_words

TYPES: Mapping[str, str] = {
    "subscription": "Subscription",
    "one_off": "One-off",
    "credit": "Prepaid credits",
    "advance_charges": "Paid in advance",
    "progressive_billing": "Progressive",
}
QUICK: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "all": ("All", {}),
    "draft": ("Draft", {"status": ["draft"]}),
    "outstanding": ("Outstanding", {"status": ["finalized"], "paymentStatus": ["pending", "failed"]}),
    "overdue": ("Overdue", {"paymentOverdue": True}),
    "succeeded": ("Succeeded", {"paymentStatus": ["succeeded"]}),
    "voided": ("Voided", {"status": ["voided"]}),
    "disputed": ("Disputed", {"paymentDisputeLost": True}),
}
"""Quick filters (spec 07 §7.5, trap 23) by the value of ``view`` in the address."""
STATUSES = ("draft", "finalized", "voided", "failed", "pending")
PAYMENTS = ("pending", "succeeded", "failed")


def invoice_href(view: View, invoice: Mapping[str, Any]) -> str:
    return f"{view.base}/invoice/{invoice['id']}"


def payment_status(invoice: Mapping[str, Any]) -> str:
    """The chip of the payment: n/a unless finalized, half full when partly paid (spec 07 §7.1)."""
    if invoice["status"] != "finalized":
        return "none"
    partly = int(invoice["totalPaidAmountCents"]) > 0 and int(invoice["totalDueAmountCents"]) > 0
    return "partially_paid" if partly else invoice["paymentStatus"]


def shown_row(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    """What both invoice tables show of an invoice."""
    return {
        "id": item["id"],
        "href": invoice_href(view, item),
        "number": item["number"] or "No number yet",
        "status": item["status"],
        "payment_status": payment_status(item),
        "overdue": item["paymentOverdue"],
        "total_cents": int(item["totalAmountCents"]),
        "due_cents": int(item["totalDueAmountCents"]) if item["status"] == "finalized" else 0,
        "currency": item["currency"],
        "issuing_date": item["issuingDate"],
    }


async def invoice_list(view: View) -> Response:
    """``GET /{slug}/invoices``."""
    return await _list(view)


async def _list(view: View, toast: tuple[str, str] | None = None) -> Response:
    chosen = view.query("view") if view.query("view") in QUICK else "all"
    statuses = [value for value in view.query_all("status") if value in STATUSES]
    payments = [value for value in view.query_all("payment_status") if value in PAYMENTS]
    types = [value for value in view.query_all("type") if value in TYPES]
    since, until = _day(view.query("issued_from")), _day(view.query("issued_to"))
    customer, currency = view.query("customer"), view.query("currency").upper()
    variables: dict[str, Any] = {
        "status": statuses or None,
        "paymentStatus": payments or None,
        "invoiceType": types or None,
        "currency": currency or None,
        "issuingDateFrom": since,
        "issuingDateTo": until,
        "customerExternalId": customer or None,
        "searchTerm": view.search or None,
        **QUICK[chosen][1],
    }
    data = await view.ask("InvoiceList", **view.paging(), **variables)
    found = data["invoices"]
    chips = [
        *(_chip("status", "Status", value, status_of("invoice", value).word) for value in statuses),
        *(_chip("payment_status", "Payment", value, status_of("payment", value).word) for value in payments),
        *(_chip("type", "Type", value, TYPES[value]) for value in types),
        *([_chip("currency", "Currency", view.query("currency"), currency)] if currency else []),
        *([_chip("issued_from", "Issued from", since, formatting.plain_date(since))] if since else []),
        *([_chip("issued_to", "Issued until", until, formatting.plain_date(until))] if until else []),
        *([_chip("customer", "Customer", customer, customer)] if customer else []),
    ]
    content = {
        "title": "Invoices",
        "url": view.url,
        "can": {"export": False, "collect": False},
        "search": view.query("search"),
        "quick": [
            {
                "label": label,
                "href": formatting.url_with(view.url, view=None if key == "all" else key, page=None),
                "current": key == chosen,
                "count": data["invoiceCounts"].get(key),
            }
            for key, (label, _) in QUICK.items()
        ],
        "filters": _filters(),
        "active_filters": chips,
        "page": view.pager(found["metadata"]),
        "invoices": [_row(view, item) for item in found["collection"]],
        "export": None,
        "api": view.api("InvoiceList", "GET", "/invoices?per_page=20"),
    }
    return await view.page("invoices/list.html", "invoices", content, toast=toast)


def _filters() -> list[dict[str, Any]]:
    def options(kind: str, values: tuple[str, ...]) -> list[dict[str, str]]:
        return [{"value": value, "label": status_of(kind, value).word} for value in values]

    return [
        {"key": "status", "label": "Status", "type": "text", "options": options("invoice", STATUSES)},
        {"key": "payment_status", "label": "Payment", "type": "text", "options": options("payment", PAYMENTS)},
        {"key": "type", "label": "Type", "type": "text",
         "options": [{"value": value, "label": label} for value, label in TYPES.items()]},
        {"key": "currency", "label": "Currency", "type": "text", "options": None},
        {"key": "issued_from", "label": "Issued from", "type": "date", "options": None},
        {"key": "issued_to", "label": "Issued until", "type": "date", "options": None},
        {"key": "customer", "label": "Customer id", "type": "text", "options": None},
    ]  # fmt: skip


def _chip(key: str, label: str, value: str, shown: str) -> dict[str, str]:
    return {"key": key, "label": label, "value": value, "shown": shown}


def _day(text: str) -> str | None:
    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError:
        return None


def _row(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    customer = item["customer"]
    may_update = view.may("invoices:update")
    return {
        **shown_row(view, item),
        "type": None if item["invoiceType"] == "subscription" else TYPES[item["invoiceType"]],
        "disputed": item["paymentDisputeLostAt"] is not None,
        "customer": {
            "name": customer["displayName"] or customer["externalId"],
            "href": f"{view.base}/customer/{customer['id']}",
        },
        "due_date": item["paymentDueDate"],
        "can": {
            "download": item["status"] == "finalized",
            "finalize": item["status"] == "draft" and may_update,
            "refresh": item["status"] == "draft" and may_update,
            "void": False,
        },
    }


async def download(view: View) -> Response:
    """``GET /{slug}/invoice/{id}.pdf``: off to the stored file, which is made first if need be.

    Links to it carry ``download``, so a failure is an error of its own, never a page in the guise of the file.
    """
    outcome = await view.change("DownloadInvoice", id=view.path("invoice"))
    if not outcome.ok:
        raise Refused(404, outcome.code)
    address = outcome.data["downloadInvoice"]["fileUrl"]
    if not address:
        raise Refused(500, "document_not_ready")
    return RedirectResponse(_here(view, address), status_code=303)


def _here(view: View, address: str) -> str:
    """The file's path where API and pages share an address, so that the browser stays on this server."""
    return address.removeprefix(view.settings.api_url) if view.settings.api_url == view.settings.app_url else address


async def old_address(view: View) -> Response:
    """``GET /{slug}/invoices/{id}``: the address that the API hands out as ``web_url``."""
    return RedirectResponse(f"{view.base}/invoice/{view.path('invoice')}", status_code=303)


async def refresh(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/refresh``, from the page or from a row of the list."""
    return await _change(view, "RefreshInvoice", "Refreshed with the usage until now")


async def finalize(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/finalize``."""
    return await _change(view, "FinalizeInvoice", "Invoice finalized")


async def _change(view: View, operation: str, words: str) -> Response:
    from billwright.ui.views.invoice_page import show_invoice  # it shares this module's rows

    outcome = await view.change(operation, id=view.path("invoice"))
    toast = ("positive", words) if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    target = view.request.headers.get("hx-target", "")
    if not view.is_htmx:
        return view.redirect(f"{view.base}/invoice/{view.path('invoice')}", toast)
    if target == "results":
        view.back_at(f"{view.base}/invoices")
        return await _list(view, toast)
    try:
        return await show_invoice(view, toast=toast)
    except Refused as refused:
        if refused.status != 404 or not outcome.ok:
            raise
        return view.redirect(f"{view.base}/invoices", ("info", "The invoice was empty and is closed without a number"))
