"""Pages and counts of lists (spec 07 §1.3)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

from billwright.billing.access.models import User
from billwright.billing.kernel import far_pages, pagination
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


SPREADS = {
    "even": "interval '1 hour' * n",
    "growing": "interval '1 day' * sqrt(n * 100)",
    "in heaps": "interval '1 day' * (n / 40)",
    "all at once": "interval '0'",
    "one long ago": "interval '1 day' * n - case n when 7 then interval '900 years' else interval '0' end",
    "one far ahead": "interval '1 day' * n + case n when 7 then interval '900 years' else interval '0' end",
}


@pytest.mark.parametrize("spread", SPREADS)
async def test_far_pages_begin_after_the_rows_that_stand_before_them(
    database: Database, people: Any, monkeypatch: pytest.MonkeyPatch, spread: str
) -> None:
    """However the rows are spread over time, up or down, and though the list has changed since its count was kept."""
    monkeypatch.setattr(pagination, "DEEP", 10)
    monkeypatch.setattr(pagination, "LARGE", 20)
    monkeypatch.setattr(pagination, "FAR", 30)
    monkeypatch.setattr(far_pages, "NEAR", 20)
    await _fill(database, 1, 300)
    numbered = "select id, row_number() over (order by email) as n from users"
    later = f"update users set created_at = now() + {SPREADS[spread]} from ({numbered}) m where m.id = users.id"
    walked: list[int] = []
    real = far_pages.from_nearby

    async def from_nearby(session: Any, statement: Any, offset: int, total: int) -> Any:
        found = await real(session, statement, offset, total)
        walked.append(found[1])
        return found

    monkeypatch.setattr(pagination, "from_nearby", from_nearby)
    async with database.transaction() as session:
        await session.execute(text(later))
    born, email = col(User.created_at), col(User.email)
    for order in ([born, email], [born.desc(), email], [born.desc().nulls_last(), email.desc()], [email, born]):
        listed = select(User).where(email.like("user%")).order_by(*order)
        async with database.reading() as session:
            everybody = list(await session.scalars(listed))
            for number in (1, 7, 8, 15, 22, 29, 30, 31):
                page = await paginate(session, listed, PageRequest(number, 10))
                assert page.items == everybody[(number - 1) * 10 : number * 10], number
    assert len(walked) == 4 * 6, "from the 61st row on; the 31st page has none"
    if spread in ("even", "growing"):
        assert max(walked[:18]) <= 20
    assert walked[18:] == [60, 70, 140, 210, 280, 290], "not ordered by time: walked"
    listed = select(User).where(email.like("user%")).order_by(born.desc(), email)
    async with database.transaction() as session:
        await session.execute(text("delete from users where email in ('user0005', 'user0290')"))
    async with database.reading() as session:
        everybody = list(await session.scalars(listed))
        page = await paginate(session, listed, PageRequest(20, 10))
        assert (page.items, page.total_count) == (everybody[190:200], 300), "the count is kept, the rows are of now"


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
