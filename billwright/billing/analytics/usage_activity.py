"""Usage by day, week or month, by billable metric and currency (spec 07 §8.8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Literal, get_args

from sqlalchemy import text
from typing_extensions import TypedDict

from billwright.billing.access.context import Context
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.money import decimal_string
from billwright.billing.kernel.outputs import Day, DecimalText, Id

Granularity = Literal["daily", "weekly", "monthly"]
GRANULARITIES: tuple[str, ...] = get_args(Granularity)
USUAL_DAYS = 30
_UNITS = {"daily": "day", "weekly": "week", "monthly": "month"}


@dataclass(frozen=True, slots=True)
class UsageFilters:
    """Combined with AND. The dates are the customers' own days, both inclusive: the last 30 days to today unless told.

    ``currency`` and ``customer_country`` in any case.
    """

    time_granularity: str | None = None
    from_date: date | None = None
    to_date: date | None = None
    currency: str | None = None
    external_customer_id: str | None = None
    external_subscription_id: str | None = None
    plan_code: str | None = None
    billable_metric_code: str | None = None
    customer_type: str | None = None
    customer_country: str | None = None
    is_billable_metric_recurring: bool | None = None


class UsageOut(TypedDict):
    organization_id: Id
    start_of_period_dt: Day
    end_of_period_dt: Day
    amount_currency: str
    amount_cents: int
    billable_metric_code: str
    units: DecimalText
    is_billable_metric_deleted: bool


_CONDITIONS = {
    "currency": "d.currency = :currency",
    "external_customer_id": "c.external_id = :external_customer_id",
    "external_subscription_id": "s.external_id = :external_subscription_id",
    "plan_code": "p.code = :plan_code",
    "billable_metric_code": "m.code = :billable_metric_code",
    "customer_type": "c.customer_type = :customer_type",
    "customer_country": "c.country = :customer_country",
    "is_billable_metric_recurring": "m.recurring = :is_billable_metric_recurring",
}


async def usage_activity(ctx: Context, filters: UsageFilters) -> list[UsageOut]:
    """Rows by period, metric code and currency, each summed exactly. A week is Monday to Sunday; periods are named
    whole even where the range cuts them.

    Raises ``ValidationFailed`` for an unknown granularity and a range that ends before it begins.
    """
    granularity = filters.time_granularity or "daily"
    if granularity not in _UNITS:
        raise ValidationFailed(time_granularity="value_is_invalid")
    today = ctx.now().astimezone(UTC).date()
    end = filters.to_date or today
    begin = filters.from_date or end - timedelta(days=USUAL_DAYS)
    if begin > end:
        raise ValidationFailed(to_date="invalid_date_range")
    chosen: dict[str, object] = {name: value for name in _CONDITIONS if (value := getattr(filters, name)) is not None}
    for name in ("currency", "customer_country"):
        if name in chosen:
            chosen[name] = str(chosen[name]).upper()
    conditions = "".join(f" and {_CONDITIONS[name]}" for name in chosen)
    statement = text(f"""
        select date_trunc('{_UNITS[granularity]}', d.usage_date)::date, m.code, d.currency,
               sum((e.used->>'units')::numeric), sum((e.used->>'amount_cents')::bigint)::bigint,
               bool_and(m.deleted_at is not null)
          from daily_usages d
          join subscriptions s on s.id = d.subscription_id
          join customers c on c.id = d.customer_id
          join plans p on p.id = s.plan_id
         cross join lateral jsonb_each(d.usage_diff) as e(metric, used)
          join billable_metrics m on m.id = cast(e.metric as uuid)
         where d.organization_id = :org and d.usage_date between :begin and :end{conditions}
         group by 1, 2, 3 order by 1, 2, 3
    """)  # noqa: S608 -- made of this module's constants; every value is a parameter
    rows = await ctx.session.execute(statement, {"org": ctx.organization_id, "begin": begin, "end": end, **chosen})
    return [
        {
            "organization_id": ctx.organization_id,
            "start_of_period_dt": start,
            "end_of_period_dt": _last_day(start, granularity),
            "amount_currency": currency,
            "amount_cents": amount,
            "billable_metric_code": code,
            "units": decimal_string(Decimal(units)),
            "is_billable_metric_deleted": deleted,
        }
        for start, code, currency, units, amount, deleted in rows
    ]


def _last_day(start: date, granularity: str) -> date:
    if granularity == "daily":
        return start
    if granularity == "weekly":
        return start + timedelta(days=6)
    return (start.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
