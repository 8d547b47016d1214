"""Requests to the REST API: the list, and one with what was sent and answered (spec 07 §7.9, §9.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.filters import Filter, read_filters
from billwright.ui.views.developers import tabs
from billwright.ui.views.support import View

Data = Mapping[str, Any]
_CODES = ("200", "400", "403", "404", "405", "422", "429", "500")
FILTERS = (
    Filter("method", "Method", "choices", (("post", "POST"), ("put", "PUT, PATCH"), ("delete", "DELETE")), quick=True),
    Filter(
        "status",
        "Status",
        "choices",
        (("succeeded", "Succeeded"), ("failed", "Failed"), *((code, code) for code in _CODES)),
        quick=True,
    ),
    Filter("path", "Path", "texts", quick=True, hint="Whole paths; * stands for anything: */customers*"),
    Filter("day", "Day", "dates", quick=True, hint="Days in UTC."),
)


async def log_list(view: View) -> Response:
    """``GET /{slug}/developers/api-logs``: newest first; ``?id=`` shows one request in full."""
    if view.query("id"):
        return await _request(view)
    filters = read_filters(view.url, FILTERS)
    since, until = filters.span("day")
    data = await view.ask(
        "ApiLogList",
        **view.paging(),
        searchTerm=view.search or None,
        httpMethods=filters.many("method"),
        httpStatuses=filters.many("status"),
        requestPaths=filters.many("path"),
        fromDate=since,
        toDate=until,
    )
    found = data["apiLogs"]
    path = f"{view.base}/developers/api-logs"
    sample = {"tax": {"name": "VAT", "code": "vat", "rate": "20"}}
    content = {
        "title": "API logs",
        "url": view.url,
        "tabs": tabs(view, "api-logs"),
        "path": path,
        "search": view.query("search"),
        "filters": filters.bar,
        "filtered": bool(filters) or bool(view.search),
        "page": view.pager(found["metadata"]),
        "logs": [_row(path, item) for item in found["collection"]],
        "sample": formatting.curl("POST", f"{view.settings.api_url}/api/v1/taxes", sample),
        "api": view.api("ApiLogList", "GET", "/api_logs?per_page=20"),
    }
    return await view.page("developers/api_logs.html", "developers", content)


def _row(path: str, item: Data) -> dict[str, Any]:
    return {
        "href": f"{path}?{urlencode({'id': item['id']})}",
        "method": item["httpMethod"].upper(),
        "path": item["requestPath"].removeprefix("/api/v1"),
        "status": item["httpStatus"],
        "tone": tone(item["httpStatus"]),
        "client": item["client"],
        "at": item["loggedAt"],
    }


def tone(status: int) -> str:
    """The colour of an answer's status: neutral, the caller's mistake, ours."""
    return "muted" if status < 400 else "warning" if status < 500 else "negative"


async def _request(view: View) -> Response:
    item = (await view.ask("ApiLogPage", id=view.query("id")))["apiLog"]
    content = {
        "title": f"{item['httpMethod'].upper()} {item['requestPath']}",
        "url": view.url,
        "back": f"{view.base}/developers/api-logs",
        "log": {
            "request_id": item["requestId"],
            "api_key_id": item["apiKeyId"],
            "method": item["httpMethod"].upper(),
            "path": item["requestPath"],
            "origin": item["requestOrigin"],
            "status": item["httpStatus"],
            "tone": tone(item["httpStatus"]),
            "client": item["client"],
            "version": item["apiVersion"],
            "at": item["loggedAt"],
            "request": _shown(item["requestBody"]),
            "response": _shown(item["requestResponse"]),
        },
        "api": view.api("ApiLogPage", "GET", f"/api_logs/{item['requestId']}"),
    }
    return await view.page("developers/api_log.html", "developers", content)


def _shown(body: Data) -> dict[str, Any]:
    """A body to be read; of a long one, the text up to where it was cut."""
    if list(body) == ["truncated"]:
        return {"text": body["truncated"], "cut": True}
    return {"text": formatting.json_text(body) if body else "", "cut": False}
