"""What becomes of alerts when their metric is deleted (spec 01 §1.5)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.alerts.models import Alert


async def remove_alerts_of_metric(ctx: Context, metric_id: UUID) -> None:
    """Remove the alerts of a metric that is being deleted and locked."""
    now = ctx.now()
    await ctx.session.execute(
        update(Alert)
        .where(col(Alert.billable_metric_id) == metric_id, col(Alert.deleted_at).is_(None))
        .values(deleted_at=now, updated_at=now)
        .execution_options(synchronize_session=False)
    )
