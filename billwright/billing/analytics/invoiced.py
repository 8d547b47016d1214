# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Gross revenue and overdue balance of issued invoices, by month, currency and customer (spec 04 §17, 07 §8.3, §8.4).

All amounts in minor units of the row's currency, taxes included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import TextClause, text
from typing_extensions import TypedDict

from billwright.billing.access.context import Context
from billwright.billing.analytics.keeping import Figure, chosen
from billwright.billing.analytics.months import Months, month_text, months_until_now
from billwright.billing.kernel.outputs import Id


@dataclass(frozen=True, slots=True)
class InvoicedFilters:
    """``months`` as sent (``months.months_until_now``); an unknown customer has no rows. ``customer_id`` names one of
    those that had the same external id one after the other."""

    months: str | None = None
    currency: str | None = None
    external_customer_id: str | None = None
    customer_id: UUID | None = None

    @property
    def names_customer(self) -> bool:
        return self.external_customer_id is not None or self.customer_id is not None

    @property
    def code(self) -> str | None:
        return self.currency.upper() if self.currency else None


class GrossRevenueOut(TypedDict):
    month: str
    amount_cents: int
    currency: str
    invoices_count: int


class OverdueBalanceOut(TypedDict):
    month: str
    amount_cents: int
    currency: str
    lago_invoice_ids: list[Id]


@dataclass(frozen=True, slots=True)
class Balance:
    """A sum over all months in one currency and the number of invoices in it."""

    currency: str
    amount_cents: int
    invoices_count: int


_ISSUED = "i.organization_id = :org and i.status = 'finalized' and i.payment_dispute_lost_at is null"
_IN_MONTHS = "i.issuing_date >= :start and i.issuing_date < :end"
_OF_CUSTOMERS = "{0}.customer_id = any(cast(:customers as uuid[]))"
"""Absent where everybody's are asked for: a parameter that may be null would keep a prepared plan off the index."""


def _revenue(*, of_customers: bool) -> str:
    mine, fees_of = (_OF_CUSTOMERS.format("i"), _OF_CUSTOMERS.format("f")) if of_customers else ("true", "true")
    return f"""
    select i.customer_id, date_trunc('month', i.issuing_date)::date as month, i.currency,
           i.total_amount_cents as amount, 1 as invoices
      from invoices i
     where {_ISSUED} and {_IN_MONTHS} and {mine}
    union all
    select i.customer_id, date_trunc('month', i.issuing_date)::date, i.currency, -c.refund_amount_cents, 0
      from credit_notes c join invoices i on i.id = c.invoice_id
     where c.organization_id = :org and c.status = 'finalized' and c.refund_amount_cents > 0
       and {_ISSUED} and {_IN_MONTHS} and {mine}
    union all
    select f.customer_id, date_trunc('month', f.created_at at time zone 'UTC')::date, f.currency, f.amount_cents, 0
      from fees f
     where f.organization_id = :org and f.invoice_id is null and f.pay_in_advance and f.deleted_at is null
       and f.created_at >= cast(:start as date)::timestamp at time zone 'UTC'
       and f.created_at < cast(:end as date)::timestamp at time zone 'UTC' and {fees_of}
"""


def _overdue(*, of_customers: bool) -> str:
    mine = _OF_CUSTOMERS.format("i") if of_customers else "true"
    return f"""
    select i.customer_id, date_trunc('month', i.payment_due_date)::date as month, i.currency, i.id,
           i.total_amount_cents - i.total_paid_amount_cents - i.offset_amount_cents as amount
      from invoices i
     where i.organization_id = :org and i.status = 'finalized' and i.payment_overdue
       and i.payment_due_date >= :start and i.payment_due_date < :end and {mine}
"""


def _by_month(rows: str, invoices: str) -> TextClause:
    return text(
        f"select month, currency, sum(amount)::bigint, {invoices} from ({rows}) as t"
        " where cast(:currency as text) is null or currency = :currency group by 1, 2 order by 1, 2"
    )


def _by_customer_of(rows: str, invoices: str) -> TextClause:
    return text(
        f"select customer_id, currency, sum(amount)::bigint, {invoices} from ({rows}) as t group by 1, 2 order by 1, 2"
    )


_REVENUE_BY_MONTH = {some: _by_month(_revenue(of_customers=some), "sum(invoices)::bigint") for some in (False, True)}
_OVERDUE_BY_MONTH = {
    some: _by_month(_overdue(of_customers=some), "array_agg(id order by id)") for some in (False, True)
}
"""Of everybody, and of some customers."""
_REVENUE_BY_CUSTOMER = _by_customer_of(_revenue(of_customers=True), "sum(invoices)::bigint")
_OVERDUE_BY_CUSTOMER = _by_customer_of(_overdue(of_customers=True), "count(*)")


async def gross_revenues(ctx: Context, filters: InvoicedFilters, *, expire: bool = False) -> list[GrossRevenueOut]:
    """Totals of finalized, undisputed invoices by issuing month, less refunds of their credit notes, plus fees in
    advance that belong to no invoice (without tax, by creation). Months without a row are left out.

    ``expire``: read anew what is kept of large organizations.
    """
    if not filters.names_customer and (rows := await GROSS_REVENUES.rows(ctx, expire=expire)) is not None:
        return chosen(rows, months_until_now(ctx, filters.months), filters.code)
    return await _gross_revenues(ctx, await _parameters(ctx, filters))


async def _gross_revenues(ctx: Context, parameters: dict[str, object]) -> list[GrossRevenueOut]:
    rows = await ctx.session.execute(_REVENUE_BY_MONTH["customers" in parameters], parameters)
    return [
        {"month": month_text(month), "amount_cents": amount, "currency": currency, "invoices_count": count}
        for month, currency, amount, count in rows
    ]


async def overdue_balances(ctx: Context, filters: InvoicedFilters, *, expire: bool = False) -> list[OverdueBalanceOut]:
    """What overdue invoices still ask for, by the month in which they were due, with their ids; ``expire`` as above."""
    if not filters.names_customer and (rows := await OVERDUE_BALANCES.rows(ctx, expire=expire)) is not None:
        return chosen(rows, months_until_now(ctx, filters.months), filters.code)
    return await _overdue_balances(ctx, await _parameters(ctx, filters))


async def _overdue_balances(ctx: Context, parameters: dict[str, object]) -> list[OverdueBalanceOut]:
    rows = await ctx.session.execute(_OVERDUE_BY_MONTH["customers" in parameters], parameters)
    return [
        {"month": month_text(month), "amount_cents": amount, "currency": currency, "lago_invoice_ids": list(ids)}
        for month, currency, amount, ids in rows
    ]


GROSS_REVENUES = Figure[GrossRevenueOut](
    "gross_revenues", lambda ctx, months: _gross_revenues(ctx, {**_window(ctx, months, None), "currency": None})
)
OVERDUE_BALANCES = Figure[OverdueBalanceOut](
    "overdue_balances", lambda ctx, months: _overdue_balances(ctx, {**_window(ctx, months, None), "currency": None})
)


async def revenue_by_customer(ctx: Context, customer_ids: Sequence[UUID]) -> dict[UUID, list[Balance]]:
    """Gross revenue over all months, per currency, of each customer that has any (spec 07 §8.2)."""
    return await _by_customer(ctx, _REVENUE_BY_CUSTOMER, customer_ids)


async def overdue_by_customer(ctx: Context, customer_ids: Sequence[UUID]) -> dict[UUID, list[Balance]]:
    """Overdue balance over all months, per currency, of each customer that has any (spec 07 §8.2)."""
    return await _by_customer(ctx, _OVERDUE_BY_CUSTOMER, customer_ids)


async def _by_customer(ctx: Context, statement: TextClause, customer_ids: Sequence[UUID]) -> dict[UUID, list[Balance]]:
    months = months_until_now(ctx, None)
    rows = await ctx.session.execute(statement, _window(ctx, months, list(customer_ids)))
    found: dict[UUID, list[Balance]] = {}
    for customer_id, currency, amount, count in rows:
        found.setdefault(customer_id, []).append(Balance(currency, amount, count))
    return found


async def _parameters(ctx: Context, filters: InvoicedFilters) -> dict[str, object]:
    customers: list[UUID] | None = None if filters.customer_id is None else [filters.customer_id]
    if filters.external_customer_id is not None:
        rows = await ctx.session.execute(
            text("select id from customers where organization_id = :org and external_id = :external_id"),
            {"org": ctx.organization_id, "external_id": filters.external_customer_id},
        )
        customers = list(rows.scalars())
    return {**_window(ctx, months_until_now(ctx, filters.months), customers), "currency": filters.code}


def _window(ctx: Context, months: Months, customers: list[UUID] | None) -> dict[str, object]:
    start: date = months.start
    named = {"customers": customers} if customers is not None else {}
    return {"org": ctx.organization_id, "start": start, "end": months.end, **named}
