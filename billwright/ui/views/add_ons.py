"""Add-ons: list, page, form, deleting (spec 07 §7.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.money import CURRENCIES
from billwright.ui import formatting
from billwright.ui.views.money import minor_units, written
from billwright.ui.views.support import View
from billwright.ui.views.words import field_errors, in_words, toast_words

FIELDS = {
    "name": "name",
    "code": "code",
    "description": "description",
    "invoiceDisplayName": "display_name",
    "amountCents": "amount",
    "amountCurrency": "currency",
    "taxCodes": "taxes",
}


def _href(view: View, add_on: str) -> str:
    return f"{view.base}/add-on/{add_on}"


async def add_on_list(view: View) -> Response:
    """``GET /{slug}/add-ons``."""
    found = (await view.ask("AddOnList", **view.paging(), searchTerm=view.search or None))["addOns"]
    content = {
        "title": "Add-ons",
        "url": view.url,
        "search": view.query("search"),
        "add_ons": [
            {
                "id": item["id"],
                "href": _href(view, item["id"]),
                "name": item["name"],
                "code": item["code"],
                "amount_cents": int(item["amountCents"]),
                "currency": item["amountCurrency"],
                "customers": item["customersCount"],
                "created_at": item["createdAt"],
            }
            for item in found["collection"]
        ],
        "page": view.pager(found["metadata"]),
        "can": view.may_change("addons"),
        "api": view.api("AddOnList", "POST", "/add_ons", {"add_on": {
            "name": "Setup", "code": "setup", "amount_cents": 50000, "amount_currency": "USD"}}),
    }  # fmt: skip
    return await view.page("discounts/add_ons.html", "add_ons", content)


async def add_on_page(view: View) -> Response:
    """``GET /{slug}/add-on/{id}``."""
    item = (await view.ask("AddOnPage", id=view.path("add_on")))["addOn"]
    price = formatting.money_with_currency(item["amountCents"], item["amountCurrency"])
    taxes = ", ".join(f"{tax['name']} {formatting.rate(tax['rate'])}" for tax in item["taxes"])
    content = {
        "title": item["name"],
        "url": view.url,
        "add_on": {
            "id": item["id"],
            "href": _href(view, item["id"]),
            "name": item["name"],
            "code": item["code"],
            "description": item["description"],
            "facts": [
                {"label": "Price", "value": price},
                {"label": "On invoices", "value": item["invoiceDisplayName"] or item["name"]},
                {"label": "Taxes", "value": taxes or "Those of the customer"},
                {"label": "Customers", "value": f"{item['customersCount']:,}"},
            ],
        },
        "sample": formatting.curl(
            "POST",
            f"{view.settings.api_url}/api/v1/invoices",
            {"invoice": {"external_customer_id": "acme-001", "currency": item["amountCurrency"],
                         "fees": [{"add_on_code": item["code"], "units": 1}]}},
        ),
        "can": view.may_change("addons"),
        "api": view.api("AddOnPage", "GET", f"/add_ons/{item['code']}"),
    }  # fmt: skip
    return await view.page("discounts/add_on.html", "add_ons", content)


async def new_add_on(view: View) -> Response:
    """``GET /{slug}/create/add-on``."""
    return await _form(view, None, dict.fromkeys(FIELDS.values(), ""), {}, set())


async def edit_add_on(view: View) -> Response:
    """``GET /{slug}/add-on/{id}/edit``."""
    item = (await view.ask("AddOnPage", id=view.path("add_on")))["addOn"]
    values = {
        "name": item["name"],
        "code": item["code"],
        "description": item["description"] or "",
        "display_name": item["invoiceDisplayName"] or "",
        "amount": written(item["amountCents"], item["amountCurrency"]),
        "currency": item["amountCurrency"],
        "taxes": "",
    }
    return await _form(view, item, values, {}, {tax["code"] for tax in item["taxes"]})


async def create(view: View) -> Response:
    """``POST /{slug}/create/add-on``."""
    return await _save(view, None)


async def change(view: View) -> Response:
    """``POST /{slug}/add-on/{id}/edit``."""
    return await _save(view, (await view.ask("AddOnPage", id=view.path("add_on")))["addOn"])


async def _save(view: View, item: Mapping[str, Any] | None) -> Response:
    values = {name: view.posted(name) for name in FIELDS.values()}
    taxes = [str(value) for value in view.form.getlist("tax")]
    amount = minor_units(values["amount"], values["currency"])
    if amount is None:
        return await _form(view, item, values, {"amountCents": ["value_is_invalid"]}, set(taxes), "value_is_invalid")
    sent: dict[str, Any] = {
        "name": values["name"],
        "code": values["code"],
        "description": values["description"] or None,
        "invoiceDisplayName": values["display_name"] or None,
        "amountCents": amount,
        "amountCurrency": values["currency"],
        "taxCodes": taxes,
    }
    if item is not None:
        outcome = await view.change("UpdateAddOn", id=item["id"], **sent)
    else:
        outcome = await view.change("CreateAddOn", **sent)
    if not outcome.ok:
        return await _form(view, item, values, outcome.fields, set(taxes), outcome.code)
    made = outcome.data["createAddOn" if item is None else "updateAddOn"]
    return view.redirect(_href(view, made["id"]), ("positive", f"{made['name']} created" if item is None else "Saved"))


async def delete(view: View) -> Response:
    """``POST /{slug}/add-on/{id}/delete``."""
    outcome = await view.change("DestroyAddOn", id=view.path("add_on"))
    if not outcome.ok:
        return view.redirect(_href(view, view.path("add_on")), ("negative", toast_words(outcome.code, outcome.fields)))
    return view.redirect(f"{view.base}/add-ons", ("positive", "Add-on deleted"))


async def _form(
    view: View,
    item: Mapping[str, Any] | None,
    values: Mapping[str, str],
    fields: Mapping[str, list[str]],
    chosen: set[str],
    code: str | None = None,
) -> Response:
    data = await view.ask("AddOnChoices")
    errors = field_errors(fields)
    content = {
        "title": f"Edit {item['name']}" if item else "New add-on",
        "url": view.url,
        "heading": f"Edit {item['name']}" if item else "New add-on",
        "action": view.request.url.path,
        "back": _href(view, item["id"]) if item else f"{view.base}/add-ons",
        "submit": "Save" if item else "Create add-on",
        "is_new": item is None,
        "values": {**values, "currency": values["currency"] or data["organization"]["defaultCurrency"]},
        "currencies": [{"value": each, "label": each} for each in sorted(CURRENCIES)],
        "taxes": [
            {"code": tax["code"], "name": tax["name"], "rate": tax["rate"], "on": tax["code"] in chosen}
            for tax in data["taxes"]["collection"]
        ],
        "errors": {form: errors.get(name) for name, form in FIELDS.items()},
        "error": next((text for name, text in errors.items() if name not in FIELDS), None)
        or (in_words(code) if code and not errors else None),
    }
    return await view.page("discounts/add_on_form.html", "add_ons", content, status_code=422 if code else 200)
