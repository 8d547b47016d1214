"""Developers: what the nightly audit found (spec 09 §3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.billing.auditing.service import CHECKS
from billwright.ui import formatting
from billwright.ui.views.developers import tabs
from billwright.ui.views.support import View

_TITLES = {item.code: item.title for item in CHECKS}
_ROLLUPS = "Usage rollups equal a recount of their events"
_PLACES = {
    "invoice": "invoice",
    "subscription": "subscription",
    "subscriptions": "subscription",
    "customer": "customer",
}
"""Kind of object -> its page."""


async def audit_findings(view: View) -> Response:
    """``GET /{slug}/developers/audit``."""
    resolved = view.query("view") == "resolved"
    data = await view.ask("AuditFindings", **view.paging(), resolved=resolved)
    found = data["auditFindings"]
    content = {
        "title": "Audit",
        "url": view.url,
        "tabs": tabs(view, "audit"),
        "quick": [
            {
                "label": label,
                "href": formatting.url_with(view.url, view=key, page=None),
                "current": (key == "resolved") == resolved,
                "count": None if key else data["openAuditFindingsCount"],
            }
            for key, label in ((None, "Open"), ("resolved", "Resolved"))
        ],
        "resolved": resolved,
        "findings": [_row(view, item) for item in found["collection"]],
        "page": view.pager(found["metadata"]),
    }
    return await view.page("developers/audit.html", "developers", content)


def _row(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    place = _PLACES.get(item["objectType"])
    object_id = item["objectId"].split(" ")[0]
    return {
        "code": item["code"],
        "title": _TITLES.get(item["code"], _ROLLUPS),
        "object": f"{item['objectType'].capitalize()} {object_id[:8]}…",
        "object_id": item["objectId"],
        "href": f"{view.base}/{place}/{object_id}" if place else None,
        "expected": item["expected"],
        "found": item["found"],
        "status": "resolved" if item["resolvedAt"] else "open",
        "first_seen": item["firstSeenAt"],
        "last_seen": item["lastSeenAt"],
    }
