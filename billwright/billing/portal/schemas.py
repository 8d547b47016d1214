"""Wire outputs of the portal (spec 07 §5.1)."""

from __future__ import annotations

from typing_extensions import TypedDict


class PortalUrlOut(TypedDict):
    """``customer`` of ``GET /customers/{external_id}/portal_url``."""

    portal_url: str
