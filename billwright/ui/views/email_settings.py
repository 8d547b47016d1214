"""Settings of e-mails to customers: which are sent, and how they look (spec 07 §7.10, 04 §22)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.responses import HTMLResponse, Response

from billwright.billing.documents.locales import load_locale, supported_locales
from billwright.billing.kernel.money import exponent
from billwright.billing.mailing.letters import Letter, Sender, credit_note_letter, invoice_letter, letter_html
from billwright.billing.mailing.scenarios import CREDIT_NOTE, INVOICE
from billwright.ui import formatting
from billwright.ui.views import choices, settings
from billwright.ui.views.support import View

PREVIEW_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'self'"
"""A mail has its styles inline, and here the logo from this server; it is shown in a frame, without scripts."""
DEVICES = (("desktop", "Desktop"), ("phone", "Phone"))
_WORDS = {INVOICE: "Invoice", CREDIT_NOTE: "Credit note"}


async def emails(view: View) -> Response:
    """``GET /{slug}/settings/emails``: the switches, and a preview by scenario, language and device."""
    found = await settings.of_organization(view)
    scenario, language = _scenario(view), _language(view, found)
    device = view.query("device") if view.query("device") in dict(DEVICES) else DEVICES[0][0]
    preview = f"{view.base}/settings/emails/preview"

    def option(key: str, value: str, label: str, current: bool) -> dict[str, Any]:
        return {
            "label": label,
            "href": formatting.url_with(view.url, **{key: value}),
            "current": current,
            "count": None,
        }

    content = {
        **settings.page_head(view, "emails", "E-mails"),
        "choices": settings.switches(settings.EMAILS, found["emailSettings"] or []),
        "action": f"{view.base}/settings/emails",
        "may_change": view.may("organization:emails:update"),
        "warning": None if found["email"] else "Your organization has no e-mail address yet: set it under General.",
        "scenarios": [option("scenario", key, words, key == scenario) for key, words in _WORDS.items()],
        "devices": [option("device", key, words, key == device) for key, words in DEVICES],
        "languages": choices.languages(),
        "language": language,
        "scenario": scenario,
        "device": device,
        "subject": _letter(scenario, language, found).subject,
        "preview": formatting.url_with(preview, scenario=scenario, locale=language),
    }
    return await view.page("settings/emails.html", "settings", content)


async def preview(view: View) -> Response:
    """``GET /{slug}/settings/emails/preview``: the mail itself, with sample values."""
    found = await settings.of_organization(view)
    letter = _letter(_scenario(view), _language(view, found), found)
    headers = {"Content-Security-Policy": PREVIEW_POLICY, "Cache-Control": "private, no-store"}
    return HTMLResponse(letter_html(letter, formatting.own_path(found["logoUrl"]) or ""), headers=headers)


def _scenario(view: View) -> str:
    return view.query("scenario") if view.query("scenario") in _WORDS else INVOICE


def _language(view: View, organization: Mapping[str, Any]) -> str:
    wanted = view.query("locale")
    if wanted in supported_locales():
        return wanted
    return (organization["billingConfiguration"] or {}).get("documentLocale") or "en"


def _letter(scenario: str, language: str, organization: Mapping[str, Any]) -> Letter:
    currency = organization["defaultCurrency"]
    has_logo = organization["logoUrl"] is not None
    sender = Sender(organization["name"], organization["email"] or "you@example.com", has_logo=has_logo)
    number = f"{organization['documentNumberPrefix']}-001-001"
    amount = 1204 * 10 ** exponent(currency)
    locale, common = load_locale(language), {"issued": date(2025, 1, 5), "currency": currency, "url": "#"}
    if scenario == INVOICE:
        return invoice_letter(locale, sender, number=number, total_cents=amount, **common)
    return credit_note_letter(
        locale,
        sender,
        number=f"{number}-CN001",
        invoice_number=number,
        credit_cents=amount,
        refund_cents=0,
        offset_cents=0,
        **common,
    )
