"""Setting the fees of a draft by hand: the dialogs of its page (spec 02 §14, 07 §7.8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.money import decimal_string, parse_decimal
from billwright.billing.pricing import vocabulary as v
from billwright.ui import formatting
from billwright.ui.views.fee_lines import is_editable, name_of
from billwright.ui.views.support import Outcome, View
from billwright.ui.views.words import field_errors, in_words, toast_words

Data = Mapping[str, Any]
FORM = "invoices/fee_form.html"
NEW = "create"
"""Stands for the fee's id in the address of a fee that is added."""
FIELDS: Mapping[str, str] = {
    "units": "units",
    "charge": "units",
    "unitPreciseAmount": "price",
    "invoiceDisplayName": "name",
    "adjustedFee": "units",
}
"""Names of the server's fields -> names in the form."""
NO_ERRORS: Mapping[str, None] = dict.fromkeys(("charge", "units", "price", "name"))


async def fee_form(view: View) -> Response:
    """``GET /{slug}/invoice/{id}/fees/{fee}``: the form of the dialog, for a fee or for one to add."""
    invoice = await _invoice(view)
    if _is_gone(view, invoice):
        return _moved_on(view, invoice)
    return await _form(view, invoice, {}, {})


async def preview(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/fees/{fee}/preview``: what the fee would be."""
    invoice = await _invoice(view)
    if _is_gone(view, invoice):
        return _moved_on(view, invoice)
    values, asked, problems = _asked(view, invoice, "invoiceSubscriptionId")
    outcome = Outcome() if problems else await view.change("PreviewAdjustedFee", **asked)
    if problems or not outcome.ok:
        return await _form(view, invoice, values, problems or outcome.fields, outcome.code)
    fee = outcome.data["previewAdjustedFee"]
    cents, taxes = int(fee["amountCents"]), int(fee["taxesAmountCents"])
    shown = [formatting.money_with_currency(amount, invoice["currency"]) for amount in (cents, taxes, cents + taxes)]
    content = {"url": view.url, "preview": dict(zip(("amount", "taxes", "total"), shown, strict=True))}
    return await view.page(FORM, "invoices", content, "fee_preview")


async def set_fee(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/fees/{fee}``."""
    invoice = await _invoice(view)
    if _is_gone(view, invoice):
        return _moved_on(view, invoice)
    values, asked, problems = _asked(view, invoice, "subscriptionId")
    outcome = Outcome() if problems else await view.change("CreateAdjustedFee", **asked)
    if problems or not outcome.ok:
        return await _form(view, invoice, values, problems or outcome.fields, outcome.code)
    return await _page(view, ("positive", "Fee added" if view.path("fee") == NEW else "Fee changed"))


async def reset_fee(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/fees/{fee}/reset``: back to what usage gives."""
    outcome = await view.change("DestroyAdjustedFee", invoiceId=view.path("invoice"), feeId=view.path("fee"))
    done = ("positive", "Fee reset to the usage")
    return await _page(view, done if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields)))


async def _page(view: View, toast: tuple[str, str]) -> Response:
    from billwright.ui.views.invoice_page import show_invoice  # it shows what may be edited

    if not view.is_htmx:
        return view.redirect(f"{view.base}/invoice/{view.path('invoice')}", toast)
    return await show_invoice(view, toast=toast)


async def _invoice(view: View) -> Data:
    invoice: Data = (await view.ask("FeeForm", id=view.path("invoice")))["invoice"]
    return invoice


def _is_gone(view: View, invoice: Data) -> bool:
    """Whether there is nothing to set any more: the invoice was issued, or its fees were made anew."""
    return invoice["status"] != "draft" or (view.path("fee") != NEW and _fee(view, invoice) is None)


def _moved_on(view: View, invoice: Data) -> Response:
    return view.redirect(
        f"{view.base}/invoice/{invoice['id']}", ("info", "The invoice has changed meanwhile. This is how it is now.")
    )


def _fee(view: View, invoice: Data) -> Data | None:
    """The fee of the address; ``None`` for one to add."""
    return next((fee for fee in invoice["fees"] if fee["id"] == view.path("fee") and is_editable(fee)), None)


def _asked(view: View, invoice: Data, subscription: str) -> tuple[dict[str, str], dict[str, Any], dict[str, list[str]]]:
    """What was typed, what is asked of the server, and what cannot be asked."""
    values = {name: view.posted(name) for name in ("charge", "units", "price", "name")}
    problems: dict[str, list[str]] = {}
    asked: dict[str, Any] = {"invoiceId": invoice["id"]}
    for name, field in (("units", "units"), ("price", "unitPreciseAmount")):
        number = parse_decimal(values[name].replace(",", ""))
        if number is not None:
            asked[field] = decimal_string(number)
        elif values[name]:
            problems[field] = ["value_is_not_a_number"]
    if values["name"]:
        asked["invoiceDisplayName"] = values["name"]
    fee = _fee(view, invoice)
    if fee is not None:
        return values, {**asked, "feeId": fee["id"]}, problems
    chosen = values["charge"].split("|")
    if len(chosen) != 3:
        problems["chargeId"] = ["value_is_mandatory"]
    else:
        asked |= {subscription: chosen[0], "chargeId": chosen[1], "chargeFilterId": chosen[2] or None}
    return values, asked, problems


async def _form(
    view: View, invoice: Data, values: Mapping[str, str], fields: Mapping[str, list[str]], code: str | None = None
) -> Response:
    fee = _fee(view, invoice)
    errors: dict[str, str | None] = {**NO_ERRORS}
    for name, text in field_errors(fields).items():
        errors[{"chargeId": "charge"}.get(name) or FIELDS.get(name, "units")] = text
    href = f"{view.base}/invoice/{invoice['id']}/fees/{view.path('fee')}"
    content = {
        "url": view.url,
        "fee": {
            "title": "Add a fee" if fee is None else _title(invoice, fee),
            "action": href,
            "currency": invoice["currency"],
            "edited": fee is not None and fee["adjustedFee"],
            "options": [] if fee is not None else _options(invoice),
            "note": _note(fee),
            "now": None if fee is None else _now(fee, invoice["currency"]),
            "filled": {**dict.fromkeys(("charge", "units", "price", "name"), ""), **values},
        },
        "errors": errors,
        "error": in_words(code) if code and not any(errors.values()) else None,
    }
    refused = bool(fields or code)
    response = await view.page(FORM, "invoices", content, "fee_form", status_code=422 if refused else 200)
    if refused:
        response.headers["HX-Retarget"] = "#fee-form"
        response.headers["HX-Reswap"] = "outerHTML"
    return response


def _title(invoice: Data, fee: Data) -> str:
    plans = {entry["subscription"]["id"]: entry["subscription"]["plan"] for entry in invoice["invoiceSubscriptions"]}
    return name_of(fee, plans.get(fee["subscriptionId"]))


def _now(fee: Data, currency: str) -> str:
    units, amount = formatting.units(fee["units"]), formatting.money_with_currency(fee["amountCents"], currency)
    return f"{units} {'unit' if units == '1' else 'units'}, {amount}"


def _note(fee: Data | None) -> str | None:
    """What units alone mean for this fee."""
    model = None if fee is None else fee["item"].get("charge_model")
    if model == v.DYNAMIC:
        return "A dynamic charge has no price of its own: units alone give 0. Set a unit price too."
    if model == v.PERCENTAGE or (fee is not None and model == v.GRADUATED and fee["item"].get("prorated")):
        return "This charge is priced event by event: set a unit price too."
    return None


def _options(invoice: Data) -> list[dict[str, str]]:
    """Charges of the invoice's subscriptions that have no fee yet, with their filters."""
    billed = {
        (fee["subscriptionId"], fee["chargeId"], fee["chargeFilterId"])
        for fee in invoice["fees"]
        if fee["feeType"] == "charge"
    }
    entries = invoice["invoiceSubscriptions"]
    found = [
        {"value": "|".join(part or "" for part in key), "label": label}
        for entry in entries
        for key, label in _buckets(entry["subscription"], prefix=len(entries) > 1)
        if key not in billed
    ]
    return [{"value": "", "label": "Choose a charge"}, *found]


def _buckets(subscription: Data, *, prefix: bool) -> Iterator[tuple[tuple[str, str, str | None], str]]:
    plan = subscription["plan"]
    start = f"{subscription['name'] or plan['invoiceDisplayName'] or plan['name']} - " if prefix else ""
    for charge in plan["charges"]:
        if charge["payInAdvance"]:
            continue
        name = start + (charge["invoiceDisplayName"] or charge["billableMetric"]["name"])
        yield (subscription["id"], charge["id"], None), name
        for chosen in charge["filters"]:
            label = chosen["invoiceDisplayName"] or ", ".join(
                value for values in chosen["values"].values() for value in values
            )
            yield (subscription["id"], charge["id"], chosen["id"]), f"{name} • {label}"
