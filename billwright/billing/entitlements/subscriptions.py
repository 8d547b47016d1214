"""What a subscription adds to, overrides in and removes from its plan's grants: the only writers (spec 07 §9.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.entitlements.effective import Own, with_feature, without_feature, without_privilege
from billwright.billing.entitlements.models import Entitlement, EntitlementRemoval, EntitlementValue, Privilege
from billwright.billing.entitlements.queries import SubscriptionSets, sets_of
from billwright.billing.entitlements.storing import read_sent, store
from billwright.billing.entitlements.views import OwnGrant
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.models import Subscription

OwnSet = Own[UUID, UUID, str]


async def override_entitlements(
    ctx: Context, subscription: Subscription, raw: Any, *, removed: Sequence[tuple[str, str | None]] = ()
) -> tuple[OwnGrant, ...]:
    """Give the subscription the features and values of ``raw``; the effective set afterwards.

    A value equal to the plan's drops the override; what was removed is restored. ``removed``: features, and single
    privileges of features, that it goes without; taken away first. Raises ``NotFound`` (``feature``, ``privilege``,
    ``entitlement``) and ``ValidationFailed`` (see ``read_sent``).
    """
    await _lock(ctx, subscription)
    sent = await read_sent(ctx, raw)
    sets = await sets_of(ctx, subscription)
    own = sets.own
    for feature_code, privilege_code in removed:
        grant = _named(sets, feature_code)
        if privilege_code is None:
            own = without_feature(sets.plan, own, grant.feature.id, await _privileges(ctx, grant))
        else:
            own = without_privilege(sets.plan, own, grant.feature.id, _privilege(grant, privilege_code))
    for feature, values in sent.items():
        own = with_feature(sets.plan, own, feature, values)
    return (await _store(ctx, subscription, sets, own)).shown


async def remove_entitlement(ctx: Context, subscription: Subscription, feature_code: str) -> OwnGrant:
    """Take the feature from the subscription; the entitlement as it was. Raises ``NotFound("entitlement")``."""
    await _lock(ctx, subscription)
    sets = await sets_of(ctx, subscription)
    grant = _named(sets, feature_code)
    own = without_feature(sets.plan, sets.own, grant.feature.id, await _privileges(ctx, grant))
    await _store(ctx, subscription, sets, own)
    return grant


async def remove_privilege(
    ctx: Context, subscription: Subscription, feature_code: str, privilege_code: str
) -> OwnGrant:
    """Take one value from the subscription; the entitlement as it is then.

    Raises ``NotFound`` (``entitlement``, ``privilege`` where the entitlement has no value of it).
    """
    await _lock(ctx, subscription)
    sets = await sets_of(ctx, subscription)
    grant = _named(sets, feature_code)
    own = without_privilege(sets.plan, sets.own, grant.feature.id, _privilege(grant, privilege_code))
    return _named(await _store(ctx, subscription, sets, own), feature_code)


async def forget_own(session: Session, subscription_id: UUID) -> None:
    """Drop overrides and removals, for a subscription that gets another plan: they are not carried over."""
    ids = select(col(Entitlement.id)).where(col(Entitlement.subscription_id) == subscription_id)
    await session.execute(delete(EntitlementValue).where(col(EntitlementValue.entitlement_id).in_(ids)))
    await session.execute(delete(Entitlement).where(col(Entitlement.subscription_id) == subscription_id))
    await session.execute(delete(EntitlementRemoval).where(col(EntitlementRemoval.subscription_id) == subscription_id))


def _named(sets: SubscriptionSets, feature_code: str) -> OwnGrant:
    for grant in sets.shown:
        if grant.feature.code == feature_code:
            return grant
    raise NotFound("entitlement")


def _privilege(grant: OwnGrant, code: str) -> UUID:
    for item, _ in grant.values:
        if item.code == code:
            return item.id
    raise NotFound("privilege")


async def _privileges(ctx: Context, grant: OwnGrant) -> set[UUID]:
    """All of the feature's, with a value or not."""
    rows = await ctx.session.scalars(select(col(Privilege.id)).where(col(Privilege.feature_id) == grant.feature.id))
    return set(rows)


async def _lock(ctx: Context, subscription: Subscription) -> None:
    """Two changes of one subscription's set come one after the other; billing does not wait for them."""
    await ctx.session.refresh(subscription, with_for_update={"key_share": True})


async def _store(ctx: Context, subscription: Subscription, before: SubscriptionSets, own: OwnSet) -> SubscriptionSets:
    session = ctx.session
    await store(ctx, before.own.grants, own.grants, subscription_id=subscription.id)
    mine = col(EntitlementRemoval.subscription_id) == subscription.id
    features, privileges = before.own.removed.features, before.own.removed.privileges
    await session.execute(
        delete(EntitlementRemoval).where(
            mine,
            col(EntitlementRemoval.privilege_id).is_(None),
            col(EntitlementRemoval.feature_id).in_(features - own.removed.features),
        )
    )
    await session.execute(
        delete(EntitlementRemoval).where(
            mine, col(EntitlementRemoval.privilege_id).in_(privileges - own.removed.privileges)
        )
    )
    added: list[dict[str, Any]] = [
        {"feature_id": feature, "privilege_id": None} for feature in own.removed.features - features
    ]
    for row in await session.scalars(
        select(Privilege).where(col(Privilege.id).in_(own.removed.privileges - privileges))
    ):
        added.append({"feature_id": row.feature_id, "privilege_id": row.id})
    if added:
        same = {"subscription_id": subscription.id, "created_at": ctx.now()}
        await session.execute(insert(EntitlementRemoval), [{"id": new_id(), **same, **row} for row in added])
    await emit(ctx, "subscription.updated", "subscription", subscription.id)
    return await sets_of(ctx, subscription)
