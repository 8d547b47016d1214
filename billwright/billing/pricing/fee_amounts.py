"""From a model's price to the amounts of a fee: the one place where usage is rounded (spec 02 §1.2, §7)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billwright.billing.kernel.errors import Unprocessable
from billwright.billing.kernel.money import precise_minor_units, to_minor_units
from billwright.billing.pricing.exact import ZERO, exact
from billwright.billing.pricing.usage import Price

_LARGEST_AMOUNT_CENTS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FeeAmounts:
    """``amount_cents`` rounded minor units, ``precise_amount_cents`` the same unrounded, ``precise_unit_amount``
    currency units per shown unit."""

    units: Decimal
    amount_cents: int
    precise_amount_cents: Decimal
    precise_unit_amount: Decimal
    amount_details: dict[str, Any]


@exact
def fee_amounts(price: Price, currency: str) -> FeeAmounts:
    """Round ``price`` once, half away from zero, to the currency's minor unit.

    Raises ``Unprocessable("amount_out_of_range")`` for amounts that no column can hold.
    """
    return FeeAmounts(
        units=price.units,
        amount_cents=rounded_cents(price.amount, currency),
        precise_amount_cents=precise_minor_units(price.amount, currency),
        precise_unit_amount=price.unit_amount,
        amount_details=price.amount_details,
    )


def rounded_cents(amount: Decimal, currency: str) -> int:
    """Currency units to minor units; see ``fee_amounts``."""
    cents = to_minor_units(amount, currency)
    if abs(cents) > _LARGEST_AMOUNT_CENTS:
        raise Unprocessable("amount_out_of_range")
    return cents


@exact
def adjusted_amounts(units: Decimal, unit_precise_amount: Decimal, currency: str) -> FeeAmounts:
    """Amounts of a fee whose units and unit price were set by hand (spec 02 §14, ``adjusted_amount``)."""
    amount = units * unit_precise_amount
    return fee_amounts(Price(units, amount, unit_precise_amount if units else ZERO), currency)
