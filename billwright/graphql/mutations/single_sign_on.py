"""Finishing a single sign-on, and connecting Okta (spec 07 §4)."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.okta import connection_of, create_connection, delete_connection, update_connection
from billwright.billing.access.permissions import require_permission
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.graphql.context import RequestContext
from billwright.graphql.mutations.access import open_session_of
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission, IsPublic
from billwright.graphql.queries.single_sign_on import bound_browser
from billwright.graphql.types.access import CurrentUser
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.single_sign_on import (
    AuthorizeUrl,
    DestroyedIntegration,
    GoogleIdentity,
    GoogleRegisterUser,
    OktaIntegration,
    SignOn,
)
from billwright.sso.service import Done

_CODE, _STATE = "The provider's code.", "The state that came with it."


@strawberry.input(description="What a provider sent the browser back with.")
class SignOnInput:
    code: str = m(_CODE)
    state: str = m(_STATE)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Joining by a provider.")
class SignOnInviteInput:
    code: str = m(_CODE)
    state: str = m(_STATE)
    invite_token: str | None = i("Not looked at: the flow began with the invitation.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Signing up by Google; without a code, as whom Google proved to this browser.")
class GoogleRegisterUserInput:
    organization_name: str = m("Name of the organization.")
    code: str | None = i(_CODE)
    state: str | None = i(_STATE)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Beginning to sign in by Okta.")
class OktaAuthorizeInput:
    email: str = m("E-mail address; its domain names the connection.")
    invite_token: str | None = i("Token of an invitation to join by.")
    next: str | None = i("Path to go on to.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="A new Okta connection.")
class CreateOktaIntegrationInput:
    domain: str = m("Domain of the members' e-mail addresses.")
    client_id: str = m("Client id at Okta.")
    client_secret: str = m("Client secret; kept encrypted, never shown again.")
    organization_name: str = m("Name of the Okta organization.")
    host: str | None = i("Bare host, where it is not <organization name>.okta.com.")
    default_role: str | None = i("Role of people who join by signing in.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of the Okta connection.")
class UpdateOktaIntegrationInput:
    id: strawberry.ID | None = i("Not looked at: there is one connection.")
    domain: str | None = i("Domain of the members' e-mail addresses.")
    client_id: str | None = i("Client id at Okta.")
    client_secret: str | None = i("A new client secret.")
    organization_name: str | None = i("Name of the Okta organization.")
    host: str | None = i("Bare host, where it is not <organization name>.okta.com.")
    default_role: str | None = i("Role of people who join by signing in.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Taking the Okta connection away.")
class DestroyOktaIntegrationInput:
    id: strawberry.ID | None = i("Not looked at: there is one connection.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one connection.")
class DestroyIntegrationInput:
    id: strawberry.ID = m("Internal id of the connection.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


Answered = Annotated[SignOnInput, strawberry.argument(description="Code and state.")]
AnsweredInvite = Annotated[SignOnInviteInput, strawberry.argument(description="Code and state.")]
Register = Annotated[GoogleRegisterUserInput, strawberry.argument(description="The organization.")]
Authorize = Annotated[OktaAuthorizeInput, strawberry.argument(description="Who wants to sign in.")]
NewOkta = Annotated[CreateOktaIntegrationInput, strawberry.argument(description="Attributes of the connection.")]
ChangedOkta = Annotated[UpdateOktaIntegrationInput, strawberry.argument(description="Attributes to change.")]
GoneOkta = Annotated[DestroyOktaIntegrationInput | None, strawberry.argument(description="Nothing is needed.")]
GoneConnection = Annotated[DestroyIntegrationInput, strawberry.argument(description="Which connection.")]


async def _session(context: RequestContext, done: Done) -> SignOn:
    token = open_session_of(context, done.signed_in)
    return SignOn(token=token, user=CurrentUser(signed_in=done.signed_in), next=done.next)


async def _both(info: Inf, action: str) -> None:
    """Connections need two permissions (spec 07 §4.2)."""
    granted = (await info.context.principal()).permissions
    require_permission(granted, f"organization:integrations:{action}")
    require_permission(granted, "authentication_methods:update")


@strawberry.type
class SingleSignOnMutations:
    @strawberry.mutation(description="Sign in by Google.", permission_classes=[IsPublic])
    async def google_login_user(self, info: Inf, input: Answered) -> SignOn | None:
        context = info.context
        await context.close()
        return await _session(
            context, await context.services.sso.google_login(input.code, input.state, context.browser)
        )

    @strawberry.mutation(
        description="Keep whom Google proves for ten minutes, for the sign-up form of this browser.",
        permission_classes=[IsPublic],
    )
    async def google_prove(self, info: Inf, input: Answered) -> GoogleIdentity | None:
        context = info.context
        return GoogleIdentity(email=await context.services.sso.google_prove(input.code, input.state, context.browser))

    @strawberry.mutation(description="Sign up by Google.", permission_classes=[IsPublic])
    async def google_register_user(self, info: Inf, input: Register) -> GoogleRegisterUser | None:
        context, sso = info.context, info.context.services.sso
        await context.close()
        if input.code and input.state:
            await sso.google_prove(input.code, input.state, context.browser)
        created, done = await sso.google_register(input.organization_name, context.browser)
        organization: Any = created.organization
        token = open_session_of(context, done.signed_in)
        return GoogleRegisterUser(token=token, user=CurrentUser(signed_in=done.signed_in), organization=organization)

    @strawberry.mutation(description="Join an organization by Google.", permission_classes=[IsPublic])
    async def google_accept_invite(self, info: Inf, input: AnsweredInvite) -> SignOn | None:
        context = info.context
        await context.close()
        done = await context.services.sso.google_accept(input.code, input.state, context.browser)
        return await _session(context, done)

    @strawberry.mutation(description="Begin to sign in by Okta.", permission_classes=[IsPublic])
    async def okta_authorize(self, info: Inf, input: Authorize) -> AuthorizeUrl | None:
        context, given = info.context, sent(input)
        url = await context.services.sso.okta_url(
            input.email,
            bound_browser(context),
            invite_token=given.get("invite_token") or "",
            next=given.get("next") or "",
        )
        return AuthorizeUrl(url=url)

    @strawberry.mutation(description="Sign in by Okta.", permission_classes=[IsPublic])
    async def okta_login(self, info: Inf, input: Answered) -> SignOn | None:
        context = info.context
        await context.close()
        done = await context.services.sso.okta_login(input.code, input.state, context.browser)
        return await _session(context, done)

    @strawberry.mutation(description="Join an organization by Okta.", permission_classes=[IsPublic])
    async def okta_accept_invite(self, info: Inf, input: AnsweredInvite) -> SignOn | None:
        context = info.context
        await context.close()
        done = await context.services.sso.okta_accept(input.code, input.state, context.browser)
        return await _session(context, done)

    @strawberry.mutation(
        description="Connect Okta, and let members sign in by it. Needs authentication_methods:update, too.",
        permission_classes=[HasPermission("organization:integrations:create")],
    )
    async def create_okta_integration(self, info: Inf, input: NewOkta) -> OktaIntegration | None:
        await _both(info, "create")
        async with info.context.writing() as ctx:
            return shown(await create_connection(ctx, info.context.services.runtime.box, sent(input)))

    @strawberry.mutation(
        description="Change the Okta connection. Needs authentication_methods:update, too.",
        permission_classes=[HasPermission("organization:integrations:update")],
    )
    async def update_okta_integration(self, info: Inf, input: ChangedOkta) -> OktaIntegration | None:
        await _both(info, "update")
        async with info.context.writing() as ctx:
            return shown(await update_connection(ctx, info.context.services.runtime.box, sent(input, "id")))

    @strawberry.mutation(
        description="Take a connection away by its id. The one of Okta, and with it the way to sign in, needs "
        "authentication_methods:update, too.",
        permission_classes=[HasPermission("organization:integrations:delete")],
    )
    async def destroy_integration(self, info: Inf, input: GoneConnection) -> DestroyedIntegration | None:
        await _both(info, "delete")
        async with info.context.writing() as ctx:
            connection = await connection_of(ctx)
            if connection is None or connection.id != parse_id(input.id):
                raise NotFound("integration")
            return shown(await delete_connection(ctx))

    @strawberry.mutation(
        description="Take the Okta connection away, and with it the way to sign in. Needs "
        "authentication_methods:update, too.",
        permission_classes=[HasPermission("organization:integrations:delete")],
    )
    async def destroy_okta_integration(self, info: Inf, input: GoneOkta = None) -> OktaIntegration | None:
        await _both(info, "delete")
        async with info.context.writing() as ctx:
            return shown(await delete_connection(ctx))
