"""A credit note as a list of blocks with final texts (spec 04 §21)."""

from __future__ import annotations

from datetime import date

from billwright.billing.documents.blocks import Header, Layout, Row, Table, TotalRow, Totals
from billwright.billing.documents.credit_note_document import CreditedFee, CreditedSubscription, CreditNoteDocument
from billwright.billing.documents.fee_tables import charge_name, tax_cell
from billwright.billing.documents.formats import format_date, format_money
from billwright.billing.documents.header import closing_notes, customer_block, paper, seller_block
from billwright.billing.documents.invoice_document import FeeKind, FeeTax
from billwright.billing.documents.locales import DocumentLocale, load_locale
from billwright.billing.documents.totals import tax_rows


def lay_out_credit_note(document: CreditNoteDocument) -> Layout:
    """The blocks of a credit note; the title is the same in all countries."""
    locale = load_locale(document.locale)
    title = locale.text("title_credit_note")
    seller = seller_block(document.seller, locale)
    header = Header(
        title=title,
        facts=(
            (locale.text("credit_note_number"), document.number),
            (locale.text("invoice_number"), document.invoice_number),
            (locale.text("issue_date"), format_date(locale, document.issuing_date)),
        ),
        metadata=document.metadata,
        seller=seller,
        customer=customer_block(document.customer, locale.text("credit_to"), locale),
        amount=format_money(locale, document.total_amount_cents, document.currency),
        amount_notes=(
            given_back(
                locale,
                document.issuing_date,
                credit_cents=document.credit_amount_cents,
                refund_cents=document.refund_amount_cents,
                offset_cents=document.offset_amount_cents,
            ),
        ),
    )
    table = _prepaid_table(document, locale) if document.prepaid else _items_table(document, locale)
    return Layout(
        title=f"{title} {document.number}",
        author=seller.name,
        language=locale.code,
        paper=paper(document),
        running_head=(f"{title} {document.number}", seller.name),
        page_text=locale.texts["page"],
        blocks=(header, table, _totals(document, locale), *closing_notes(document, locale)),
        logo=document.logo,
    )


def given_back(locale: DocumentLocale, issued: date, *, credit_cents: int, refund_cents: int, offset_cents: int) -> str:
    """One way of giving back is named; several, or an offset on the invoice, are just "issued"."""
    day = format_date(locale, issued)
    match (credit_cents > 0, refund_cents > 0, offset_cents > 0):
        case (False, True, False):
            return locale.text("refunded_on", date=day)
        case (True, False, False):
            return locale.text("credited_on", date=day)
        case _:
            return locale.text("issued_on", date=day)


def _items_table(document: CreditNoteDocument, locale: DocumentLocale) -> Table:
    rows: list[Row] = []

    def add(label: str, taxes: tuple[FeeTax, ...], amount_cents: int) -> None:
        if amount_cents > 0:
            amount = format_money(locale, amount_cents, document.currency)
            rows.append(Row(label=label, cells=(tax_cell(taxes), (amount,))))

    for subscription in sorted(document.subscriptions, key=lambda item: (item.name.lower(), item.name)):
        names = {id(item): _item_name(item, subscription, locale) for item in subscription.items}
        for item in sorted(subscription.items, key=lambda item: (_ORDER[item.kind], names[id(item)].lower())):
            add(names[id(item)], item.taxes, item.amount_cents)
            add(locale.text("true_up", name=names[id(item)]), item.true_up_taxes, item.true_up_amount_cents)
    for add_on in document.add_ons:
        add(add_on.name, add_on.taxes, add_on.amount_cents)
    columns = tuple(locale.text(key) for key in ("item", "tax_rate", "amount_excl_tax"))
    return Table(columns=columns, rows=tuple(rows))


_ORDER = {FeeKind.SUBSCRIPTION: 0, FeeKind.CHARGE: 1, FeeKind.COMMITMENT: 2}


def _item_name(item: CreditedFee, subscription: CreditedSubscription, locale: DocumentLocale) -> str:
    match item.kind:
        case FeeKind.SUBSCRIPTION:
            return locale.text("subscription_item", name=subscription.name)
        case FeeKind.CHARGE:
            return charge_name(item.invoice_display_name or item.item_name, item.group_values, item.filter)
        case FeeKind.COMMITMENT:
            return item.invoice_display_name or item.item_name or locale.text("minimum_commitment")


def _prepaid_table(document: CreditNoteDocument, locale: DocumentLocale) -> Table:
    prepaid = document.prepaid
    if prepaid is None:
        raise ValueError("the note has no prepaid credits")
    wallet = prepaid.wallet_name
    name = locale.text("prepaid_item_wallet", wallet=wallet) if wallet else locale.text("prepaid_item")
    amount = format_money(locale, prepaid.amount_cents, document.currency)
    return Table(columns=(locale.text("item"), locale.text("amount")), rows=(Row(label=name, cells=((amount,),)),))


def _totals(document: CreditNoteDocument, locale: DocumentLocale) -> Totals:
    rows: list[TotalRow] = []

    def add(key: str, amount_cents: int, *, strong: bool = False) -> None:
        amount = format_money(locale, amount_cents, document.currency)
        rows.append(TotalRow(label=locale.text(key), amount=amount, strong=strong))

    if document.prepaid is None:
        if document.coupons_adjustment_amount_cents > 0:
            add("coupons", -document.coupons_adjustment_amount_cents)
        add("subtotal_excl_tax", document.sub_total_excluding_taxes_amount_cents)
        rows += tax_rows(document.applied_taxes, document.currency, locale)
    if document.credit_amount_cents > 0:
        add("credited_on_balance", document.credit_amount_cents)
    if document.refund_amount_cents > 0:
        add("refunded", document.refund_amount_cents)
    if document.offset_amount_cents > 0:
        add("offset_on_invoice", document.offset_amount_cents)
    add("total", document.total_amount_cents, strong=True)
    return Totals(rows=tuple(rows))
