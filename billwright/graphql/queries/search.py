"""The search bar: a few hits of everything that the caller may see (spec 07 §7.3)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.searching.queries import search
from billwright.graphql.permissions import IsMember
from billwright.graphql.types.catalog import BillableMetric, Plan
from billwright.graphql.types.common import Inf, f, shown
from billwright.graphql.types.coupons import AddOn, Coupon
from billwright.graphql.types.credit_notes import CreditNote
from billwright.graphql.types.customers import Customer
from billwright.graphql.types.invoices import Invoice
from billwright.graphql.types.subscriptions import Subscription


@strawberry.type(description="Hits of a search, at most five of each; empty where the role may not look.")
class SearchResults:
    customers: list[Customer] = f("Customers.")
    invoices: list[Invoice] = f("Invoices.")
    subscriptions: list[Subscription] = f("Subscriptions.")
    plans: list[Plan] = f("Plans.")
    billable_metrics: list[BillableMetric] = f("Billable metrics.")
    coupons: list[Coupon] = f("Coupons.")
    add_ons: list[AddOn] = f("Add-ons.")
    credit_notes: list[CreditNote] = f("Credit notes.")


@strawberry.type
class SearchQueries:
    @strawberry.field(description="A few hits of everything, exact ones first.", permission_classes=[IsMember])
    async def search(
        self, info: Inf, term: Annotated[str, strawberry.argument(description="At least three characters.")]
    ) -> SearchResults:
        held = (await info.context.principal()).permissions
        async with info.context.reading() as ctx:
            return shown(await search(ctx, term, held))
