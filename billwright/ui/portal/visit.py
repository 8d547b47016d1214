"""What every view of the portal has: the visitor's request, its GraphQL context, its words, the ways to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from billwright.billing.kernel.errors import Unauthorized
from billwright.graphql.context import RequestContext
from billwright.graphql.execution import Answer, context_of, run
from billwright.server.settings import Settings
from billwright.ui.formatting import own_path
from billwright.ui.portal.door import FORM_FIELD, Door, guarded, open_door
from billwright.ui.portal.words import Words, preferred, words_of
from billwright.ui.rendering import render
from billwright.ui.views.support import Outcome, Refused, raise_refusal

log = structlog.get_logger(__name__)
DONE = ("saved", "bought")
"""What a page may say was done: the query key ``done`` of the address that an action goes back to."""


@dataclass
class Visit:
    """One request to a page of the portal."""

    request: Request
    context: RequestContext
    settings: Settings
    door: Door
    form: FormData
    words: Words
    organization: Mapping[str, Any]
    customer: str
    """The customer's name, empty without one."""

    @property
    def base(self) -> str:
        return self.door.base

    @property
    def url(self) -> str:
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    @property
    def is_htmx(self) -> bool:
        return self.request.headers.get("hx-request") == "true"

    def path(self, name: str) -> str:
        """A parameter of the address."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """The first value of a query key as text of one line, trimmed; empty without one."""
        return self.request.query_params.get(name, "").replace("\0", "").strip()

    def page_number(self, name: str) -> int:
        """A page number of the address, 1 for anything else."""
        value = self.query(name)
        return max(int(value), 1) if len(value) < 10 and value.isascii() and value.isdigit() else 1

    def posted(self, name: str) -> str:
        """A field of the form, trimmed; empty without one."""
        value = self.form.get(name)
        return value.strip() if isinstance(value, str) else ""

    async def ask(self, operation: str, **variables: Any) -> Any:
        """The data of a query. Raises ``Refused`` when it cannot be had."""
        answer = await run(self.context, operation, variables)
        raise_refusal(answer)
        return answer.data

    async def change(self, operation: str, **variables: Any) -> Outcome:
        """Run a mutation with one ``input``; what the customer can mend is an outcome, the rest is raised."""
        answer: Answer = await run(self.context, operation, {"input": variables})
        for error in answer.errors:
            extensions = error.get("extensions", {})
            if extensions.get("status") in (405, 422, 429):
                return Outcome(code=extensions.get("code"), fields=extensions.get("details") or {})
        raise_refusal(answer)
        return Outcome(answer.data)

    def show(
        self, template: str, content: Mapping[str, Any], block: str | None = None, *, status_code: int = 200
    ) -> Response:
        """The template under the supplier's brand, or the part of it that htmx asks for."""
        frame = {
            "base": self.base,
            "organization": self.organization["name"],
            "customer": self.customer,
            "logo": own_path(self.organization["logoUrl"]),
            "framed": self.request.headers.get("sec-fetch-dest") == "iframe",
        }
        full = {"w": self.words, "language": self.words.code, "portal": frame, **content}
        return render(self.request, f"portal/{template}.html", full, block, status_code=status_code)

    def home(self, done: str = "", **more: str) -> Response:
        """Back to the home page, which says what was done; htmx is told by its header."""
        query = "&".join(f"{key}={value}" for key, value in {"done": done, **more}.items() if value)
        url = self.base + (f"?{query}" if query else "")
        if self.is_htmx:
            return Response(status_code=204, headers={"HX-Redirect": url})
        return RedirectResponse(url, status_code=303)


Handler = Callable[[Visit], Awaitable[Response]]


def portal_page(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint below ``/customer-portal/{token}``; every failure gets a page that says nothing about anybody."""

    async def endpoint(request: Request) -> Response:
        settings: Settings = request.app.state.settings
        door = open_door(request, settings)
        if door is None:
            return refused(request, settings)
        context = context_of(request, None, portal_token=door.token)
        try:
            response = await _answer(handler, request, context, settings, door)
        except Unauthorized:
            return refused(request, settings)
        finally:
            await context.close()
        door.exchange(request, response)
        return guarded(response, settings)

    endpoint.__name__ = endpoint.__qualname__ = f"portal_{getattr(handler, '__name__', 'page')}"
    return endpoint


async def _answer(
    handler: Handler, request: Request, context: RequestContext, settings: Settings, door: Door
) -> Response:
    await context.visitor()
    words = preferred(request.headers.get("accept-language", ""))
    try:
        form = await request.form() if request.method == "POST" else FormData()
        answer = await run(context, "PortalFrame")
        raise_refusal(answer)
        data: Any = answer.data
        user = data["customerPortalUser"]
        words = words_of(user["applicableDocumentLocale"], user["applicableTimezone"])
        name = user["name"] or " ".join(part for part in (user["firstname"], user["lastname"]) if part)
        visit = Visit(request, context, settings, door, form, words, data["customerPortalOrganization"], name)
        if request.method == "POST" and not door.accepts_form(request, visit.posted(FORM_FIELD)):
            return _plain(request, words, 403, words.t("error_form"), "", door.base)
        return await handler(visit)
    except Refused as failure:
        if failure.status == 401:
            raise Unauthorized from None
        if failure.status == 404:
            return _plain(request, words, 404, words.t("not_found"), words.t("not_found_hint"), door.base)
        log.error("portal_page_refused", status=failure.status, code=failure.code)
    except Unauthorized:
        raise
    except Exception as failure:
        log.error("portal_page_failed", page=getattr(handler, "__name__", "page"), exc_info=failure)
    return _plain(request, words, 500, words.t("failed"), words.t("failed_hint"), door.base)


def refused(request: Request, settings: Settings) -> Response:
    """The one page of links that do not open, whatever the reason (spec 07 §5.1); htmx loads it whole."""
    words = preferred(request.headers.get("accept-language", ""))
    response = _plain(request, words, 401, words.t("link_invalid"), words.t("link_invalid_hint"), None)
    if request.headers.get("hx-request") == "true":
        response.headers["HX-Refresh"] = "true"
    return guarded(response, settings)


def _plain(request: Request, words: Words, status: int, heading: str, text: str, back: str | None) -> Response:
    content = {
        "w": words,
        "language": words.code,
        "title": heading,
        "heading": heading,
        "text": text,
        "back": back,
        "request_id": getattr(request.state, "request_id", None) if status == 500 else None,
    }
    return render(request, "portal/plain.html", content, status_code=status)
