"""Developers: background jobs with retry, and the REST API by example (spec 07 §7.9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from starlette.responses import Response

from billwright.server.rest import openapi
from billwright.server.rest.application import PREFIX, registry
from billwright.ui import formatting
from billwright.ui.components import status_of
from billwright.ui.rendering import CONTENT_SECURITY_POLICY, render
from billwright.ui.views.customers import load_frame
from billwright.ui.views.support import View
from billwright.ui.views.words import toast_words

STATUSES = ("queued", "running", "retrying", "failed", "succeeded")
UNFINISHED = ("queued", "running", "retrying")
_SUBJECTS = (
    ("invoice_id", "Invoice", "invoice"),
    ("subscription_id", "Subscription", "subscription"),
    ("customer_id", "Customer", "customer"),
    ("plan_id", "Plan", "plan"),
    ("billable_metric_id", "Metric", "billable-metric"),
)
"""Key of a job's arguments -> what it names, and the address of that."""


TABS = (
    ("keys", "API keys", "developers:keys:manage"),
    ("webhooks", "Webhooks", "developers:manage"),
    ("events", "Events", "developers:manage"),
    ("api-logs", "API logs", "developers:manage"),
    ("activity-logs", "Activity logs", "audit_logs:view"),
    ("jobs", "Jobs", "developers:manage"),
    ("emails", "E-mails", "developers:manage"),
    ("audit", "Audit", "developers:manage"),
    ("api", "API", "developers:manage"),
    ("graphql", "GraphQL", "developers:manage"),
)


def tabs(view: View, current: str) -> list[dict[str, Any]]:
    """The Developers pages that the member may see."""
    return [
        {"label": label, "href": f"{view.base}/developers/{key}", "current": key == current}
        for key, label, need in TABS
        if view.may(need)
    ]


async def job_list(view: View) -> Response:
    """``GET /{slug}/developers/jobs``."""
    return await _jobs(view)


async def retry(view: View) -> Response:
    """``POST /{slug}/developers/jobs/{id}/retry``, from a row of the list."""
    outcome = await view.change("RetryJob", id=view.path("job"))
    toast = ("positive", "Queued again") if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    path = f"{view.base}/developers/jobs"
    if not view.is_htmx:
        return view.redirect(path, toast)
    view.back_at(path)
    return await _jobs(view, toast)


async def _jobs(view: View, toast: tuple[str, str] | None = None) -> Response:
    chosen = view.query("status") if view.query("status") in STATUSES else None
    data = await view.ask(
        "JobList", **view.paging(), searchTerm=view.search or None, status=[chosen] if chosen else None
    )
    counts = {item["status"]: item["count"] for item in data["jobCounts"]}
    found = data["jobs"]
    content = {
        "title": "Jobs",
        "url": view.url,
        "tabs": tabs(view, "jobs"),
        "search": view.query("search"),
        "quick": [
            {
                "label": status_of("job", key).word if key else "All",
                "href": formatting.url_with(view.url, status=key, page=None),
                "current": key == chosen,
                "count": counts[key] if key and key != "succeeded" else None,
            }
            for key in (None, *STATUSES)
        ],
        "running": any(counts[key] for key in UNFINISHED),
        "page": view.pager(found["metadata"]),
        "jobs": [_row(view, item) for item in found["collection"]],
        "filtered": bool(view.search or chosen),
    }
    return await view.page("developers/jobs.html", "developers", content, toast=toast)


def _row(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": item["id"],
        "name": item["name"],
        "subject": _subject(view, item["arguments"]),
        "status": item["status"],
        "attempts": item["attempts"],
        "queued_at": item["createdAt"],
        "ended_at": item["finishedAt"],
        "took": _took(item["startedAt"], item["finishedAt"]),
        "error": item["error"],
    }


def _subject(view: View, arguments: Mapping[str, Any]) -> dict[str, str] | None:
    for key, word, place in _SUBJECTS:
        value = arguments.get(key)
        if isinstance(value, str):
            return {"label": f"{word} {value[:8]}…", "title": value, "href": f"{view.base}/{place}/{value}"}
    return None


def _took(start: str | None, end: str | None) -> str:
    """The last attempt's duration in words."""
    if not start:
        return "—"
    if not end:
        return "…"
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


async def api_page(view: View) -> Response:
    """``GET /{slug}/developers/api``."""
    api_url = f"{view.settings.api_url}{PREFIX}"
    content = {
        "title": "API",
        "url": view.url,
        "tabs": tabs(view, "api"),
        "api_url": api_url,
        "openapi_url": f"{view.settings.api_url}{PREFIX}/openapi.json",
        "docs_url": f"{view.settings.api_url}{PREFIX}/docs",
        "graphql_url": f"{view.settings.api_url}/graphql",
        "groups": _samples(api_url),
    }
    return await view.page("developers/api.html", "developers", content)


EXPLORER_POLICY = CONTENT_SECURITY_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""GraphiQL writes style sheets of its own; scripts stay those of this server."""
_SAMPLE = """# Ctrl-Enter runs it as you, in this organization.
# Ctrl-Space completes. The book holds the schema.

query Customers($searchTerm: String) {
  customers(searchTerm: $searchTerm, limit: 20) {
    collection {
      id
      displayName
      externalId
      activeSubscriptionsCount
    }
    metadata {
      totalCount
    }
  }
}
"""


async def graphql_page(view: View) -> Response:
    """``GET /{slug}/developers/graphql``: GraphiQL in the session of the page."""
    organization = (await load_frame(view))["organization"]
    content = {
        "title": "GraphQL",
        "organization": {"id": organization["id"], "name": organization["name"]},
        "back": f"{view.base}/developers/api",
        "csrf_token": view.csrf_token,
        "sample": _SAMPLE,
    }
    response = render(view.request, "developers/graphql.html", content)
    response.headers["Content-Security-Policy"] = EXPLORER_POLICY
    return response


@lru_cache(maxsize=8)
def _samples(api_url: str) -> list[dict[str, Any]]:
    """Every REST operation with a call that can be pasted, by resource."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in openapi.document("", registry())["paths"].items():
        for method, described in methods.items():
            media = described.get("requestBody", {}).get("content", {}).get("application/json", {})
            operation = {
                "method": method.upper(),
                "path": path,
                "summary": described["summary"],
                "sample": formatting.curl(method.upper(), api_url + path, media.get("example")),
            }
            groups.setdefault(described["tags"][0], []).append(operation)
    return [{"name": name.replace("_", " ").capitalize(), "operations": groups[name]} for name in sorted(groups)]
