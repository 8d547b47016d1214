"""The last day that a fee bills, as documents and pages print it (spec 03 §6.8).

The day of an upgrade belongs to the new plan only: the old plan's subscription fee and minimum commitment are billed up
to the day before, although their stored window ends at the very instant of the change. Usage is billed up to that
instant, so charges keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.invoicing.models import Fee
from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.subscriptions.models import Subscription

_WHOLE_DAYS = ("subscription", "commitment")


async def cut_by_upgrades(ctx: Context, fees: Sequence[Fee]) -> set[UUID]:
    """The fees among ``fees`` whose last day was left to the plan that followed."""
    ids = {fee.subscription_id for fee in fees if fee.fee_type in _WHOLE_DAYS and fee.subscription_id is not None}
    if not ids:
        return set()
    follower = aliased(Subscription)
    rows = await ctx.session.execute(
        select(col(Subscription.id), col(Subscription.terminated_at))
        .join(follower, col(follower.previous_subscription_id) == col(Subscription.id))
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.id).in_(ids),
            col(follower.started_at) == col(Subscription.terminated_at),
        )
    )
    switched: dict[UUID | None, Any] = {row[0]: row[1] for row in rows}
    return {
        fee.id
        for fee in fees
        if fee.fee_type in _WHOLE_DAYS
        and fee.to_datetime is not None
        and switched.get(fee.subscription_id) == fee.to_datetime
    }


def last_day(fee: Fee, timezone: str, *, cut: bool) -> date | None:
    """The last local day of the period that the fee bills; ``cut``: see ``cut_by_upgrades``."""
    end = fee.charges_to_datetime if fee.fee_type == "charge" else fee.to_datetime
    if end is None:
        return None
    day = local_date(end, timezone)
    if cut and fee.from_datetime is not None:
        return max(day - timedelta(days=1), local_date(fee.from_datetime, timezone))
    return day
