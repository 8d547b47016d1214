"""Events as they were received."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.kernel.money import decimal_string
from billwright.billing.metering.event_schemas import EPOCH
from billwright.billing.metering.recent_events import SeenEvent
from billwright.graphql import batches
from billwright.graphql.scalars import ISO8601DateTime, JsonObject
from billwright.graphql.types.common import Inf

if TYPE_CHECKING:
    from billwright.graphql.types.catalog import BillableMetric
    from billwright.graphql.types.subscriptions import Subscription

LazyMetric = Annotated["BillableMetric", strawberry.lazy("billwright.graphql.types.catalog")]
LazySubscription = Annotated["Subscription", strawberry.lazy("billwright.graphql.types.subscriptions")]
Row = strawberry.Parent[SeenEvent]
_MICROSECOND = timedelta(microseconds=1)


def _seconds(instant: datetime) -> int | Decimal:
    """Unix seconds, exactly: whole ones as a whole number."""
    micros = (instant - EPOCH) // _MICROSECOND
    return Decimal(micros).scaleb(-6).normalize() if micros % 10**6 else micros // 10**6


@strawberry.type(description="Usage that was reported.")
class Event:
    @strawberry.field(description="Internal id.")
    def id(self, root: Row) -> strawberry.ID:
        return strawberry.ID(str(root.row.id))

    @strawberry.field(description="Your id of the event, unique for its subscription.")
    def transaction_id(self, root: Row) -> str:
        return root.row.transaction_id

    @strawberry.field(description="Code of the metric that counts it.")
    def code(self, root: Row) -> str:
        return root.row.code

    @strawberry.field(description="Your id of the subscription that it is for.")
    def external_subscription_id(self, root: Row) -> str | None:
        return root.row.external_subscription_id

    @strawberry.field(description="When it happened.")
    def timestamp(self, root: Row) -> ISO8601DateTime:
        return ISO8601DateTime(root.row.timestamp)

    @strawberry.field(description="When it was received, on the organization's clock.")
    def received_at(self, root: Row) -> ISO8601DateTime:
        return ISO8601DateTime(root.row.created_at)

    @strawberry.field(description="What was reported.")
    def properties(self, root: Row) -> JsonObject:
        return JsonObject(root.row.properties)

    @strawberry.field(description="The event as it may be sent.")
    def payload(self, root: Row) -> JsonObject:
        row = root.row
        sent: dict[str, Any] = {
            "transaction_id": row.transaction_id,
            "external_subscription_id": row.external_subscription_id,
            "code": row.code,
            "timestamp": _seconds(row.timestamp),
            "properties": row.properties,
        }
        if row.precise_total_amount_cents is not None:
            sent["precise_total_amount_cents"] = decimal_string(row.precise_total_amount_cents)
        return JsonObject(sent)

    @strawberry.field(description="Address that it was sent from.")
    def ip_address(self, root: Row) -> str | None:
        return (root.row.metadata or {}).get("ip_address")

    @strawberry.field(description="Client that sent it.")
    def api_client(self, root: Row) -> str | None:
        return (root.row.metadata or {}).get("user_agent") or None

    @strawberry.field(description="Ingestion source that it came through; null for the API.")
    def source(self, root: Row) -> str | None:
        return root.row.source

    @strawberry.field(description="Place in the list; events(after:) goes on behind it.")
    def cursor(self, root: Row) -> str:
        return root.cursor

    @strawberry.field(description="Whether a billable metric has its code; without one nothing counts it.")
    def match_billable_metric(self, root: Row) -> bool:
        return root.matches_metric

    @strawberry.field(
        description="Whether the property that the metric aggregates is there; true without a metric or a property."
    )
    def match_custom_field(self, root: Row) -> bool:
        return root.has_property

    @strawberry.field(description="Name of the metric that counts it.")
    def billable_metric_name(self, root: Row) -> str | None:
        return root.metric.name if root.metric else None

    @strawberry.field(description="The metric that counts it.")
    def billable_metric(self, root: Row) -> LazyMetric | None:
        found: Any = root.metric
        return found

    @strawberry.field(description="The subscription that it belongs to; null while none is active at its timestamp.")
    async def subscription(self, root: Row, info: Inf) -> LazySubscription | None:
        if root.subscription_id is None or not await info.context.may("subscriptions:view"):
            return None
        return await info.context.load(batches.subscriptions, root.subscription_id)

    @strawberry.field(description="Time zone of the customer, the organization's without one.")
    async def customer_timezone(self, root: Row, info: Inf) -> str:
        organization = (await info.context.principal()).organization
        customer = await info.context.load(batches.customers, root.customer_id) if root.customer_id else None
        return organization.timezone if customer is None else applicable_timezone(customer, organization)
