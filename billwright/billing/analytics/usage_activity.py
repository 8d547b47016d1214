"""Usage by day, week or month, by billable metric and currency (spec 07 §8.8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import BigInteger, Date, Numeric, Uuid, cast, func, select, text, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import col
from typing_extensions import TypedDict

from billwright.billing.access.context import Context
from billwright.billing.analytics.models import DailyUsage
from billwright.billing.catalog.models import BillableMetric, Plan
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.money import decimal_string
from billwright.billing.kernel.outputs import Day, DecimalText, Id
from billwright.billing.subscriptions.models import Subscription

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


_COLUMNS: dict[str, Any] = {
    "currency": DailyUsage.currency,
    "external_customer_id": Customer.external_id,
    "external_subscription_id": Subscription.external_id,
    "plan_code": Plan.code,
    "billable_metric_code": BillableMetric.code,
    "customer_type": Customer.customer_type,
    "customer_country": Customer.country,
    "is_billable_metric_recurring": BillableMetric.recurring,
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
    chosen: dict[str, object] = {name: value for name in _COLUMNS if (value := getattr(filters, name)) is not None}
    for name in ("currency", "customer_country"):
        if name in chosen:
            chosen[name] = str(chosen[name]).upper()
    used = func.jsonb_each(col(DailyUsage.usage_diff)).table_valued("key", "value").lateral("used")
    entry = cast(used.c.value, JSONB)
    statement = (
        select(
            cast(func.date_trunc(_UNITS[granularity], col(DailyUsage.usage_date)), Date),
            col(BillableMetric.code),
            col(DailyUsage.currency),
            func.sum(cast(entry["units"].astext, Numeric)),
            cast(func.sum(cast(entry["amount_cents"].astext, BigInteger)), BigInteger),
            func.bool_and(col(BillableMetric.deleted_at).is_not(None)),
        )
        .join(Subscription, col(Subscription.id) == col(DailyUsage.subscription_id))
        .join(Customer, col(Customer.id) == col(DailyUsage.customer_id))
        .join(Plan, col(Plan.id) == col(Subscription.plan_id))
        .join(used, true())
        .join(BillableMetric, col(BillableMetric.id) == cast(used.c.key, Uuid))
        .where(
            col(DailyUsage.organization_id) == ctx.organization_id,
            col(DailyUsage.usage_date).between(begin, end),
            *(col(_COLUMNS[name]) == value for name, value in chosen.items()),
        )
    )
    rows = await ctx.session.execute(statement.group_by(text("1, 2, 3")).order_by(text("1, 2, 3")))
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
