"""Invitations, API keys, e-mails of the outbox."""

from __future__ import annotations

from typing import Any

import strawberry

from billwright.billing.access import models
from billwright.billing.access.api_keys import NewApiKey, masked
from billwright.billing.access.invites import OpenInvite, invite_url, joins_without_password
from billwright.billing.access.members import Member
from billwright.billing.mailing import models as mailing
from billwright.billing.mailing.service import full_text
from billwright.graphql.enums import EmailStatusEnum, InviteStatusEnum, MembershipRoleEnum
from billwright.graphql.scalars import ISO8601DateTime, JsonObject
from billwright.graphql.types.common import Inf, f, shown

InviteRow = strawberry.Parent[models.Invite]
KeyRow = strawberry.Parent[Any]
EmailRow = strawberry.Parent[mailing.Email]


@strawberry.type(description="A person.")
class MemberUser:
    id: strawberry.ID = f("Internal id.")
    email: str = f("E-mail address.")


@strawberry.type(description="Somebody's place in the organization.")
class OrganizationMembership:
    @strawberry.field(description="Internal id.")
    def id(self, root: strawberry.Parent[Member]) -> strawberry.ID:
        return strawberry.ID(str(root.membership.id))

    @strawberry.field(description="The person.")
    def user(self, root: strawberry.Parent[Member]) -> MemberUser:
        return shown(root.user)

    @strawberry.field(description="Roles held; their permissions add up.")
    def roles(self, root: strawberry.Parent[Member]) -> list[MembershipRoleEnum]:
        return [MembershipRoleEnum(role) for role in root.membership.roles]

    @strawberry.field(description="When the membership began (system time).")
    def created_at(self, root: strawberry.Parent[Member]) -> ISO8601DateTime:
        return shown(root.membership.created_at)


@strawberry.type(description="Where a page of members stands, and how many members hold each role.")
class MembershipCollectionMetadata:
    current_page: int = f("Number of this page, from 1; 0 when the list is empty.")
    total_pages: int = f("How many pages there are.")
    total_count: int = f("How many members the whole list has.")
    limit_value: int = f("Members on a page.")
    admin_count: int = f("Admins of the organization, in this list or not.")
    manager_count: int = f("Account managers.")
    finance_count: int = f("Finance members and analysts.")


@strawberry.type(description="A page of members.")
class OrganizationMembershipCollection:
    collection: list[OrganizationMembership] = f("Members by e-mail address.")
    metadata: MembershipCollectionMetadata = f("Where this page stands.")


@strawberry.type(description="An invitation to join the organization.")
class Invite:
    id: strawberry.ID = f("Internal id.")
    email: str = f("Who is invited.")
    created_at: ISO8601DateTime = f("When it was made (system time).")
    accepted_at: ISO8601DateTime | None = f("When it was accepted (system time).")
    revoked_at: ISO8601DateTime | None = f("When it was withdrawn (system time).")

    @strawberry.field(description="Roles that the invited person will hold.")
    def roles(self, root: InviteRow) -> list[MembershipRoleEnum]:
        return [MembershipRoleEnum(role) for role in root.roles]

    @strawberry.field(description="State of the invitation.")
    def status(self, root: InviteRow) -> InviteStatusEnum:
        return InviteStatusEnum(root.status)

    @strawberry.field(description="The link to share by hand. It never expires; null once the invitation is used up.")
    def url(self, root: InviteRow, info: Inf) -> str | None:
        if root.status != "pending":
            return None
        services = info.context.services
        return invite_url(services.runtime.box, services.settings.app_url, root)

    @strawberry.field(description="The token in that link; null once the invitation is used up.")
    def token(self, root: InviteRow, info: Inf) -> str | None:
        return info.context.services.runtime.box.open(root.sealed_token) if root.status == "pending" else None


@strawberry.type(description="An invitation as its link shows it.")
class PublicInvite:
    @strawberry.field(description="Who is invited.")
    def email(self, root: strawberry.Parent[OpenInvite]) -> str:
        return root.invite.email

    @strawberry.field(description="Name of the organization.")
    def organization_name(self, root: strawberry.Parent[OpenInvite]) -> str:
        return root.organization.name

    @strawberry.field(description="Roles that the invited person will hold.")
    def roles(self, root: strawberry.Parent[OpenInvite]) -> list[MembershipRoleEnum]:
        return [MembershipRoleEnum(role) for role in root.invite.roles]

    @strawberry.field(description="How members of this organization may sign in.")
    def authentication_methods(self, root: strawberry.Parent[OpenInvite]) -> list[str]:
        return root.organization.authentication_methods

    @strawberry.field(
        description="Whether the session proves who is invited: it is theirs, and opens this organization."
    )
    async def joins_without_password(self, root: strawberry.Parent[OpenInvite], info: Inf) -> bool:
        return joins_without_password(root, await info.context.present())


@strawberry.type(description="A key of the REST API.")
class ApiKey:
    @strawberry.field(description="Internal id.")
    def id(self, root: KeyRow) -> strawberry.ID:
        return strawberry.ID(str(_key(root).id))

    @strawberry.field(description="Label.")
    def name(self, root: KeyRow) -> str | None:
        return _key(root).name

    @strawberry.field(
        description="The whole key in the answer of creation and rotation, afterwards its last characters."
    )
    def value(self, root: KeyRow) -> str:
        return root.value if isinstance(root, NewApiKey) else masked(_key(root))

    @strawberry.field(description="Resource to the modes allowed on it: read, write.")
    def permissions(self, root: KeyRow) -> JsonObject:
        return shown(_key(root).permissions)

    @strawberry.field(description="When it stops working (system time); null is never.")
    def expires_at(self, root: KeyRow) -> ISO8601DateTime | None:
        return shown(_key(root).expires_at)

    @strawberry.field(description="When it was last used (system time), to the hour.")
    def last_used_at(self, root: KeyRow) -> ISO8601DateTime | None:
        return shown(_key(root).last_used_at)

    @strawberry.field(description="When it was made (system time).")
    def created_at(self, root: KeyRow) -> ISO8601DateTime:
        return shown(_key(root).created_at)


def _key(root: Any) -> models.ApiKey:
    return root.key if isinstance(root, NewApiKey) else root


@strawberry.type(description="An e-mail of the outbox.")
class Email:
    id: strawberry.ID = f("Internal id.")
    kind: str = f("Why it was written.")
    recipients: list[str] = f("Who sees it addressed to them.")
    copy_recipients: list[str] = f("Who gets a copy that everybody sees.")
    blind_recipients: list[str] = f("Who gets it without the others knowing.")
    subject: str = f("Subject.")
    attachment_name: str | None = f("Name of the file that comes with it.")
    error: str | None = f("Why it could not be sent.")
    created_at: ISO8601DateTime = f("When it was written (system time).")
    sent_at: ISO8601DateTime | None = f("When the mail server took it (system time).")

    @strawberry.field(description="What became of it.")
    def status(self, root: EmailRow) -> EmailStatusEnum:
        return EmailStatusEnum(root.status)

    @strawberry.field(
        description="The message. A secret link in it shows only while no mail server delivers it to its recipient."
    )
    def text(self, root: EmailRow, info: Inf) -> str:
        if root.sealed_link is not None and root.status != "kept":
            return root.text.replace("{link}", "(only its recipient sees the link)")
        return full_text(root, info.context.services.runtime.box)
