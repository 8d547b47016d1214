"""What customers get by e-mail: the words of an invoice or a credit note, as text and as a page (spec 04 §22)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import escape

from billwright.billing.documents.credit_note_layout import given_back
from billwright.billing.documents.formats import format_date, format_money
from billwright.billing.documents.locales import DocumentLocale

LOGO = "cid:logo"
"""Where the page shows the logo, which travels with the message."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The organization as its letters name it."""

    name: str
    email: str
    has_logo: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """A message: ``amount`` stands large below ``heading``, ``facts`` are labels with values, ``button`` a label with
    an address. ``language`` is an IETF tag."""

    language: str
    sender: Sender
    subject: str
    heading: str
    amount: str
    notes: Sequence[str]
    facts: Sequence[tuple[str, str]]
    button: tuple[str, str]
    contact: str


def invoice_letter(
    locale: DocumentLocale, sender: Sender, *, number: str, issued: date, total_cents: int, currency: str, url: str
) -> Letter:
    """The letter of an issued invoice."""
    day = format_date(locale, issued)
    return Letter(
        language=locale.code,
        sender=sender,
        subject=locale.text("email_invoice_subject", organization=sender.name, number=number),
        heading=locale.text("email_invoice_heading", organization=sender.name),
        amount=format_money(locale, total_cents, currency),
        notes=(locale.text("issued_on", date=day),),
        facts=((locale.text("invoice_number"), number), (locale.text("issue_date"), day)),
        button=(locale.text("email_download_invoice"), url),
        contact=locale.text("email_questions", email=sender.email),
    )


def credit_note_letter(
    locale: DocumentLocale,
    sender: Sender,
    *,
    number: str,
    invoice_number: str,
    issued: date,
    credit_cents: int,
    refund_cents: int,
    offset_cents: int,
    currency: str,
    url: str,
) -> Letter:
    """The letter of a credit note; its note says how the money is given back."""
    parts = {"credit_cents": credit_cents, "refund_cents": refund_cents, "offset_cents": offset_cents}
    return Letter(
        language=locale.code,
        sender=sender,
        subject=locale.text("email_credit_note_subject", organization=sender.name, number=number),
        heading=locale.text("email_credit_note_heading", organization=sender.name),
        amount=format_money(locale, sum(parts.values()), currency),
        notes=(given_back(locale, issued, **parts),),
        facts=(
            (locale.text("credit_note_number"), number),
            (locale.text("invoice_number"), invoice_number),
            (locale.text("issue_date"), format_date(locale, issued)),
        ),
        button=(locale.text("email_download_credit_note"), url),
        contact=locale.text("email_questions", email=sender.email),
    )


def letter_text(letter: Letter) -> str:
    """The plain form."""
    facts = "\n".join(f"{label}: {value}" for label, value in letter.facts)
    label, url = letter.button
    return "\n\n".join(
        (letter.heading, "\n".join((letter.amount, *letter.notes)), facts, f"{label}: {url}", letter.contact, "")
    )


_FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light"><title>{subject}</title></head>
<body style="margin:0;padding:0;background:#f3f4f6;color:#111827;{font}">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr>
<td align="center" style="padding:32px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:520px">
<tr><td align="center" style="padding:0 0 24px;font-size:16px;font-weight:600">{logo}{name}</td></tr>
<tr><td style="background:#ffffff;border:1px solid #e5e7eb;border-radius:10px;padding:32px 28px">
<p style="margin:0 0 4px;font-size:14px;color:#4b5563">{heading}</p>
<p style="margin:0 0 4px;font-size:28px;font-weight:600;letter-spacing:-0.01em">{amount}</p>
{notes}
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" \
style="margin:20px 0;border-top:1px solid #e5e7eb">{facts}</table>
<p style="margin:0"><a href="{url}" style="display:inline-block;padding:10px 18px;border-radius:6px;background:#111827;\
color:#ffffff;font-size:14px;font-weight:600;text-decoration:none">{label}</a></p>
</td></tr>
<tr><td align="center" style="padding:20px 8px 0;font-size:13px;color:#6b7280">{contact}</td></tr>
</table></td></tr></table></body></html>
"""
_NOTE = '<p style="margin:0;font-size:14px;color:#4b5563">{}</p>'
_FACT = (
    '<tr><td style="padding:10px 0;border-bottom:1px solid #e5e7eb;font-size:14px;color:#4b5563">{}</td>'
    '<td align="right" style="padding:10px 0 10px 12px;border-bottom:1px solid #e5e7eb;font-size:14px">{}</td></tr>'
)
_LOGO = '<img src="{}" alt="" height="40" style="display:block;margin:0 auto 12px;height:40px;border:0">'


def letter_html(letter: Letter, logo: str = LOGO) -> str:
    """The page; ``logo`` is where the picture is, if the sender has one. All words are escaped."""
    label, url = letter.button
    return _PAGE.format(
        font=_FONT,
        language=escape(letter.language),
        subject=escape(letter.subject),
        logo=_LOGO.format(escape(logo)) if letter.sender.has_logo else "",
        name=escape(letter.sender.name),
        heading=escape(letter.heading),
        amount=escape(letter.amount),
        notes="".join(_NOTE.format(escape(note)) for note in letter.notes),
        facts="".join(_FACT.format(escape(name), escape(value)) for name, value in letter.facts),
        url=escape(url),
        label=escape(label),
        contact=escape(letter.contact),
    )
