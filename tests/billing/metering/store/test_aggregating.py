"""Windows, buckets, groups, merge examples and numbers of the reader (spec 01 §4-5, 08 C4, C6 1-5, 11, 16)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from billwright.billing.metering.aggregation.final import final_units
from billwright.billing.metering.store.protocol import (
    Aggregation,
    Boundary,
    BucketSpec,
    Proration,
    ValuesRequest,
    exclusive,
)

from .conftest import Book, at

A = Aggregation
ALL_NUMERIC = [A.COUNT, A.SUM, A.MAX, A.LATEST, A.WEIGHTED, A.UNIQUE]


def spec(bucket: str | None = None, *groups: str, **predicates: list[str]) -> BucketSpec:
    return BucketSpec(
        id=bucket, predicates={key: frozenset(values) for key, values in predicates.items()}, group_keys=groups
    )


# --- spec 08 C4 -----------------------------------------------------------------------------------------------------


def two_quarters(book: Book) -> list[Any]:
    return [
        book.event("2024-06-05 10:00:00", 5),
        book.event("2024-06-05 10:14:59.999999", 7.5),
        book.event("2024-06-05 10:05", "abc"),
        book.event("2024-06-05 10:15:00", 2),
    ]


@pytest.mark.parametrize(
    ("kind", "value", "count", "late_value", "late_count"),
    [
        (A.COUNT, "4", 4, "5", 5),
        (A.SUM, "14.5", 3, "23.5", 4),
        (A.MAX, "7.5", 3, "9", 4),
        (A.LATEST, "2", 3, "2", 4),
    ],
)
async def test_c4_count_sum_max_latest(
    book: Book, reach: Any, kind: Aggregation, value: str, count: int, late_value: str, late_count: int
) -> None:
    await reach(kind, *two_quarters(book))
    query = book.query(kind, "2024-06-01", "2024-07-01")
    result = await book.one(query)
    assert (result.value, result.events_count) == (Fraction(value), count)
    await book.send(book.event("2024-06-05 10:07", 9))
    for _ in range(2):
        late = await book.one(query)
        assert (late.value, late.events_count) == (Fraction(late_value), late_count)
        await book.roll()
    assert await book.differences() == []


async def test_c4_latest_breaks_ties_by_arrival(book: Book, reach: Any) -> None:
    await reach(A.LATEST, book.event("2024-06-05 10:15", 2), book.event("2024-06-05 10:15", 4))
    assert (await book.one(book.query(A.LATEST, "2024-06-01", "2024-07-01"))).value == 4


async def test_latest_negative_counts_as_zero(book: Book, reach: Any) -> None:
    await reach(A.LATEST, book.event("2024-06-05", 4), book.event("2024-06-06", -4))
    assert (await book.one(book.query(A.LATEST, "2024-06-01", "2024-07-01"))).value == 0


async def test_c4_unique_count(book: Book, reach: Any) -> None:
    operations = [
        ("10:00", "u1", "add"), ("10:01", "u2", "add"), ("10:02", "u1", "remove"),
        ("10:15", "u3", "add"), ("10:16", "u9", "remove"), ("10:17", "u1", "add"), ("10:30", "u2", "remove"),
    ]  # fmt: skip
    await reach(A.UNIQUE, *(book.event(f"2024-06-05 {t}", v, operation_type=op) for t, v, op in operations))
    result = await book.one(book.query(A.UNIQUE, "2024-06-01", "2024-07-01"))
    assert (result.value, result.events_count) == (2, 2)
    query = book.query(A.UNIQUE, "2024-06-01", "2024-07-01")
    active = [value for value in ("u1", "u2", "u3", "u9", "u") if await book.store.is_active(query, value, (None, ()))]
    assert active == ["u1", "u3"]


async def test_unique_operations_that_differ_in_an_ignored_property_keep_their_order(book: Book, reach: Any) -> None:
    await reach(
        A.UNIQUE,
        book.event("2024-06-05 10:00", "u1", region="us", operation_type="add"),
        book.event("2024-06-05 10:01", "u1", region="eu", operation_type="remove"),
        book.event("2024-06-05 10:02", "u2", region="us", operation_type="remove"),
        book.event("2024-06-05 10:03", "u2", region="eu", operation_type="add"),
        dims=("region",),
    )
    query = book.query(A.UNIQUE, "2024-06-01", "2024-07-01")
    assert (await book.one(query)).value == 1
    assert await book.store.is_active(query, "u2", (None, ()))
    prorated = book.query(
        A.UNIQUE, "2024-06-01", "2024-07-01", recurring=True, days=30,
        proration=Proration(timezone="UTC", start_day=date(2024, 6, 1), end_day=date(2024, 6, 30)),
    )  # fmt: skip
    assert (await book.one(prorated)).value == Fraction(1 + 26, 30)


def june(book: Book, lower: str = "2024-06-01") -> Any:
    return book.query(
        A.UNIQUE, lower, "2024-07-01", recurring=True, days=30,
        proration=Proration(timezone="UTC", start_day=at(lower).date(), end_day=date(2024, 6, 30)),
    )  # fmt: skip


async def test_c4_prorated_unique(book: Book, reach: Any) -> None:
    await reach(
        A.UNIQUE,
        book.event("2024-06-03 10:00", "u", operation_type="add"),
        book.event("2024-06-03 15:00", "u", operation_type="remove"),
        book.event("2024-06-03 18:00", "u", operation_type="add"),
        book.event("2024-06-05 09:00", "u", operation_type="remove"),
    )
    assert (await book.one(june(book))).value == Fraction(3, 30)


async def test_c4_prorated_unique_added_and_removed_on_one_day(book: Book, reach: Any) -> None:
    await reach(
        A.UNIQUE, book.event("2024-06-03 10:00", "u"), book.event("2024-06-03 12:00", "u", operation_type="remove")
    )
    assert (await book.one(june(book))).value == Fraction(1, 30)


async def test_c4_prorated_unique_closed_before_the_window_on_its_first_day(book: Book, reach: Any) -> None:
    await reach(
        A.UNIQUE,
        book.event("2024-05-03 10:00", "u"),
        book.event("2024-06-01 08:00", "u", operation_type="remove"),
        book.event("2024-05-03 10:00", "w"),
        book.event("2024-06-01 10:01", "w", operation_type="remove"),
    )
    assert (await book.one(june(book, "2024-06-01 10:00"))).value == Fraction(1, 30)


async def test_c4_weighted_sum(book: Book, reach: Any) -> None:
    await reach(
        A.WEIGHTED,
        book.event("2025-02-01", 10),
        book.event("2025-03-01 06:07:30", 5),
        book.event("2025-03-01 06:10:00", 4),
        book.event("2025-03-01 12:00:00", -3),
        book.event("2025-03-01 18:20:00.500", 2),
    )
    result = await book.one(book.query(A.WEIGHTED, "2025-03-01", "2025-03-02", recurring=True, days=1))
    assert result.value == Fraction(1353749, 86400)
    assert final_units(A.WEIGHTED, result.value, prorated=False) == Decimal("15.66839120370370370371")
    assert (result.level_at_end, result.carried, result.events_count) == (18, 10, 4)


async def test_c4_prorated_sum_in_kathmandu(book: Book, reach: Any) -> None:
    await reach(A.SUM, book.event("2024-06-11 18:14:59.999", 10), book.event("2024-06-11 18:15:00.000", 10))
    query = book.query(
        A.SUM, "2024-05-31 18:15", "2024-06-30 18:15", recurring=True, days=30,
        proration=Proration(timezone="Asia/Kathmandu", start_day=date(2024, 6, 1), end_day=date(2024, 6, 30)),
    )  # fmt: skip
    assert (await book.one(query)).value == 13


# --- windows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL_NUMERIC)
async def test_window_edges_to_the_microsecond(book: Book, reach: Any, kind: Aggregation) -> None:
    lower, upper = at("2024-06-03 10:07:23.512"), at("2024-06-20 11:22:33.000001")
    tick = timedelta(microseconds=1)
    inside = [lower, lower + tick, at("2024-06-03 10:15"), at("2024-06-10"), at("2024-06-20 11:15"), upper - tick]
    outside = [lower - tick, upper, upper + tick]
    await reach(
        kind, *(book.event(when, index) for index, when in enumerate(inside)), *(book.event(w, 99) for w in outside)
    )
    result = await book.one(book.query(kind, lower.isoformat(), upper.isoformat(), days=30))
    expected = {A.COUNT: 6, A.SUM: 15, A.MAX: 5, A.LATEST: 5, A.UNIQUE: 6}
    assert result.events_count == 6
    if kind is A.WEIGHTED:
        end = at("2024-06-20 11:22:33")
        held = sum(index * Fraction((end - when) // tick) for index, when in enumerate(inside))
        assert result.value == held / (30 * 86_400_000_000)
    else:
        assert result.value == expected[kind]


@pytest.mark.parametrize("kind", ALL_NUMERIC)
async def test_empty_ranges_and_windows_without_events(book: Book, reach: Any, kind: Aggregation) -> None:
    await reach(kind, book.event("2024-06-03", 1), book.event("2024-06-04", 1))
    for lower, upper in (("2024-07-01", "2024-08-01"), ("2024-06-05", "2024-06-05"), ("2024-06-05", "2024-06-02")):
        assert await book.store.aggregate(book.query(kind, lower, upper)) == {}


@pytest.mark.parametrize("kind", [A.SUM, A.MAX, A.LATEST, A.WEIGHTED])
async def test_only_non_numeric_values(book: Book, kind: Aggregation) -> None:
    await book.define(kind)
    await book.send(book.event("2024-06-03", "x"), book.event("2024-06-04", ""), book.event("2024-06-05"))
    query = book.query(kind, "2024-06-01", "2024-07-01")
    assert await book.store.aggregate(query) == {}
    await book.roll()
    assert await book.store.aggregate(query) == {}


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Asia/Kolkata", "2024-03-10"),
        ("Asia/Kathmandu", "2024-03-10"),
        ("Pacific/Chatham", "2024-04-07"),
        ("Pacific/Chatham", "2024-09-29"),
        ("Australia/Darwin", "2024-03-10"),
        ("Australia/Lord_Howe", "2024-04-07"),
        ("Australia/Lord_Howe", "2024-10-06"),
        ("America/New_York", "2024-03-10"),
        ("America/New_York", "2024-11-03"),
    ],
)
async def test_local_days_of_every_zone(book: Book, zone: str, day: str) -> None:
    from zoneinfo import ZoneInfo

    local = at(day).replace(tzinfo=ZoneInfo(zone))
    start, end = (each.astimezone(at(day).tzinfo) for each in (local, local + timedelta(days=1)))
    tick = timedelta(microseconds=1)
    await book.define(A.SUM)
    await book.send(*(book.event(w, v) for w, v in ((start - tick, 100), (start, 1), (end - tick, 2), (end, 1000))))
    await book.roll()
    assert (await book.one(book.query(A.SUM, start.isoformat(), end.isoformat()))).value == 3
    before, after = start - timedelta(days=1), end + timedelta(days=3)
    prorated = book.query(
        A.SUM, before.isoformat(), after.isoformat(), recurring=True, days=10,
        proration=Proration(
            timezone=zone, start_day=at(day).date() - timedelta(days=1), end_day=at(day).date() + timedelta(days=1)
        ),
    )  # fmt: skip
    assert (await book.one(prorated)).value == Fraction(100 * 3 + 3 * 2 + 1000 * 1, 10)


# --- buckets and groups ---------------------------------------------------------------------------------------------

STEPS, SIZES, MODELS = ["25", "50", "75", "100"], ["512", "1024"], ["l1", "l2", "l3", "l4"]


async def test_example_3_one_bucket_per_event(book: Book, reach: Any) -> None:
    buckets = (
        spec("f1", steps=["25"], size=["512"], model=["l2"]),
        spec("f2", steps=["25"], size=["512"]),
        spec("f3", steps=STEPS, size=SIZES),
        spec("f5", size=["512"]),
        spec("f4", size=SIZES),
        spec(),
    )
    cases: list[tuple[dict[str, Any], str | None]] = [
        ({"steps": 25, "size": 512, "model": "l2"}, "f1"),
        ({"steps": "25", "size": "512", "model": "l3"}, "f2"),
        ({"steps": 50, "size": 1024}, "f3"),
        ({"steps": 999, "size": 512}, "f5"),
        ({"size": 512}, "f5"),
        ({"size": 1024}, "f4"),
        ({"size": 9}, None),
        ({"steps": 25}, None),
        ({"size": Decimal("512.0")}, None),
    ]
    events = [book.event(f"2024-06-05 10:0{i}", 10**i, **properties) for i, (properties, _) in enumerate(cases)]
    await reach(A.SUM, *events, dims=("steps", "size", "model"))
    results = await book.store.aggregate(book.query(A.SUM, "2024-06-01", "2024-07-01", buckets=buckets))
    expected: dict[Any, int] = {}
    for index, (_, bucket) in enumerate(cases):
        expected[(bucket, ())] = expected.get((bucket, ()), 0) + 10**index
    assert {key: result.value for key, result in results.items()} == expected
    assert await book.store.seen_buckets(book.query(A.SUM, "2024-06-01", "2024-07-01", buckets=buckets)) == set(
        expected
    )


async def test_example_4_crossing_filters(book: Book, reach: Any) -> None:
    buckets = (spec("g1", region=["eu"]), spec("g2", tier=["gold", "silver"]), spec())
    await reach(
        A.COUNT,
        book.event("2024-06-05", region="eu", tier="gold"),
        book.event("2024-06-05", tier="gold"),
        book.event("2024-06-05", region="us", tier="bronze"),
        dims=("region", "tier"),
    )
    results = await book.store.aggregate(book.query(A.COUNT, "2024-06-01", "2024-07-01", buckets=buckets))
    assert {key: result.value for key, result in results.items()} == {("g1", ()): 1, ("g2", ()): 1, (None, ()): 1}


async def test_example_5_groups_join_missing_null_and_empty(book: Book, reach: Any) -> None:
    await reach(
        A.SUM,
        book.event("2024-06-05", 10, region="eu"),
        book.event("2024-06-06", 15, region="us"),
        book.event("2024-06-07", 1),
        book.event("2024-06-07", Decimal("0.5"), region=""),
        book.event("2024-06-07", Decimal("0.5"), region=None),
        dims=("region",),
    )
    query = book.query(A.SUM, "2024-06-01", "2024-07-01", buckets=(spec(None, "region"),))
    results = await book.store.aggregate(query)
    assert {key: result.value for key, result in results.items()} == {
        (None, ("eu",)): 10,
        (None, ("us",)): 15,
        (None, (None,)): 2,
    }


async def test_group_filter_and_ungrouping(book: Book, reach: Any) -> None:
    await reach(
        A.SUM,
        *(
            book.event("2024-06-05", value, region=region, tier=tier)
            for value, region, tier in ((1, "eu", "gold"), (2, "eu", "free"), (4, "us", "gold"), (8, None, "gold"))
        ),
        dims=("region", "tier"),
    )

    async def values(**more: Any) -> dict[Any, Any]:
        buckets = (spec("gold", "region", tier=["gold"]), spec(None, "region", "tier"))
        query = book.query(A.SUM, "2024-06-01", "2024-07-01", buckets=buckets, **more)
        return {key: result.value for key, result in (await book.store.aggregate(query)).items()}

    assert await values() == {
        ("gold", ("eu",)): 1, ("gold", ("us",)): 4, ("gold", (None,)): 8, (None, ("eu", "free")): 2,
    }  # fmt: skip
    assert await values(match={"region": "eu"}, ungroup=frozenset({"region"})) == {
        ("gold", ()): 1,
        (None, ("free",)): 2,
    }
    assert await values(match={"region": None}) == {("gold", (None,)): 8}
    assert await values(skip_grouping=True) == {("gold", ()): 13, (None, ()): 2}


async def test_unique_state_is_kept_per_group(book: Book, reach: Any) -> None:
    await reach(
        A.UNIQUE,
        book.event("2024-06-05 10:00", "u", region="eu"),
        book.event("2024-06-05 10:01", "u", region="us"),
        book.event("2024-06-05 10:02", "u", region="us", operation_type="remove"),
        book.event("2024-06-05 10:03", "w", region="us"),
        book.event("2024-06-05 10:04", "w", operation_type="remove"),
        dims=("region",),
    )
    grouped = book.query(A.UNIQUE, "2024-06-01", "2024-07-01", buckets=(spec(None, "region"),))
    values = {key: result.value for key, result in (await book.store.aggregate(grouped)).items()}
    assert values == {(None, ("eu",)): 1, (None, ("us",)): 1, (None, (None,)): 0}
    assert await book.store.is_active(grouped, "u", (None, ("eu",)))
    assert not await book.store.is_active(grouped, "u", (None, ("us",)))


async def test_a_crowded_quarter_spills_and_stays_exact(book: Book, reach: Any) -> None:
    events = [book.event("2024-06-05 10:00", 1, user=f"u{i}") for i in range(1_005)]
    events += [book.event("2024-06-05 11:00", 1, user="u1"), book.event("2024-06-05 11:00", 1, user="u2")]
    await reach(A.SUM, *events, dims=("user",))
    results = await book.store.aggregate(book.query(A.SUM, "2024-06-01", "2024-07-01", buckets=(spec(None, "user"),)))
    assert len(results) == 1_005
    assert results[(None, ("u1",))].value == 2
    assert (await book.one(book.query(A.SUM, "2024-06-01", "2024-07-01"))).value == 1_007
    if await book.rolled_rows():
        assert await book.pool.fetchval("SELECT count(*) FROM usage_rollups") == 3


# --- pay in advance, values, numbers ----------------------------------------------------------------------------------


async def test_boundary_orders_equal_timestamps_by_arrival(book: Book, reach: Any) -> None:
    await reach(A.SUM, *(book.event("2024-06-05 10:00", 10**i, tx=f"e{i}") for i in range(4)))
    for index in range(4):
        row = await book.store.get(book.org, f"e{index}")
        assert row is not None
        up_to = Boundary(timestamp=row.timestamp, seq=row.seq)
        before = Boundary(timestamp=row.timestamp, seq=row.seq, inclusive=False)
        query = book.query(A.SUM, "2024-06-01", "2024-07-01", boundary=up_to)
        assert (await book.one(query)).value == int("1" * (index + 1))
        query = book.query(A.SUM, "2024-06-01", "2024-07-01", boundary=before)
        assert (await book.one(query)).value == int("0" + "1" * index)


async def test_is_active_just_before_an_event(book: Book, reach: Any) -> None:
    await reach(A.UNIQUE, book.event("2024-05-05", "a"), book.event("2024-06-05", "a", tx="again"))
    row = await book.store.get(book.org, "again")
    assert row is not None
    before = Boundary(timestamp=row.timestamp, seq=row.seq, inclusive=False)
    metered = book.query(A.UNIQUE, "2024-06-01", "2024-07-01", boundary=before)
    recurring = book.query(A.UNIQUE, "2024-06-01", "2024-07-01", recurring=True, boundary=before)
    assert not await book.store.is_active(metered, "a", (None, ()))
    assert await book.store.is_active(recurring, "a", (None, ()))


async def test_event_values_on_request(book: Book, reach: Any) -> None:
    await reach(A.SUM, *(book.event(f"2024-06-0{9 - i}", i) for i in range(1, 6)), book.event("2024-06-01", "x"))

    async def values(**request: Any) -> Any:
        query = book.query(A.SUM, "2024-06-01", "2024-07-01", values=ValuesRequest(**request))
        return (await book.one(query)).event_values

    assert await values() == (5, 4, 3, 2, 1)
    assert await values(first=2) == (5, 4)
    assert await values(first=0) == ()
    assert await values(until_total=Decimal(8)) == (5, 4)
    assert await values(until_total=Decimal(9)) == (5, 4, 3)
    assert await values(first=1, until_total=Decimal(9)) == (5,)


async def test_dynamic_charges_add_the_precise_total_of_numeric_events(book: Book, reach: Any) -> None:
    await reach(
        A.SUM,
        book.event("2024-06-05", 7, cents="70.35"),
        book.event("2024-06-05 10:00", 5),
        book.event("2024-06-06", "x", cents="1000"),
        book.event("2024-06-07", 10, cents="0.000000000000001"),
    )
    result = await book.one(book.query(A.SUM, "2024-06-01", "2024-07-01"))
    assert (result.value, result.precise_total) == (22, Decimal("70.350000000000001"))


async def test_prorated_entries_of_sums(book: Book, reach: Any) -> None:
    """02 §6.3: September of the table, then October with 75 carried over."""
    await reach(
        A.SUM,
        *(
            book.event(f"2024-09-{day} 12:00", v)
            for day, v in ((10, 2), (16, 5), (20, -6), (25, 10), (26, 4), (30, 60))
        ),
        book.event("2024-10-17 12:00", 20),
    )

    def month(lower: str, upper: str, days: int) -> Any:
        last = at(upper).date() - timedelta(days=1)
        return book.query(
            A.SUM, lower, upper, recurring=True, days=days, prorated_entries=True,
            proration=Proration(timezone="UTC", start_day=at(lower).date(), end_day=last),
        )  # fmt: skip

    september = await book.one(month("2024-09-01", "2024-10-01", 30))
    assert september.prorated_entries == tuple(
        (Fraction(v), Fraction(v * left, 30)) for v, left in ((2, 21), (5, 15), (-6, 11), (10, 6), (4, 5), (60, 1))
    )
    october = await book.one(month("2024-10-01", "2024-11-01", 31))
    assert october.prorated_entries == ((75, 75), (20, Fraction(20 * 15, 31)))


async def test_prorated_entries_of_unique_counts(book: Book, reach: Any) -> None:
    await reach(
        A.UNIQUE,
        book.event("2024-05-20 09:00", "b"),
        book.event("2024-04-20 09:00", "gone"),
        book.event("2024-05-21 09:00", "gone", operation_type="remove"),
        book.event("2024-06-11 09:00", "a"),
        book.event("2024-06-14 09:00", "b", operation_type="remove"),
    )
    query = june(book)
    from dataclasses import replace

    result = await book.one(replace(query, prorated_entries=True))
    assert result.prorated_entries == ((1, Fraction(14, 30)), (1, Fraction(20, 30)), (-1, 0))
    assert result.value == Fraction(34, 30)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (12, "12"), (Decimal("12.5"), "12.5"), (-3, "-3"), (Decimal("1e3"), "1000"), ("12", "12"), ("12.50", "12.5"),
        ("-0.5", "-0.5"), ("007", "7"), ("", None), (" 12", None), ("+5", None), (".5", None), ("5.", None),
        ("1e3", None), ("1,000", None), ("12 GB", None), ("NaN", None), (True, None), ([1], None), ("12\n", None),
        ("9" * 40, "9" * 40), ("0." + "0" * 45 + "1", "0." + "0" * 45 + "1"),
        ("-" + "8" * 30 + ".125", "-" + "8" * 30 + ".125"),
        ("1" * 1001, None),
    ],
)  # fmt: skip
async def test_what_is_numeric(book: Book, value: Any, number: str | None) -> None:
    await book.define(A.SUM)
    await book.send(book.event("2024-06-05", value), book.event("2024-06-05 10:00", Decimal("0.1")))
    query = book.query(A.SUM, "2024-06-01", "2024-07-01")
    expected = Fraction("0.1") + Fraction(number or 0)
    for _ in range(2):
        result = await book.one(query)
        assert (result.value, result.events_count) == (expected, 1 + (number is not None))
        await book.roll()


async def test_streams_and_the_last_event(book: Book) -> None:
    await book.send(
        *(book.event(f"2024-06-0{day}", tx=f"{day}", region="eu" if day % 2 else "us") for day in (3, 1, 2))
    )
    await book.send(book.event("2024-06-02", tx="tie"))
    buckets = (spec("eu", region=["eu"]), spec())
    query = book.query(A.CUSTOM, "2024-06-01", "2024-07-01", field=None, buckets=buckets)
    seen = [(key[0], row.transaction_id) async for key, row in book.store.stream(query)]
    assert seen == [("eu", "1"), (None, "2"), (None, "tie"), ("eu", "3")]
    last = await book.store.last_event(query)
    assert last is not None
    assert last.transaction_id == "3"
    assert await book.store.seen_buckets(query) == {("eu", ()), (None, ())}
    assert await book.store.last_event(book.query(A.COUNT, "2024-08-01", "2024-09-01")) is None


async def test_inclusive_ends_become_exclusive_once() -> None:
    assert exclusive(at("2024-06-30 23:59:59.999999")) == at("2024-07-01")
