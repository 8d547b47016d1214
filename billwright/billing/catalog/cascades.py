"""What a change of a plan does to its overridden children, when ``cascade_updates`` asks for it (spec 03 §2.6).

The edit queues a cascade in its own transaction: the plan's price and charges as they were and as they are. A job
applies it to the children after commit. A child that differs from what the parent was has been customised there and
keeps its own; what it shares with the old parent follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import exists, select, text
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, RetryLater, job
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.cascading_charges import COPIED, cascade_charges
from billwright.billing.catalog.changes import publish
from billwright.billing.catalog.models import Plan
from billwright.billing.catalog.price_changes import queue_reconsideration
from billwright.billing.catalog.queries import ChargeView
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.pricing.filters import same_values
from billwright.billing.subscriptions.models import Subscription

CASCADE_JOB = "catalog.cascade"
BATCH = 20
"""Children per transaction."""
Described = Mapping[UUID, Mapping[str, Any]]
_OF_FILTER = ("values", "properties", "invoice_display_name")
_CASCADED = ("code", "charge_model", "properties")
_WAIT = timedelta(seconds=1)
_EARLIER = text(
    "select exists (select from jobs mine join jobs other on other.name = mine.name"
    " and other.organization_id = mine.organization_id and other.status in ('queued', 'running')"
    " and other.arguments ->> 'plan_id' = mine.arguments ->> 'plan_id'"
    " and (other.created_at, other.id) < (mine.created_at, mine.id) where mine.id = :id)"
)
_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:key, 13))")


async def queue_cascade(
    ctx: Context,
    plan: Plan,
    *,
    amount_before: int | None = None,
    charges_before: Described | None = None,
    charges_after: Described | None = None,
) -> None:
    """Queue what a plan's edit means for its children; nothing if it has none or nothing that cascades has changed.

    ``amount_before``: the price before the edit; the charges (``described``) before and after it, or some of them.
    """
    arguments: dict[str, Any] = {"plan_id": str(plan.id)}
    if amount_before is not None and amount_before != plan.amount_cents:
        arguments["amount"] = [amount_before, plan.amount_cents]
    changes = charge_changes(charges_before or {}, charges_after or {})
    if changes:
        arguments["charges"] = changes
    if len(arguments) == 1:
        return
    children = select(col(Plan.id)).where(col(Plan.parent_id) == plan.id, col(Plan.deleted_at).is_(None)).limit(1)
    if (await ctx.session.scalars(children)).first() is not None:
        await enqueue(ctx.session, ctx.organization_id, CASCADE_JOB, arguments)


def described(views: Iterable[ChargeView]) -> Described:
    """Charges as a cascade compares and copies them, by id (JSON values). Take it before the rows are changed."""
    return {
        view.charge.id: {
            **{name: getattr(view.charge, name) for name in COPIED},
            "filters": [{name: getattr(item, name) for name in _OF_FILTER} for item in view.filters],
            "tax_ids": [str(tax.id) for tax in view.taxes],
        }
        for view in views
    }


def charge_changes(before: Described, after: Described) -> list[dict[str, Any]]:
    """How charges differ, as far as children follow (JSON values).

    ``{"kind": "added" | "removed" | "updated", "charge_id": ..., "before": ..., "after": ..., "filters": [...]}``;
    names, minimums and taxes are copied with a new charge but never cascaded.
    """
    changes: list[dict[str, Any]] = [
        {"kind": "removed", "charge_id": str(charge_id)} for charge_id in before if charge_id not in after
    ]
    for charge_id, new in after.items():
        old = before.get(charge_id)
        if old is None:
            changes.append({"kind": "added", "charge_id": str(charge_id), "after": new})
            continue
        filters = filter_changes(old, new)
        if filters or any(old[name] != new[name] for name in _CASCADED):
            kept = {"before": _only(old), "after": _only(new), "filters": filters}
            changes.append({"kind": "updated", "charge_id": str(charge_id), **kept})
    return changes


def _only(charge: Mapping[str, Any]) -> dict[str, Any]:
    return {name: charge[name] for name in _CASCADED}


def filter_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How a charge's filters differ, told apart by their values: ``added``, ``removed``, ``updated``."""
    old = cast("list[dict[str, Any]]", before["filters"])
    new = cast("list[dict[str, Any]]", after["filters"])
    changes: list[dict[str, Any]] = [{"kind": "removed", "before": item} for item in old if _same(item, new) is None]
    for item in new:
        known = _same(item, old)
        if known is None:
            changes.append({"kind": "added", "after": item})
        elif known != item:
            changes.append({"kind": "updated", "before": known, "after": item})
    return changes


def _same(item: Mapping[str, Any], among: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    return next((other for other in among if same_values(other["values"], item["values"])), None)


@job(CASCADE_JOB)
async def cascade(call: JobCall) -> None:
    """Apply one edit to the plan's children, in batches. Edits of one plan take their turn; running twice is harmless:
    what has followed already no longer equals the old parent.
    """
    assert call.organization_id is not None
    plan_id = UUID(call.arguments["plan_id"])
    async with call.runtime.database.reading() as session:
        if (await session.execute(_EARLIER, {"id": call.job_id})).scalar_one():
            raise RetryLater(_WAIT)
        rows = await session.scalars(
            select(col(Plan.id))
            .where(
                col(Plan.organization_id) == call.organization_id,
                col(Plan.parent_id) == plan_id,
                col(Plan.deleted_at).is_(None),
            )
            .order_by(col(Plan.id))
        )
        children = list(rows.all())
    for first in range(0, len(children), BATCH):
        await _apply(call.runtime, call.organization_id, plan_id, children[first : first + BATCH], call.arguments)


async def _apply(
    runtime: Runtime, organization_id: UUID, parent_id: UUID, batch: Sequence[UUID], arguments: Mapping[str, Any]
) -> None:
    async with runtime.database.transaction() as session:
        organization = await session.get_one(Organization, organization_id)
        ctx = Context(session, organization, event_store=runtime.event_store)
        await session.execute(_LOCK, {"key": str(parent_id)})
        plans = (
            await session.scalars(
                select(Plan)
                .where(col(Plan.id).in_(batch), col(Plan.deleted_at).is_(None))
                .order_by(col(Plan.id))
                .with_for_update()
            )
        ).all()
        changed = await _cascade_amount(ctx, plans, arguments.get("amount"))
        codes: set[str] = set()
        charges = arguments.get("charges")
        if charges:
            in_use = [plan for plan in plans if await _is_in_use(ctx, plan)]
            touched = await cascade_charges(ctx, in_use, charges)
            changed |= touched.plan_ids
            codes = touched.metric_codes
        if changed:
            await publish(ctx, metric_codes=codes, plan_ids=changed)


async def _cascade_amount(ctx: Context, plans: Sequence[Plan], amount: Sequence[int] | None) -> set[UUID]:
    """The new price for those that still have the old one; a downgrade towards them is judged again."""
    if amount is None:
        return set()
    before, after = amount
    changed = [plan for plan in plans if plan.amount_cents == before]
    for plan in changed:
        plan.amount_cents = after
        plan.updated_at = ctx.now()
    await queue_reconsideration(ctx, [plan.id for plan in changed], leaving=False)
    return {plan.id for plan in changed}


async def _is_in_use(ctx: Context, plan: Plan) -> bool:
    """Charges follow only where a subscription runs or is scheduled."""
    used = exists().where(col(Subscription.plan_id) == plan.id, col(Subscription.status).in_(("active", "pending")))
    return bool((await ctx.session.execute(select(used))).scalar_one())
