"""What documents share: title block, parties, notes below the figures, paper (spec 04 §19.1, §19.2, §19.6)."""

from __future__ import annotations

from billwright.billing.documents.addresses import customer_address_lines, seller_address_lines
from billwright.billing.documents.blocks import Note, PartyBlock
from billwright.billing.documents.invoice_document import DocumentCommon, InvoiceDocument, InvoiceType, Party
from billwright.billing.documents.locales import DocumentLocale

TAX_INVOICE_COUNTRIES = frozenset({"AU", "AE", "NZ", "ID", "SG"})
_LETTER_COUNTRIES = frozenset("US CA MX PR PH CL CO VE GT CR PA DO SV HN NI".split())


def invoice_title(document: InvoiceDocument, locale: DocumentLocale) -> str:
    """The title; the seller's country decides (spec 04 §19.1)."""
    tax_invoice = (document.seller.address.country or "").upper() in TAX_INVOICE_COUNTRIES
    advance = document.invoice_type is InvoiceType.ADVANCE_CHARGES
    if document.invoice_type is InvoiceType.CREDIT:
        return locale.text("title_credit")
    if tax_invoice:
        return locale.text("title_paid_tax_invoice" if advance else "title_tax_invoice")
    return locale.text("title_paid_invoice" if advance else "title_invoice")


def seller_block(party: Party, locale: DocumentLocale) -> PartyBlock:
    """ "From": legal name else name, legal number, address, e-mail, tax id."""
    lines = [party.legal_number, *seller_address_lines(party.address, locale), *_contact(party, locale)]
    return PartyBlock(
        label=locale.text("from"), name=party.legal_name or party.name, lines=tuple(line for line in lines if line)
    )


def customer_block(party: Party, label: str, locale: DocumentLocale) -> PartyBlock:
    """ "Bill to" or "Credit to": display name (`` - first last`` appended when set), the address by its country."""
    person = " ".join(part for part in (party.first_name, party.last_name) if part)
    company = party.legal_name or party.name
    name = " - ".join(part for part in (company, person) if part)
    lines = [party.legal_number, *customer_address_lines(party.address, locale), *_contact(party, locale)]
    return PartyBlock(label=label, name=name, lines=tuple(line for line in lines if line))


def closing_notes(document: DocumentCommon, locale: DocumentLocale) -> list[Note]:
    """EU tax mention, invoice custom sections, footer (line breaks kept, blank lines dropped)."""
    notes: list[Note] = []
    codes = {tax.code for tax in document.applied_taxes} if document.eu_tax_management else set[str]()
    if "lago_eu_tax_exempt" in codes:
        french = (document.seller.address.country or "").upper() == "FR"
        notes.append(Note(text=locale.text("eu_tax_exempt_fr" if french else "eu_tax_exempt")))
    if "lago_eu_reverse_charge" in codes:
        notes.append(Note(text=locale.text("eu_reverse_charge")))
    notes += [Note(title=title or None, text=details) for title, details in document.custom_sections]
    footer = "\n".join(line.strip() for line in (document.footer or "").splitlines() if line.strip())
    if footer:
        notes.append(Note(text=footer, footer=True))
    return notes


def paper(document: DocumentCommon) -> str:
    """Letter where the customer (else the seller) prints on letter, A4 elsewhere."""
    country = document.customer.address.country or document.seller.address.country or ""
    return "us-letter" if country.upper() in _LETTER_COUNTRIES else "a4"


def _contact(party: Party, locale: DocumentLocale) -> list[str]:
    tax_id = party.tax_identification_number
    return [*party.emails, *([locale.text("tax_id", id=tax_id)] if tax_id else [])]
