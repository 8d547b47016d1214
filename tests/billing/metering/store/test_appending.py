"""Appending: deduplication, atomic requests, group commit, late markers (spec 01 §2.5-2.6, 08 C3, C6 6-8)."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from billwright.billing.metering.store.encoding import json_text, ledger_key
from billwright.billing.metering.store.protocol import (
    Aggregation,
    DuplicateEvents,
    EventIn,
    InvalidEvent,
)

from .conftest import Book, at


async def stored(book: Book) -> int:
    return await book.pool.fetchval("SELECT count(*) FROM events WHERE organization_id = $1", book.org)


async def test_first_copy_wins_whatever_else_differs(book: Book) -> None:
    first = await book.send(book.event("2024-06-01", 1, tx="x"))
    assert first[0] is not None
    again = [
        book.event("2024-06-01", 1, tx="x"),
        book.event("2024-09-15", 1, tx="x"),
        book.event("2024-06-01", 1, tx="x", code="other"),
    ]
    assert await book.send(*again, book.event("2024-06-01", 2, tx="x", sub="another")) == [
        None,
        None,
        None,
        first[0] + 1,
    ]
    assert await book.send(book.event("2024-06-01", tx="x", sub=None)) != [None]
    assert await book.send(book.event("2024-06-01", tx="x", sub=None)) == [None]
    with pytest.raises(DuplicateEvents):
        await book.store.submit([book.event("2024-06-01", 1, tx="x")])
    assert (await stored(book)) == 3


async def test_repeats_inside_an_append_keep_the_first_in_arrival_order(book: Book) -> None:
    seqs = await book.send(
        book.event("2024-06-01", 1, tx="b"),
        book.event("2024-06-01", 2, tx="a"),
        book.event("2024-06-01", 3, tx="b"),
        book.event("2024-06-01", 4, tx="c"),
    )
    assert seqs[2] is None
    kept = [seq for seq in seqs if seq is not None]
    assert kept == sorted(kept)
    row = await book.store.get(book.org, "b")
    assert row is not None
    assert row.properties == {"v": 1}
    assert row.seq == seqs[0]


async def test_seq_created_at_and_id_rise_together(book: Book) -> None:
    await book.send(*(book.event("2024-06-01", i, tx=f"{random.random()}") for i in range(300)))
    rows = await book.pool.fetch("SELECT id FROM events ORDER BY seq")
    ids = [row[0].int for row in rows]
    assert ids == sorted(ids)


async def test_a_batch_request_is_all_or_nothing_and_hurts_no_neighbour(book: Book) -> None:
    await book.send(book.event("2024-06-01", tx="taken"))
    bad = [book.event("2024-06-01", tx=tx) for tx in ("n1", "taken", "n2", "n1")]
    simple = [book.event("2024-06-01", tx=tx) for tx in ("m1", "taken")]
    good = [[book.event("2024-06-01", tx=f"g{i}-{j}") for j in range(5)] for i in range(20)]
    answers = await asyncio.gather(
        *(book.store.submit(request) for request in (*good[:10], bad, simple, *good[10:])), return_exceptions=True
    )
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(each) for each in failures] == [DuplicateEvents, DuplicateEvents]
    assert [each.indices for each in failures] == [[1, 3], [1]]  # type: ignore[attr-defined]
    assert await stored(book) == 1 + 100
    assert not [
        seq for seq in await book.send(*(book.event("2024-06-01", tx=tx) for tx in ("n1", "n2", "m1"))) if seq is None
    ]


async def test_requests_of_duplicates_alone_leave_the_group_as_it_is(book: Book) -> None:
    """They entered no key, so their neighbours are committed by the same transaction, not run again."""
    await book.send(*(book.event("2024-06-01", tx=f"old{i}") for i in range(4)))
    requests = [[book.event("2024-06-01", i, tx=tx)] for i, tx in enumerate(("old0", "a", "old1", "b", "old2", "c"))]
    requests.append([book.event("2024-06-01", tx="old3"), book.event("2024-06-01", tx="old0")])
    before = await book.pool.fetchval("SELECT last_value FROM event_seq")
    answers = await asyncio.gather(*(book.store.submit(each) for each in requests), return_exceptions=True)
    refused = [answer.indices for answer in answers if isinstance(answer, DuplicateEvents)]
    assert refused == [[0], [0], [0], [0, 1]]
    kept = [answer[0].seq for answer in answers if isinstance(answer, list)]
    assert kept == sorted(kept)
    assert await stored(book) == 7
    assert await book.pool.fetchval("SELECT last_value FROM event_seq") == before + 3


async def test_requests_of_one_group_that_share_a_key_are_settled_one_after_the_other(book: Book) -> None:
    requests = [[book.event("2024-06-01", i, tx="same"), book.event("2024-06-01", i, tx=f"own{i}")] for i in range(8)]
    answers = await asyncio.gather(*(book.store.submit(each) for each in requests), return_exceptions=True)
    assert sum(isinstance(answer, DuplicateEvents) for answer in answers) == 7
    assert all(answer.indices == [0] for answer in answers if isinstance(answer, DuplicateEvents))
    assert await stored(book) == 2


async def test_racing_duplicates_are_stored_once(book: Book) -> None:
    ids = [f"r{i}" for i in range(60)]

    async def writer(seed: int) -> int:
        order = list(ids)
        random.Random(seed).shuffle(order)
        won = 0
        for start in range(0, 60, 15):
            won += sum(
                seq is not None
                for seq in await book.send(*(book.event("2024-06-01", tx=tx) for tx in order[start : start + 15]))
            )
        return won

    async def requester(seed: int) -> int:
        order = list(ids)
        random.Random(seed).shuffle(order)
        answers = await asyncio.gather(
            *(book.store.submit([book.event("2024-06-01", tx=tx)]) for tx in order), return_exceptions=True
        )
        assert all(isinstance(each, (list, DuplicateEvents)) for each in answers)
        return sum(isinstance(each, list) for each in answers)

    won = await asyncio.gather(*(writer(i) for i in range(5)), *(requester(i) for i in range(5)))
    assert sum(won) == 60
    assert await stored(book) == 60


async def test_an_answer_means_durable_and_a_database_failure_reaches_every_caller(book: Book) -> None:
    answer = await book.store.submit([book.event("2024-06-01", tx="d")])
    other = await asyncpg.connect(book.pool._connect_args[0])
    try:
        assert await other.fetchval("SELECT seq FROM events WHERE transaction_id = 'd'") == answer[0].seq
        await other.execute("ALTER TABLE events ADD CONSTRAINT no_poison CHECK (code <> 'poison') NOT VALID")
        requests = [[book.event("2024-06-01", tx=f"p{i}", code="poison" if i == 3 else None)] for i in range(6)]
        answers = await asyncio.gather(*(book.store.submit(each) for each in requests), return_exceptions=True)
        assert [isinstance(each, asyncpg.CheckViolationError) for each in answers] == [i == 3 for i in range(6)]
        assert await stored(book) == 6
    finally:
        await other.execute("ALTER TABLE events DROP CONSTRAINT IF EXISTS no_poison")
        await other.close()


async def test_rolled_back_append_leaves_no_trace(book: Book) -> None:
    class Stop(Exception):
        pass

    async def fail(connection: Any) -> None:
        assert await connection.fetchval("SELECT count(*) FROM events") == 1
        raise Stop

    event = book.event("2024-06-01", tx="x")
    with pytest.raises(Stop):
        await book.store.append([event], in_transaction=fail)
    for table in ("events", "event_keys", "usage_dirty"):
        assert await book.pool.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await book.send(event) != [None]


async def test_what_runs_in_the_transaction_commits_with_it(book: Book) -> None:
    await book.pool.execute("CREATE TABLE IF NOT EXISTS checkpoint_probe (place int)")

    async def checkpoint(connection: Any) -> None:
        await connection.execute("INSERT INTO checkpoint_probe VALUES (1)")

    await book.store.append([], in_transaction=checkpoint)
    assert await book.pool.fetchval("SELECT count(*) FROM checkpoint_probe") == 1
    await book.pool.execute("DROP TABLE checkpoint_probe")


async def test_only_late_events_with_a_subscription_leave_markers(book: Book) -> None:
    await book.from_the_start("2024-06-01 10:15")
    await book.send(book.event("2024-06-01 10:15:00"), book.event("2024-06-01 10:14:59", sub=None))
    assert await book.dirty() == 0
    await book.send(book.event("2024-06-01 10:14:59.999999"), book.event("2024-06-01 10:00"))
    assert await book.dirty() == 1
    generation = await book.pool.fetchval("SELECT gen FROM usage_dirty")
    await book.send(book.event("2024-06-01 10:01"))
    assert await book.pool.fetchval("SELECT gen FROM usage_dirty") > generation


async def test_microseconds_are_kept(book: Book) -> None:
    await book.send(book.event("2024-06-01 10:14:59.999999", tx="m"))
    row = await book.store.get(book.org, "m")
    assert row is not None
    assert row.timestamp == at("2024-06-01 10:14:59.999999")


def test_the_ledger_key_separates_its_parts() -> None:
    org = uuid.uuid4()
    keys = {
        ledger_key(org, None, "ab"),
        ledger_key(org, "", "ab"),
        ledger_key(org, "a", "b"),
        ledger_key(org, "ab", ""),
        ledger_key(uuid.uuid4(), "a", "b"),
    }
    assert len(keys) == 5
    assert ledger_key(org, "a", "b") == ledger_key(uuid.UUID(str(org)), "a", "b")


async def test_any_json_can_be_stored(book: Book) -> None:
    properties: dict[str, Any] = {
        "nul": "a\x00b",
        "lone": "\ud800x",
        "huge": Decimal("1e99999"),
        "tiny": Decimal("1e-30"),
        "float": 0.1,
        "nested": {"a": [1, Decimal("2.50"), None, True]},
    }
    await book.send(book.event("2024-06-01", tx="j", **properties))
    row = await book.store.get(book.org, "j")
    assert row is not None
    assert row.properties == {
        "nul": "a�b",
        "lone": "�x",
        "huge": "1E+99999",
        "tiny": Decimal("1e-30"),
        "float": Decimal("0.1"),
        "nested": {"a": [1, Decimal("2.50"), None, True]},
    }


def test_json_text_keeps_the_scale_of_decimals() -> None:
    assert json_text({"v": Decimal("1.50")}) == '{"v":1.50}'


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"transaction_id": "a\x00"}, "transaction_id"),
        ({"code": "x" * 801}, "code"),
        ({"external_subscription_id": "\ud800"}, "external_subscription_id"),
        ({"timestamp": at("2024-06-01").replace(tzinfo=None)}, "timestamp"),
        ({"precise_total_amount_cents": Decimal("1e24")}, "precise_total_amount_cents"),
    ],
)
def test_what_no_store_can_hold_is_refused_before_it_meets_others(changes: dict[str, Any], field: str) -> None:
    values: dict[str, Any] = {
        "organization_id": uuid.uuid4(),
        "transaction_id": "t",
        "code": "c",
        "timestamp": at("2024-06-01"),
        "created_at": at("2024-06-01"),
    }
    with pytest.raises(InvalidEvent) as raised:
        EventIn(**(values | changes))
    assert raised.value.field == field


async def test_partitions_take_over_what_waited_in_the_default(book: Book) -> None:
    await book.send(*(book.event(f"2031-0{month}-15", 1) for month in (1, 2, 3)))
    assert (await book.store.health()).stray == 3
    assert await book.store.ensure_partitions(at("2031-01-31"), at("2031-02-01")) == 2
    assert await book.store.ensure_partitions(at("2031-01-31"), at("2031-02-01")) == 0
    assert (await book.store.health()).stray == 1
    result = await book.one(book.query(Aggregation.SUM, "2031-01-01", "2031-04-01"))
    assert result.value == 3


class Obstacle:
    """A transaction that entered an event's key and does not end: whoever brings the same event waits for it."""

    def __init__(self, book: Book) -> None:
        self._book = book

    async def __aenter__(self) -> Obstacle:
        self.connection = await asyncpg.connect(self._book.pool._connect_args[0])
        await self.connection.execute("BEGIN")
        key = ledger_key(self._book.org, "sub", "stuck")
        await self.connection.execute("INSERT INTO event_keys (key, ts) VALUES ($1, now())", key)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()

    async def waiting_backend(self) -> int:
        """The process of the append that waits for this transaction."""
        async with asyncio.timeout(10):
            while True:
                for row in await self._book.pool.fetch(
                    "SELECT pid FROM pg_stat_activity WHERE wait_event = 'transactionid'"
                ):
                    return row["pid"]
                await asyncio.sleep(0.01)


async def test_a_group_that_waits_does_not_hold_up_the_next(book: Book) -> None:
    async with Obstacle(book) as obstacle:
        stuck = asyncio.create_task(book.store.submit([book.event("2024-06-01", tx="stuck")]))
        await obstacle.waiting_backend()
        others = [book.store.submit([book.event("2024-06-01", tx=f"free{i}")]) for i in range(20)]
        assert len(await asyncio.wait_for(asyncio.gather(*others), 5)) == 20
        assert not stuck.done()
        await obstacle.connection.execute("ROLLBACK")
        assert (await asyncio.wait_for(stuck, 5))[0].seq is not None
    assert await stored(book) == 21


async def test_a_lost_connection_fails_its_requests_and_no_others(book: Book) -> None:
    async with Obstacle(book) as obstacle:
        stuck = asyncio.create_task(book.store.submit([book.event("2024-06-01", tx="stuck")]))
        await book.pool.execute("SELECT pg_terminate_backend($1)", await obstacle.waiting_backend())
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await asyncio.wait_for(stuck, 5)
        await obstacle.connection.execute("ROLLBACK")
    again = await book.store.submit([book.event("2024-06-01", tx="stuck")])
    assert again[0].seq is not None
    assert await stored(book) == 1


async def test_closing_commits_what_waits(book: Book) -> None:
    waiting = [asyncio.create_task(book.store.submit([book.event("2024-06-01")])) for _ in range(50)]
    await asyncio.sleep(0)
    await book.store.close()
    assert len(await asyncio.gather(*waiting)) == 50
    assert await stored(book) == 50
    with pytest.raises(RuntimeError):
        await book.store.submit([book.event("2024-06-01")])


async def test_reading_one_and_lists(book: Book) -> None:
    later = timedelta(seconds=1)
    for number, (tx, when) in enumerate(
        [("b", "2024-06-01"), ("a", "2024-06-01"), ("c", "2024-06-03"), ("d", "2024-06-02")]
    ):
        await book.send(book.event(when, tx=tx, created=at("2024-07-01") + number * later))
    await book.send(book.event("2024-06-09", tx="a", sub="other", created="2024-07-02"))
    page = await book.store.list(book.org)
    assert [(each.transaction_id, each.external_subscription_id) for each in page.events] == [
        ("a", "other"), ("c", "sub"), ("d", "sub"), ("a", "sub"), ("b", "sub"),
    ]  # fmt: skip
    assert page.total == 5
    first = await book.store.get(book.org, "a")
    assert first is not None
    assert first.external_subscription_id == "sub"
    assert await book.store.get(uuid.uuid4(), "a") is None


async def test_list_filters_are_inclusive(book: Book) -> None:
    from billwright.billing.metering.store.protocol import EventFilters, EventOrder

    await book.send(*(book.event(f"2024-06-0{day}", tx=f"{day}", created=f"2024-07-0{9 - day}") for day in range(1, 6)))
    await book.send(book.event("2024-06-03", tx="x", code="other"))

    async def ids(**filters: Any) -> list[str]:
        page = await book.store.list(book.org, EventFilters(**filters), order=EventOrder.RECEIVED)
        return [each.transaction_id for each in page.events]

    assert await ids(code="api", timestamp_from=at("2024-06-02"), timestamp_to=at("2024-06-04")) == ["2", "3", "4"]
    assert await ids(external_subscription_id="nobody") == []
    assert await ids(received_from=at("2024-07-04"), received_before=at("2024-07-06")) == ["4", "5"]
    whole = await ids()
    assert whole[:2] == ["x", "1"] or whole[0] == "1", "newest first"
    middle = next(e for e in (await book.store.list(book.org)).events if e.transaction_id == whole[2])
    assert await ids(after=(middle.created_at, middle.seq)) == whole[3:], "a page goes on where another ended"
    assert [await book.store.count_up_to(book.org, most) for most in (3, 6, 9)] == [3, 6, 6]
    page = await book.store.list(book.org, EventFilters(code="api"), page=2, per_page=2, with_total=False)
    assert ([each.transaction_id for each in page.events], page.total) == (["3", "2"], None)
    streamed = [
        each.transaction_id async for each in book.store.stream_received(book.org, at("2024-07-05"), at("2024-07-07"))
    ]
    assert streamed == ["4", "3"]
