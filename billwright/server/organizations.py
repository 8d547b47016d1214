"""Organizations made from the command line: ``billwright org create`` and the demo."""

from __future__ import annotations

import importlib
import secrets
from datetime import datetime
from typing import Any

from billwright.billing.access.naming import slug_base
from billwright.billing.access.service import create_organization as create
from billwright.billing.kernel.db import Database
from billwright.server.settings import Settings

CREDENTIALS = ("organization_id", "api_key", "login_email", "login_password")
LOGIN_DOMAIN = "billwright.example"
"""Reserved (RFC 2606): no mail ever reaches a stranger."""


async def create_organization(
    settings: Settings, name: str, *, sandbox: bool = False, clock: datetime | None = None
) -> dict[str, str]:
    """Create an organization with an API key and a login; the values of ``CREDENTIALS``, shown this once only.

    ``clock`` is a sandbox's first instant. Raises ``ValidationFailed``.
    """
    database = Database(settings.database_url, pool_size=2)
    email = f"{slug_base(name)}-{secrets.token_hex(3)}@{LOGIN_DOMAIN}"
    password = new_password()
    try:
        async with database.transaction() as session:
            created = await create(
                session,
                name,
                kind="sandbox" if sandbox else "live",
                clock=clock,
                owner_email=email,
                owner_password=password,
            )
    finally:
        await database.close()
    return {
        "organization_id": str(created.organization.id),
        "api_key": created.api_key_value,
        "login_email": email,
        "login_password": password,
    }


def new_password() -> str:
    """A random password of 20 characters that satisfies the rules of spec 07 §3.5."""
    return secrets.token_urlsafe(12) + "-aZ7"


async def create_demo(settings: Settings) -> dict[str, str]:
    """Create the demo organization, billed for its past months; the values of ``CREDENTIALS``."""
    demo: Any = importlib.import_module("billwright.server.demo")
    created = await demo.create_demo(settings)
    return {name: str(created[name] if isinstance(created, dict) else getattr(created, name)) for name in CREDENTIALS}
