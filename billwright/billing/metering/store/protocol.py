"""What an event store is: the one protocol that metering calls, and the plain values that cross it (spec 08 C2).

Instants are timezone-aware ``datetime`` values, exact to the microsecond. Windows are half-open here: ``lower`` is
inclusive and ``upper`` exclusive; callers turn an inclusive ``...59.999999`` into the next microsecond once
(``exclusive``). Quantities are exact; no rounding rule (ceil5, the 20th decimal, the metric's own rounding) is applied
by a store: see ``aggregation.final``.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as _field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec

Group: TypeAlias = tuple[str | None, ...]
"""Values of a bucket's pricing group keys, in their order; missing, null and "" are ``None`` (spec 01 §4.5)."""

ResultKey: TypeAlias = tuple[str | None, Group]
"""(bucket id, group)."""

Position: TypeAlias = tuple[datetime, int]
"""Place of an event in the order that aggregation follows: (timestamp, seq)."""

MAX_KEY_BYTES = 800
"""Longest transaction id, code or external subscription id (UTF-8 bytes); longer ones do not fit an index entry."""
_SURELY_SHORT = MAX_KEY_BYTES // 4
_TOO_MUCH = Decimal("999999999999999999999999.9999999999999995")
"""What would be 25 digits long after rounding to 15 decimals."""


class Aggregation(StrEnum):
    """``billable_metric.aggregation_type`` (spec 01 §5.3)."""

    COUNT = "count_agg"
    SUM = "sum_agg"
    MAX = "max_agg"
    LATEST = "latest_agg"
    UNIQUE = "unique_count_agg"
    WEIGHTED = "weighted_sum_agg"
    CUSTOM = "custom_agg"


class InvalidEvent(ValueError):
    """An event that no store can hold (NUL characters, oversized keys, a timestamp outside years 1-9999)."""

    def __init__(self, field_name: str, code: str) -> None:
        super().__init__(f"{field_name}: {code}")
        self.field = field_name
        self.code = code


class DuplicateEvents(Exception):
    """An all-or-nothing request held events whose transaction ids are taken; nothing of it was stored.

    ``indices``: zero-based places in the request, ascending (spec 01 §2.6).
    """

    def __init__(self, indices: Sequence[int]) -> None:
        super().__init__(f"duplicate transaction ids at {list(indices)}")
        self.indices = list(indices)


def exclusive(last: datetime) -> datetime:
    """The exclusive upper bound that belongs to an inclusive last instant."""
    return last + timedelta(microseconds=1)


class EventIn(msgspec.Struct, frozen=True, kw_only=True):
    """One event to store. ``created_at`` is the reception time on the organization's clock.

    ``properties`` holds JSON values; decimals must come as ``Decimal`` or ``int`` (binary floats are taken by their
    shortest text). ``Raw`` properties are the JSON text of an object that is known to be storable as it is
    (``metering.plain_events``). ``precise_total_amount_cents`` is in minor units and kept to 15 decimals.
    Raises ``InvalidEvent``.
    """

    organization_id: uuid.UUID
    transaction_id: str
    code: str
    timestamp: datetime
    created_at: datetime
    external_subscription_id: str | None = None
    properties: Mapping[str, Any] | msgspec.Raw = msgspec.field(default_factory=dict[str, Any])
    precise_total_amount_cents: Decimal | None = None
    metadata: Mapping[str, Any] | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        transaction_id, code, subscription = self.transaction_id, self.code, self.external_subscription_id
        if len(transaction_id) > _SURELY_SHORT or not transaction_id.isascii() or "\x00" in transaction_id:
            _check_key("transaction_id", transaction_id)
        if len(code) > _SURELY_SHORT or not code.isascii() or "\x00" in code:
            _check_key("code", code)
        if subscription is not None and (
            len(subscription) > _SURELY_SHORT or not subscription.isascii() or "\x00" in subscription
        ):
            _check_key("external_subscription_id", subscription)
        if self.timestamp.tzinfo is None or self.created_at.tzinfo is None:
            raise InvalidEvent("timestamp", "invalid_format")
        amount = self.precise_total_amount_cents
        if amount is not None and (not amount.is_finite() or amount.copy_abs() >= _TOO_MUCH):
            raise InvalidEvent("precise_total_amount_cents", "value_is_out_of_range")


def _check_key(name: str, text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidEvent(name, "invalid_format") from None
    if "\x00" in text:
        raise InvalidEvent(name, "invalid_format")
    if size > MAX_KEY_BYTES:
        raise InvalidEvent(name, "value_is_too_long")


class Appended(NamedTuple):
    """What became of one event: ``seq`` is its place in ingestion order, ``None`` for a duplicate (not stored)."""

    id: uuid.UUID
    seq: int | None

    @property
    def duplicate(self) -> bool:
        return self.seq is None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """A stored event. ``properties`` are decoded JSON with ``Decimal`` for every non-integer number."""

    seq: int
    id: uuid.UUID
    organization_id: uuid.UUID
    external_subscription_id: str | None
    code: str
    transaction_id: str
    timestamp: datetime
    properties: dict[str, Any]
    precise_total_amount_cents: Decimal | None
    metadata: dict[str, Any] | None
    source: str | None
    created_at: datetime
    deleted_at: datetime | None

    @property
    def position(self) -> Position:
        return (self.timestamp, self.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilters:
    """Filters of an event list (spec 01 §2.7); instants are inclusive. Deleted events are never listed.

    ``after``: only events that stand behind this (reception, seq) in the order ``RECEIVED``; what a page that goes on
    where another ended asks for, at the same cost however far down it is.
    """

    code: str | None = None
    external_subscription_id: str | None = None
    transaction_id: str | None = None
    timestamp_from: datetime | None = None
    timestamp_to: datetime | None = None
    received_from: datetime | None = None
    received_before: datetime | None = None
    after: Position | None = None


class EventOrder(StrEnum):
    """``TIMESTAMP``: timestamp descending, then transaction id (API). ``RECEIVED``: newest received first (UI)."""

    TIMESTAMP = "timestamp"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of events; ``total`` is ``None`` unless it was asked for."""

    events: list[EventRow]
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSpec:
    """One charge filter, or the default bucket (``id=None``, no predicates).

    ``predicates``: property key -> accepted text values, all-values already expanded (spec 01 §4.2).
    ``group_keys``: the pricing group keys of this bucket.
    """

    id: str | None = None
    predicates: Mapping[str, frozenset[str]] = _field(default_factory=dict[str, frozenset[str]])
    group_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proration:
    """Calendar of a charge window for prorated charges (spec 01 §6.2): local days, both included.

    ``start_day`` is the local date of ``lower``, ``end_day`` that of the window's last instant (one less on upgrade).
    """

    timezone: str
    start_day: date
    end_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """Only events up to this position count (spec 01 §5.1, pay in advance); not itself unless ``inclusive``."""

    timestamp: datetime
    seq: int
    inclusive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesRequest:
    """How many single values a percentage charge needs per bucket and group (spec 02 §5.4).

    Values are collected in order until ``first`` of them are there or their running total exceeds ``until_total``,
    whichever comes first; with neither, all of them.
    """

    first: int | None = None
    until_total: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Aggregation of one charge over one window (spec 08 C2).

    ``recurring`` sums, unique counts and weighted sums look at all history before ``upper``; ``lower`` then only
    separates what is carried over. ``buckets`` is the charge's ordered list (spec 01 §4.3), the catch-all last.
    ``days`` is N, the days of the whole charge period. ``until`` is the window's inclusive last instant, up to whose
    next whole second a weighted sum holds its level; by default that of ``upper``, which may lie up to a millisecond
    later so that events compare at milliseconds. ``match`` keeps only events whose property texts equal the given
    values (``None`` or "" = the null group), and ``ungroup`` keys leave the grouping (spec 01 §10.4).
    """

    organization_id: uuid.UUID
    external_subscription_id: str
    code: str
    aggregation: Aggregation
    upper: datetime
    lower: datetime | None = None
    until: datetime | None = None
    field: str | None = None
    recurring: bool = False
    days: int = 1
    proration: Proration | None = None
    boundary: Boundary | None = None
    buckets: tuple[BucketSpec, ...] = (BucketSpec(),)
    match: Mapping[str, str | None] = _field(default_factory=dict[str, "str | None"])
    ungroup: frozenset[str] = frozenset()
    skip_grouping: bool = False
    values: ValuesRequest | None = None
    prorated_entries: bool = False

    def __post_init__(self) -> None:
        if not self.buckets or self.buckets[-1].predicates:
            raise ValueError("the last bucket must take every event that no other bucket takes")
        if self.field is None and self.aggregation not in (Aggregation.COUNT, Aggregation.CUSTOM):
            raise ValueError(f"{self.aggregation} needs a field")
        if self.recurring and self.aggregation not in (Aggregation.SUM, Aggregation.UNIQUE, Aggregation.WEIGHTED):
            raise ValueError(f"{self.aggregation} cannot be recurring")
        if (self.proration is not None or self.aggregation is Aggregation.WEIGHTED) and self.lower is None:
            raise ValueError("a window start is needed")

    def group_keys(self, bucket: BucketSpec) -> tuple[str, ...]:
        """The keys that group ``bucket`` in this query."""
        return () if self.skip_grouping else tuple(key for key in bucket.group_keys if key not in self.ungroup)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Aggregate of one bucket and group, exact and unrounded.

    value: the quantity (prorated when the query is); events_count as in spec 01 §5.3; full_value: un-prorated value;
    carried: value just before ``lower`` (recurring only); level_at_end: weighted sums; precise_total: sum of
    ``precise_total_amount_cents`` in minor units over the same events (sums only).
    ``event_values`` and ``prorated_entries`` only on request.
    """

    value: Fraction = Fraction(0)
    events_count: int = 0
    full_value: Fraction = Fraction(0)
    carried: Fraction = Fraction(0)
    level_at_end: Fraction = Fraction(0)
    precise_total: Decimal = Decimal(0)
    event_values: tuple[Decimal, ...] | None = None
    prorated_entries: tuple[tuple[Fraction, Fraction], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDefinition:
    """What the rollups of one code hold: a metric's aggregation, field, and the property keys events are split by.

    ``dims_keys``: union of the metric's filter keys and all pricing group keys used with it.
    """

    organization_id: uuid.UUID
    code: str
    metric_id: uuid.UUID
    aggregation: Aggregation
    field: str | None = None
    dims_keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """What the hourly check asks of the events of one metric's code (spec 01 §2.12): that ``field`` is there, and a
    number if ``is_numeric``; of ``filters`` (property key -> known values) one key, and none with another value.
    """

    code: str
    field: str | None = None
    is_numeric: bool = False
    filters: Mapping[str, frozenset[str]] = _field(default_factory=dict[str, frozenset[str]])


class FaultyEvent(NamedTuple):
    """An event that breaks rules: no metric has its code, the property is missing or no number, it carries none of the
    filters' keys, or a value that they do not know.
    """

    transaction_id: str
    invalid_code: bool
    missing_aggregation_property: bool
    missing_group_key: bool
    invalid_filter_values: bool


class UsedSpan(NamedTuple):
    """A question: has the subscription an event of one of ``codes`` with a timestamp in ``[lower, upper)``?"""

    external_subscription_id: str
    codes: frozenset[str]
    lower: datetime
    upper: datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """One quarter of one key whose rollups differ from a recount of its events."""

    organization_id: uuid.UUID
    external_subscription_id: str
    code: str
    quarter: datetime


TransactionHook: TypeAlias = Callable[[Any], Awaitable[None]]
"""Runs on the append's database connection before it commits (checkpoints, dead letters)."""


class EventStore(Protocol):
    """Durable, exactly-once storage of events and exact aggregation over them."""

    async def append(
        self, events: Sequence[EventIn], *, in_transaction: TransactionHook | None = None
    ) -> list[Appended]:
        """Store events durably in one transaction; duplicates are reported, not stored. Order is kept."""
        ...

    async def submit(self, events: Sequence[EventIn]) -> list[Appended]:
        """Store one request all or nothing, sharing a transaction with concurrent requests.

        Raises ``DuplicateEvents``; returns after the commit.
        """
        ...

    async def get(self, organization_id: uuid.UUID, transaction_id: str) -> EventRow | None:
        """The first received event with this transaction id."""
        ...

    async def list(
        self,
        organization_id: uuid.UUID,
        filters: EventFilters = ...,
        *,
        order: EventOrder = ...,
        page: int = 1,
        per_page: int = 100,
        with_total: bool = True,
    ) -> EventPage:
        """A page of events."""
        ...

    def faulty_events(
        self,
        organization_id: uuid.UUID,
        received_from: datetime,
        received_before: datetime,
        rules: Sequence[EventRule],
    ) -> AsyncIterator[FaultyEvent]:
        """Live events received in [from, before) that break a rule, in order of reception (spec 01 §2.12)."""
        ...

    async def count_up_to(self, organization_id: uuid.UUID, most: int) -> int:
        """How many live events there are, ``most`` at most: never dearer than that many."""
        ...

    async def first_received(self, organization_id: uuid.UUID, since: datetime) -> datetime | None:
        """When the first live event at or after ``since`` was received."""
        ...

    async def subscriptions_received(self, organization_id: uuid.UUID, since: datetime) -> Sequence[str]:
        """External ids of the subscriptions for which events were received at or after ``since``."""
        ...

    async def used(self, organization_id: uuid.UUID, spans: Sequence[UsedSpan]) -> Sequence[bool]:
        """Which of the spans hold a live event, in their order; the cost does not grow with the number of events."""
        ...

    async def aggregate(self, query: Query) -> dict[ResultKey, Result]:
        """Results of every bucket and group that has events; others are zero."""
        ...

    async def aggregate_many(self, queries: Sequence[Query]) -> Sequence[Mapping[ResultKey, Result]]:
        """The same for several queries of one organization, in their order, all seeing one state of the store."""
        ...

    async def is_active(self, query: Query, value: str, key: ResultKey) -> bool:
        """Whether ``value`` of a unique count is active in that bucket and group at the query's end."""
        ...

    def stream(self, query: Query) -> AsyncIterator[tuple[ResultKey, EventRow]]:
        """The query's events in order with their bucket and group (custom aggregations)."""
        ...

    async def last_event(self, query: Query) -> EventRow | None:
        """The newest event of the window."""
        ...

    async def seen_buckets(self, query: Query) -> set[ResultKey]:
        """Buckets and groups that have events in the window (recurring: ever before its end)."""
        ...

    async def edges(self, query: Query, key: ResultKey) -> tuple[EventRow, EventRow] | None:
        """The first and the last event of one bucket and group in the window (recurring: ever before its end)."""
        ...

    async def define(self, definition: MetricDefinition) -> None:
        """Tell the store how a code is aggregated; idempotent. Reads are exact with or without it."""
        ...

    async def undefine(self, organization_id: uuid.UUID, code: str) -> None:
        """Forget a deleted metric's definition."""
        ...

    async def soft_delete(
        self,
        organization_id: uuid.UUID,
        code: str,
        subscriptions: Iterable[str],
        *,
        received_until: datetime,
        deleted_at: datetime,
    ) -> int:
        """Hide events from every reading (spec 01 §1.5); their transaction ids stay used. Returns how many."""
        ...

    async def purge(self, organization_id: uuid.UUID) -> int:
        """Physically remove every event of a sandbox organization with all that is derived from them (spec 09 §1);
        transaction ids are free again, metric definitions stay. Returns how many events."""
        ...

    async def rebuild(
        self,
        start: datetime,
        end: datetime,
        *,
        organization_id: uuid.UUID | None = None,
        code: str | None = None,
    ) -> int:
        """Recompute derived data of a time range; returns the number of quarters recomputed."""
        ...

    async def verify(self, start: datetime, end: datetime, *, sample: float = 1.0) -> list[Difference]:
        """Compare rollups with a recount of events on a share of the keys (1.0 = all)."""
        ...


UTC_MIN = datetime(1, 1, 1, tzinfo=UTC)
