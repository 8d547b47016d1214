"""Features, and what plans and subscriptions are entitled to (spec 07 §9.3)."""

from __future__ import annotations

from collections.abc import Iterable

import strawberry

from billwright.billing.entitlements import models, views
from billwright.billing.entitlements.queries import SubscriptionSets
from billwright.billing.entitlements.values import SELECT_OPTIONS
from billwright.graphql import entitlement_batches
from billwright.graphql.enums import PrivilegeValueTypeEnum
from billwright.graphql.scalars import ISO8601DateTime
from billwright.graphql.types.common import Inf, f, shown

Row = strawberry.Parent[models.Feature]
_VALUE = "as text: `10`, `true`, an option, any text."


@strawberry.type(description="A typed value that a grant of a feature may carry.")
class Privilege:
    code: str = f("Code, unique in the feature.")
    name: str | None = f("Name shown to people.")

    @strawberry.field(description="Type of its values.")
    def value_type(self, root: strawberry.Parent[models.Privilege]) -> PrivilegeValueTypeEnum:
        return PrivilegeValueTypeEnum(root.value_type)

    @strawberry.field(description="What a select may be; empty for the other types.")
    def select_options(self, root: strawberry.Parent[models.Privilege]) -> list[str]:
        return root.config.get(SELECT_OPTIONS, [])


@strawberry.type(description="A capability that plans grant.")
class Feature:
    id: strawberry.ID = f("Internal id.")
    code: str = f("Code, unique in the organization.")
    name: str | None = f("Name shown to people.")
    description: str | None = f("What it is.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")

    @strawberry.field(description="Its privileges, oldest first.")
    async def privileges(self, root: Row, info: Inf) -> list[Privilege]:
        return await info.context.load(entitlement_batches.privileges_of_feature, root.id, [])

    @strawberry.field(description="Plans that grant it.")
    async def plans_count(self, root: Row, info: Inf) -> int:
        return await info.context.load(entitlement_batches.plans_by_feature, root.id, 0)

    @strawberry.field(description="Subscriptions that have it, or values of it, as their own.")
    async def subscriptions_count(self, root: Row, info: Inf) -> int:
        return await info.context.load(entitlement_batches.subscriptions_by_feature, root.id, 0)


@strawberry.type(description="A privilege with the value that a plan gives it.")
class PlanEntitlementPrivilege:
    privilege: Privilege = f("The privilege.")
    value: str = f(f"The value, {_VALUE}")


@strawberry.type(description="A feature that a plan grants.")
class PlanEntitlement:
    feature: Feature = f("The feature.")
    privileges: list[PlanEntitlementPrivilege] = f("Its privileges that have a value, in the feature's order.")


@strawberry.type(description="A privilege with the value that a subscription has.")
class SubscriptionEntitlementPrivilege:
    privilege: Privilege = f("The privilege.")
    value: str = f(f"The value that counts, {_VALUE}")
    plan_value: str | None = f("The plan's value; null where it has none.")
    override_value: str | None = f("The subscription's own value; null where the plan's counts.")


@strawberry.type(description="A feature that a subscription is entitled to.")
class SubscriptionEntitlement:
    feature: Feature = f("The feature.")
    granted_by_plan: bool = f("Whether the plan grants it too.")
    privileges: list[SubscriptionEntitlementPrivilege] = f("Its privileges that have a value.")


def plan_entitlements(grants: Iterable[views.PlanGrant]) -> list[PlanEntitlement]:
    """A plan's grants."""
    return [
        PlanEntitlement(
            feature=shown(granted.feature),
            privileges=[PlanEntitlementPrivilege(privilege=shown(item), value=text) for item, text in granted.values],
        )
        for granted in grants
    ]


def subscription_entitlements(sets: SubscriptionSets) -> list[SubscriptionEntitlement]:
    """A subscription's effective set."""
    return [
        SubscriptionEntitlement(
            feature=shown(granted.feature),
            granted_by_plan=granted.feature.id in sets.plan,
            privileges=[
                SubscriptionEntitlementPrivilege(
                    privilege=shown(item),
                    value=chosen.value,
                    plan_value=chosen.plan_value,
                    override_value=chosen.override_value,
                )
                for item, chosen in granted.values
            ],
        )
        for granted in sets.shown
    ]
