"""Samples of the pages of sandboxes for the gallery. Development only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billwright.ui.gallery_access import AT, Errors, settings_page
from billwright.ui.gallery_samples import BASE, CLOCK, calls, frame, uid

Data = dict[str, Any]
HREF = f"{BASE}/settings/sandboxes"


def listed(*, empty: bool = False) -> Data:
    rows = [
        ("Acme trying out", "acme", True, True, True),
        ("Prices of 2025", "prices-of-2025", False, True, True),
        ("Staging", "staging", False, False, False),
    ]
    return settings_page(
        "Sandboxes", "Sandboxes", api=calls("GET", "/test_clock", "mutation New {\n  createSandboxOrganization { id }\n}"),
        sandboxes=[] if empty else [{"id": uid(at), "name": name, "slug": slug, "href": f"/{slug}", "now": AT, "here": here, "open": opens, "admin": admin}
                                    for at, (name, slug, here, opens, admin) in enumerate(rows)],
    )  # fmt: skip


def form() -> Data:
    return {
        "title": "New sandbox", "frame": frame("settings"), "action": "#", "back": HREF, "errors": Errors(), "error": None,
        "values": {"name": "", "clock": "2024-01-01T00:00", "source": ""},
        "sources": [{"value": "", "label": "Empty"}, {"value": uid(1), "label": "The catalogue of Acme Search"}],
    }  # fmt: skip


def ending(*, delete: bool = False) -> Data:
    heading = "Delete Acme trying out?" if delete else "Reset Acme trying out?"
    return {
        "title": heading, "heading": heading, "frame": frame("settings", CLOCK), "action": "#", "back": HREF, "delete": delete, "name": "Acme trying out",
        "figures": [{"label": "Customers", "value": "1,204"}, {"label": "Subscriptions", "value": "1,377"}, {"label": "Invoices", "value": "14,006"}],
        "values": {"confirm": "Acme", "clock": ""}, "errors": {**Errors(), "confirm": "This is not its name.", "clock": None}, "error": None,
    }  # fmt: skip


SANDBOX_PAGES: dict[str, tuple[str, str, Callable[[str], Data]]] = {
    "/acme/settings/sandboxes": ("Sandboxes", "settings/sandboxes.html", lambda url: listed()),
    "/acme/settings/sandboxes/none": ("Sandboxes, none", "settings/sandboxes.html", lambda url: listed(empty=True)),
    "/acme/settings/sandboxes/new": ("New sandbox", "settings/sandbox_form.html", lambda url: form()),
    "/acme/settings/sandboxes/reset": ("Reset a sandbox", "settings/sandbox_end.html", lambda url: ending()),
    "/acme/settings/sandboxes/delete": (
        "Delete a sandbox",
        "settings/sandbox_end.html",
        lambda url: ending(delete=True),
    ),
}
"""Address -> (label, template, context of an address), as in ``gallery.PAGES``."""
