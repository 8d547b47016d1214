"""The way to a provider and back (spec 07 §4, §7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from billwright.graphql.execution import Answer, context_of, run
from billwright.server.settings import Settings
from billwright.sso.next_path import safe_next
from billwright.ui import sessions
from billwright.ui.rendering import CONTENT_SECURITY_POLICY
from billwright.ui.views.public import EXPIRED_PAGE, form_of, problems, signed_in, visitor_page
from billwright.ui.views.support import guarded

_MODES = ("login", "signup", "invite")


async def _begin(request: Request, operation: str, variables: Mapping[str, Any], field: str) -> Answer | Response:
    """Off to the provider, or why not."""
    context = context_of(request, None)
    try:
        answer = await run(context, operation, variables)
        if answer.errors or answer.data is None or context.bound_browser is None:
            return answer
        response = RedirectResponse(answer.data[field]["url"], status_code=303)
        sessions.bind_browser(response, request.app.state.settings, context.bound_browser)
        return guarded(response)
    finally:
        await context.close()


def _refused(answer: Answer) -> Response:
    """The log in page, with the reason."""
    extensions = answer.errors[0].get("extensions", {})
    details: Mapping[str, list[str]] = extensions.get("details") or {}
    code = next((codes[0] for codes in details.values() if codes), extensions.get("code") or "internal_error")
    if extensions.get("status") == 404:
        code = "invite_not_found"
    return guarded(RedirectResponse(f"/login?{urlencode({'refused': code})}", status_code=303))


async def google(request: Request) -> Response:
    """``GET /sso/google?mode=login|signup|invite``."""
    given = request.query_params
    mode = given.get("mode", "login")
    variables = {
        "mode": mode if mode in _MODES else "login",
        "inviteToken": given.get("token") or None,
        "next": safe_next(given.get("next", "")) or None,
    }
    begun = await _begin(request, "GoogleAuthUrl", variables, "googleAuthUrl")
    return _refused(begun) if isinstance(begun, Answer) else begun


async def show_okta(request: Request) -> Response:
    """``GET /login/okta``: the e-mail address says which provider."""
    given = request.query_params
    return _okta(request, given.get("email", ""), given.get("token", ""), safe_next(given.get("next", "")), None, 200)


async def okta(request: Request) -> Response:
    """``POST /login/okta``."""
    values = await form_of(request, "email", "token", "next")
    if values is None:
        return _okta(request, "", "", "", EXPIRED_PAGE, 403)
    next_path = safe_next(values["next"])
    inp = {"email": values["email"], "inviteToken": values["token"] or None, "next": next_path or None}
    begun = await _begin(request, "OktaAuthorize", {"input": inp}, "oktaAuthorize")
    if isinstance(begun, Answer):
        errors, error, status = problems(begun)
        return _okta(request, values["email"], values["token"], next_path, error or next(iter(errors.values())), status)
    return begun


def _okta(request: Request, email: str, token: str, next_path: str, error: str | None, status: int) -> Response:
    content = {"title": "Log in with Okta", "email": email, "token": token, "next": next_path, "error": error}
    response = visitor_page(request, "public/okta.html", content, status)
    response.headers["Content-Security-Policy"] = _policy(request.app.state.settings)
    return response


def _policy(settings: Settings) -> str:
    """Of the page whose form leads to the organization's Okta: browsers hold redirects after a form to it too."""
    elsewhere = "https: http://127.0.0.1:*" if settings.sso_allow_loopback else "https:"
    return CONTENT_SECURITY_POLICY.replace("form-action 'self'", f"form-action 'self' {elsewhere}")


async def google_callback(request: Request) -> Response:
    """``GET /auth/google/callback``."""
    mode = _mode(request)
    if mode == "signup":
        answer = await _finish(request, "GoogleProve")
        if answer.errors or answer.data is None:
            return _refused(answer)
        return guarded(RedirectResponse("/sign-up/google", status_code=303))
    if mode == "invite":
        return _entered(request, await _finish(request, "GoogleAcceptInvite"), "googleAcceptInvite")
    return _entered(request, await _finish(request, "GoogleLoginUser"), "googleLoginUser")


async def okta_callback(request: Request) -> Response:
    """``GET /auth/okta/callback``."""
    if _mode(request) == "invite":
        return _entered(request, await _finish(request, "OktaAcceptInvite"), "oktaAcceptInvite")
    return _entered(request, await _finish(request, "OktaLogin"), "oktaLogin")


def _mode(request: Request) -> str:
    """A hint in the state, for which use case to ask; the use case checks it against what was kept."""
    return request.query_params.get("state", "").partition(".")[0]


async def _finish(request: Request, operation: str) -> Answer:
    given = request.query_params
    context = context_of(request, None)
    try:
        return await run(
            context, operation, {"input": {"code": given.get("code", ""), "state": given.get("state", "")}}
        )
    finally:
        await context.close()


def _entered(request: Request, answer: Answer, field: str) -> Response:
    if answer.errors or answer.data is None:
        return _refused(answer)
    found = answer.data[field]
    response = signed_in(request, found["token"], safe_next(found["next"]) or "/")
    response.delete_cookie(sessions.BROWSER_COOKIE, path="/")
    return response


async def show_register(request: Request) -> Response:
    """``GET /sign-up/google``: only the organization's name is still missing."""
    return await _register(request, "", {}, None, 200)


async def register(request: Request) -> Response:
    """``POST /sign-up/google``."""
    values = await form_of(request, "organization")
    if values is None:
        return await _register(request, "", {}, EXPIRED_PAGE, 403)
    context = context_of(request, None)
    try:
        answer = await run(context, "GoogleRegisterUser", {"input": {"organizationName": values["organization"]}})
    finally:
        await context.close()
    if answer.errors or answer.data is None:
        return await _register(request, values["organization"], *problems(answer))
    response = signed_in(request, answer.data["googleRegisterUser"]["token"])
    response.delete_cookie(sessions.BROWSER_COOKIE, path="/")
    return response


async def _register(
    request: Request, organization: str, errors: Mapping[str, str], error: str | None, status: int
) -> Response:
    settings: Settings = request.app.state.settings
    context = context_of(request, None)
    try:
        answer = await run(context, "GoogleIdentity")
    finally:
        await context.close()
    identity = (answer.data or {}).get("googleIdentity")
    if identity is None or not settings.signup_enabled:
        return guarded(RedirectResponse(f"/login?refused={quote('state_not_found')}", status_code=303))
    content = {
        "title": "Create an organization",
        "email": identity["email"],
        "organization": organization,
        "errors": {"organization": errors.get("name"), **errors},
        "error": error or errors.get("email"),
    }
    return visitor_page(request, "public/google.html", content, status)
