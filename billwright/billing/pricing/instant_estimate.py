"""Estimates of one event without history, standard and percentage only (spec 01 §11.2, 02 §10.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.money import precise_minor_units
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.exact import ZERO, exact, quotient
from billwright.billing.pricing.fee_amounts import rounded_cents
from billwright.billing.pricing.percentage_fold import PercentageTerms
from billwright.billing.pricing.text_form import numeric_value

INSTANT_MODELS = frozenset({v.STANDARD, v.PERCENTAGE})


@dataclass(frozen=True, slots=True)
class InstantEstimate:
    """``precise_amount`` in currency units, ``precise_unit_amount`` in **minor** units (as the contract's examples)."""

    units: Decimal
    amount_cents: int
    precise_amount: Decimal
    precise_amount_cents: Decimal
    precise_unit_amount: Decimal


def instant_units(properties: Mapping[str, Any], field_name: str | None) -> Decimal:
    """Units of the event: the field's value (missing: 0), 1 without a field. The caller applies the metric's rounding.

    Raises ``ValidationFailed`` ``{properties: [value_is_not_valid_number]}`` for a value that is not numeric.
    """
    if field_name is None:
        return Decimal(1)
    value = properties.get(field_name)
    if value is None:
        return ZERO
    number = numeric_value(value)
    if number is None:
        raise ValidationFailed(properties="value_is_not_valid_number")
    return number


@exact
def instant_estimate(
    charge_model: str, properties: Mapping[str, Any], units: Decimal, currency: str
) -> InstantEstimate:
    """Standard: ``units x amount``. Percentage: ``units x rate / 100 + fixed_amount`` within the event's limits.

    No free units; negative units cost 0. Raises ``ValueError`` for other models.
    """
    if charge_model not in INSTANT_MODELS:
        raise ValueError(f"{charge_model} charges have no instant estimate")
    if units < 0:
        amount = ZERO
    elif charge_model == v.STANDARD:
        amount = units * Decimal(properties["amount"])
    else:
        amount = PercentageTerms.of(properties, v.SUM).cost(units)
    cents = rounded_cents(amount, currency)
    return InstantEstimate(
        units, cents, amount, precise_minor_units(amount, currency), quotient(Decimal(cents), units) if amount else ZERO
    )
