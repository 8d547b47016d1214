"""Figures of issued invoices by month (spec 07 §8)."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.analytics import collections, mrr
from billwright.billing.analytics import invoiced as sums
from billwright.billing.analytics.collections import MonthFilters
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt
from billwright.graphql.types.common import Inf, f

VIEW = HasPermission("analytics:view")
YEAR = "12"
CurrencyArgument = Annotated[str | None, strawberry.argument(description="In this currency (ISO 4217).")]
MonthsArgument = Annotated[
    int | None, strawberry.argument(description="So many calendar months (UTC), the current one included; else all.")
]
ExternalCustomer = Annotated[str | None, strawberry.argument(description="Of this customer, by external id.")]
Expire = Annotated[
    bool | None,
    strawberry.argument(description="Read anew what is kept for large lists."),
]


@strawberry.type(description="Gross revenue of a month.")
class GrossRevenue:
    month: str = f("First instant of the month (UTC).")
    amount_cents: BigInt = f("Totals of issued invoices less refunds, in minor units of the currency.")
    currency: str = f("Currency (ISO 4217).")
    invoices_count: BigInt = f("How many invoices it sums.")


@strawberry.type(description="What overdue invoices of a month still ask for.")
class OverdueBalance:
    month: str = f("First instant of the month in which they were due (UTC).")
    amount_cents: BigInt = f("Sum in minor units of the currency.")
    currency: str = f("Currency (ISO 4217).")
    lago_invoice_ids: list[str] = f("The invoices.")


@strawberry.type(description="Issued invoices of a month in one payment state; nulls for an empty month.")
class FinalizedInvoices:
    month: str = f("First instant of the month (UTC).")
    payment_status: str | None = f("pending, succeeded or failed.")
    invoices_count: BigInt = f("How many invoices it sums.")
    amount_cents: BigInt = f("Sum of their totals in minor units of the currency.")
    currency: str | None = f("Currency (ISO 4217).")


@strawberry.type(description="Invoiced usage of a metric in a month.")
class InvoicedUsage:
    month: str = f("First instant of the month (UTC).")
    code: str = f("Code of the billable metric.")
    amount_cents: BigInt = f("Charges less coupons, in minor units of the currency.")
    currency: str = f("Currency (ISO 4217).")


@strawberry.type(description="Monthly recurring revenue of a month; nulls for an empty month.")
class Mrr:
    month: str = f("First instant of the month (UTC).")
    amount_cents: BigInt | None = f("In minor units of the currency.")
    currency: str | None = f("Currency (ISO 4217).")


def _made(kind: Any, rows: Any) -> list[Any]:
    big = ("amount_cents", "invoices_count")
    return [
        kind(**{name: BigInt(value) if name in big and value is not None else value for name, value in row.items()})
        for row in rows
    ]


@strawberry.type
class AnalyticsQueries:
    @strawberry.field(description="Gross revenue by month and currency.", permission_classes=[VIEW])
    async def gross_revenues(
        self,
        info: Inf,
        currency: CurrencyArgument = None,
        external_customer_id: ExternalCustomer = None,
        months: MonthsArgument = None,
        expire_cache: Expire = None,
    ) -> list[GrossRevenue]:
        filters = sums.InvoicedFilters(_text(months), currency, external_customer_id)
        async with info.context.reading() as ctx:
            return _made(GrossRevenue, await sums.gross_revenues(ctx, filters, expire=bool(expire_cache)))

    @strawberry.field(description="Overdue balance by month and currency.", permission_classes=[VIEW])
    async def overdue_balances(
        self,
        info: Inf,
        currency: CurrencyArgument = None,
        external_customer_id: ExternalCustomer = None,
        months: MonthsArgument = None,
        expire_cache: Expire = None,
    ) -> list[OverdueBalance]:
        filters = sums.InvoicedFilters(_text(months), currency, external_customer_id)
        async with info.context.reading() as ctx:
            rows = await sums.overdue_balances(ctx, filters, expire=bool(expire_cache))
        return _made(
            OverdueBalance,
            [{**row, "lago_invoice_ids": [str(each) for each in row["lago_invoice_ids"]]} for row in rows],
        )

    @strawberry.field(description="Issued invoices of twelve months by payment state.", permission_classes=[VIEW])
    async def invoice_collections(self, info: Inf, currency: CurrencyArgument = None) -> list[FinalizedInvoices]:
        async with info.context.reading() as ctx:
            rows = await collections.invoice_collections(ctx, MonthFilters(YEAR, currency))
        return _made(FinalizedInvoices, rows)

    @strawberry.field(description="Invoiced usage of twelve months by billable metric.", permission_classes=[VIEW])
    async def invoiced_usages(self, info: Inf, currency: CurrencyArgument = None) -> list[InvoicedUsage]:
        async with info.context.reading() as ctx:
            return _made(InvoicedUsage, await collections.invoiced_usages(ctx, MonthFilters(YEAR, currency)))

    @strawberry.field(description="Monthly recurring revenue of twelve months.", permission_classes=[VIEW])
    async def mrrs(self, info: Inf, currency: CurrencyArgument = None) -> list[Mrr]:
        async with info.context.reading() as ctx:
            return _made(Mrr, await mrr.monthly_recurring_revenue(ctx, MonthFilters(YEAR, currency)))


def _text(months: int | None) -> str | None:
    return None if months is None else str(months)
