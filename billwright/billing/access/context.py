"""The context of a use case: whose data, on which clock, in which transaction, on whose behalf."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from billwright.billing.access.models import Organization
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session

if TYPE_CHECKING:
    from billwright.billing.metering.store.protocol import EventStore


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: ``kind`` is ``api_key``, ``user``, ``portal`` or ``system``; ``id`` names which one.

    ``email``: of a user, as it is now.
    """

    kind: str
    id: UUID | None = None
    email: str | None = None


SYSTEM = Actor("system")


@dataclass(slots=True)
class Context:
    """First argument of every use case. Queries must filter by ``organization_id``."""

    session: Session
    organization: Organization
    actor: Actor = SYSTEM
    event_store: EventStore | None = None
    request_id: str | None = None
    api_url: str = ""
    """Public base of the API, without a trailing slash; signed file links start with it."""
    app_url: str = ""
    """Public base of the pages."""
    allow_private_networks: bool = False
    """Whether user-given URLs may lead to private addresses (setting ``WEBHOOK_ALLOW_PRIVATE_NETWORKS``)."""

    @property
    def organization_id(self) -> UUID:
        return self.organization.id

    @property
    def events(self) -> EventStore:
        """The event store; a use case that meters cannot run without one."""
        if self.event_store is None:
            raise RuntimeError("this context was made without an event store")
        return self.event_store

    def now(self) -> datetime:
        """The organization's present: system time when live, the stored clock in a sandbox (spec 09 §1)."""
        if self.organization.kind == "sandbox" and self.organization.clock_now is not None:
            return self.organization.clock_now
        return system_now()
