"""Several queries in one snapshot answer like one at a time (protocol ``aggregate_many``)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from billwright.billing.metering.store.postgres import reading_numbers
from billwright.billing.metering.store.protocol import Aggregation as A
from billwright.billing.metering.store.protocol import BucketSpec, Proration, Query, ValuesRequest
from tests.billing.metering.store.conftest import Book

KINDS = (A.COUNT, A.SUM, A.MAX, A.LATEST, A.UNIQUE, A.WEIGHTED)
EU = (BucketSpec(id="eu", predicates={"region": frozenset({"eu"})}, group_keys=("team",)), BucketSpec())


async def fill(book: Book) -> list[Query]:
    """Events of every kind of metric, half of them in rollups, and queries that differ in every way they can."""
    await book.from_the_start("2024-06-01")
    for kind in KINDS:
        await book.define(kind, "region", "team", code=kind.value)
    await book.send(
        *(
            book.event(
                f"2024-06-{day:02d} {hour:02d}:07",
                day * 3 % 7 + hour,
                code=kind.value,
                cents=str(day),
                region="eu" if day % 2 else "us",
                team=f"t{hour % 3}",
            )
            for kind in KINDS
            for day in range(1, 21)
            for hour in (1, 13)
        )
    )
    await book.seal_to("2024-06-12")
    queries: list[Query] = []
    for kind in KINDS:
        month = book.query(kind, "2024-06-01", "2024-07-01", code=kind.value, days=30)
        queries += [
            month,
            replace(month, buckets=EU),
            replace(month, lower=None, upper=month.upper) if kind is not A.WEIGHTED else month,
            book.query(kind, "2024-06-03 10:05", "2024-06-15 13:07", code=kind.value, days=30),
            book.query(kind, "2024-08-01", "2024-08-01", code=kind.value),
            book.query(kind, "2024-06-01", "2024-07-01", code="unknown"),
        ]
    calendar = Proration(timezone="Europe/Paris", start_day=date(2024, 6, 5), end_day=date(2024, 7, 4))
    for kind in (A.SUM, A.UNIQUE):
        prorated = book.query(kind, "2024-06-05", "2024-07-05", code=kind.value, days=30, recurring=True)
        queries += [prorated, replace(prorated, proration=calendar)]
        queries.append(replace(prorated, proration=calendar, prorated_entries=True))
    summed = book.query(A.SUM, "2024-06-01", "2024-07-01", code=A.SUM.value, buckets=EU)
    return [*queries, replace(summed, values=ValuesRequest(first=4)), replace(summed, external_subscription_id="other")]


@pytest.mark.parametrize("longest", [1, 3_000, 14_000])
async def test_many_answer_like_one_at_a_time(book: Book, monkeypatch: pytest.MonkeyPatch, longest: int) -> None:
    """However the texts are put together: each alone, a few at once, or all."""
    queries = await fill(book)
    single: list[Any] = [await book.store.aggregate(query) for query in queries]
    assert sum(bool(found) for found in single) > len(queries) // 2
    monkeypatch.setattr(reading_numbers, "_LONGEST_STATEMENT", longest)
    assert await book.store.aggregate_many(queries) == single
    assert await book.store.aggregate_many(queries[::-1]) == single[::-1]


async def test_nothing_asked_nothing_answered(book: Book) -> None:
    assert await book.store.aggregate_many([]) == []


async def test_custom_aggregations_are_not_read_here(book: Book) -> None:
    with pytest.raises(ValueError, match="stream"):
        await book.store.aggregate_many([book.query(A.CUSTOM, None, "2024-07-01", field=None)])
