"""Making, resetting and destroying sandbox organizations."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from billwright.billing.kernel.errors import Forbidden
from billwright.billing.kernel.ids import parse_id
from billwright.billing.sandboxes.service import create_sandbox, destroy_sandbox, reset_sandbox
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m
from billwright.graphql.permissions import IsMember, IsSignedIn
from billwright.graphql.scalars import ISO8601DateTime
from billwright.graphql.types.access import Organization, OrganizationEntry
from billwright.graphql.types.common import Inf, f, shown


@strawberry.type(description="A sandbox that is gone.")
class DestroyedSandbox:
    id: strawberry.ID = f("Its internal id.")


@strawberry.input(description="A new sandbox.")
class CreateSandboxOrganizationInput:
    name: str = m("Name.")
    clock: ISO8601DateTime | None = i("Where its clock begins; now unless told.")
    copy_catalogue_from_organization_id: strawberry.ID | None = i(
        "Organization whose metrics, plans, taxes, coupons and add-ons are copied; its admins only."
    )
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Emptying the sandbox chosen by the header.")
class ResetSandboxOrganizationInput:
    confirm_name: str = m("The sandbox's name, typed.")
    clock: ISO8601DateTime | None = i("Where its clock begins again; now unless told.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Deleting the sandbox chosen by the header.")
class DestroySandboxOrganizationInput:
    confirm_name: str = m("The sandbox's name, typed.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


New = Annotated[CreateSandboxOrganizationInput, strawberry.argument(description="The sandbox.")]
Emptied = Annotated[ResetSandboxOrganizationInput, strawberry.argument(description="Its name, and its clock.")]
Doomed = Annotated[DestroySandboxOrganizationInput, strawberry.argument(description="Its name.")]


@strawberry.type
class SandboxMutations:
    @strawberry.mutation(
        description="Make a sandbox and become its admin; empty, or with a copied catalogue.",
        permission_classes=[IsSignedIn],
    )
    async def create_sandbox_organization(self, info: Inf, input: New) -> OrganizationEntry | None:
        session_id = (await info.context.signed_in()).session.id
        await info.context.close()
        source = input.copy_catalogue_from_organization_id
        source_id = None
        if isinstance(source, str):
            source_id = parse_id(source)
            if source_id is None:
                raise Forbidden("not_organization_member")
        clock = input.clock or None
        async with info.context.services.runtime.database.transaction() as session:
            return shown(await create_sandbox(session, session_id, input.name, clock=clock, source_id=source_id))

    @strawberry.mutation(
        description="Empty the sandbox: customers and all that hangs on them are deleted, events included; catalogue, "
        "settings, members and API keys stay. Its admins only.",
        permission_classes=[IsMember],
    )
    async def reset_sandbox_organization(self, info: Inf, input: Emptied) -> Organization | None:
        organization_id, user_id = await _chosen(info)
        clock = input.clock or None
        await reset_sandbox(
            info.context.services.runtime, organization_id, user_id, confirm_name=input.confirm_name, clock=clock
        )
        await info.context.services.clocks.forget(organization_id)
        return shown((await info.context.principal()).organization)

    @strawberry.mutation(
        description="Delete the sandbox with everything in it; people stay. Its admins only.",
        permission_classes=[IsMember],
    )
    async def destroy_sandbox_organization(self, info: Inf, input: Doomed) -> DestroyedSandbox | None:
        organization_id, user_id = await _chosen(info)
        await destroy_sandbox(info.context.services.runtime, organization_id, user_id, confirm_name=input.confirm_name)
        await info.context.services.clocks.forget(organization_id)
        return DestroyedSandbox(id=strawberry.ID(str(organization_id)))


async def _chosen(info: Inf) -> tuple[UUID, UUID]:
    """The organization chosen and the person, with the read session given back."""
    principal = await info.context.principal()
    ids = principal.organization.id, principal.user.id
    await info.context.close()
    return ids
