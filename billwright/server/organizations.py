"""Organizations made from the command line: ``billwright org create`` and the demo."""

from __future__ import annotations

import importlib
from datetime import datetime
from typing import Any

from billwright.billing.kernel.db import Database
from billwright.server.settings import Settings

CREDENTIALS = ("organization_id", "api_key", "login_email", "login_password")


async def create_organization(
    settings: Settings, name: str, *, sandbox: bool = False, clock: datetime | None = None
) -> dict[str, str]:
    """Create an organization with an API key and a login; the values of ``CREDENTIALS``, shown this once only."""
    service: Any = importlib.import_module("billwright.billing.access.service")
    database = Database(settings.database_url, pool_size=2)
    try:
        async with database.transaction() as session:
            created = await service.create_organization(session, name, sandbox=sandbox, clock=clock)
            return credentials(created)
    finally:
        await database.close()


async def create_demo(settings: Settings) -> dict[str, str]:
    """Create the demo organization, billed for its past months; the values of ``CREDENTIALS``."""
    demo: Any = importlib.import_module("billwright.server.demo")
    return credentials(await demo.create_demo(settings))


def credentials(created: Any) -> dict[str, str]:
    """``CREDENTIALS`` of whatever carries them as keys or attributes."""
    return {name: str(created[name] if isinstance(created, dict) else getattr(created, name)) for name in CREDENTIALS}
