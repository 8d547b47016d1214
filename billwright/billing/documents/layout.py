"""An invoice as a list of blocks with final texts: every rule of spec 04 §19 is decided here, none in the template."""

from __future__ import annotations

from billwright.billing.documents.blocks import (
    Block,
    Header,
    Heading,
    Layout,
    Note,
    PageBreak,
    Row,
    Table,
    TotalRow,
    Totals,
)
from billwright.billing.documents.fee_tables import (
    fee_columns,
    fee_name,
    fee_table,
    in_advance_table,
    period_caption,
    period_tables,
    tax_cell,
    visible_fees,
)
from billwright.billing.documents.formats import format_date, format_money, format_unit_price, format_units
from billwright.billing.documents.header import closing_notes, customer_block, invoice_title, paper, seller_block
from billwright.billing.documents.invoice_document import (
    FeeKind,
    FeeLine,
    InvoiceDocument,
    InvoiceType,
    SubscriptionSection,
)
from billwright.billing.documents.locales import DocumentLocale, load_locale
from billwright.billing.documents.totals import invoice_totals


def lay_out_invoice(document: InvoiceDocument) -> Layout:
    """The blocks of an invoice. Raises ``ValueError`` where the document lacks what its type needs."""
    locale = load_locale(document.locale)
    title = invoice_title(document, locale)
    seller = seller_block(document.seller, locale)
    return Layout(
        title=f"{title} {document.number}",
        author=seller.name,
        language=locale.code,
        paper=paper(document),
        running_head=(f"{title} {document.number}", seller.name),
        page_text=locale.texts["page"],
        blocks=(_header(document, title, locale), *_body(document, locale)),
        logo=document.logo,
    )


def _header(document: InvoiceDocument, title: str, locale: DocumentLocale) -> Header:
    term = document.net_payment_term
    facts = (
        (locale.text("invoice_number"), document.number),
        (locale.text("issue_date"), format_date(locale, document.issuing_date)),
        (
            locale.text("payment_term"),
            locale.text("payment_term_one_day") if term == 1 else locale.text("payment_term_days", days=term),
        ),
    )
    if document.invoice_type is InvoiceType.ADVANCE_CHARGES:
        amount_note = locale.text("already_paid")
    else:
        amount_note = locale.text("due_on", date=format_date(locale, document.payment_due_date))
    return Header(
        title=title,
        facts=facts,
        metadata=document.metadata,
        seller=seller_block(document.seller, locale),
        customer=customer_block(document.customer, locale.text("bill_to"), locale),
        amount=format_money(locale, document.totals.total_amount_cents, document.currency),
        amount_notes=(amount_note,),
    )


def _body(document: InvoiceDocument, locale: DocumentLocale) -> list[Block]:
    totals = invoice_totals(document, locale)
    notes = closing_notes(document, locale)
    match document.invoice_type:
        case InvoiceType.CREDIT:
            return [_credit_table(document, locale), totals, *notes]
        case InvoiceType.ONE_OFF:
            return [_one_off_table(document, locale), totals, *notes]
        case InvoiceType.PROGRESSIVE_BILLING:
            return [*_progressive(document, locale), totals, *_threshold_note(document, locale), *notes]
        case InvoiceType.ADVANCE_CHARGES:
            return [*_in_advance(document, locale), totals, *notes]
        case InvoiceType.SUBSCRIPTION:
            if _all_in_advance(document):
                return [*_in_advance(document, locale), totals, *notes]
            if len(document.subscriptions) > 1:
                return [*_summary(document, locale), totals, *notes, *_subscription_pages(document, locale)]
            return _single_subscription(document, totals, notes, locale)


def _single_subscription(
    document: InvoiceDocument, totals: Totals, notes: list[Note], locale: DocumentLocale
) -> list[Block]:
    blocks: list[Block] = []
    for section in document.subscriptions:
        blocks += _details(section, document.currency, locale)
    blocks += [totals, *notes]
    for section in document.subscriptions:
        blocks += _breakdown_pages(section, locale)
    return blocks


def _summary(document: InvoiceDocument, locale: DocumentLocale) -> list[Block]:
    """Page 1 of several subscriptions: one row each, its commitment true-up as another row."""
    rows: list[Row] = []
    for section in _by_name(document.subscriptions):
        commitments = [fee for fee in section.fees if fee.kind is FeeKind.COMMITMENT]
        amount = _sum(section.fees) - _sum(commitments)
        rows.append(Row(label=section.title, cells=((format_money(locale, amount, document.currency),),)))
        for fee in commitments:
            label = f"{section.title} - {fee_name(fee, section, locale)}"
            rows.append(Row(label=label, cells=((format_money(locale, fee.amount_cents, document.currency),),)))
    columns = (locale.text("subscription"), locale.text("amount_excl_tax"))
    return [Heading(text=locale.text("summary")), Table(columns=columns, rows=tuple(rows))]


def _subscription_pages(document: InvoiceDocument, locale: DocumentLocale) -> list[Block]:
    """Each subscription on a new page, closed by the sum of what is printed there."""
    currency, blocks = document.currency, list[Block]()
    for section in _by_name(document.subscriptions):
        details = _details(section, currency, locale)
        if not details:
            continue
        blocks += [PageBreak(), *details]
        rows: list[TotalRow] = []
        if section.progressive_credit_cents > 0:
            credit = format_money(locale, -section.progressive_credit_cents, currency)
            rows.append(TotalRow(label=locale.text("usage_already_billed"), amount=credit))
        total = _sum(section.fees) - section.progressive_credit_cents
        rows.append(TotalRow(label=locale.text("total"), amount=format_money(locale, total, currency), strong=True))
        blocks.append(Totals(rows=tuple(rows)))
        blocks += _breakdown_pages(section, locale)
    return blocks


def _in_advance(document: InvoiceDocument, locale: DocumentLocale) -> list[Block]:
    blocks: list[Block] = []
    for section in _by_name(document.subscriptions):
        blocks += [_details_heading(section, locale), in_advance_table(section, document.currency, locale)]
    return blocks


def _progressive(document: InvoiceDocument, locale: DocumentLocale) -> list[Block]:
    """One table from the start of the charges' window to the issuing date, whatever the fees' own period."""
    blocks: list[Block] = []
    for section in document.subscriptions:
        if section.charges_from is None:
            raise ValueError("a progressive invoice needs charges_from on its subscription")
        caption = period_caption(section.charges_from, document.issuing_date, locale)
        fees = visible_fees(section, progressive=True)
        table = fee_table(section, fees, document.currency, locale, caption=caption)
        blocks += [_details_heading(section, locale), table]
    return blocks


def _threshold_note(document: InvoiceDocument, locale: DocumentLocale) -> list[Note]:
    passed = document.threshold
    if passed is None:
        return []
    usage = format_money(locale, passed.usage_amount_cents, document.currency)
    threshold = format_money(locale, passed.threshold_amount_cents, document.currency)
    return [Note(text=locale.text("threshold_passed", usage=usage, threshold=threshold))]


def _credit_table(document: InvoiceDocument, locale: DocumentLocale) -> Table:
    purchase = document.credit_purchase
    if purchase is None:
        raise ValueError("a credit invoice needs its credit_purchase")
    name = purchase.transaction_name or (
        locale.text("prepaid_item_wallet", wallet=purchase.wallet_name)
        if purchase.wallet_name
        else locale.text("prepaid_item")
    )
    cells = (
        (format_units(purchase.credits),),
        (format_unit_price(locale, purchase.unit_price, document.currency),),
        (format_money(locale, purchase.amount_cents, document.currency),),
    )
    columns = tuple(locale.text(key) for key in ("item", "units", "unit_price", "amount"))
    return Table(columns=columns, rows=(Row(label=name, cells=cells),))


def _one_off_table(document: InvoiceDocument, locale: DocumentLocale) -> Table:
    rows: list[Row] = []
    for line in sorted(document.add_ons, key=lambda line: (line.from_date, line.to_date)):
        start, end = format_date(locale, line.from_date), format_date(locale, line.to_date)
        description = [text.strip() for text in (line.description or "").splitlines() if text.strip()]
        rows.append(
            Row(
                label=line.name,
                notes=(*description, locale.text("from_to", **{"from": start, "to": end})),
                cells=(
                    (format_units(line.units),),
                    (format_unit_price(locale, line.precise_unit_amount, document.currency),),
                    tax_cell(line.taxes),
                    (format_money(locale, line.amount_cents, document.currency),),
                ),
            )
        )
    return Table(columns=fee_columns(locale), rows=tuple(rows))


def _breakdown_pages(section: SubscriptionSection, locale: DocumentLocale) -> list[Block]:
    """A page per recurring charge billed in arrears that has units: its changes and how they are charged."""
    blocks: list[Block] = []
    columns = (locale.text("date"), locale.text("duration"), locale.text("change"))
    for fee in sorted(section.fees, key=lambda fee: fee_name(fee, section, locale).lower()):
        breakdown = fee.recurring
        if breakdown is None or fee.pay_in_advance or fee.units <= 0:
            continue
        rows = tuple(
            Row(
                label=format_date(locale, change.day),
                cells=(
                    (locale.text("used_out_of", used=change.days_used, total=change.days_total),),
                    (f"{'+' if change.units >= 0 else ''}{format_units(change.units)} {breakdown.metric_name}",),
                ),
            )
            for change in breakdown.changes
        )
        heading = Heading(text=locale.text("breakdown_of", name=fee_name(fee, section, locale)))
        note = Note(text=locale.text("breakdown_prorated" if breakdown.prorated else "breakdown_not_prorated"))
        blocks += [PageBreak(), heading, Table(columns=columns, rows=rows), note]
    return blocks


def _details(section: SubscriptionSection, currency: str, locale: DocumentLocale) -> list[Block]:
    """The tables of a subscription below its heading; nothing where no fee is to be printed."""
    tables = period_tables(section, currency, locale)
    return [_details_heading(section, locale), *tables] if tables else []


def _details_heading(section: SubscriptionSection, locale: DocumentLocale) -> Heading:
    return Heading(text=locale.text("details_of", name=section.title))


def _all_in_advance(document: InvoiceDocument) -> bool:
    fees = [fee for section in document.subscriptions for fee in section.fees]
    return bool(fees) and all(fee.kind is FeeKind.CHARGE and fee.pay_in_advance for fee in fees)


def _by_name(sections: tuple[SubscriptionSection, ...]) -> list[SubscriptionSection]:
    return sorted(sections, key=lambda section: (section.title.lower(), section.title))


def _sum(fees: tuple[FeeLine, ...] | list[FeeLine]) -> int:
    """Minor units of the fees and of their true-ups."""
    return sum(fee.amount_cents + (fee.true_up.amount_cents if fee.true_up else 0) for fee in fees)
