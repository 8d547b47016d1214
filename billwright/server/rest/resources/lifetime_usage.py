"""``/subscriptions/{external_id}/lifetime_usage`` (spec 02 §13.2, 01 §10.8)."""

from __future__ import annotations

from billwright.billing.progressive.schemas import LifetimeUsageInput, LifetimeUsageOut
from billwright.billing.progressive.service import set_historical_usage, show_lifetime_usage
from billwright.billing.subscriptions.queries import STATUSES, find_subscription
from billwright.server.rest.envelope import one
from billwright.server.rest.operations import Call, Parameter, operation


def _status(call: Call) -> str:
    return call.query.text("subscription_status") or call.query.text("status") or "active"


async def find_lifetime_usage(call: Call, external_id: str) -> LifetimeUsageOut:
    return (await show_lifetime_usage(call.context, external_id, _status(call))).wire()


async def change_lifetime_usage(call: Call, external_id: str, inp: LifetimeUsageInput) -> LifetimeUsageOut:
    return (await set_historical_usage(call.context, external_id, inp, _status(call))).wire()


async def _exists(call: Call, external_id: str) -> None:
    await find_subscription(call.context, external_id, _status(call))


_ONE = one("lifetime_usage", LifetimeUsageOut)
_STATUS = (
    Parameter("subscription_status", "Which subscription of this external id; `active` by default.", enum=STATUSES),
    Parameter("status", "The same.", enum=STATUSES),
)

OPERATIONS = [
    operation(
        "GET",
        "/subscriptions/{external_id}/lifetime_usage",
        permission="lifetime_usage:read",
        answer=_ONE,
        summary="Show the usage of a subscription since its beginning",
        description="Usage from before, invoiced usage and current usage of charges in arrears, before taxes and "
        "discounts, across upgrades and downgrades; with usage thresholds, how far each of them is.",
        parameters=_STATUS,
    )(find_lifetime_usage),
    operation(
        "PUT",
        "/subscriptions/{external_id}/lifetime_usage",
        permission="lifetime_usage:write",
        body=LifetimeUsageInput,
        root="lifetime_usage",
        answer=_ONE,
        exists=_exists,
        summary="Set a subscription's usage from before",
        description="What was used before the subscription was here; it counts towards usage thresholds.",
        parameters=_STATUS,
        example={"external_historical_usage_amount_cents": 100000},
    )(change_lifetime_usage),
]
