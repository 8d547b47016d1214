"""What axe-core finds on a page that keeps people from using it."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

_AXE = Axe()
_SERIOUS = ("serious", "critical")


async def obstacles(page: Page, *, contrast_only: bool = False) -> list[str]:
    """Violations of serious or critical impact: the rule, what it asks for, and the elements.

    ``contrast_only``: for the other colour scheme of a page that was looked at whole.
    """
    options: dict[str, Any] = {"resultTypes": ["violations"], "iframes": False}  # frames are pages of their own
    if contrast_only:
        options["runOnly"] = ["color-contrast"]
    found: Any = await _AXE.run(page, options=options)
    return [
        f"{rule['id']} ({rule['help']}): " + "; ".join(node["html"][:160] for node in rule["nodes"][:4])
        for rule in found.response["violations"]
        if rule["impact"] in _SERIOUS
    ]
