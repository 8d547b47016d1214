"""Invoices: list and what can be done with them (spec 07 §7.8). The page is in ``invoice_page``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import RedirectResponse, Response

from billwright.ui import formatting
from billwright.ui.components import status_of
from billwright.ui.filters import YES_OR_NO, Filter, Filters, read_filters
from billwright.ui.views.exports import INVOICES, export_dialog, start_export
from billwright.ui.views.invoice_actions import may_in_rows
from billwright.ui.views.invoice_bulk import bulk
from billwright.ui.views.spans import amount_span
from billwright.ui.views.support import Refused, View, here
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


def _words_of(kind: str, values: Sequence[str]) -> list[tuple[str, str]]:
    return [(value, status_of(kind, value).word) for value in values]


FILTERS = (
    Filter("status", "Status", "choices", _words_of("invoice", STATUSES), quick=True),
    Filter("payment_status", "Payment", "choices", _words_of("payment", PAYMENTS), quick=True),
    Filter("type", "Type", "choices", tuple(TYPES.items()), quick=True),
    Filter("issued", "Issued", "dates", quick=True),
    Filter("amount", "Amount", "amount", hint="Of the total, such as 1200.50. The same twice finds exactly that."),
    Filter("currency", "Currency", "text", upper=True, hint="Such as EUR."),
    Filter("customer", "Customer", "text", hint="The customer's external id."),
    Filter("overdue", "Overdue", "choice", YES_OR_NO),
    Filter("disputed", "Dispute lost", "choice", YES_OR_NO),
    Filter("partially_paid", "Partly paid", "choice", YES_OR_NO),
)
"""Filters of the list (spec 07 §7.5); they combine with the quick filter by AND."""
_NEVER = {"issuingDateFrom": "9999-12-31"}
"""Finds nothing: what a quick filter and a filter that contradict each other ask for."""


def invoice_href(view: View, invoice: Mapping[str, Any]) -> str:
    return f"{view.base}/invoice/{invoice['id']}"


def payment_status(invoice: Mapping[str, Any]) -> str:
    """The chip of the payment: n/a unless finalized, half full when partly paid (spec 07 §7.1)."""
    if invoice["status"] != "finalized":
        return "none"
    partly = int(invoice["totalPaidAmountCents"]) > 0 and int(invoice["totalDueAmountCents"]) > 0
    return "partially_paid" if partly else invoice["paymentStatus"]


def shown_row(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    """What both invoice tables show of an invoice; nothing is due on one that is marked as paid."""
    open_ = item["status"] == "finalized" and item["paymentStatus"] != "succeeded"
    return {
        "id": item["id"],
        "href": invoice_href(view, item),
        "number": item["number"] or "No number yet",
        "status": item["status"],
        "payment_status": payment_status(item),
        "overdue": item["paymentOverdue"],
        "total_cents": int(item["totalAmountCents"]),
        "due_cents": int(item["totalDueAmountCents"]) if open_ else 0,
        "currency": item["currency"],
        "issuing_date": item["issuingDate"],
        "can": may_in_rows(view, item),
    }


async def invoice_list(view: View) -> Response:
    """``GET /{slug}/invoices``."""
    return await _list(view)


async def list_variables(view: View) -> tuple[Filters, dict[str, Any]]:
    """The filters of the address, and what they ask ``invoices`` for, search term and quick filter included."""
    found = read_filters(view.url, FILTERS)
    lowest, highest = await amount_span(view, found)
    since, until = found.span("issued")
    variables: dict[str, Any] = {
        "status": found.many("status"),
        "paymentStatus": found.many("payment_status"),
        "invoiceType": found.many("type"),
        "currency": found.one("currency"),
        "amountFrom": lowest,
        "amountTo": highest,
        "issuingDateFrom": since,
        "issuingDateTo": until,
        "customerExternalId": found.one("customer"),
        "paymentOverdue": found.flag("overdue"),
        "paymentDisputeLost": found.flag("disputed"),
        "partiallyPaid": found.flag("partially_paid"),
        "searchTerm": view.search or None,
    }
    return found, {**variables, **_narrowed(variables, QUICK[_quick(view)][1])}


def _quick(view: View) -> str:
    return view.query("view") if view.query("view") in QUICK else "all"


def _narrowed(variables: Mapping[str, Any], quick: Mapping[str, Any]) -> dict[str, Any]:
    """A quick filter beside the filters: values that both allow."""
    found: dict[str, Any] = {}
    for name, wanted in quick.items():
        chosen = variables[name]
        if chosen is None:
            found[name] = wanted
        elif isinstance(wanted, list):
            found[name] = [value for value in wanted if value in chosen]
            if not found[name]:
                return dict(_NEVER)
        elif chosen != wanted:
            return dict(_NEVER)
    return found


async def _list(view: View, toast: tuple[str, str] | None = None) -> Response:
    filters, variables = await list_variables(view)
    data = await view.ask("InvoiceList", **view.paging(), **variables)
    found, counts = data["invoices"], data["invoiceCounts"]
    content = {
        "title": "Invoices",
        "url": view.url,
        "can": {"export": view.may("invoices:export")},
        "bulk": bulk(view, counts),
        "search": view.query("search"),
        "quick": [
            {
                "label": label,
                "href": formatting.url_with(view.url, view=None if key == "all" else key, page=None),
                "current": key == _quick(view),
                "count": counts.get(key),
            }
            for key, (label, _) in QUICK.items()
        ],
        "filters": filters.bar,
        "filtered": bool(filters) or bool(view.search) or _quick(view) != "all",
        "page": view.pager(found["metadata"]),
        "invoices": [_row(view, item) for item in found["collection"]],
        "export": await export_dialog(view, INVOICES, view.pager(found["metadata"])),
        "api": view.api("InvoiceList", "GET", "/invoices?per_page=20"),
    }
    return await view.page("invoices/list.html", "invoices", content, toast=toast)


async def export(view: View) -> Response:
    """``POST /{slug}/invoices/export?<the list's address>``."""
    _, variables = await list_variables(view)
    return await start_export(view, INVOICES, variables)


def _row(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    customer = item["customer"]
    return {
        **shown_row(view, item),
        "type": None if item["invoiceType"] == "subscription" else TYPES[item["invoiceType"]],
        "disputed": item["paymentDisputeLostAt"] is not None,
        "customer": {
            "name": customer["displayName"] or customer["externalId"],
            "href": f"{view.base}/customer/{customer['id']}",
        },
        "due_date": item["paymentDueDate"],
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
    return RedirectResponse(here(view, address), status_code=303)


async def old_address(view: View) -> Response:
    """``GET /{slug}/invoices/{id}``: the address that the API hands out as ``web_url``."""
    return RedirectResponse(f"{view.base}/invoice/{view.path('invoice')}", status_code=303)


async def refresh(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/refresh``, from the page or from a row of the list."""
    return await _change(view, "RefreshInvoice", "Refreshed with the usage until now")


async def finalize(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/finalize``: the page anew, for an issued invoice has other dialogs."""
    return await _change(view, "FinalizeInvoice", "Invoice finalized", anew=True)


async def _change(view: View, operation: str, words: str, *, anew: bool = False) -> Response:
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
        shown = await show_invoice(view, toast=toast)
        return view.redirect(f"{view.base}/invoice/{view.path('invoice')}", toast) if anew and outcome.ok else shown
    except Refused as refused:
        if refused.status != 404 or not outcome.ok:
            raise
        return view.redirect(f"{view.base}/invoices", ("info", "The invoice was empty and is closed without a number"))
