"""Pages of lists (spec 07 §1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, literal_column, select
from sqlalchemy.dialects.postgresql import dialect

from billwright.billing.kernel.db import Session

T = TypeVar("T")
_DIALECT = dialect()
_ONE: ColumnElement[int] = literal_column("1")
MAX_PER_PAGE = 1000


MOST_HITS = 10_000
"""A search counts, and pages through, this many hits at most."""
FEW_HITS = 1_000
"""The same where rows are looked at one by one: for people, who rather look for another word than turn the pages."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: ``page`` from 1, ``per_page`` at most 1,000. A search counts, and pages through, ``most_hits``."""

    page: int = 1
    per_page: int = 100
    most_hits: int = MOST_HITS

    @classmethod
    def of(
        cls, page: str | int | None, per_page: str | int | None, default: int = 100, most_hits: int = MOST_HITS
    ) -> PageRequest:
        """From query parameters; anything unusable counts as absent, sizes above the ceiling are cut."""
        number = _positive(page) or 1
        size = _positive(per_page) or default
        return cls(page=min(number, 2**31), per_page=min(size, MAX_PER_PAGE), most_hits=most_hits)

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.per_page


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
_SECONDS, _MOST_KEPT = 1800.0, 4096
_kept: dict[tuple[str, str], _Kept] = {}


async def count_rows(session: Session, statement: Select[Any], *, beyond: int | None = 0) -> int:
    """How many rows ``statement`` has. A kept count may be half an hour old; it is used if it is above ``beyond``, so
    that the last page is always counted anew; ``None``: never."""
    rows: Select[Any] = statement.order_by(None).with_only_columns(_ONE, maintain_column_froms=True)
    counted = select(func.count()).select_from(rows.subquery())
    compiled = counted.compile(dialect=_DIALECT)
    name = (str(compiled), repr(compiled.params))
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


async def paginate(
    session: Session, statement: Select[Any], request: PageRequest, *, searching: bool = False
) -> Page[Any]:
    """Run ``statement`` (already ordered, selecting one entity) for one page and count all of its rows.

    Counts of large lists may be half an hour old, see ``count_rows``. ``searching``: at most ``request.most_hits`` are
    counted.
    """
    if searching:
        total = await count_rows(session, statement.order_by(None).limit(request.most_hits), beyond=None)
    else:
        total = await count_rows(session, statement, beyond=request.offset + request.per_page)
    if total <= request.offset:
        return Page([], total, request)
    return Page(list((await session.scalars(_window(statement, request))).all()), total, request)


def _window(statement: Select[Any], request: PageRequest) -> Select[Any]:
    """The rows of one page. A deep page finds its ids first, so that what stands before it is counted off in the list's
    index and no row of it is read."""
    page = statement.limit(request.per_page).offset(request.offset)
    entity = statement.column_descriptions[0]["entity"]
    if request.offset < DEEP or not hasattr(entity, "id"):
        return page
    order = statement._order_by_clauses  # pyright: ignore[reportPrivateUsage] -- there is no public reading of it
    ids = page.with_only_columns(entity.id, maintain_column_froms=True)
    return select(entity).where(entity.id.in_(ids)).order_by(*order)
