"""The form of a customer, and deleting one (spec 07 §7.7, 03 §1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui.views import choices
from billwright.ui.views.customers import customer_href, shown_name
from billwright.ui.views.support import Refused, View, load_frame
from billwright.ui.views.words import field_errors, in_words, toast_words

Data = Mapping[str, Any]

FIELDS: Mapping[str, str] = {
    "externalId": "external_id",
    "customerType": "type",
    "name": "name",
    "firstname": "firstname",
    "lastname": "lastname",
    "timezone": "timezone",
    "currency": "currency",
    "legalName": "legal_name",
    "legalNumber": "legal_number",
    "taxIdentificationNumber": "tax_id",
    "email": "email",
    "phone": "phone",
    "url": "url",
    "addressLine1": "address_line1",
    "addressLine2": "address_line2",
    "city": "city",
    "zipcode": "zipcode",
    "state": "state",
    "country": "country",
}
"""The server's names -> names in the form."""
ADDRESS = ("addressLine1", "addressLine2", "city", "zipcode", "state", "country")
SHIPPING: Mapping[str, str] = {name: f"shipping_{FIELDS[name]}" for name in ADDRESS}
ROWS = 5
"""Entries of metadata that a customer may have (spec 03 §1.3)."""
LONGEST = {"key": 20, "value": 100}


async def new_customer(view: View) -> Response:
    """``GET /{slug}/create/customer``."""
    empty = dict.fromkeys((*FIELDS.values(), *SHIPPING.values()), "")
    return await _form(view, None, {**empty, "same": "yes"}, [], set(), {})


async def create_customer(view: View) -> Response:
    """``POST /{slug}/create/customer``."""
    return await _save(view, None)


async def edit_customer(view: View) -> Response:
    """``GET /{slug}/customer/{id}/edit``."""
    customer = await _customer(view)
    shipping = customer["shippingAddress"]
    values = {form: customer[name] or "" for name, form in FIELDS.items()}
    values |= {form: shipping[name] or "" for name, form in SHIPPING.items()}
    values["same"] = "yes" if all(customer[name] == shipping[name] for name in ADDRESS) else ""
    entries = [
        {"id": item["id"], "key": item["key"], "value": item["value"], "shown": item["displayInInvoice"]}
        for item in customer["metadata"]
    ]
    return await _form(view, customer, values, entries, {tax["code"] for tax in customer["taxes"]}, {})


async def update_customer(view: View) -> Response:
    """``POST /{slug}/customer/{id}/edit``."""
    return await _save(view, await _customer(view))


async def delete_customer(view: View) -> Response:
    """``POST /{slug}/customer/{id}/delete``."""
    outcome = await view.change("DestroyCustomer", id=view.path("customer"))
    if not outcome.ok:
        href = f"{view.base}/customer/{view.path('customer')}"
        return view.redirect(href, ("negative", toast_words(outcome.code, outcome.fields)))
    return view.redirect(f"{view.base}/customers", ("positive", "Customer deleted"))


async def _customer(view: View) -> Data:
    return (await view.ask("CustomerForm", id=view.path("customer")))["customer"]


async def _save(view: View, customer: Data | None) -> Response:
    posted = (*FIELDS.values(), *SHIPPING.values(), "same")
    values = {name: view.posted(name) for name in posted}
    entries, taxes = _posted_entries(view), {str(code) for code in view.form.getlist("tax")}
    if customer is not None and not customer["canEditAttributes"]:
        values |= {"external_id": customer["externalId"], "currency": customer["currency"] or ""}
    problems = _entry_problems(entries)
    if problems:
        return await _form(view, customer, values, entries, taxes, {}, "value_is_invalid", problems)
    sent = _input(values, entries)
    if view.may("customers:update") or customer is None:
        sent["taxCodes"] = sorted(taxes)
    if customer is None:
        outcome = await view.change("CreateCustomer", **sent)
    else:
        outcome = await view.change("UpdateCustomer", id=customer["id"], **sent)
    if not outcome.ok:
        return await _form(view, customer, values, entries, taxes, outcome.fields, outcome.code)
    made = outcome.data["createCustomer" if customer is None else "updateCustomer"]
    words = f"{shown_name(made)} created" if customer is None else "Saved"
    return view.redirect(customer_href(view, made), ("positive", words))


def _input(values: Mapping[str, str], entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Form values as the mutation's input: empty ones are null."""
    sent: dict[str, Any] = {name: values[form] or None for name, form in FIELDS.items()}
    sent["externalId"] = values["external_id"]
    same = values["same"] == "yes"
    shipping = {name: sent[name] if same else values[SHIPPING[name]] or None for name in ADDRESS}
    sent["shippingAddress"] = shipping if any(shipping.values()) else None
    sent["metadata"] = [
        {
            "key": item["key"],
            "value": item["value"],
            "displayInInvoice": item["shown"],
            **({"id": item["id"]} if item["id"] else {}),
        }
        for item in entries
    ]
    return sent


def _posted_entries(view: View) -> list[dict[str, Any]]:
    """Rows of metadata that are not empty."""
    rows = [
        {
            "id": view.posted(f"metadata_id_{row}"),
            "key": view.posted(f"metadata_key_{row}"),
            "value": view.posted(f"metadata_value_{row}"),
            "shown": view.posted(f"metadata_shown_{row}") == "yes",
        }
        for row in range(ROWS)
    ]
    return [row for row in rows if row["key"] or row["value"]]


def _entry_problems(entries: list[dict[str, Any]]) -> dict[tuple[int, str], str]:
    """What is wrong with single rows, so that it stands beside them; the server says only that some row is wrong."""
    problems: dict[tuple[int, str], str] = {}
    keys = [item["key"] for item in entries]
    for row, item in enumerate(entries):
        for name, longest in LONGEST.items():
            if not item[name]:
                problems[row, name] = in_words("value_is_mandatory")
            elif len(item[name]) > longest:
                problems[row, name] = f"At most {longest} characters."
        if item["key"] and item["key"] in keys[:row]:
            problems[row, "key"] = in_words("value_already_exist")
    return problems


async def _form(
    view: View,
    customer: Data | None,
    values: Mapping[str, str],
    entries: list[dict[str, Any]],
    taxes: set[str],
    fields: Mapping[str, list[str]],
    code: str | None = None,
    problems: Mapping[tuple[int, str], str] | None = None,
) -> Response:
    if customer is None and not view.may("customers:create"):
        raise Refused(403, "forbidden")
    organization = (await load_frame(view))["organization"]
    errors = field_errors(fields)
    named = {**FIELDS, "shippingAddress": "shipping_country"}  # the only part of it that can be wrong
    found = problems or {}
    listed = (await view.ask("CustomerChoices"))["taxes"]["collection"]
    empty = {"id": "", "key": "", "value": "", "shown": False}
    rows = [
        {**item, "key_error": found.get((row, "key")), "value_error": found.get((row, "value"))}
        for row, item in enumerate([*entries, *[empty] * (ROWS - len(entries))])
    ]
    base_error = next((text for name, text in errors.items() if name not in named), None)
    content = {
        "title": f"Edit {shown_name(customer)}" if customer else "New customer",
        "url": view.url,
        "heading": f"Edit {shown_name(customer)}" if customer else "New customer",
        "action": view.request.url.path,
        "back": customer_href(view, customer) if customer else f"{view.base}/customers",
        "back_label": shown_name(customer) if customer else "Customers",
        "submit": "Save" if customer else "Create customer",
        "is_new": customer is None,
        "locked": customer is not None and not customer["canEditAttributes"],
        "values": values,
        "errors": {**dict.fromkeys(SHIPPING.values()), **{form: errors.get(name) for name, form in named.items()}},
        "error": base_error or (in_words(code) if code and not errors and not problems else None),
        "currencies": [{"value": "", "label": "Set by the first plan"}, *choices.currencies()],
        "timezones": [
            {"value": "", "label": f"The organization's: {organization['timezone']}"},
            *choices.timezones(),
        ],
        "countries": choices.countries(),
        "types": [
            {"value": "", "label": "Not set"},
            {"value": "company", "label": "Company"},
            {"value": "individual", "label": "Individual"},
        ],
        "taxes": [{**tax, "on": tax["code"] in taxes} for tax in listed],
        "metadata": rows,
    }
    return await view.page("customers/form.html", "customers", content, status_code=422 if code else 200)
