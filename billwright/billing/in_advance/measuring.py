"""What one event of a charge paid in advance bills: its bucket, its step of the unit state, what its price needs
(spec 02 §10.2-10.4, 01 §7, §9.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import ChargeSnapshot, FilterSnapshot
from billwright.billing.in_advance.marks import MarkKey, billable_units, last_mark, unit_state
from billwright.billing.in_advance.models import UnitMark
from billwright.billing.invoicing.charge_usage import Selection, UsageWindow, usage_query
from billwright.billing.invoicing.custom_usage import closing_states, folded_event
from billwright.billing.invoicing.fee_drafts import group_key
from billwright.billing.metering.aggregation.exact import add, decimal_exactly
from billwright.billing.metering.custom_aggregation import (
    Event,
    State,
    custom_properties,
    opening_state,
    step_event,
)
from billwright.billing.metering.event_schemas import EPOCH
from billwright.billing.metering.store.protocol import Boundary, Query, Result, ResultKey
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.filters import ChargeFilter, ordered_buckets
from billwright.billing.pricing.groups import group_of
from billwright.billing.pricing.in_advance import InAdvanceEvent, custom_step
from billwright.billing.pricing.in_advance_fold import dump_fold, load_fold
from billwright.billing.pricing.percentage_fold import PercentageFold, PercentageTerms
from billwright.billing.pricing.properties import default_properties, pricing_group_keys
from billwright.billing.pricing.text_form import numeric_value, text_form
from billwright.billing.pricing.unit_state import Step, count_step, prorated_step, sum_step, unique_count_step
from billwright.billing.subscriptions.calendar.timezones import local_date

ZERO = Decimal(0)
_AFTER_ALL = 2**63 - 1
_POSITIONED = frozenset({v.GRADUATED, v.PACKAGE, v.GRADUATED_PERCENTAGE})
"""Models whose price of an event depends on how many units came before it."""


@dataclass(frozen=True, slots=True)
class EventFacts:
    """An event to be priced. ``seq`` is its place in ingestion order; ``None`` for one that is only estimated."""

    code: str
    transaction_id: str
    timestamp: datetime
    properties: Mapping[str, Any]
    precise_total_amount_cents: Decimal | None = None
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The bucket and group of a charge that an event falls in, with the price valid there."""

    filter: FilterSnapshot | None
    properties: dict[str, Any]
    grouped_by: dict[str, str | None]

    @property
    def filter_id(self) -> UUID | None:
        return self.filter.id if self.filter else None

    @property
    def mark_key(self) -> MarkKey:
        return (self.filter_id, group_key(self.grouped_by))

    @property
    def result_key(self) -> ResultKey:
        return (str(self.filter.id) if self.filter else None, tuple(self.grouped_by.values()))


@dataclass(frozen=True, slots=True)
class Measured:
    """``event`` is what pricing takes, ``mark`` the column values of the state to store with the fee (empty: none)."""

    place: Place
    event: InAdvanceEvent
    mark: dict[str, Any] = field(default_factory=dict[str, Any])


def triggers(charge: ChargeSnapshot, event: EventFacts) -> bool:
    """Whether the event bills the charge at all: it counts, or carries the metric's property (spec 02 §10.1)."""
    metric = charge.metric
    if not charge.pay_in_advance or metric.code != event.code:
        return False
    if metric.aggregation_type in (v.COUNT, v.CUSTOM_AGGREGATION):
        return True
    text = text_form(event.properties.get(metric.field_name or ""))
    return text is not None and bool(text.strip())


def place_of(charge: ChargeSnapshot, properties: Mapping[str, Any]) -> Place:
    """The event's one bucket, by the rule of usage and invoices (spec 01 §4.3), and its group."""
    buckets = ordered_buckets(
        [ChargeFilter(item.id, item.values, item.created_at) for item in charge.filters], charge.metric.filters
    )
    filter_id = buckets.bucket_of(properties)
    chosen = next((item for item in charge.filters if item.id == filter_id), None)
    priced = chosen.properties if chosen else charge.properties
    keys = pricing_group_keys(priced)
    return Place(chosen, priced, dict(zip(keys, group_of(properties, keys), strict=True)))


@dataclass(slots=True)
class _Measurement:
    """One event in its window, under the lock of its unit state."""

    ctx: Context
    charge: ChargeSnapshot
    window: UsageWindow
    event: EventFacts
    place: Place
    mark: UnitMark | None

    def query(self, *, inclusive: bool) -> Query:
        """Events of the place up to this one (spec 01 §5.1); an estimated event comes after all that exist."""
        buckets = ordered_buckets(
            [ChargeFilter(item.id, item.values, item.created_at) for item in self.charge.filters],
            self.charge.metric.filters,
        )
        asked = usage_query(
            self.ctx,
            replace(self.charge, prorated=False),
            self.window,
            buckets,
            {},
            Selection(match=self.place.grouped_by),
        )
        seq = _AFTER_ALL if self.event.seq is None else self.event.seq
        return replace(
            asked,
            boundary=Boundary(timestamp=self.event.timestamp, seq=seq, inclusive=inclusive or self.event.seq is None),
        )

    async def aggregated(self, own_units: Decimal) -> Decimal:
        """A of spec 02 §10.3: the place's units up to and including the event."""
        results = await self.ctx.events.aggregate(self.query(inclusive=True))
        units = decimal_exactly(results.get(self.place.result_key, Result()).value)
        return add(units, own_units) if self.event.seq is None else units

    async def is_active(self, value: str) -> bool:
        """Whether a value of a unique count is active just before the event."""
        return await self.ctx.events.is_active(self.query(inclusive=False), value, self.place.result_key)

    async def fold(self, terms: PercentageTerms) -> PercentageFold:
        """The percentage walk over the events billed so far."""
        kept = load_fold(self.mark.free_phase if self.mark else None, terms)
        if kept is not None:
            return kept
        fold = PercentageFold(terms)
        if self.mark is not None:
            async for units in billable_units(self.ctx, self.charge.id, self.place.mark_key, self.window):
                fold.add(units)
        return fold


async def measure(
    ctx: Context,
    charge: ChargeSnapshot,
    window: UsageWindow,
    event: EventFacts,
    *,
    drops_last_day: bool = False,
) -> Measured:
    """What the event bills. ``drops_last_day``: the window was cut by an upgrade, whose day is the new plan's.

    Raises ``Unprocessable("aggregation_failure")`` for a custom aggregation that fails.
    """
    place = place_of(charge, event.properties)
    kind = charge.metric.aggregation_type
    if kind == v.COUNT:
        return await _count(_Measurement(ctx, charge, window, event, place, None))
    mark = await last_mark(ctx, charge.id, place.mark_key, window)
    work = _Measurement(ctx, charge, window, event, place, mark)
    if kind == v.CUSTOM_AGGREGATION:
        return await _custom(work)
    step, own_units = await (_sum(work) if kind == v.SUM else _unique(work))
    proration = None
    if charge.prorated:
        days = (window.end_day - local_date(event.timestamp, window.timezone)).days + (0 if drops_last_day else 1)
        proration = (max(days, 0), window.days)
        step, _ = prorated_step(step, unit_state(mark), *proration)
    aggregated = await work.aggregated(own_units) if charge.charge_model in _POSITIONED else ZERO
    amount = event.precise_total_amount_cents
    numeric = numeric_value(event.properties.get(charge.metric.field_name or "")) is not None
    return await _with_mark(
        work,
        step,
        InAdvanceEvent(
            step,
            aggregated,
            precise_total_amount_cents=amount if amount is not None and numeric else ZERO,
            proration=proration,
        ),
    )


async def _count(work: _Measurement) -> Measured:
    step = count_step()
    positioned = work.charge.charge_model in _POSITIONED or work.charge.charge_model == v.PERCENTAGE
    aggregated = await work.aggregated(step.billable) if positioned else ZERO
    return Measured(work.place, InAdvanceEvent(step, aggregated, earlier_count=max(int(aggregated) - 1, 0)))


async def _sum(work: _Measurement) -> tuple[Step, Decimal]:
    value = numeric_value(work.event.properties.get(work.charge.metric.field_name or "")) or ZERO
    return sum_step(unit_state(work.mark), value), value


async def _unique(work: _Measurement) -> tuple[Step, Decimal]:
    value = text_form(work.event.properties.get(work.charge.metric.field_name or "")) or ""
    operation = text_form(work.event.properties.get("operation_type"))
    operation = "add" if operation is None else operation
    if not value.strip():
        return unique_count_step(unit_state(work.mark), "", False), ZERO
    active = await work.is_active(value)
    changed = 1 if operation == "add" and not active else -1 if operation == "remove" and active else 0
    return unique_count_step(unit_state(work.mark), operation, active), Decimal(changed)


async def _custom(work: _Measurement) -> Measured:
    metric, event = work.charge.metric, work.event
    stored = work.mark.custom_state if work.mark is not None else None
    opening, earlier = opening_state(None, recurring=False), list[Event]()
    if stored is None:
        query = work.query(inclusive=False)
        if metric.recurring:
            closed = await closing_states(work.ctx, work.charge, query)
            opening = opening_state(closed.get(work.place.result_key), recurring=True)
        async for key, row in work.ctx.events.stream(query):
            if key == work.place.result_key:
                earlier.append(folded_event(row))
    moved = await step_event(
        metric.custom_aggregator or "",
        custom_properties(work.place.properties.get("custom_properties")),
        Event(
            event.code,
            Decimal((event.timestamp - EPOCH) // datetime.resolution).scaleb(-6),
            event.properties,
        ),
        stored=State.load(stored) if stored is not None else None,
        opening=opening,
        earlier=earlier,
    )
    step = custom_step(moved.before.total_units, moved.after.total_units)
    measured = await _with_mark(work, step, InAdvanceEvent(step, moved.after.total_units, custom_amount=moved.amount))
    measured.mark.update(
        current=moved.after.total_units, maximum=moved.after.total_units, custom_state=moved.after.dump()
    )
    return measured


async def _with_mark(work: _Measurement, step: Step, event: InAdvanceEvent) -> Measured:
    """The event with the totals of those before it, and the state it leaves behind."""
    mark, charge = work.mark, work.charge
    count = mark.events_count if mark is not None else 0
    units = mark.billed_units if mark is not None else ZERO
    values: dict[str, Any] = {
        "current": step.state.current if step.state else ZERO,
        "maximum": step.state.maximum if step.state else ZERO,
        "max_prorated": step.state.max_prorated if step.state else ZERO,
        "billable": step.billable,
        "events_count": count + 1,
        "billed_units": add(units, step.billable),
    }
    if charge.charge_model == v.PERCENTAGE:
        properties = work.place.properties or default_properties(charge.charge_model)
        fold = await work.fold(PercentageTerms.of(properties, charge.metric.aggregation_type))
        event = replace(event, earlier_count=count, earlier_units=units, earlier_fold=fold)
        after = fold.copy()
        after.add(step.billable)
        values["free_phase"] = dump_fold(after)
    return Measured(work.place, event, values)
