"""Reading the unit state of charges paid in advance (spec 01 §7): the last mark written in a window."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, text
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.in_advance.models import UnitMark
from billwright.billing.invoicing.charge_usage import UsageWindow
from billwright.billing.pricing.unit_state import UnitState

MarkKey = tuple[UUID | None, str]
"""(charge filter id, group key): one bucket and group of a charge."""


def unit_state(mark: UnitMark | None) -> UnitState | None:
    """The state a mark left behind, as pricing takes it."""
    return None if mark is None else UnitState(mark.current, mark.maximum, mark.max_prorated)


def _conditions(ctx: Context, charge_id: UUID, key: MarkKey, window: UsageWindow) -> list[ColumnElement[bool]]:
    filter_id, group_key = key
    return [
        col(UnitMark.organization_id) == ctx.organization_id,
        col(UnitMark.external_subscription_id) == window.external_subscription_id,
        col(UnitMark.charge_id) == charge_id,
        col(UnitMark.charge_filter_id).is_(None) if filter_id is None else col(UnitMark.charge_filter_id) == filter_id,
        col(UnitMark.group_key) == group_key,
        col(UnitMark.timestamp) >= window.lower,
        col(UnitMark.timestamp) < window.upper,
    ]


async def last_mark(ctx: Context, charge_id: UUID, key: MarkKey, window: UsageWindow) -> UnitMark | None:
    """The state of one bucket and group in the window; ``None`` before its first event."""
    statement = (
        select(UnitMark)
        .where(*_conditions(ctx, charge_id, key, window))
        .order_by(col(UnitMark.position).desc())
        .limit(1)
    )
    return (await ctx.session.scalars(statement)).first()


async def billable_units(ctx: Context, charge_id: UUID, key: MarkKey, window: UsageWindow) -> AsyncIterator[Decimal]:
    """Billable units of the events billed so far, in the order in which they were billed."""
    statement = (
        select(col(UnitMark.billable))
        .where(*_conditions(ctx, charge_id, key, window))
        .order_by(col(UnitMark.position))
        .execution_options(yield_per=1000)
    )
    async for value in await ctx.session.stream_scalars(statement):
        yield value


_LAST = """
select k.filter_id, k.group_key, m.current, m.maximum, m.max_prorated, m.events_count, m.billed_units, m.free_phase
from unnest(cast(:filters as uuid[]), cast(:groups as text[])) as k(filter_id, group_key)
cross join lateral (
  select * from unit_marks m
  where m.organization_id = :org and m.external_subscription_id = :subscription and m.charge_id = :charge
    and m.charge_filter_id {same} and m.group_key = k.group_key and m.timestamp >= :lower and m.timestamp < :upper
  order by m.position desc limit 1
) m
"""
_LAST_OF_FILTERS, _LAST_OF_DEFAULT = text(_LAST.format(same="= k.filter_id")), text(_LAST.format(same="is null"))


@dataclass(frozen=True, slots=True)
class PeriodState:
    """The last state of a bucket and group, with what its events were billed in all."""

    unit_state: UnitState
    events_count: int
    billed_units: Decimal
    free_phase: dict[str, Any] | None


async def last_states(
    ctx: Context, charge_id: UUID, keys: Iterable[MarkKey], window: UsageWindow
) -> dict[MarkKey, PeriodState]:
    """The states of ``keys`` that have any; one look into the index each, whatever the number of events."""
    wanted = set(keys)
    found: dict[MarkKey, PeriodState] = {}
    for statement, chosen in (
        (_LAST_OF_FILTERS, [key for key in wanted if key[0] is not None]),
        (_LAST_OF_DEFAULT, [key for key in wanted if key[0] is None]),
    ):
        if not chosen:
            continue
        rows = await ctx.session.execute(
            statement,
            {
                "filters": [key[0] for key in chosen],
                "groups": [key[1] for key in chosen],
                "org": ctx.organization_id,
                "subscription": window.external_subscription_id,
                "charge": charge_id,
                "lower": window.lower,
                "upper": window.upper,
            },
        )
        for row in rows:
            state = UnitState(row.current, row.maximum, row.max_prorated)
            found[row.filter_id, row.group_key] = PeriodState(state, row.events_count, row.billed_units, row.free_phase)
    return found
