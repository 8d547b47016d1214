"""One look at a watched figure: what it crossed is told once, in the transaction that notes it (spec 07 §9.4)."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.alerts.crossing import crossed
from billwright.billing.alerts.keeping import stored, thresholds_of
from billwright.billing.alerts.kinds import direction_of
from billwright.billing.alerts.models import Alert, TriggeredAlert
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.service import emit


async def look(
    ctx: Context,
    alert: Alert,
    current: Decimal,
    *,
    previous: Decimal | None = None,
    subscription_id: UUID | None = None,
) -> bool:
    """Compare ``current`` with the figure of the look before (``previous``: with this one instead), tell what lies in
    between, and note ``current``. The alert's row is locked; returns whether anything was crossed."""
    before = alert.previous_value if previous is None else previous
    found = crossed(thresholds_of(alert.thresholds), before, current, direction_of(alert.alert_type))
    now = ctx.now()
    alert.previous_value = current
    alert.last_processed_at = now
    if not found:
        return False
    trigger = TriggeredAlert(
        id=new_id(),
        organization_id=alert.organization_id,
        alert_id=alert.id,
        subscription_id=subscription_id,
        previous_value=before,
        current_value=current,
        crossed_thresholds=stored(found),
        triggered_at=now,
    )
    ctx.session.add(trigger)
    named = {"alert_code": alert.code, "alert_name": alert.name}
    await emit(ctx, "alert.triggered", "triggered_alert", trigger.id, named)
    return True
