"""One-off invoices: add-ons billed to a customer at once, with the totals while the form is filled (spec 07 §7.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.clock import iso_ms
from billwright.billing.kernel.money import CURRENCIES
from billwright.ui import formatting
from billwright.ui.views.customers import customer_href, shown_name
from billwright.ui.views.money import decimal_text, minor_units, written
from billwright.ui.views.support import Outcome, View
from billwright.ui.views.words import in_words

Data = Mapping[str, Any]
Line = dict[str, Any]
FORM = "invoices/one_off.html"
TEXTS = ("add_on", "units", "price", "description", "name", "from", "to")
MOST_LINES = 100
_WORDS: Mapping[str, str] = {
    "boundaries": "A line has both dates or none, and ends after it begins.",
    "fees": "The sum is more than an invoice can hold.",
    "unitAmountCents": "A price is more than a line can hold.",
    "addOn": "One of the add-ons was deleted meanwhile.",
}
"""What is wrong with the whole, by the server's field."""


@dataclass(slots=True)
class _Asked:
    """What the form says: its lines as typed, the input made of them, and what is wrong with which field."""

    currency: str
    lines: list[Line]
    fees: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    problems: dict[str, str] = field(default_factory=dict[str, str])


async def form(view: View) -> Response:
    """``GET /{slug}/customer/{id}/one-off``: one empty line."""
    choices = await _choices(view)
    currency = choices["customer"]["currency"] or choices["organization"]["defaultCurrency"]
    return await _form(view, choices, _Asked(currency, [_empty()]))


async def change_lines(view: View) -> Response:
    """``POST /{slug}/customer/{id}/one-off/lines``: a line more or less, or the defaults of an add-on just chosen."""
    choices = await _choices(view)
    asked = _read(view, choices)
    removed = view.posted("without")
    if removed.isdigit() and int(removed) < len(asked.lines) > 1:
        del asked.lines[int(removed)]
    elif view.posted("more") and len(asked.lines) < MOST_LINES:
        asked.lines.append(_empty())
    return await _form(view, choices, _asked_of(asked.currency, asked.lines, choices), block="one_off_form")


async def estimate(view: View) -> Response:
    """``POST /{slug}/customer/{id}/one-off/estimate``: lines, taxes and total so far."""
    choices = await _choices(view)
    return await _form(view, choices, _read(view, choices), block="one_off_sum")


async def create(view: View) -> Response:
    """``POST /{slug}/customer/{id}/one-off``."""
    choices = await _choices(view)
    asked = _read(view, choices)
    customer = choices["customer"]
    if not asked.fees and not asked.problems:
        asked.problems["add_on-0"] = in_words("value_is_mandatory")
    if asked.problems:
        return await _form(view, choices, asked, refused=True)
    outcome = await view.change("CreateInvoice", customerId=customer["id"], currency=asked.currency, fees=asked.fees)
    if not outcome.ok:
        asked.problems["form"] = _refusal(outcome)
        return await _form(view, choices, asked, refused=True)
    made = outcome.data["createInvoice"]
    if made is None:
        words = ("info", "The invoice was empty and is closed without a number")
        return view.redirect(customer_href(view, customer), words)
    worth = formatting.money_with_currency(made["totalAmountCents"], made["currency"])
    return view.redirect(f"{view.base}/invoice/{made['id']}", ("positive", f"{made['number']} issued: {worth}"))


async def _choices(view: View) -> Data:
    found: Data = await view.ask("OneOffForm", id=view.path("customer"))
    return found


def _empty() -> Line:
    return {**dict.fromkeys(TEXTS, ""), "units": "1", "taxes": []}


def _read(view: View, choices: Data) -> _Asked:
    """The form's lines, in order."""
    count = view.posted("lines")
    lines: list[Line] = []
    for index in range(min(int(count), MOST_LINES) if count.isdigit() else 1):
        texts = {name: view.posted(f"{name}-{index}") for name in TEXTS}
        taxes = [value for value in view.form.getlist(f"tax-{index}") if isinstance(value, str)]
        lines.append({**texts, "taxes": taxes})
    posted = view.posted("currency")
    currency = posted if posted in CURRENCIES else choices["organization"]["defaultCurrency"]
    return _asked_of(currency, lines, choices)


def _asked_of(currency: str, lines: list[Line], choices: Data) -> _Asked:
    """The input of the lines whose add-on is chosen; empty fields take the add-on's values."""
    asked = _Asked(currency, lines)
    known = {item["id"] for item in choices["addOns"]["collection"]}
    for index, line in enumerate(lines):
        if line["add_on"] not in known:
            continue
        fee: dict[str, Any] = {"addOnId": line["add_on"]}
        for name, key in (("description", "description"), ("name", "invoiceDisplayName")):
            if line[name]:
                fee[key] = line[name]
        if line["taxes"]:
            fee["taxCodes"] = line["taxes"]
        units = decimal_text(line["units"] or "1")
        if units is None or units.startswith("-"):
            asked.problems[f"units-{index}"] = in_words("value_is_not_a_number")
        else:
            fee["units"] = units
        price = minor_units(line["price"], currency) if line["price"] else None
        if line["price"] and (price is None or price.startswith("-")):
            asked.problems[f"price-{index}"] = in_words("invalid_value")
        elif price is not None:
            fee["unitAmountCents"] = price
        _dates(asked, index, line, fee)
        asked.fees.append(fee)
    return asked


def _dates(asked: _Asked, index: int, line: Line, fee: dict[str, Any]) -> None:
    """Whole days in UTC, as documents print them; both or none."""
    if not line["from"] and not line["to"]:
        return
    try:
        start, end = date.fromisoformat(line["from"]), date.fromisoformat(line["to"])
    except ValueError:
        asked.problems[f"from-{index}"] = _WORDS["boundaries"]
        return
    if end < start:
        asked.problems[f"from-{index}"] = _WORDS["boundaries"]
        return
    fee["fromDatetime"] = iso_ms(datetime.combine(start, time(), UTC))
    fee["toDatetime"] = iso_ms(datetime.combine(end, time(23, 59, 59), UTC))


def _refusal(outcome: Outcome) -> str:
    for name, codes in outcome.fields.items():
        return _WORDS.get(name) or in_words(codes[0], name)
    return in_words(outcome.code or "internal_error")


async def _form(
    view: View, choices: Data, asked: _Asked, *, refused: bool = False, block: str | None = None
) -> Response:
    customer = choices["customer"]
    base = f"{customer_href(view, customer)}/one-off"
    found: Data | None = None
    if asked.fees and not asked.problems:
        sent = {"customerId": customer["id"], "currency": asked.currency, "fees": asked.fees}
        outcome = await view.change("FetchDraftInvoiceTaxes", **sent)
        if outcome.ok:
            found = outcome.data["fetchDraftInvoiceTaxes"]
        else:
            asked.problems["form"] = _refusal(outcome)
    add_ons = choices["addOns"]["collection"]
    content = {
        "title": "One-off invoice",
        "url": view.url,
        "customer": {"name": shown_name(customer), "href": customer_href(view, customer)},
        "action": base,
        "currency": asked.currency,
        "currencies": [{"value": code, "label": code} for code in sorted(CURRENCIES)],
        "add_ons": [{"value": "", "label": "Choose an add-on"}, *(_option(item) for item in add_ons)],
        "can": {"create_add_on": view.may("addons:create")},
        "lines": [_shown(index, line, choices, asked.problems) for index, line in enumerate(asked.lines)],
        "error": asked.problems.get("form"),
        "problem": next(iter(asked.problems.values()), None),
        "sum": None if found is None else _sum(found),
        "api": view.api(
            "CreateInvoice",
            "POST",
            "/invoices",
            {
                "invoice": {
                    "external_customer_id": customer["externalId"],
                    "currency": asked.currency,
                    "fees": [{"add_on_code": add_ons[0]["code"] if add_ons else "setup", "units": "1"}],
                }
            },
        ),
    }
    status = 422 if refused else 200
    part = block or ("one_off_form" if refused else None)
    return await view.page(FORM, "customers", content, part if view.is_htmx else None, status_code=status)


def _option(item: Data) -> dict[str, str]:
    price = formatting.money_with_currency(item["amountCents"], item["amountCurrency"])
    return {"value": item["id"], "label": f"{item['name']} · {price}"}


def _shown(index: int, line: Line, choices: Data, problems: Mapping[str, str]) -> dict[str, Any]:
    """A line with the values that its empty fields stand for."""
    chosen = next((item for item in choices["addOns"]["collection"] if item["id"] == line["add_on"]), None)
    own = formatting.tax_names(chosen["taxes"]) if chosen else ""
    return {
        "index": index,
        **{name: line[name] for name in TEXTS},
        "defaults": {
            "price": written(chosen["amountCents"], chosen["amountCurrency"]) if chosen else "",
            "description": (chosen["description"] or "") if chosen else "",
            "name": chosen["name"] if chosen else "",
            "taxes": own or "the customer's, else the organization's",
        },
        "taxes": _taxes(line["taxes"], choices["taxes"]["collection"]),
        "opened": any(line[name] for name in ("description", "name", "from", "to")) or bool(line["taxes"]),
        "errors": {name: problems.get(f"{name}-{index}") for name in TEXTS},
    }


def _taxes(chosen: Sequence[str], taxes: Sequence[Data]) -> list[dict[str, Any]]:
    return [{"code": tax["code"], "label": formatting.tax_names([tax]), "on": tax["code"] in chosen} for tax in taxes]


def _sum(found: Data) -> dict[str, Any]:
    """The totals: every sum is the sum of the parts above it."""
    currency = found["currency"]
    rows = [
        {"label": item["itemName"], "cents": int(item["amountCents"]), "kind": "part"} for item in found["collection"]
    ]
    rows.append({"label": "Subtotal, excl. tax", "cents": int(found["feesAmountCents"]), "kind": "sum"})
    for tax in sorted(found["appliedTaxes"], key=lambda tax: -float(tax["taxRate"])):
        label = formatting.tax_line(tax["taxName"], tax["taxRate"], tax["feesAmountCents"], currency)
        rows.append({"label": label, "cents": int(tax["amountCents"]), "kind": "part"})
    if not found["appliedTaxes"]:
        rows.append({"label": "Tax (0%)", "cents": 0, "kind": "part"})
    rows.append({"label": "Total", "cents": int(found["totalAmountCents"]), "kind": "total"})
    return {"rows": rows, "currency": currency}
