"""Members, invitations, API keys, the outbox (spec 07 §6.2)."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.api_keys import find_api_key, list_api_keys
from billwright.billing.access.invites import find_invite, list_invites
from billwright.billing.access.members import list_members, members_per_role
from billwright.billing.access.password_resets import find_reset_email
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page
from billwright.billing.mailing.queries import find_email, list_emails
from billwright.graphql.enums import MembershipRoleEnum
from billwright.graphql.permissions import HasPermission, IsPublic
from billwright.graphql.types.common import (
    Collection,
    IdArgument,
    Inf,
    Limit,
    PageNumber,
    SearchTerm,
    collection,
    f,
    page_request,
    shown,
)
from billwright.graphql.types.members import (
    ApiKey,
    Email,
    Invite,
    MembershipCollectionMetadata,
    OrganizationMembershipCollection,
    PublicInvite,
)

VIEW_MEMBERS = HasPermission("organization:members:view")
KEYS = HasPermission("developers:keys:manage")
MANAGE = HasPermission("developers:manage")
Token = Annotated[str, strawberry.argument(description="The token of the link.")]
RoleArgument = Annotated[MembershipRoleEnum | None, strawberry.argument(description="With this role.")]


@strawberry.type(description="A link to set a new password that still works.")
class PasswordReset:
    email: str = f("Whose password it sets.")


@strawberry.type
class MemberQueries:
    @strawberry.field(description="Active members by e-mail address.", permission_classes=[VIEW_MEMBERS])
    async def memberships(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        role: RoleArgument = None,
    ) -> OrganizationMembershipCollection:
        async with info.context.reading() as ctx:
            found = await list_members(
                ctx, page_request(page, limit), search=search_term, role=role.value if role else None
            )
            counts = await members_per_role(ctx)
        items: Any = list(found.items)
        return OrganizationMembershipCollection(
            collection=items,
            metadata=MembershipCollectionMetadata(
                current_page=found.meta()["current_page"] or 0,
                total_pages=found.total_pages,
                total_count=found.total_count,
                limit_value=found.request.per_page,
                admin_count=counts["admin"],
                manager_count=counts["manager"],
                finance_count=counts["finance"],
            ),
        )

    @strawberry.field(description="Pending invitations, newest first.", permission_classes=[VIEW_MEMBERS])
    async def invites(
        self, info: Inf, page: PageNumber = None, limit: Limit = None, search_term: SearchTerm = None
    ) -> Collection[Invite]:
        async with info.context.reading() as ctx:
            return collection(await list_invites(ctx, page_request(page, limit), search=search_term))

    @strawberry.field(description="The invitation that a link opens.", permission_classes=[IsPublic])
    async def invite(self, info: Inf, token: Token) -> PublicInvite | None:
        async with info.context.session() as session:
            return shown(await find_invite(session, token))

    @strawberry.field(description="Whose password a mailed link sets.", permission_classes=[IsPublic])
    async def password_reset(self, info: Inf, token: Token) -> PasswordReset | None:
        async with info.context.session() as session:
            return PasswordReset(email=await find_reset_email(session, token))

    @strawberry.field(description="Active API keys, oldest first.", permission_classes=[KEYS])
    async def api_keys(self, info: Inf, page: PageNumber = None, limit: Limit = None) -> Collection[ApiKey]:
        request = page_request(page, limit)
        async with info.context.reading() as ctx:
            keys = await list_api_keys(ctx)
        return collection(Page(keys[request.offset : request.offset + request.per_page], len(keys), request))

    @strawberry.field(description="One API key.", permission_classes=[KEYS])
    async def api_key(self, info: Inf, id: IdArgument) -> ApiKey | None:
        async with info.context.reading() as ctx:
            return shown(await find_api_key(ctx, parse_id(id)))

    @strawberry.field(
        description="E-mails of the organization and of its members, newest first.", permission_classes=[MANAGE]
    )
    async def emails(self, info: Inf, page: PageNumber = None, limit: Limit = None) -> Collection[Email]:
        user_id = (await info.context.principal()).user.id
        async with info.context.reading() as ctx:
            return collection(await list_emails(ctx, user_id, page_request(page, limit)))

    @strawberry.field(description="One e-mail of the outbox.", permission_classes=[MANAGE])
    async def email(self, info: Inf, id: IdArgument) -> Email | None:
        email_id = parse_id(id)
        if email_id is None:
            raise NotFound("email")
        user_id = (await info.context.principal()).user.id
        async with info.context.reading() as ctx:
            return shown(await find_email(ctx, user_id, email_id))
