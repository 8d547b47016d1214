"""Settings: general, invoices, e-mails, authentication (spec 07 §7.10). Members are in ``members``."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from starlette.datastructures import UploadFile
from starlette.responses import Response

from billwright.billing.access.logos import MAGIC, MAX_BYTES
from billwright.ui import formatting
from billwright.ui.views import choices
from billwright.ui.views.customers import present
from billwright.ui.views.support import MEMBER, Refused, View, load_frame
from billwright.ui.views.words import field_errors, in_words, toast_words

TABS = (
    ("general", "General", "general", ("organization:view",)),
    ("invoices", "Invoices", "invoices", ("organization:invoices:view",)),
    ("emails", "E-mails", "emails", ("organization:emails:view",)),
    ("taxes", "Taxes", "taxes", ("organization:taxes:view",)),
    ("members", "Members", "members", ("organization:members:view",)),
    ("authentication", "Authentication", "authentication", ("authentication_methods:view",)),
    ("sandboxes", "Sandboxes", "sandboxes", (MEMBER,)),
)
"""Key, words, address below settings, and the permissions that show it."""
ANY = tuple(dict.fromkeys(need for *_, needs in TABS for need in needs if need != MEMBER))
"""Any of these permissions opens some page of the settings. Sandboxes are in the organization's menu as well."""

GENERAL = {
    "name": "name",
    "slug": "slug",
    "legalName": "legal_name",
    "legalNumber": "legal_number",
    "taxIdentificationNumber": "tax_identification_number",
    "email": "email",
    "addressLine1": "address_line1",
    "addressLine2": "address_line2",
    "zipcode": "zipcode",
    "city": "city",
    "state": "state",
    "country": "country",
    "timezone": "timezone",
}
EMAILS = (
    ("invoice.finalized", "Invoice", "To the customer, as soon as an invoice is finalized, with its PDF."),
    ("credit_note.created", "Credit note", "To the customer, when a credit note is made, with its PDF."),
)
GOOGLE = "google_oauth"
METHODS = (
    ("email_password", "E-mail and password", "Members log in with a password of their own."),
    (GOOGLE, "Google", "Members log in with the Google account of their e-mail address."),
)
_UNREGISTERED = "Nobody can log in with it yet: this installation is not registered with Google."


def tabs(view: View, current: str) -> list[dict[str, Any]]:
    """The settings that the member may see."""
    return [
        {"label": label, "href": f"{view.base}/settings/{path}", "current": key == current}
        for key, label, path, needs in TABS
        if MEMBER in needs or view.permissions.intersection(needs)
    ]


async def home(view: View) -> Response:
    """``GET /{slug}/settings``: the first page that the member may see."""
    found = tabs(view, "")
    if not found:
        raise Refused(403, "forbidden")
    return view.redirect(found[0]["href"])


async def of_organization(view: View) -> dict[str, Any]:
    """The organization's settings."""
    return (await view.ask("OrganizationSettings"))["organization"]


# --- general -------------------------------------------------------------------------------------------------------


async def general(view: View) -> Response:
    """``GET /{slug}/settings/general``."""
    found = await of_organization(view)
    return await _general(view, {form: found[name] or "" for name, form in GENERAL.items()}, {})


async def save_general(view: View) -> Response:
    """``POST /{slug}/settings/general``."""
    values = {form: view.posted(form) for form in GENERAL.values()}
    changes = {name: values[form] or None for name, form in GENERAL.items()}
    changes["name"], changes["slug"] = values["name"], values["slug"]
    outcome = await view.change("UpdateOrganization", **changes)
    if not outcome.ok:
        return await _general(view, values, outcome.fields, outcome.code)
    slug = outcome.data["updateOrganization"]["slug"]
    return view.redirect(f"/{slug}/settings/general", ("positive", "Saved"))


async def save_logo(view: View) -> Response:
    """``POST /{slug}/settings/logo``: the file that was chosen, or none (``remove``)."""
    image: str | None = None
    if view.posted("remove") != "yes":
        file = view.form.get("logo")
        content = await file.read(MAX_BYTES + 1) if isinstance(file, UploadFile) else b""
        if not content:
            return await _refused_logo(view, in_words("invalid_content_type"))
        kind = next((kind for kind, start in MAGIC.items() if content.startswith(start)), "application/octet-stream")
        image = f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
    outcome = await view.change("UpdateOrganization", logo=image)
    if not outcome.ok:
        return await _refused_logo(view, toast_words(outcome.code, outcome.fields))
    return view.redirect(f"{view.base}/settings/general", ("positive", "Logo saved" if image else "Logo removed"))


async def _refused_logo(view: View, words: str) -> Response:
    found = await of_organization(view)
    values = {form: found[name] or "" for name, form in GENERAL.items()}
    return await _general(view, values, {}, logo_error=words)


async def _general(
    view: View,
    values: Mapping[str, str],
    fields: Mapping[str, list[str]],
    code: str | None = None,
    *,
    logo_error: str | None = None,
) -> Response:
    logo = (await load_frame(view))["organization"]["logoUrl"]
    content = {
        **page_head(view, "general", "General", fields, code, GENERAL),
        "values": values,
        "logo": {"url": formatting.own_path(logo), "error": logo_error},
        "timezones": choices.timezones(),
        "countries": choices.countries(),
        "may_change": view.may("organization:update"),
    }
    refused = code is not None or logo_error is not None
    return await view.page("settings/general.html", "settings", content, status_code=422 if refused else 200)


# --- invoices ------------------------------------------------------------------------------------------------------

INVOICES = {
    "defaultCurrency": "currency",
    "documentLocale": "locale",
    "finalizeZeroAmountInvoice": "empty_invoices",
    "invoiceGracePeriod": "grace_period",
    "invoiceFooter": "footer",
    "documentNumbering": "numbering",
    "documentNumberPrefix": "prefix",
    "netPaymentTerm": "term",
}


async def invoices(view: View) -> Response:
    """``GET /{slug}/settings/invoices``."""
    found = await of_organization(view)
    documents = found["billingConfiguration"] or {}
    values = {
        "currency": found["defaultCurrency"],
        "locale": documents.get("documentLocale", "en"),
        "empty_invoices": "yes" if found["finalizeZeroAmountInvoice"] else "no",
        "grace_period": str(documents.get("invoiceGracePeriod", 0)),
        "footer": documents.get("invoiceFooter") or "",
        "numbering": found["documentNumbering"],
        "prefix": found["documentNumberPrefix"],
        "term": str(found["netPaymentTerm"]),
    }
    return await _invoices(view, values, {})


async def save_invoices(view: View) -> Response:
    """``POST /{slug}/settings/invoices``."""
    values = {form: view.posted(form) for form in INVOICES.values()}
    problems = {
        name: ["value_is_invalid"]
        for name, form in (("invoiceGracePeriod", "grace_period"), ("netPaymentTerm", "term"))
        if not (values[form].isascii() and values[form].isdigit() and len(values[form]) < 7)
    }
    if problems:
        return await _invoices(view, values, problems, "value_is_invalid")
    outcome = await view.change(
        "UpdateOrganization",
        defaultCurrency=values["currency"],
        finalizeZeroAmountInvoice=values["empty_invoices"] == "yes",
        documentNumbering=values["numbering"],
        documentNumberPrefix=values["prefix"],
        netPaymentTerm=int(values["term"]),
        billingConfiguration={
            "documentLocale": values["locale"],
            "invoiceGracePeriod": int(values["grace_period"]),
            "invoiceFooter": values["footer"] or None,
        },
    )
    if not outcome.ok:
        return await _invoices(view, values, outcome.fields, outcome.code)
    return view.redirect(f"{view.base}/settings/invoices", ("positive", "Saved"))


async def _invoices(
    view: View, values: Mapping[str, str], fields: Mapping[str, list[str]], code: str | None = None
) -> Response:
    frame = await load_frame(view)
    now = formatting.instant(present(view, frame)).astimezone(ZoneInfo(frame["organization"]["timezone"]))
    middle = "001" if values["numbering"] == "per_customer" else f"{now:%Y%m}"
    content = {
        **page_head(view, "invoices", "Invoices", fields, code, INVOICES),
        "values": values,
        "currencies": choices.currencies(),
        "locales": choices.languages(),
        "numbering": [
            {"value": "per_customer", "label": "Each customer has numbers of its own"},
            {"value": "per_organization", "label": "One sequence for the whole organization"},
        ],
        "yes_no": [{"value": "yes", "label": "Issue them"}, {"value": "no", "label": "Leave them out"}],
        "preview": f"{values['prefix']}-{middle}-001",
        "may_change": view.may("organization:invoices:update"),
    }
    return await view.page("settings/invoices.html", "settings", content, status_code=422 if code else 200)


# --- e-mails and authentication ------------------------------------------------------------------------------------


async def save_emails(view: View) -> Response:
    """``POST /{slug}/settings/emails``."""
    return await _save_choices(view, "emails", emailSettings=_chosen(view, EMAILS))


async def authentication(view: View) -> Response:
    """``GET /{slug}/settings/authentication``."""
    return await _authentication(view, await of_organization(view))


async def _authentication(
    view: View, found: Mapping[str, Any], chosen: Sequence[str] = (), disabled: Sequence[str] = ()
) -> Response:
    """The page, or the question whether ``disabled`` are to be, of which ``chosen`` stay."""
    registered, confirm = bool(view.settings.google_client_id), None
    if disabled:
        left = {*chosen, *_kept(found)} - (set() if registered else {GOOGLE})
        confirm = {
            "names": " and ".join(disabled),
            "several": len(disabled) > 1,
            "chosen": chosen,
            "nobody_left": not left,
        }
    content = {
        **page_head(view, "authentication", "Authentication"),
        "confirm": confirm,
        "intro": "How members may log in. At least one way stays enabled. All admins are told about changes by e-mail.",
        "choices": [
            {**item, "hint": _UNREGISTERED} if item["value"] == GOOGLE and not registered else item
            for item in switches(METHODS, found["authenticationMethods"])
        ],
        "action": f"{view.base}/settings/authentication",
        "may_change": view.may("authentication_methods:update"),
        "further": {
            "label": "Okta",
            "href": f"{view.base}/settings/authentication/okta",
            "state": "connected" if "okta" in found["authenticationMethods"] else "not connected",
        },
    }
    return await view.page("settings/choices.html", "settings", content)


async def save_authentication(view: View) -> Response:
    """``POST /{slug}/settings/authentication``: asks once before a way to log in is disabled. Okta, which has a page
    of its own, stays as it is."""
    found = await of_organization(view)
    enabled, chosen = found["authenticationMethods"], _chosen(view, METHODS)
    kept = _kept(found)
    disabled = [label for key, label, _ in METHODS if key in enabled and key not in chosen]
    if disabled and (chosen or kept) and view.posted("confirmed") != "yes":
        return await _authentication(view, found, chosen, disabled)
    return await _save_choices(view, "authentication", authenticationMethods=[*chosen, *kept])


def _kept(found: Mapping[str, Any]) -> list[str]:
    """The ways to log in that the page does not switch."""
    return [name for name in found["authenticationMethods"] if name not in {key for key, *_ in METHODS}]


async def _save_choices(view: View, page: str, **changes: Any) -> Response:
    outcome = await view.change("UpdateOrganization", **changes)
    toast = ("positive", "Saved") if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    return view.redirect(f"{view.base}/settings/{page}", toast)


def _chosen(view: View, known: Sequence[tuple[str, str, str]]) -> list[str]:
    sent = {str(value) for value in view.form.getlist("choice")}
    return [key for key, *_ in known if key in sent]


def switches(known: Sequence[tuple[str, str, str]], chosen: Sequence[str]) -> list[dict[str, Any]]:
    """What ``settings/choices.html`` switches."""
    return [{"value": key, "label": label, "hint": hint, "on": key in chosen} for key, label, hint in known]


def page_head(
    view: View,
    key: str,
    title: str,
    fields: Mapping[str, list[str]] | None = None,
    code: str | None = None,
    names: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What every page of the settings shows: title, tabs and errors beside their fields."""
    errors = field_errors(fields or {})
    known = names or {}
    return {
        "title": f"{title} · Settings",
        "url": view.url,
        "tabs": tabs(view, key),
        "errors": {form: errors.get(name) for name, form in known.items()},
        "error": next((text for name, text in errors.items() if name not in known), None)
        or (in_words(code) if code and not errors else None),
    }
