"""From the list of sent events to the units of one bucket and group (spec 01 §2.4, §4-6)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.simulation.checker.calendar import Period, local_date
from tests.simulation.checker.model import Charge, Event, Filter, Metric
from tests.simulation.checker.money import ZERO, ceiled, number

ALL = "__ALL_FILTER_VALUES__"
_NUMERIC = re.compile(r"-?[0-9]+(\.[0-9]+)?")
Group = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Window:
    """Instants of the usage billed, the whole charges period it lies in, and the customer's zone."""

    start: datetime
    end: datetime
    period: Period
    zone: str
    excludes_end: bool = False
    less_one_day: bool = False

    @property
    def first_day(self) -> date:
        return local_date(self.start, self.zone)

    @property
    def last_day(self) -> date:
        return local_date(self.end, self.zone) - timedelta(days=1 if self.less_one_day else 0)

    def reaches(self, event: Event) -> bool:
        return event.at < self.end if self.excludes_end else event.at <= self.end

    def holds(self, event: Event) -> bool:
        return self.reaches(event) and event.at >= _milliseconds(self.start)


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass
class Usage:
    """``units`` are priced (before the metric's rounding), ``full`` are shown; ``values`` of the events in order."""

    units: Fraction = ZERO
    full: Fraction = ZERO
    events: int = 0
    total: Fraction | None = None
    values: list[Fraction] = field(default_factory=list)
    money: Fraction = ZERO
    steps: list[tuple[Fraction, Fraction]] = field(default_factory=list)
    """Full and prorated value of each change, for prorated graduated prices."""


def as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def as_number(event: Event, metric: Metric) -> Fraction | None:
    text = as_text(event.properties.get(metric.field_name or ""))
    return number(text) if text is not None and _NUMERIC.fullmatch(text) else None


def bucket_of(charge: Charge, event: Event) -> Filter | None:
    """The one filter that takes the event; None is the default bucket (spec 01 §4.3)."""

    def breadth(item: Filter) -> int:
        return math.prod(len(_listed(charge.metric, key, values)) for key, values in item.values.items())

    for item in sorted(charge.filters, key=lambda item: (-len(item.values), breadth(item), item.order)):
        if all(
            as_text(event.properties.get(key)) in _listed(charge.metric, key, values)
            for key, values in item.values.items()
        ):
            return item
    return None


def _listed(metric: Metric, key: str, values: list[str]) -> list[str]:
    return metric.filters.get(key, []) if values == [ALL] else values


def group_keys(charge: Charge, bucket: Filter | None) -> list[str]:
    return (charge if bucket is None else bucket).properties.get("pricing_group_keys") or []


def group_of(charge: Charge, bucket: Filter | None, event: Event) -> Group:
    return tuple((key, as_text(event.properties.get(key)) or None) for key in group_keys(charge, bucket))


def partition(charge: Charge, events: Iterable[Event]) -> Iterator[tuple[Filter | None, Group, list[Event]]]:
    """Every bucket and group with its events; a bucket without events has one group of nothing."""
    buckets: list[Filter | None] = [*charge.filters, None]
    parts: dict[int, dict[Group, list[Event]]] = {id(bucket): {} for bucket in buckets}
    for event in events:
        bucket = bucket_of(charge, event)
        parts[id(bucket)].setdefault(group_of(charge, bucket, event), []).append(event)
    for bucket in buckets:
        found = parts[id(bucket)] or {tuple((key, None) for key in group_keys(charge, bucket)): []}
        for group, taken in found.items():
            yield bucket, group, taken


def counts(event: Event, metric: Metric) -> bool:
    """Whether the aggregation uses the event (spec 01 §5.3)."""
    if metric.aggregation == "count_agg":
        return True
    if metric.aggregation == "unique_count_agg":
        return as_text(event.properties.get(metric.field_name or "")) not in (None, "")
    return as_number(event, metric) is not None


def relevant(metric: Metric, events: Iterable[Event], window: Window) -> list[Event]:
    """The metric's events that matter for the window; recurring ones look back without end (spec 01 §5.1)."""
    mine = [
        event
        for event in events
        if event.code == metric.code
        and counts(event, metric)
        and (window.reaches(event) if metric.recurring else window.holds(event))
    ]
    return sorted(mine, key=lambda event: (event.at, event.received))


def measure(charge: Charge, events: list[Event], window: Window) -> Usage:
    """Units of one bucket and group out of its relevant events."""
    metric = charge.metric
    kind = metric.aggregation
    if kind == "count_agg":
        n = Fraction(len(events))
        return Usage(n, n, len(events), values=[Fraction(1)] * len(events))
    if kind == "unique_count_agg":
        return _unique(charge, events, window)
    pairs = [(event, value) for event in events if (value := as_number(event, metric)) is not None]
    values = [value for _, value in pairs]
    if kind == "sum_agg":
        return _sum(charge, pairs, window)
    if kind == "weighted_sum_agg":
        return _weighted(pairs, window)
    units = max(values, default=ZERO) if kind == "max_agg" else values[-1] if values else ZERO
    if kind == "latest_agg":
        units = max(units, ZERO)
    return Usage(units, units, len(values), values=values)


def _sum(charge: Charge, pairs: list[tuple[Event, Fraction]], window: Window) -> Usage:
    full = sum((value for _, value in pairs), ZERO)
    values = [value for _, value in pairs]
    usage = Usage(full, full, len(pairs), values=values, money=sum((event.money for event, _ in pairs), ZERO))
    if charge.prorated:
        length = window.period.days
        share = Fraction(max((window.last_day - window.first_day).days + 1, 0), length)
        carried = sum((value for event, value in pairs if not window.holds(event)), ZERO)
        usage.steps = [(carried, carried * share)] + [
            (value, value * Fraction(max((window.last_day - day).days + 1, 0), length))
            for event, value in pairs
            if window.holds(event)
            for day in [local_date(event.at, window.zone)]
        ]
        usage.units = ceiled(sum((prorated for _, prorated in usage.steps), ZERO))
    return usage


def _weighted(pairs: list[tuple[Event, Fraction]], window: Window) -> Usage:
    end = window.end.replace(microsecond=0) + timedelta(seconds=1) if window.end.microsecond else window.end
    level = sum((value for event, value in pairs if not window.holds(event)), ZERO)
    inside = [(event.at, value) for event, value in pairs if window.holds(event)]
    area, at = ZERO, window.start
    for moment, value in [*inside, (end, ZERO)]:
        area += level * _seconds(moment - at)
        level, at = level + value, moment
    units = ceiled(area / (window.period.days * 86400), 20)
    return Usage(units, units, len(inside), total=level, values=[value for _, value in inside])


def _seconds(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(microseconds=1), 1_000_000)


def changes(metric: Metric, events: list[Event]) -> dict[str, list[tuple[Event, str]]]:
    """Adds and removes by value, in time order."""
    found: dict[str, list[tuple[Event, str]]] = {}
    for event in events:
        value = as_text(event.properties.get(metric.field_name or ""))
        operation = as_text(event.properties.get("operation_type")) or "add"
        if value and operation in ("add", "remove"):
            found.setdefault(value, []).append((event, operation))
    return found


def _effective(moves: list[tuple[Event, str]]) -> list[tuple[Event, str]]:
    active, kept = False, []
    for event, operation in moves:
        if (operation == "add") != active:
            active = not active
            kept.append((event, operation))
    return kept


def active_values(metric: Metric, events: list[Event]) -> set[str]:
    return {value for value, moves in changes(metric, events).items() if len(_effective(moves)) % 2}


def _unique(charge: Charge, events: list[Event], window: Window) -> Usage:
    n = len(active_values(charge.metric, events))
    usage = Usage(Fraction(n), Fraction(n), n, values=[Fraction(1)] * n)
    if not charge.prorated:
        return usage
    length, total = window.period.days, 0
    steps: list[tuple[datetime, str, Fraction, Fraction]] = []
    for value, moves in changes(charge.metric, events).items():
        for begin, added, closed in _stretches(moves, window):
            last = min(local_date(closed.at, window.zone) if closed else window.last_day, window.last_day)
            days = max((last - max(begin, window.first_day)).days + 1, 0)
            total += days
            if days:
                steps.append((added, value, Fraction(1), Fraction(days, length)))
                if closed:
                    steps.append((closed.at, value, Fraction(-1), ZERO))
    usage.steps = [(full, prorated) for *_, full, prorated in sorted(steps, key=lambda step: step[:2])]
    usage.units = ceiled(Fraction(total, length))
    return usage


def _stretches(moves: list[tuple[Event, str]], window: Window) -> Iterator[tuple[date, datetime, Event | None]]:
    """First local day, instant of the add, and the remove that ends it; a remove before an add of its day is none."""
    days = [local_date(event.at, window.zone) for event, _ in moves]
    kept = [
        move
        for index, move in enumerate(moves)
        if not (
            move[1] == "remove"
            and any(moves[later][1] == "add" and days[later] == days[index] for later in range(index + 1, len(moves)))
        )
    ]
    opened: Event | None = None
    for event, operation in _effective(kept):
        if operation == "add":
            opened = event
        elif opened:
            yield local_date(opened.at, window.zone), opened.at, event
            opened = None
    if opened:
        yield local_date(opened.at, window.zone), opened.at, None
