"""Figures of issued invoices by month (spec 07 §8)."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.analytics import collections, mrr
from billwright.billing.analytics import invoiced as sums
from billwright.billing.analytics.collections import MonthFilters
from billwright.billing.analytics.usage_activity import UsageFilters, usage_activity
from billwright.graphql.enums import CustomerCustomerTypeEnum, TimeGranularityEnum
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt, ISO8601Date
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


@strawberry.type(description="What a period added to usage, by billable metric and currency.")
class Usage:
    start_of_period_dt: ISO8601Date = f("First day of the period.")
    end_of_period_dt: ISO8601Date = f("Its last day, even where the range asked for ends before.")
    amount_currency: str = f("Currency (ISO 4217).")
    amount_cents: BigInt = f("Price without taxes, in minor units of the currency.")
    billable_metric_code: str = f("Code of the billable metric.")
    units: str = f("Units, as a decimal.")
    is_billable_metric_deleted: bool = f("Whether the metric is deleted.")


Granularity = Annotated[
    TimeGranularityEnum | None, strawberry.argument(description="Length of a period; a day unless told.")
]
FromDate = Annotated[
    ISO8601Date | None, strawberry.argument(description="First day: 30 days before the last one unless told.")
]
ToDate = Annotated[ISO8601Date | None, strawberry.argument(description="Last day: today unless told.")]
ExternalSubscription = Annotated[str | None, strawberry.argument(description="Of this subscription, by external id.")]
PlanCode = Annotated[str | None, strawberry.argument(description="Of subscriptions to the plan with this code.")]
MetricCode = Annotated[str | None, strawberry.argument(description="Of the billable metric with this code.")]
OfType = Annotated[CustomerCustomerTypeEnum | None, strawberry.argument(description="Of customers of this kind.")]
OfCountry = Annotated[str | None, strawberry.argument(description="Of customers in this country (ISO 3166).")]
Recurring = Annotated[
    bool | None, strawberry.argument(description="Of metrics that carry their units into the next period, or do not.")
]


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

    @strawberry.field(
        description="What each day, week or month added to usage. A day is the customer's and appears when it is over.",
        permission_classes=[VIEW],
    )
    async def usages(
        self,
        info: Inf,
        time_granularity: Granularity = None,
        from_date: FromDate = None,
        to_date: ToDate = None,
        currency: CurrencyArgument = None,
        external_customer_id: ExternalCustomer = None,
        external_subscription_id: ExternalSubscription = None,
        plan_code: PlanCode = None,
        billable_metric_code: MetricCode = None,
        customer_type: OfType = None,
        customer_country: OfCountry = None,
        is_billable_metric_recurring: Recurring = None,
    ) -> list[Usage]:
        filters = UsageFilters(
            time_granularity=time_granularity.value if time_granularity else None,
            from_date=from_date,
            to_date=to_date,
            currency=currency,
            external_customer_id=external_customer_id,
            external_subscription_id=external_subscription_id,
            plan_code=plan_code,
            billable_metric_code=billable_metric_code,
            customer_type=customer_type.value if customer_type else None,
            customer_country=customer_country,
            is_billable_metric_recurring=is_billable_metric_recurring,
        )
        async with info.context.reading() as ctx:
            rows = await usage_activity(ctx, filters)
        return [
            Usage(
                start_of_period_dt=ISO8601Date(row["start_of_period_dt"]),
                end_of_period_dt=ISO8601Date(row["end_of_period_dt"]),
                amount_currency=row["amount_currency"],
                amount_cents=BigInt(row["amount_cents"]),
                billable_metric_code=row["billable_metric_code"],
                units=row["units"],
                is_billable_metric_deleted=row["is_billable_metric_deleted"],
            )
            for row in rows
        ]


def _text(months: int | None) -> str | None:
    return None if months is None else str(months)
