"""What a charge model is given and what it answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billwright.billing.pricing.exact import ZERO
from billwright.billing.pricing.percentage_fold import PercentageFold

ProratedEntry = tuple[Decimal, Decimal | Fraction]
"""Full and prorated value of one entry (spec 02 §6.3)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one bucket x group aggregated to (spec 01 §5.2). ``requirements`` tells which optional parts a model needs.

    ``units``: priced units after the metric's rounding function; for prorated charges the prorated units.
    ``events_count``: events behind the units (unique count: active values).
    ``full_units``: un-prorated units, needed for prorated charges only; the fee shows these.
    ``total_aggregated_units``: weighted sum's level at the end; ``None`` means ``units``.
    ``event_values``: values of the events in order (timestamp, then ingestion), unrounded, as any iterable, read once;
    or a ``PercentageFold`` that was already fed with them batch by batch. How many: ``Requirements.event_values``.
    ``precise_total_amount_cents``: sum of that field over the events, minor units (dynamic model).
    ``prorated_entries``: carried value first, then each event, in order (prorated graduated model).
    ``custom_amount``: the folded ``state.amount`` in currency units (custom model).
    """

    units: Decimal
    events_count: int
    full_units: Decimal | None = None
    total_aggregated_units: Decimal | None = None
    event_values: Iterable[Decimal] | PercentageFold | None = None
    precise_total_amount_cents: Decimal = ZERO
    prorated_entries: Iterable[ProratedEntry] | None = None
    custom_amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a model answers: currency units, unrounded.

    ``units``: what the fee shows (full units of prorated charges). ``amount_details``: JSON ready, the contract's
    ``FeeAmountDetails`` (decimals as wire strings).
    """

    units: Decimal
    amount: Decimal
    unit_amount: Decimal
    amount_details: dict[str, Any] = field(default_factory=dict[str, Any])


NOTHING = Price(ZERO, ZERO, ZERO)
"""The price of negative usage: units, amount and unit amount are all 0 (spec 02 §5)."""
