"""The price editor of a charge or of one of its filters: text as it was typed, and what the API takes (spec 02 §2.3).

A ``PriceDraft`` keeps every field as text, right or wrong, and also those that the chosen model does not show, so that
changing the model back and forth loses nothing. Its fields are named ``{prefix}-{field}``; tiers are rows of
``{prefix}-from``, ``-to``, ``-price`` and ``-flat``, and a place of the API such as
``properties.volume_ranges.2.to_value`` belongs to the field ``{prefix}-to-2``.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from starlette.datastructures import FormData

from billwright.billing.kernel.money import parse_decimal
from billwright.billing.pricing.properties import TIER_KEYS
from billwright.ui.views.money import decimal_text

FIELDS = (
    "amount",
    "package_size",
    "free_units",
    "rate",
    "fixed_amount",
    "free_units_per_events",
    "free_units_per_total_aggregation",
    "per_transaction_min_amount",
    "per_transaction_max_amount",
    "groups",
    "custom",
)
_PERCENTAGE_OPTIONS = FIELDS[4:9]
_SHOWN: Mapping[str, tuple[str, ...]] = {
    "standard": ("amount",),
    "package": ("amount", "package_size", "free_units"),
    "percentage": ("rate", *_PERCENTAGE_OPTIONS),
    "custom": ("custom",),
}
_TIER_PLACE = re.compile(r"properties\.[a-z_]+_ranges\.([0-9]+)\.(to_value|per_unit_amount|rate|flat_amount)")
_TIER_FIELDS = {"to_value": "to", "per_unit_amount": "price", "rate": "price", "flat_amount": "flat"}


@dataclass
class TierDraft:
    """A row of a tier table; ``start`` is only kept as it was stored while it still fits."""

    start: str = "0"
    end: str = ""
    price: str = ""
    flat: str = ""


@dataclass
class PriceDraft:
    """One price as its fields say. ``values`` and ``name`` are of a filter's price: filter key -> chosen values."""

    prefix: str
    texts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    tiers: list[TierDraft] = field(default_factory=list[TierDraft])
    name: str = ""
    values: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def hidden(self, model: str) -> list[tuple[str, str]]:
        """Fields with a text that ``model`` does not show."""
        shown = {*_SHOWN.get(model, ()), "groups"}
        return [(name, text) for name, text in self.texts.items() if text and name not in shown]


def of_properties(prefix: str, model: str, properties: Mapping[str, Any]) -> PriceDraft:
    """The draft of a stored price."""
    draft = PriceDraft(prefix)
    for name in FIELDS:
        if properties.get(name) is not None:
            draft.texts[name] = str(properties[name])
    draft.texts["groups"] = _line(properties.get("pricing_group_keys") or properties.get("grouped_by") or ())
    custom = properties.get("custom_properties")
    if custom is not None:
        draft.texts["custom"] = custom if isinstance(custom, str) else _json_text(custom)
    for row in properties.get(TIER_KEYS.get(model, ""), ()):
        price = row.get("per_unit_amount", row.get("rate"))
        draft.tiers.append(TierDraft(_bound(row["from_value"]), _bound(row["to_value"]), str(price), _flat(row)))
    return draft


def _line(keys: Sequence[str]) -> str:
    """Keys separated by commas; one that has a comma itself stands in quotes."""
    return ", ".join(f'"{key}"' if "," in key else key for key in keys)


def _keys(line: str) -> list[str]:
    return [key.strip() for row in csv.reader([line], skipinitialspace=True) for key in row if key.strip()]


def _flat(row: Mapping[str, Any]) -> str:
    return str(row.get("flat_amount") or "0")


def _bound(value: Any) -> str:
    if value is None:
        return ""
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))
    return format(number, "f")


def _json_text(value: Any) -> str:
    return json.dumps(value, indent=2, default=str)


def of_form(prefix: str, form: FormData, filter_keys: Sequence[str] = ()) -> PriceDraft:
    """The draft that was posted."""

    def texts(name: str) -> list[str]:
        return [str(value).strip() for value in form.getlist(f"{prefix}-{name}")]

    draft = PriceDraft(prefix, name=(texts("name") or [""])[0])
    for name in FIELDS:
        draft.texts[name] = (texts(name) or [""])[0]
    rows = [texts(name) for name in ("from", "to", "price", "flat")]
    draft.tiers = [TierDraft(*row) for row in zip(*rows, strict=False)]
    draft.values = {key: chosen for key in filter_keys if (chosen := texts(f"v-{key}"))}
    return draft


def settled(draft: PriceDraft, model: str) -> PriceDraft:
    """``draft`` with the rows that a tier table needs, its bounds following each other."""
    if model in TIER_KEYS:
        if not draft.tiers:
            draft.tiers = [TierDraft("0", "", draft.texts["amount"], "0")]
        after: Decimal | None = None
        for index, tier in enumerate(draft.tiers):
            if index and after is not None:
                follows = after + 1 if after == after.to_integral_value() else after
                if parse_decimal(tier.start) not in (after, follows):
                    tier.start = format(follows, "f")
            elif not index and parse_decimal(tier.start) not in (0, 1):
                tier.start = "0"
            after = parse_decimal(_plain(tier.end))
        draft.tiers[-1].end = ""
    return draft


def add_tier(draft: PriceDraft) -> None:
    """Another open tier at the end; the one before ends at twice its beginning, or at 100."""
    last = draft.tiers[-1] if draft.tiers else TierDraft()
    start = parse_decimal(last.start) or Decimal(0)
    last.end = last.end or format((start - 1) * 2 if start > 1 else Decimal(100), "f").split(".")[0]
    draft.tiers.append(TierDraft("", "", "", "0"))


def remove_tier(draft: PriceDraft, index: int) -> None:
    """Without one row; the last one left stays."""
    if len(draft.tiers) > 1 and 0 <= index < len(draft.tiers):
        del draft.tiers[index]


def _plain(text: str) -> str:
    """A number as people write it, plain; what is none as it is, for the server to refuse."""
    return decimal_text(text) or text


def properties(draft: PriceDraft, model: str) -> dict[str, Any]:
    """``properties`` as the API takes them; what is no number goes along as it is, and is refused with its place."""
    texts = {name: _plain(text) for name, text in draft.texts.items()}
    answer: dict[str, Any] = {}
    if model in TIER_KEYS:
        price_key = "rate" if model == "graduated_percentage" else "per_unit_amount"
        rows = settled(draft, model).tiers
        answer[TIER_KEYS[model]] = [
            {
                "from_value": _number(tier.start),
                "to_value": _number(tier.end),
                price_key: _plain(tier.price),
                "flat_amount": _plain(tier.flat) or "0",
            }
            for tier in rows
        ]
    elif model == "standard":
        answer = {"amount": texts["amount"]}
    elif model == "package":
        answer = {name: texts[name] for name in ("amount", "package_size")} | {"free_units": texts["free_units"] or "0"}
    elif model == "percentage":
        answer = {"rate": texts["rate"]} | {name: texts[name] for name in _PERCENTAGE_OPTIONS if texts[name]}
    elif model == "custom" and texts["custom"]:
        answer = {"custom_properties": draft.texts["custom"]}
    keys = _keys(draft.texts["groups"])
    if keys:
        answer["pricing_group_keys"] = keys
    return answer


def _number(text: str) -> Any:
    """A bound as a JSON number; ``None`` for an open one, other text as it is."""
    if not text:
        return None
    number = parse_decimal(_plain(text))
    if number is None:
        return text
    return int(number) if number == number.to_integral_value() else number


def field_of(place: str) -> str:
    """The field, without its prefix, of a mistake at ``place`` inside a charge or a filter."""
    found = _TIER_PLACE.fullmatch(place)
    if found:
        return f"{_TIER_FIELDS[found[2]]}-{found[1]}"
    if place == "properties.pricing_group_keys":
        return "groups"
    first, _, rest = place.partition(".")
    return rest if first == "properties" and rest in FIELDS else ("values" if first == "values" else "")
