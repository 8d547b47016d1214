"""What a customer has of its own instead of the organization's settings (spec 07 §7.7, 04 §24)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.views import choices
from billwright.ui.views.customers import tab_page
from billwright.ui.views.support import Refused, View
from billwright.ui.views.words import field_errors, in_words

Data = Mapping[str, Any]
TEMPLATE = "customers/tabs/settings.html"
NAMES = {
    "locale": "documentLocale",
    "grace": "invoiceGracePeriod",
    "term": "netPaymentTerm",
    "empty": "finalizeZeroAmountInvoice",
    "taxes": "taxCodes",
}
"""Key of the setting in forms -> the server's name."""
EMPTY = {"finalize": "Issue them", "skip": "Leave them out"}


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


async def settings_tab(view: View) -> Response:
    """``GET /{slug}/customer/{id}/settings``."""
    return await _tab(view)


async def save(view: View) -> Response:
    """``POST /{slug}/customer/{id}/settings``: a value of its own for ``setting``."""
    setting = _setting(view)
    value: Any = view.posted("value")
    if setting in ("grace", "term"):
        if not (value.isascii() and value.isdigit() and len(value) < 7):
            return await _tab(view, setting, value, "value_is_invalid")
        value = int(value)
    elif setting == "taxes":
        value = sorted(str(code) for code in view.form.getlist("tax"))
    return await _change(view, setting, value)


async def remove(view: View) -> Response:
    """``POST /{slug}/customer/{id}/settings/remove``: ``setting`` is the organization's again."""
    setting = _setting(view)
    return await _change(view, setting, [] if setting == "taxes" else None)


def _setting(view: View) -> str:
    setting = view.posted("setting")
    if setting not in NAMES:
        raise Refused(404, "not_found")
    return setting


async def _change(view: View, setting: str, value: Any) -> Response:
    sent: dict[str, Any] = {NAMES[setting]: value}
    if setting in ("locale", "grace"):
        sent = {"billingConfiguration": sent}
    outcome = await view.change("UpdateCustomer", id=view.path("customer"), **sent)
    if not outcome.ok:
        said = next(iter(field_errors(outcome.fields).values()), None)
        shown = "" if isinstance(value, list) else str(value or "")
        return await _tab(view, setting, shown, outcome.code or "internal_error", said)
    return view.redirect(f"{view.base}/customer/{view.path('customer')}/settings", ("positive", "Saved"))


async def _tab(
    view: View, refused: str | None = None, typed: str = "", code: str | None = None, said: str | None = None
) -> Response:
    data = await view.ask("CustomerSettings", id=view.path("customer"))
    rows = _rows(data)
    for row in rows:
        row["error"] = None
        if row["key"] == refused and code:
            row |= {"error": said or in_words(code), "filled": typed}
    content = {
        "settings": rows,
        "may_change": view.may("customers:update"),
        "href": f"{view.base}/customer/{view.path('customer')}/settings",
        "row": next((row for row in rows if row["key"] == refused), None),
    }
    body = {"external_id": data["customer"]["externalId"], "net_payment_term": 30}
    api = view.api("CustomerSettings", "POST", "/customers", {"customer": body})
    parts = {f"setting-form-{refused}": "customers/setting_form.html"} if refused else None
    return await tab_page(
        view, "settings", TEMPLATE, content, api=api, parts=parts, status_code=422 if refused else 200
    )


def _rows(data: Data) -> list[dict[str, Any]]:
    """Each setting: its own value or ``None``, and what the organization has, ``None`` where that must not be seen."""
    customer, organization = data["customer"], data["organization"]
    documents = organization["billingConfiguration"]
    own_locale, own_grace, own_term = (
        customer[name] for name in ("documentLocale", "invoiceGracePeriod", "netPaymentTerm")
    )
    locale = (
        documents["documentLocale"] if documents else (None if own_locale else customer["applicableDocumentLocale"])
    )
    grace = documents["invoiceGracePeriod"] if documents else None
    if grace is None and own_grace is None:
        grace = customer["applicableInvoiceGracePeriod"]
    empty = customer["finalizeZeroAmountInvoice"]
    given = [tax for tax in data["taxes"]["collection"] if tax["appliedToOrganization"]]
    own_taxes = {tax["code"] for tax in customer["taxes"]}
    return [
        {
            "key": "locale", "kind": "select", "label": "Language of documents",
            "hint": "Of documents made from now on.",
            "own": choices.language(own_locale) if own_locale else None,
            "inherited": choices.language(locale) if locale else None,
            "filled": own_locale or customer["applicableDocumentLocale"], "options": choices.languages(),
        },
        {
            "key": "grace", "kind": "days", "label": "Days as draft",
            "hint": "Invoices stay drafts for so long. A change also moves drafts.",
            "own": _days(own_grace) if own_grace is not None else None,
            "inherited": _days(grace) if grace is not None else None,
            "filled": str(customer["applicableInvoiceGracePeriod"]), "options": [],
        },
        {
            "key": "term", "kind": "days", "label": "Days to pay",
            "hint": "From the issue date to the due date; 0 is due at once. A change also moves drafts.",
            "own": _days(own_term) if own_term is not None else None,
            "inherited": _days(organization["netPaymentTerm"]),
            "filled": str(customer["applicableNetPaymentTerm"]), "options": [],
        },
        {
            "key": "empty", "kind": "select", "label": "Invoices over nothing",
            "hint": "Whether an invoice whose fees come to nothing is issued.",
            "own": EMPTY.get(empty),
            "inherited": EMPTY["finalize" if organization["finalizeZeroAmountInvoice"] else "skip"],
            "filled": empty if empty in EMPTY else ("finalize" if customer["finalizesEmptyInvoices"] else "skip"),
            "options": [{"value": value, "label": label} for value, label in EMPTY.items()],
        },
        {
            "key": "taxes", "kind": "taxes", "label": "Taxes", "hint": "Drafts are computed anew.",
            "own": formatting.tax_names(customer["taxes"]) if own_taxes else None,
            "inherited": formatting.tax_names(given) or "none",
            "filled": "",
            "options": [
                {"value": tax["code"], "label": tax["name"], "rate": formatting.rate(tax["rate"]),
                 "on": tax["code"] in own_taxes}
                for tax in data["taxes"]["collection"]
            ],
        },
    ]  # fmt: skip
