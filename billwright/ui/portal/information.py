"""The customer's own information: shown on the home page, changed in a form (spec 07 §5.3, §5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.billing.documents.addresses import customer_address_lines
from billwright.billing.documents.invoice_document import Address
from billwright.billing.documents.locales import load_locale
from billwright.billing.kernel.validators import COUNTRIES
from billwright.ui.portal.visit import Visit
from billwright.ui.portal.words import Words, languages

ADDRESS = ("addressLine1", "addressLine2", "zipcode", "city", "state", "country")
PERSON = ("name", "firstname", "lastname", "legalName", "taxIdentificationNumber", "email")
ERRORS = {
    "invalid_email_format": "error_email",
    "not_a_valid_country_code": "error_choice",
    "not_a_valid_language_code": "error_choice",
    "value_is_too_long": "error_too_long",
}


def _address_lines(words: Words, values: Mapping[str, Any]) -> list[str]:
    address = Address(
        line1=values["addressLine1"],
        line2=values["addressLine2"],
        zipcode=values["zipcode"],
        city=values["city"],
        state=values["state"],
        country=values["country"],
    )
    return customer_address_lines(address, words.locale)


def shown_information(words: Words, user: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The facts of the section, each with its lines; none where nothing was given."""
    billing = _address_lines(words, user)
    shipping = _address_lines(words, user["shippingAddress"])
    same = bool(billing) and shipping == billing
    full_name = " ".join(part for part in (user["firstname"], user["lastname"]) if part)
    facts: list[tuple[str, list[str]]] = [
        ("type", [words.t(f"type_{user['customerType']}")] if user["customerType"] else []),
        ("name", [user["name"]] if user["name"] else []),
        ("full_name", [full_name] if full_name else []),
        ("legal_name", [user["legalName"]] if user["legalName"] else []),
        ("legal_number", [user["legalNumber"]] if user["legalNumber"] else []),
        ("tax_id", [user["taxIdentificationNumber"]] if user["taxIdentificationNumber"] else []),
        ("email", [str(part) for part in (user["email"] or "").split(",") if part]),
        ("billing_address", billing),
        ("shipping_address", [words.t("same_as_billing")] if same else shipping),
    ]
    return [{"label": words.t(key), "lines": lines} for key, lines in facts]


async def information_form(visit: Visit) -> Response:
    """``GET /customer-portal/{token}/customer-edit-information``."""
    user = (await visit.ask("PortalInformation"))["customerPortalUser"]
    values = {name: user[name] or "" for name in (*PERSON, *ADDRESS, "customerType", "documentLocale")}
    shipping = user["shippingAddress"]
    values |= {f"shipping_{name}": shipping[name] or "" for name in ADDRESS}
    values["same"] = "1" if all(shipping[name] == user[name] for name in ADDRESS) else ""
    return _form(visit, user, values, {})


async def save_information(visit: Visit) -> Response:
    """``POST /customer-portal/{token}/customer-edit-information``."""
    names = (*PERSON, *ADDRESS, *(f"shipping_{name}" for name in ADDRESS), "customerType", "documentLocale", "same")
    values = {name: visit.posted(name) for name in names}
    prefix = "" if values["same"] else "shipping_"
    sent: dict[str, Any] = {name: values[name] or None for name in (*PERSON, *ADDRESS, "documentLocale")}
    sent["customerType"] = values["customerType"] if values["customerType"] in ("company", "individual") else None
    sent["shippingAddress"] = {name: values[prefix + name] or None for name in ADDRESS}
    outcome = await visit.change("PortalUpdate", **sent)
    if outcome.ok:
        return visit.home("saved")
    user = (await visit.ask("PortalInformation"))["customerPortalUser"]
    errors = {
        name: visit.words.t(ERRORS.get(next(iter(codes), ""), "error_other")) for name, codes in outcome.fields.items()
    }
    return _form(visit, user, values, errors, failed=True)


def _form(
    visit: Visit, user: Mapping[str, Any], values: Mapping[str, str], errors: Mapping[str, str], *, failed: bool = False
) -> Response:
    words = visit.words
    known = {*PERSON, *ADDRESS, "documentLocale", "customerType"}
    countries = sorted(((words.country(code), code) for code in COUNTRIES), key=lambda item: item[0].casefold())
    default = load_locale(user["organizationDocumentLocale"]).name
    content = {
        "title": words.t("information"),
        "action": f"{visit.base}/customer-edit-information",
        "form_token": visit.door.new_form_token(),
        "values": values,
        "errors": {name: errors.get(name) for name in known},
        "error": next((text for name, text in errors.items() if name not in known), None)
        or (words.t("error_other") if failed and not errors else None),
        "countries": [
            {"value": "", "label": words.t("no_choice")},
            *({"value": code, "label": name} for name, code in countries),
        ],
        "languages": [
            {"value": "", "label": words.t("language_default", name=default)},
            *({"value": code, "label": name} for code, name in languages()),
        ],
        "kinds": [
            {"value": "", "label": words.t("no_choice")},
            *({"value": kind, "label": words.t(f"type_{kind}")} for kind in ("company", "individual")),
        ],
    }
    return visit.show("information", content, "form" if failed else None, status_code=422 if failed else 200)
