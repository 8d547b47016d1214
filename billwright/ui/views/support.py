"""What every view has: the request, its GraphQL context, the frame around the page, and the ways to answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from billwright.billing.access.permissions import PERMISSIONS
from billwright.billing.kernel.errors import Forbidden, Unauthorized
from billwright.billing.kernel.pagination import PageRequest
from billwright.graphql.application import refreshed
from billwright.graphql.context import RequestContext
from billwright.graphql.execution import Answer, context_of, run
from billwright.graphql.persisted import operations
from billwright.server.settings import Settings
from billwright.ui import csrf, formatting, sessions
from billwright.ui.rendering import CONTENT_SECURITY_POLICY, render
from billwright.ui.views.frame import make_frame

log = structlog.get_logger(__name__)
FLASH_COOKIE = "billwright_toast"
PER_PAGE = (20, 50, 100)
SHORTEST_SEARCH = 3


class Moved(Exception):
    """What was asked for is at another address of this server."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class Refused(Exception):
    """A page that cannot be shown: 401, 403, 404, 405, 422 or 500 with the server's code."""

    def __init__(self, status: int, code: str | None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a mutation answered: its data, or why not. ``fields`` maps REST-like field names to codes, ``places`` the
    paths of mistakes inside lists (``charges.1.properties.rate``)."""

    data: Any = None
    code: str | None = None
    fields: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    places: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def ok(self) -> bool:
        return self.code is None


@dataclass
class View:
    """One request to a page."""

    request: Request
    context: RequestContext
    settings: Settings
    slug: str
    permissions: frozenset[str]
    form: FormData
    frame_data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    address: str = ""
    """The screen's address where it is not the request's: an action answers with the list that it was started from."""

    @property
    def base(self) -> str:
        return f"/{self.slug}"

    @property
    def url(self) -> str:
        if self.address:
            return self.address
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    @property
    def query_params(self) -> QueryParams:
        return QueryParams(urlsplit(self.url).query)

    def back_at(self, path: str) -> None:
        """Answer as the list at ``path``, with the filters and the page that the browser shows of it."""
        shown = urlsplit(self.request.headers.get("hx-current-url", ""))
        self.address = f"{path}?{shown.query}" if shown.path == path and shown.query else path

    @property
    def is_htmx(self) -> bool:
        return self.request.headers.get("hx-request") == "true"

    def path(self, name: str) -> str:
        """A parameter of the address."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """The first value of a query key, trimmed; empty without one."""
        return (self.query_params.get(name) or "").strip()

    def query_all(self, name: str) -> list[str]:
        return [value for value in self.query_params.getlist(name) if value.strip()]

    def posted(self, name: str) -> str:
        """A field of the form, trimmed; empty without one."""
        value = self.form.get(name)
        return value.strip() if isinstance(value, str) else ""

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def may_change(self, resource: str) -> dict[str, bool]:
        """What the member may do with objects of a kind."""
        actions = (("create", "create"), ("edit", "update"), ("delete", "delete"))
        return {name: self.may(f"{resource}:{action}") for name, action in actions}

    @property
    def search(self) -> str:
        """The list's search term; fewer than three characters search nothing (spec 07 §7.4)."""
        term = self.query("search")
        return term if len(term) >= SHORTEST_SEARCH else ""

    def paging(self) -> dict[str, int]:
        """``page`` and ``limit`` of a list from the address."""
        page, size = self.query("page"), self.query("per_page")
        limit = int(size) if size.isdigit() and int(size) in PER_PAGE else PER_PAGE[0]
        return {"page": int(page) if page.isdigit() and 0 < int(page) < 2**31 else 1, "limit": limit}

    def pager(self, metadata: Mapping[str, int]) -> dict[str, Any]:
        """What ``ui.pager`` shows for a collection's metadata. A page behind the last leads to the last."""
        size, total, last = metadata["limitValue"], metadata["totalCount"], metadata["totalPages"]
        page = metadata["currentPage"] or 1
        if page > last > 0:
            raise Moved(formatting.url_with(self.url, page=last if last > 1 else None))
        return {
            "first": min((page - 1) * size + 1, total),
            "last": min(page * size, total),
            "total": total,
            "cut": bool(self.search) and total == PageRequest(page, size).hits,
            "per_page": size,
            "previous": formatting.url_with(self.url, page=page - 1 if page > 2 else None) if page > 1 else None,
            "next": formatting.url_with(self.url, page=page + 1) if page < last else None,
        }

    async def ask(self, operation: str, **variables: Any) -> Any:
        """The data of a query. Raises ``Refused`` when it cannot be had."""
        answer = await run(self.context, operation, variables)
        raise_refusal(answer)
        return answer.data

    async def change(self, operation: str, **variables: Any) -> Outcome:
        """Run a mutation with one ``input``; what the caller can mend comes back as an outcome, the rest is raised."""
        answer = await run(self.context, operation, {"input": variables} if variables else None)
        for error in answer.errors:
            extensions = error.get("extensions", {})
            if extensions.get("status") in (405, 422):
                fields = extensions.get("details") or {}
                places = extensions.get("places") or {_snake(name): codes for name, codes in fields.items()}
                return Outcome(code=extensions.get("code"), fields=fields, places=places)
        raise_refusal(answer)
        return Outcome(answer.data)

    async def attempt(self, operation: str, told: Collection[str], **variables: Any) -> Outcome:
        """As ``change``; refusals with a code of ``told``, such as what somebody else did meanwhile, come back too."""
        try:
            return await self.change(operation, **variables)
        except Refused as refused:
            if refused.code not in told:
                raise
            return Outcome(code=refused.code)

    async def page(
        self,
        template: str,
        active: str | None,
        content: Mapping[str, Any],
        block: str | None = None,
        *,
        status_code: int = 200,
        toast: tuple[str, str] | None = None,
    ) -> Response:
        """The template in the frame, or the part of it that htmx asks for."""
        toasts = [] if self.is_htmx else self._flashes()
        frame = await make_frame(self, active, toasts)
        response = render(
            self.request, template, {"frame": frame, **content}, block, status_code=status_code, toast=toast
        )
        if toasts:
            response.delete_cookie(FLASH_COOKIE, path="/")
        return response

    def redirect(self, url: str, toast: tuple[str, str] | None = None) -> Response:
        """Go to ``url``, which shows ``toast``; htmx is told by its header."""
        response: Response
        if self.is_htmx:
            response = Response(status_code=204, headers={"HX-Redirect": url})
        else:
            response = RedirectResponse(url, status_code=303)
        if toast is not None:
            value = _flash(self.settings).dumps({"tone": toast[0], "text": toast[1]})
            secure = self.settings.app_url.startswith("https://")
            response.set_cookie(
                FLASH_COOKIE, str(value), max_age=60, path="/", httponly=True, samesite="lax", secure=secure
            )
        return response

    def _flashes(self) -> list[dict[str, str]]:
        raw = self.request.cookies.get(FLASH_COOKIE)
        try:
            return [_flash(self.settings).loads(raw, max_age=120)] if raw else []
        except BadSignature:
            return []

    @property
    def csrf_token(self) -> str:
        return csrf.token_for(self.settings, csrf.holder_of(self.request) or "")

    def api(
        self, operation: str, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> list[dict[str, str]]:
        """What engineers see of a screen: its GraphQL operation and the REST call."""
        return [
            {"title": "GraphQL", "text": operations()[operation].text},
            {"title": "REST", "text": formatting.curl(method, f"{self.settings.api_url}/api/v1{path}", body)},
        ]


def _flash(settings: Settings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret_key.get_secret_value(), salt="billwright.toast", serializer=json)


def raise_refusal(answer: Answer) -> None:
    """Raise ``Refused`` with the status and code of the answer's first error, if it has any."""
    for error in answer.errors:
        extensions: Mapping[str, Any] = error.get("extensions", {})
        status = int(extensions.get("status", 500))
        code = extensions.get("code")
        if status == 404:
            code = next((f"{_snake(name)}_not_found" for name in extensions.get("details") or {}), code)
        raise Refused(status, code)


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


Handler = Callable[[View], Awaitable[Response]]
MEMBER = "member"
"""What a page needs that every member of the organization may open."""
_STATUS_PAGES = {403: "errors/403.html", 404: "errors/404.html"}


def page(handler: Handler, *needs: str, part_of: str | None = None) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint below ``/{slug}``: signed in, a member, protected against forged requests; failures get a page.

    ``needs`` are alternatives: one of these permissions opens the page; ``MEMBER`` stands for any role. ``part_of``:
    the address below the organization, with the same parameters, of the page into which htmx puts the answer; whoever
    opens the part by its own address goes there.
    """
    unknown = [need for need in needs if need != MEMBER and need not in PERMISSIONS]
    if unknown or not needs:
        raise ValueError(f"{handler.__name__}: no such permissions: {unknown}")

    async def show(view: View) -> Response:
        if part_of is None or view.is_htmx:
            return await handler(view)
        return view.redirect(view.base + part_of.format_map(view.request.path_params))

    async def endpoint(request: Request) -> Response:
        settings: Settings = request.app.state.settings
        cookie = request.cookies.get(sessions.COOKIE)
        session_id = sessions.read_token(settings, cookie) if cookie else None
        if session_id is None:
            return to_login(request)
        form = await request.form() if request.method == "POST" else FormData()
        if request.method not in ("GET", "HEAD"):
            given = request.headers.get(csrf.HEADER) or form.get(csrf.FIELD)
            if not csrf.is_valid(settings, cookie, given if isinstance(given, str) else None):
                return outside(request, 403, "This page was open for too long", "Go back, reload it and try again.")
        slug = str(request.path_params["slug"])
        context = context_of(request, session_id, slug=slug)
        try:
            response = await _answer(show, needs, request, context, settings, slug, form)
            if await refreshed(context) and cookie:
                sessions.set_cookie(response, settings, cookie)
        except Exception as failure:
            log.error("page_failed", page=endpoint.__name__, exc_info=failure)
            response = outside(
                request, 500, "Something went wrong on our side", "Nothing was changed by this request. Try again."
            )
        finally:
            await context.close()
        return guarded(response)

    endpoint.__name__ = endpoint.__qualname__ = getattr(handler, "__name__", "page")
    endpoint.needs = needs  # type: ignore[attr-defined]
    return endpoint


async def _answer(
    handler: Handler,
    needs: tuple[str, ...],
    request: Request,
    context: RequestContext,
    settings: Settings,
    slug: str,
    form: FormData,
) -> Response:
    try:
        principal = await context.principal()
    except Unauthorized:
        return to_login(request)
    except Forbidden as refused:
        if refused.code == "login_method_not_authorized":
            text = "This organization does not allow the way you signed in. Log in another way to open it."
            return outside(request, 403, "You cannot open this organization", text, log_out=_page_of(request))
        return outside(
            request, 404, "Nothing lives at this address", "Check the address, or start from your home page."
        )
    view = View(request, context, settings, slug, principal.permissions, form)
    try:
        if MEMBER not in needs and not principal.permissions.intersection(needs):
            raise Refused(403, "forbidden")
        return await handler(view)
    except Moved as moved:
        return view.redirect(moved.address)
    except Refused as refused:
        if refused.status == 401:
            return to_login(request)
        return await refusal_page(view, refused)


async def refusal_page(view: View, refused: Refused) -> Response:
    """The page of a refusal, inside the frame (spec 07 §7.1)."""
    status = refused.status if refused.status in (403, 404) else 500
    content = {
        "title": str(status),
        "status": status,
        "request_id": getattr(view.request.state, "request_id", None),
        "code": refused.code,
        "back": {"label": "To the start", "href": view.base},
    }
    view.address = ""
    return await view.page(_STATUS_PAGES.get(status, "errors/500.html"), None, content, status_code=status)


def _page_of(request: Request) -> str:
    """The address of a page that was loaded, to come back to; empty for anything else."""
    if request.method != "GET":
        return ""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def to_login(request: Request) -> Response:
    """Off to the log in page, and back here afterwards when this was a page load."""
    if request.headers.get("hx-request") == "true":
        return guarded(Response(status_code=204, headers={"HX-Redirect": "/login"}))
    path = _page_of(request)
    target = f"/login?next={quote(path, safe='')}" if path else "/login"
    return guarded(RedirectResponse(target, status_code=303))


async def load_frame(view: View) -> Mapping[str, Any]:
    """The frame's data, asked for once."""
    if not view.frame_data:
        view.frame_data = await view.ask("Frame")
    return view.frame_data


def here(view: View, address: str) -> str:
    """The path of a file's address where API and pages share one, so that the browser stays on this server."""
    return address.removeprefix(view.settings.api_url) if view.settings.api_url == view.settings.app_url else address


def outside(
    request: Request,
    status: int,
    heading: str,
    text: str,
    *,
    log_out: str | None = None,
    onward: tuple[str, str] = ("To your home page", "/"),
) -> Response:
    """A plain page outside of any organization. ``log_out``: where somebody who is logged in may want to go when logged
    in another way, empty for home; else the page offers no logging out. ``onward``: its button and where it leads."""
    cookie = request.cookies.get(sessions.COOKIE)
    leave = None
    if log_out is not None and cookie:
        leave = {"csrf_token": csrf.token_for(request.app.state.settings, cookie), "next": log_out}
    content = {"title": heading, "heading": heading, "text": text, "status": status, "log_out": leave, "onward": onward}
    return guarded(render(request, "errors/outside.html", content, status_code=status))


def guarded(response: Response) -> Response:
    """With the policy of every page (spec 07 §10, trap 18)."""
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    return response
