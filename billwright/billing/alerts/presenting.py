"""Alerts and crossings with what belongs to them, in a constant number of queries, and the webhook's object."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.alerts.kinds import direction_of
from billwright.billing.alerts.models import Alert, TriggeredAlert
from billwright.billing.alerts.schemas import AlertOut, TriggeredAlertOut, threshold_objects
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.catalog.queries import metric_views
from billwright.billing.catalog.schemas import billable_metric_object
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.outputs import number
from billwright.billing.notifications.payloads import payload_of
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.wallets.models import Wallet


async def alert_objects(ctx: Context, alerts: Sequence[Alert]) -> list[AlertOut]:
    """Alerts on the wire."""
    metric_ids = {alert.billable_metric_id for alert in alerts} - {None}
    wallet_ids = {alert.wallet_id for alert in alerts} - {None}
    found = (
        await ctx.session.scalars(select(BillableMetric).where(col(BillableMetric.id).in_(metric_ids)))
        if metric_ids
        else ()
    )
    metrics = {view.metric.id: billable_metric_object(view) for view in await metric_views(ctx, list(found))}
    rows = await ctx.session.scalars(select(Wallet).where(col(Wallet.id).in_(wallet_ids))) if wallet_ids else ()
    codes = {wallet.id: wallet.code for wallet in rows}
    return [
        {
            "lago_id": alert.id,
            "lago_organization_id": alert.organization_id,
            "external_subscription_id": alert.external_subscription_id,
            "lago_wallet_id": alert.wallet_id,
            "wallet_code": codes.get(alert.wallet_id) if alert.wallet_id else None,
            "billable_metric": metrics.get(alert.billable_metric_id) if alert.billable_metric_id else None,
            "alert_type": alert.alert_type,
            "code": alert.code,
            "name": alert.name,
            "direction": direction_of(alert.alert_type),
            "previous_value": number(alert.previous_value),
            "last_processed_at": iso(alert.last_processed_at),
            "thresholds": threshold_objects(alert.thresholds),
            "created_at": iso(alert.created_at) or "",
        }
        for alert in alerts
    ]


@payload_of("triggered_alert")
async def triggered_alert_payload(ctx: Context, event_type: str, object_id: UUID) -> TriggeredAlertOut | None:
    """A crossing as it was noted (spec 06 §16.7)."""
    rows = await ctx.session.execute(
        select(TriggeredAlert, Alert, Subscription, Wallet, col(Customer.external_id), col(BillableMetric.code))
        .join(Alert, col(Alert.id) == col(TriggeredAlert.alert_id))
        .outerjoin(Subscription, col(Subscription.id) == col(TriggeredAlert.subscription_id))
        .outerjoin(Wallet, col(Wallet.id) == col(Alert.wallet_id))
        .outerjoin(Customer, col(Customer.id).in_([col(Subscription.customer_id), col(Wallet.customer_id)]))
        .outerjoin(BillableMetric, col(BillableMetric.id) == col(Alert.billable_metric_id))
        .where(col(TriggeredAlert.id) == object_id, col(TriggeredAlert.organization_id) == ctx.organization_id)
    )
    found = rows.first()
    if found is None:
        return None
    trigger, alert, subscription, wallet, external_customer_id, metric_code = found
    return {
        "lago_id": trigger.id,
        "lago_organization_id": trigger.organization_id,
        "lago_alert_id": alert.id,
        "lago_subscription_id": trigger.subscription_id,
        "external_subscription_id": subscription and subscription.external_id,
        "lago_wallet_id": alert.wallet_id,
        "wallet_code": wallet and wallet.code,
        "external_customer_id": external_customer_id,
        "billable_metric_code": metric_code,
        "alert_type": alert.alert_type,
        "alert_code": alert.code,
        "alert_name": alert.name,
        "current_value": number(trigger.current_value),
        "previous_value": number(trigger.previous_value),
        "triggered_at": iso(trigger.triggered_at) or "",
        "crossed_thresholds": threshold_objects(trigger.crossed_thresholds),
    }
