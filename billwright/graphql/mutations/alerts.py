"""Making, changing and removing alerts on subscriptions and wallets."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.alerts import service
from billwright.billing.alerts.queries import Watched, alert_by_id, watched_by
from billwright.billing.alerts.schemas import AlertInput
from billwright.billing.catalog.queries import metric_by_id
from billwright.billing.subscriptions.queries import subscription_by_id
from billwright.billing.wallets.queries import find_wallet
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.alerts import Alert, AlertTypeEnum
from billwright.graphql.types.common import Inf, id_of, shown


@strawberry.input(description="A threshold of an alert.")
class AlertThresholdInput:
    value: str = m("Minor units, units or credits, as decimal text.")
    code: str | None = i("Your code of it.")
    recurring: bool | None = i("Whether it is a step that is crossed again and again after the last fixed value.")


@strawberry.input(description="Attributes of a new alert on a subscription.")
class CreateSubscriptionAlertInput:
    subscription_id: strawberry.ID = m("Internal id of the subscription; the alert stays with its external id.")
    alert_type: AlertTypeEnum = m("What it watches: usage.")
    code: str = m("Code, unique on the subscription.")
    thresholds: list[AlertThresholdInput] = m("1 to 20, at most one of them recurring.")
    name: str | None = i("Name.")
    billable_metric_id: strawberry.ID | None = i("Internal id of the metric, for usage of a metric only.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Attributes of a new alert on a wallet.")
class CreateCustomerWalletAlertInput:
    wallet_id: strawberry.ID = m("Internal id of the wallet.")
    alert_type: AlertTypeEnum = m("What it watches: a balance.")
    code: str = m("Code, unique on the wallet.")
    thresholds: list[AlertThresholdInput] = m("1 to 20, at most one of them recurring.")
    name: str | None = i("Name.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Attributes to change; what an alert watches stays.")
class UpdateAlertInput:
    id: strawberry.ID = m("Internal id of the alert.")
    code: str | None = i("Code, unique on its subscription or wallet.")
    name: str | None = i("Name; null removes it.")
    thresholds: list[AlertThresholdInput] | None = i("Take the place of those it has.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class DestroyAlertInput:
    id: strawberry.ID = m("Internal id of the alert.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


OnSubscription = Annotated[CreateSubscriptionAlertInput, strawberry.argument(description="Attributes of the alert.")]
OnWallet = Annotated[CreateCustomerWalletAlertInput, strawberry.argument(description="Attributes of the alert.")]
Changes = Annotated[UpdateAlertInput, strawberry.argument(description="Attributes to change.")]
Removal = Annotated[DestroyAlertInput, strawberry.argument(description="Which alert.")]
CHANGING = HasPermission("subscriptions:update", "wallets:update")
"""Who may change subscriptions may change wallets (spec 07 §3.3)."""


async def _values(ctx: Context, input: Any, *left_out: str) -> AlertInput:
    """The attributes as REST names them: the metric by its code. Raises ``NotFound("billable_metric")``."""
    values = sent(input, *left_out)
    metric_id = values.pop("billable_metric_id", None)
    if metric_id is not None:
        values["billable_metric_code"] = (await metric_by_id(ctx, id_of("billable_metric", metric_id))).code
    return AlertInput.parse(values)


@strawberry.type
class AlertMutations:
    @strawberry.mutation(
        description="Make an alert on a subscription.", permission_classes=[HasPermission("subscriptions:update")]
    )
    async def create_subscription_alert(self, info: Inf, input: OnSubscription) -> Alert | None:
        async with info.context.writing() as ctx:
            found = await subscription_by_id(ctx, id_of("subscription", input.subscription_id))
            inp = await _values(ctx, input, "subscription_id")
            return shown(await service.create_alert(ctx, Watched(found.external_id), inp))

    @strawberry.mutation(description="Make an alert on a wallet.", permission_classes=[HasPermission("wallets:update")])
    async def create_customer_wallet_alert(self, info: Inf, input: OnWallet) -> Alert | None:
        async with info.context.writing() as ctx:
            wallet = await find_wallet(ctx, id_of("wallet", input.wallet_id))
            inp = await _values(ctx, input, "wallet_id")
            return shown(await service.create_alert(ctx, Watched(wallet=wallet), inp))

    @strawberry.mutation(description="Change an alert.", permission_classes=[CHANGING])
    async def update_alert(self, info: Inf, input: Changes) -> Alert | None:
        async with info.context.writing() as ctx:
            alert = await alert_by_id(ctx, id_of("alert", input.id))
            inp = await _values(ctx, input, "id")
            return shown(await service.update_alert(ctx, await watched_by(ctx, alert), alert.code, inp))

    @strawberry.mutation(description="Remove an alert.", permission_classes=[CHANGING])
    async def destroy_alert(self, info: Inf, input: Removal) -> Alert | None:
        async with info.context.writing() as ctx:
            alert = await alert_by_id(ctx, id_of("alert", input.id))
            return shown(await service.delete_alert(ctx, await watched_by(ctx, alert), alert.code))
