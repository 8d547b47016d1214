"""``/plans/{code}/entitlements``: what a plan grants (spec 07 §9.3)."""

from __future__ import annotations

from billwright.billing.catalog.queries import find_plan
from billwright.billing.entitlements import plans
from billwright.billing.entitlements.schemas import EntitlementsInput, PlanEntitlementOut
from billwright.billing.entitlements.views import plan_entitlement_object
from billwright.server.rest.body import missing_root
from billwright.server.rest.envelope import listing, one
from billwright.server.rest.operations import Call, operation


async def replace_plan_entitlements(call: Call, code: str, inp: EntitlementsInput) -> list[PlanEntitlementOut]:
    check_entitlements_sent(inp)
    granted = await plans.replace_plan_entitlements(call.context, code, inp.entitlements)
    return [plan_entitlement_object(item) for item in granted]


async def merge_plan_entitlements(call: Call, code: str, inp: EntitlementsInput) -> list[PlanEntitlementOut]:
    check_entitlements_sent(inp)
    granted = await plans.merge_plan_entitlements(call.context, code, inp.entitlements)
    return [plan_entitlement_object(item) for item in granted]


async def find_all_plan_entitlements(call: Call, code: str) -> list[PlanEntitlementOut]:
    granted = await plans.plan_entitlements(call.context, (await find_plan(call.context, code)).id)
    return [plan_entitlement_object(item) for item in granted]


async def find_plan_entitlement(call: Call, code: str, feature_code: str) -> PlanEntitlementOut:
    return plan_entitlement_object(await plans.find_plan_entitlement(call.context, code, feature_code))


async def destroy_plan_entitlement(call: Call, code: str, feature_code: str) -> PlanEntitlementOut:
    return plan_entitlement_object(await plans.delete_plan_entitlement(call.context, code, feature_code))


async def destroy_plan_entitlement_privilege(
    call: Call, code: str, feature_code: str, privilege_code: str
) -> PlanEntitlementOut:
    return plan_entitlement_object(await plans.delete_plan_privilege(call.context, code, feature_code, privilege_code))


def check_entitlements_sent(inp: EntitlementsInput) -> None:
    """The root key must be there; an empty object is a set of nothing."""
    if inp.entitlements is None:
        raise missing_root("entitlements")


async def _exists(call: Call, code: str) -> None:
    await find_plan(call.context, code)


_ALL = "/plans/{code}/entitlements"
_ONE = one("entitlement", PlanEntitlementOut)
_MANY = listing("entitlements", PlanEntitlementOut)
ENTITLEMENTS_EXAMPLE = {"entitlements": {"seats": {"max": 10, "sign_in": "okta"}, "api": {}}}

OPERATIONS = [
    operation(
        "GET", _ALL, permission="plan:read", answer=_MANY, summary="List what a plan grants, in order of granting"
    )(find_all_plan_entitlements),
    operation(
        "POST",
        _ALL,
        permission="plan:write",
        body=EntitlementsInput,
        answer=_MANY,
        exists=_exists,
        summary="Replace what a plan grants",
        description="By code of feature and privilege. What is not sent goes; `{}` grants a feature without values.",
        example=ENTITLEMENTS_EXAMPLE,
    )(replace_plan_entitlements),
    operation(
        "PATCH",
        _ALL,
        permission="plan:write",
        body=EntitlementsInput,
        answer=_MANY,
        exists=_exists,
        summary="Grant more, or other values",
        description="As above, and what is not sent stays.",
        example=ENTITLEMENTS_EXAMPLE,
    )(merge_plan_entitlements),
    operation(
        "GET",
        _ALL + "/{feature_code}",
        permission="plan:read",
        answer=_ONE,
        summary="Show one entitlement of a plan",
    )(find_plan_entitlement),
    operation(
        "DELETE",
        _ALL + "/{feature_code}",
        permission="plan:write",
        answer=_ONE,
        summary="Stop granting a feature",
    )(destroy_plan_entitlement),
    operation(
        "DELETE",
        _ALL + "/{feature_code}/privileges/{privilege_code}",
        permission="plan:write",
        answer=_ONE,
        summary="Take one value out of a plan's entitlement",
    )(destroy_plan_entitlement_privilege),
]
