"""Noting a change for the activity log; the row is made when the transaction ends (spec 07 §9.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import inspect

from billwright.billing.access.context import Context
from billwright.billing.kernel.closing import note
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.ids import new_id

_SOURCES = {"api_key": "api", "user": "front"}


@dataclass(frozen=True, slots=True)
class Activity:
    """A change that is to be logged. ``fresh``: the changed object's row, if this transaction makes it."""

    id: UUID
    ctx: Context
    activity_type: str
    object_type: str
    object_id: UUID
    logged_at: datetime
    fresh: Any = None

    @property
    def source(self) -> str:
        return _SOURCES.get(self.ctx.actor.kind, "system")


def record(ctx: Context, activity_type: str, object_type: str, object_id: UUID, item: Any = None) -> None:
    """Log that the caller did ``activity_type`` (such as ``coupon.updated``) to an object, if the transaction commits.

    What is announced to webhooks (``notifications.service.emit``) is logged with it. ``object_type`` is a name of
    ``activity_logs.subjects``; others are not logged. ``item``: the object's row where the caller has it at hand, so
    that a new one is not read again.
    """
    fresh = item if item is not None and not inspect(item).persistent else None
    note(ctx.session, _write, Activity(new_id(), ctx, activity_type, object_type, object_id, ctx.now(), fresh))


async def _write(session: Session, noted: list[Activity]) -> None:
    # Imported late: whoever shows the objects of a room imports it, and the rooms import this module to note changes.
    from billwright.billing.activity_logs.writing import write_activities

    await write_activities(session, noted)
