"""Fee tables of a subscription: which fees show, in which order, and their rows (spec 04 §19.4, 02 §15)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

from billwright.billing.documents.blocks import Row, Table
from billwright.billing.documents.charge_details import charge_detail_rows
from billwright.billing.documents.formats import (
    format_date,
    format_money,
    format_rate,
    format_unit_price,
    format_units,
)
from billwright.billing.documents.invoice_document import (
    ALL_FILTER_VALUES,
    FeeKind,
    FeeLine,
    FeeTax,
    FilterLabel,
    SubscriptionSection,
    TrueUp,
)
from billwright.billing.documents.locales import DocumentLocale
from billwright.billing.kernel.money import from_minor_units

_SEPARATOR = " • "
_ORDER = {FeeKind.SUBSCRIPTION: 0, FeeKind.CHARGE: 1, FeeKind.COMMITMENT: 2}
_NEVER = datetime.max.replace(tzinfo=UTC)


def fee_columns(locale: DocumentLocale) -> tuple[str, ...]:
    """Heads of a fee table: item, units, unit price, tax rate, amount."""
    return tuple(locale.text(key) for key in ("item", "units", "unit_price", "tax_rate", "amount_excl_tax"))


def visible_fees(section: SubscriptionSection, *, progressive: bool = False) -> list[FeeLine]:
    """The fees that are printed. Zero subscription fees are hidden next to any other fee with an amount, subscription
    fees always on progressive invoices; charges need units, an amount or a true-up (spec 04 §19.4)."""
    others = [fee for fee in section.fees if fee.kind is not FeeKind.SUBSCRIPTION]
    other_amounts = any(fee.amount_cents > 0 or (fee.true_up and fee.true_up.amount_cents > 0) for fee in others)

    def shown(fee: FeeLine) -> bool:
        match fee.kind:
            case FeeKind.SUBSCRIPTION:
                return not progressive and (fee.amount_cents > 0 or not other_amounts)
            case FeeKind.CHARGE:
                return fee.units > 0 or fee.amount_cents > 0 or fee.true_up is not None
            case FeeKind.COMMITMENT:
                return True

    return [fee for fee in section.fees if shown(fee)]


def period_tables(
    section: SubscriptionSection, currency: str, locale: DocumentLocale, *, progressive: bool = False
) -> list[Table]:
    """One table per period of the fees, in chronological order, headed by the period."""
    periods: dict[tuple[date, date], list[FeeLine]] = {}
    for fee in visible_fees(section, progressive=progressive):
        periods.setdefault((fee.from_date, fee.to_date), []).append(fee)
    return [
        fee_table(section, periods[period], currency, locale, caption=period_caption(*period, locale))
        for period in sorted(periods)
    ]


def period_caption(start: date, end: date, locale: DocumentLocale) -> str:
    """``Fees from {date} to {date}``."""
    return locale.text("fees_from_to", **{"from": format_date(locale, start), "to": format_date(locale, end)})


def fee_table(
    section: SubscriptionSection,
    fees: Iterable[FeeLine],
    currency: str,
    locale: DocumentLocale,
    caption: str | None = None,
) -> Table:
    """Subscription fee, charges by lower-case name, commitment."""
    ordered = sorted(fees, key=lambda fee: (_ORDER[fee.kind], fee_name(fee, section, locale).lower()))
    rows = [row for fee in ordered for row in fee_rows(fee, section, currency, locale)]
    return Table(columns=fee_columns(locale), rows=tuple(rows), caption=caption)


def in_advance_table(section: SubscriptionSection, currency: str, locale: DocumentLocale) -> Table:
    """All fees of the section, by success then creation time (spec 04 §19.3, in-advance charges)."""
    ordered = sorted(section.fees, key=lambda fee: (fee.succeeded_at or _NEVER, fee.created_at or _NEVER))
    rows = [row for fee in ordered for row in fee_rows(fee, section, currency, locale)]
    return Table(columns=fee_columns(locale), rows=tuple(rows))


def fee_name(fee: FeeLine, section: SubscriptionSection, locale: DocumentLocale) -> str:
    """Name, group values and filter name, joined by `` • `` (spec 04 §19.4)."""
    match fee.kind:
        case FeeKind.SUBSCRIPTION:
            plan = section.plan_display_name or section.plan_name
            return fee.invoice_display_name or locale.text(f"interval_{section.plan_interval}", plan=plan)
        case FeeKind.COMMITMENT:
            return fee.invoice_display_name or fee.item_name or locale.text("minimum_commitment")
        case FeeKind.CHARGE:
            return charge_name(fee.invoice_display_name or fee.item_name, fee.group_values, fee.filter)


def charge_name(name: str | None, group_values: tuple[str, ...], label: FilterLabel | None) -> str:
    """``name • group values • filter``, empty parts left out."""
    parts = [name or "", *group_values, _filter_name(label) if label else ""]
    return _SEPARATOR.join(part for part in parts if part)


def fee_rows(fee: FeeLine, section: SubscriptionSection, currency: str, locale: DocumentLocale) -> list[Row]:
    """The rows of one fee: a single row, or name, details and subtotal; then its true-up."""
    name = fee_name(fee, section, locale)
    notes = _notes(fee, section, locale)
    taxes = tax_cell(fee.taxes)
    amount = (format_money(locale, fee.amount_cents, currency),)
    details = charge_detail_rows(fee, currency, locale) if fee.kind is FeeKind.CHARGE else []
    if details:
        subtotal = Row(style="subtotal", label=locale.text("subtotal"), cells=((), (), taxes, amount))
        rows = [Row(style="group", label=name, notes=notes, cells=((), (), (), ())), *details, subtotal]
    else:
        by_units = fee.kind is FeeKind.CHARGE or fee.units not in (0, 1)  # a subscription fee whose units were set
        price = fee.precise_unit_amount if by_units else from_minor_units(fee.amount_cents, currency)
        units = fee.units if by_units else Decimal(1)
        cells = ((format_units(units),), (format_unit_price(locale, price, currency),), taxes, amount)
        rows = [Row(label=name, notes=notes, cells=cells)]
    return [*rows, _true_up_row(fee.true_up, name, currency, locale)] if fee.true_up else rows


def tax_cell(taxes: tuple[FeeTax, ...]) -> tuple[str, ...]:
    """One line per tax, highest rate first; ``0.0%`` when none."""
    rates = sorted((tax.rate for tax in taxes), reverse=True)
    return tuple(f"{format_rate(rate)}%" for rate in rates) or ("0.0%",)


def _true_up_row(true_up: TrueUp, name: str, currency: str, locale: DocumentLocale) -> Row:
    key = "true_up_minimum_prorated" if true_up.prorated else "true_up_minimum"
    note = locale.text(key, amount=format_money(locale, true_up.minimum_amount_cents, currency))
    amount = format_money(locale, true_up.amount_cents, currency)
    return Row(
        label=locale.text("true_up", name=name),
        notes=(note,),
        cells=(("1",), (amount,), tax_cell(true_up.taxes), (amount,)),
    )


def _notes(fee: FeeLine, section: SubscriptionSection, locale: DocumentLocale) -> tuple[str, ...]:
    if fee.kind is not FeeKind.CHARGE:
        return ()
    notes: list[str] = []
    if fee.charge_model == "percentage" and fee.events_count is not None:
        notes.append(locale.text("total_events", count=fee.events_count))
    if fee.aggregation_type == "weighted_sum_agg":
        notes.append(locale.text(f"per_second_{section.charges_interval or section.plan_interval}"))
    elif fee.prorated and not fee.pay_in_advance:
        notes.append(locale.text("prorated_average"))
    if fee.pay_in_advance and fee.paid_on:
        notes.append(locale.text("paid_on", date=format_date(locale, fee.paid_on)))
    if fee.pay_in_advance and fee.days_used is not None and fee.days_total is not None:
        notes.append(locale.text("used_days", used=fee.days_used, total=fee.days_total))
    return tuple(notes)


def _filter_name(label: FilterLabel) -> str:
    if label.display_name:
        return label.display_name
    parts: list[str] = []
    for key, values in label.values.items():
        parts += [key] if ALL_FILTER_VALUES in values else list(values)
    return _SEPARATOR.join(parts)
