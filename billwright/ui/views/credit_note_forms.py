"""Issuing a credit note: the form with what it comes to while it is filled (spec 07 §7.8, 05 C3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.views.credit_notes import REASONS, item_name, owner_of, tax_rates
from billwright.ui.views.customers import customer_href, shown_name
from billwright.ui.views.money import minor_units, written
from billwright.ui.views.support import Refused, View
from billwright.ui.views.words import field_errors, in_words

Data = Mapping[str, Any]
FORM = "credit_notes/form.html"
AMOUNT = "amount-"
PARTS = ("refund", "offset")
FIELDS: Mapping[str, str] = {
    "refundAmountCents": "refund",
    "offsetAmountCents": "offset",
    "creditAmountCents": "credit",
    "reason": "reason",
    "description": "description",
}
"""Names of the server's fields -> names in the form; what is wrong with items and the whole stands above them."""


@dataclass(slots=True)
class _Asked:
    """What the form says: texts as typed, the items in minor units, and what is wrong with which field."""

    values: dict[str, str]
    items: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    problems: dict[str, str] = field(default_factory=dict[str, str])


def is_creditable(invoice: Data) -> bool:
    """Whether there is anything that a credit note could give back."""
    names = ("creditable", "refundable", "offsettable")
    return any(int(invoice[f"{name}AmountCents"]) for name in names)


def _way(invoice: Data) -> str:
    """``split`` between credit, refund and offset; a purchase of credits is refunded or cancelled as a whole."""
    if invoice["invoiceType"] != "credit":
        return "split"
    return "refund" if invoice["paymentStatus"] == "succeeded" else "cancel"


async def note_form(view: View) -> Response:
    """``GET /{slug}/invoice/{id}/credit-notes/create``; with ``?all=1`` everything is filled in."""
    invoice = await _invoice(view)
    whole = view.query("all") == "1" or _way(invoice) == "cancel"
    values = {
        f"{AMOUNT}{fee['id']}": written(fee["creditableAmountCents"], invoice["currency"])
        for fee in invoice["fees"]
        if whole and int(fee["creditableAmountCents"])
    }
    return await _form(view, invoice, _read(invoice, values))


async def estimate(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/credit-notes/estimate``: what the note comes to."""
    invoice = await _invoice(view)
    return await _form(view, invoice, _read(invoice, _posted(view, invoice)), block="note_sum")


async def create(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/credit-notes/create``."""
    invoice = await _invoice(view)
    asked = _read(invoice, _posted(view, invoice))
    found = await _estimate(view, invoice, asked)
    parts = _parts(invoice, asked, found)
    if asked.problems or parts is None:
        return await _form(view, invoice, asked, found=found, code="" if asked.problems else "nothing")
    outcome = await view.change(
        "CreateCreditNote",
        invoiceId=invoice["id"],
        reason=asked.values["reason"],
        description=asked.values["description"] or None,
        items=asked.items,
        **{f"{name}AmountCents": str(cents) for name, cents in parts.items() if cents},
    )
    if not outcome.ok:
        for name, words in field_errors(outcome.fields).items():
            asked.problems[FIELDS.get(name, "form")] = words
        return await _form(view, invoice, asked, found=found, code=outcome.code)
    note = outcome.data["createCreditNote"]
    worth = formatting.money_with_currency(note["totalAmountCents"], note["currency"])
    return view.redirect(f"{view.base}/credit-note/{note['id']}", ("positive", f"{note['number']} issued: {worth}"))


async def _invoice(view: View) -> Data:
    invoice: Data = (await view.ask("CreditNoteForm", id=view.path("invoice")))["invoice"]
    if invoice["status"] != "finalized":
        raise Refused(404, "invoice_not_found")
    return invoice


def _posted(view: View, invoice: Data) -> dict[str, str]:
    names = [*(f"{AMOUNT}{fee['id']}" for fee in invoice["fees"]), *PARTS, "reason", "description"]
    return {name: view.posted(name) for name in names}


def _read(invoice: Data, given: Mapping[str, str]) -> _Asked:
    """The items of the fees whose amount is filled in, within what can be credited of each."""
    values = {**dict.fromkeys((*PARTS, "description"), ""), "reason": "other", **given}
    if values["reason"] not in REASONS:
        values["reason"] = "other"
    asked, currency = _Asked(values), invoice["currency"]
    for fee in invoice["fees"]:
        text, most = values.get(f"{AMOUNT}{fee['id']}", ""), int(fee["creditableAmountCents"])
        if not text or not most:
            continue
        cents = minor_units(text, currency)
        if cents is None or int(cents) < 0:
            asked.problems[f"{AMOUNT}{fee['id']}"] = in_words("invalid_value")
        elif int(cents) > most:
            left = formatting.money_with_currency(most, currency)
            asked.problems[f"{AMOUNT}{fee['id']}"] = f"At most {left} can be credited."
        elif int(cents):
            asked.items.append({"feeId": fee["id"], "amountCents": cents})
    return asked


async def _estimate(view: View, invoice: Data, asked: _Asked) -> Data | None:
    """What the items are worth; nothing while there are none or one of them is wrong."""
    wrong = any(name.startswith(AMOUNT) for name in asked.problems)
    if wrong or not asked.items:
        return None
    if _way(invoice) == "cancel":
        return _whole_purchase(invoice)
    try:
        found = await view.ask("CreditNoteEstimate", invoiceId=invoice["id"], items=asked.items)
    except Refused as refused:
        if refused.status not in (405, 422):
            raise
        asked.problems["form"] = "The invoice has changed meanwhile. Reload the page to see what can be credited now."
        return None
    return found["creditNoteEstimate"]


def _whole_purchase(invoice: Data) -> Data:
    """What cancelling an unpaid purchase comes to: all of it, untaxed; it cannot be estimated (spec 05 C3, C6)."""
    whole = invoice["totalDueAmountCents"]
    none = ("couponsAdjustment", "taxes", "maxCreditable", "maxRefundable")
    return {
        "currency": invoice["currency"],
        "subTotalExcludingTaxesAmountCents": whole,
        "maxOffsettableAmountCents": whole,
        "appliedTaxes": [],
        **{f"{name}AmountCents": "0" for name in none},
    }


def _parts(invoice: Data, asked: _Asked, found: Data | None) -> dict[str, int] | None:
    """How the note's worth is given back: what is typed is refunded and comes off the invoice, the rest is credit."""
    if found is None:
        return None
    way, currency = _way(invoice), invoice["currency"]
    if way == "refund":
        return {"refund": int(found["maxRefundableAmountCents"])}
    if way == "cancel":
        return {"offset": int(invoice["totalDueAmountCents"])}
    total = int(found["maxCreditableAmountCents"])
    most = {"refund": int(found["maxRefundableAmountCents"]), "offset": int(found["maxOffsettableAmountCents"])}
    parts: dict[str, int] = {}
    for name in PARTS:
        text = asked.values[name]
        cents = minor_units(text, currency) if text else "0"
        if cents is None or int(cents) < 0:
            asked.problems[name] = in_words("invalid_value")
            continue
        parts[name] = int(cents)
        if int(cents) > most[name]:
            asked.problems[name] = f"At most {formatting.money_with_currency(most[name], currency)}."
    rest = total - sum(parts.values())
    if rest < 0 and not any(name in asked.problems for name in PARTS):
        worth = formatting.money_with_currency(total, currency)
        asked.problems["refund" if parts.get("refund") else "offset"] = f"Together more than the note's {worth}."
    return {**parts, "credit": max(rest, 0)}


async def _form(
    view: View,
    invoice: Data,
    asked: _Asked,
    *,
    found: Data | None = None,
    code: str | None = None,
    block: str | None = None,
) -> Response:
    found = found or await _estimate(view, invoice, asked)
    parts = _parts(invoice, asked, found)
    base = f"{view.base}/invoice/{invoice['id']}"
    error = asked.problems.get("form") or (
        in_words(code) if code and code != "nothing" and not asked.problems else None
    )
    if code == "nothing":
        error = "Write how much is given back of at least one line."
    content = {
        "title": f"Credit note on {invoice['number']}",
        "url": view.url,
        "invoice": {"number": invoice["number"], "href": base, "currency": invoice["currency"]},
        "customer": {"name": shown_name(invoice["customer"]), "href": customer_href(view, invoice["customer"])},
        "action": f"{base}/credit-notes/create",
        "estimate": f"{base}/credit-notes/estimate",
        "everything": f"{base}/credit-notes/create?all=1",
        "way": _way(invoice),
        "is_creditable": is_creditable(invoice),
        "groups": _groups(invoice, asked),
        "values": asked.values,
        "reasons": [{"value": key, "label": label} for key, label in REASONS.items()],
        "most": {
            "refund": int(invoice["refundableAmountCents"]),
            "offset": int(invoice["offsettableAmountCents"]),
        },
        "errors": {name: asked.problems.get(name) for name in ("reason", "description", "credit", *PARTS)},
        "error": error,
        "sum": None if found is None or parts is None else _sum(invoice, found, parts),
        "api": view.api(
            "CreateCreditNote",
            "POST",
            "/credit_notes",
            {
                "credit_note": {
                    "invoice_id": invoice["id"],
                    "reason": "other",
                    "credit_amount_cents": 1000,
                    "items": [{"fee_id": fee["id"], "amount_cents": 1000} for fee in invoice["fees"][:1]],
                }
            },
        ),
    }
    refused = code is not None
    chosen = block if block and view.is_htmx else ("note_form" if refused and view.is_htmx else None)
    return await view.page(FORM, "invoices", content, chosen, status_code=422 if refused else 200)


def _groups(invoice: Data, asked: _Asked) -> list[dict[str, Any]]:
    """The fees that something can be credited of, by subscription."""
    groups: dict[str | None, dict[str, Any]] = {}
    for fee in invoice["fees"]:
        most = int(fee["creditableAmountCents"])
        if not most:
            continue
        name = f"{AMOUNT}{fee['id']}"
        groups.setdefault(fee["subscriptionId"], {"name": owner_of(fee), "items": []})["items"].append(
            {
                "field": name,
                "name": item_name(fee),
                "tax_rates": tax_rates(fee),
                "most_cents": most,
                "most": written(most, invoice["currency"]),
                "value": asked.values.get(name, ""),
                "error": asked.problems.get(name),
            }
        )
    return list(groups.values())


def _sum(invoice: Data, found: Data, parts: Mapping[str, int]) -> dict[str, Any]:
    """What the panel beside the form shows: every sum is the sum of the parts above it."""
    currency = invoice["currency"]
    sub_total = int(found["subTotalExcludingTaxesAmountCents"])
    coupons, taxes = int(found["couponsAdjustmentAmountCents"]), int(found["taxesAmountCents"])
    total = sum(parts.values())
    rows = [{"label": "Items", "cents": sub_total + coupons, "kind": "part"}]
    if coupons:
        rows.append({"label": "Share of coupons", "cents": -coupons, "kind": "part"})
    for tax in found["appliedTaxes"]:
        label = formatting.tax_line(tax["taxName"], tax["taxRate"], tax["baseAmountCents"], currency)
        rows.append({"label": label, "cents": int(tax["amountCents"]), "kind": "part"})
    worth = int(found["maxCreditableAmountCents"]) or total
    difference = worth - sum(row["cents"] for row in rows)
    if difference:
        rows.append({"label": "Rounding", "cents": difference, "kind": "part"})
    labels = {"refund": "Refunded", "offset": "Off this invoice", "credit": "Credit for later invoices"}
    return {
        "rows": [*rows, {"label": "Worth", "cents": worth, "kind": "total"}],
        "parts": [{"label": labels[name], "cents": cents} for name, cents in parts.items() if cents],
        "taxes_cents": taxes,
        "refund_most": int(found["maxRefundableAmountCents"]),
        "offset_most": int(found["maxOffsettableAmountCents"]),
    }
