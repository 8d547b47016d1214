"""Reads of customers, scoped by organization (spec 03 §1.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer, CustomerMetadata, CustomerTax
from billwright.billing.customers.schemas import CustomerOut, customer_object
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.pagination import Page, PageRequest, paginate, paginate_hits
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.taxes.models import Tax


@dataclass(frozen=True, slots=True)
class CustomerFilters:
    """Filters of a list; lists combine with OR inside one filter, filters with AND."""

    search: str | None = None
    external_id: str | None = None
    countries: Sequence[str] | None = None
    states: Sequence[str] | None = None
    zipcodes: Sequence[str] | None = None
    currencies: Sequence[str] | None = None
    customer_type: str | None = None
    has_customer_type: bool | None = None
    has_tax_identification_number: bool | None = None
    active_subscriptions_from: int | None = None
    active_subscriptions_to: int | None = None
    with_deleted: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


def like_pattern(term: str) -> str:
    """A "contains" pattern in which ``%`` and ``_`` are literal (spec 07 §7.4)."""
    escaped = term.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def customers_statement(ctx: Context, filters: CustomerFilters) -> Select[Any]:
    """The filtered list, newest first."""
    statement = select(Customer).where(col(Customer.organization_id) == ctx.organization_id)
    if not filters.with_deleted:
        statement = statement.where(col(Customer.deleted_at).is_(None))
    if filters.search:
        pattern = like_pattern(filters.search)
        columns = (
            Customer.name,
            Customer.firstname,
            Customer.lastname,
            Customer.legal_name,
            Customer.external_id,
            Customer.email,
        )
        statement = statement.where(or_(*(col(item).ilike(pattern) for item in columns)))
    if filters.external_id is not None:
        statement = statement.where(col(Customer.external_id) == filters.external_id)
    for column, values in (
        (Customer.country, filters.countries),
        (Customer.state, filters.states),
        (Customer.zipcode, filters.zipcodes),
        (Customer.currency, filters.currencies),
    ):
        if values:
            statement = statement.where(col(column).in_(list(values)))
    if filters.customer_type is not None:
        statement = statement.where(col(Customer.customer_type) == filters.customer_type)
    for column, wanted in (
        (Customer.customer_type, filters.has_customer_type),
        (Customer.tax_identification_number, filters.has_tax_identification_number),
    ):
        if wanted is not None:
            statement = statement.where(col(column).is_not(None) if wanted else col(column).is_(None))
    if filters.active_subscriptions_from is not None or filters.active_subscriptions_to is not None:
        active = (
            select(func.count())
            .where(col(Subscription.customer_id) == col(Customer.id), col(Subscription.status) == "active")
            .scalar_subquery()
        )
        statement = statement.where(active >= (filters.active_subscriptions_from or 0))
        if filters.active_subscriptions_to is not None:
            statement = statement.where(active <= filters.active_subscriptions_to)
    for key, value in filters.metadata.items():
        entry = and_(col(CustomerMetadata.customer_id) == col(Customer.id), col(CustomerMetadata.key) == key)
        if value:
            statement = statement.where(exists().where(entry, col(CustomerMetadata.value) == value))
        else:
            statement = statement.where(~exists().where(entry))
    return statement.order_by(col(Customer.created_at).desc(), col(Customer.id))


async def list_customers(ctx: Context, filters: CustomerFilters, page: PageRequest) -> Page[Customer]:
    """A page of customers."""
    statement = customers_statement(ctx, filters)
    if not filters.search:
        return await paginate(ctx.session, statement, page)
    return await paginate_hits(ctx.session, statement, page, customers_statement(ctx, CustomerFilters()))


async def find_customer(ctx: Context, external_id: str) -> Customer | None:
    """The live customer with this external id, if any."""
    rows = await ctx.session.scalars(
        select(Customer).where(
            col(Customer.organization_id) == ctx.organization_id,
            col(Customer.external_id) == external_id.strip(),
            col(Customer.deleted_at).is_(None),
        )
    )
    return rows.first()


async def get_customer(ctx: Context, external_id: str) -> Customer:
    """Like ``find_customer``; raises ``NotFound("customer")``."""
    customer = await find_customer(ctx, external_id)
    if customer is None:
        raise NotFound("customer")
    return customer


async def customers_by_id(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Customer]:
    """Customers by id, deleted ones included (their invoices stay readable)."""
    rows = await ctx.session.scalars(
        select(Customer).where(col(Customer.organization_id) == ctx.organization_id, col(Customer.id).in_(ids))
    )
    return {row.id: row for row in rows}


async def customer_objects(ctx: Context, customers: Sequence[Customer]) -> list[CustomerOut]:
    """Customers on the wire, with metadata and taxes loaded in two queries whatever their number."""
    ids = [customer.id for customer in customers]
    metadata: dict[UUID, list[CustomerMetadata]] = {}
    taxes: dict[UUID, list[Tax]] = {}
    if ids:
        for entry in await ctx.session.scalars(
            select(CustomerMetadata)
            .where(col(CustomerMetadata.customer_id).in_(ids))
            .order_by(col(CustomerMetadata.created_at), col(CustomerMetadata.id))
        ):
            metadata.setdefault(entry.customer_id, []).append(entry)
        rows = await ctx.session.execute(
            select(col(CustomerTax.customer_id), Tax)
            .join(Tax, col(Tax.id) == col(CustomerTax.tax_id))
            .where(col(CustomerTax.customer_id).in_(ids), col(Tax.deleted_at).is_(None))
            .order_by(col(Tax.created_at), col(Tax.id))
        )
        for customer_id, tax in rows:
            taxes.setdefault(customer_id, []).append(tax)
    return [
        customer_object(
            customer,
            ctx.organization,
            metadata=metadata.get(customer.id, []),
            taxes=taxes.get(customer.id, []),
        )
        for customer in customers
    ]
