"""A charge's price in words and figures, from its stored properties (spec 02 §5). Amounts are currency units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from billwright.ui import formatting

Row = dict[str, str]


def shown_price(model: str, properties: Mapping[str, Any], currency: str) -> list[Row]:
    """Rows ``{label, value}``: one for each price, tier or limit of the charge model."""

    def price(value: Any) -> str:
        return formatting.unit_price(str(value), currency)

    rows: list[Row] = []
    if model == "standard":
        rows.append(_row("Each unit", price(properties["amount"])))
    elif model == "package":
        free = str(properties.get("free_units") or 0)
        size = formatting.units(str(properties["package_size"]))
        if Decimal(free):
            rows.append(_row("Free units", formatting.units(free)))
        rows.append(_row(f"Each package of {size}", price(properties["amount"])))
    elif model == "percentage":
        rows += _percentage(properties, price)
    elif model in ("graduated", "volume"):
        for tier, words in _tiers(properties[f"{model}_ranges"]):
            words = words if model == "graduated" else f"All units, {words[0].lower()}{words[1:]} in all"
            rows.append(_row(words, price(tier["per_unit_amount"]) + _flat(tier, price)))
    elif model == "graduated_percentage":
        for tier, words in _tiers(properties["graduated_percentage_ranges"]):
            rows.append(_row(words, _rate(tier["rate"]) + _flat(tier, price)))
    elif model == "dynamic":
        rows.append(_row("Price", "given by each event"))
    else:
        rows.append(_row("Price", "computed by the custom aggregation"))
    keys = properties.get("pricing_group_keys") or properties.get("grouped_by") or []
    if keys:
        rows.append(_row("A line for each", ", ".join(str(key) for key in keys)))
    return rows


def _percentage(properties: Mapping[str, Any], price: Any) -> list[Row]:
    rows = [_row("Of the amount", _rate(properties["rate"]))]
    for key, label, money in (
        ("fixed_amount", "And for each transaction", True),
        ("free_units_per_events", "Free transactions", False),
        ("free_units_per_total_aggregation", "Free amount", True),
        ("per_transaction_min_amount", "At least for a transaction", True),
        ("per_transaction_max_amount", "At most for a transaction", True),
    ):
        value = properties.get(key)
        if value not in (None, "") and Decimal(str(value)):
            rows.append(_row(label, price(value) if money else formatting.units(str(value))))
    return rows


def _tiers(ranges: Iterable[Mapping[str, Any]]) -> Iterable[tuple[Mapping[str, Any], str]]:
    for index, tier in enumerate(ranges):
        start = formatting.units(str(tier["from_value"]))
        if tier.get("to_value") is None:
            yield tier, "Every unit" if index == 0 else f"{start} and above"
        else:
            end = formatting.units(str(tier["to_value"]))
            yield tier, f"First {end}" if index == 0 else f"{start} to {end}"


def _flat(tier: Mapping[str, Any], price: Any) -> str:
    flat = tier.get("flat_amount") or "0"
    return f" + {price(flat)} flat" if Decimal(str(flat)) else ""


def _rate(value: Any) -> str:
    return f"{format(Decimal(str(value)).normalize(), 'f')}%"


def _row(label: str, value: str) -> Row:
    return {"label": label, "value": value}
