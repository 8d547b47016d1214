"""Figures over very many invoices are kept (spec 07 §8.1, adr 0013); over few ones they are read whenever asked for.

What is kept of an organization is a figure whole: all months and currencies. Months and currencies are chosen from it.
The worker computes it anew before it is four hours old, so that nobody waits for it; each process remembers what it has
read. Where the worker has not been yet, the first reader computes it and others of the process wait for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.analytics.models import AnalyticsFigure
from billwright.billing.analytics.months import Months, month_text, months_until_now, shifted
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import system_now

log = structlog.get_logger(__name__)

MANY_INVOICES = 10_000
"""From so many on, reading all of them for one page takes too long."""
OLDEST = timedelta(hours=4)
RENEWED_AFTER = timedelta(hours=2)
LOOKING_EVERY = timedelta(minutes=1)
"""How long a process answers from what it remembers before it looks whether the worker has stored something newer."""

R = TypeVar("R")
_COUNT = text("select count(*) from (select from invoices where organization_id = :org limit :most) as t")
_ORGANIZATIONS = text("""
    select o.id from organizations o
     where (select count(*) from (select from invoices where organization_id = o.id limit :most) as t) >= :most
     order by o.id
""")


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole figure. ``computed_at`` is system time, ``clock`` what the organization's clock said then."""

    rows: list[Any]
    computed_at: datetime
    clock: datetime

    def is_good(self, ctx: Context, oldest: timedelta = OLDEST) -> bool:
        """Whether it may still be shown: neither time nor a sandbox's clock has moved too far."""
        return system_now() - self.computed_at <= oldest and abs(ctx.now() - self.clock) <= oldest


_known: dict[tuple[UUID, str], Kept] = {}
_looked: dict[tuple[UUID, str], datetime] = {}
_computing: dict[tuple[UUID, str], asyncio.Lock] = {}
_MOST_KNOWN = 512
_figures: dict[str, Figure[Any]] = {}


class Figure(Generic[R]):
    """A figure by its name; ``compute`` gives its rows of some months in all currencies, each with both."""

    def __init__(self, name: str, compute: Callable[[Context, Months], Awaitable[list[R]]]) -> None:
        self.name = name
        self._compute = compute
        _figures[name] = self

    async def rows(self, ctx: Context, *, expire: bool = False) -> list[R] | None:
        """All of its rows, up to four hours old; ``None`` where there are few invoices and it is to be read directly.

        ``expire`` computes it anew.
        """
        asked = system_now()
        name = (ctx.organization_id, self.name)
        known = _known.get(name)
        if not expire and known is not None and known.is_good(ctx) and asked - _looked[name] < LOOKING_EVERY:
            return list(known.rows)
        if await ctx.session.scalar(_COUNT, {"org": ctx.organization_id, "most": MANY_INVOICES}) < MANY_INVOICES:
            return None
        if not expire and (found := await self.kept(ctx)) is not None and found.is_good(ctx):
            _looked[name] = asked
            return list(found.rows)
        async with _computing.setdefault(name, asyncio.Lock()):
            known = _known.get(name)
            if known is None or not known.is_good(ctx) or (expire and known.computed_at < asked):
                known = await self.computed(ctx)
        return list(known.rows)

    async def kept(self, ctx: Context) -> Kept | None:
        """The newer one of what this process remembers and what the worker has stored."""
        name = (ctx.organization_id, self.name)
        known = _known.get(name)
        own = (
            col(AnalyticsFigure.organization_id) == ctx.organization_id,
            col(AnalyticsFigure.figure) == self.name,
        )
        stored = await ctx.session.scalar(select(col(AnalyticsFigure.computed_at)).where(*own))
        if stored is None or (known is not None and known.computed_at >= stored):
            return known
        columns = select(
            col(AnalyticsFigure.content), col(AnalyticsFigure.computed_at), col(AnalyticsFigure.clock)
        ).where(*own)
        row = (await ctx.session.execute(columns)).first()
        return known if row is None else _remembered(name, Kept(row[0]["rows"], row[1], row[2]))

    async def computed(self, ctx: Context) -> Kept:
        """The figure as it is now: every month since the organization began, the next one included."""
        began, clock = system_now(), ctx.now()
        months = months_until_now(ctx, None)
        rows: list[Any] = await self._compute(ctx, Months(months.start, shifted(months.end, 1)))
        return _remembered((ctx.organization_id, self.name), Kept(rows, began, clock))


def _remembered(name: tuple[UUID, str], kept: Kept) -> Kept:
    while len(_known) >= _MOST_KNOWN:
        oldest = next(iter(_known))
        del _known[oldest], _looked[oldest]
    _known[name] = kept
    _looked[name] = system_now()
    return kept


def chosen(rows: list[R], months: Months, currency: str | None) -> list[R]:
    """Those rows of a whole figure that lie in ``months`` and have ``currency``, if one is given."""
    start, end = month_text(months.start), month_text(months.end)
    read: list[Any] = list(rows)
    return [row for row in read if start <= row["month"] < end and currency in (None, row["currency"])]


async def renew_figures(runtime: Runtime) -> int:
    """The worker's pass: compute what is missing or more than two hours old of organizations with very many invoices.

    Returns how many figures were computed. One that fails is left to the next pass.
    """
    async with runtime.database.reading() as session:
        organizations = list((await session.scalars(_ORGANIZATIONS, {"most": MANY_INVOICES})).all())
    done = 0
    for organization_id in organizations:
        for figure in list(_figures.values()):
            try:
                done += await _renew(runtime, organization_id, figure)
            except Exception as failure:
                log.warning("figure_not_renewed", figure=figure.name, error=f"{type(failure).__name__}: {failure}")
    return done


async def _renew(runtime: Runtime, organization_id: UUID, figure: Figure[Any]) -> bool:
    async with runtime.database.reading() as session:
        organization = await session.get(Organization, organization_id)
        if organization is None:
            return False
        ctx = Context(session, organization, event_store=runtime.event_store)
        found = await figure.kept(ctx)
        if found is not None and found.is_good(ctx, RENEWED_AFTER):
            return False
        made = await figure.computed(ctx)
    values = {"content": {"rows": made.rows}, "computed_at": made.computed_at, "clock": made.clock}
    async with runtime.database.transaction() as session:
        statement = insert(AnalyticsFigure).values(organization_id=organization_id, figure=figure.name, **values)
        await session.execute(
            statement.on_conflict_do_update(index_elements=["organization_id", "figure"], set_=values)
        )
    return True
