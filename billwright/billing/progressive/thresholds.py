"""The thresholds of plans and subscriptions: input, storing, and which of them apply (spec 02 §13.1).

Writers hold the plan's row, or the subscription's customer, locked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.progressive.checking import Grid
from billwright.billing.progressive.models import UsageThreshold
from billwright.billing.progressive.schemas import UsageThresholdInput
from billwright.billing.subscriptions.models import Subscription

_FIELD = "usage_thresholds"


@dataclass(frozen=True, slots=True)
class ThresholdEntry:
    """A threshold as it was sent; the first two make its identity within its list."""

    recurring: bool
    amount_cents: int
    display_name: str | None = None

    @property
    def identity(self) -> tuple[bool, int]:
        return self.recurring, self.amount_cents


def parse_thresholds(raw: Any, problems: Problems) -> list[ThresholdEntry] | None:
    """The list in stored order; ``None`` where nothing was sent, an empty list removes all.

    Mistakes go to ``problems`` with the codes of spec 02 §13.1.
    """
    if raw is None:
        return None
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        problems.add(_FIELD, "value_is_invalid")
        return None
    entries: list[ThresholdEntry] = []
    for index, item in enumerate(cast("Sequence[Any]", raw)):
        place = f"{_FIELD}.{index}"
        if not isinstance(item, Mapping):
            problems.add(_FIELD, "value_is_invalid")
            continue
        try:
            inp = UsageThresholdInput.parse(item)
        except ValidationFailed as failure:
            for name, codes in cast("dict[str, list[str]]", failure.details).items():
                for code in codes:
                    problems.add(name, code, at=f"{place}.{name}")
            continue
        if inp.amount_cents is None:
            problems.add(_FIELD, "missing_amount_cents", at=f"{place}.amount_cents")
        elif inp.amount_cents <= 0:
            problems.add("amount_cents", "value_is_out_of_range", at=f"{place}.amount_cents")
        else:
            name = inp.threshold_display_name
            entries.append(ThresholdEntry(bool(inp.recurring), inp.amount_cents, (name or "").strip() or None))
    if len({entry.identity for entry in entries}) < len(entries):
        problems.add(_FIELD, "duplicated_values")
    if sum(entry.recurring for entry in entries) > 1:
        problems.add(_FIELD, "multiple_recurring_thresholds")
    return sorted(entries, key=lambda entry: entry.identity)


def grid_of(thresholds: Sequence[UsageThreshold]) -> Grid:
    """Their amounts."""
    return Grid.of([(row.amount_cents, row.recurring) for row in thresholds])


async def thresholds_of_plans(session: Session, plan_ids: Sequence[UUID]) -> dict[UUID, list[UsageThreshold]]:
    """Live thresholds by plan, ascending, the recurring one last: one query."""
    found: dict[UUID, list[UsageThreshold]] = {}
    if plan_ids:
        rows = await session.scalars(
            select(UsageThreshold)
            .where(col(UsageThreshold.plan_id).in_(plan_ids), col(UsageThreshold.deleted_at).is_(None))
            .order_by(col(UsageThreshold.recurring), col(UsageThreshold.amount_cents))
        )
        for row in rows:
            if row.plan_id is not None:
                found.setdefault(row.plan_id, []).append(row)
    return found


async def thresholds_of_subscriptions(
    session: Session, subscription_ids: Sequence[UUID]
) -> dict[UUID, list[UsageThreshold]]:
    """The subscriptions' own live thresholds, in the same order: one query."""
    rows = await session.scalars(
        select(UsageThreshold)
        .where(col(UsageThreshold.subscription_id).in_(subscription_ids), col(UsageThreshold.deleted_at).is_(None))
        .order_by(col(UsageThreshold.recurring), col(UsageThreshold.amount_cents))
    )
    found: dict[UUID, list[UsageThreshold]] = {}
    for row in rows:
        if row.subscription_id is not None:
            found.setdefault(row.subscription_id, []).append(row)
    return found


async def thresholds_of_subscription(session: Session, subscription_id: UUID) -> list[UsageThreshold]:
    """The subscription's own live thresholds."""
    return (await thresholds_of_subscriptions(session, [subscription_id])).get(subscription_id, [])


async def applicable_thresholds(
    session: Session, subscription_id: UUID, plan_id: UUID, parent_id: UUID | None, *, disabled: bool
) -> list[UsageThreshold]:
    """Those of a subscription on this plan: its own, else the plan's, else the parent's; none when ``disabled``."""
    if disabled:
        return []
    own = await thresholds_of_subscription(session, subscription_id)
    if own:
        return own
    plans = [plan_id] if parent_id is None else [plan_id, parent_id]
    found = await thresholds_of_plans(session, plans)
    return found.get(plan_id) or (found.get(parent_id, []) if parent_id else [])


async def replace_plan_thresholds(ctx: Context, plan_id: UUID, entries: Sequence[ThresholdEntry] | None) -> bool:
    """Make ``entries`` the plan's list (``None``: leave it); whether that changed anything."""
    if entries is None:
        return False
    current = (await thresholds_of_plans(ctx.session, [plan_id])).get(plan_id, [])
    return await _replace(ctx, current, entries, plan_id=plan_id)


async def replace_subscription_thresholds(
    ctx: Context, subscription_id: UUID, entries: Sequence[ThresholdEntry] | None
) -> bool:
    """Make ``entries`` the subscription's own list (``None``: leave it); whether that changed anything."""
    if entries is None:
        return False
    current = await thresholds_of_subscription(ctx.session, subscription_id)
    return await _replace(ctx, current, entries, subscription_id=subscription_id)


async def set_own_thresholds(
    ctx: Context, subscription: Subscription, entries: Sequence[ThresholdEntry] | None
) -> bool:
    """The same for a subscription as a whole: its own list takes the place of one on its overridden plan."""
    if entries is None:
        return False
    changed = await replace_subscription_thresholds(ctx, subscription.id, entries)
    overridden = select(col(Plan.id)).where(col(Plan.id) == subscription.plan_id, col(Plan.parent_id).is_not(None))
    if (await ctx.session.scalars(overridden)).first() is not None:
        changed = await replace_plan_thresholds(ctx, subscription.plan_id, ()) or changed
    return changed


async def move_thresholds(ctx: Context, from_id: UUID, to_id: UUID) -> None:
    """Give one subscription's own list to another, which has none."""
    for row in await thresholds_of_subscription(ctx.session, from_id):
        row.subscription_id = to_id
    await ctx.session.flush()


async def _replace(
    ctx: Context,
    current: Sequence[UsageThreshold],
    entries: Sequence[ThresholdEntry],
    *,
    plan_id: UUID | None = None,
    subscription_id: UUID | None = None,
) -> bool:
    """A threshold of the same amount and kind stays the same row, so that what was applied goes on naming it."""
    now = ctx.now()
    wanted = {entry.identity: entry for entry in entries}
    changed = False
    for row in current:
        entry = wanted.pop((row.recurring, row.amount_cents), None)
        if entry is None:
            row.deleted_at = row.updated_at = now
            changed = True
        elif entry.display_name != row.threshold_display_name:
            row.threshold_display_name = entry.display_name
            row.updated_at = now
            changed = True
    await ctx.session.flush()
    for entry in wanted.values():
        ctx.session.add(
            UsageThreshold(
                id=new_id(),
                created_at=now,
                updated_at=now,
                organization_id=ctx.organization_id,
                plan_id=plan_id,
                subscription_id=subscription_id,
                amount_cents=entry.amount_cents,
                threshold_display_name=entry.display_name,
                recurring=entry.recurring,
            )
        )
        changed = True
    await ctx.session.flush()
    return changed
