"""Worked examples of the aggregation types, read raw, from sealed rollups and from rolled ones (spec 01 §5-6)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from billwright.billing.metering.aggregation.final import ceil5, final_units
from billwright.billing.metering.store.protocol import Aggregation, Proration, Result, exclusive

from .conftest import at

A = Aggregation


def june_events(book: Any) -> list[Any]:
    return [
        book.event("2024-06-02", 5),
        book.event("2024-06-05", "3.5"),
        book.event("2024-06-09", "abc"),
        book.event("2024-06-12", -2),
        book.event("2024-06-20", 7),
        book.event("2024-06-25"),
        book.event("2024-07-01", 100),
    ]


@pytest.mark.parametrize(
    ("kind", "units", "events"),
    [
        (A.COUNT, "6", 6),
        (A.SUM, "13.5", 4),
        (A.MAX, "7", 4),
        (A.LATEST, "7", 4),
        (A.UNIQUE, "5", 5),
        (A.WEIGHTED, "9.16666666666666666667", 4),
    ],
)
async def test_example_7(book: Any, reach: Any, kind: Aggregation, units: str, events: int) -> None:
    await reach(kind, *june_events(book))
    result = await book.one(book.query(kind, "2024-06-01", "2024-07-01", days=30))
    assert final_units(kind, result.value, prorated=False) == Decimal(units)
    assert result.events_count == events
    if kind is A.WEIGHTED:
        assert result.level_at_end == Fraction(27, 2)


async def test_example_6_first_window_starts_at_the_exact_instant(book: Any, reach: Any) -> None:
    inside = ("2024-06-10 14:25:36.123", "2024-07-01 03:59:59.999")
    outside = ("2024-06-10 14:25:36.122", "2024-07-01 04:00:00.000")
    await reach(A.COUNT, *(book.event(moment) for moment in inside + outside))
    upper = exclusive(at("2024-07-01 03:59:59.999999")).isoformat()
    first = await book.one(book.query(A.COUNT, "2024-06-10 14:25:36.123", upper))
    second = await book.one(book.query(A.COUNT, "2024-07-01 04:00", "2024-08-01 04:00"))
    assert (first.events_count, second.events_count) == (2, 1)


async def test_example_8_unique_count_is_what_is_active_at_the_end(book: Any, reach: Any) -> None:
    operations = [("A", "add"), ("A", "add"), ("B", "remove"), ("B", "add"), ("A", "remove"), ("C", "add")]
    await reach(
        A.UNIQUE,
        *(book.event(f"2024-06-05 10:{5 * i:02d}", v, operation_type=op) for i, (v, op) in enumerate(operations)),
        book.event("2024-06-05 11:00", "D", operation_type="delete"),
        book.event("2024-06-05 11:00", "", operation_type="add"),
        book.event("2024-06-05 11:00"),
    )
    result = await book.one(book.query(A.UNIQUE, "2024-06-01", "2024-07-01"))
    assert (result.value, result.events_count) == (2, 2)


async def test_metered_unique_count_forgets_earlier_periods(book: Any, reach: Any) -> None:
    await reach(
        A.UNIQUE,
        book.event("2024-05-20", "A"),
        book.event("2024-06-02", "A", operation_type="remove"),
        book.event("2024-06-03", "B"),
        book.event("2024-05-03", "C"),
    )
    metered = await book.one(book.query(A.UNIQUE, "2024-06-01", "2024-07-01"))
    recurring = await book.one(book.query(A.UNIQUE, "2024-06-01", "2024-07-01", recurring=True))
    assert metered.value == 1
    assert (recurring.value, recurring.carried) == (2, 2)


def units(result: Result) -> Decimal:
    return final_units(A.WEIGHTED, result.value, prorated=False)


async def test_example_9_weighted_sum(book: Any, reach: Any) -> None:
    await reach(
        A.WEIGHTED,
        book.event("2024-06-01", 10),
        book.event("2024-06-11", 5),
        book.event("2024-06-21", -8),
        book.event("2024-07-16", 3),
    )
    june = await book.one(book.query(A.WEIGHTED, "2024-06-01", "2024-07-01", days=30))
    assert (units(june), june.level_at_end) == (Decimal("10.66666666666666666667"), 7)
    july = await book.one(book.query(A.WEIGHTED, "2024-07-01", "2024-08-01", days=31, recurring=True))
    assert (units(july), july.level_at_end) == (Decimal("8.54838709677419354839"), 10)
    assert july.events_count == 1


async def test_example_9_without_the_removal(book: Any, reach: Any) -> None:
    await reach(A.WEIGHTED, book.event("2024-06-01", 10), book.event("2024-06-11", 5))
    assert units(await book.one(book.query(A.WEIGHTED, "2024-06-01", "2024-07-01", days=30))) == Decimal(
        "13.33333333333333333334"
    )
    upper = exclusive(at("2024-06-21 12:00")).isoformat()
    assert units(await book.one(book.query(A.WEIGHTED, "2024-06-01", upper, days=30))) == Decimal(
        "8.58333333333333333334"
    )
    july = book.query(A.WEIGHTED, "2024-07-01", "2024-08-01", days=31, recurring=True)
    assert (await book.one(july)).value == 15
    metered = book.query(A.WEIGHTED, "2024-07-01", "2024-08-01", days=31)
    assert (await book.one(metered)).value == 0


async def test_example_10_weighted_sum(book: Any, reach: Any) -> None:
    await reach(
        A.WEIGHTED,
        book.event("2024-03-05", 2500),
        book.event("2023-03-16", 20),
        book.event("2023-03-17", 10),
    )
    started = await book.one(book.query(A.WEIGHTED, "2024-03-05", "2024-04-01", days=31))
    assert units(started) == Decimal("2177.41935483870967741936")
    earlier = await book.one(book.query(A.WEIGHTED, "2023-03-01", "2023-04-01", days=31))
    assert units(earlier) == Decimal("15.1612903225806451613")


def days(start: str, end: str, zone: str = "UTC") -> Proration:
    return Proration(timezone=zone, start_day=date.fromisoformat(start), end_day=date.fromisoformat(end))


async def test_example_11_prorated_sum(book: Any, reach: Any) -> None:
    await reach(
        A.SUM, book.event("2024-05-01", 4), book.event("2024-07-10 12:00", 2), book.event("2024-07-22 12:00", -1)
    )

    async def value(lower: str, upper: str, first: str, last: str) -> Result:
        return await book.one(book.query(A.SUM, lower, upper, days=31, recurring=True, proration=days(first, last)))

    full = await value("2024-07-01", "2024-08-01", "2024-07-01", "2024-07-31")
    assert (ceil5(full.value), full.full_value, full.carried) == (Decimal("5.09678"), 5, 4)
    ended = exclusive(at("2024-07-15 14:00")).isoformat()
    terminated = await value("2024-07-01", ended, "2024-07-01", "2024-07-15")
    assert (ceil5(terminated.value), terminated.full_value) == (Decimal("2.32259"), 6)
    upgraded = await value("2024-07-01", "2024-07-15 14:00", "2024-07-01", "2024-07-14")
    assert ceil5(upgraded.value) == Decimal("2.12904")
    assert upgraded.events_count == 2


async def test_example_11_new_plan_after_the_upgrade(book: Any, reach: Any) -> None:
    await reach(A.SUM, book.event("2024-05-01", 4), book.event("2024-07-10 12:00", 2))
    query = book.query(
        A.SUM,
        "2024-07-15 14:00",
        "2024-08-01",
        days=31,
        recurring=True,
        proration=days("2024-07-15", "2024-07-31"),
    )
    assert ceil5((await book.one(query)).value) == Decimal("3.29033")


def june(book: Any, **more: Any) -> Any:
    return book.query(
        A.UNIQUE,
        "2024-06-01",
        "2024-07-01",
        days=30,
        recurring=True,
        proration=days("2024-06-01", "2024-06-30"),
        **more,
    )


async def test_example_12_prorated_unique_count(book: Any, reach: Any) -> None:
    await reach(
        A.UNIQUE,
        book.event("2024-05-20 09:00", "u1"),
        book.event("2024-06-11 09:00", "u2"),
        book.event("2024-06-05 09:00", "u3"),
        book.event("2024-06-14 09:00", "u3", operation_type="remove"),
        book.event("2024-05-04 09:00", "u4"),
        book.event("2024-06-09 09:00", "u4", operation_type="remove"),
        book.event("2024-06-20 09:00", "u5"),
        book.event("2024-06-20 17:00", "u5", operation_type="remove"),
        book.event("2024-04-01 09:00", "u6"),
        book.event("2024-05-30 09:00", "u6", operation_type="remove"),
    )
    result = await book.one(june(book))
    assert result.value == Fraction(70, 30)
    assert (ceil5(result.value), result.full_value, result.events_count) == (Decimal("2.33334"), 2, 2)
    assert result.carried == 2


async def test_example_13_several_operations_of_one_day(book: Any, reach: Any) -> None:
    await reach(
        A.UNIQUE,
        book.event("2024-06-27 08:00", "u"),
        book.event("2024-06-27 09:00", "u", operation_type="remove"),
        book.event("2024-06-27 10:00", "u"),
        book.event("2024-06-28 09:00", "u", operation_type="remove"),
        book.event("2024-06-30 09:00", "u"),
    )
    result = await book.one(june(book))
    assert (ceil5(result.value), result.full_value) == (Decimal("0.1"), 1)


async def test_example_14_seat_over_two_months(book: Any, reach: Any) -> None:
    await reach(
        A.UNIQUE,
        book.event("2024-09-15 12:00", "seat"),
        book.event("2024-10-22 12:00", "seat", operation_type="remove"),
    )
    september = book.query(
        A.UNIQUE, "2024-09-01", "2024-10-01", days=30, recurring=True, proration=days("2024-09-01", "2024-09-30")
    )
    october = book.query(
        A.UNIQUE, "2024-10-01", "2024-11-01", days=31, recurring=True, proration=days("2024-10-01", "2024-10-31")
    )
    assert ceil5((await book.one(september)).value) == Decimal("0.53334")
    result = await book.one(october)
    assert (ceil5(result.value), result.full_value) == (Decimal("0.70968"), 0)
