"""Reading add-ons. Every query is scoped by organization."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.add_ons.models import AddOn, AddOnTax
from billwright.billing.add_ons.schemas import AddOnOut, add_on_object
from billwright.billing.customers.queries import like_pattern
from billwright.billing.invoicing.models import VISIBLE_STATUSES, Fee, Invoice
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.pagination import Page, PageRequest, paginate
from billwright.billing.taxes.models import Tax


def _live(ctx: Context) -> Any:
    return select(AddOn).where(col(AddOn.organization_id) == ctx.organization_id, col(AddOn.deleted_at).is_(None))


async def find_add_on(ctx: Context, code: str, *, lock: bool = False) -> AddOn:
    """The add-on with ``code``; raises ``NotFound("add_on")``. ``lock`` reloads it under its row's lock."""
    return await find(ctx.session, _live(ctx).where(col(AddOn.code) == code), "add_on", lock=lock)


async def add_on_by_id(ctx: Context, add_on_id: UUID | None) -> AddOn:
    """An add-on that is not deleted; raises ``NotFound("add_on")``."""
    return await find(ctx.session, _live(ctx).where(col(AddOn.id) == add_on_id), "add_on")


async def list_add_ons(ctx: Context, page: PageRequest, *, search: str | None = None) -> Page[AddOn]:
    """Add-ons, newest first; ``search`` looks for a part of name or code, ``%`` and ``_`` being literal."""
    statement = _live(ctx)
    if search:
        pattern = like_pattern(search)
        statement = statement.where(or_(col(AddOn.name).ilike(pattern), col(AddOn.code).ilike(pattern)))
    return await paginate(ctx.session, statement.order_by(col(AddOn.created_at).desc(), col(AddOn.id)), page)


async def add_ons_by_codes(ctx: Context, codes: Iterable[str]) -> dict[str, AddOn]:
    """The live add-ons named, by code; raises ``NotFound("add_on")`` if any is unknown."""
    wanted = set(codes)
    found = {item.code: item for item in await ctx.session.scalars(_live(ctx).where(col(AddOn.code).in_(wanted)))}
    if len(found) < len(wanted):
        raise NotFound("add_on")
    return found


async def add_on_codes(ctx: Context, ids: Sequence[UUID | None]) -> list[str]:
    """Codes of live add-ons in the order of ``ids``; raises ``NotFound("add_on")`` if any is unknown."""
    found = {item.id: item.code for item in await ctx.session.scalars(_live(ctx).where(col(AddOn.id).in_(ids)))}
    codes = [found.get(each) if each is not None else None for each in ids]
    if None in codes:
        raise NotFound("add_on")
    return [code for code in codes if code is not None]


async def taxes_of_add_ons(ctx: Context, add_on_ids: Sequence[UUID]) -> dict[UUID, list[Tax]]:
    """The add-ons' own taxes, oldest first."""
    found: dict[UUID, list[Tax]] = {}
    if not add_on_ids:
        return found
    rows = await ctx.session.execute(
        select(col(AddOnTax.add_on_id), Tax)
        .join(Tax, col(Tax.id) == col(AddOnTax.tax_id))
        .where(
            col(Tax.organization_id) == ctx.organization_id,
            col(Tax.deleted_at).is_(None),
            col(AddOnTax.add_on_id).in_(add_on_ids),
        )
        .order_by(col(Tax.created_at), col(Tax.id))
    )
    for add_on_id, tax in rows:
        found.setdefault(add_on_id, []).append(tax)
    return found


async def customer_counts(ctx: Context, add_on_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many customers were billed each add-on on a visible invoice; add-ons never sold are left out."""
    if not add_on_ids:
        return {}
    rows = await ctx.session.execute(
        select(col(Fee.add_on_id), func.count(func.distinct(col(Fee.customer_id))))
        .join(Invoice, col(Invoice.id) == col(Fee.invoice_id))
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.add_on_id).in_(add_on_ids),
            col(Fee.deleted_at).is_(None),
            col(Invoice.status).in_(VISIBLE_STATUSES),
        )
        .group_by(col(Fee.add_on_id))
    )
    return {add_on_id: int(count) for add_on_id, count in rows if add_on_id is not None}


async def add_on_objects(ctx: Context, add_ons: Sequence[AddOn]) -> list[AddOnOut]:
    """The wire forms of ``/add_ons``, in the given order."""
    taxes = await taxes_of_add_ons(ctx, [add_on.id for add_on in add_ons])
    return [add_on_object(add_on, taxes.get(add_on.id, ())) for add_on in add_ons]
