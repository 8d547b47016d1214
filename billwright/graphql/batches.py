"""What DataLoaders load: one function per relation, each a constant number of statements for any number of keys.

Every function takes the use cases' context and ids of its organization, and answers by id; missing ids are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.adjusted_fees.models import AdjustedFee
from billwright.billing.adjusted_fees.queries import adjusted_by_fee
from billwright.billing.catalog.models import BillableMetric, BillableMetricFilter, Charge, Plan, PlanTax
from billwright.billing.catalog.queries import PlanView, metric_views, plan_views
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.customers.models import Customer, CustomerMetadata, CustomerTax
from billwright.billing.customers.searching import one_of
from billwright.billing.invoicing.billed_days import cut_by_upgrades, last_day
from billwright.billing.invoicing.credit_lines import CreditOut, credits_of_invoices
from billwright.billing.invoicing.draft_counts import drafts_by_metric, drafts_by_plan
from billwright.billing.invoicing.models import (
    VISIBLE_STATUSES,
    Fee,
    FeeTax,
    Invoice,
    InvoiceError,
    InvoiceSubscription,
    InvoiceTax,
)
from billwright.billing.invoicing.presenting import file_urls
from billwright.billing.kernel.loading import load
from billwright.billing.kernel.statements import flush
from billwright.billing.payments.models import Payment
from billwright.billing.payments.queries import payments_of_invoices
from billwright.billing.progressive.models import UsageThreshold
from billwright.billing.progressive.queries import AppliedThreshold, applied_thresholds
from billwright.billing.progressive.thresholds import thresholds_of_plans, thresholds_of_subscriptions
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.plan_counts import subscribed_by_plans
from billwright.billing.subscriptions.presenting import SubscriptionOut, subscription_objects
from billwright.billing.taxes.models import Tax

Row = TypeVar("Row")


def grouped(rows: Iterable[Row], key: str) -> dict[UUID, list[Row]]:
    """Rows by the value of one attribute, order kept."""
    found: dict[UUID, list[Row]] = {}
    for row in rows:
        found.setdefault(getattr(row, key), []).append(row)
    return found


async def _rows(ctx: Context, model: type[Row], condition: str, ids: Sequence[UUID]) -> list[Row]:
    """Objects of the organization. ``condition``: constant SQL in which ``$2`` are ``ids``."""
    await flush(ctx.session)
    return await load(ctx.session, model, f"organization_id = $1 and {condition}", ctx.organization_id, list(ids))


async def _by_id(ctx: Context, model: Any, ids: Sequence[UUID]) -> dict[UUID, Any]:
    return {row.id: row for row in await _rows(ctx, model, "id = any($2)", ids)}


async def customers(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Customer]:
    return await _by_id(ctx, Customer, ids)


async def plans(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Plan]:
    return await _by_id(ctx, Plan, ids)


async def subscriptions(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Subscription]:
    return await _by_id(ctx, Subscription, ids)


async def metrics(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, BillableMetric]:
    return await _by_id(ctx, BillableMetric, ids)


async def filters_of_metric(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[BillableMetricFilter]]:
    """Filters of metrics, by key."""
    found = await metrics(ctx, ids)
    return {view.metric.id: list(view.filters) for view in await metric_views(ctx, list(found.values()))}


async def invoices(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Invoice]:
    return await _by_id(ctx, Invoice, ids)


async def plan_details(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, PlanView]:
    """Plans with charges, metrics, filters and taxes."""
    found = await plans(ctx, ids)
    return {view.plan.id: view for view in await plan_views(ctx, list(found.values()))}


async def thresholds_of_subscription(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[UsageThreshold]]:
    """The usage thresholds that apply to subscriptions (spec 02 §13.1)."""
    found = {
        key: item for key, item in (await subscriptions(ctx, ids)).items() if not item.progressive_billing_disabled
    }
    parents = {
        plan.id: plan.parent_id for plan in (await plans(ctx, [item.plan_id for item in found.values()])).values()
    }
    own = await thresholds_of_subscriptions(ctx.session, list(found))
    of_plans = await thresholds_of_plans(ctx.session, [*parents, *(parent for parent in parents.values() if parent)])
    chosen: dict[UUID, list[UsageThreshold]] = {}
    for key, item in found.items():
        parent = parents.get(item.plan_id)
        chosen[key] = own.get(key) or of_plans.get(item.plan_id) or (of_plans.get(parent, []) if parent else [])
    return chosen


async def thresholds_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[AppliedThreshold]]:
    """The usage thresholds that progressive invoices were made for: steps ascending, the recurring one last."""
    return await applied_thresholds(ctx, ids)


async def subscription_wires(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, SubscriptionOut]:
    """What a subscription says about its period and its plan change."""
    found = await subscriptions(ctx, ids)
    return {item["lago_id"]: item for item in await subscription_objects(ctx, list(found.values()))}


async def subscriptions_of_customer(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[Subscription]]:
    """All of them, active and pending first, then newest."""
    order = "status not in ('active', 'pending'), subscription_at desc, id"
    return grouped(await _rows(ctx, Subscription, f"customer_id = any($2) order by {order}", ids), "customer_id")


async def active_subscriptions_by_customer(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    return await count_by(ctx, Subscription.customer_id, Subscription, ids, col(Subscription.status) == "active")


async def subscriptions_by_customer(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    return await count_by(ctx, Subscription.customer_id, Subscription, ids)


async def invoices_by_customer(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    return await count_by(ctx, Invoice.customer_id, Invoice, ids, col(Invoice.status).in_(VISIBLE_STATUSES))


async def subscribed_by_plan(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    """Active subscriptions of the plan and of its overrides, and their customers."""
    return await subscribed_by_plans(ctx, ids)


async def charges_by_plan(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    return await count_by(ctx, Charge.plan_id, Charge, ids, col(Charge.deleted_at).is_(None))


async def subscriptions_by_plan(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Subscriptions of any state on the plans themselves (spec 03 §2.2: with one, a plan is attached)."""
    return await count_by(ctx, Subscription.plan_id, Subscription, ids)


async def overrides_by_plan(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Live plans of single subscriptions that are copies of the plan with other prices."""
    return await count_by(ctx, Plan.parent_id, Plan, ids, col(Plan.deleted_at).is_(None))


async def draft_invoices_by_plan(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Drafts of the plan's subscriptions and of those with prices of their own."""
    found = await drafts_by_plan(ctx)
    return {key: found[key] for key in ids if key in found}


async def active_subscriptions_by_metric(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Active subscriptions whose plan has a live charge on the metric."""
    billed = (
        select(col(Charge.billable_metric_id).label("metric"), col(Charge.plan_id).label("plan"))
        .where(
            col(Charge.organization_id) == ctx.organization_id,
            one_of(Charge.billable_metric_id, ids),
            col(Charge.deleted_at).is_(None),
        )
        .distinct()
        .subquery()
    )
    rows = await ctx.session.execute(
        select(billed.c.metric, func.count())
        .join(Subscription, col(Subscription.plan_id) == billed.c.plan)
        .where(col(Subscription.status) == "active")
        .group_by(billed.c.metric)
    )
    return {row[0]: int(row[1]) for row in rows}


async def draft_invoices_by_metric(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Drafts of subscriptions whose plan has a live charge on the metric."""
    found = await drafts_by_metric(ctx)
    return {key: found[key] for key in ids if key in found}


async def plans_by_metric(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Live ordinary plans with a live charge on the metric."""
    rows = await ctx.session.execute(
        select(col(Charge.billable_metric_id), func.count(func.distinct(col(Plan.id))))
        .join(Plan, col(Plan.id) == col(Charge.plan_id))
        .where(
            col(Charge.organization_id) == ctx.organization_id,
            one_of(Charge.billable_metric_id, ids),
            col(Charge.deleted_at).is_(None),
            col(Plan.deleted_at).is_(None),
            col(Plan.parent_id).is_(None),
        )
        .group_by(col(Charge.billable_metric_id))
    )
    return {row[0]: int(row[1]) for row in rows}


async def count_by(ctx: Context, column: Any, model: Any, ids: Sequence[UUID], *conditions: Any) -> dict[UUID, int]:
    """How many rows of ``model`` have each id in ``column``."""
    rows = await ctx.session.execute(
        select(col(column), func.count())
        .where(model.organization_id == ctx.organization_id, one_of(column, ids), *conditions)
        .group_by(col(column))
    )
    return {row[0]: int(row[1]) for row in rows}


async def metadata_of_customer(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[CustomerMetadata]]:
    rows = await load(ctx.session, CustomerMetadata, "customer_id = any($1) order by created_at, id", list(ids))
    return grouped(rows, "customer_id")


async def taxes_of_customer(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[Tax]]:
    return await _taxes(ctx, CustomerTax.customer_id, CustomerTax.tax_id, ids)


async def taxes_of_plan(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[Tax]]:
    return await _taxes(ctx, PlanTax.plan_id, PlanTax.tax_id, ids)


async def _taxes(ctx: Context, owner: Any, tax: Any, ids: Sequence[UUID]) -> dict[UUID, list[Tax]]:
    rows = await ctx.session.execute(
        select(col(owner), Tax)
        .join(Tax, col(Tax.id) == col(tax))
        .where(col(Tax.organization_id) == ctx.organization_id, one_of(owner, ids), col(Tax.deleted_at).is_(None))
        .order_by(col(Tax.created_at), col(Tax.id))
    )
    found: dict[UUID, list[Tax]] = {}
    for owner_id, row in rows:
        found.setdefault(owner_id, []).append(row)
    return found


async def fees_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[Fee]]:
    condition = "invoice_id = any($2) and deleted_at is null order by position, id"
    return grouped(await _rows(ctx, Fee, condition, ids), "invoice_id")


async def last_day_of_fee(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, date | None]:
    found = await _by_id(ctx, Fee, ids)
    invoiced = await _by_id(ctx, Invoice, [fee.invoice_id for fee in found.values() if fee.invoice_id])
    cut = await cut_by_upgrades(ctx, list(found.values()))
    return {fee.id: last_day(fee, _zone(invoiced.get(fee.invoice_id)), cut=fee.id in cut) for fee in found.values()}


def _zone(invoice: Invoice | None) -> str:
    return invoice.timezone if invoice is not None else "UTC"


async def taxes_of_fee(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[FeeTax]]:
    return grouped(await _rows(ctx, FeeTax, "fee_id = any($2) order by id", ids), "fee_id")


async def adjustment_of_fee(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, AdjustedFee]:
    """What was set by hand, for fees that were."""
    found = await _by_id(ctx, Fee, ids)
    return await adjusted_by_fee(ctx, list(found.values()))


async def taxes_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[InvoiceTax]]:
    return grouped(await _rows(ctx, InvoiceTax, "invoice_id = any($2) order by id", ids), "invoice_id")


async def periods_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[InvoiceSubscription]]:
    return grouped(await _rows(ctx, InvoiceSubscription, "invoice_id = any($2) order by id", ids), "invoice_id")


async def credits_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[CreditOut]]:
    return await credits_of_invoices(ctx, ids)


async def credit_notes_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[CreditNote]]:
    """Finalized credit notes, newest first."""
    condition = "invoice_id = any($2) and status = 'finalized' order by sequential_id desc"
    return grouped(await _rows(ctx, CreditNote, condition, ids), "invoice_id")


async def errors_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[InvoiceError]]:
    return grouped(await load(ctx.session, InvoiceError, "invoice_id = any($1) order by id", list(ids)), "invoice_id")


async def payments_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[Payment]]:
    return await payments_of_invoices(ctx, ids)


async def file_url_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, str]:
    return await file_urls(ctx, list((await invoices(ctx, ids)).values()))
