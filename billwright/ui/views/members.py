"""Members and invitations (spec 07 §7.10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.views.public import ROLES
from billwright.ui.views.settings import tabs
from billwright.ui.views.support import View
from billwright.ui.views.words import field_errors, in_words, toast_words


async def members(view: View) -> Response:
    """``GET /{slug}/settings/members``."""
    return await _members(view)


async def _members(
    view: View, invited: Mapping[str, Any] | None = None, fields: Mapping[str, list[str]] | None = None, code: str = ""
) -> Response:
    """The page; with ``code``, why the invitation that the form holds could not be made."""
    role = view.query("role") if view.query("role") in ROLES else None
    data = await view.ask("MemberList", **view.paging(), searchTerm=view.search or None, role=role)
    found, me = data["memberships"], view.frame_data
    metadata = found["metadata"]
    own = (me or await view.ask("Frame"))["currentUser"]["email"]
    counts = {"admin": metadata["adminCount"], "manager": metadata["managerCount"], "finance": metadata["financeCount"]}
    content = {
        "title": "Members · Settings",
        "url": view.url,
        "tabs": tabs(view, "members"),
        "search": view.query("search"),
        "quick": [
            {
                "label": label,
                "href": formatting.url_with(view.url, role=key, page=None),
                "current": role == key,
                "count": counts[key] if key else None,
            }
            for key, label in ((None, "All"), *ROLES.items())
        ],
        "members": [
            {
                "id": item["id"],
                "email": item["user"]["email"],
                "roles": item["roles"],
                "shown": ", ".join(ROLES[each] for each in item["roles"]) or "No role yet",
                "since": item["createdAt"],
                "me": item["user"]["email"] == own,
                "last_admin": "admin" in item["roles"] and counts["admin"] == 1,
            }
            for item in found["collection"]
        ],
        "invites": [
            {
                "id": item["id"],
                "email": item["email"],
                "roles": item["roles"],
                "shown": ", ".join(ROLES[each] for each in item["roles"]),
                "since": item["createdAt"],
                "link": item["url"],
            }
            for item in data["invites"]["collection"]
        ],
        "page": view.pager(metadata),
        "filtered": bool(view.search or role),
        "roles": ROLES,
        "can": {
            "invite": view.may("organization:members:create"),
            "edit": view.may("organization:members:update"),
            "remove": view.may("organization:members:delete"),
        },
    }
    errors = field_errors(fields or {})
    content |= {
        "invited": invited or {"email": "", "roles": ["manager"]},
        "errors": {name: errors.get(name) for name in ("email", "roles")},
        "error": next((words for name, words in errors.items() if name not in ("email", "roles")), None)
        or (in_words(code) if code and not errors else None),
    }
    content["htmx_parts"] = {"invite-form": "settings/invite_form.html"}
    return await view.page("settings/members.html", "settings", content, status_code=422 if code else 200)


async def invite(view: View) -> Response:
    """``POST /{slug}/settings/members/invite``: the link is shown to be copied."""
    invited = {"email": view.posted("email"), "roles": _roles(view)}
    outcome = await view.change("CreateInvite", **invited)
    if not outcome.ok:
        view.address = f"{view.base}/settings/members"
        return await _members(view, invited, outcome.fields, outcome.code or "")
    made = outcome.data["createInvite"]
    return _back(view, ("positive", f"{made['email']} is invited. Copy the link below and share it."))


async def change_invite(view: View) -> Response:
    """``POST /{slug}/settings/invites/{id}``."""
    return await _change(view, "Saved", "UpdateInvite", id=view.path("invite"), roles=_roles(view))


async def withdraw_invite(view: View) -> Response:
    """``POST /{slug}/settings/invites/{id}/revoke``."""
    return await _change(view, "Invitation withdrawn", "RevokeInvite", id=view.path("invite"))


async def change_member(view: View) -> Response:
    """``POST /{slug}/settings/members/{id}``."""
    return await _change(view, "Saved", "UpdateMembership", id=view.path("member"), roles=_roles(view))


async def remove_member(view: View) -> Response:
    """``POST /{slug}/settings/members/{id}/revoke``."""
    return await _change(view, "Member removed", "RevokeMembership", id=view.path("member"))


def _roles(view: View) -> list[str]:
    sent = {str(value) for value in view.form.getlist("roles")}
    return [role for role in ROLES if role in sent]


async def _change(view: View, words: str, operation: str, **variables: Any) -> Response:
    """Back at the list, which says what was done or why not: two admins may be at it at once."""
    outcome = await view.attempt(operation, _TOLD, **variables)
    return _back(view, ("positive", words) if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields)))


_TOLD = frozenset(
    "role_not_found cannot_update_accepted_invite cannot_update_revoked_invite cannot_grant_admin".split()
)
"""Refusals of the form's content and of the state that the list shows, no matter of the reader's permissions."""


def _back(view: View, toast: tuple[str, str]) -> Response:
    return view.redirect(f"{view.base}/settings/members", toast)
