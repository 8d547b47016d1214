"""Monthly partitions of ``events``. The default partition takes what no month was made for, and works the same."""

from __future__ import annotations

from datetime import UTC, datetime

from billwright.billing.metering.store.postgres.connections import Pool

MONTHS_AHEAD = 3


async def ensure_partitions(pool: Pool, first: datetime, last: datetime) -> int:
    """Make the months from ``first`` to ``last``, both included; returns how many were missing.

    Waits at most five seconds per month for running statements (``asyncpg.LockNotAvailableError``: try again later).
    """
    made = 0
    month = first.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month <= last:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '5s'")
            made += bool(await connection.fetchval("SELECT events_make_partition($1)", month))
        month = next_month(month, 1)
    return made


async def ensure_upcoming(pool: Pool, now: datetime) -> int:
    """The current month and the three after it."""
    return await ensure_partitions(pool, now, next_month(now.astimezone(UTC).replace(day=1), MONTHS_AHEAD))


async def stray_events(pool: Pool) -> int:
    """Events in the default partition, counted up to 1,000: should be zero apart from absurd timestamps."""
    async with pool.acquire() as connection:
        return await connection.fetchval("SELECT count(*) FROM (SELECT FROM events_default LIMIT 1000) stray")


def next_month(day: datetime, months: int) -> datetime:
    """The same day of month (which must exist) some months later."""
    years, month = divmod(day.month - 1 + months, 12)
    return day.replace(year=day.year + years, month=month + 1)
