"""The search bar: a few hits of everything, exact ones first (spec 07 §7.3, §7.4).

Each kind is bounded whatever the term finds: names are found by their trigram indexes, and what belongs to a customer
is looked for with the first customers that match, by id, so that no list is walked to its end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.add_ons.models import AddOn
from billwright.billing.catalog.models import BillableMetric, Plan
from billwright.billing.catalog.queries import MetricFilters, PlanFilters, metrics_statement, plans_statement
from billwright.billing.coupons.models import Coupon
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.queries import CreditNoteFilters, credit_notes_statement
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import CustomerFilters, customers_statement, like_pattern
from billwright.billing.customers.searching import one_of
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.queries import InvoiceFilters, invoices_statement
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.statements import plan_by_values
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.queries import SubscriptionFilters, subscriptions_statement

HITS = 5
SHORTEST = 3
OWNERS = 50
"""Customers, and plans, whose objects are looked for."""
FEW = 200
"""Up to this many rows are named; a list in which more match is walked in its order, and soon has enough."""


@dataclass(slots=True)
class Found:
    """At most five rows of each kind; empty where the caller may not look."""

    customers: list[Customer] = field(default_factory=list[Customer])
    invoices: list[Invoice] = field(default_factory=list[Invoice])
    subscriptions: list[Subscription] = field(default_factory=list[Subscription])
    plans: list[Plan] = field(default_factory=list[Plan])
    billable_metrics: list[BillableMetric] = field(default_factory=list[BillableMetric])
    coupons: list[Coupon] = field(default_factory=list[Coupon])
    add_ons: list[AddOn] = field(default_factory=list[AddOn])
    credit_notes: list[CreditNote] = field(default_factory=list[CreditNote])


async def search(ctx: Context, term: str, permissions: Collection[str]) -> Found:
    """What ``term`` finds among the kinds whose ``view`` permission is held; nothing below three characters."""
    found, wanted = Found(), term.strip()
    if len(wanted) < SHORTEST:
        return found
    await plan_by_values(ctx.session)
    look = _Look(ctx, wanted)
    if "customers:view" in permissions:
        found.customers = await look.customers()
    if "invoices:view" in permissions:
        statement = invoices_statement(ctx, InvoiceFilters())
        found.invoices = await look.owned(statement, Invoice, Invoice.number, [Invoice.number])
    if "subscriptions:view" in permissions:
        found.subscriptions = await look.subscriptions()
    if "plans:view" in permissions:
        found.plans = await look.named(plans_statement(ctx, PlanFilters()), Plan)
    if "billable_metrics:view" in permissions:
        found.billable_metrics = await look.named(metrics_statement(ctx, MetricFilters()), BillableMetric)
    if "coupons:view" in permissions:
        found.coupons = await look.named(_live(ctx, Coupon), Coupon)
    if "addons:view" in permissions:
        found.add_ons = await look.named(_live(ctx, AddOn), AddOn)
    if "credit_notes:view" in permissions:
        statement = credit_notes_statement(ctx, CreditNoteFilters())
        found.credit_notes = await look.owned(statement, CreditNote, CreditNote.number, [CreditNote.number])
    return found


def _live(ctx: Context, model: Any) -> Any:
    return (
        select(model)
        .where(model.organization_id == ctx.organization_id, model.deleted_at.is_(None))
        .order_by(model.created_at.desc(), model.id)
    )


class _Look:
    """One term looked for."""

    def __init__(self, ctx: Context, term: str) -> None:
        self._ctx = ctx
        self._pattern = like_pattern(term)
        self._spellings = sorted({term, term.lower(), term.upper(), term.capitalize(), term.title()})
        self._identity = parse_id(term)
        self._owners: list[UUID] | None = None

    async def customers(self) -> list[Any]:
        columns = (Customer.name, Customer.firstname, Customer.lastname, Customer.legal_name, Customer.email)
        statement = customers_statement(self._ctx, CustomerFilters())
        return await self._hits(statement, Customer, Customer.external_id, [*columns, Customer.external_id])

    async def subscriptions(self) -> list[Any]:
        plans = plans_statement(self._ctx, PlanFilters()).where(self._contain([Plan.name, Plan.code]))
        plan_ids = list(await self._ctx.session.scalars(plans.with_only_columns(col(Plan.id)).limit(OWNERS)))
        statement = subscriptions_statement(self._ctx, SubscriptionFilters(statuses=None))
        columns = [Subscription.name, Subscription.external_id]
        more = [col(Subscription.plan_id).in_(plan_ids)] if plan_ids else []
        return await self.owned(statement, Subscription, Subscription.external_id, columns, *more)

    async def named(self, statement: Any, model: Any) -> list[Any]:
        """Objects with a name and a code."""
        return await self._hits(statement, model, model.code, [model.name, model.code])

    async def owned(self, statement: Any, model: Any, exact: Any, columns: Sequence[Any], *more: Any) -> list[Any]:
        """Objects of customers: by columns of their own, and those of the customers that match."""
        if self._owners is None:
            columns_of_buyers = [
                Customer.name,
                Customer.firstname,
                Customer.lastname,
                Customer.external_id,
                Customer.email,
            ]
            everyone = customers_statement(self._ctx, CustomerFilters())
            buyers = await self._narrowed(everyone, Customer, self._contain(columns_of_buyers))
            found = await self._ctx.session.scalars(buyers.with_only_columns(col(Customer.id)).limit(OWNERS))
            self._owners = list(found)
        by_owner = [one_of(model.customer_id, self._owners)] if self._owners else []
        return await self._hits(statement, model, exact, columns, *by_owner, *more)

    def _contain(self, columns: Sequence[Any]) -> Any:
        return or_(*(col(column).ilike(self._pattern) for column in columns))

    async def _hits(self, statement: Any, model: Any, exact: Any, columns: Sequence[Any], *more: Any) -> list[Any]:
        """Exact ids, codes and numbers first, then what contains the term, each part in the order of the list."""
        same = [col(exact).in_(self._spellings)]
        if self._identity is not None:
            same.append(model.id == self._identity)
        first = list(await self._ctx.session.scalars(statement.where(or_(*same)).limit(HITS)))
        if len(first) == HITS:
            return first
        others = await self._narrowed(statement, model, or_(self._contain(columns), *more))
        others = others.where(model.id.not_in([row.id for row in first])) if first else others
        return [*first, *await self._ctx.session.scalars(others.limit(HITS - len(first)))]

    async def _narrowed(self, statement: Any, model: Any, condition: Any) -> Any:
        """``statement`` under the condition. When few rows meet it, they are found by its indexes and named: looking
        for the first ones in the order of the list would walk all of it."""
        meeting = statement.where(condition)
        ids = meeting.order_by(None).with_only_columns(model.id, maintain_column_froms=True)
        few = list(await self._ctx.session.scalars(ids.limit(FEW + 1)))
        return statement.where(one_of(model.id, few)) if len(few) <= FEW else meeting
