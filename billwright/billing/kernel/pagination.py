"""Pages of lists (spec 07 §1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, dialect

from billwright.billing.kernel.db import Session
from billwright.billing.kernel.far_pages import FAR, first_key, from_nearby, order_of
from billwright.billing.kernel.loading import load
from billwright.billing.kernel.statements import plan_by_values

T = TypeVar("T")
_DIALECT = dialect()
_ONE: ColumnElement[int] = literal_column("1")
MAX_PER_PAGE = 1000


HITS = 200
"""So many hits of a search are counted, and always those of the page after the one that is asked for."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: ``page`` from 1, ``per_page`` at most 1,000."""

    page: int = 1
    per_page: int = 100

    @classmethod
    def of(cls, page: str | int | None, per_page: str | int | None, default: int = 100) -> PageRequest:
        """From query parameters; anything unusable counts as absent, sizes above the ceiling are cut."""
        number = _positive(page) or 1
        size = _positive(per_page) or default
        return cls(page=min(number, 2**31), per_page=min(size, MAX_PER_PAGE))

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.per_page

    @property
    def hits(self) -> int:
        """How many hits a search counts for this page: a total below it is exact, and whoever turns the pages gets to
        the last hit."""
        return max(HITS, self.offset + 2 * self.per_page)


def _positive(value: str | int | None) -> int | None:
    try:
        number = int(value) if value is not None else 0
    except ValueError:
        return None
    return number if number >= 1 else None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list with the total count of all rows."""

    items: list[T]
    total_count: int
    request: PageRequest

    @property
    def total_pages(self) -> int:
        return -(-self.total_count // self.request.per_page)

    def meta(self) -> dict[str, int | None]:
        """The five keys of a REST list's ``meta``; ``current_page`` is 0 when the list is empty."""
        page, pages = self.request.page, self.total_pages
        return {
            "current_page": page if self.total_count else 0,
            "next_page": page + 1 if page < pages else None,
            "prev_page": page - 1 if page > 1 and self.total_count else None,
            "total_pages": pages,
            "total_count": self.total_count,
        }


@dataclass(frozen=True, slots=True)
class _Kept:
    total: int
    until: float


LARGE = 10_000
"""From so many rows on, a list's count is kept for half an hour, per process and filters (spec 07 §1.3)."""
DEEP = 5_000
"""From this row on a page is found by its ids."""
BEGINNING = 10_000
"""So many rows of a list are looked at one by one for hits of a search."""
_SECONDS, _MOST_KEPT = 1800.0, 4096
_kept: dict[tuple[str, str], _Kept] = {}
_texts: dict[tuple[Any, ...], str] = {}


async def count_rows(session: Session, statement: Select[Any], *, beyond: int | None = 0) -> int:
    """How many rows ``statement`` has. A kept count may be half an hour old; it is used if it is above ``beyond``, so
    that the last page is always counted anew; ``None``: never."""
    rows: Select[Any] = statement.order_by(None).with_only_columns(_ONE, maintain_column_froms=True)
    counted = select(func.count()).select_from(rows.subquery())
    name = _name(counted)
    kept = _kept.get(name)
    if kept is not None and beyond is not None and kept.total > beyond and kept.until > monotonic():
        return kept.total
    total = int((await session.execute(counted)).scalar_one())
    _kept.pop(name, None)
    if total >= LARGE:
        while len(_kept) >= _MOST_KEPT:
            del _kept[next(iter(_kept))]
        _kept[name] = _Kept(total, monotonic() + _SECONDS)
    return total


def _name(statement: Select[Any]) -> tuple[str, str]:
    """Its text and its values. To write the text takes a millisecond, so it is kept by the statement's shape."""
    key = statement._generate_cache_key()  # pyright: ignore[reportPrivateUsage] -- as in SQLAlchemy's own examples
    assert key is not None
    known = _texts.get(key.key)
    if known is None:
        if len(_texts) >= _MOST_KEPT:
            _texts.clear()
        known = _texts[key.key] = str(statement.compile(dialect=_DIALECT))
    return known, repr([parameter.effective_value for parameter in key.bindparams])


async def paginate(session: Session, statement: Select[Any], request: PageRequest) -> Page[Any]:
    """Run ``statement`` (already ordered, selecting one entity) for one page and count all of its rows.

    Counts of large lists may be half an hour old, see ``count_rows``.
    """
    total = await count_rows(session, statement, beyond=request.offset + request.per_page)
    if total <= request.offset:
        return Page([], total, request)
    entity = statement.column_descriptions[0]["entity"]
    if request.offset < DEEP or not hasattr(entity, "id"):
        page = statement.limit(request.per_page).offset(request.offset)
        return Page(list((await session.scalars(page)).all()), total, request)
    ids = statement.with_only_columns(entity.id, maintain_column_froms=True)
    offset = request.offset
    if offset >= FAR:
        ids, offset = await from_nearby(session, ids, offset, total)
    # what stands before the page is counted off in the list's index, and no row of it is read
    found = (await session.scalars(ids.limit(request.per_page).offset(offset))).all()
    return Page(await _those(session, entity, found), total, request)


async def _those(session: Session, entity: Any, ids: Sequence[Any]) -> list[Any]:
    """In the order of ``ids``."""
    rows = {row.id: row for row in await load(session, entity, "id = any($1)", list(ids))} if ids else {}
    return [rows[identity] for identity in ids if identity in rows]


async def paginate_hits(
    session: Session,
    statement: Select[Any],
    request: PageRequest,
    whole: Select[Any],
    *,
    row_by_row: Select[Any] | None = None,
    many: bool = False,
) -> Page[Any]:
    """A page of what the search ``statement`` finds in the list ``whole``, whose order it has. The total is exact below
    ``request.hits``, and else this number.

    Few hits are found by the indexes of what is looked for. Many are found by looking at one row of the list after the
    other from its beginning, by ``row_by_row`` if that looks better at single rows; if there are not enough of them,
    by looking for all and putting them in order. ``many``: there are likely more than ``HITS``.
    """
    await plan_by_values(session)
    walked = statement if row_by_row is None else row_by_row
    found = None if many else await _few(session, statement, request)
    found = found or await _at_the_beginning(session, walked, whole, request)
    total, ids = found or await _of_all(session, statement, request)
    return Page(await _those(session, statement.column_descriptions[0]["entity"], ids), total, request)


_Hits = tuple[int, list[Any]]
"""How many there are, and the ids of the page."""


async def _few(session: Session, statement: Select[Any], request: PageRequest) -> _Hits | None:
    entity = statement.column_descriptions[0]["entity"]
    ids = statement.order_by(None).with_only_columns(entity.id, maintain_column_froms=True)
    found = (await session.scalars(ids.limit(request.hits + 1))).all()
    if len(found) > request.hits:
        return None
    if len(found) <= request.offset:
        return len(found), []
    those = select(entity.id).where(entity.id.in_(found)).order_by(*order_of(statement))
    page = await session.scalars(those.limit(request.per_page).offset(request.offset))
    return len(found), list(page.all())


async def _at_the_beginning(
    session: Session, statement: Select[Any], whole: Select[Any], request: PageRequest
) -> _Hits | None:
    """``None`` where there are not enough, or the page is far behind."""
    if request.hits > 2 * HITS:
        return None
    first, _ = first_key(whole)
    key = whole.with_only_columns(first, maintain_column_froms=True)
    edge = await session.scalar(key.offset(BEGINNING).limit(1))
    if edge is not None:
        statement = statement.where(first >= edge)
    entity = statement.column_descriptions[0]["entity"]
    hits = statement.with_only_columns(entity.id, maintain_column_froms=True).limit(request.hits).subquery()
    found = await _placed(session, select(hits.c.id, func.row_number().over().label("place")), request)
    return found if edge is None or found[0] == request.hits else None


async def _of_all(session: Session, statement: Select[Any], request: PageRequest) -> _Hits:
    entity, place = statement.column_descriptions[0]["entity"], func.row_number().over(order_by=order_of(statement))
    hits = statement.order_by(None).with_only_columns(
        entity.id.label("id"), place.label("place"), maintain_column_froms=True
    )
    return await _placed(session, hits, request)


async def _placed(session: Session, hits: Any, request: PageRequest) -> _Hits:
    placed = hits.subquery()
    wanted = placed.c.place.between(request.offset + 1, request.offset + request.per_page)
    ids = func.array_agg(aggregate_order_by(placed.c.id, placed.c.place)).filter(wanted)
    counted = select(func.count(), ids).select_from(placed).where(placed.c.place <= request.hits)
    total, found = (await session.execute(counted)).one()
    return total, list(found or ())
