"""The search bar: a few hits of everything that the caller may see (spec 07 §7.3)."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from sqlalchemy import case, func, or_
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric as MetricRow
from billwright.billing.catalog.models import Plan as PlanRow
from billwright.billing.catalog.queries import MetricFilters, PlanFilters, metrics_statement, plans_statement
from billwright.billing.customers.models import Customer as CustomerRow
from billwright.billing.customers.queries import CustomerFilters, customers_statement
from billwright.billing.invoicing.models import Invoice as InvoiceRow
from billwright.billing.invoicing.queries import InvoiceFilters, invoices_statement
from billwright.billing.kernel.ids import parse_id
from billwright.billing.subscriptions.models import Subscription as SubscriptionRow
from billwright.billing.subscriptions.queries import SubscriptionFilters, subscriptions_statement
from billwright.graphql.permissions import IsMember
from billwright.graphql.types.catalog import BillableMetric, Plan
from billwright.graphql.types.common import Inf, f
from billwright.graphql.types.customers import Customer
from billwright.graphql.types.invoices import Invoice
from billwright.graphql.types.subscriptions import Subscription

HITS = 5
SHORTEST = 3


@strawberry.type(description="Hits of a search, at most five of each; empty where the role may not look.")
class SearchResults:
    customers: list[Customer] = f("Customers.")
    invoices: list[Invoice] = f("Invoices.")
    subscriptions: list[Subscription] = f("Subscriptions.")
    plans: list[Plan] = f("Plans.")
    billable_metrics: list[BillableMetric] = f("Billable metrics.")


async def _hits(ctx: Context, statement: Any, term: str, id_column: Any, *exact: Any) -> list[Any]:
    """The first rows, exact ids, codes and numbers before the rest."""
    same = [func.lower(col(column)) == term.lower() for column in exact]
    identifier = parse_id(term)
    if identifier is not None:
        same.append(col(id_column) == identifier)
    ordered = statement.order_by(None).order_by(case((or_(*same), 0), else_=1), *statement._order_by_clauses)
    return list((await ctx.session.scalars(ordered.limit(HITS))).all())


@strawberry.type
class SearchQueries:
    @strawberry.field(description="A few hits of everything, exact ones first.", permission_classes=[IsMember])
    async def search(
        self, info: Inf, term: Annotated[str, strawberry.argument(description="At least three characters.")]
    ) -> SearchResults:
        wanted = term.strip()
        found = SearchResults(customers=[], invoices=[], subscriptions=[], plans=[], billable_metrics=[])
        if len(wanted) < SHORTEST:
            return found
        held = (await info.context.principal()).permissions
        async with info.context.reading() as ctx:
            if "customers:view" in held:
                statement = customers_statement(ctx, CustomerFilters(search=wanted))
                found.customers = await _hits(ctx, statement, wanted, CustomerRow.id, CustomerRow.external_id)
            if "invoices:view" in held:
                statement = invoices_statement(ctx, InvoiceFilters(search=wanted))
                found.invoices = await _hits(ctx, statement, wanted, InvoiceRow.id, InvoiceRow.number)
            if "subscriptions:view" in held:
                statement = subscriptions_statement(ctx, SubscriptionFilters(search=wanted, statuses=None))
                found.subscriptions = await _hits(
                    ctx, statement, wanted, SubscriptionRow.id, SubscriptionRow.external_id
                )
            if "plans:view" in held:
                statement = plans_statement(ctx, PlanFilters(search=wanted))
                found.plans = await _hits(ctx, statement, wanted, PlanRow.id, PlanRow.code)
            if "billable_metrics:view" in held:
                statement = metrics_statement(ctx, MetricFilters(search=wanted))
                found.billable_metrics = await _hits(ctx, statement, wanted, MetricRow.id, MetricRow.code)
        return found
