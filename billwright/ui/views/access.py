"""Logging in and out, and the way home (spec 07 §3.5, §7.1, §7.2)."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from billwright.graphql.execution import context_of, run
from billwright.server.settings import Settings
from billwright.sso.next_path import safe_next
from billwright.ui import csrf, sessions
from billwright.ui.components import navigation
from billwright.ui.rendering import render
from billwright.ui.views.support import Refused, View, guarded, outside, to_login
from billwright.ui.views.words import REFUSALS, in_words, toast_words


async def show_login(request: Request) -> Response:
    """The form; whoever is signed in goes on."""
    settings: Settings = request.app.state.settings
    cookie = request.cookies.get(sessions.COOKIE)
    if cookie and sessions.read_token(settings, cookie) is not None:
        context = context_of(request, sessions.read_token(settings, cookie))
        try:
            answer = await run(context, "Home")
        finally:
            await context.close()
        if not answer.errors:
            return guarded(RedirectResponse(safe_next(request.query_params.get("next", "")) or "/", status_code=303))
    refused = request.query_params.get("refused", "")
    error = in_words(refused) if refused in REFUSALS else None
    return _form(request, settings, next_path=safe_next(request.query_params.get("next", "")), error=error)


async def log_in(request: Request) -> Response:
    """Open a session, or show the form again with the reason."""
    settings: Settings = request.app.state.settings
    form = await request.form()
    texts = {key: str(form.get(key) or "") for key in ("email", "password", "next", csrf.FIELD)}
    next_path = safe_next(texts["next"])
    if not csrf.is_valid(settings, request.cookies.get(csrf.VISITOR_COOKIE), texts[csrf.FIELD]):
        text = "The page was open for too long. Try again."
        return _form(request, settings, next_path=next_path, email=texts["email"], error=text, status=403)
    context = context_of(request, None)
    try:
        answer = await run(context, "LoginUser", {"input": {"email": texts["email"], "password": texts["password"]}})
    finally:
        await context.close()
    if answer.errors:
        extensions = answer.errors[0].get("extensions", {})
        error = toast_words(extensions.get("code"), extensions.get("details") or {})
        status = extensions.get("status", 500)
        return _form(request, settings, next_path=next_path, email=texts["email"], error=error, status=status)
    assert answer.data is not None
    response = RedirectResponse(next_path or "/", status_code=303)
    sessions.set_cookie(response, settings, answer.data["loginUser"]["token"])
    response.delete_cookie(csrf.VISITOR_COOKIE, path="/")
    return guarded(response)


async def log_out(request: Request) -> Response:
    """Close the session and forget it, ``everywhere``: with the person's others; ``next`` is kept for who logs in
    afterwards."""
    settings: Settings = request.app.state.settings
    cookie = request.cookies.get(sessions.COOKIE)
    form = await request.form()
    given = request.headers.get(csrf.HEADER) or form.get(csrf.FIELD)
    if cookie and not csrf.is_valid(settings, cookie, given if isinstance(given, str) else None):
        return outside(
            request, 403, "You are still logged in", "The page was open for too long. Reload it and try again."
        )
    if cookie:
        context = context_of(request, sessions.read_token(settings, cookie))
        try:
            await run(context, "Logout", {"input": {"everywhere": form.get("everywhere") == "yes"}})
        finally:
            await context.close()
    wanted = form.get("next")
    next_path = safe_next(wanted) if isinstance(wanted, str) else ""
    response = RedirectResponse(f"/login?next={quote(next_path, safe='')}" if next_path else "/login", status_code=303)
    sessions.drop_cookie(response)
    return guarded(response)


async def home(request: Request) -> Response:
    """``GET /``: the first organization that the session opens."""
    return await _into_organization(request, "")


async def graphql_explorer(request: Request) -> Response:
    """``GET /docs/graphql``: the explorer of the first organization that the session opens."""
    return await _into_organization(request, "/developers/graphql")


async def _into_organization(request: Request, path: str) -> Response:
    settings: Settings = request.app.state.settings
    cookie = request.cookies.get(sessions.COOKIE)
    session_id = sessions.read_token(settings, cookie) if cookie else None
    if session_id is None:
        return to_login(request) if request.url.path != "/" else guarded(RedirectResponse("/login", status_code=303))
    context = context_of(request, session_id)
    try:
        answer = await run(context, "Home")
    finally:
        await context.close()
    if answer.data is None or answer.errors:
        response = RedirectResponse("/login", status_code=303)
        sessions.drop_cookie(response)
        return guarded(response)
    for membership in answer.data["currentUser"]["memberships"]:
        if membership["accessibleByCurrentSession"]:
            return guarded(RedirectResponse(f"/{membership['organization']['slug']}{path}", status_code=303))
    text = "Ask an admin of your organization for an invitation."
    if answer.data["currentUser"]["memberships"]:
        text = "Your organizations do not allow the way you logged in. Log in another way to open them."
    return outside(request, 403, "There is nothing for you to open", text, log_out="")


async def organization_home(view: View) -> Response:
    """Analytics, else customers, else the first list that the roles allow (spec 07 §7.1)."""
    for permission, path in (("analytics:view", "analytics"), ("customers:view", "customers")):
        if view.may(permission):
            return view.redirect(f"{view.base}/{path}")
    for group in navigation(view.slug, view.permissions):
        for item in group["items"]:
            return view.redirect(item["href"])
    raise Refused(403, "forbidden")


def _form(
    request: Request,
    settings: Settings,
    *,
    next_path: str = "",
    email: str = "",
    error: str | None = None,
    status: int = 200,
) -> Response:
    visitor = request.cookies.get(csrf.VISITOR_COOKIE) or csrf.new_visitor()
    content = {
        "title": "Log in",
        "csrf_token": csrf.token_for(settings, visitor),
        "next": next_path,
        "email": email,
        "error": error,
        "methods": {"google": bool(settings.google_client_id), "okta": True, "password": True},
        "sign_up": settings.signup_enabled,
        "can_reset": True,
    }
    response = render(request, "login.html", content, status_code=status)
    csrf.set_visitor(response, settings, visitor)
    return guarded(response)
