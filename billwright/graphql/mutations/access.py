"""Signing in and out."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.invites import accept_by_password
from billwright.billing.access.password_resets import mail_password_reset, reset_password
from billwright.billing.access.service import register_user
from billwright.billing.access.sessions import (
    EMAIL_PASSWORD,
    SignedIn,
    log_out_everywhere,
    login,
    open_session,
    revoke_session,
)
from billwright.billing.access.throttling import count_sign_up
from billwright.billing.kernel.ids import new_id
from billwright.graphql.context import RequestContext
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, LoginUserInput, LogoutInput, i, m
from billwright.graphql.permissions import IsPublic, IsSignedIn
from billwright.graphql.types.access import CurrentUser, OrganizationEntry
from billwright.graphql.types.common import Inf, f
from billwright.ui.sessions import issue_token


@strawberry.type(description="An opened session.")
class LoginUser:
    token: str = f("Bearer token of the session.")
    user: CurrentUser = f("Who signed in.")


@strawberry.type(description="A closed session.")
class Logout:
    id: strawberry.ID = f("Id of the session.")


@strawberry.type(description="A person.")
class ResetUser:
    id: strawberry.ID = f("Internal id.")
    email: str = f("E-mail address.")


@strawberry.input(description="A new organization and its first admin.")
class RegisterUserInput:
    email: str = m("E-mail address.")
    password: str = m("Password: 8 characters or more with lower and upper case, a digit and a special character.")
    organization_name: str = m("Name of the organization.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Joining by an invitation.")
class AcceptInviteInput:
    token: str = m("The token of the link.")
    password: str = m("A new password; for somebody known, the present one. Not looked at where joinsWithoutPassword.")
    email: str | None = i("Not looked at: the invitation decides.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Asking for a link to set a new password.")
class CreatePasswordResetInput:
    email: str = m("E-mail address.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Setting a new password.")
class ResetPasswordInput:
    token: str = m("The token of the mailed link.")
    new_password: str = m("The new password.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.type(description="A new organization with its admin signed in.")
class RegisterUser:
    token: str = f("Bearer token of the session.")
    user: CurrentUser = f("Who signed up.")
    organization: OrganizationEntry = f("The organization.")


@strawberry.type(description="A request for a new password; the same whether the address is known or not.")
class CreatePasswordReset:
    id: strawberry.ID = f("Id of the request.")


@strawberry.type(description="A new password is set.")
class ResetPassword:
    token: str | None = f("Bearer token of a session; null when no organization lets the person in by password.")
    user: ResetUser = f("Whose password it is.")


RegisterArgument = Annotated[RegisterUserInput, strawberry.argument(description="The person and the organization.")]
AcceptArgument = Annotated[AcceptInviteInput, strawberry.argument(description="The invitation and the password.")]
ForgotArgument = Annotated[CreatePasswordResetInput, strawberry.argument(description="Whose password.")]
ResetArgument = Annotated[ResetPasswordInput, strawberry.argument(description="The link's token, the new password.")]
LoginArgument = Annotated[LoginUserInput, strawberry.argument(description="E-mail address and password.")]
LogoutArgument = Annotated[LogoutInput | None, strawberry.argument(description="Which sessions; this one without it.")]


@strawberry.type
class AccessMutations:
    @strawberry.mutation(description="Sign in by password.", permission_classes=[IsPublic])
    async def login_user(self, info: Inf, input: LoginArgument) -> LoginUser | None:
        context = info.context
        await context.close()
        async with context.services.runtime.database.transaction() as session:
            signed_in = await login(
                session, input.email, input.password, ip=context.ip, attempts=context.services.attempts
            )
        return LoginUser(token=open_session_of(context, signed_in), user=CurrentUser(signed_in=signed_in))

    @strawberry.mutation(description="End the session, or all sessions of the person.", permission_classes=[IsSignedIn])
    async def logout(self, info: Inf, input: LogoutArgument = None) -> Logout | None:
        context = info.context
        signed_in = await context.signed_in()
        session_id: Any = signed_in.session.id
        await context.close()
        async with context.services.runtime.database.transaction() as session:
            if input is not None and input.everywhere is True:
                await log_out_everywhere(session, signed_in)
            else:
                await revoke_session(session, session_id)
        context.session_id = None
        context.closed_session = True
        return Logout(id=session_id)

    @strawberry.mutation(
        description="Sign up: a new organization with its first admin, signed in.", permission_classes=[IsPublic]
    )
    async def register_user(self, info: Inf, input: RegisterArgument) -> RegisterUser | None:
        context = info.context
        await context.close()
        await count_sign_up(context.services.attempts, context.ip)
        async with context.services.runtime.database.transaction() as session:
            created = await register_user(
                session,
                input.email,
                input.password,
                input.organization_name,
                signup_enabled=context.services.settings.signup_enabled,
            )
            assert created.owner is not None
            signed_in = SignedIn(await open_session(session, created.owner, EMAIL_PASSWORD), created.owner)
        organization: Any = created.organization
        token = open_session_of(context, signed_in)
        return RegisterUser(token=token, user=CurrentUser(signed_in=signed_in), organization=organization)

    @strawberry.mutation(description="Join an organization by an invitation.", permission_classes=[IsPublic])
    async def accept_invite(self, info: Inf, input: AcceptArgument) -> LoginUser | None:
        context = info.context
        present = await context.present()
        await context.close()
        async with context.services.runtime.database.transaction() as session:
            signed_in = await accept_by_password(
                session,
                input.token,
                input.password,
                ip=context.ip,
                attempts=context.services.attempts,
                signed_in=present,
            )
        return LoginUser(token=open_session_of(context, signed_in), user=CurrentUser(signed_in=signed_in))

    @strawberry.mutation(
        description="Mail a link to set a new password. Unknown addresses get the same answer.",
        permission_classes=[IsPublic],
    )
    async def create_password_reset(self, info: Inf, input: ForgotArgument) -> CreatePasswordReset | None:
        context = info.context
        await context.close()
        services = context.services
        async with services.runtime.database.transaction() as session:
            await mail_password_reset(
                session,
                services.runtime.box,
                input.email,
                app_url=services.settings.app_url,
                ip=context.ip,
                attempts=services.attempts,
            )
        return CreatePasswordReset(id=strawberry.ID(str(new_id())))

    @strawberry.mutation(
        description="Set a new password by a mailed link. Every session and every other link of the person ends.",
        permission_classes=[IsPublic],
    )
    async def reset_password(self, info: Inf, input: ResetArgument) -> ResetPassword | None:
        context = info.context
        await context.close()
        async with context.services.runtime.database.transaction() as session:
            done = await reset_password(session, input.token, input.new_password)
        user: Any = done.user
        token = open_session_of(context, SignedIn(done.session, done.user)) if done.session is not None else None
        return ResetPassword(token=token, user=user)


def open_session_of(context: RequestContext, signed_in: SignedIn) -> str:
    """Go on as ``signed_in``; returns the session's token."""
    context.session_id = signed_in.session.id
    context.opened_session = signed_in.session
    return issue_token(context.services.settings, signed_in.session.id)
