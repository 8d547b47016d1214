"""Reads of subscriptions, scoped by organization (spec 03 §9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import like_pattern
from billwright.billing.customers.searching import few_buyers_like, likely_many, of_buyers, one_of
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page, PageRequest, paginate, paginate_hits
from billwright.billing.subscriptions.models import Subscription

STATUSES = ("pending", "active", "terminated", "canceled", "incomplete")


@dataclass(frozen=True, slots=True)
class SubscriptionFilters:
    """Filters of a list. ``statuses`` of ``None`` means every status; ``search`` as in spec 07 §7.4."""

    external_customer_id: str | None = None
    customer_id: UUID | None = None
    plan_code: str | None = None
    external_id: str | None = None
    statuses: Sequence[str] | None = ("active",)
    currency: str | None = None
    overridden: bool | None = None
    search: str | None = None


def subscriptions_statement(
    ctx: Context,
    filters: SubscriptionFilters,
    *,
    buyers: list[UUID] | None = None,
    plans: list[UUID] | None = None,
    row_by_row: bool = False,
) -> Select[Any]:
    """The filtered, ordered list. ``buyers``, ``plans``: those that ``filters.search`` finds, if they are known;
    ``row_by_row``: see ``customers.searching``."""
    statement = select(Subscription).where(col(Subscription.organization_id) == ctx.organization_id)
    if any(value is not None for value in (filters.plan_code, filters.currency, filters.overridden)):
        statement = statement.join(Plan, col(Plan.id) == col(Subscription.plan_id))
    if filters.external_customer_id is not None:
        statement = statement.join(Customer, col(Customer.id) == col(Subscription.customer_id)).where(
            col(Customer.organization_id) == ctx.organization_id,
            col(Customer.external_id) == filters.external_customer_id,
            col(Customer.deleted_at).is_(None),
        )
    if filters.customer_id is not None:
        statement = statement.where(col(Subscription.customer_id) == filters.customer_id)
    if filters.plan_code is not None:
        statement = statement.where(col(Plan.code) == filters.plan_code)
    if filters.currency is not None:
        statement = statement.where(col(Plan.amount_currency) == filters.currency)
    if filters.overridden is not None:
        parent = col(Plan.parent_id)
        statement = statement.where(parent.is_not(None) if filters.overridden else parent.is_(None))
    if filters.external_id is not None:
        statement = statement.where(col(Subscription.external_id) == filters.external_id)
    if filters.statuses is not None:
        statement = statement.where(col(Subscription.status).in_(filters.statuses))
    if filters.search is not None:
        statement = statement.where(or_(*_matches(ctx, filters.search, buyers, plans, row_by_row)))
    return statement.order_by(
        col(Subscription.subscription_at).desc().nulls_last(),
        col(Subscription.created_at).desc(),
        col(Subscription.id),
    )


def _plans_like(ctx: Context, search: str) -> Any:
    pattern = like_pattern(search)
    return select(col(Plan.id)).where(
        col(Plan.organization_id) == ctx.organization_id,
        or_(col(Plan.name).ilike(pattern), col(Plan.code).ilike(pattern)),
    )


def _matches(
    ctx: Context, search: str, buyers: list[UUID] | None, plans: list[UUID] | None, row_by_row: bool
) -> list[ColumnElement[bool]]:
    """A part of its name, external id or plan, or of its customer; or its id (spec 07 §7.4)."""
    pattern = like_pattern(search)
    found: list[ColumnElement[bool]] = [
        col(Subscription.name).ilike(pattern),
        col(Subscription.external_id).ilike(pattern),
        col(Subscription.plan_id).in_(_plans_like(ctx, search))
        if plans is None
        else one_of(Subscription.plan_id, plans),
        of_buyers(ctx, Subscription.customer_id, search, buyers, row_by_row=row_by_row),
    ]
    identity = parse_id(search)
    if identity is not None:
        found.append(col(Subscription.id) == identity)
    return found


async def list_subscriptions(ctx: Context, filters: SubscriptionFilters, page: PageRequest) -> Page[Subscription]:
    """A page, newest ``subscription_at`` first."""
    if not filters.search:
        return await paginate(ctx.session, subscriptions_statement(ctx, filters), page)
    plans = list(await ctx.session.scalars(_plans_like(ctx, filters.search)))
    buyers = await few_buyers_like(ctx, filters.search)
    one_by_one = subscriptions_statement(ctx, filters, plans=plans, row_by_row=True) if buyers is None else None
    statement = subscriptions_statement(ctx, filters, buyers=buyers, plans=plans)
    whole = subscriptions_statement(ctx, SubscriptionFilters(statuses=None))
    return await paginate_hits(ctx.session, statement, page, whole, row_by_row=one_by_one, many=likely_many(buyers))


async def find_subscription(ctx: Context, external_id: str, status: str = "active") -> Subscription:
    """The subscription with this external id and status; of several terminated ones the last ended.

    Raises ``NotFound("subscription")``.
    """
    statement = (
        select(Subscription)
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.external_id) == external_id,
            col(Subscription.status) == status,
        )
        .order_by(col(Subscription.terminated_at).desc().nulls_last(), col(Subscription.created_at).desc())
        .limit(1)
    )
    return await find(ctx.session, statement, "subscription")


async def editable_subscription(ctx: Context, external_id: str, status: str) -> Subscription:
    """The target of an edit: if several ever had this external id, the newest with ``status``, else the only one
    (spec 03 §6.10). Raises ``NotFound("subscription")``.
    """
    statement = (
        select(Subscription)
        .where(col(Subscription.organization_id) == ctx.organization_id, col(Subscription.external_id) == external_id)
        .order_by(col(Subscription.subscription_at).desc(), col(Subscription.created_at).desc())
    )
    found = list((await ctx.session.scalars(statement)).all())
    if len(found) > 1:
        found = [item for item in found if item.status == status]
    if not found:
        raise NotFound("subscription")
    return found[0]


async def subscription_by_id(ctx: Context, subscription_id: UUID) -> Subscription:
    """The subscription, any status. Raises ``NotFound("subscription")``."""
    statement = select(Subscription).where(
        col(Subscription.id) == subscription_id, col(Subscription.organization_id) == ctx.organization_id
    )
    return await find(ctx.session, statement, "subscription")


async def subscription_at(ctx: Context, external_id: str, instant: datetime) -> Subscription | None:
    """The subscription an event of ``instant`` belongs to (spec 01 §2.8)."""
    moment = func.date_trunc("milliseconds", instant)
    ended = func.date_trunc("milliseconds", col(Subscription.terminated_at))
    statement = (
        select(Subscription)
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.external_id) == external_id,
            col(Subscription.status).in_(("active", "terminated")),
            func.date_trunc("milliseconds", col(Subscription.started_at)) <= moment,
            or_(col(Subscription.terminated_at).is_(None), ended >= moment),
        )
        .order_by(col(Subscription.terminated_at).desc().nulls_first(), col(Subscription.started_at).desc())
        .limit(1)
    )
    return (await ctx.session.scalars(statement)).first()
