# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Appending events: one transaction that deduplicates, stores, and marks quarters already sealed (spec 08 C3).

The shared advisory lock comes first. A seal takes it exclusively before it moves ``marking_until``; so an append either
commits before the seal reads, or sees the new mark and leaves a dirty marker. Ledger keys are inserted in key order and
markers in key order, always in one statement per transaction: concurrent appends cannot deadlock.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from itertools import islice
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
from asyncpg.pgproto.pgproto import UUID  # pyright: ignore
from uuid_utils import uuid7

from billwright.billing.metering.store.encoding import fifteen_places, json_text, ledger_digest
from billwright.billing.metering.store.postgres import instant, watching
from billwright.billing.metering.store.postgres.binary_rows import COLUMNS, copy_data, microseconds, pack, pack_rest
from billwright.billing.metering.store.postgres.connections import Connection, Pool
from billwright.billing.metering.store.postgres.locks import SHARE_APPEND
from billwright.billing.metering.store.protocol import Appended, EventIn, TransactionHook
from billwright.billing.metering.store.quarters import floor_quarter

MAX_APPEND = 20_000
"""Most events of one transaction."""

_ATTEMPTS = 4

_CLAIM = f"""
WITH held AS MATERIALIZED ({SHARE_APPEND}), won AS (
  INSERT INTO event_keys (key, ts)
  SELECT key, timestamptz 'epoch' + us * interval '1 microsecond'
  FROM held, unnest($1::uuid[], $2::bigint[]) AS staged(key, us) ORDER BY key
  ON CONFLICT DO NOTHING RETURNING key
)
SELECT CASE WHEN count(*) < cardinality($1) THEN array_agg(key) END AS kept, count(*) AS n FROM won
"""
"""The sort reads all of its input, the lock included, before the first key is entered."""

_NUMBERS = "ARRAY(SELECT nextval('event_seq') FROM generate_series(1, $1::int))"
_NUMBER = (
    f"SELECT marking_until, {_NUMBERS} AS numbers, {instant.CODES} AS instant, {watching.ORGANIZATIONS} AS watched"
    " FROM rollup_state"
)

_MARK_LATE = """
INSERT INTO usage_dirty (organization_id, external_subscription_id, code, bucket, gen)
SELECT organization_id, external_subscription_id, code, bucket, nextval('dirty_gen')
FROM (
  SELECT DISTINCT organization_id, external_subscription_id COLLATE "C" AS external_subscription_id,
         code COLLATE "C" AS code, bucket
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
    AS late(organization_id, external_subscription_id, code, bucket)
  ORDER BY 1, 2, 3, 4
) late
ON CONFLICT (organization_id, external_subscription_id, code, bucket) DO UPDATE SET gen = nextval('dirty_gen')
"""


class Staged:
    """Events of one request, ready to be stored: ledger keys, fresh ids and packed rows, in arrival order."""

    __slots__ = ("codes", "events", "ids", "keys", "repeated", "rows", "times")

    def __init__(self, events: Sequence[EventIn]) -> None:
        self.events = events
        self.ids: list[uuid.UUID] = []
        self.keys: list[bytes] = []
        self.rows: list[bytes] = []
        self.times: list[int] = []
        """Timestamps in microseconds since 1970."""
        self.codes: set[instant.Code] = set()
        like: EventIn | None = None
        rest = organization = b""
        codes: set[str] = set()
        for event in events:
            if (
                like is None
                or event.created_at is not like.created_at
                or event.metadata is not like.metadata
                or event.source is not like.source
                or event.organization_id is not like.organization_id
            ):
                like, rest, organization = event, pack_rest(event), event.organization_id.bytes
                codes.clear()
            if event.code not in codes:
                codes.add(event.code)
                self.codes.add((event.organization_id, event.code))
            transaction_id = event.transaction_id.encode()
            external_id = event.external_subscription_id
            subscription = None if external_id is None else external_id.encode()
            identity = uuid7().bytes
            us = microseconds(event.timestamp)
            self.keys.append(ledger_digest(organization, subscription, transaction_id))
            self.ids.append(UUID(identity))
            self.times.append(us)
            self.rows.append(pack(event, identity, us, (transaction_id, subscription), rest))
        self.repeated: set[int] = set()
        """Places whose key an earlier event of the same request has."""
        if len(set(self.keys)) < len(self.keys):
            first: dict[bytes, int] = {}
            self.repeated = {place for place, key in enumerate(self.keys) if first.setdefault(key, place) != place}


class Writing:
    """What one transaction stores: staged requests, no key in two of them. First ``claim``, then ``store``."""

    def __init__(self, parts: Sequence[Staged]) -> None:
        self._parts = parts
        self._keys = [key for part in parts for key in part.keys]
        self._times = [us for part in parts for us in part.times]
        self._rows = [row for part in parts for row in part.rows]
        self._chosen: Sequence[int] = range(len(self._keys))
        """Places of what is stored, counted through all parts."""
        self._numbers: dict[int, int] = {}
        if any(part.repeated for part in parts):
            repeated = [place in part.repeated for part in parts for place in range(len(part.keys))]
            self._chosen = [place for place in self._chosen if not repeated[place]]

    async def claim(self, connection: Connection) -> set[bytes]:
        """Enter the keys into the ledger; returns those that are taken already, whose events will not be stored.

        Takes the append lock, which is held until the transaction ends: it must be short.
        """
        keys = [self._keys[place] for place in self._chosen]
        won = await connection.fetchrow(_CLAIM, list(map(UUID, keys)), [self._times[place] for place in self._chosen])
        assert won is not None
        if won["n"] == len(keys):
            return set()
        lost = set(keys).difference(key.bytes for key in won["kept"] or ())
        self._chosen = [place for place in self._chosen if self._keys[place] not in lost]
        return lost

    async def store(self, connection: Connection) -> None:
        """Store the events whose keys were won; mark sealed quarters; hand over what is billed in advance."""
        if not self._chosen:
            return
        codes = list({code for part in self._parts for code in part.codes})
        state = await connection.fetchrow(
            _NUMBER, len(self._chosen), [code[0] for code in codes], [code[1] for code in codes]
        )
        assert state is not None
        numbers: list[int] = state["numbers"]
        places: list[int] = state["instant"]
        in_advance = {codes[place - 1] for place in places}
        at_once = [
            place
            for place in (self._chosen if in_advance else ())
            if (event := self._event(place)).external_subscription_id
            and (event.organization_id, event.code) in in_advance
        ]
        if at_once:
            events = [self._event(place) for place in at_once]
            await instant.lock_appends(
                connection, {(event.organization_id, event.external_subscription_id or "") for event in events}
            )
            numbers = await connection.fetchval(f"SELECT {_NUMBERS}", len(self._chosen))
        self._numbers = dict(zip(self._chosen, numbers, strict=True))
        rows = self._rows if len(self._chosen) == len(self._rows) else [self._rows[place] for place in self._chosen]
        await connection.copy_to_table("events", source=copy_data(numbers, rows), columns=COLUMNS, format="binary")
        await self._mark_late(connection, state["marking_until"])
        if at_once:
            await instant.hand_over(
                connection,
                [self._numbers[place] for place in at_once],
                [_described(self._event(place)) for place in at_once],
                in_advance,
            )
        watched = set(state["watched"])
        if watched:
            events = map(self._event, self._chosen)
            await watching.mark(
                connection,
                (
                    (event.organization_id, event.external_subscription_id)
                    for event in events
                    if event.external_subscription_id and event.organization_id in watched
                ),
            )

    def results(self) -> list[list[Appended]]:
        """For each part what became of its events, in their order."""
        numbers = iter(list(map(self._numbers.get, range(len(self._keys)))))
        return [list(map(Appended, part.ids, islice(numbers, len(part.ids)))) for part in self._parts]

    async def _mark_late(self, connection: Connection, marking_until: int) -> None:
        quarters = [
            (event.organization_id, event.external_subscription_id, event.code, floor_quarter(self._times[place]))
            for place in self._chosen
            if self._times[place] < marking_until and (event := self._event(place)).external_subscription_id is not None
        ]
        if quarters:
            await connection.execute(_MARK_LATE, *map(list, zip(*quarters, strict=True)))

    def _event(self, place: int) -> EventIn:
        for part in self._parts:
            if place < len(part.events):
                return part.events[place]
            place -= len(part.events)
        raise IndexError(place)


def _described(event: EventIn) -> tuple[Any, ...]:
    """The values that ``instant.hand_over`` copies, in the order of the table of events."""
    precise = event.precise_total_amount_cents
    return (
        None,
        event.organization_id,
        event.external_subscription_id,
        event.code,
        event.transaction_id,
        event.timestamp,
        json_text(event.properties),
        None if precise is None else fifteen_places(precise),
    )


async def append(
    pool: Pool, events: Sequence[EventIn], in_transaction: TransactionHook | None = None
) -> list[Appended]:
    """Store ``events`` in one transaction; duplicates come back with ``seq`` None. At most ``MAX_APPEND`` events."""
    if len(events) > MAX_APPEND:
        raise ValueError(f"at most {MAX_APPEND} events in one append")
    staged = Staged(events)
    for attempt in range(_ATTEMPTS):
        try:
            async with pool.acquire() as connection, connection.transaction():
                writing = Writing([staged])
                if events:
                    await writing.claim(connection)
                    await writing.store(connection)
                if in_transaction is not None:
                    await in_transaction(connection)
            return writing.results()[0]
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.02 * (attempt + 1))
    raise AssertionError("unreachable")


async def taken(connection: Connection, keys: Sequence[bytes]) -> set[bytes]:
    """Those of ``keys`` that stored events already have."""
    rows = await connection.fetch("SELECT key FROM event_keys WHERE key = ANY($1::uuid[])", list(map(UUID, keys)))
    return {row[0].bytes for row in rows}
