"""Credit notes: the list, the page of one, and what can be done with it (spec 07 §7.8, 05 C5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from billwright.ui import formatting
from billwright.ui.components import status_of
from billwright.ui.filters import Filter, Filters, read_filters
from billwright.ui.views import metadata_forms, resending
from billwright.ui.views.customers import customer_href, shown_name, tab_page
from billwright.ui.views.exports import CREDIT_NOTES, export_dialog, start_export
from billwright.ui.views.fee_lines import name_of
from billwright.ui.views.parties import parties
from billwright.ui.views.spans import amount_span
from billwright.ui.views.support import Refused, View, here
from billwright.ui.views.words import toast_words

Data = Mapping[str, Any]
REASONS: Mapping[str, str] = {
    "duplicated_charge": "Charged twice",
    "product_unsatisfactory": "Product unsatisfactory",
    "order_change": "Order changed",
    "order_cancellation": "Order cancelled",
    "fraudulent_charge": "Fraudulent charge",
    "other": "Other",
}
CREDIT_STATUSES = ("available", "consumed", "voided")
REFUND_STATUSES = ("pending", "succeeded", "failed")
FILTERS = (
    Filter("credit_status", "Credit", "choices", [(key, status_of("credit", key).word) for key in CREDIT_STATUSES],
           quick=True),
    Filter("refund_status", "Refund", "choices", [(key, status_of("refund", key).word) for key in REFUND_STATUSES],
           quick=True),
    Filter("reason", "Reason", "choices", tuple(REASONS.items()), quick=True),
    Filter("issued", "Issued", "dates", quick=True),
    Filter("amount", "Amount", "amount", hint="Of the total, such as 1200.50. The same twice finds exactly that."),
    Filter("currency", "Currency", "text", upper=True, hint="Such as EUR."),
    Filter("customer", "Customer", "text", hint="The customer's external id."),
    Filter("invoice", "Invoice", "text", hint="The invoice's whole number."),
)  # fmt: skip
"""Filters of the list (spec 07 §7.5)."""


def note_href(view: View, note: Data) -> str:
    return f"{view.base}/credit-note/{note['id']}"


def note_row(view: View, note: Data) -> dict[str, Any]:
    """What every table of credit notes shows of one."""
    invoice, customer = note["invoice"], note.get("customer")
    return {
        "id": note["id"],
        "href": note_href(view, note),
        "number": note["number"],
        "reason": REASONS[note["reason"]],
        **statuses(note),
        "total_cents": int(note["totalAmountCents"]),
        "left_cents": int(note["balanceAmountCents"]) if note["creditStatus"] == "available" else 0,
        "currency": note["currency"],
        "issuing_date": note["issuingDate"],
        "invoice": {"number": invoice["number"], "href": f"{view.base}/invoice/{invoice['id']}"} if invoice else None,
        "customer": {"name": shown_name(customer), "href": customer_href(view, customer)} if customer else None,
        "can_void": note["canBeVoided"] and view.may("credit_notes:void"),
    }


def statuses(note: Data) -> dict[str, str | None]:
    """The chips: of its credit and of its refund, where it has such a part."""
    return {
        "credit": note["creditStatus"] if int(note["creditAmountCents"]) else None,
        "refund": note["refundStatus"] if int(note["refundAmountCents"]) else None,
    }


async def _variables(view: View) -> tuple[Filters, dict[str, Any]]:
    """The filters of the address, and what they ask ``creditNotes`` for."""
    found = read_filters(view.url, FILTERS)
    lowest, highest = await amount_span(view, found)
    since, until = found.span("issued")
    return found, {
        "creditStatus": found.many("credit_status"),
        "refundStatus": found.many("refund_status"),
        "reason": found.many("reason"),
        "currency": found.one("currency"),
        "amountFrom": lowest,
        "amountTo": highest,
        "issuingDateFrom": since,
        "issuingDateTo": until,
        "customerExternalId": found.one("customer"),
        "invoiceNumber": found.one("invoice"),
        "searchTerm": view.search or None,
    }


async def note_list(view: View) -> Response:
    """``GET /{slug}/credit-notes``: newest first."""
    filters, variables = await _variables(view)
    found = (await view.ask("CreditNoteList", **view.paging(), **variables))["creditNotes"]
    content = {
        "title": "Credit notes",
        "url": view.url,
        "search": view.query("search"),
        "filters": filters.bar,
        "filtered": bool(filters) or bool(view.search),
        "credit_notes": [note_row(view, item) for item in found["collection"]],
        "page": view.pager(found["metadata"]),
        "export": await export_dialog(view, CREDIT_NOTES, view.pager(found["metadata"])),
        "api": view.api("CreditNoteList", "GET", "/credit_notes?per_page=20"),
    }
    return await view.page("credit_notes/list.html", "credit_notes", content)


async def export(view: View) -> Response:
    """``POST /{slug}/credit-notes/export?<the list's address>``."""
    _, variables = await _variables(view)
    return await start_export(view, CREDIT_NOTES, variables)


async def customer_tab(view: View) -> Response:
    """``GET /{slug}/customer/{id}/credit-notes``."""
    data = await view.ask("CustomerCreditNotes", id=view.path("customer"), **view.paging())
    found = data["creditNotes"]
    content = {
        "balances": [
            {
                "amount_cents": int(item["amountCents"]),
                "currency": item["currency"],
                "note": f"on {_count(item['creditNotesCount'])}",
            }
            for item in data["customer"]["creditNotesBalances"] or []
        ],
        "credit_notes": [note_row(view, item) for item in found["collection"]],
        "page": view.pager(found["metadata"]),
    }
    path = f"/customers/{data['customer']['externalId']}/credit_notes?per_page=20"
    api = view.api("CustomerCreditNotes", "GET", path)
    return await tab_page(view, "credit-notes", "credit_notes/customer_tab.html", content, api=api)


def _count(number: int) -> str:
    return f"{number} credit note{'' if number == 1 else 's'}"


# --- one credit note -----------------------------------------------------------------------------------------------


async def note_page(view: View, toast: tuple[str, str] | None = None) -> Response:
    """``GET /{slug}/credit-note/{id}``, and the block of it after an action."""
    data = await view.ask("CreditNotePage", id=view.path("credit_note"))
    note, organization = data["creditNote"], data["organization"]
    href, currency = note_href(view, note), note["currency"]
    row = note_row(view, note)
    content = {
        "title": note["number"],
        "url": href,
        "note": {
            **row,
            **parties(view, note, organization),
            "description": note["description"],
            "lines": _lines(note),
            "totals": note_totals(note),
            "amount_note": _amount_note(note),
            "parts": _parts(note),
            "footer": (organization["billingConfiguration"] or {}).get("invoiceFooter"),
            "metadata": [{"label": key, "value": value} for key, value in sorted((note["metadata"] or {}).items())],
        },
        "events": _events(note),
        "send": {**resending.form_of(href, note["number"], note["customer"]["email"]), "target": "#credit-note"},
        "send_errors": dict.fromkeys(resending.FIELDS),
        "can": {
            "send": note["canBeMailed"] and view.may("credit_notes:send"),
            "void": row["can_void"],
            "refund": note["refundStatus"] in ("pending", "failed") and view.may("credit_notes:update"),
            "metadata": view.may("credit_notes:update"),
        },
        "void": {
            "text": f"{formatting.money_with_currency(row['left_cents'], currency)} are left of its credit and can "
            "pay no invoice any more. "
            + ("What is refunded stays as it is. " if int(note["refundAmountCents"]) else "")
            + "This cannot be undone."
        },
        "metadata": _metadata(href, note),
        "error": None,
        "api": view.api("CreditNotePage", "GET", f"/credit_notes/{note['id']}"),
    }
    block = "credit_note" if view.is_htmx and view.request.method == "POST" else None
    return await view.page("credit_notes/page.html", "credit_notes", content, block, toast=toast)


def _lines(note: Data) -> list[dict[str, Any]]:
    """The items by subscription, as its document lists them."""
    groups: dict[str | None, dict[str, Any]] = {}
    for item in note["items"]:
        if not int(item["amountCents"]):
            continue
        fee = item["fee"]
        groups.setdefault(fee["subscriptionId"], {"name": owner_of(fee), "items": []})["items"].append(
            {
                "name": item_name(fee),
                "tax_rates": tax_rates(fee),
                "amount_cents": int(item["amountCents"]),
            }
        )
    return list(groups.values())


def owner_of(fee: Data) -> str:
    """Whose line it is: the subscription by its own or its plan's name."""
    subscription = fee["subscription"]
    if subscription is None:
        return "Items"
    plan = subscription["plan"]
    return subscription["name"] or plan["invoiceDisplayName"] or plan["name"]


def item_name(fee: Data) -> str:
    """The fee's name as documents print it."""
    return name_of(fee, (fee["subscription"] or {}).get("plan"))


def tax_rates(fee: Data) -> list[str]:
    return sorted((tax["taxRate"] for tax in fee["appliedTaxes"]), key=float, reverse=True) or ["0"]


def note_totals(note: Data) -> list[dict[str, Any]]:
    """The block below the items (spec 04 §21): what they are, less coupons, plus taxes."""
    coupons = int(note["couponsAdjustmentAmountCents"])
    sub_total = int(note["subTotalExcludingTaxesAmountCents"])
    currency = note["currency"]
    rows: list[dict[str, Any]] = [{"label": "Items", "cents": sub_total + coupons, "kind": "part"}]
    if coupons:
        rows.append({"label": "Coupons", "cents": -coupons, "kind": "part"})
    rows.append({"label": "Subtotal, excl. tax", "cents": sub_total, "kind": "sum"})
    taxes = sorted(note["appliedTaxes"], key=lambda tax: -float(tax["taxRate"]))
    for tax in taxes:
        label = formatting.tax_line(tax["taxName"], tax["taxRate"], tax["baseAmountCents"], currency)
        rows.append({"label": label, "cents": int(tax["amountCents"]), "kind": "part"})
    difference = int(note["taxesAmountCents"]) - sum(int(tax["amountCents"]) for tax in taxes)
    if not taxes:
        rows.append({"label": "Tax (0%)", "cents": 0, "kind": "part"})
    elif difference:
        rows.append({"label": "Rounding", "cents": difference, "kind": "part"})
    total = sub_total + int(note["taxesAmountCents"])
    return [*rows, {"label": "Total", "cents": total, "kind": "total"}]


def _parts(note: Data) -> list[dict[str, Any]]:
    """How it is given back: in the words of its document, and as it stands ``now``."""
    refund = {"pending": "To be refunded", "failed": "Not refunded"}.get(note["refundStatus"], "Refunded")
    names = (
        ("Credited on the balance", "Credited on the balance", "credit"),
        ("Refunded", refund, "refund"),
        ("Off the invoice", "Off the invoice", "offset"),
    )
    return [
        {"label": label, "now": now, "cents": int(note[f"{name}AmountCents"])}
        for label, now, name in names
        if int(note[f"{name}AmountCents"])
    ]


def _amount_note(note: Data) -> str:
    day = formatting.plain_date(note["issuingDate"])
    given = [name for name in ("credit", "refund", "offset") if int(note[f"{name}AmountCents"])]
    if given == ["refund"]:
        return f"Refunded on {day}"
    if given == ["credit"]:
        return f"Credited on the customer's balance on {day}"
    return f"Issued on {day}"


def _events(note: Data) -> list[dict[str, Any]]:
    def event(icon: str, title: str, at: str | None, state: str = "done") -> dict[str, Any]:
        return {"icon": icon, "title": title, "at": at, "note": None, "state": state}

    found = [event("circle-check", "Issued", note["createdAt"])]
    if note["refundStatus"] == "succeeded":
        found.append(event("circle-check", "Refunded", note["refundedAt"]))
    elif note["refundStatus"] == "failed":
        found.append(event("triangle-alert", "Refund failed", None, "failed"))
    elif note["refundStatus"] == "pending":
        found.append(event("clock", "Refund to be made", None, "next"))
    if note["creditStatus"] == "voided":
        found.append(event("circle-minus", "Rest voided", note["voidedAt"], "now"))
    elif int(note["creditAmountCents"]) and note["creditStatus"] == "consumed":
        found.append(event("circle-dot", "Used up", None, "now"))
    return found


async def download(view: View) -> Response:
    """``GET /{slug}/credit-note/{id}.pdf``: off to the stored file, which is made first if need be."""
    outcome = await view.change("DownloadCreditNote", id=view.path("credit_note"))
    if not outcome.ok:
        raise Refused(404, outcome.code)
    address = outcome.data["downloadCreditNote"]["fileUrl"]
    if not address:
        raise Refused(500, "document_not_ready")
    return RedirectResponse(here(view, address), status_code=303)


async def void(view: View) -> Response:
    """``POST /{slug}/credit-note/{id}/void``."""
    outcome = await view.change("VoidCreditNote", id=view.path("credit_note"))
    return await _answer(view, outcome.code, outcome.fields, "The rest of the credit is void")


async def report_refund(view: View) -> Response:
    """``POST /{slug}/credit-note/{id}/refund``: what became of a refund that was made by hand."""
    status = view.posted("refund_status")
    if status not in REFUND_STATUSES:
        await view.ask("CreditNotePage", id=view.path("credit_note"))  # a note of others is not there at all
        return await _answer(view, "value_is_invalid", {}, "")
    outcome = await view.change("UpdateCreditNote", id=view.path("credit_note"), refundStatus=status)
    return await _answer(view, outcome.code, outcome.fields, "Refund updated")


async def metadata_form(view: View) -> Response:
    """``GET /{slug}/credit-note/{id}/metadata``: the form of the dialog."""
    note = (await view.ask("CreditNotePage", id=view.path("credit_note")))["creditNote"]
    return await metadata_forms.answer(view, "credit_notes", _metadata(note_href(view, note), note))


def _metadata(href: str, note: Data) -> dict[str, Any]:
    return metadata_forms.form_of_pairs(f"{href}/metadata", "#credit-note", note["metadata"] or {})


async def set_metadata(view: View) -> Response:
    """``POST /{slug}/credit-note/{id}/metadata``."""
    rows = metadata_forms.posted(view)
    action = f"{view.base}/credit-note/{view.path('credit_note')}/metadata"
    repeated = metadata_forms.repeated(rows)
    if repeated:
        return await metadata_forms.refused(view, "credit_notes", action, "#credit-note", rows, repeated)
    pairs = {row["key"]: row["value"] for row in rows if row["key"]}
    outcome = await view.change("UpdateCreditNote", id=view.path("credit_note"), metadata=pairs or None)
    if not outcome.ok:
        problem = toast_words(outcome.code, outcome.fields)
        return await metadata_forms.refused(view, "credit_notes", action, "#credit-note", rows, problem)
    return await _answer(view, None, {}, "Metadata saved")


async def _answer(view: View, code: str | None, fields: Mapping[str, list[str]], words: str) -> Response:
    toast = ("positive", words) if code is None else ("negative", toast_words(code, fields))
    if not view.is_htmx:
        return view.redirect(f"{view.base}/credit-note/{view.path('credit_note')}", toast)
    return await note_page(view, toast=toast)
