"""Pages and counts of lists (spec 07 §1.3)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

from billwright.billing.access.models import User
from billwright.billing.kernel import pagination
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.pagination import PageRequest, paginate, paginate_hits

USERS = text(
    "insert into users (id, email, session_version, created_at, updated_at) select gen_random_uuid(),"
    " 'user' || lpad(n::text, 4, '0'), 1, now(), now() from generate_series(cast(:first as int), cast(:last as int)) n"
)


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pagination, "_kept", {})
    return select(User).where(col(User.email).like("user%")).order_by(col(User.email).desc())


async def _fill(database: Database, first: int, last: int) -> None:
    async with database.transaction() as session:
        await session.execute(USERS, {"first": first, "last": last})


async def test_deep_pages_are_those_of_the_list(
    database: Database, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _fill(database, 1, 25)
    monkeypatch.setattr(pagination, "DEEP", 10)
    async with database.reading() as session:
        for number, length in ((1, 10), (2, 10), (3, 5), (4, 0)):
            page = await paginate(session, people, PageRequest(number, 10))
            expected = [f"user{n:04}" for n in range(25, 0, -1)][(number - 1) * 10 : number * 10]
            assert [user.email for user in page.items] == expected
            assert len(expected) == length
            assert page.total_count == 25


async def test_counts_of_large_lists_are_kept_and_those_of_last_pages_taken_anew(
    database: Database, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "LARGE", 20)
    await _fill(database, 1, 25)
    async with database.reading() as session:
        assert (await paginate(session, people, PageRequest(1, 10))).total_count == 25
    await _fill(database, 26, 35)
    async with database.reading() as session:
        assert (await paginate(session, people, PageRequest(2, 10))).total_count == 25, "kept"
        other = people.where(col(User.email) != "user0001")
        assert (await paginate(session, other, PageRequest(1, 10))).total_count == 34, "other filters, another count"
        assert (await paginate(session, people, PageRequest(3, 10))).total_count == 35, "this may be the last page"
        assert (await paginate(session, people, PageRequest(1, 10))).total_count == 35
        later = pagination.monotonic() + 1801
        monkeypatch.setattr(pagination, "monotonic", lambda: later)
    await _fill(database, 36, 40)
    async with database.reading() as session:
        assert (await paginate(session, people, PageRequest(1, 10))).total_count == 40, "after half an hour"


async def test_counts_of_small_lists_are_never_kept(database: Database, people: Any) -> None:
    for last in (5, 6):
        await _fill(database, 1 if last == 5 else 6, last)
        async with database.reading() as session:
            assert (await paginate(session, people, PageRequest(1, 2))).total_count == last


async def test_pages_near_the_end_are_found_from_there(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the list grew since its count was kept; nulls are where the list has them."""
    monkeypatch.setattr(pagination, "_kept", {})
    monkeypatch.setattr(pagination, "DEEP", 10)
    monkeypatch.setattr(pagination, "LARGE", 20)
    monkeypatch.setattr(pagination, "NEARER", 0.5)
    await _fill(database, 1, 20)
    async with database.transaction() as session:
        await session.execute(text("update users set password_hash = 'x' where email > 'user0013'"))
    known, email = col(User.password_hash), col(User.email)
    for order in ([known.desc().nulls_last(), email.desc()], [known, email], [known.desc(), email.asc()]):
        people = select(User).where(email.like("user%")).order_by(*order)
        async with database.reading() as session:
            everybody = list(await session.scalars(people))
            assert (await paginate(session, people, PageRequest(1, 3))).total_count == len(everybody) == 20
            for number in range(1, 8):
                page = await paginate(session, people, PageRequest(number, 3))
                assert page.items == everybody[(number - 1) * 3 : number * 3], number
    await _fill(database, 21, 24)
    async with database.reading() as session:
        everybody = list(await session.scalars(people))
        page = await paginate(session, people, PageRequest(5, 3))
        assert (page.items, page.total_count) == (everybody[12:15], 20), (
            "the count is kept, the rows are of this moment"
        )


@pytest.mark.parametrize("rows_at_the_beginning", [5, 100])
async def test_who_turns_the_pages_of_a_search_gets_every_hit(
    database: Database, people: Any, monkeypatch: pytest.MonkeyPatch, rows_at_the_beginning: int
) -> None:
    """200 hits are counted, here 12, and always those of the next page; whichever way they are looked for."""
    monkeypatch.setattr(pagination, "HITS", 12)
    monkeypatch.setattr(pagination, "BEGINNING", rows_at_the_beginning)
    await _fill(database, 1, 25)
    everybody = [f"user{n:04}" for n in range(25, 0, -1)]
    one_by_one = people.where(func.length(col(User.email)) == 8)
    async with database.reading() as session:
        for row_by_row, many in ((None, False), (None, True), (one_by_one, True)):
            pages = [
                await paginate_hits(session, people, PageRequest(number, 5), people, row_by_row=row_by_row, many=many)
                for number in (1, 2, 3, 4, 5, 6)
            ]
            assert [page.total_count for page in pages] == [12, 15, 20, 25, 25, 25]
            assert [user.email for page in pages for user in page.items] == everybody
            assert [page.meta()["next_page"] for page in pages] == [2, 3, 4, 5, None, None]
        nobody = people.where(col(User.email) == "nobody")
        assert (await paginate_hits(session, nobody, PageRequest(1, 5), people)).total_count == 0


async def test_a_search_whose_hits_are_not_at_the_beginning_looks_at_all(
    database: Database, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "BEGINNING", 5)
    await _fill(database, 1, 25)
    old = people.where(col(User.email) < "user0010")
    async with database.reading() as session:
        for hits, row_by_row, many in (
            (12, None, False),
            (12, old, True),
            (2, None, False),
            (2, None, True),
            (2, old, True),
        ):
            monkeypatch.setattr(pagination, "HITS", hits)
            page = await paginate_hits(session, old, PageRequest(1, 3), people, row_by_row=row_by_row, many=many)
            assert [user.email for user in page.items] == [f"user{n:04}" for n in (9, 8, 7)]
            assert page.total_count == (9 if hits == 12 else 6)
