"""What waits in one organization beside due instants: marks and jobs, asked for in one statement.

A sandbox clock asks at every instant that it visits, and the answer is nearly always: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.statements import fetch

_WAITING = """
select
  exists (select from invoices where organization_id = $1 and status = 'draft' and ready_to_be_refreshed)
  or exists (select from lifetime_usage_marks where organization_id = $1 and due_at <= $2)
  or exists (select from wallet_marks where organization_id = $1),
  exists (select from jobs where organization_id = $1
    and (status = 'queued' or (status = 'running' and lease_until < $2))),
  exists (select from jobs where organization_id = $1 and status = 'running'),
  exists (select from jobs where organization_id = $1 and status = 'failed' and finished_at >= $3)
"""
"""The flags of ``Waiting``, in its order."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """``marks``: of drafts, lifetime usage or wallets. ``jobs``: that may be taken now, retries without waiting.
    ``running``: taken by some process. ``failed``: for good, since the instant given."""

    marks: bool
    jobs: bool
    running: bool
    failed: bool

    @property
    def work(self) -> bool:
        """Whether anything is to be done or waited for."""
        return self.marks or self.jobs or self.running


async def waiting_in(database: Database, organization_id: UUID, *, since: datetime) -> Waiting:
    """What waits in an organization now (system time), and whether jobs have failed ``since`` then."""
    async with database.reading() as session:
        [row] = await fetch(session, _WAITING, organization_id, system_now(), since)
    return Waiting(*row)
