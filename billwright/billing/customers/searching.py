"""Searching lists of what belongs to customers: the customers that match come first, by their trigram index, and then
what is theirs, by the list's own index on the customer (spec 07 §7.4, §10 trap 28)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, literal, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import like_pattern
from billwright.billing.kernel.pagination import HITS
from billwright.billing.kernel.statements import by_index, plan_by_values

_INDEXED = re.compile(r"[^\W_]{3}")
"""A term in which a trigram index finds something to look for."""
NAMED = 5000
"""Up to this many customers are named one by one; when more match, the list is walked in its order instead."""


def one_of(column: Any, ids: Sequence[UUID]) -> ColumnElement[bool]:
    """``column`` is one of ``ids``, which are one parameter however many they are."""
    return col(column) == any_(literal(list(ids), ARRAY(Uuid())))


def buyers_like(ctx: Context, term: str, *, legal_name: bool = False) -> Any:
    """The ids of customers, deleted ones too, of whom a name, the external id or the e-mail contains ``term``."""
    columns: list[Any] = [Customer.name, Customer.firstname, Customer.lastname, Customer.external_id, Customer.email]
    if legal_name:
        columns.append(Customer.legal_name)
    pattern = like_pattern(term)
    return select(col(Customer.id)).where(
        col(Customer.organization_id) == ctx.organization_id, or_(*(col(item).ilike(pattern) for item in columns))
    )


async def few_buyers_like(ctx: Context, term: str, *, legal_name: bool = False) -> list[UUID] | None:
    """These ids, ``None`` when they are more than ``NAMED``."""
    await plan_by_values(ctx.session)
    statement = buyers_like(ctx, term, legal_name=legal_name).limit(NAMED + 1)
    if not _INDEXED.search(term):
        found = list(await ctx.session.scalars(statement))
    else:
        async with by_index(ctx.session):
            found = list(await ctx.session.scalars(statement))
    return found if len(found) <= NAMED else None


def likely_many(buyers: Sequence[UUID] | None) -> bool:
    """Whether what these customers have is likely more than a search counts."""
    return buyers is None or len(buyers) > HITS


def of_buyers(
    ctx: Context,
    column: Any,
    term: str,
    buyers: list[UUID] | None,
    *,
    legal_name: bool = False,
    row_by_row: bool = False,
) -> ColumnElement[bool]:
    """``column`` is the id of one of those customers: of ``buyers`` if they are given, else of all that match.

    ``row_by_row``, for lists that an index gives in their order: those who match are so many that the customer of one
    row after the other is looked at until there are hits enough, instead of all customers first.
    """
    if buyers is None:
        matching = buyers_like(ctx, term, legal_name=legal_name)
        if not row_by_row:
            return col(column).in_(matching)
        one = matching.where(col(Customer.id) == col(column))
        return one.correlate(column.class_).scalar_subquery().is_not(None)
    return one_of(column, buyers)
