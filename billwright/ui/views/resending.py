"""Mailing an invoice or a credit note again, to the customer or to others (spec 07 §7.8, 04 §22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui.views.support import View
from billwright.ui.views.words import field_errors, in_words

FORM = "invoices/send_form.html"
FIELDS = ("to", "cc", "bcc")
_KINDS: Mapping[str, tuple[str, str, str]] = {
    "invoice": ("InvoiceMailing", "invoice", "ResendInvoiceEmail"),
    "credit_note": ("CreditNoteMailing", "creditNote", "ResendCreditNoteEmail"),
}
"""Parameter of the address -> the query, its field, the mutation."""


async def invoice_form(view: View) -> Response:
    """``GET /{slug}/invoice/{id}/send``: the form of the dialog."""
    return await _form(view, "invoice")


async def send_invoice(view: View) -> Response:
    """``POST /{slug}/invoice/{id}/send``."""
    return await _send(view, "invoice")


async def note_form(view: View) -> Response:
    """``GET /{slug}/credit-note/{id}/send``: the form of the dialog."""
    return await _form(view, "credit_note")


async def send_note(view: View) -> Response:
    """``POST /{slug}/credit-note/{id}/send``."""
    return await _send(view, "credit_note")


def form_of(href: str, number: str, email: str | None) -> dict[str, Any]:
    """What the form begins with: the customer's own addresses."""
    return {"action": f"{href}/send", "number": number, "filled": {"to": email or "", "cc": "", "bcc": ""}}


async def _send(view: View, kind: str) -> Response:
    values = {name: view.posted(name) for name in FIELDS}
    asked = {name: [each.strip() for each in text.split(",") if each.strip()] for name, text in values.items()}
    outcome = await view.change(_KINDS[kind][2], id=view.path(kind), **asked)
    if not outcome.ok:
        return await _form(view, kind, values, outcome.fields, outcome.code)
    words = ("positive", "The e-mail is on its way")
    if not view.is_htmx:
        return view.redirect(_href(view, kind), words)
    if kind == "invoice":
        from billwright.ui.views.invoice_page import show_invoice

        return await show_invoice(view, toast=words)
    from billwright.ui.views.credit_notes import note_page

    return await note_page(view, toast=words)


def _href(view: View, kind: str) -> str:
    return f"{view.base}/{kind.replace('_', '-')}/{view.path(kind)}"


async def _form(
    view: View,
    kind: str,
    values: Mapping[str, str] | None = None,
    fields: Mapping[str, list[str]] | None = None,
    code: str | None = None,
) -> Response:
    query, name, _ = _KINDS[kind]
    document = (await view.ask(query, id=view.path(kind)))[name]
    form = form_of(_href(view, kind), document["number"], document["customer"]["email"])
    errors = {key.partition(".")[0]: words for key, words in field_errors(fields or {}).items()}
    base = next((words for key, words in errors.items() if key not in FIELDS), None)
    if "organizationEmail" in errors:
        base = "Your organization has no e-mail address to be answered at. Set it under Settings, General."
    content = {
        "url": view.url,
        "send": {**form, "target": f"#{kind.replace('_', '-')}", "filled": {**form["filled"], **(values or {})}},
        "send_errors": {key: errors.get(key) for key in FIELDS},
        "error": base or (in_words(code) if code and not errors else None),
    }
    active = "invoices" if kind == "invoice" else "credit_notes"
    response = await view.page(FORM, active, content, "send_form", status_code=422 if code else 200)
    if code:
        response.headers["HX-Retarget"] = "#send-form"
    return response
