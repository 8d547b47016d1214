"""What a process offers to background work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billwright.billing.kernel.db import Database

if TYPE_CHECKING:
    from billwright.billing.metering.store.protocol import EventStore


@dataclass(frozen=True, slots=True)
class Runtime:
    """The database and the event store of this process."""

    database: Database
    event_store: EventStore
