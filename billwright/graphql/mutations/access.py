"""Signing in and out."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.sessions import login, revoke_session
from billwright.graphql.mutations.inputs import LoginUserInput, LogoutInput
from billwright.graphql.permissions import IsPublic, IsSignedIn
from billwright.graphql.types.access import CurrentUser
from billwright.graphql.types.common import Inf, f
from billwright.ui.sessions import issue_token


@strawberry.type(description="An opened session.")
class LoginUser:
    token: str = f("Bearer token of the session.")
    user: CurrentUser = f("Who signed in.")


@strawberry.type(description="A closed session.")
class Logout:
    id: strawberry.ID = f("Id of the session.")


LoginArgument = Annotated[LoginUserInput, strawberry.argument(description="E-mail address and password.")]
LogoutArgument = Annotated[LogoutInput | None, strawberry.argument(description="Nothing is needed.")]


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
        context.session_id = signed_in.session.id
        context.opened_session = signed_in.session
        token = issue_token(context.services.settings, signed_in.session.id)
        return LoginUser(token=token, user=CurrentUser(signed_in=signed_in))

    @strawberry.mutation(description="End the session.", permission_classes=[IsSignedIn])
    async def logout(self, info: Inf, input: LogoutArgument = None) -> Logout | None:
        context = info.context
        signed_in = await context.signed_in()
        session_id: Any = signed_in.session.id
        await context.close()
        async with context.services.runtime.database.transaction() as session:
            await revoke_session(session, session_id)
        context.session_id = None
        context.closed_session = True
        return Logout(id=session_id)
