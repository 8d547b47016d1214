"""Issued invoices by payment state, and what usage was invoiced, by month (spec 07 §8.5, §8.6).

All amounts in minor units of the row's currency, rounded half up once per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from typing_extensions import TypedDict

from billwright.billing.access.context import Context
from billwright.billing.analytics.keeping import Figure, chosen
from billwright.billing.analytics.months import Months, month_text, months_until_now, of_window
from billwright.billing.kernel.money import round_half_up


@dataclass(frozen=True, slots=True)
class MonthFilters:
    """``months`` as sent (``months.months_until_now``), ``currency`` in any case. ``customer_id``: for collections."""

    months: str | None = None
    currency: str | None = None
    customer_id: UUID | None = None

    @property
    def code(self) -> str | None:
        return self.currency.upper() if self.currency else None


class InvoiceCollectionOut(TypedDict):
    month: str
    payment_status: str | None
    invoices_count: int
    amount_cents: int
    currency: str | None


class InvoicedUsageOut(TypedDict):
    month: str
    code: str
    amount_cents: int
    currency: str


_COLLECTIONS = text("""
    select date_trunc('month', issuing_date)::date, payment_status, currency, count(*), sum(total_amount_cents)::bigint
      from invoices
     where organization_id = :org and status = 'finalized' and payment_dispute_lost_at is null
       and issuing_date >= :start and issuing_date < :end
       and (cast(:currency as text) is null or currency = :currency)
       and (cast(:customer as uuid) is null or customer_id = :customer)
     group by 1, 2, 3 order by 1, 2, 3
""")
_USAGE = text("""
    select date_trunc('month', f.created_at at time zone 'UTC')::date, m.code, f.currency,
           sum(f.amount_cents - f.precise_coupons_amount_cents)
      from fees f
      join invoices i on i.id = f.invoice_id
      join charges c on c.id = f.charge_id
      join billable_metrics m on m.id = c.billable_metric_id
     where f.organization_id = :org and f.fee_type = 'charge' and f.deleted_at is null
       and i.status = 'finalized' and i.payment_dispute_lost_at is null
       and f.created_at >= cast(:start as date)::timestamp at time zone 'UTC'
       and f.created_at < cast(:end as date)::timestamp at time zone 'UTC'
       and (cast(:currency as text) is null or f.currency = :currency)
     group by 1, 2, 3
""")


async def invoice_collections(
    ctx: Context, filters: MonthFilters, *, expire: bool = False
) -> list[InvoiceCollectionOut]:
    """Finalized, undisputed invoices by issuing month, payment state and currency.

    Without a currency a month without invoices is a row of zeros, with one it is left out. ``expire``: read anew what
    is kept of large organizations.
    """
    months = months_until_now(ctx, filters.months)
    rows = await INVOICE_COLLECTIONS.rows(ctx, expire=expire) if filters.customer_id is None else None
    if rows is None:
        found = await _invoice_collections(ctx, months, filters)
    else:
        found = chosen(rows, months, filters.code)
    if filters.code is None:
        known = {row["month"] for row in found}
        found += [_empty(month) for month in of_window(months) if month_text(month) not in known]
        found.sort(key=lambda row: (row["month"], row["payment_status"] or "", row["currency"] or ""))
    return found


async def _invoice_collections(ctx: Context, months: Months, filters: MonthFilters) -> list[InvoiceCollectionOut]:
    parameters = {**_parameters(ctx, months, filters.code), "customer": filters.customer_id}
    return [
        {
            "month": month_text(month),
            "payment_status": status,
            "invoices_count": count,
            "amount_cents": amount,
            "currency": currency,
        }
        for month, status, currency, count, amount in await ctx.session.execute(_COLLECTIONS, parameters)
    ]


def _empty(month: date) -> InvoiceCollectionOut:
    return {
        "month": month_text(month),
        "payment_status": None,
        "invoices_count": 0,
        "amount_cents": 0,
        "currency": None,
    }


async def invoiced_usages(ctx: Context, filters: MonthFilters, *, expire: bool = False) -> list[InvoicedUsageOut]:
    """Charge fees of finalized invoices less their coupons, by month of creation (UTC) and metric; newest month and
    largest amount first. Deleted metrics keep their code. ``expire`` as above.
    """
    months = months_until_now(ctx, filters.months)
    rows = await INVOICED_USAGES.rows(ctx, expire=expire)
    return await _invoiced_usages(ctx, months, filters.code) if rows is None else chosen(rows, months, filters.code)


async def _invoiced_usages(ctx: Context, months: Months, code: str | None) -> list[InvoicedUsageOut]:
    rows = (await ctx.session.execute(_USAGE, _parameters(ctx, months, code))).all()
    found: list[tuple[date, str, str, int]] = [
        (month, code, currency, int(round_half_up(Decimal(amount)))) for month, code, currency, amount in rows
    ]
    found.sort(key=lambda row: (-row[0].toordinal(), -row[3], row[1], row[2]))
    return [
        {"month": month_text(month), "code": code, "amount_cents": amount, "currency": currency}
        for month, code, currency, amount in found
    ]


INVOICE_COLLECTIONS = Figure[InvoiceCollectionOut](
    "invoice_collections", lambda ctx, months: _invoice_collections(ctx, months, MonthFilters())
)
INVOICED_USAGES = Figure[InvoicedUsageOut]("invoiced_usages", lambda ctx, months: _invoiced_usages(ctx, months, None))


def _parameters(ctx: Context, months: Months, currency: str | None) -> dict[str, object]:
    return {"org": ctx.organization_id, "start": months.start, "end": months.end, "currency": currency}
