"""Beginning a single sign-on (spec 07 §4)."""

from __future__ import annotations

import secrets
from typing import Annotated

import strawberry

from billwright.billing.access.okta import connection_of
from billwright.graphql.context import RequestContext
from billwright.graphql.permissions import HasPermission, IsPublic
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.single_sign_on import AuthorizeUrl, GoogleIdentity, OktaIntegration

Mode = Annotated[str, strawberry.argument(description="login, signup or invite.")]
InviteToken = Annotated[str | None, strawberry.argument(description="Token of the invitation, for invite.")]
Next = Annotated[str | None, strawberry.argument(description="Path to go on to.")]


def bound_browser(context: RequestContext) -> str:
    """A value for this browser alone; the answer's cookie carries it."""
    context.bound_browser = secrets.token_urlsafe(32)
    return context.bound_browser


@strawberry.type
class SingleSignOnQueries:
    @strawberry.field(description="Begin to sign in by Google.", permission_classes=[IsPublic])
    async def google_auth_url(
        self, info: Inf, mode: Mode = "login", invite_token: InviteToken = None, next: Next = None
    ) -> AuthorizeUrl | None:
        context = info.context
        url = await context.services.sso.google_url(
            mode, bound_browser(context), invite_token=invite_token or "", next=next or ""
        )
        return AuthorizeUrl(url=url)

    @strawberry.field(
        description="Who Google says that this browser's person is, while the sign-up form is open.",
        permission_classes=[IsPublic],
    )
    async def google_identity(self, info: Inf) -> GoogleIdentity | None:
        email = await info.context.services.sso.google_proven(info.context.browser)
        return GoogleIdentity(email=email) if email else None

    @strawberry.field(description="Whether this installation is registered with Google.", permission_classes=[IsPublic])
    async def google_auth_available(self, info: Inf) -> bool:
        return info.context.services.sso.has_google

    @strawberry.field(
        description="The organization's Okta connection.",
        permission_classes=[HasPermission("authentication_methods:view")],
    )
    async def okta_integration(self, info: Inf) -> OktaIntegration | None:
        async with info.context.reading() as ctx:
            return shown(await connection_of(ctx))
