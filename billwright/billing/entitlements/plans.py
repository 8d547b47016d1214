"""What plans grant: the only writers (spec 07 §9.3). Each locks the plan, then the features it names."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.catalog.queries import find_plan
from billwright.billing.entitlements.models import Entitlement
from billwright.billing.entitlements.queries import FeatureGrants, grants_of_plans, read_grants
from billwright.billing.entitlements.storing import read_sent, store
from billwright.billing.entitlements.views import PlanGrant
from billwright.billing.kernel.errors import NotFound
from billwright.billing.notifications.service import emit


async def plan_entitlements(ctx: Context, plan_id: UUID) -> tuple[PlanGrant, ...]:
    """What an ordinary plan grants, in order of granting."""
    return (await grants_of_plans(ctx.session, [plan_id])).get(plan_id, ())


async def find_plan_entitlement(ctx: Context, plan_code: str, feature_code: str) -> PlanGrant:
    """One grant of the plan. Raises ``NotFound`` (``plan``, ``entitlement``)."""
    return _named(await plan_entitlements(ctx, (await find_plan(ctx, plan_code)).id), feature_code)


async def replace_plan_entitlements(ctx: Context, plan_code: str, raw: Any) -> tuple[PlanGrant, ...]:
    """Make ``raw`` (``{feature code: {privilege code: value}}``) everything that the plan grants.

    Raises ``NotFound`` (``plan``, ``feature``, ``privilege``) and ``ValidationFailed`` (see ``read_sent``).
    """
    plan = await find_plan(ctx, plan_code, lock=True)
    sent = await read_sent(ctx, raw)
    return await _store(ctx, plan, await _granted(ctx, plan), sent)


async def merge_plan_entitlements(ctx: Context, plan_code: str, raw: Any) -> tuple[PlanGrant, ...]:
    """Grant what ``raw`` names and keep the rest. Raises as ``replace_plan_entitlements``."""
    plan = await find_plan(ctx, plan_code, lock=True)
    sent = await read_sent(ctx, raw)
    before = await _granted(ctx, plan)
    merged = {**before, **{feature: {**before.get(feature, {}), **values} for feature, values in sent.items()}}
    return await _store(ctx, plan, before, merged)


async def delete_plan_entitlement(ctx: Context, plan_code: str, feature_code: str) -> PlanGrant:
    """Stop granting the feature; the grant as it was. Raises ``NotFound`` (``plan``, ``entitlement``)."""
    plan = await find_plan(ctx, plan_code, lock=True)
    grant = _named(await plan_entitlements(ctx, plan.id), feature_code)
    before = await _granted(ctx, plan)
    await _store(ctx, plan, before, {name: values for name, values in before.items() if name != grant.feature.id})
    return grant


async def delete_plan_privilege(ctx: Context, plan_code: str, feature_code: str, privilege_code: str) -> PlanGrant:
    """Take one value out of a grant; the grant as it is then.

    Raises ``NotFound`` (``plan``, ``entitlement``, ``privilege`` where the grant has no value of it).
    """
    plan = await find_plan(ctx, plan_code, lock=True)
    grant = _named(await plan_entitlements(ctx, plan.id), feature_code)
    gone = next((item.id for item, _ in grant.values if item.code == privilege_code), None)
    if gone is None:
        raise NotFound("privilege")
    before = await _granted(ctx, plan)
    left = {name: text for name, text in before[grant.feature.id].items() if name != gone}
    return _named(await _store(ctx, plan, before, {**before, grant.feature.id: left}), feature_code)


def _named(grants: tuple[PlanGrant, ...], feature_code: str) -> PlanGrant:
    for grant in grants:
        if grant.feature.code == feature_code:
            return grant
    raise NotFound("entitlement")


async def _granted(ctx: Context, plan: Plan) -> FeatureGrants:
    return (await read_grants(ctx.session, Entitlement.plan_id, [plan.id])).of(plan.id)


async def _store(ctx: Context, plan: Plan, before: FeatureGrants, after: FeatureGrants) -> tuple[PlanGrant, ...]:
    await store(ctx, before, after, plan_id=plan.id)
    plan.updated_at = ctx.now()
    await ctx.session.flush()
    await emit(ctx, "plan.updated", "plan", plan.id)
    return await plan_entitlements(ctx, plan.id)
