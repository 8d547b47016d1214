"""Reading features and entitlements. Knows plans and subscriptions by their ids; every query is scoped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.customers.queries import like_pattern
from billwright.billing.entitlements.effective import Own, Removals, effective
from billwright.billing.entitlements.models import (
    Entitlement,
    EntitlementRemoval,
    EntitlementValue,
    Feature,
    Privilege,
)
from billwright.billing.entitlements.views import FeatureView, Granted, OwnGrant, PlanGrant
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.pagination import Page, PageRequest, paginate
from billwright.billing.subscriptions.models import Subscription

FeatureGrants = dict[UUID, dict[UUID, str]]
"""Feature -> privilege -> canonical text, in order of granting."""


def _live(ctx: Context) -> Any:
    return select(Feature).where(col(Feature.organization_id) == ctx.organization_id, col(Feature.deleted_at).is_(None))


async def find_feature(ctx: Context, code: str, *, lock: bool = False) -> Feature:
    """The feature with ``code``, locked for a change if asked; raises ``NotFound("feature")``."""
    return await find(ctx.session, _live(ctx).where(col(Feature.code) == code), "feature", lock=lock)


async def feature_by_id(ctx: Context, feature_id: UUID) -> Feature:
    """A feature that is not deleted; raises ``NotFound("feature")``."""
    return await find(ctx.session, _live(ctx).where(col(Feature.id) == feature_id), "feature")


async def list_features(ctx: Context, page: PageRequest, *, search: str | None = None) -> Page[FeatureView]:
    """Features, newest first; ``search`` looks for a part of name or code, ``%`` and ``_`` being literal."""
    statement = _live(ctx)
    if search:
        pattern = like_pattern(search)
        statement = statement.where(or_(col(Feature.name).ilike(pattern), col(Feature.code).ilike(pattern)))
    found = await paginate(ctx.session, statement.order_by(col(Feature.created_at).desc(), col(Feature.id)), page)
    return Page(await feature_views(ctx, found.items), found.total_count, found.request)


async def feature_views(ctx: Context, features: Sequence[Feature]) -> list[FeatureView]:
    """``features`` with their privileges, in one query."""
    grouped = await privileges_by_feature(ctx, [feature.id for feature in features])
    return [FeatureView(feature, tuple(grouped.get(feature.id, ()))) for feature in features]


async def privileges_by_feature(ctx: Context, feature_ids: Sequence[UUID]) -> dict[UUID, list[Privilege]]:
    """Privileges by feature, oldest first."""
    grouped: dict[UUID, list[Privilege]] = {}
    if feature_ids:
        rows = await ctx.session.scalars(
            select(Privilege)
            .join(Feature, col(Feature.id) == col(Privilege.feature_id))
            .where(col(Feature.organization_id) == ctx.organization_id, col(Privilege.feature_id).in_(feature_ids))
            .order_by(col(Privilege.created_at), col(Privilege.id))
        )
        for row in rows:
            grouped.setdefault(row.feature_id, []).append(row)
    return grouped


async def features_by_codes(ctx: Context, codes: Iterable[str]) -> dict[str, FeatureView]:
    """The live features named, kept from being changed or deleted until the transaction ends.

    Raises ``NotFound("feature")`` if any is unknown.
    """
    wanted = sorted(set(codes))
    statement = _live(ctx).where(col(Feature.code).in_(wanted)).order_by(col(Feature.id)).with_for_update(read=True)
    found = (await ctx.session.scalars(statement.execution_options(populate_existing=True))).all()
    if len(found) < len(wanted):
        raise NotFound("feature")
    return {view.feature.code: view for view in await feature_views(ctx, found)}


async def plan_counts(ctx: Context, feature_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many live plans grant each feature; features without plans are left out."""
    rows = await ctx.session.execute(
        select(col(Entitlement.feature_id), func.count())
        .join(Plan, col(Plan.id) == col(Entitlement.plan_id))
        .where(
            col(Entitlement.organization_id) == ctx.organization_id,
            col(Entitlement.feature_id).in_(feature_ids),
            col(Plan.deleted_at).is_(None),
        )
        .group_by(col(Entitlement.feature_id))
    )
    return {feature_id: int(count) for feature_id, count in rows}


async def subscription_counts(ctx: Context, feature_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many subscriptions have each feature, or values of it, as their own."""
    rows = await ctx.session.execute(
        select(col(Entitlement.feature_id), func.count())
        .where(
            col(Entitlement.organization_id) == ctx.organization_id,
            col(Entitlement.feature_id).in_(feature_ids),
            col(Entitlement.subscription_id).is_not(None),
        )
        .group_by(col(Entitlement.feature_id))
    )
    return {feature_id: int(count) for feature_id, count in rows}


@dataclass(slots=True)
class Read:
    """Grants by holder (plan or subscription), with the features and privileges that they name."""

    grants: dict[UUID, FeatureGrants] = field(default_factory=dict[UUID, FeatureGrants])
    features: dict[UUID, Feature] = field(default_factory=dict[UUID, Feature])
    privileges: dict[UUID, Privilege] = field(default_factory=dict[UUID, Privilege])

    def of(self, holder: UUID) -> FeatureGrants:
        return self.grants.get(holder, {})

    def shown(self, grants: Mapping[UUID, Mapping[UUID, Any]]) -> tuple[Granted[Any], ...]:
        """``grants`` with rows in place of ids, privileges in the feature's order."""
        return tuple(
            Granted(
                self.features[feature],
                tuple(
                    (privilege, values[privilege.id])
                    for privilege in sorted(
                        (self.privileges[name] for name in values), key=lambda row: (row.created_at, row.id)
                    )
                ),
            )
            for feature, values in grants.items()
        )


async def read_grants(session: Session, holder: Any, holder_ids: Iterable[UUID], into: Read | None = None) -> Read:
    """Grants of live features by ``holder`` (a column of ``Entitlement``), in order of granting: one query."""
    read = into or Read()
    wanted = list(holder_ids)
    if not wanted:
        return read
    rows = await session.execute(
        select(col(holder), Feature, Privilege, col(EntitlementValue.value))
        .select_from(Entitlement)
        .join(Feature, col(Feature.id) == col(Entitlement.feature_id))
        .outerjoin(EntitlementValue, col(EntitlementValue.entitlement_id) == col(Entitlement.id))
        .outerjoin(Privilege, col(Privilege.id) == col(EntitlementValue.privilege_id))
        .where(col(holder).in_(wanted), col(Feature.deleted_at).is_(None))
        .order_by(col(Entitlement.created_at), col(Entitlement.id))
    )
    for row in rows:
        feature: Feature = row[1]
        privilege = cast("Privilege | None", row[2])
        read.features[feature.id] = feature
        values = read.grants.setdefault(row[0], {}).setdefault(feature.id, {})
        if privilege is not None:
            read.privileges[privilege.id] = privilege
            values[privilege.id] = row[3]
    return read


async def grants_of_plans(session: Session, plan_ids: Iterable[UUID]) -> dict[UUID, tuple[PlanGrant, ...]]:
    """What plans grant, in order of granting; those that grant nothing are left out."""
    read = await read_grants(session, Entitlement.plan_id, plan_ids)
    return {plan_id: read.shown(grants) for plan_id, grants in read.grants.items()}


@dataclass(frozen=True, slots=True)
class SubscriptionSets:
    """A plan's grants and a subscription's own set, with the rows to show them."""

    plan: FeatureGrants
    own: Own[UUID, UUID, str]
    read: Read

    @property
    def shown(self) -> tuple[OwnGrant, ...]:
        """The effective set."""
        return self.read.shown(effective(self.plan, self.own.grants, self.own.removed))

    @property
    def removed(self) -> tuple[PlanGrant, ...]:
        """What of the plan's grants the subscription goes without: whole features, and single privileges of others."""
        gone: FeatureGrants = {}
        for feature, values in self.plan.items():
            if feature in self.own.removed.features:
                gone[feature] = values
            elif lost := {name: text for name, text in values.items() if name in self.own.removed.privileges}:
                gone[feature] = lost
        return self.read.shown(gone)


async def sets_of(ctx: Context, subscription: Subscription) -> SubscriptionSets:
    """A subscription's sets. Prices of its own change nothing: an overridden plan reads its parent's grants."""
    return (await sets_of_subscriptions(ctx, [subscription]))[subscription.id]


async def sets_of_subscriptions(ctx: Context, subscriptions: Sequence[Subscription]) -> dict[UUID, SubscriptionSets]:
    """The same for several, in four queries."""
    session = ctx.session
    wanted = [subscription.id for subscription in subscriptions]
    rows = await session.execute(
        select(col(Plan.id), func.coalesce(col(Plan.parent_id), col(Plan.id))).where(
            col(Plan.id).in_({subscription.plan_id for subscription in subscriptions}),
            col(Plan.organization_id) == ctx.organization_id,
        )
    )
    holders: dict[UUID, UUID] = {row[0]: row[1] for row in rows}
    read = await read_grants(session, Entitlement.plan_id, set(holders.values()))
    await read_grants(session, Entitlement.subscription_id, wanted, read)
    features: dict[UUID, set[UUID]] = {}
    privileges: dict[UUID, set[UUID]] = {}
    removals = await session.scalars(
        select(EntitlementRemoval).where(col(EntitlementRemoval.subscription_id).in_(wanted))
    )
    for row in removals:
        if row.privilege_id is None:
            features.setdefault(row.subscription_id, set()).add(row.feature_id)
        else:
            privileges.setdefault(row.subscription_id, set()).add(row.privilege_id)
    return {
        item.id: SubscriptionSets(
            read.of(holders[item.plan_id]),
            Own(read.of(item.id), Removals(features.get(item.id, set()), privileges.get(item.id, set()))),
            read,
        )
        for item in subscriptions
    }
