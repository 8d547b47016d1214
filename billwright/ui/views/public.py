"""Screens for people who are not logged in: sign up, forgotten password, invitation (spec 07 §7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from billwright.graphql.execution import Answer, context_of, run
from billwright.server.settings import Settings
from billwright.ui import csrf, sessions
from billwright.ui.rendering import render
from billwright.ui.views.support import guarded, outside
from billwright.ui.views.words import field_errors, in_words

EXPIRED_PAGE = "The page was open for too long. Try again."
ROLES = {"admin": "Admin", "manager": "Account manager", "finance": "Finance & analyst"}


async def ask(request: Request, operation: str, variables: Mapping[str, Any], *, as_member: bool = False) -> Answer:
    """Run an operation for somebody who need not be logged in; ``as_member`` also says who is."""
    settings: Settings = request.app.state.settings
    cookie = request.cookies.get(sessions.COOKIE) if as_member else None
    context = context_of(request, sessions.read_token(settings, cookie) if cookie else None)
    try:
        return await run(context, operation, variables)
    finally:
        await context.close()


def problems(answer: Answer) -> tuple[dict[str, str], str | None, int]:
    """Errors by field, the error that belongs to no field, and the status."""
    extensions = answer.errors[0].get("extensions", {})
    details: Mapping[str, list[str]] = extensions.get("details") or {}
    errors = field_errors({name: codes for name, codes in details.items() if name != "base"})
    base = " ".join(in_words(code) for code in details.get("base", ())) or None
    if not errors and base is None:
        base = in_words(extensions.get("code") or "internal_error")
    return errors, base, int(extensions.get("status", 500))


def visitor_page(request: Request, template: str, content: Mapping[str, Any], status: int = 200) -> Response:
    """A page with a form for somebody without a session."""
    settings: Settings = request.app.state.settings
    visitor = request.cookies.get(csrf.VISITOR_COOKIE) or csrf.new_visitor()
    response = render(
        request, template, {**content, "csrf_token": csrf.token_for(settings, visitor)}, status_code=status
    )
    csrf.set_visitor(response, settings, visitor)
    return guarded(response)


async def form_of(request: Request, *names: str) -> dict[str, str] | None:
    """The named fields; ``None`` for a form that this server did not give to this browser."""
    settings: Settings = request.app.state.settings
    form = await request.form()
    given = form.get(csrf.FIELD)
    if not csrf.is_valid(settings, request.cookies.get(csrf.VISITOR_COOKIE), given if isinstance(given, str) else None):
        return None
    return {name: str(form.get(name) or "") for name in names}


def signed_in(request: Request, token: str, path: str = "/") -> Response:
    """Go on with a session."""
    response = RedirectResponse(path, status_code=303)
    sessions.set_cookie(response, request.app.state.settings, token)
    response.delete_cookie(csrf.VISITOR_COOKIE, path="/")
    return guarded(response)


# --- sign up -------------------------------------------------------------------------------------------------------


def _sign_up(request: Request, values: Mapping[str, str], errors: Mapping[str, str], error: str | None, status: int):
    content = {
        "title": "Create an organization",
        "organization": values.get("organization", ""),
        "email": values.get("email", ""),
        "errors": errors,
        "error": error,
        "google": bool(request.app.state.settings.google_client_id),
    }
    return visitor_page(request, "public/sign_up.html", content, status)


async def show_sign_up(request: Request) -> Response:
    """``GET /sign-up``."""
    if not request.app.state.settings.signup_enabled:
        return outside(
            request, 404, "Signing up is closed here", "Ask an admin of your organization for an invitation."
        )
    return _sign_up(request, {}, {}, None, 200)


async def sign_up(request: Request) -> Response:
    """``POST /sign-up``: a new organization, its admin logged in."""
    values = await form_of(request, "organization", "email", "password")
    if values is None:
        return _sign_up(request, {}, {}, EXPIRED_PAGE, 403)
    inp = {"email": values["email"], "password": values["password"], "organizationName": values["organization"]}
    answer = await ask(request, "RegisterUser", {"input": inp})
    if answer.errors or answer.data is None:
        errors, error, status = problems(answer)
        if "name" in errors:
            errors["organization"] = errors.pop("name")
        if errors:
            empty = {name: in_words("value_is_mandatory") for name, value in values.items() if not value}
            errors = {**empty, **errors}
        return _sign_up(request, values, errors, error, status)
    return signed_in(request, answer.data["registerUser"]["token"])


# --- forgotten password --------------------------------------------------------------------------------------------


async def show_forgot(request: Request) -> Response:
    """``GET /forgot-password``."""
    content = {"title": "Forgot your password?", "email": request.query_params.get("email", ""), "error": None}
    return visitor_page(request, "public/forgot.html", {**content, "done": False})


async def forgot(request: Request) -> Response:
    """``POST /forgot-password``: the same answer whether the address is known or not."""
    values = await form_of(request, "email")
    content: dict[str, Any] = {"title": "Forgot your password?", "email": "", "error": EXPIRED_PAGE, "done": False}
    if values is None:
        return visitor_page(request, "public/forgot.html", content, 403)
    content["email"] = values["email"]
    answer = await ask(request, "CreatePasswordReset", {"input": {"email": values["email"]}})
    if answer.errors:
        _, content["error"], status = problems(answer)
        return visitor_page(request, "public/forgot.html", content, status)
    return visitor_page(request, "public/forgot.html", {**content, "error": None, "done": True})


async def show_reset(request: Request) -> Response:
    """``GET /reset-password/{token}``."""
    return await _reset(request, {}, None, 200)


async def _reset(request: Request, errors: Mapping[str, str], error: str | None, status: int) -> Response:
    answer = await ask(request, "PasswordResetPage", {"token": request.path_params["token"]})
    if answer.errors or answer.data is None:
        text = "Links to set a password work once and for 30 minutes."
        onward = ("Ask for a new one", "/forgot-password")
        return outside(request, 404, "This link no longer works", text, onward=onward)
    content = {
        "title": "Set a new password",
        "email": answer.data["passwordReset"]["email"],
        "action": request.url.path,
        "errors": errors,
        "error": error,
    }
    return visitor_page(request, "public/reset.html", content, status)


async def reset(request: Request) -> Response:
    """``POST /reset-password/{token}``."""
    values = await form_of(request, "password")
    if values is None:
        return await _reset(request, {}, EXPIRED_PAGE, 403)
    inp = {"token": request.path_params["token"], "newPassword": values["password"]}
    answer = await ask(request, "ResetPassword", {"input": inp})
    if answer.errors or answer.data is None:
        errors, error, status = problems(answer)
        if "newPassword" in errors:
            errors["password"] = errors.pop("newPassword")
        return await _reset(request, errors, error, status)
    token = answer.data["resetPassword"]["token"]
    if token is None:
        return outside(request, 200, "Your new password is set", "Your organizations ask you to log in another way.")
    return signed_in(request, token)


# --- invitation ----------------------------------------------------------------------------------------------------


async def show_invitation(request: Request) -> Response:
    """``GET /invitation/{token}``."""
    return await _invitation(request, {}, None, 200)


async def _invitation(request: Request, errors: Mapping[str, str], error: str | None, status: int) -> Response:
    answer = await ask(request, "InvitePage", {"token": request.path_params["token"]}, as_member=True)
    if answer.errors or answer.data is None:
        text = "It was withdrawn or used already. Ask an admin of the organization for a new one."
        return outside(request, 404, "This invitation no longer works", text)
    invite = answer.data["invite"]
    content = {
        "title": f"Join {invite['organizationName']}",
        "organization": invite["organizationName"],
        "email": invite["email"],
        "roles": ", ".join(ROLES[role] for role in invite["roles"]),
        "methods": invite["authenticationMethods"],
        "google": "google_oauth" in invite["authenticationMethods"]
        and bool(request.app.state.settings.google_client_id),
        "token": request.path_params["token"],
        "logged_in": invite["joinsWithoutPassword"],
        "action": request.url.path,
        "errors": errors,
        "error": error,
    }
    return visitor_page(request, "public/invitation.html", content, status)


async def accept(request: Request) -> Response:
    """``POST /invitation/{token}``."""
    values = await form_of(request, "password")
    if values is None:
        return await _invitation(request, {}, EXPIRED_PAGE, 403)
    inp = {"token": request.path_params["token"], "password": values["password"]}
    answer = await ask(request, "AcceptInvite", {"input": inp}, as_member=True)
    if answer.errors or answer.data is None:
        return await _invitation(request, *problems(answer))
    return signed_in(request, answer.data["acceptInvite"]["token"])
