"""The frame around every page: organization, navigation, the person, the sandbox clock (spec 07 §7.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billwright.server.health import GITHUB_URL
from billwright.ui import formatting
from billwright.ui.components import navigation

if TYPE_CHECKING:
    from billwright.ui.views.support import View


async def make_frame(view: View, active: str | None, toasts: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The ``frame`` of ``templates/base.html``."""
    found = view.frame_data or await view.ask("Frame")
    organization, user = found["organization"], found["currentUser"]
    email: str = user["email"]
    return {
        "base": view.base,
        "active": active,
        "organization": {
            "name": organization["name"],
            "slug": organization["slug"],
            "logo_url": formatting.own_path(organization["logoUrl"]),
            "timezone": organization["timezone"],
        },
        "organizations": [_choice(item, organization["id"]) for item in user["memberships"]],
        "user": {"name": email.partition("@")[0], "email": email, "initials": _initials(email)},
        "version": found["currentVersion"]["number"],
        "release_url": f"{GITHUB_URL}/releases/tag/v{found['currentVersion']['number']}",
        "navigation": navigation(view.slug, view.permissions),
        "clock": clock(organization["clock"], may_advance=view.may("developers:manage")),
        "csrf_token": view.csrf_token,
        "toasts": list(toasts),
    }


def clock(found: Mapping[str, Any] | None, *, may_advance: bool) -> dict[str, Any] | None:
    """The sandbox clock as the header shows it; ``None`` for live organizations."""
    if found is None:
        return None
    advancing = found["status"] == "advancing"
    failed: list[Mapping[str, str]] = found["failedJobs"]
    error = found["error"]
    if not advancing and not error and failed:
        count = len(failed)
        error = f"{count} job{'' if count == 1 else 's'} failed on the way, first: {failed[0]['name']}"
    return {
        "now": found["now"],
        "status": found["status"],
        "target": found["target"],
        "next_due_at": found["nextDueAt"],
        "period_end": found["periodEndAt"] if found["periodEndAt"] != found["nextDueAt"] else None,
        "progress": _progress(found) if advancing else None,
        "error": error,
        "can_advance": may_advance,
    }


def _progress(found: Mapping[str, Any]) -> int | None:
    """How much of the time between start and target has passed, in percent."""
    if not found["startedFrom"] or not found["target"]:
        return None
    start, now, target = (datetime.fromisoformat(found[key]) for key in ("startedFrom", "now", "target"))
    whole = (target - start).total_seconds()
    return max(0, min(99, int((now - start).total_seconds() * 100 / whole))) if whole > 0 else None


def _choice(item: Mapping[str, Any], current: str) -> dict[str, Any]:
    organization = item["organization"]
    return {
        "name": organization["name"],
        "href": f"/{organization['slug']}",
        "sandbox": organization["kind"] == "sandbox",
        "current": organization["id"] == current,
        "locked": None if item["accessibleByCurrentSession"] else "Log in another way to open it",
    }


def _initials(email: str) -> str:
    parts = [part for part in email.partition("@")[0].replace("_", ".").replace("-", ".").split(".") if part]
    return ("".join(part[0] for part in parts[:2]) or "?").upper()
