"""Up to when an organization's events have been looked at (spec 01 §2.12)."""

from __future__ import annotations

import uuid
from datetime import datetime

from billwright.billing.kernel.records import Table, instant, key


class EventCheck(Table, table=True):
    """``checked_until``: the end of the last hour that the hourly check has judged, on the organization's clock."""

    __tablename__ = "event_checks"

    organization_id: uuid.UUID = key("organizations.id", primary=True)
    checked_until: datetime = instant()
