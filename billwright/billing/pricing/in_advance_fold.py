"""Keeping the percentage model's walk over a period between two in-advance events (spec 02 §5.4, §10.3).

The state after the events billed so far costs the same to keep whatever their number. It belongs to the terms it was
made with: after a change of price the walk is made again from the events' billable units.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billwright.billing.kernel.money import decimal_string
from billwright.billing.pricing.percentage_fold import PercentageFold, PercentageTerms


def dump_fold(fold: PercentageFold) -> dict[str, Any]:
    """JSON of a fold and its terms; decimals as text."""
    return {
        "terms": _terms(fold.terms),
        "seen": fold.seen,
        "free_events": fold.free_events,
        "free_units": decimal_string(fold.free_units),
        "cost": decimal_string(fold.cost),
    }


def load_fold(stored: dict[str, Any] | None, terms: PercentageTerms) -> PercentageFold | None:
    """The stored fold, or ``None`` if there is none or it was made with other terms."""
    if stored is None or stored["terms"] != _terms(terms):
        return None
    fold = PercentageFold(terms)
    fold.seen = stored["seen"]
    fold.free_events = stored["free_events"]
    fold.free_units = Decimal(stored["free_units"])
    fold.cost = Decimal(stored["cost"])
    return fold


def _terms(terms: PercentageTerms) -> list[str | None]:
    values = (
        terms.rate,
        terms.fixed_amount,
        terms.free_amount,
        terms.minimum,
        terms.maximum,
    )
    texts = [None if value is None else decimal_string(value) for value in values]
    return [*texts, None if terms.free_events is None else str(terms.free_events)]
