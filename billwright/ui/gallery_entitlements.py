"""The gallery's features and entitlements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billwright.ui.gallery_samples import BASE, CHANGES, calls, frame, page, uid
from billwright.ui.gallery_subscriptions import entitled_head

Data = dict[str, Any]
AT = "2024-01-15T23:30:00Z"


def _row(code: str, label: str, value: str, plan: str | None = None) -> Data:
    own = plan is not None
    return {"code": code, "label": label, "value": value, "raw": value, "own": own, "plan": plan, "plan_raw": plan}


def _grant(code: str, name: str, *rows: Data, own: bool = False, **more: Any) -> Data:
    href = f"{BASE}/feature/1"
    return {"code": code, "name": name, "description": None, "href": href, "own": own, "rows": list(rows), **more}


GRANTS = [
    _grant("seats", "Seats", _row("max", "Maximum", "10"), _row("sign_in", "Sign-in", "okta")),
    {**_grant("audit", "Audit trail"), "description": "Who changed what, kept for ever"},
]
"""What the plan of the gallery grants."""
_OWN = [
    _grant("seats", "Seats", _row("max", "Maximum", "50", "10"), _row("sign_in", "Sign-in", "okta")),
    _grant("support", "Priority support", _row("hours", "Answer within", "4"), own=True),
]
_REMOVED = [
    _grant("audit", "Audit trail", whole=True),
    _grant("seats", "Seats", _row("guests", "Guests", "Yes"), whole=False),
]


def _features(url: str, *, empty: bool = False) -> Data:
    row = {
        "id": uid(1),
        "href": f"{BASE}/feature/1",
        "name": "Seats",
        "code": "seats",
        "privileges": 3,
        "plans": 4,
        "created_at": AT,
    }
    return {
        "title": "Features", "frame": frame("features"), "search": "", "can": CHANGES, "page": page(1, url),
        "features": [] if empty else [row],
        "api": calls("POST", "/features", "query FeatureList {\n  features { collection { code } }\n}", {"feature": {}}),
    }  # fmt: skip


def _feature() -> Data:
    return {
        "title": "Seats", "frame": frame("features"), "can": {"edit": True, "delete": True},
        "feature": {"href": f"{BASE}/feature/1", "name": "Seats", "code": "seats", "description": "Who may sign in", "plans": 4,
                    "subscriptions": 1, "facts": [{"label": "Plans", "value": "4"}]},
        "privileges": [{"code": "max", "name": "Maximum", "type": "Whole number", "options": ""},
                       {"code": "sign_in", "name": "Sign-in", "type": "One of a list", "options": "password, okta"}],
        "api": calls("GET", "/features/seats", "query FeaturePage {\n  feature(id: 1) { code }\n}"),
    }  # fmt: skip


def _feature_form(*, refused: bool = False) -> Data:
    row = {"code": "max", "name": "Maximum", "type": "integer", "options": "", "known": not refused, "error": None}
    listed = {**row, "code": "sign_in", "name": "", "type": "select", "known": False}
    types = [{"value": "integer", "label": "Whole number"}, {"value": "select", "label": "One of a list"}]
    return {
        "title": "New feature", "heading": "New feature", "frame": frame("features"), "action": f"{BASE}/create/feature",
        "back": f"{BASE}/features", "submit": "Create feature", "is_new": refused, "added": False, "types": types, "error": None,
        "values": {"name": "Seats", "code": "seats", "description": ""},
        "privileges": [row, {**listed, "error": "A list needs at least one option, separated by commas." if refused else None}],
        "errors": {"name": None, "code": "This is taken already." if refused else None, "description": None},
    }  # fmt: skip


def _form(active: str, title: str, back: str) -> Data:
    field = {
        "name": "value-1-0",
        "label": "Maximum",
        "value": "50",
        "options": [],
        "whole": True,
        "hint": "Plan: 10",
        "error": None,
    }
    choice = {
        **field,
        "name": "value-1-1",
        "label": "Sign-in",
        "value": "okta",
        "hint": None,
        "whole": False,
        "options": [{"value": "", "label": "—"}, {"value": "okta", "label": "okta"}],
        "error": "This is none of its options.",
    }
    seats = {
        "id": uid(1),
        "name": "Seats",
        "code": "seats",
        "description": "Who may sign in",
        "on": True,
        "fields": [field, choice],
    }
    return {
        "title": title, "frame": frame(active), "action": "#", "back": back, "back_label": "Scale", "can": {"create": True},
        "note": "41 active subscriptions have it at once, except for values of their own.", "error": None,
        "features": [seats, {**seats, "id": uid(2), "name": "Audit trail", "code": "audit", "on": False, "fields": []}],
    }  # fmt: skip


def _tab(grants: list[Data], removed: list[Data]) -> Data:
    return {**entitled_head(), "grants": grants, "removed": removed, "entitled": {"change": True}}


ENTITLEMENT_PAGES: dict[str, tuple[str, str, Callable[[str], Data]]] = {
    "/acme/features": ("Features", "entitlements/features.html", _features),
    "/acme/features/empty": ("Features, none", "entitlements/features.html", lambda url: _features(url, empty=True)),
    "/acme/feature/1": ("Feature", "entitlements/feature.html", lambda _: _feature()),
    "/acme/create/feature": ("New feature, refused", "entitlements/feature_form.html", lambda _: _feature_form(refused=True)),
    "/acme/feature/1/edit": ("Edit a feature", "entitlements/feature_form.html", lambda _: _feature_form()),
    "/acme/plan/1/entitlements": (
        "A plan's entitlements", "entitlements/form.html", lambda _: _form("plans", "Entitlements of Scale", f"{BASE}/plan/1")
    ),
    "/acme/subscription/1/entitlements": (
        "Subscription's entitlements", "subscriptions/page.html", lambda _: _tab(_OWN, _REMOVED)
    ),
    "/acme/subscription/1/entitlements/empty": (
        "Subscription without entitlements", "subscriptions/page.html", lambda _: _tab([], [])
    ),
}  # fmt: skip
"""Address -> name, template and context, as in ``gallery.PAGES``."""
