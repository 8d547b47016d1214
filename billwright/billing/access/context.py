"""The context of a use case: whose data, on which clock, in which transaction, on whose behalf."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from billwright.billing.access.models import Organization
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: ``kind`` is ``api_key``, ``user``, ``portal`` or ``system``; ``id`` names which one."""

    kind: str
    id: UUID | None = None


SYSTEM = Actor("system")


@dataclass(slots=True)
class Context:
    """First argument of every use case. Queries must filter by ``organization_id``."""

    session: Session
    organization: Organization
    actor: Actor = SYSTEM
    at: datetime | None = None
    """The instant at which due work happens (spec 00 rule 15); ``None``: the organization's present."""
    request_id: str | None = field(default=None)

    @property
    def organization_id(self) -> UUID:
        return self.organization.id

    def now(self) -> datetime:
        """The organization's present: system time when live, the stored clock in a sandbox (spec 09 §1)."""
        if self.at is not None:
            return self.at
        if self.organization.kind == "sandbox" and self.organization.clock_now is not None:
            return self.organization.clock_now
        return system_now()
