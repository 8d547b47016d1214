"""The steps behind a charge's amount, tier by tier, from ``fee.amount_details`` (spec 04 §19.4, 02 §5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from billwright.billing.documents.blocks import Row
from billwright.billing.documents.formats import format_money, format_unit_price, format_units
from billwright.billing.documents.invoice_document import FeeLine
from billwright.billing.documents.locales import DocumentLocale
from billwright.billing.kernel.money import to_minor_units

_ZERO = Decimal(0)


def charge_detail_rows(fee: FeeLine, currency: str, locale: DocumentLocale) -> list[Row]:
    """Detail rows (label, units, price, no tax, amount) of a charge fee, without the subtotal.

    Empty where the single default row is to be printed: no details, standard, dynamic and custom charges, and a zero
    amount without a filter.
    """
    details = fee.amount_details
    if not details or (fee.filter is None and fee.amount_cents == 0):
        return []
    writer = _Writer(locale, currency)
    match fee.charge_model:
        case "graduated":
            return writer.graduated(_ranges(details, "graduated_ranges"))
        case "graduated_percentage":
            return writer.graduated(_ranges(details, "graduated_percentage_ranges"))
        case "volume":
            return writer.volume(fee, details)
        case "package":
            return writer.package(fee, details)
        case "percentage":
            return writer.percentage(details)
        case _:
            return []


@dataclass(frozen=True, slots=True)
class _Writer:
    locale: DocumentLocale
    currency: str

    def graduated(self, ranges: list[Mapping[str, Any]]) -> list[Row]:
        """Every tier's units first, then every tier's flat fee. Tiers with a ``rate`` are graduated percentages."""
        rows: list[Row] = []
        for index, tier in enumerate(ranges):
            rate = tier.get("rate")
            price = self._price(_decimal(tier, "per_unit_amount")) if rate is None else _percent(Decimal(str(rate)))
            label = self._tier("tier", index, tier)
            rows.append(self._row(label, _decimal(tier, "units"), price, _decimal(tier, "per_unit_total_amount")))
        for index, tier in enumerate(ranges):
            flat = _decimal(tier, "flat_unit_amount")
            if flat > 0:
                rows.append(self._flat(self._tier("flat", index, tier), flat))
        return rows

    def volume(self, fee: FeeLine, details: Mapping[str, Any]) -> list[Row]:
        price = self._price(_decimal(details, "per_unit_amount"))
        amount = _decimal(details, "per_unit_total_amount")
        rows = [self._row(self.locale.text("volume_units"), fee.units, price, amount)]
        flat = _decimal(details, "flat_unit_amount")
        return [*rows, self._flat(self.locale.text("flat_all_units"), flat)] if flat > 0 else rows

    def package(self, fee: FeeLine, details: Mapping[str, Any]) -> list[Row]:
        rows: list[Row] = []
        free = _decimal(details, "free_units")
        if free > 0:
            rows.append(self._row(self.locale.text("free_units"), free, self._price(_ZERO), _ZERO))
        price = self.locale.text(
            "package_price",
            amount=self._price(_decimal(details, "per_package_unit_amount")),
            size=format_units(_decimal(details, "per_package_size")),
        )
        units = format_units(_decimal(details, "paid_units"))
        amount = format_money(self.locale, fee.amount_cents, self.currency)
        return [*rows, _detail(self.locale.text("package_units"), units, price, amount)]

    def percentage(self, details: Mapping[str, Any]) -> list[Row]:
        rows: list[Row] = []
        free = _decimal(details, "free_units")
        if free > 0:
            count = format_units(_decimal(details, "free_events"))
            label = self.locale.text("free_units_transactions", count=count)
            rows.append(self._row(label, free, self._price(_ZERO), _ZERO))
        rows.append(
            self._row(
                self.locale.text("percentage_units"),
                _decimal(details, "paid_units"),
                _percent(_decimal(details, "rate")),
                _decimal(details, "per_unit_total_amount"),
            )
        )
        events, fixed = _decimal(details, "paid_events"), _decimal(details, "fixed_fee_unit_amount")
        if events > 0 and fixed > 0:
            total = _decimal(details, "fixed_fee_total_amount")
            rows.append(self._row(self.locale.text("fixed_fee"), events, self._price(fixed), total))
        adjustment = _decimal(details, "min_max_adjustment_total_amount")
        if adjustment:
            rows.append(self._flat(self.locale.text("min_max_adjustment"), adjustment))
        return rows

    def _tier(self, kind: str, index: int, tier: Mapping[str, Any]) -> str:
        """``first 10``, ``next 11 to 20``, ``21 and above``, by the bounds as they are configured."""
        start = format_units(_decimal(tier, "from_value"))
        if tier.get("to_value") is None:
            return self.locale.text(f"{kind}_above", **{"from": start})
        end = format_units(_decimal(tier, "to_value"))
        if index == 0:
            return self.locale.text(f"{kind}_first", to=end)
        return self.locale.text(f"{kind}_next", **{"from": start, "to": end})

    def _price(self, price: Decimal) -> str:
        return format_unit_price(self.locale, price, self.currency)

    def _row(self, label: str, units: Decimal, price: str, amount: Decimal) -> Row:
        money = format_money(self.locale, to_minor_units(amount, self.currency), self.currency)
        return _detail(label, format_units(units), price, money)

    def _flat(self, label: str, amount: Decimal) -> Row:
        return self._row(label, Decimal(1), self._price(amount), amount)


def _detail(label: str, units: str, price: str, amount: str) -> Row:
    return Row(style="detail", label=label, cells=((units,), (price,), (), (amount,)))


def _percent(rate: Decimal) -> str:
    return f"{format_units(rate)}%"


def _ranges(details: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return list(cast("list[Mapping[str, Any]]", details.get(key) or []))


def _decimal(details: Mapping[str, Any], key: str) -> Decimal:
    value = details.get(key)
    return _ZERO if value is None else Decimal(str(value))
