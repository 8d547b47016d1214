"""``/analytics``: figures of issued invoices by month (spec 04 §17, 07 §8)."""

from __future__ import annotations

from billwright.billing.access.naming import billing_entity_code
from billwright.billing.analytics.invoiced import (
    GrossRevenueOut,
    InvoicedFilters,
    OverdueBalanceOut,
    gross_revenues,
    overdue_balances,
)
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


_PARAMETERS = (
    Parameter("currency", "ISO 4217 code."),
    Parameter("external_customer_id", "One customer's figures; an unknown one has none."),
    Parameter("months", "So many calendar months, the current one included; all since you started without it."),
    Parameter("billing_entity_code"),
)

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
]
