"""The high-water mark of charges paid in advance: each new maximum of the period is billed once (spec 02 §10.2, 01 §7).

State is kept per (external subscription, charge, bucket, group, charges period) and starts afresh each period. Whoever
uses it holds the lock of that key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from billwright.billing.kernel.money import round_up
from billwright.billing.pricing.exact import ZERO, exact

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class UnitState:
    """``current``: present units of the period; ``maximum``: the mark already billed; ``max_prorated``: the prorated
    units billed so far (prorated charges)."""

    current: Decimal
    maximum: Decimal
    max_prorated: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Step:
    """What one event does: ``billable`` units to price, ``shown`` units of the fee, and the state to store with it
    (``None`` for metrics without state)."""

    billable: Decimal
    shown: Decimal
    state: UnitState | None = None


def count_step() -> Step:
    """Count metrics: each event bills one unit, no state."""
    return Step(ONE, ONE)


@exact
def sum_step(state: UnitState | None, value: Decimal) -> Step:
    """Sum metrics; ``value`` 0 for an event whose property is not numeric."""
    if state is None:
        return _step(max(value, ZERO), value, UnitState(value, value))
    current = state.current + value
    if current > state.maximum:
        billable = current - state.maximum
        return _step(billable, value, UnitState(current, max(current, billable), state.max_prorated))
    return _step(ZERO, value, replace(state, current=current))


@exact
def unique_count_step(state: UnitState | None, operation: str, active: bool) -> Step:
    """Unique count metrics. ``active``: the value is active just before the event (recurring: whole history).

    ``operation``: ``add`` or ``remove``; anything else changes nothing.
    """
    added = ONE if operation == "add" and not active else ZERO
    if state is None:
        return _step(added, added, UnitState(added, added))
    removed = ONE if operation == "remove" and active else ZERO
    current = state.current + added - removed
    if current > state.maximum:
        return _step(ONE, added, UnitState(current, current, state.max_prorated))
    return _step(ZERO, added, replace(state, current=current))


def _step(billable: Decimal, applied: Decimal, state: UnitState) -> Step:
    """A fee that did not raise the mark shows the units its event applied, so that a re-added seat is visible."""
    return Step(billable, billable if billable else max(applied, ZERO), state)


def prorated_units(billable: Decimal, days: int, period_days: int) -> Decimal:
    """``ceil5(billable x days / D)``; ``days``: from the event to the end of the period, both included (§10.4)."""
    return round_up(Fraction(billable) * Fraction(max(days, 0), period_days), 5)


@exact
def prorated_step(step: Step, state: UnitState | None, days: int, period_days: int) -> tuple[Step, Decimal]:
    """The step of a prorated charge and its priced units; its state carries ``max_prorated`` on.

    ``state``: the state before the event. The mark's prorated units grow only when the event bills something.
    """
    priced = prorated_units(step.billable, days, period_days)
    if step.state is None:
        return step, priced
    before = ZERO if state is None else state.max_prorated
    return replace(step, state=replace(step.state, max_prorated=before + priced)), priced


@dataclass(frozen=True, slots=True)
class PresentUnits:
    """Units of a charge paid in advance in current usage: ``shown`` to the reader, ``priced`` by the model."""

    shown: Decimal
    priced: Decimal


@exact
def present_units(total: Decimal, state: UnitState | None) -> PresentUnits:
    """``total``: units of the whole window (recurring: carried ones included). Priced is what was billed (§10.7)."""
    priced = total if state is None else total - state.current + state.maximum
    return PresentUnits(max(total, ZERO), max(priced, ZERO))


@exact
def present_prorated_units(
    total: Decimal, state: UnitState | None, *, carried_ratio: Fraction = Fraction(1), prorated_total: Decimal = ZERO
) -> PresentUnits:
    """The same for prorated charges (01 §7).

    ``carried_ratio``: the share ``r`` of the period that the window covers (1 for a full one). ``prorated_total``: the
    prorated units of 01 §6, used without state when ``r`` < 1.
    """
    shown = max(total, ZERO)
    if state is None:
        return PresentUnits(shown, max(total if carried_ratio >= 1 else prorated_total, ZERO))
    carried = total - max(state.current, ZERO)
    if carried_ratio < 1:
        carried = round_up(Fraction(carried) * carried_ratio, 5)
    return PresentUnits(shown, max(carried + state.max_prorated, ZERO))
