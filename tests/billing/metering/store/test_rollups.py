"""Sealing, rolling, definitions, deletion, rebuild and verify (spec 08 C3, C6 7-10, 12)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billwright.billing.metering.store.postgres import rolling, sealing
from billwright.billing.metering.store.postgres.cutting import Cut, cut
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.metering.store.protocol import Aggregation, BucketSpec
from billwright.billing.metering.store.quarters import QUARTER_US as Q
from billwright.billing.metering.store.quarters import to_us

from .conftest import Book, at

A = Aggregation


async def total(book: Book, lower: str = "2024-06-01", upper: str = "2024-07-01") -> Any:
    return (await book.one(book.query(A.SUM, lower, upper))).value


async def falsify(book: Book) -> None:
    """Make rollups tell a lie, to see who reads them."""
    await book.pool.execute("UPDATE usage_rollups SET total = total + 1000")


async def test_the_timeline_of_a_late_event(book: Book) -> None:
    """Spec 08 C3 "Timeline"."""
    await book.from_the_start("2024-06-05 10:00")
    await book.define(A.SUM)
    await book.roll()
    await book.send(book.event("2024-06-05 10:03", 1, tx="first"))
    await book.seal_to("2024-06-05 10:15:59")
    assert await book.rolled_rows() == 0
    await book.seal_to("2024-06-05 10:16:05")
    assert await book.rolled_rows() == 1
    await book.send(book.event("2024-06-05 10:14:58", 2))
    assert (await book.dirty(), await total(book)) == (1, 3)
    assert await book.roll() == 1
    assert (await book.dirty(), await total(book)) == (0, 3)
    assert await book.send(book.event("2024-06-06 11:00", 5, tx="first")) == [None]
    assert (await book.dirty(), await total(book)) == (0, 3)
    await falsify(book)
    assert await total(book) == 1003


async def test_sealed_quarters_are_read_from_rollups_and_partial_ones_raw(book: Book) -> None:
    await book.from_the_start("2024-06-01")
    await book.define(A.SUM)
    await book.roll()
    await book.send(
        *(book.event(f"2024-06-05 10:{m}", 1) for m in ("05", "20", "35", "50")), book.event("2024-06-05 11:05", 1)
    )
    await book.seal_to("2024-06-05 11:01")
    await falsify(book)
    assert await total(book) == 4005
    assert await total(book, "2024-06-05 10:01", "2024-06-05 10:59") == 2004
    assert len(await book.differences()) == 4


async def test_markers_wait_unless_the_organization_asks(book: Book) -> None:
    await book.define(A.SUM)
    await book.roll()
    await book.send(book.event("2024-06-05", 1))
    assert await book.store.roll_dirty() == 0
    assert await book.store.roll_dirty(min_age=timedelta(0), limit=1) == 1
    await book.send(book.event("2024-06-05", 1), book.event("2024-06-06", 1))
    assert await book.store.roll_dirty(org=book.org) == 2


async def test_events_beyond_system_time_stay_in_the_tail(book: Book) -> None:
    await book.define(A.SUM)
    await book.send(book.event("2080-06-05", 1), book.event("2079-01-01", 2))
    assert await book.dirty() == 0
    assert await total(book, "2079-01-01", "2081-01-01") == 3


async def test_a_metric_made_after_its_events_were_sealed_is_right_at_once(book: Book) -> None:
    await book.from_the_start("2024-06-01")
    await book.send(book.event("2024-06-05 10:00", 1), book.event("2024-06-05 12:00", 2))
    await book.seal_to("2024-06-05 11:01")
    await book.define(A.SUM)
    assert await total(book) == 3
    await book.send(book.event("2024-06-05 10:30", 4))
    assert await total(book) == 7
    await book.seal_to("2024-06-06")
    assert await total(book) == 7
    await book.roll()
    assert (await total(book), await book.dirty(), await book.differences()) == (7, 0, [])
    await falsify(book)
    assert await total(book) == 3007


async def test_edits_of_a_metric_are_right_at_once(book: Book) -> None:
    await book.from_the_start("2024-06-01")
    await book.define(A.SUM)
    await book.roll()
    await book.send(book.event("2024-06-05 10:00", 1, w=10, region="eu"), book.event("2024-06-06", 2, w=20))
    await book.seal_to("2024-06-10")
    other = book.query(A.SUM, "2024-06-01", "2024-07-01", field="w")
    region = (BucketSpec(id="eu", predicates={"region": frozenset({"eu"})}), BucketSpec())
    filtered = book.query(A.SUM, "2024-06-01", "2024-07-01", buckets=region)

    async def right() -> None:
        assert (await book.one(other)).value == 30
        results = await book.store.aggregate(filtered)
        assert {key[0]: result.value for key, result in results.items()} == {"eu": 1, None: 2}
        assert (await book.one(book.query(A.MAX, "2024-06-01", "2024-07-01"))).value == 2
        assert await total(book) == 3

    await right()
    for field, dims in (("w", ()), ("w", ("region",)), ("v", ("region",)), ("v", ())):
        await book.define(A.SUM, *dims, field=field)
        await right()
        await book.send(book.event("2024-07-05", 1))
        await book.seal_to("2024-07-10")
        await right()
        await book.roll()
        await right()
        assert await book.differences() == []
    assert await book.pool.fetchval("SELECT count(DISTINCT def_version) FROM usage_rollups") == 1
    version = await book.pool.fetchval("SELECT def_version FROM rollup_defs")
    await book.define(A.SUM)
    assert await book.pool.fetchval("SELECT def_version FROM rollup_defs") == version


async def test_deleted_events_vanish_but_their_ids_stay_used(book: Book) -> None:
    await book.from_the_start("2024-06-01")
    await book.define(A.SUM)
    await book.roll()
    await book.send(
        book.event("2024-06-05 10:00", 1, tx="a", created="2024-06-05"),
        book.event("2024-06-05 10:01", 2, tx="b", created="2024-06-07"),
        book.event("2024-06-05 10:02", 4, sub="kept", created="2024-06-05"),
    )
    await book.seal_to("2024-06-06")
    assert await total(book) == 3
    moment = at("2024-06-06")
    hidden = await book.store.soft_delete(
        book.org, book.code, ["sub", "nobody"], received_until=moment, deleted_at=moment
    )
    assert (hidden, await total(book)) == (1, 2)
    assert await book.store.get(book.org, "a") is None
    await book.roll()
    assert (await total(book), await book.differences()) == (2, [])
    assert await book.send(book.event("2024-06-05", tx="a")) == [None]
    await book.store.undefine(book.org, book.code)
    assert await total(book) == 2
    assert (
        await book.one(replace(book.query(A.SUM, "2024-06-01", "2024-07-01"), external_subscription_id="kept"))
    ).value == 4


async def test_a_new_metric_with_the_same_code_does_not_see_deleted_events(book: Book) -> None:
    await book.from_the_start("2024-06-01")
    await book.define(A.SUM)
    await book.roll()
    await book.send(*(book.event("2024-06-05 10:00", 1) for _ in range(10)))
    await book.seal_to("2024-06-06")
    await book.store.undefine(book.org, book.code)
    moment = at("2026-06-06")
    assert await book.store.soft_delete(book.org, book.code, ["sub"], received_until=moment, deleted_at=moment) == 10
    await book.define(A.COUNT)
    query = book.query(A.COUNT, "2024-06-01", "2024-07-01")
    assert await book.store.aggregate(query) == {}
    await book.roll()
    assert await book.store.aggregate(query) == {}
    await book.send(book.event("2024-06-05 10:00"))
    assert (await book.one(query)).value == 1


async def test_events_without_subscription_are_kept_and_never_counted(book: Book) -> None:
    await book.define(A.SUM)
    await book.send(book.event("2024-06-05", 1, sub=None, tx="n"))
    assert await book.store.get(book.org, "n") is not None
    assert await total(book) == 0


async def test_verify_finds_and_rebuild_repairs(book: Book) -> None:
    await book.from_the_start("2024-06-01")
    await book.define(A.SUM)
    await book.define(A.UNIQUE, code="seats")
    await book.roll()
    await book.send(
        *(book.event(f"2024-06-05 {hour:02d}:00", 1) for hour in range(5)),
        *(book.event(f"2024-06-05 {hour:02d}:00", f"u{hour}", code="seats") for hour in range(5)),
    )
    await book.seal_to("2024-06-06")
    assert await book.differences() == []
    await falsify(book)
    await book.pool.execute("UPDATE usage_rollup_uniques SET has_add = false WHERE value = 'u3'")
    await book.pool.execute("DELETE FROM usage_rollup_uniques WHERE value = 'u4'")
    await book.pool.execute(
        "UPDATE usage_rollups SET bucket = bucket + 900000000 WHERE bucket = (SELECT max(bucket) FROM usage_rollups)"
    )
    found = await book.differences()
    assert {(each.code, each.quarter.hour, each.quarter.minute) for each in found} == {
        *(("api", hour, 0) for hour in range(5)), ("api", 4, 15), ("seats", 3, 0), ("seats", 4, 0),
    }  # fmt: skip
    assert await book.store.rebuild(at("2024-06-05"), at("2024-06-06"), organization_id=book.org, code="seats") == 5
    assert {each.code for each in await book.differences()} == {"api"}
    assert await book.store.rebuild(at("2000-01-01"), at("2100-01-01")) == 11
    assert (await book.differences(), await total(book), await book.dirty()) == ([], 5, 0)
    assert (await book.one(book.query(A.UNIQUE, "2024-06-01", "2024-07-01", code="seats"))).value == 5


async def test_one_sealer_works_and_a_crashed_seal_is_repeated(book: Book) -> None:
    await book.from_the_start("2024-06-01")
    await book.define(A.SUM)
    await book.roll()
    await book.send(book.event("2024-06-05 10:00", 1))
    await book.pool.execute("UPDATE rollup_state SET marking_until = $1", to_us(at("2024-06-05 12:00")))
    assert await total(book) == 1
    await book.send(book.event("2024-06-05 10:05", 2))
    assert (await book.dirty(), await total(book), await book.roll()) == (1, 3, 0)
    counts = await asyncio.gather(*(book.store.seal(at("2024-06-05 12:01")) for _ in range(4)))
    assert sum(counts) == 4 * 96 + 48
    assert (await total(book), await book.roll(), await total(book)) == (3, 1, 3)


async def test_a_sandbox_can_be_purged(book: Book, store: PostgresEventStore) -> None:
    await book.define(A.SUM)
    await book.send(book.event("2024-06-05", 1, tx="a"))
    await book.roll()
    neighbour = Book(store, book.pool)
    await neighbour.send(neighbour.event("2024-06-05", 1, tx="a"))
    assert await book.store.purge(book.org) == 1
    assert await book.store.aggregate(book.query(A.SUM, "2024-06-01", "2024-07-01")) == {}
    assert await book.send(book.event("2024-06-05", 7, tx="a")) != [None]
    assert (await total(book), await total(neighbour)) == (7, 1)


async def test_what_is_received_while_a_sandbox_is_purged_goes_as_a_whole(book: Book) -> None:
    """An append that has not committed yet is waited for: no event stays behind without its marker, no key without
    its event."""
    await book.from_the_start("2024-06-10")
    await book.define(A.SUM)
    await book.roll()
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def pause(_connection: Any) -> None:
        arrived.set()
        await go_on.wait()

    late = book.event("2024-06-05", 1, tx="late")
    appending = asyncio.create_task(book.store.append([late], in_transaction=pause))
    await arrived.wait()
    purging = asyncio.create_task(book.store.purge(book.org))
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while not await book.pool.fetchval(waiting):
        assert not purging.done(), "it waits for the append"
        await asyncio.sleep(0.01)
    go_on.set()
    await appending
    assert await purging == 1
    assert await book.dirty() == 0
    assert await book.send(book.event("2024-06-05", 7, tx="late")) != [None], "the transaction id is free"
    assert (await book.dirty(), await total(book)) == (1, 7)


async def test_organizations_do_not_see_each_other(book: Book, store: PostgresEventStore) -> None:
    other = Book(store, book.pool)
    await other.define(A.SUM)
    await other.send(other.event("2024-06-05", 1, tx="x"))
    await other.roll()
    assert await book.store.get(book.org, "x") is None
    assert (await book.store.list(book.org)).events == []
    assert await book.store.aggregate(book.query(A.SUM, "2024-06-01", "2024-07-01")) == {}


def test_cutting_tiles_the_window() -> None:
    assert cut(5, None, 3 * Q + 5, 0, 10 * Q, []) == Cut([(Q, 3 * Q)], [(5, Q), (3 * Q, 3 * Q + 5)])
    assert cut(0, None, 4 * Q, 0, 2 * Q, [Q, 7 * Q]) == Cut([(0, Q)], [(Q, 4 * Q)])
    assert cut(0, None, 4 * Q, 2 * Q, 9 * Q, []) == Cut([(2 * Q, 4 * Q)], [(0, 2 * Q)])
    assert cut(0, Q + 1, 3 * Q, 0, 9 * Q, []) == Cut([(0, Q), (2 * Q, 3 * Q)], [(Q, 2 * Q)])
    assert cut(1, None, 2, 0, 9 * Q, []) == Cut([], [(1, 2)])
    assert cut(2, None, 2, 0, 9 * Q, []) == Cut([], [])


async def test_an_event_that_arrives_while_its_quarter_is_rolled_keeps_the_marker(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    await book.define(A.SUM)
    await book.roll()
    await book.send(book.event("2024-06-05 10:00", 1))
    write = rolling._WRITER.write

    async def interrupted(*arguments: Any) -> int:
        rows = await write(*arguments)
        monkeypatch.undo()
        await book.send(book.event("2024-06-05 10:01", 2))
        return rows

    monkeypatch.setattr(rolling._WRITER, "write", interrupted)
    assert await book.roll() == 1
    assert (await book.dirty(), await total(book)) == (1, 3)
    assert await book.roll() == 1
    assert (await book.dirty(), await total(book)) == (0, 3)


async def test_a_seal_waits_for_appends_under_way(book: Book) -> None:
    await book.from_the_start("2024-06-05 10:00")
    await book.define(A.SUM)
    await book.roll()
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_connection: Any) -> None:
        entered.set()
        await go_on.wait()

    appending = asyncio.create_task(book.store.append([book.event("2024-06-05 10:03", 1)], in_transaction=slowly))
    await entered.wait()
    sealing_task = asyncio.create_task(book.store.seal(at("2024-06-05 10:20")))
    await asyncio.sleep(0.3)
    sealed_early = sealing_task.done()
    go_on.set()
    await asyncio.gather(appending, sealing_task)
    assert not sealed_early
    assert (await total(book), await book.dirty(), await book.rolled_rows()) == (1, 0, 1)


@pytest.mark.parametrize("before", [True, False])
async def test_a_metric_made_while_its_quarter_is_sealed(
    book: Book, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    await book.from_the_start("2024-06-05 10:00")
    await book.send(book.event("2024-06-05 10:03", 1))
    write = sealing._WRITER.write

    async def interrupted(*arguments: Any) -> int:
        if before:
            await book.define(A.SUM)
            await book.roll()
        rows = await write(*arguments)
        if not before:
            await book.define(A.SUM)
            await book.roll()
        return rows

    monkeypatch.setattr(sealing._WRITER, "write", interrupted)
    await book.seal_to("2024-06-05 10:20")
    monkeypatch.undo()
    assert await total(book) == 1
    await book.send(book.event("2024-06-05 10:04", 2))
    assert await total(book) == 3
    await book.roll()
    assert (await total(book), await book.dirty(), await book.differences()) == (3, 0, [])
    assert await book.rolled_rows() == 1
