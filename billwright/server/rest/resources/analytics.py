"""``/analytics``: figures of issued invoices by month (spec 04 §17, 07 §8)."""

from __future__ import annotations

from billwright.billing.access.naming import billing_entity_code
from billwright.billing.analytics.collections import (
    InvoiceCollectionOut,
    InvoicedUsageOut,
    MonthFilters,
    invoice_collections,
    invoiced_usages,
)
from billwright.billing.analytics.invoiced import (
    GrossRevenueOut,
    InvoicedFilters,
    OverdueBalanceOut,
    gross_revenues,
    overdue_balances,
)
from billwright.billing.analytics.mrr import MrrOut, monthly_recurring_revenue
from billwright.billing.analytics.usage_activity import GRANULARITIES, UsageFilters, UsageOut, usage_activity
from billwright.billing.kernel.errors import NotFound
from billwright.server.rest.envelope import listing
from billwright.server.rest.operations import Call, Parameter, operation


def _filters(call: Call) -> InvoicedFilters:
    query = call.query
    if query.text("billing_entity_code") not in (None, billing_entity_code(call.organization)):
        raise NotFound("billing_entity")
    return InvoicedFilters(
        months=query.text("months"),
        currency=query.text("currency"),
        external_customer_id=query.text("external_customer_id"),
    )


async def find_all_gross_revenues(call: Call) -> list[GrossRevenueOut]:
    return await gross_revenues(call.context, _filters(call))


async def find_all_overdue_balances(call: Call) -> list[OverdueBalanceOut]:
    return await overdue_balances(call.context, _filters(call))


def _month_filters(call: Call) -> MonthFilters:
    filters = _filters(call)
    return MonthFilters(months=filters.months, currency=filters.currency)


async def find_all_invoice_collections(call: Call) -> list[InvoiceCollectionOut]:
    return await invoice_collections(call.context, _month_filters(call))


async def find_all_invoiced_usages(call: Call) -> list[InvoicedUsageOut]:
    return await invoiced_usages(call.context, _month_filters(call))


async def find_all_mrrs(call: Call) -> list[MrrOut]:
    return await monthly_recurring_revenue(call.context, _month_filters(call))


async def find_all_usages(call: Call) -> list[UsageOut]:
    query = call.query
    filters = UsageFilters(
        from_date=query.date("from_date"),
        to_date=query.date("to_date"),
        is_billable_metric_recurring=query.boolean("is_billable_metric_recurring"),
        **{name: query.text(name) for name in _USAGE_TEXTS},
    )
    return await usage_activity(call.context, filters)


_USAGE_TEXTS = (
    "time_granularity",
    "currency",
    "external_customer_id",
    "external_subscription_id",
    "plan_code",
    "billable_metric_code",
    "customer_type",
    "customer_country",
)
_PARAMETERS = (
    Parameter("currency", "ISO 4217 code."),
    Parameter("external_customer_id", "One customer's figures; an unknown one has none."),
    Parameter("months", "So many calendar months, the current one included; all since you started without it."),
    Parameter("billing_entity_code"),
)

_MONTHS = tuple(each for each in _PARAMETERS if each.name != "external_customer_id")

OPERATIONS = [
    operation(
        "GET",
        "/analytics/gross_revenue",
        permission="analytic:read",
        answer=listing("gross_revenues", GrossRevenueOut),
        summary="Gross revenue by month and currency",
        description="Totals of issued invoices by issuing month, taxes included, less refunds, plus fees in advance "
        "that belong to no invoice. Months without a figure are left out.",
        parameters=_PARAMETERS,
    )(find_all_gross_revenues),
    operation(
        "GET",
        "/analytics/overdue_balance",
        permission="analytic:read",
        answer=listing("overdue_balances", OverdueBalanceOut),
        summary="Overdue balance by month and currency",
        description="What overdue invoices still ask for, by the month in which they were due, with their ids.",
        parameters=_PARAMETERS,
    )(find_all_overdue_balances),
    operation(
        "GET",
        "/analytics/invoice_collection",
        permission="analytic:read",
        answer=listing("invoice_collections", InvoiceCollectionOut),
        summary="Issued invoices by month and payment status",
        description="Numbers and totals of issued invoices by issuing month, payment status and currency. Without a "
        "currency, a month without invoices is a row of zeros.",
        parameters=_MONTHS,
    )(find_all_invoice_collections),
    operation(
        "GET",
        "/analytics/invoiced_usage",
        permission="analytic:read",
        answer=listing("invoiced_usages", InvoicedUsageOut),
        summary="Invoiced usage by month and billable metric",
        description="Charges of issued invoices less their coupons, by the month in which they were made.",
        parameters=_MONTHS,
    )(find_all_invoiced_usages),
    operation(
        "GET",
        "/analytics/mrr",
        permission="analytic:read",
        answer=listing("mrrs", MrrOut),
        summary="Monthly recurring revenue",
        description="Subscription fees of issued invoices, taxes included, spread over the months that they pay.",
        parameters=_MONTHS,
    )(find_all_mrrs),
    operation(
        "GET",
        "/analytics/usage",
        permission="analytic:read",
        answer=listing("usages", UsageOut),
        summary="Usage by day, week or month and billable metric",
        description="What each day added to the usage of its billing period: units, and their price without taxes. A "
        "day is the customer's, and appears a quarter of an hour after it has ended. Weeks are Monday to Sunday; a "
        "period is named whole even where the range cuts it.",
        parameters=(
            Parameter("time_granularity", "`daily` unless told.", enum=GRANULARITIES),
            Parameter("from_date", "First day: 30 days before the last one unless told.", "date"),
            Parameter("to_date", "Last day: today unless told.", "date"),
            Parameter("currency", "ISO 4217 code."),
            Parameter("external_customer_id"),
            Parameter("external_subscription_id"),
            Parameter("plan_code"),
            Parameter("billable_metric_code"),
            Parameter("customer_type", enum=("company", "individual")),
            Parameter("customer_country", "ISO 3166 code."),
            Parameter("is_billable_metric_recurring", kind="boolean"),
        ),
    )(find_all_usages),
]
