"""Use cases of subscriptions: create, edit, terminate, cancel (spec 03 §6). The only writers besides due passes."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.service import MAX_EXTERNAL_ID, ensure_customer, find_customer, take_currency
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.errors import NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.calendar.starts import StartDay, start_day, started_at
from billwright.billing.subscriptions.life_cycle import start, terminate
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.queries import find_subscription
from billwright.billing.subscriptions.schemas import SubscriptionCreate, SubscriptionUpdate, TerminationOptions
from billwright.billing.subscriptions.successors import cancel
from billwright.billing.subscriptions.terms import plan_of, refresh_due

BILLING_TIMES = ("calendar", "anniversary")
CREDIT_NOTE_OPTIONS = ("credit", "refund", "offset", "skip")
INVOICE_OPTIONS = ("generate", "skip")


async def create_subscription(ctx: Context, inp: SubscriptionCreate) -> Subscription:
    """Subscribe a customer to a plan; an unknown external customer id makes a bare customer (spec 03 §6.3).

    Re-posting the current plan changes nothing and answers the current subscription. Raises ``NotFound("plan")`` and
    ``ValidationFailed`` with the codes of spec 03 §9.
    """
    plan = await _sellable_plan(ctx, inp.plan_code)
    existing = await find_customer(ctx, inp.external_customer_id) if inp.external_customer_id else None
    tz = applicable_timezone(existing, ctx.organization) if existing else ctx.organization.timezone
    anchor, ending_at = _validated(ctx, inp)
    assert inp.external_customer_id is not None
    assert inp.external_id is not None
    customer = existing or await ensure_customer(ctx, inp.external_customer_id.strip())
    customer = await _locked(ctx, customer.id)
    await take_currency(ctx, customer, plan.amount_currency)
    external_id = inp.external_id.strip()
    current = await _current(ctx, customer, external_id)
    if current is not None:
        return await _post_again(ctx, current, plan, inp, tz)
    if await _taken_elsewhere(ctx, customer, external_id):
        raise ValidationFailed(external_id="value_already_exist")
    now = ctx.now()
    subscription = Subscription(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        customer_id=customer.id,
        plan_id=plan.id,
        live=ctx.organization.kind == "live",
        external_id=external_id,
        name=inp.name if inp.name and inp.name.strip() else None,
        billing_time=inp.billing_time or "calendar",
        subscription_at=anchor,
        ending_at=ending_at,
        consolidate_invoice=True if inp.consolidate_invoice is None else inp.consolidate_invoice,
        purchase_order_number=inp.purchase_order_number,
    )
    ctx.session.add(subscription)
    await _begin(ctx, customer, subscription)
    return subscription


async def _begin(ctx: Context, customer: Customer, subscription: Subscription) -> None:
    """Start now, or schedule, by the local date of the anchor (spec 03 §6.4)."""
    now, tz = ctx.now(), applicable_timezone(customer, ctx.organization)
    day = start_day(subscription.subscription_at, now, tz)
    if day is StartDay.future:
        subscription.status = "pending"
        await ctx.session.flush()
        await refresh_due(ctx, subscription, await plan_of(ctx, subscription), tz)
        return
    until = await _invoiced_until(ctx, customer, subscription.external_id) if day is StartDay.past else None
    instant = started_at(subscription.subscription_at, now, tz, invoiced_until=until)
    assert instant is not None
    await start(ctx, customer, subscription, instant, day)


async def _invoiced_until(ctx: Context, customer: Customer, external_id: str) -> datetime | None:
    statement = select(func.max(col(Subscription.terminated_at))).where(
        col(Subscription.organization_id) == ctx.organization_id,
        col(Subscription.customer_id) == customer.id,
        col(Subscription.external_id) == external_id,
        col(Subscription.status) == "terminated",
        col(Subscription.on_termination_invoice) == "generate",
    )
    return (await ctx.session.execute(statement)).scalar_one()


async def _post_again(
    ctx: Context, current: Subscription, plan: Plan, inp: SubscriptionCreate, tz: str
) -> Subscription:
    if current.plan_id == plan.id:
        return current
    if current.status == "pending" and current.previous_subscription_id is None:
        current.plan_id = plan.id
        if inp.given("name"):
            current.name = inp.name
        current.updated_at = ctx.now()
        await refresh_due(ctx, current, plan, tz)
        return current
    # Plan changes of a running subscription arrive with upgrades and downgrades.
    raise ValidationFailed(plan_code="unsupported_value")


def _validated(ctx: Context, inp: SubscriptionCreate) -> tuple[datetime, datetime | None]:
    problems = Problems()
    _refuse_unsupported(inp, problems)
    for name in ("external_customer_id", "external_id"):
        value = getattr(inp, name)
        if value is None or not value.strip():
            problems.add(name, "value_is_mandatory")
        elif len(value.strip()) > MAX_EXTERNAL_ID:
            problems.add(name, "value_is_too_long")
    anchor = ctx.now()
    if inp.subscription_at is not None:
        parsed = parse_instant(inp.subscription_at)
        if parsed is None:
            problems.add("subscription_at", "invalid_date")
        else:
            anchor = parsed
    ending_at = _ending(ctx, inp.ending_at, anchor, problems)
    if inp.billing_time is not None and inp.billing_time not in BILLING_TIMES:
        problems.add("billing_time", "value_is_invalid")
    problems.raise_if_any()
    return anchor, ending_at


def _ending(ctx: Context, text: str | None, anchor: datetime, problems: Problems) -> datetime | None:
    """``ending_at`` must be ISO 8601, its UTC date after today and after the anchor's (spec 03 §6.3)."""
    if text is None:
        return None
    parsed = parse_instant(text)
    if parsed is None:
        problems.add("ending_at", "invalid_date")
        return None
    day = parsed.date()
    if day <= ctx.now().astimezone(UTC).date() or day <= anchor.astimezone(UTC).date():
        problems.add("ending_at", "invalid_date")
    return parsed


async def _sellable_plan(ctx: Context, code: str | None) -> Plan:
    """The plan, kept from being edited or deleted until the subscription stands (spec 03 §2.2, §2.3)."""
    statement = (
        select(Plan)
        .where(
            col(Plan.organization_id) == ctx.organization_id,
            col(Plan.code) == (code or ""),
            col(Plan.parent_id).is_(None),
            col(Plan.deleted_at).is_(None),
            col(Plan.pending_deletion).is_(False),
        )
        .with_for_update(read=True, key_share=True)
    )
    plan = (await ctx.session.scalars(statement)).first()
    if plan is None:
        raise NotFound("plan")
    return plan


async def _locked(ctx: Context, customer_id: UUID) -> Customer:
    customer = await lock_customer(ctx, customer_id)
    if customer is None:
        raise NotFound("customer")
    return customer


async def _current(ctx: Context, customer: Customer, external_id: str) -> Subscription | None:
    """Active, else scheduled-pending, of this customer with this external id."""
    statement = (
        select(Subscription)
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.customer_id) == customer.id,
            col(Subscription.external_id) == external_id,
            or_(
                col(Subscription.status) == "active",
                (col(Subscription.status) == "pending") & col(Subscription.previous_subscription_id).is_(None),
            ),
        )
        .order_by(col(Subscription.status))
        .limit(1)
    )
    return (await ctx.session.scalars(statement)).first()


async def _taken_elsewhere(ctx: Context, customer: Customer, external_id: str) -> bool:
    statement = select(col(Subscription.id)).where(
        col(Subscription.organization_id) == ctx.organization_id,
        col(Subscription.customer_id) != customer.id,
        col(Subscription.external_id) == external_id,
        col(Subscription.status).in_(("active", "pending")),
    )
    return (await ctx.session.scalars(statement.limit(1))).first() is not None


async def update_subscription(ctx: Context, external_id: str, status: str, inp: SubscriptionUpdate) -> Subscription:
    """Edit name, ending, a scheduled start and options (spec 03 §6.10). Raises ``NotFound``, ``ValidationFailed``."""
    found = await _editable(ctx, external_id, status)
    customer = await _locked(ctx, found.customer_id)
    subscription = await ctx.session.get_one(Subscription, found.id, populate_existing=True)
    problems = Problems()
    anchor = subscription.subscription_at
    if inp.given("subscription_at") and inp.subscription_at is not None:
        parsed = parse_instant(inp.subscription_at)
        if parsed is None:
            problems.add("subscription_at", "invalid_date")
        else:
            anchor = parsed
    ending_at = _ending(ctx, inp.ending_at, anchor, problems) if inp.given("ending_at") else subscription.ending_at
    _check_options(inp.on_termination_credit_note, inp.on_termination_invoice, problems)
    _refuse_unsupported(inp, problems)
    problems.raise_if_any()
    now, tz = ctx.now(), applicable_timezone(customer, ctx.organization)
    plan = await plan_of(ctx, subscription)
    subscription.ending_at = ending_at
    if inp.given("name"):
        subscription.name = inp.name if inp.name and inp.name.strip() else None
    if inp.given("purchase_order_number"):
        subscription.purchase_order_number = inp.purchase_order_number
    if inp.consolidate_invoice is not None:
        subscription.consolidate_invoice = inp.consolidate_invoice
    if inp.on_termination_invoice is not None:
        subscription.on_termination_invoice = inp.on_termination_invoice
    if inp.on_termination_credit_note is not None and plan.pay_in_advance:
        subscription.on_termination_credit_note = inp.on_termination_credit_note
    subscription.updated_at = now
    scheduled = subscription.status == "pending" and subscription.previous_subscription_id is None
    if scheduled and anchor != subscription.subscription_at:
        subscription.subscription_at = anchor
        await _begin(ctx, customer, subscription)
    else:
        await refresh_due(ctx, subscription, plan, tz)
    await emit(ctx, "subscription.updated", "subscription", subscription.id)
    return subscription


async def _editable(ctx: Context, external_id: str, status: str) -> Subscription:
    statement = (
        select(Subscription)
        .where(col(Subscription.organization_id) == ctx.organization_id, col(Subscription.external_id) == external_id)
        .order_by(col(Subscription.subscription_at).desc(), col(Subscription.created_at).desc())
    )
    found = list((await ctx.session.scalars(statement)).all())
    if len(found) > 1:
        found = [item for item in found if item.status == status]
    if not found:
        raise NotFound("subscription")
    return found[0]


def _refuse_unsupported(inp: SubscriptionCreate | SubscriptionUpdate, problems: Problems) -> None:
    """Prices and thresholds of a single subscription are refused rather than dropped unseen."""
    for name in ("plan_overrides", "usage_thresholds"):
        if getattr(inp, name):
            problems.add(name, "unsupported_value")


def _check_options(credit_note: str | None, invoice: str | None, problems: Problems) -> None:
    if credit_note is not None and credit_note not in CREDIT_NOTE_OPTIONS:
        problems.add("on_termination_credit_note", "invalid_value")
    if invoice is not None and invoice not in INVOICE_OPTIONS:
        problems.add("on_termination_invoice", "invalid_value")


async def terminate_subscription(
    ctx: Context, external_id: str, options: TerminationOptions, *, status: str = "active"
) -> Subscription:
    """Terminate the active subscription, or cancel the pending one with ``status="pending"`` (spec 03 §6.7)."""
    found = await find_subscription(ctx, external_id, "pending" if status == "pending" else "active")
    customer = await _locked(ctx, found.customer_id)
    subscription = await ctx.session.get_one(Subscription, found.id, populate_existing=True)
    if subscription.status != found.status or subscription.status not in ("active", "pending"):
        raise NotFound("subscription")
    problems = Problems()
    _check_options(options.on_termination_credit_note, options.on_termination_invoice, problems)
    problems.raise_if_any()
    if subscription.status == "pending":
        await cancel(ctx, subscription)
        await emit(ctx, "subscription.terminated", "subscription", subscription.id)
    else:
        plan = await plan_of(ctx, subscription)
        if options.on_termination_invoice is not None:
            subscription.on_termination_invoice = options.on_termination_invoice
        if plan.pay_in_advance:
            chosen = options.on_termination_credit_note or subscription.on_termination_credit_note or "credit"
            subscription.on_termination_credit_note = chosen
        await terminate(
            ctx,
            customer,
            subscription,
            ctx.now(),
            generate_invoice=subscription.on_termination_invoice != "skip",
        )
    return subscription
