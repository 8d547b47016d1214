"""Reading taxes. Every query is scoped by organization."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.add_ons.models import AddOn, AddOnTax
from billwright.billing.catalog.models import Charge, ChargeTax, Plan, PlanTax
from billwright.billing.customers.models import Customer, CustomerTax
from billwright.billing.customers.queries import like_pattern
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.pagination import Page, PageRequest, paginate
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.schemas import TaxCounts, TaxDetailOut, TaxOut, tax_detail, tax_object


def _live(ctx: Context) -> Any:
    return select(Tax).where(col(Tax.organization_id) == ctx.organization_id, col(Tax.deleted_at).is_(None))


async def find_tax(ctx: Context, code: str, *, lock: bool = False) -> Tax:
    """The tax with ``code``; raises ``NotFound("tax")``. ``lock`` reloads it under its row's lock."""
    return await find(ctx.session, _live(ctx).where(col(Tax.code) == code), "tax", lock=lock)


async def tax_by_id(ctx: Context, tax_id: UUID) -> Tax:
    """The live tax with this internal id; raises ``NotFound("tax")``."""
    return await find(ctx.session, _live(ctx).where(col(Tax.id) == tax_id), "tax")


@dataclass(frozen=True, slots=True)
class TaxFilters:
    """Filters of a list; ``search`` finds parts of name and code, ``by_rate`` orders by rate, then name."""

    search: str | None = None
    applied_to_organization: bool | None = None
    auto_generated: bool | None = None
    by_rate: bool = False


def taxes_statement(ctx: Context, filters: TaxFilters) -> Select[Any]:
    """The filtered list, by name."""
    statement = _live(ctx)
    if filters.search:
        pattern = like_pattern(filters.search)
        statement = statement.where(or_(col(Tax.name).ilike(pattern), col(Tax.code).ilike(pattern)))
    if filters.applied_to_organization is not None:
        statement = statement.where(col(Tax.applied_to_organization).is_(filters.applied_to_organization))
    if filters.auto_generated is not None:
        statement = statement.where(col(Tax.auto_generated).is_(filters.auto_generated))
    order = [col(Tax.rate)] if filters.by_rate else []
    return statement.order_by(*order, func.lower(col(Tax.name)), col(Tax.id))


async def list_taxes(ctx: Context, page: PageRequest) -> Page[Tax]:
    """Taxes by name."""
    return await paginate(ctx.session, _live(ctx).order_by(func.lower(col(Tax.name)), col(Tax.id)), page)


async def taxes_by_codes(ctx: Context, codes: Iterable[str], *, any_case: bool = False) -> list[Tax]:
    """The taxes named in ``tax_codes``, each once, in that order; an unknown code raises ``NotFound("tax")``.

    ``any_case``: the case does not matter (spec 05 A1, codes of a billing entity).
    """
    wanted = list(dict.fromkeys(code.lower() if any_case else code for code in codes))
    if not wanted:
        return []
    column = func.lower(col(Tax.code)) if any_case else col(Tax.code)
    found = {
        tax.code.lower() if any_case else tax.code: tax
        for tax in await ctx.session.scalars(_live(ctx).where(column.in_(wanted)).order_by(col(Tax.created_at)))
    }
    if len(found) < len(wanted):
        raise NotFound("tax")
    return [found[code] for code in wanted]


async def default_taxes(ctx: Context) -> list[Tax]:
    """Taxes of customers that have none of their own (spec 05 A2, the last level)."""
    rows = await ctx.session.scalars(
        _live(ctx).where(col(Tax.applied_to_organization).is_(True)).order_by(col(Tax.created_at), col(Tax.id))
    )
    return list(rows)


async def default_tax_objects(ctx: Context) -> list[TaxOut]:
    """The default taxes on the wire."""
    return [tax_object(tax) for tax in await default_taxes(ctx)]


async def tax_counts(ctx: Context, tax_ids: Sequence[UUID]) -> dict[UUID, TaxCounts]:
    """Live customers, plans (subscriptions' overrides left out), charges and add-ons of each tax, in four queries."""
    customers = await _count(ctx, CustomerTax.customer_id, CustomerTax.tax_id, Customer, tax_ids)
    plans = await _count(ctx, PlanTax.plan_id, PlanTax.tax_id, Plan, tax_ids, col(Plan.parent_id).is_(None))
    charges = await _count(ctx, ChargeTax.charge_id, ChargeTax.tax_id, Charge, tax_ids, col(Charge.parent_id).is_(None))
    add_ons = await _count(ctx, AddOnTax.add_on_id, AddOnTax.tax_id, AddOn, tax_ids)
    return {
        tax_id: {
            "add_ons_count": add_ons.get(tax_id, 0),
            "customers_count": customers.get(tax_id, 0),
            "plans_count": plans.get(tax_id, 0),
            "charges_count": charges.get(tax_id, 0),
        }
        for tax_id in tax_ids
    }


async def tax_details(ctx: Context, taxes: Sequence[Tax]) -> list[TaxDetailOut]:
    """The wire forms of ``/taxes``."""
    counts = await tax_counts(ctx, [tax.id for tax in taxes])
    return [tax_detail(ctx.organization, tax, counts[tax.id]) for tax in taxes]


async def _count(
    ctx: Context, owner_column: Any, tax_column: Any, owner: Any, tax_ids: Sequence[UUID], *conditions: Any
) -> dict[UUID, int]:
    if not tax_ids:
        return {}
    rows = await ctx.session.execute(
        select(col(tax_column), func.count())
        .join(owner, owner.id == col(owner_column))
        .where(
            col(tax_column).in_(tax_ids),
            owner.organization_id == ctx.organization_id,
            owner.deleted_at.is_(None),
            *conditions,
        )
        .group_by(col(tax_column))
    )
    return {tax_id: int(count) for tax_id, count in rows}
