"""The totals block, from the fees' sum to what is to be paid (spec 04 §19.5)."""

from __future__ import annotations

from billwright.billing.documents.blocks import TotalRow, Totals
from billwright.billing.documents.formats import format_coupon_rate, format_money, format_rate
from billwright.billing.documents.invoice_document import AppliedTax, CouponCredit, InvoiceDocument, InvoiceType
from billwright.billing.documents.locales import DocumentLocale

UNTAXED_CODES = frozenset(
    """not_collecting juris_not_taxed reverse_charge customer_exempt transaction_exempt juris_has_no_tax
    unknown_taxation""".split()
)
"""Codes of tax providers that explain why there is no tax: label without figures."""


def invoice_totals(document: InvoiceDocument, locale: DocumentLocale) -> Totals:
    """The block of an invoice; credit invoices have the total only."""
    totals, currency = document.totals, document.currency

    def money(cents: int) -> str:
        return format_money(locale, cents, currency)

    advance = document.invoice_type is InvoiceType.ADVANCE_CHARGES
    total_label = locale.text("total_already_paid" if advance else "total")
    total = TotalRow(label=total_label, amount=money(totals.total_amount_cents), strong=True)
    if document.invoice_type is InvoiceType.CREDIT:
        return Totals(rows=(total,))

    rows: list[TotalRow] = []
    progressive = totals.progressive_billing_credit_amount_cents
    if progressive > 0:
        rows.append(TotalRow(label=locale.text("usage_already_billed"), amount=money(-progressive)))
    rows += [
        TotalRow(label=_coupon_label(coupon, currency, locale), amount=money(-coupon.amount_cents))
        for coupon in document.coupons
    ]
    subtotal = money(totals.sub_total_excluding_taxes_amount_cents)
    rows.append(TotalRow(label=locale.text("subtotal_excl_tax"), amount=subtotal))
    rows += tax_rows(document.applied_taxes, currency, locale)
    including = money(totals.sub_total_including_taxes_amount_cents)
    rows.append(TotalRow(label=locale.text("subtotal_incl_tax"), amount=including))
    if totals.credit_notes_amount_cents > 0:
        rows.append(TotalRow(label=locale.text("credit_notes"), amount=money(-totals.credit_notes_amount_cents)))
    rows += _prepaid_rows(document, locale)
    return Totals(rows=(*rows, total))


def tax_rows(taxes: tuple[AppliedTax, ...], currency: str, locale: DocumentLocale) -> list[TotalRow]:
    """One row per applied tax, highest rate first; ``Tax (0%)`` when there is none."""
    rows: list[TotalRow] = []
    for tax in sorted(taxes, key=lambda tax: -tax.rate):
        if tax.code in UNTAXED_CODES:
            rows.append(TotalRow(label=locale.text(f"tax_{tax.code}"), amount=None))
            continue
        base = format_money(locale, tax.base_amount_cents, currency)
        label = locale.text("tax_line", name=tax.name, rate=format_rate(tax.rate), base=base)
        rows.append(TotalRow(label=label, amount=format_money(locale, tax.amount_cents, currency)))
    return rows or [TotalRow(label=locale.text("no_tax"), amount=format_money(locale, 0, currency))]


def _coupon_label(coupon: CouponCredit, currency: str, locale: DocumentLocale) -> str:
    if coupon.percentage_rate is not None:
        return locale.text("coupon_rate", name=coupon.name, rate=format_coupon_rate(coupon.percentage_rate))
    fixed = coupon.amount_cents if coupon.fixed_amount_cents is None else coupon.fixed_amount_cents
    return locale.text("coupon_amount", name=coupon.name, amount=format_money(locale, fixed, currency))


def _prepaid_rows(document: InvoiceDocument, locale: DocumentLocale) -> list[TotalRow]:
    """Only on invoices that wallets can pay; one row per origin where the split is known."""
    totals = document.totals
    payable = document.invoice_type in (InvoiceType.SUBSCRIPTION, InvoiceType.PROGRESSIVE_BILLING)
    if totals.prepaid_credit_amount_cents is None or not payable:
        return []
    granted = totals.prepaid_granted_credit_amount_cents
    purchased = totals.prepaid_purchased_credit_amount_cents
    if granted or purchased:
        parts = [("free_credits", granted), ("prepaid_credits", purchased)]
    else:
        parts = [("prepaid_credits", totals.prepaid_credit_amount_cents)]
    return [
        TotalRow(label=locale.text(key), amount=format_money(locale, -cents, document.currency))
        for key, cents in parts
        if cents is not None
    ]
