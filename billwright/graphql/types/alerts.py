"""Alerts on subscriptions and wallets. Values are minor units, units or credits, as the alert's type says."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from billwright.billing.alerts import models
from billwright.billing.alerts.kinds import direction_of
from billwright.graphql import alert_batches, batches, wallet_batches
from billwright.graphql.scalars import DecimalText, ISO8601DateTime
from billwright.graphql.types.catalog import BillableMetric
from billwright.graphql.types.common import Inf, f

if TYPE_CHECKING:
    from billwright.graphql.types.subscriptions import Subscription
    from billwright.graphql.types.wallets import Wallet

LazySubscription = Annotated["Subscription", strawberry.lazy("billwright.graphql.types.subscriptions")]
LazyWallet = Annotated["Wallet", strawberry.lazy("billwright.graphql.types.wallets")]
Row = strawberry.Parent[models.Alert]


@strawberry.enum(description="What an alert watches.")
class AlertTypeEnum(Enum):
    current_usage_amount = "current_usage_amount"
    billable_metric_current_usage_amount = "billable_metric_current_usage_amount"
    billable_metric_current_usage_units = "billable_metric_current_usage_units"
    lifetime_usage_amount = "lifetime_usage_amount"
    wallet_balance_amount = "wallet_balance_amount"
    wallet_credits_balance = "wallet_credits_balance"
    wallet_ongoing_balance_amount = "wallet_ongoing_balance_amount"
    wallet_credits_ongoing_balance = "wallet_credits_ongoing_balance"


@strawberry.enum(description="On which way a figure crosses thresholds.")
class AlertDirectionEnum(Enum):
    increasing = "increasing"
    decreasing = "decreasing"


@strawberry.type(description="A threshold, or one that was crossed.")
class AlertThreshold:
    code: str | None = f("Your code of it.")
    value: DecimalText = f("Its value; of a recurring one the step, or the multiple that was crossed.")
    recurring: bool = f("Whether it is crossed again with each step after the last fixed value.")


@strawberry.type(description="A crossing that was told.")
class TriggeredAlert:
    id: strawberry.ID = f("Internal id.")
    triggered_at: ISO8601DateTime = f("When, on the organization's clock.")
    previous_value: DecimalText = f("The figure before.")
    current_value: DecimalText = f("The figure then.")

    @strawberry.field(description="What lies in between, ascending.")
    def crossed_thresholds(self, root: strawberry.Parent[models.TriggeredAlert]) -> list[AlertThreshold]:
        return _thresholds(root.crossed_thresholds)


@strawberry.type(description="Watches a figure of a subscription or wallet; alert.triggered tells what it crosses.")
class Alert:
    id: strawberry.ID = f("Internal id.")
    code: str = f("Code, unique on its subscription or wallet.")
    name: str | None = f("Name.")
    external_subscription_id: str | None = f("Your id of the subscription; null for a wallet.")
    wallet_id: strawberry.ID | None = f("Internal id of the wallet; null for a subscription.")
    previous_value: DecimalText = f("The figure at the last look.")
    last_processed_at: ISO8601DateTime | None = f("When that was; null before the first.")
    created_at: ISO8601DateTime = f("When it was made.")

    @strawberry.field(description="What it watches.")
    def alert_type(self, root: Row) -> AlertTypeEnum:
        return AlertTypeEnum(root.alert_type)

    @strawberry.field(description="On which way its figure crosses thresholds.")
    def direction(self, root: Row) -> AlertDirectionEnum:
        return AlertDirectionEnum(direction_of(root.alert_type))

    @strawberry.field(description="Its thresholds: fixed ones ascending, then the recurring one.")
    def thresholds(self, root: Row) -> list[AlertThreshold]:
        return _thresholds(root.thresholds)

    @strawberry.field(description="The metric whose usage it watches; null for all other types.")
    async def billable_metric(self, root: Row, info: Inf) -> BillableMetric | None:
        if root.billable_metric_id is None:
            return None
        return await info.context.load(batches.metrics, root.billable_metric_id)

    @strawberry.field(description="The running subscription of its external id, else the newest; null for a wallet.")
    async def subscription(self, root: Row, info: Inf) -> LazySubscription | None:
        if root.external_subscription_id is None:
            return None
        return await info.context.load(alert_batches.subscriptions, root.external_subscription_id)

    @strawberry.field(description="The wallet; null for a subscription.")
    async def wallet(self, root: Row, info: Inf) -> LazyWallet | None:
        return None if root.wallet_id is None else await info.context.load(wallet_batches.wallets, root.wallet_id)

    @strawberry.field(description="What it told last; null if it never has.")
    async def last_trigger(self, root: Row, info: Inf) -> TriggeredAlert | None:
        return await info.context.load(alert_batches.last_triggers, root.id)


def _thresholds(rows: list[dict[str, Any]]) -> list[AlertThreshold]:
    return [
        AlertThreshold(code=row["code"], value=DecimalText(Decimal(row["value"])), recurring=row["recurring"])
        for row in rows
    ]
