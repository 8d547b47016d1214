"""Noting what each day added to the usage of a subscription (spec 07 §8.8).

Days are the customer's. A day with events is noted once it is over: the usage of the period up to its end, and the
difference to the latest earlier note of the same period. The last day of a period is noted when its invoice is made,
and again when that is finalized: charges in arrears count as invoiced there. An event that comes after its day was
noted adds to the next day that is. The cost follows subscriptions and days, never the number of events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.analytics.models import DailyUsage, DailyUsageMark
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.snapshot import PlanSnapshot, plan_snapshots
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.in_advance.present_usage import present_charge
from billwright.billing.invoicing.charge_usage import ALL_USAGE, PricedBucket, price_charges, window_of
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.money import decimal_string
from billwright.billing.metering.store.protocol import UsedSpan
from billwright.billing.subscriptions.calendar.timezones import end_of_day, local_date, start_of_day
from billwright.billing.subscriptions.calendar.windows import Case, windows
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import terms_of

log = structlog.get_logger(__name__)

ONE_DAY = timedelta(days=1)
LOOKING_BACK = timedelta(days=1)
"""How far a live organization's first note goes back."""
OVERLAP = timedelta(minutes=10)
AT_ONCE = 500
"""Subscriptions whose days are looked for together."""

_INVOICED = """
    select r.subscription_id, r.invoice_id, r.charges_to_datetime, i.timezone
      from invoices i join invoice_subscriptions r on r.invoice_id = i.id
     where i.organization_id = :org and i.issuing_date >= cast(:since as timestamptz)::date - 2
       and (i.created_at > :since or i.finalized_at > :since)
       and r.invoicing_reason in ('subscription_periodic', 'subscription_terminating') and r.replaced_at is null
       and r.charges_from_datetime < r.charges_to_datetime and r.charges_to_datetime < :until
       and i.status in ('draft', 'finalized', 'closed', 'pending', 'failed')
     order by r.charges_to_datetime, r.id
"""
_FEES = """
    select c.billable_metric_id, sum(case when f.true_up_parent_fee_id is null then f.units else 0 end),
           sum(f.amount_cents)::bigint
      from fees f join charges c on c.id = f.charge_id
     where f.invoice_id = :invoice and f.subscription_id = :subscription and f.fee_type = 'charge'
       and not c.pay_in_advance and f.deleted_at is null
     group by 1
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What was used of one metric, and what it costs in minor units."""

    units: Decimal = Decimal(0)
    amount_cents: int = 0

    def __add__(self, other: Used) -> Used:
        return Used(self.units + other.units, self.amount_cents + other.amount_cents)

    def __sub__(self, other: Used) -> Used:
        return Used(self.units - other.units, self.amount_cents - other.amount_cents)

    def __bool__(self) -> bool:
        return bool(self.units or self.amount_cents)

    def stored(self) -> dict[str, Any]:
        return {"units": decimal_string(self.units), "amount_cents": self.amount_cents}


Usages = dict[UUID, Used]


@dataclass(frozen=True, slots=True)
class _Task:
    """A day of a subscription to note; ``invoice_id`` for the last one of a period."""

    subscription_id: UUID
    day: date
    invoice_id: UUID | None = None


def differences(now: Mapping[UUID, Used], before: Mapping[UUID, Used]) -> Usages:
    """What was added metric by metric; those that added nothing are left out."""
    found = {metric: now.get(metric, Used()) - before.get(metric, Used()) for metric in {**before, **now}}
    return {metric: used for metric, used in found.items() if used}


async def note_all_days(runtime: Runtime, now: datetime | None = None) -> int:
    """The hourly live pass (minute 15): every live organization; returns the days noted."""
    async with runtime.database.reading() as session:
        found = await session.scalars(select(col(Organization.id)).where(col(Organization.kind) == "live"))
        organizations = list(found)
    done = 0
    for organization_id in organizations:
        try:
            done += await note_days(runtime, organization_id, now or system_now())
        except Exception:
            log.exception("daily usage not noted", organization_id=str(organization_id))
    return done


async def note_days(runtime: Runtime, organization_id: UUID, until: datetime) -> int:
    """Note every local day of one organization that has ended by ``until``, on its clock, since the last time.

    Safe to run again after a crash: a day has one note. Returns how many were made.
    """
    async with runtime.database.reading() as session:
        organization = await session.get(Organization, organization_id)
        if organization is None:
            return 0
        ctx = Context(session, organization, event_store=runtime.event_store)
        since = await _noted_until(ctx, until)
        zones = await _zones_with_midnight(ctx, since, until)
        tasks = [task async for task in _used_days(ctx, since, until, zones)] if zones else []
        tasks += await _invoiced_days(ctx, since, until)
    if not zones and not tasks:
        return 0
    done = 0
    for task in sorted(tasks, key=lambda task: (task.day, task.invoice_id is not None)):
        try:
            async with runtime.database.transaction() as session:
                organization = await session.get_one(Organization, organization_id)
                done += await _note(Context(session, organization, event_store=runtime.event_store), task)
        except Exception as failure:
            log.warning(
                "day not noted",
                subscription_id=str(task.subscription_id),
                day=task.day.isoformat(),
                error=f"{type(failure).__name__}: {failure}",
            )
    async with runtime.database.transaction() as session:
        mark = insert(DailyUsageMark).values(organization_id=organization_id, noted_until=until)
        await session.execute(
            mark.on_conflict_do_update(index_elements=["organization_id"], set_={"noted_until": until})
        )
    return done


async def _noted_until(ctx: Context, until: datetime) -> datetime:
    """The instant up to which days are noted. A clock that was set back begins anew."""
    found = await ctx.session.scalar(
        select(col(DailyUsageMark.noted_until)).where(col(DailyUsageMark.organization_id) == ctx.organization_id)
    )
    if found is not None and found <= until:
        return found
    created = min(ctx.organization.created_at, until)
    return max(created, until - LOOKING_BACK) if ctx.organization.kind == "live" else created


async def _zones_with_midnight(ctx: Context, since: datetime, until: datetime) -> list[str]:
    """Time zones of customers in which a day ended in (since, until]."""
    zone = func.coalesce(col(Customer.timezone), ctx.organization.timezone)
    found = await ctx.session.scalars(
        select(zone).where(col(Customer.organization_id) == ctx.organization_id).distinct()
    )
    return [tz for tz in found if local_date(since, tz) < local_date(until, tz)]


async def _used_days(ctx: Context, since: datetime, until: datetime, zones: Sequence[str]) -> AsyncIterator[_Task]:
    """Days that ended after ``since`` and on which a subscription has events."""
    after = UUID(int=0)
    zone = func.coalesce(col(Customer.timezone), ctx.organization.timezone)
    wanted = (
        select(
            col(Subscription.id),
            col(Subscription.plan_id),
            col(Subscription.external_id),
            col(Subscription.started_at),
            col(Subscription.terminated_at),
            zone,
        )
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.started_at).is_not(None),
            col(Subscription.status).in_(("active", "terminated")),
            col(Subscription.terminated_at).is_(None) | (col(Subscription.terminated_at) > since - ONE_DAY),
            zone.in_(zones),
        )
        .order_by(col(Subscription.id))
        .limit(AT_ONCE)
    )
    while rows := [_Lived(*row) for row in await ctx.session.execute(wanted.where(col(Subscription.id) > after))]:
        after = rows[-1].id
        spans = await _spans(ctx, rows, since, until)
        if spans:
            hits = await ctx.events.used(ctx.organization_id, [span for _, span in spans])
            for (task, _), hit in zip(spans, hits, strict=True):
                if hit:
                    yield task


class _Lived(NamedTuple):
    """When a subscription ran, in the zone of its customer."""

    id: UUID
    plan_id: UUID
    external_id: str
    begin: datetime
    end: datetime | None
    tz: str


async def _spans(
    ctx: Context, rows: Sequence[_Lived], since: datetime, until: datetime
) -> list[tuple[_Task, UsedSpan]]:
    """The days of these subscriptions that ended in (since, until], each with the question whether it was used."""
    plans = await plan_snapshots(ctx.session, ctx.organization.catalog_revision, [row.plan_id for row in rows])
    found: list[tuple[_Task, UsedSpan]] = []
    for row in rows:
        codes = frozenset(charge.metric.code for charge in plans[row.plan_id].charges)
        day, last = local_date(max(since, row.begin), row.tz), local_date(until, row.tz) - ONE_DAY
        if row.end is not None:
            last = min(last, local_date(row.end, row.tz))
        while codes and day <= last:
            low, high = max(start_of_day(day, row.tz), row.begin), start_of_day(day + ONE_DAY, row.tz)
            span = UsedSpan(row.external_id, codes, low, high if row.end is None else min(high, row.end))
            found.append((_Task(row.id, day), span))
            day += ONE_DAY
    return found


async def _invoiced_days(ctx: Context, since: datetime, until: datetime) -> list[_Task]:
    """Last days of periods whose invoice was made or finalized after ``since``, or shortly before: one that was still
    being stored then would be missed, and noting a day twice does no harm."""
    parameters = {"org": ctx.organization_id, "since": since - OVERLAP, "until": until}
    rows = await ctx.session.execute(text(_INVOICED), parameters)
    return [
        _Task(subscription_id, local_date(charges_to, timezone), invoice_id)
        for subscription_id, invoice_id, charges_to, timezone in rows
    ]


async def _note(ctx: Context, task: _Task) -> bool:
    """Note one day; whether it has added anything."""
    subscription = await ctx.session.get_one(Subscription, task.subscription_id)
    customer = await ctx.session.get_one(Customer, subscription.customer_id)
    plans = await plan_snapshots(ctx.session, ctx.organization.catalog_revision, [subscription.plan_id])
    plan = plans[subscription.plan_id]
    tz = applicable_timezone(customer, ctx.organization)
    at = end_of_day(task.day, tz)
    if subscription.terminated_at is not None:
        at = min(at, subscription.terminated_at)
    chosen = windows(Case.current_usage, terms_of(subscription, plan, tz), at)
    window = window_of(subscription.external_id, chosen)
    window = replace(window, upper=min(window.upper, start_of_day(task.day + ONE_DAY, tz)))
    arrears = [charge for charge in plan.charges if not charge.pay_in_advance]
    if task.invoice_id is not None:
        now = await _invoiced(ctx, task)
    else:
        now = _sums(await price_charges(ctx, arrears, window, plan.amount_currency)) if arrears else {}
    for charge in plan.charges:
        if charge.pay_in_advance:
            _add(now, await present_charge(ctx, charge, window, plan.amount_currency, ALL_USAGE))
    period = chosen.charges_period.start
    before = await _before(ctx, task, period)
    return await _store(ctx, task, subscription, plan, period, now, before)


def _sums(priced: Sequence[Sequence[PricedBucket]]) -> Usages:
    found: Usages = {}
    for buckets in priced:
        _add(found, buckets)
    return found


def _add(found: Usages, buckets: Sequence[PricedBucket]) -> None:
    for bucket in buckets:
        metric = bucket.charge.metric.id
        found[metric] = found.get(metric, Used()) + Used(bucket.units, bucket.amount_cents)


async def _invoiced(ctx: Context, task: _Task) -> Usages:
    """The charges in arrears of the period's invoice; true-ups add to the amount, not to the units."""
    parameters = {"invoice": task.invoice_id, "subscription": task.subscription_id}
    rows = await ctx.session.execute(text(_FEES), parameters)
    return {metric: Used(units, amount) for metric, units, amount in rows}


async def _before(ctx: Context, task: _Task, period: date) -> Usages:
    """The latest note of the period before that day."""
    found = await ctx.session.scalar(
        select(col(DailyUsage.usage))
        .where(
            col(DailyUsage.organization_id) == ctx.organization_id,
            col(DailyUsage.subscription_id) == task.subscription_id,
            col(DailyUsage.period_start) == period,
            col(DailyUsage.usage_date) < task.day,
        )
        .order_by(col(DailyUsage.usage_date).desc())
        .limit(1)
    )
    return {
        UUID(metric): Used(Decimal(used["units"]), int(used["amount_cents"])) for metric, used in (found or {}).items()
    }


async def _store(
    ctx: Context,
    task: _Task,
    subscription: Subscription,
    plan: PlanSnapshot,
    period: date,
    now: Usages,
    before: Usages,
) -> bool:
    added = differences(now, before)
    values = {
        "usage": {str(metric): used.stored() for metric, used in now.items() if used},
        "usage_diff": {str(metric): used.stored() for metric, used in added.items()},
        "from_invoice": task.invoice_id is not None,
        "created_at": ctx.now(),
    }
    statement = insert(DailyUsage).values(
        id=new_id(),
        organization_id=ctx.organization_id,
        customer_id=subscription.customer_id,
        subscription_id=subscription.id,
        usage_date=task.day,
        period_start=period,
        currency=plan.amount_currency,
        **values,
    )
    if task.invoice_id is not None:
        statement = statement.on_conflict_do_update(index_elements=["subscription_id", "usage_date"], set_=values)
    elif not added:
        return False
    else:
        statement = statement.on_conflict_do_nothing(index_elements=["subscription_id", "usage_date"])
    await ctx.session.execute(statement)
    return bool(added)
