"""Charge cards as their template shows them: what each may choose from, why not, and what is wrong where."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.compatibility import ChargeTraits, supports, supports_proration
from billwright.billing.pricing.properties import TIER_KEYS
from billwright.ui import formatting
from billwright.ui.views.plan_charges import FULL, OVERRIDE, ChargeDraft
from billwright.ui.views.plan_prices import PriceDraft, settled
from billwright.ui.views.usage import MODELS

Context = dict[str, Any]
_EXPLAINED: Mapping[str, str] = {
    v.STANDARD: "Each unit costs the same.",
    v.GRADUATED: "Each unit costs what its tier says.",
    v.PACKAGE: "Units are sold in packages; a package begun is a package paid.",
    v.PERCENTAGE: "A share of the amount that is counted, and a fee for each transaction.",
    v.VOLUME: "All units cost what the tier says that the total reaches.",
    v.GRADUATED_PERCENTAGE: "A share of the amount, tier by tier.",
    v.DYNAMIC: "Each event brings its own price, in precise_total_amount_cents.",
    v.CUSTOM: "The metric's code computes the amount; the properties below are handed to it.",
}
_AGGREGATIONS: Mapping[str, str] = {
    v.MAX: "maximum",
    v.LATEST: "latest value",
    v.WEIGHTED_SUM: "weighted sum",
}


def shown(
    drafts: Sequence[ChargeDraft],
    errors: Mapping[str, str],
    examples: Mapping[str, Mapping[str, Any]],
    taxes: Sequence[Mapping[str, Any]],
    currency: str,
    *,
    mode: str = FULL,
    bare: Collection[str] = (),
) -> list[Context]:
    """What ``cards()`` of ``catalogue/charge_cards.html`` shows. ``bare``: keys of cards to show unfolded anyway."""
    kept = [draft for draft in drafts if not draft.removed]
    metrics = [draft.metric["code"] for draft in kept]
    return [
        _card(
            draft, errors, examples, taxes, currency, mode, metrics.count(draft.metric["code"]) > 1, draft.key in bare
        )
        for draft in drafts
    ]


def _card(
    draft: ChargeDraft,
    errors: Mapping[str, str],
    examples: Mapping[str, Mapping[str, Any]],
    taxes: Sequence[Mapping[str, Any]],
    currency: str,
    mode: str,
    twice: bool,
    unfolded: bool,
) -> Context:
    locked = mode == OVERRIDE or (mode != FULL and bool(draft.id))
    wrong = [name for name in errors if name == draft.key or name.startswith(f"{draft.key}-")]
    price = _price(draft, draft.price, examples)
    return {
        "key": draft.key,
        "id": draft.id,
        "code": draft.code,
        "metric": draft.metric,
        "metric_json": json.dumps(draft.metric),
        "title": draft.name or draft.metric["name"],
        "words": _words(draft, price["example"]),
        "model": draft.model,
        "model_label": MODELS[draft.model],
        "explained": _EXPLAINED[draft.model],
        "models": [
            {"value": model, "label": MODELS[model]} for model in v.CHARGE_MODELS if supports(model, draft.kind)
        ],
        "name": draft.name,
        "timing": draft.timing,
        "advance_reason": _advance_reason(draft),
        "invoicing": draft.invoicing,
        "prorated": draft.prorated,
        "proration_reason": _proration_reason(draft),
        "minimum": draft.minimum,
        "taxes": [{**tax, "on": tax["code"] in draft.taxes} for tax in taxes],
        "price": price,
        "filters": [_price(draft, part, examples) for part in draft.filters],
        "has_filters": bool(draft.metric["filters"]),
        "removed": draft.removed,
        "open": draft.open or bool(wrong) or unfolded,
        "wrong": bool(wrong),
        "locked": locked,
        "removable": mode != OVERRIDE,
        "units": draft.units,
        "events": draft.events,
        "asks_events": draft.model == v.PERCENTAGE and draft.kind not in v.UNIT_EVENT_AGGREGATIONS,
        "twice": twice and not draft.removed,
    }


def _price(draft: ChargeDraft, price: PriceDraft, examples: Mapping[str, Mapping[str, Any]]) -> Context:
    rows = settled(price, draft.model).tiers if draft.model in TIER_KEYS else []
    return {
        "prefix": price.prefix,
        "texts": price.texts,
        "tiers": rows,
        "hidden": price.hidden(draft.model),
        "name": price.name,
        "label": _filter_words(price.values),
        "columns": [
            {
                "key": row["key"],
                "options": [
                    {"value": v.ALL_FILTER_VALUES, "label": "All values", "on": _all(price.values.get(row["key"], []))},
                    *(
                        {"value": value, "label": value, "on": value in price.values.get(row["key"], [])}
                        for value in row["values"]
                    ),
                ],
            }
            for row in draft.metric["filters"]
        ],
        "example": examples.get(price.prefix, {"figure": None, "steps": [], "curve": None, "note": None, "words": ""}),
    }


def _all(values: Sequence[str]) -> bool:
    return v.ALL_FILTER_VALUES in values


def _filter_words(values: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(
        f"{key}: {'all values' if _all(chosen) else ' or '.join(chosen)}" for key, chosen in values.items() if chosen
    )


def _words(draft: ChargeDraft, example: Mapping[str, Any]) -> str:
    parts = [MODELS[draft.model], "in advance" if draft.in_advance else "in arrears"]
    if draft.prorated:
        parts.append("prorated")
    if draft.filters:
        parts.append(f"{len(draft.filters)} filter{'' if len(draft.filters) == 1 else 's'}")
    if example["figure"]:
        parts.append(f"{example['words']} = {example['figure']}")
    return " · ".join(parts)


def _advance_reason(draft: ChargeDraft) -> str | None:
    """Why the charge cannot be billed at each event (spec 02 §3)."""
    if supports(draft.model, draft.kind, pay_in_advance=True):
        return None
    if draft.kind in _AGGREGATIONS:
        return f"A {_AGGREGATIONS[draft.kind]} is known only when the period ends."
    return "A volume price is known only when the period ends."


def _proration_reason(draft: ChargeDraft) -> str | None:
    """Why units cannot count for the share of the period that they exist (spec 02 §6)."""
    traits = ChargeTraits(
        draft.model, draft.kind, recurring=bool(draft.metric["recurring"]), pay_in_advance=draft.in_advance
    )
    if supports_proration(traits):
        return None
    if not draft.metric["recurring"]:
        return "Only units of recurring metrics are carried over and can be prorated."
    models = "standard" if draft.in_advance else "standard, volume and graduated"
    return f"Only sums and unique counts with {models} prices are prorated."


def summary_line(card: Context) -> Context:
    """The card in the summary beside the form."""
    example = card["price"]["example"]
    return {
        "key": card["key"],
        "title": card["title"],
        "model": card["model_label"],
        "figure": example["figure"],
        "words": example["words"],
        "removed": card["removed"],
        "filters": len(card["filters"]),
    }


def tax_words(tax: Mapping[str, Any]) -> str:
    """``VAT 20%``."""
    return f"{tax['name']} {formatting.rate(tax['rate'])}"
