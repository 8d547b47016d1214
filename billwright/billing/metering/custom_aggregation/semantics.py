"""Recurring metrics and in-advance charges: where a fold starts and what one event is worth (spec 01 §9.3, §9.4)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from billwright.billing.kernel.money import PRECISE
from billwright.billing.metering.custom_aggregation.language.folding import INITIAL, Event, State
from billwright.billing.metering.custom_aggregation.pool import SandboxPool, sandbox_pool


def opening_state(previous_closing: State | None, *, recurring: bool) -> State:
    """State at the start of a period: a recurring metric goes on from the previous period's closing state of the
    same (external subscription, charge, bucket, group), amount included; others start at 0 / 0 / null (§9.3)."""
    return previous_closing if recurring and previous_closing is not None else INITIAL


def unit_amount(state: State) -> Decimal:
    """Unit amount of the ``custom`` charge model in currency units: amount / units, 0 without units (§9.1)."""
    return PRECISE.divide(state.amount, state.total_units) if state.total_units else Decimal(0)


def custom_properties(raw: Any) -> Any:
    """A bucket's ``custom_properties``: any JSON; JSON text is parsed exactly, unparsable text is ``{}`` (§9.1)."""
    if raw is None:
        return {}
    if not isinstance(raw, str):
        return raw
    try:
        return json.loads(raw, parse_float=Decimal, parse_constant=_refuse, parse_int=_integer)
    except (ValueError, RecursionError):
        return {}


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _integer(text: str) -> int | Decimal:
    if len(text) <= 400:
        return int(text)
    raise ValueError("number too long")


class EventStep(NamedTuple):
    """One event of an in-advance charge, between two states (§9.4). ``after`` is what to store."""

    before: State
    after: State

    @property
    def units(self) -> Decimal:
        """Units of the event's fee; negative when the code lowered them."""
        return PRECISE.subtract(self.after.total_units, self.before.total_units)

    @property
    def amount(self) -> Decimal:
        """Amount of the event's fee in currency units, for the ``custom`` charge model."""
        return PRECISE.subtract(self.after.amount, self.before.amount)


async def step_event(
    source: str,
    properties: Any,
    event: Event,
    *,
    stored: State | None,
    opening: State = INITIAL,
    earlier: Iterable[Event] = (),
    pool: SandboxPool | None = None,
) -> EventStep:
    """Fold one event under the lock of spec 01 §7. ``stored`` is the period's state; without one, all ``earlier``
    events of the window are folded first, from ``opening``. Raises ``Unprocessable("aggregation_failure")``."""
    sandbox = pool or sandbox_pool()
    before = stored if stored is not None else await sandbox.fold(source, properties, opening, earlier)
    return EventStep(before, await sandbox.fold(source, properties, before, [event]))
