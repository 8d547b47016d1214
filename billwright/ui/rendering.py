"""Pages and partials: one Jinja environment, and the choice of what part of a template answers a request.

A full load and a partial load of one URL give the same screen because partials are named blocks of the page's own
template. A block ``results`` fills the element ``id="results"``; htmx names the element it will swap in ``HX-Target``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from starlette.requests import Request
from starlette.responses import HTMLResponse

from billwright.ui import components, formatting

HERE = Path(__file__).parent
STATIC = HERE / "static"

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Policy of every page but the portal's, which may be framed (spec 07 §10, trap 18)."""

THEMES = ("light", "dark")


@cache
def static_url(name: str) -> str:
    """Address of a file under ``static/`` with a fingerprint of its content, so that it can be cached for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


class _Environment(Environment):
    """``can.update`` is the entry of that name, never the method of the dict."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if (type(obj) is dict or isinstance(obj, Mapping)) and attribute in obj:
            return obj[attribute]  # pyright: ignore[reportUnknownVariableType]
        return super().getattr(obj, attribute)


@cache
def environment() -> Environment:
    """The environment of all templates: autoescape on, a missing variable is an error."""
    env = _Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        money=formatting.money,
        money_with_currency=formatting.money_with_currency,
        unit_price=formatting.unit_price,
        units=formatting.units,
        percent=formatting.percent,
        rate=formatting.rate,
        plain_date=formatting.plain_date,
        relative_days=formatting.relative_days,
        initial=lambda text: (text.strip()[:1] or "?").upper(),
    )
    env.globals.update(
        static_url=static_url,
        share=formatting.share,
        change=formatting.change,
        url_with=formatting.url_with,
        query_pairs=formatting.query_pairs,
        curl=formatting.curl,
        status_of=components.status_of,
        when=components.when,
        frame_time=components.frame_time,
        day=components.day,
        amount=components.amount,
    )
    env.globals["ui"] = components.Macros(env)
    return env


def partial_block(request: Request, template: Template, block: str | None) -> str | None:
    """The block that answers this request, or ``None`` for the whole page.

    Whole pages answer plain loads, boosted links and htmx's restoring of history.
    """
    headers = request.headers
    if headers.get("hx-request") != "true" or headers.get("hx-history-restore-request") == "true":
        return None
    if block is not None:
        return block
    name = headers.get("hx-target", "").replace("-", "_")
    return name if name in template.blocks else None


def _part(request: Request, context: Mapping[str, Any]) -> str | None:
    """The included template that fills the element which htmx swaps, if the page names one for it."""
    headers = request.headers
    if headers.get("hx-request") != "true" or headers.get("hx-history-restore-request") == "true":
        return None
    parts: Mapping[str, str] = context.get("htmx_parts") or {}
    return parts.get(headers.get("hx-target", ""))


def render_text(template_name: str, context: Mapping[str, Any], block: str | None = None) -> str:
    """The template, or one of its blocks, as text. ``KeyError`` for a block that the template does not define."""
    template = environment().get_template(template_name)
    if block is None:
        return template.render(context)
    prepared = template.new_context(dict(context))
    return "".join(template.blocks[block](prepared))


def render(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    block: str | None = None,
    *,
    status_code: int = 200,
    toast: tuple[str, str] | None = None,
    events: Sequence[str] = (),
) -> HTMLResponse:
    """Answer with ``template`` filled from ``context``, whole or as the partial that the request asks for.

    ``block`` forces the partial for any htmx request (a form that swaps itself). ``toast`` is (tone, text), shown by
    the page after the swap; ``events`` are further events of the page then. Templates also see ``url`` (path and query
    of the request) and ``theme``. ``context["htmx_parts"]`` names included templates that answer htmx alone, by the
    element that it swaps.
    """
    theme = request.cookies.get("theme", "")
    query = f"?{request.url.query}" if request.url.query else ""
    full = {"url": request.url.path + query, "theme": theme if theme in THEMES else None, **context}
    template = _part(request, context) or template
    chosen = partial_block(request, environment().get_template(template), block)
    headers = {"Vary": "HX-Request, HX-Target, Cookie", "Cache-Control": "private, no-store"}
    triggered: dict[str, Any] = {"toast": {"tone": toast[0], "text": toast[1]}} if toast is not None else {}
    triggered |= dict.fromkeys(events)
    if triggered:
        headers["HX-Trigger"] = json.dumps(triggered)
    return HTMLResponse(render_text(template, full, chosen), status_code=status_code, headers=headers)
