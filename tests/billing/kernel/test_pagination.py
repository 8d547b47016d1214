"""Pages and counts of lists (spec 07 §1.3)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

from billwright.billing.access.models import User
from billwright.billing.kernel import pagination
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.pagination import PageRequest, paginate

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


async def test_a_search_counts_so_many_hits_and_no_more(database: Database, people: Any) -> None:
    await _fill(database, 1, 25)
    async with database.reading() as session:
        page = await paginate(session, people, PageRequest(2, 10, most_hits=12), searching=True)
        assert page.total_count == 12
        assert len(page.items) == 10
        assert await session.scalar(select(func.count()).select_from(User)) == 25
