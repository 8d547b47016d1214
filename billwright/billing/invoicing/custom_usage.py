"""Usage of custom aggregations: the operator's fold over a charge's events, per bucket and group (spec 01 §9).

A recurring metric goes on from the closing state of the period before, which is stored when that period is billed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import ChargeSnapshot
from billwright.billing.invoicing.fee_drafts import group_key
from billwright.billing.invoicing.models import CustomAggregationState
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.custom_aggregation import Event, State, custom_properties, opening_state, sandbox_pool
from billwright.billing.metering.store.protocol import EventRow, Query, Result, ResultKey

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def custom_results(
    ctx: Context, charge: ChargeSnapshot, query: Query, *, remember: bool = False
) -> tuple[dict[ResultKey, Result], dict[ResultKey, Decimal]]:
    """Results per bucket and group, and the folded amounts in currency units.

    ``remember`` stores the closing states of a recurring metric (when its fees are created). Raises
    ``Unprocessable("aggregation_failure")``.
    """
    events: dict[ResultKey, list[Event]] = {}
    async for key, row in ctx.events.stream(query):
        events.setdefault(key, []).append(folded_event(row))
    opening: dict[ResultKey, State] = {}
    if charge.metric.recurring:
        opening = await closing_states(ctx, charge, query)
    properties: dict[str | None, dict[str, Any]] = {None: charge.properties}
    properties.update({str(item.id): item.properties for item in charge.filters})
    results: dict[ResultKey, Result] = {}
    amounts: dict[ResultKey, Decimal] = {}
    closing: dict[ResultKey, State] = {}
    for key in {**opening, **events}:
        if key[0] not in properties:
            continue
        state = await sandbox_pool().fold(
            charge.metric.custom_aggregator or "",
            custom_properties(properties[key[0]].get("custom_properties")),
            opening_state(opening.get(key), recurring=charge.metric.recurring),
            events.get(key, ()),
        )
        closing[key] = state
        results[key] = Result(value=Fraction(state.total_units), events_count=len(events.get(key, ())))
        amounts[key] = state.amount
    if remember and charge.metric.recurring:
        await _remember(ctx, charge, query, closing)
    return results, amounts


def folded_event(row: EventRow) -> Event:
    """A stored event as the operator's code sees it."""
    microseconds = (row.timestamp - _EPOCH) // timedelta(microseconds=1)
    return Event(row.code, Decimal(microseconds).scaleb(-6), row.properties)


async def closing_states(ctx: Context, charge: ChargeSnapshot, query: Query) -> dict[ResultKey, State]:
    """Latest stored states of periods that ended at or before this window's start."""
    lower = query.lower or query.upper
    rows = await ctx.session.scalars(
        select(CustomAggregationState)
        .where(
            col(CustomAggregationState.organization_id) == ctx.organization_id,
            col(CustomAggregationState.external_subscription_id) == query.external_subscription_id,
            col(CustomAggregationState.charge_id) == charge.id,
            col(CustomAggregationState.period_end) <= lower,
        )
        .order_by(col(CustomAggregationState.period_end))
    )
    return {
        (str(row.charge_filter_id) if row.charge_filter_id else None, tuple(row.group_values)): State.load(row.state)
        for row in rows
    }


async def _remember(ctx: Context, charge: ChargeSnapshot, query: Query, closing: Mapping[ResultKey, State]) -> None:
    now = ctx.now()
    for key, state in closing.items():
        values = {
            "id": new_id(),
            "organization_id": ctx.organization_id,
            "external_subscription_id": query.external_subscription_id,
            "charge_id": charge.id,
            "charge_filter_id": UUID(key[0]) if key[0] else None,
            "group_key": group_key({str(place): value for place, value in enumerate(key[1])}),
            "group_values": list(key[1]),
            "period_end": query.upper,
            "state": state.dump(),
            "updated_at": now,
        }
        statement = insert(CustomAggregationState).values(**values)
        await ctx.session.execute(
            statement.on_conflict_do_update(
                index_elements=[
                    "external_subscription_id",
                    "charge_id",
                    "charge_filter_id",
                    "group_key",
                    "period_end",
                    "organization_id",
                ],
                set_={"state": values["state"], "updated_at": now},
            )
        )
