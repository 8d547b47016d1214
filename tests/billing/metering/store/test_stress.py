"""Random late writes, rollbacks, deletions, rollers and sealers at once: never a difference (spec 08 C3, C6 13-14)."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from billwright.billing.metering.store.postgres import reading_numbers, reading_uniques
from billwright.billing.metering.store.postgres.connections import snapshot
from billwright.billing.metering.store.postgres.cutting import Cut
from billwright.billing.metering.store.postgres.planning import plan
from billwright.billing.metering.store.protocol import Aggregation, BucketSpec, EventIn, Query

from .conftest import Book, at

A = Aggregation
START = at("2024-06-01")
KINDS = {"sum": A.SUM, "count": A.COUNT, "max": A.MAX, "latest": A.LATEST, "weighted": A.WEIGHTED, "seats": A.UNIQUE}


def random_event(book: Book, rng: random.Random, clock: datetime, spread: timedelta) -> EventIn:
    code = rng.choice(list(KINDS))
    when = clock - rng.random() * spread if rng.random() < 0.5 else clock + rng.random() * timedelta(minutes=20)
    value: Any = f"u{rng.randrange(6)}" if code == "seats" else rng.choice([rng.randrange(-50, 50), "3.25", "x", None])
    return book.event(
        when,
        value,
        code=code,
        tx=f"{rng.randrange(3000)}",
        sub=rng.choice(["s1", "s2", "s3"]),
        region=rng.choice(["eu", "us", "", None]),
        operation_type=rng.choice(["add", "add", "remove", "other"]),
    )


def random_query(book: Book, rng: random.Random, clock: datetime) -> Query:
    code = rng.choice(list(KINDS))
    kind = KINDS[code]
    lower = START + rng.random() * timedelta(hours=20)
    buckets = (BucketSpec(id="eu", predicates={"region": frozenset({"eu"})}), BucketSpec(group_keys=("region",)))
    query = book.query(
        kind,
        lower.isoformat(),
        (lower + rng.random() * (clock + timedelta(hours=1) - START)).isoformat(),
        code=code,
        buckets=rng.choice([buckets, (BucketSpec(),)]),
        recurring=kind in (A.SUM, A.UNIQUE, A.WEIGHTED) and rng.random() < 0.5,
    )
    return Query(
        **{name: getattr(query, name) for name in Query.__slots__}
        | {"external_subscription_id": rng.choice(["s1", "s2", "s3"])}
    )


async def compare(book: Book, query: Query) -> int:
    """The same window from rollups and raw in one snapshot; returns how many intervals came from rollups."""
    async with snapshot(book.pool) as connection:
        made = await plan(connection, query)
        reader = reading_uniques if query.aggregation is A.UNIQUE else reading_numbers
        mixed = await reader.aggregate(connection, made)
        raw = type(made)(query, made.start, made.end, Cut([], [(made.first, made.end)]), 0, ())
        if made.first < made.end:
            assert mixed == await reader.aggregate(connection, raw), query
        else:
            assert mixed == {}
    return len(made.cut.rolled)


async def test_everything_at_once(book: Book) -> None:
    rng = random.Random(20240601)
    await book.from_the_start("2024-06-01")
    clock = [START + timedelta(hours=1)]
    for code, kind in KINDS.items():
        if code != "max":
            await book.define(kind, *(("region",) if code != "count" else ()), code=code)
    await book.roll()
    done = asyncio.Event()
    from_rollups = [0]

    class Stop(Exception):
        pass

    async def stop(_connection: Any) -> None:
        raise Stop

    async def writer(seed: int) -> None:
        mine = random.Random(seed)
        for _ in range(45):
            events = [random_event(book, mine, clock[0], timedelta(hours=12)) for _ in range(mine.randrange(1, 25))]
            how = mine.random()
            try:
                if how < 0.5:
                    await book.store.append(events)
                elif how < 0.7:
                    await book.store.append(events, in_transaction=stop)
                else:
                    await asyncio.gather(*(book.store.submit([each]) for each in events), return_exceptions=True)
            except Stop:
                pass
            clock[0] += timedelta(minutes=mine.randrange(12))

    async def until_done(work: Any) -> None:
        while not done.is_set():
            await work()
            await asyncio.sleep(rng.random() * 0.01)

    async def delete() -> None:
        await book.store.soft_delete(
            book.org, rng.choice(list(KINDS)), [rng.choice(["s1", "s2"])],
            received_until=at("2026-01-01"), deleted_at=at("2026-01-01"),
        )  # fmt: skip
        await asyncio.sleep(0.3)

    async def edit() -> None:
        code = rng.choice(["max", "sum", "seats"])
        await book.define(KINDS[code], *rng.choice([(), ("region",)]), code=code)
        await asyncio.sleep(0.2)

    async def read() -> None:
        from_rollups[0] += await compare(book, random_query(book, rng, clock[0]))

    async def write_all() -> None:
        await asyncio.gather(*(writer(seed) for seed in range(3)))
        done.set()

    await asyncio.gather(
        write_all(),
        until_done(lambda: book.store.seal(clock[0])),
        until_done(lambda: book.store.roll_dirty(min_age=timedelta(0), limit=20)),
        until_done(lambda: book.store.roll_dirty(org=book.org)),
        until_done(delete),
        until_done(edit),
        until_done(read),
        until_done(read),
    )
    assert from_rollups[0] > 0
    await book.store.seal(clock[0] + timedelta(hours=2))
    await book.roll()
    assert await book.dirty() == 0
    assert await book.differences() == []
    assert await book.rolled_rows() > 0
    for _ in range(60):
        await compare(book, random_query(book, rng, clock[0]))
    duplicates = await book.pool.fetchval(
        """SELECT count(*) FROM (SELECT FROM events
           GROUP BY organization_id, external_subscription_id, transaction_id HAVING count(*) > 1) twice"""
    )
    assert duplicates == 0
    assert await book.pool.fetchval("SELECT count(*) FROM events") == await book.pool.fetchval(
        "SELECT count(*) FROM event_keys"
    )


async def test_many_random_events_against_a_plain_model(book: Book) -> None:
    """A model that knows nothing of stores: dictionaries and loops over the events in order."""
    rng = random.Random(7)
    await book.from_the_start("2024-06-01")
    for code, kind in KINDS.items():
        await book.define(kind, "region", code=code)
    await book.roll()
    model: dict[tuple[str, str], EventIn] = {}
    order: list[EventIn] = []
    for step in range(12):
        clock = START + timedelta(hours=2 * step + 2)
        events = [random_event(book, rng, clock, timedelta(hours=2 * step + 2)) for _ in range(400)]
        for event, seq in zip(events, await book.send(*events), strict=True):
            key = (str(event.external_subscription_id), event.transaction_id)
            assert (seq is None) == (key in model)
            if key not in model:
                model[key] = event
                order.append(event)
        await book.seal_to(clock.isoformat())
        if step % 3 == 0:
            await book.roll()
    ranked = [event for _, event in sorted(enumerate(order), key=lambda pair: (pair[1].timestamp, pair[0]))]
    for _ in range(150):
        query = random_query(book, rng, START + timedelta(hours=24))
        if query.recurring or query.aggregation is A.WEIGHTED or len(query.buckets) > 1:
            continue
        assert query.lower is not None
        chosen = [
            event
            for event in ranked
            if (event.code, event.external_subscription_id) == (query.code, query.external_subscription_id)
            and query.lower <= event.timestamp < query.upper
        ]
        result = await book.store.aggregate(query)
        found = result.get((None, ()))
        assert (Fraction(0) if found is None else found.value) == naive(query.aggregation, chosen)


def naive(kind: Aggregation, events: list[EventIn]) -> Fraction:
    if kind is A.COUNT:
        return Fraction(len(events))
    if kind is A.UNIQUE:
        active: set[str] = set()
        for event in events:
            if event.properties["operation_type"] == "add":
                active.add(event.properties["v"])
            elif event.properties["operation_type"] == "remove":
                active.discard(event.properties["v"])
        return Fraction(len(active))
    numbers = [Fraction(str(e.properties["v"])) for e in events if e.properties.get("v") not in (None, "x")]
    if kind is A.SUM:
        return sum(numbers, Fraction(0))
    if not numbers:
        return Fraction(0)
    return max(numbers) if kind is A.MAX else max(numbers[-1], Fraction(0))
