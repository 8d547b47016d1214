"""Price tiers shared by graduated, volume and graduated percentage charges (spec 02 §5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billwright.billing.pricing.exact import ZERO

WireNumber = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Tier:
    """``(lower, upper]``: a tier begins where the previous one ended, whatever its ``from_value`` says.

    ``price``: per unit amount (currency units) or rate (percent). ``flat``: currency units. ``from_value`` and
    ``to_value`` are for display.
    """

    lower: Decimal
    upper: Decimal | None
    price: Decimal
    flat: Decimal
    from_value: WireNumber
    to_value: WireNumber | None

    def holds(self, units: Decimal) -> bool:
        """Whether ``units`` ends in this tier or below it; tops are inclusive."""
        return self.upper is None or self.upper >= units

    def share(self, units: Decimal) -> Decimal:
        """The part of ``units`` that falls into this tier, for units reaching it."""
        return (units if self.holds(units) or self.upper is None else self.upper) - self.lower


def read_tiers(ranges: Sequence[Mapping[str, Any]], price_key: str) -> tuple[Tier, ...]:
    """Tiers of validated ``*_ranges`` properties; ``price_key`` is ``per_unit_amount`` or ``rate``."""
    tiers: list[Tier] = []
    lower = ZERO
    for row in ranges:
        to_value = row["to_value"]
        upper = None if to_value is None else bound(to_value)
        tiers.append(
            Tier(
                lower,
                upper,
                Decimal(row[price_key]),
                Decimal(row["flat_amount"]),
                wire_number(row["from_value"]),
                None if to_value is None else wire_number(to_value),
            )
        )
        lower = ZERO if upper is None else upper
    return tuple(tiers)


def walk(tiers: Iterable[Tier], units: Decimal) -> list[Tier]:
    """The tiers that ``units`` visits: always the first, then on until the tier that holds ``units``."""
    visited: list[Tier] = []
    for tier in tiers:
        visited.append(tier)
        if tier.holds(units):
            break
    return visited


def bound(value: WireNumber | str) -> Decimal:
    """A tier bound as it was written; a JSON float stands for its shortest decimal text."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def wire_number(value: WireNumber) -> WireNumber:
    """A bound as a JSON number: ``int``, or the ``float`` whose text is exactly that decimal (else the decimal)."""
    number = bound(value)
    if number == number.to_integral_value():
        return int(number)
    nearest = float(number)
    return nearest if Decimal(repr(nearest)) == number else number
