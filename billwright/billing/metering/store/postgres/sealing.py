"""Sealing: turning quarters that are over into rollups (spec 08 C3 "Sealing").

First ``marking_until`` moves forward while no append runs: from then on an event older than it leaves a dirty marker.
Then the quarters up to it are aggregated, and only when that commits does ``readable_until`` follow.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from billwright.billing.metering.store.postgres.connections import Connection, Pool
from billwright.billing.metering.store.postgres.locks import APPEND, SEALING
from billwright.billing.metering.store.postgres.rollup_sql import LIVE, Writer
from billwright.billing.metering.store.quarters import QUARTER_US, floor_quarter, from_us, to_us

GRACE = timedelta(seconds=60)
_STEP = 16 * QUARTER_US
_WIDEST = 32 * 96 * QUARTER_US

_SOURCE = f"""
  FROM events e JOIN rollup_defs d ON d.organization_id = e.organization_id AND d.code = e.code
  WHERE e.ts >= $1 AND e.ts < $2 AND {LIVE}
"""
_WRITER = Writer(_SOURCE)


async def seal(pool: Pool, now: datetime) -> int:
    """Seal every quarter that ended at least ``GRACE`` before ``now`` (system time). Returns how many quarters.

    Safe to call from several processes: one seals, the others return 0. Interrupted work is repeated by the next call.
    """
    await _mark(pool, floor_quarter(to_us(now - GRACE)))
    sealed, width = 0, _STEP
    while True:
        quarters, rows = await _seal_step(pool, width)
        if not quarters:
            return sealed
        sealed += quarters
        width = _STEP if rows else min(2 * width, _WIDEST)


async def _mark(pool: Pool, target: int) -> None:
    async with pool.acquire() as connection:
        if await connection.fetchval("SELECT marking_until FROM rollup_state") >= target:
            return
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '20s'; SELECT pg_advisory_xact_lock({APPEND})")
            await connection.execute("UPDATE rollup_state SET marking_until = greatest(marking_until, $1)", target)


async def _seal_step(pool: Pool, width: int) -> tuple[int, int]:
    """Seal up to ``width`` in one transaction: quarters and rollup rows, none when all is done or another is at it.

    A step is four hours, more after empty ones: catching up after a pause takes moments.
    """
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", SEALING):
            return 0, 0
        state = await connection.fetchrow("SELECT readable_until, marking_until FROM rollup_state")
        assert state is not None
        low: int = state["readable_until"]
        high = min(low + width, int(state["marking_until"]))
        if low >= high:
            return 0, 0
        await heavy(connection)
        rows = await _WRITER.write(connection, from_us(low), from_us(high))
        await connection.execute("UPDATE rollup_state SET readable_until = $1", high)
        return (high - low) // QUARTER_US, rows


async def heavy(connection: Connection) -> None:
    """Session settings of a transaction that aggregates many events."""
    await connection.execute("SET LOCAL jit = off; SET LOCAL work_mem = '64MB'")
