"""Writing features, and what plans and subscriptions are entitled to (spec 07 §9.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from billwright.billing.catalog.queries import find_plan
from billwright.billing.entitlements import plans, service, subscriptions
from billwright.billing.entitlements.queries import feature_by_id
from billwright.billing.entitlements.schemas import FeatureCreate, FeatureUpdate
from billwright.billing.entitlements.values import SELECT_OPTIONS
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.subscriptions.queries import subscription_by_id
from billwright.graphql.enums import PrivilegeValueTypeEnum
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.mutations.plans import plan_code
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.catalog import Plan
from billwright.graphql.types.common import Inf, id_of, shown
from billwright.graphql.types.entitlements import Feature
from billwright.graphql.types.subscriptions import Subscription


@strawberry.input(description="A privilege; of a known code only the name changes, and options are added.")
class PrivilegeInput:
    code: str = m("Code, unique in the feature.")
    name: str | None = i("Name shown to people.")
    value_type: PrivilegeValueTypeEnum | None = i("Type of its values; string unless told.")
    select_options: list[str] | None = i("What a select may be.")


@strawberry.input(description="Attributes of a new feature.")
class CreateFeatureInput:
    code: str = m("Code, unique in the organization.")
    name: str | None = i("Name shown to people.")
    description: str | None = i("What it is.")
    privileges: list[PrivilegeInput] | None = i("Its privileges.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of a feature; privileges that are not sent stay.")
class UpdateFeatureInput:
    id: strawberry.ID = m("Internal id.")
    name: str | None = i("Name shown to people.")
    description: str | None = i("What it is.")
    privileges: list[PrivilegeInput] | None = i("Privileges to change or to add.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one feature.")
class DestroyFeatureInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one privilege.")
class DestroyPrivilegeInput:
    feature_id: strawberry.ID = m("Internal id of its feature.")
    code: str = m("Its code.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="The value of one privilege.")
class EntitlementPrivilegeInput:
    code: str = m("Code of the privilege.")
    value: str = m("Value as text: `10`, `true`, an option, any text.")


@strawberry.input(description="A feature with values.")
class EntitlementInput:
    feature_code: str = m("Code of the feature.")
    privileges: list[EntitlementPrivilegeInput] | None = i("Values of its privileges.")


@strawberry.input(description="Everything that a plan grants from now on.")
class ReplacePlanEntitlementsInput:
    plan_id: strawberry.ID = m("Internal id of the plan.")
    entitlements: list[EntitlementInput] = m("Its grants; what is not listed goes.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="A feature, or one value of it, that goes.")
class RemovedEntitlementInput:
    feature_code: str = m("Code of the feature.")
    privilege_code: str | None = i("Only the value of this privilege.")


@strawberry.input(description="Features and values of a subscription's own.")
class OverrideSubscriptionEntitlementsInput:
    subscription_id: strawberry.ID = m("Internal id of the subscription.")
    entitlements: list[EntitlementInput] = m(
        "What it gets; a value equal to the plan's drops the override, a removed feature is restored."
    )
    removed: list[RemovedEntitlementInput] | None = i("What it goes without; taken away first.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="What a subscription goes without, though its plan may grant it.")
class RemoveSubscriptionEntitlementInput:
    subscription_id: strawberry.ID = m("Internal id of the subscription.")
    feature_code: str = m("Code of the feature.")
    privilege_code: str | None = i("Only the value of this privilege.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


New = Annotated[CreateFeatureInput, strawberry.argument(description="Attributes of the feature.")]
Changed = Annotated[UpdateFeatureInput, strawberry.argument(description="Attributes to change.")]
Gone = Annotated[DestroyFeatureInput, strawberry.argument(description="Which feature.")]
GonePrivilege = Annotated[DestroyPrivilegeInput, strawberry.argument(description="Which privilege.")]
Granted = Annotated[ReplacePlanEntitlementsInput, strawberry.argument(description="Which plan grants what.")]
Overridden = Annotated[
    OverrideSubscriptionEntitlementsInput, strawberry.argument(description="Which subscription gets what.")
]
Removed = Annotated[RemoveSubscriptionEntitlementInput, strawberry.argument(description="What goes from where.")]


def _attributes(input: Any, *left_out: str) -> dict[str, Any]:
    """As over REST: options inside ``config``."""
    given = sent(input, *left_out)
    for privilege in given.get("privileges") or ():
        if options := privilege.pop("select_options", None):
            privilege["config"] = {SELECT_OPTIONS: options}
    return given


def _by_code(entitlements: Sequence[EntitlementInput]) -> dict[str, dict[str, str]]:
    """As over REST; a code named twice is refused (``value_is_duplicated``)."""
    found: dict[str, dict[str, str]] = {}
    for item in entitlements:
        values = {value.code: value.value for value in item.privileges or ()}
        if item.feature_code in found or len(values) < len(item.privileges or ()):
            raise ValidationFailed(entitlements="value_is_duplicated")
        found[item.feature_code] = values
    return found


@strawberry.type
class EntitlementMutations:
    @strawberry.mutation(description="Make a feature.", permission_classes=[HasPermission("features:create")])
    async def create_feature(self, info: Inf, input: New) -> Feature | None:
        async with info.context.writing() as ctx:
            return shown((await service.create_feature(ctx, FeatureCreate.parse(_attributes(input)))).feature)

    @strawberry.mutation(description="Change a feature.", permission_classes=[HasPermission("features:update")])
    async def update_feature(self, info: Inf, input: Changed) -> Feature | None:
        async with info.context.writing() as ctx:
            found = await feature_by_id(ctx, id_of("feature", input.id))
            inp = FeatureUpdate.parse(_attributes(input, "id"))
            return shown((await service.update_feature(ctx, found.code, inp)).feature)

    @strawberry.mutation(
        description="Delete a feature with everything that is granted of it.",
        permission_classes=[HasPermission("features:delete")],
    )
    async def destroy_feature(self, info: Inf, input: Gone) -> Feature | None:
        async with info.context.writing() as ctx:
            found = await feature_by_id(ctx, id_of("feature", input.id))
            return shown((await service.delete_feature(ctx, found.code)).feature)

    @strawberry.mutation(
        description="Remove a privilege with its values everywhere.",
        permission_classes=[HasPermission("features:update")],
    )
    async def destroy_privilege(self, info: Inf, input: GonePrivilege) -> Feature | None:
        async with info.context.writing() as ctx:
            found = await feature_by_id(ctx, id_of("feature", input.feature_id))
            return shown((await service.delete_privilege(ctx, found.code, input.code)).feature)

    @strawberry.mutation(description="Replace what a plan grants.", permission_classes=[HasPermission("plans:update")])
    async def replace_plan_entitlements(self, info: Inf, input: Granted) -> Plan | None:
        async with info.context.writing() as ctx:
            code = await plan_code(ctx, input.plan_id)
            await plans.replace_plan_entitlements(ctx, code, _by_code(input.entitlements))
            return shown(await find_plan(ctx, code))

    @strawberry.mutation(
        description="Give a subscription features and values of its own; what is not sent stays.",
        permission_classes=[HasPermission("subscriptions:update")],
    )
    async def override_subscription_entitlements(self, info: Inf, input: Overridden) -> Subscription | None:
        async with info.context.writing() as ctx:
            found = await subscription_by_id(ctx, id_of("subscription", input.subscription_id))
            removed = [(item.feature_code, item.privilege_code or None) for item in input.removed or ()]
            await subscriptions.override_entitlements(ctx, found, _by_code(input.entitlements), removed=removed)
            return shown(found)

    @strawberry.mutation(
        description="Take a feature, or one value of it, from a subscription.",
        permission_classes=[HasPermission("subscriptions:update")],
    )
    async def remove_subscription_entitlement(self, info: Inf, input: Removed) -> Subscription | None:
        async with info.context.writing() as ctx:
            found = await subscription_by_id(ctx, id_of("subscription", input.subscription_id))
            if input.privilege_code:
                await subscriptions.remove_privilege(ctx, found, input.feature_code, input.privilege_code)
            else:
                await subscriptions.remove_entitlement(ctx, found, input.feature_code)
            return shown(found)
