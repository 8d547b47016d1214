"""Monthly recurring revenue: subscription fees of issued invoices over the months that they pay (spec 07 §8.7)."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import text
from typing_extensions import TypedDict

from billwright.billing.access.context import Context
from billwright.billing.analytics.collections import MonthFilters
from billwright.billing.analytics.keeping import Figure, chosen
from billwright.billing.analytics.months import Months, month_text, months_until_now, of_window, shifted
from billwright.billing.kernel.money import round_half_up

DAYS_OF_A_MONTH = Decimal("30.44")
WEEKS_OF_A_MONTH = Decimal("4.33")
LONGEST_MONTHS = 14
"""A yearly fee paid in advance reaches this far from its issuing month, at most."""


class MrrOut(TypedDict):
    month: str
    amount_cents: int | None
    currency: str | None


_AMOUNT = "f.amount_cents - f.precise_coupons_amount_cents + f.taxes_amount_cents"
_FROM = """
      from fees f
      join invoices i on i.id = f.invoice_id
      join subscriptions s on s.id = f.subscription_id
      join plans p on p.id = s.plan_id
     where f.organization_id = :org and f.fee_type = 'subscription' and f.deleted_at is null
       and i.status = 'finalized' and i.payment_dispute_lost_at is null
       and i.issuing_date >= :start and i.issuing_date < :end
       and (cast(:currency as text) is null or f.currency = :currency)
"""
_SHORT = text(f"""
    select date_trunc('month', i.issuing_date)::date, f.currency, p.interval, sum({_AMOUNT}), count(*)
    {_FROM} and p.interval in ('weekly', 'monthly') group by 1, 2, 3
""")
_LONG = text(f"""
    select i.issuing_date, f.currency, p.pay_in_advance, {_AMOUNT}, f.from_datetime, f.to_datetime
    {_FROM} and p.interval not in ('weekly', 'monthly') and f.from_datetime is not null and f.to_datetime is not null
""")


async def monthly_recurring_revenue(ctx: Context, filters: MonthFilters, *, expire: bool = False) -> list[MrrOut]:
    """By month and currency, rounded half up once per row.

    Without a currency every month of the window appears, null where it is empty; with one empty months are left out.
    ``expire``: read anew what is kept of large organizations.
    """
    months = months_until_now(ctx, filters.months)
    rows = await MRRS.rows(ctx, expire=expire)
    found = await _revenue(ctx, months, filters.code) if rows is None else chosen(rows, months, filters.code)
    if filters.code is None:
        known = {row["month"] for row in found}
        for month in of_window(months):
            if month_text(month) not in known:
                found.append({"month": month_text(month), "amount_cents": None, "currency": None})
    return sorted(found, key=lambda row: (row["month"], row["currency"] or ""))


async def _revenue(ctx: Context, months: Months, currency_code: str | None) -> list[MrrOut]:
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    window = {"org": ctx.organization_id, "start": months.start, "end": months.end, "currency": currency_code}
    for month, currency, interval, amount, count in await ctx.session.execute(_SHORT, window):
        weekly = interval == "weekly"
        sums[month, currency] += Decimal(amount) / count * WEEKS_OF_A_MONTH if weekly else Decimal(amount)
    wide = {**window, "start": shifted(months.start, -LONGEST_MONTHS), "end": shifted(months.end, LONGEST_MONTHS)}
    for issued, currency, in_advance, amount, begin, end in await ctx.session.execute(_LONG, wide):
        spread = in_advance_months if in_advance else in_arrears_months
        for month, share in spread(issued, Decimal(amount), begin, end):
            if months.start <= month < months.end:
                sums[month, currency] += share
    return [
        {"month": month_text(month), "amount_cents": int(round_half_up(amount)), "currency": currency}
        for (month, currency), amount in sums.items()
    ]


MRRS = Figure[MrrOut]("mrrs", lambda ctx, months: _revenue(ctx, months, None))


def billed_months(begin: datetime, end: datetime) -> Decimal:
    """The fee's length in months of 30.44 days, seconds dropped."""
    length = end - begin
    hours, rest = divmod(length.seconds, 3600)
    days = Decimal(length.days) + Decimal(hours) / 24 + Decimal(rest // 60) / 1440
    return days / DAYS_OF_A_MONTH


def in_advance_months(issued: date, amount: Decimal, begin: datetime, end: datetime) -> Iterator[tuple[date, Decimal]]:
    """From the issuing month on: the first in part, the last what is left."""
    length = billed_months(begin, end)
    if length <= 0:
        return
    first = issued.replace(day=1)
    days = monthrange(issued.year, issued.month)[1]
    part = Decimal(days - issued.day + 1) / days
    each = amount / length
    count = _ceiling(length)
    for position in range(count):
        if position == 0:
            share = each * part
        elif position == count - 1:
            share = amount - each * (int(length) - 1 + part)
        else:
            share = each
        yield shifted(first, position), share


def in_arrears_months(issued: date, amount: Decimal, begin: datetime, end: datetime) -> Iterator[tuple[date, Decimal]]:
    """From the issuing month back: equal shares, the earliest what is left."""
    length = billed_months(begin, end)
    if length <= 0:
        return
    each = amount / length
    count = _ceiling(length)
    for position in range(count):
        share = amount - each * (count - 1) if position == count - 1 else each
        yield shifted(issued.replace(day=1), -position), share


def _ceiling(length: Decimal) -> int:
    whole = int(length)
    return whole if length == whole else whole + 1
