"""Members, invitations and API keys (spec 07 §2.2, §3.4)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.access.api_keys import create_api_key, delete_api_key, rotate_api_key, update_api_key
from billwright.billing.access.invites import create_invite, revoke_invite, update_invite
from billwright.billing.access.members import revoke_member, update_member
from billwright.billing.kernel.ids import parse_id
from billwright.graphql.enums import MembershipRoleEnum
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import ISO8601DateTime, JsonObject
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.members import ApiKey, Invite, OrganizationMembership

KEYS = HasPermission("developers:keys:manage")
_PERMISSIONS = "Resource to the modes allowed on it (read, write); what is absent is refused."


@strawberry.input(description="An invitation.")
class CreateInviteInput:
    email: str = m("Who is invited.")
    roles: list[MembershipRoleEnum] = m("Roles that the person will hold.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of an invitation.")
class UpdateInviteInput:
    id: strawberry.ID = m("Internal id.")
    roles: list[MembershipRoleEnum] = m("Roles that the person will hold.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one invitation.")
class RevokeInviteInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of a membership.")
class UpdateMembershipInput:
    id: strawberry.ID = m("Internal id.")
    roles: list[MembershipRoleEnum] = m("All roles that the member holds from now on.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one membership.")
class RevokeMembershipInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="A new API key.")
class CreateApiKeyInput:
    name: str | None = i("Label.")
    permissions: JsonObject | None = i(_PERMISSIONS + " Without it the key may do everything.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of an API key.")
class UpdateApiKeyInput:
    id: strawberry.ID = m("Internal id.")
    name: str | None = i("Label; null removes it.")
    permissions: JsonObject | None = i(_PERMISSIONS)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Replacing an API key.")
class RotateApiKeyInput:
    id: strawberry.ID = m("Internal id.")
    name: str | None = i("Label of the new key; the old one's without it.")
    expires_at: ISO8601DateTime | None = i("Until when the old key still works (system time); now without it.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one API key.")
class DestroyApiKeyInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


NewInvite = Annotated[CreateInviteInput, strawberry.argument(description="Who is invited, and as what.")]
ChangedInvite = Annotated[UpdateInviteInput, strawberry.argument(description="Which invitation, and the roles.")]
GoneInvite = Annotated[RevokeInviteInput, strawberry.argument(description="Which invitation.")]
ChangedMember = Annotated[UpdateMembershipInput, strawberry.argument(description="Which member, and the roles.")]
GoneMember = Annotated[RevokeMembershipInput, strawberry.argument(description="Which member.")]
NewKey = Annotated[CreateApiKeyInput, strawberry.argument(description="Attributes of the key.")]
ChangedKey = Annotated[UpdateApiKeyInput, strawberry.argument(description="Attributes to change.")]
RotatedKey = Annotated[RotateApiKeyInput, strawberry.argument(description="Which key, and how long it still works.")]
GoneKey = Annotated[DestroyApiKeyInput, strawberry.argument(description="Which key.")]


def _roles(given: list[MembershipRoleEnum]) -> list[str]:
    return [role.value for role in given]


async def _own_roles(info: Inf) -> list[str]:
    return list((await info.context.principal()).membership.roles)


@strawberry.type
class MemberMutations:
    @strawberry.mutation(
        description="Invite somebody. No e-mail is sent: share the link that the answer holds.",
        permission_classes=[HasPermission("organization:members:create")],
    )
    async def create_invite(self, info: Inf, input: NewInvite) -> Invite | None:
        own, box = await _own_roles(info), info.context.services.runtime.box
        async with info.context.writing() as ctx:
            return shown(await create_invite(ctx, box, input.email, _roles(input.roles), granted_by=own))

    @strawberry.mutation(
        description="Change the roles of a pending invitation.",
        permission_classes=[HasPermission("organization:members:update")],
    )
    async def update_invite(self, info: Inf, input: ChangedInvite) -> Invite | None:
        own = await _own_roles(info)
        async with info.context.writing() as ctx:
            return shown(await update_invite(ctx, parse_id(input.id), _roles(input.roles), granted_by=own))

    @strawberry.mutation(
        description="Withdraw a pending invitation.", permission_classes=[HasPermission("organization:members:delete")]
    )
    async def revoke_invite(self, info: Inf, input: GoneInvite) -> Invite | None:
        async with info.context.writing() as ctx:
            return shown(await revoke_invite(ctx, parse_id(input.id)))

    @strawberry.mutation(
        description="Give a member other roles.", permission_classes=[HasPermission("organization:members:update")]
    )
    async def update_membership(self, info: Inf, input: ChangedMember) -> OrganizationMembership | None:
        own = await _own_roles(info)
        async with info.context.writing() as ctx:
            return shown(await update_member(ctx, parse_id(input.id), _roles(input.roles), granted_by=own))

    @strawberry.mutation(
        description="End a membership.", permission_classes=[HasPermission("organization:members:delete")]
    )
    async def revoke_membership(self, info: Inf, input: GoneMember) -> OrganizationMembership | None:
        user_id = (await info.context.principal()).user.id
        async with info.context.writing() as ctx:
            return shown(await revoke_member(ctx, parse_id(input.id), acting_user_id=user_id))

    @strawberry.mutation(
        description="Make an API key. Its value is readable in this answer only.", permission_classes=[KEYS]
    )
    async def create_api_key(self, info: Inf, input: NewKey) -> ApiKey | None:
        async with info.context.writing() as ctx:
            return shown(await create_api_key(ctx, **sent(input)))

    @strawberry.mutation(description="Change an API key's label or permissions.", permission_classes=[KEYS])
    async def update_api_key(self, info: Inf, input: ChangedKey) -> ApiKey | None:
        async with info.context.writing() as ctx:
            return shown(await update_api_key(ctx, parse_id(input.id), sent(input, "id")))

    @strawberry.mutation(
        description="Replace an API key by a new one with the same permissions, readable in this answer only.",
        permission_classes=[KEYS],
    )
    async def rotate_api_key(self, info: Inf, input: RotatedKey) -> ApiKey | None:
        until = None if input.expires_at is strawberry.UNSET else input.expires_at
        name = None if input.name is strawberry.UNSET else input.name
        async with info.context.writing() as ctx:
            return shown(await rotate_api_key(ctx, parse_id(input.id), name=name, expires_at=until))

    @strawberry.mutation(description="End an API key now.", permission_classes=[KEYS])
    async def destroy_api_key(self, info: Inf, input: GoneKey) -> ApiKey | None:
        async with info.context.writing() as ctx:
            return shown(await delete_api_key(ctx, parse_id(input.id)))
