"""Pages of lists (spec 07 §1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select

from billwright.billing.kernel.db import Session

T = TypeVar("T")
MAX_PER_PAGE = 1000


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


async def paginate(session: Session, statement: Select[Any], request: PageRequest) -> Page[Any]:
    """Run ``statement`` (already ordered, selecting one entity) for one page and count all of its rows."""
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    total = int((await session.execute(counted)).scalar_one())
    if total <= request.offset:
        return Page([], total, request)
    rows = await session.execute(statement.limit(request.per_page).offset(request.offset))
    return Page(list(rows.scalars().all()), total, request)
