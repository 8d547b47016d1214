"""The charge models behind one door: what they need and what they answer (spec 02 §5-6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.custom import price_custom
from billwright.billing.pricing.dynamic import price_dynamic
from billwright.billing.pricing.exact import exact
from billwright.billing.pricing.graduated import price_graduated
from billwright.billing.pricing.graduated_percentage import price_graduated_percentage
from billwright.billing.pricing.package import price_package
from billwright.billing.pricing.percentage import price_percentage
from billwright.billing.pricing.percentage_fold import PercentageTerms
from billwright.billing.pricing.properties import default_properties
from billwright.billing.pricing.prorated_graduated import price_prorated_graduated
from billwright.billing.pricing.standard import price_standard
from billwright.billing.pricing.usage import NOTHING, Price, Usage
from billwright.billing.pricing.volume import price_volume


@dataclass(frozen=True, slots=True)
class Requirements:
    """What metering must deliver besides ``units`` and ``events_count``.

    ``event_values``:
    - ``"none"``: totals suffice;
    - ``"prefix"``: the first events in order; metering may stop after ``max_events`` events, or with the event that
      brings the running total of the delivered values to ``until_total`` or beyond, whichever comes first (the same
      moment a ``PercentageFold`` is no longer ``open``). Delivering more is harmless;
    - ``"all"``: every event. Those of the prefix in order, the rest in any order, also counted: see ``PercentageFold``.
    ``full_units``: un-prorated units. ``prorated_entries``: spec 02 §6.3. ``precise_amount``: the sum of
    ``precise_total_amount_cents``. ``custom_fold``: ``custom_amount`` of the metric's snippet.
    """

    event_values: Literal["none", "prefix", "all"] = "none"
    max_events: int | None = None
    until_total: Decimal | None = None
    full_units: bool = False
    prorated_entries: bool = False
    precise_amount: bool = False
    custom_fold: bool = False


def requirements(
    charge_model: str, properties: Mapping[str, Any], aggregation_type: str, prorated: bool = False
) -> Requirements:
    """The least that prices this bucket exactly (spec 02 §3, last paragraph)."""
    if charge_model == v.PERCENTAGE:
        return _percentage_requirements(properties or default_properties(charge_model), aggregation_type)
    return Requirements(
        full_units=prorated,
        prorated_entries=prorated and charge_model == v.GRADUATED,
        precise_amount=charge_model == v.DYNAMIC,
        custom_fold=charge_model == v.CUSTOM,
    )


def _percentage_requirements(properties: Mapping[str, Any], aggregation_type: str) -> Requirements:
    terms = PercentageTerms.of(properties, aggregation_type)
    if aggregation_type in v.UNIT_EVENT_AGGREGATIONS or not (terms.has_free_units or terms.has_limits):
        return Requirements()
    return Requirements(
        event_values="all" if terms.has_limits else "prefix",
        max_events=terms.free_events,
        until_total=terms.free_amount,
    )


@exact
def price(
    charge_model: str,
    properties: Mapping[str, Any],
    usage: Usage,
    currency: str,
    *,
    aggregation_type: str,
    prorated: bool = False,
) -> Price:
    """Price one bucket x group with validated ``properties`` (empty: the model's default).

    Negative units or a negative amount give ``NOTHING`` (spec 02 §5, 01 §10.2). Raises ``ValueError`` for an unknown
    model, for proration outside the matrix of §3 and when ``usage`` lacks what ``requirements`` asked for.
    """
    if prorated and usage.full_units is None:
        raise ValueError("prorated pricing needs the full units")
    if prorated and charge_model not in (v.STANDARD, v.VOLUME, v.GRADUATED):
        raise ValueError(f"{charge_model} charges cannot be prorated")
    if not prorated:
        usage = replace(usage, full_units=None)
    shown = usage.units if usage.full_units is None else usage.full_units
    # A graduated prorated charge owes its flat amounts even when the prorated units are negative (§6.3 step 4).
    if shown < 0 or (usage.units < 0 and not (prorated and charge_model == v.GRADUATED)):
        return NOTHING
    result = _apply(charge_model, properties or default_properties(charge_model), usage, currency, aggregation_type)
    return NOTHING if result.amount < 0 else result


def _apply(
    charge_model: str, properties: Mapping[str, Any], usage: Usage, currency: str, aggregation_type: str
) -> Price:
    match charge_model:
        case v.STANDARD:
            return price_standard(properties, usage)
        case v.GRADUATED:
            if usage.full_units is not None:
                return price_prorated_graduated(properties, usage)
            return price_graduated(properties, usage)
        case v.PACKAGE:
            return price_package(properties, usage)
        case v.PERCENTAGE:
            return price_percentage(properties, usage, aggregation_type)
        case v.VOLUME:
            return price_volume(properties, usage)
        case v.GRADUATED_PERCENTAGE:
            return price_graduated_percentage(properties, usage)
        case v.DYNAMIC:
            return price_dynamic(usage, currency)
        case v.CUSTOM:
            return price_custom(usage)
        case _:
            raise ValueError(f"unknown charge model {charge_model}")
