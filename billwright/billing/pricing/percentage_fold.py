"""The percentage model's walk over events: free units, then costs with limits per event (spec 02 §5.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from billwright.billing.pricing.exact import ZERO, ceil_quotient, exact, percent
from billwright.billing.pricing.vocabulary import PER_EVENT_AGGREGATIONS


@dataclass(frozen=True, slots=True)
class PercentageTerms:
    """Parameters of the model. ``None`` means "not set"; amounts in currency units, ``rate`` in percent."""

    rate: Decimal
    fixed_amount: Decimal
    free_events: int | None = None
    free_amount: Decimal | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None

    @classmethod
    def of(cls, properties: Mapping[str, Any], aggregation_type: str) -> Self:
        """Read stored properties. Free units and limits mean something for count, sum and unique count only (§3)."""

        def amount(key: str) -> Decimal | None:
            value = properties.get(key)
            return None if value is None else Decimal(value)

        rate, fixed = Decimal(properties["rate"]), amount("fixed_amount") or ZERO
        if aggregation_type not in PER_EVENT_AGGREGATIONS:
            return cls(rate, fixed)
        events = properties.get("free_units_per_events")
        return cls(
            rate,
            fixed,
            None if events is None else int(events),
            amount("free_units_per_total_aggregation"),
            amount("per_transaction_min_amount"),
            amount("per_transaction_max_amount"),
        )

    @property
    def has_free_units(self) -> bool:
        return self.free_events is not None or self.free_amount is not None

    @property
    def has_limits(self) -> bool:
        return self.minimum is not None or self.maximum is not None

    def cost(self, value: Decimal) -> Decimal:
        """Cost of one paid event whose charged part is ``value``."""
        cost = value * percent(self.rate) + self.fixed_amount
        if self.minimum is not None and cost < self.minimum:
            cost = self.minimum
        if self.maximum is not None and cost > self.maximum:
            cost = self.maximum
        return cost


class PercentageFold:
    """Running state over the events of one bucket x group. Feed it in event order, in as many batches as you like.

    Only the free phase depends on the order and on the single values:
    - no limits: stop feeding as soon as ``open`` is false; the rest follows from the totals;
    - limits (min/max): feed every event, but once ``open`` is false in any order, also as counted values
      (``add(value, count)``), so an event store may group equal values;
    - in advance: only until ``open`` is false, limits or not (differences cancel the rest).
    """

    __slots__ = ("cost", "free_events", "free_units", "seen", "terms")

    def __init__(self, terms: PercentageTerms) -> None:
        self.terms = terms
        self.seen = 0
        """Events fed so far."""
        self.free_units: Decimal = ZERO
        """Free amount consumed so far."""
        self.free_events = 0
        """Fully free events so far."""
        self.cost: Decimal = ZERO
        """Sum of the costs of the paid events fed so far, limits applied."""

    @property
    def open(self) -> bool:
        """Whether the next event may still be free, in part or in full. Once false it stays false: events that come
        after the free phase do not change what was consumed."""
        terms = self.terms
        if not terms.has_free_units:
            return False
        if terms.free_events is not None and self.free_events >= terms.free_events:
            return False
        return terms.free_amount is None or self.free_units < terms.free_amount

    @exact
    def add(self, value: Decimal, count: int = 1) -> None:
        """``count`` consecutive events of ``value`` each; costs the same time whatever ``count`` is."""
        self._add(value, count)

    @exact
    def extend(self, values: Iterable[Decimal]) -> None:
        """The next events, in order."""
        for value in values:
            self._add(value, 1)

    def copy(self) -> PercentageFold:
        """An independent fold in the same state."""
        twin = PercentageFold(self.terms)
        twin.seen, twin.free_units, twin.free_events = self.seen, self.free_units, self.free_events
        twin.cost = self.cost
        return twin

    def _add(self, value: Decimal, count: int) -> None:
        self.seen += count
        terms = self.terms
        while count and self.open:
            run = count
            if terms.free_events is not None:
                run = min(run, terms.free_events - self.free_events)
            if terms.free_amount is not None and value > 0 and self.free_units + value * run >= terms.free_amount:
                left = terms.free_amount - self.free_units
                run = min(run, int(ceil_quotient(left, value)) - 1)
                if run == 0:
                    # The event that reaches the free amount is paid, even when it lands exactly on it.
                    self.free_units = terms.free_amount
                    self.cost += terms.cost(value - left)
                    count -= 1
                    break
            self.free_units += value * run
            self.free_events += run
            count -= run
        if count:
            self.cost += terms.cost(value) * count
