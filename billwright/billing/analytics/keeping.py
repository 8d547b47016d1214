"""Figures over very many invoices are kept for four hours in each process (spec 07 §8.1); over few ones never."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from functools import wraps
from time import monotonic
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.pagination import count_rows

MANY_INVOICES = 10_000
"""From so many on, reading all of them for one page takes too long."""
_SECONDS, _MOST_KEPT = 4 * 3600.0, 1024
_kept: dict[tuple[UUID, str, date, Any], tuple[float, list[Any]]] = {}

F = TypeVar("F", contravariant=True)
R = TypeVar("R")


class Figures(Protocol[F, R]):
    """Rows for filters; ``expire`` reads them anew, and forgets what was kept of the organization."""

    async def __call__(self, ctx: Context, filters: F, *, expire: bool = False) -> list[R]: ...


def kept(compute: Callable[[Context, F], Awaitable[list[R]]]) -> Figures[F, R]:
    """``compute``, whose answer of a day and filters (hashable) is kept where there are very many invoices."""

    @wraps(compute)
    async def figures(ctx: Context, filters: F, *, expire: bool = False) -> list[R]:
        if expire:
            for name in [name for name in _kept if name[0] == ctx.organization_id]:
                _kept.pop(name, None)
        name = (ctx.organization_id, compute.__name__, ctx.now().date(), filters)
        found = _kept.get(name)
        if found is not None and found[0] > monotonic():
            return list(found[1])
        rows = await compute(ctx, filters)
        invoices = select(Invoice).where(col(Invoice.organization_id) == ctx.organization_id)
        if await count_rows(ctx.session, invoices) >= MANY_INVOICES:
            while len(_kept) >= _MOST_KEPT:
                del _kept[next(iter(_kept))]
            _kept[name] = (monotonic() + _SECONDS, list(rows))
        return rows

    return figures
