"""Aggregating a window in one snapshot: rollups where they are whole, raw events everywhere else (spec 08 C3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from billwright.billing.metering.store.postgres import reading_numbers, reading_uniques, reading_values
from billwright.billing.metering.store.postgres.connections import Pool, snapshot
from billwright.billing.metering.store.postgres.planning import plan, plan_many
from billwright.billing.metering.store.protocol import Aggregation, Query, Result, ResultKey


async def aggregate(pool: Pool, query: Query) -> dict[ResultKey, Result]:
    """Exact results of every bucket and group that has counted events (spec 08 C2)."""
    [results] = await aggregate_many(pool, [query])
    return results


async def aggregate_many(pool: Pool, queries: Sequence[Query]) -> list[dict[ResultKey, Result]]:
    """The same for several queries of one organization, all in one snapshot."""
    if any(query.aggregation is Aggregation.CUSTOM for query in queries):
        raise ValueError("custom aggregations fold events: use stream()")
    if not queries:
        return []
    async with snapshot(pool) as connection:
        plans = await plan_many(connection, queries)
        numbers = iter(
            await reading_numbers.aggregate_many(
                connection, [made for made in plans if made.query.aggregation is not Aggregation.UNIQUE]
            )
        )
        found: list[dict[ResultKey, Result]] = []
        for made in plans:
            unique = made.query.aggregation is Aggregation.UNIQUE
            results = await reading_uniques.aggregate(connection, made) if unique else next(numbers)
            if made.query.values is not None:
                results = await reading_values.with_values(connection, made, results)
            if made.query.prorated_entries:
                results = await reading_values.with_entries(connection, made, results)
            found.append(results)
        return found


async def is_active(pool: Pool, query: Query, value: str, key: ResultKey) -> bool:
    """Whether ``value`` is active in bucket and group ``key`` when the query's window (or boundary) ends."""
    async with snapshot(pool) as connection:
        return await reading_uniques.is_active(connection, await plan(connection, query), value, key)


async def seen_buckets(pool: Pool, query: Query) -> set[ResultKey]:
    """Buckets and groups that have counted events in the window (recurring: ever before its end)."""
    plain = replace(query, values=None, prorated_entries=False)
    if plain.aggregation is Aggregation.CUSTOM:
        plain = replace(plain, aggregation=Aggregation.COUNT, field=None)
    return set(await aggregate(pool, plain))
