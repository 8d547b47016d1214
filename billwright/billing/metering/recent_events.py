"""Events as people look at them: the latest first, each with its metric and what is wrong with it (spec 07 §7.9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.metering.event_queries import owners_of
from billwright.billing.metering.event_schemas import EPOCH
from billwright.billing.metering.store.protocol import EventFilters, EventOrder, EventRow, Position

_MICROSECOND = timedelta(microseconds=1)
COUNTED = 10_000
"""Events are counted up to here: counting ten million takes seconds, and nobody turns to page 500,000."""


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """A stored event with the live metric of its code and the subscription that it belongs to, where there are any."""

    row: EventRow
    metric: BillableMetric | None
    subscription_id: UUID | None
    customer_id: UUID | None

    @property
    def matches_metric(self) -> bool:
        """Whether a metric counts events of its code."""
        return self.metric is not None

    @property
    def has_property(self) -> bool:
        """Whether the property that the metric aggregates is there; true where no metric or no property is asked for,
        which is the other warning's matter or nobody's (spec 07 §10 trap 27)."""
        wanted = self.metric.field_name if self.metric is not None else None
        return not wanted or self.row.properties.get(wanted) is not None

    @property
    def cursor(self) -> str:
        """Its place in the list, for ``recent_events(after=...)``."""
        return f"{(self.row.created_at - EPOCH) // _MICROSECOND}-{self.row.seq}"


async def recent_events(
    ctx: Context, *, limit: int, page: int = 1, after: str | None = None, transaction_id: str | None = None
) -> list[SeenEvent]:
    """Events in the order in which they were received, latest first: from the start, or behind the cursor ``after``.

    Raises ``ValidationFailed``: ``after: value_is_invalid``.
    """
    filters = EventFilters(after=_position(after), transaction_id=transaction_id)
    found = await ctx.events.list(
        ctx.organization_id, filters, order=EventOrder.RECEIVED, page=page, per_page=limit, with_total=False
    )
    return await _seen(ctx, found.events)


async def seen_event(ctx: Context, transaction_id: str, external_subscription_id: str | None = None) -> SeenEvent:
    """The first received event with this transaction id, of one subscription if it is named: ids are unique for each.

    Raises ``NotFound("event")``.
    """
    if external_subscription_id is None:
        row = await ctx.events.get(ctx.organization_id, transaction_id)
    else:
        filters = EventFilters(transaction_id=transaction_id, external_subscription_id=external_subscription_id)
        row = next(
            iter((await ctx.events.list(ctx.organization_id, filters, per_page=1, with_total=False)).events), None
        )
    if row is None:
        raise NotFound("event")
    return (await _seen(ctx, [row]))[0]


async def count_events(ctx: Context) -> int:
    """How many events there are, counted up to ``COUNTED``."""
    return await ctx.events.count_up_to(ctx.organization_id, COUNTED)


async def _seen(ctx: Context, rows: Sequence[EventRow]) -> list[SeenEvent]:
    metrics = await ctx.session.scalars(
        select(BillableMetric).where(
            col(BillableMetric.organization_id) == ctx.organization_id,
            col(BillableMetric.code).in_({row.code for row in rows}),
            col(BillableMetric.deleted_at).is_(None),
        )
    )
    by_code = {metric.code: metric for metric in metrics}
    owners = await owners_of(ctx, rows)
    seen: list[SeenEvent] = []
    for row in rows:
        customer_id, subscription_id = owners.get(row.id, (None, None))
        seen.append(SeenEvent(row, by_code.get(row.code), subscription_id, customer_id))
    return seen


def _position(cursor: str | None) -> Position | None:
    if cursor is None:
        return None
    instant, _, seq = cursor.partition("-")
    try:
        if not (cursor.isascii() and instant.isdigit() and seq.isdigit()):
            raise ValueError(cursor)
        position = EPOCH + int(instant) * _MICROSECOND, int(seq)
    except (ValueError, OverflowError):
        raise ValidationFailed(after="value_is_invalid") from None
    if position[1] >= 2**63:
        raise ValidationFailed(after="value_is_invalid")
    return position
