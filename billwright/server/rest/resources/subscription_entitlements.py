"""``/subscriptions/{external_id}/entitlements``: the effective set of one subscription (spec 07 §9.3)."""

from __future__ import annotations

from billwright.billing.entitlements import subscriptions
from billwright.billing.entitlements.queries import sets_of
from billwright.billing.entitlements.schemas import EntitlementsInput, SubscriptionEntitlementOut
from billwright.billing.entitlements.views import subscription_entitlement_object
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.queries import STATUSES, find_subscription
from billwright.server.rest.envelope import listing, one
from billwright.server.rest.operations import Call, Parameter, operation
from billwright.server.rest.resources.plan_entitlements import ENTITLEMENTS_EXAMPLE, check_entitlements_sent


async def _found(call: Call, external_id: str) -> Subscription:
    return await find_subscription(call.context, external_id, call.query.text("subscription_status") or "active")


async def find_all_subscription_entitlements(call: Call, external_id: str) -> list[SubscriptionEntitlementOut]:
    sets = await sets_of(call.context, await _found(call, external_id))
    return [subscription_entitlement_object(item) for item in sets.shown]


async def override_subscription_entitlements(
    call: Call, external_id: str, inp: EntitlementsInput
) -> list[SubscriptionEntitlementOut]:
    subscription = await _found(call, external_id)
    check_entitlements_sent(inp)
    shown = await subscriptions.override_entitlements(call.context, subscription, inp.entitlements)
    return [subscription_entitlement_object(item) for item in shown]


async def destroy_subscription_entitlement(
    call: Call, external_id: str, feature_code: str
) -> SubscriptionEntitlementOut:
    subscription = await _found(call, external_id)
    gone = await subscriptions.remove_entitlement(call.context, subscription, feature_code)
    return subscription_entitlement_object(gone)


async def destroy_subscription_entitlement_privilege(
    call: Call, external_id: str, feature_code: str, privilege_code: str
) -> SubscriptionEntitlementOut:
    subscription = await _found(call, external_id)
    left = await subscriptions.remove_privilege(call.context, subscription, feature_code, privilege_code)
    return subscription_entitlement_object(left)


async def _exists(call: Call, external_id: str) -> None:
    await _found(call, external_id)


_ALL = "/subscriptions/{external_id}/entitlements"
_ONE = one("entitlement", SubscriptionEntitlementOut)
_MANY = listing("entitlements", SubscriptionEntitlementOut)
_STATUS = Parameter(
    "subscription_status", "Which subscription of this external id; `active` by default.", enum=STATUSES
)

OPERATIONS = [
    operation(
        "GET",
        _ALL,
        permission="subscription:read",
        answer=_MANY,
        summary="List what a subscription is entitled to",
        description="What its plan grants, with the subscription's own values and features, less what was removed.",
        parameters=(_STATUS,),
    )(find_all_subscription_entitlements),
    operation(
        "PATCH",
        _ALL,
        permission="subscription:write",
        body=EntitlementsInput,
        answer=_MANY,
        exists=_exists,
        summary="Give a subscription features and values of its own",
        description="What is not sent stays. A value equal to the plan's drops the override; a removed feature that is "
        "sent is restored.",
        parameters=(_STATUS,),
        example=ENTITLEMENTS_EXAMPLE,
    )(override_subscription_entitlements),
    operation(
        "DELETE",
        _ALL + "/{feature_code}",
        permission="subscription:write",
        answer=_ONE,
        summary="Remove a feature from a subscription",
        description="Also when the plan grants it; other subscriptions keep it.",
        parameters=(_STATUS,),
    )(destroy_subscription_entitlement),
    operation(
        "DELETE",
        _ALL + "/{feature_code}/privileges/{privilege_code}",
        permission="subscription:write",
        answer=_ONE,
        summary="Remove one value from a subscription's entitlement",
        parameters=(_STATUS,),
    )(destroy_subscription_entitlement_privilege),
]
