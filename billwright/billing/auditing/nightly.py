"""The nightly audit of live organizations, on a sample of their customers (spec 09 §3).

Each night another sample is looked at, and again whatever has open findings. What was open and is not found any more is
resolved; findings stay as they were first noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import case, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.models import Organization
from billwright.billing.auditing.checks import Finding
from billwright.billing.auditing.models import AuditFinding
from billwright.billing.auditing.service import ROLLUP_SAMPLE, Request, audit
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import new_id

NIGHTLY_SHARE = 5
"""Percent of the customers whose books are looked at in a night."""
_AT_ONCE = 200

log = structlog.get_logger(__name__)


async def audit_nightly(runtime: Runtime, *, share: int = NIGHTLY_SHARE) -> int:
    """Audit a sample of every live organization and keep what it finds; how many findings there were."""
    began = system_now()
    request = Request(kinds=("live",), share=share, seed=began.toordinal(), rollup_sample=ROLLUP_SAMPLE)
    database, number = runtime.database, 0
    waiting: list[Finding] = []
    async for finding in audit(database, request, events=runtime.event_store):
        waiting.append(finding)
        number += 1
        if len(waiting) == _AT_ONCE:
            await keep(database, waiting)
            waiting = []
    await keep(database, waiting)
    resolved = await _resolve(database, began)
    if number or resolved:
        log.warning("audit_findings", found=number, resolved=resolved)
    return number


async def keep(database: Database, findings: Sequence[Finding]) -> None:
    """Store findings, or see known ones again; what was resolved before is open anew from now on."""
    if not findings:
        return
    now = system_now()
    rows = {
        (finding.organization_id, finding.code, finding.object_type, finding.object_id): {
            "id": new_id(),
            "organization_id": finding.organization_id,
            "customer_id": finding.customer_id,
            "code": finding.code,
            "object_type": finding.object_type,
            "object_id": finding.object_id,
            "expected": finding.expected,
            "found": finding.found,
            "first_seen_at": now,
            "last_seen_at": now,
            "resolved_at": None,
        }
        for finding in findings
    }
    statement = insert(AuditFinding).values(list(rows.values()))
    new = statement.excluded
    reopened = col(AuditFinding.resolved_at).is_not(None)
    statement = statement.on_conflict_do_update(
        index_elements=["organization_id", "code", "object_type", "object_id"],
        set_={
            "expected": new.expected,
            "found": new.found,
            "customer_id": new.customer_id,
            "last_seen_at": new.last_seen_at,
            "first_seen_at": case((reopened, new.first_seen_at), else_=col(AuditFinding.first_seen_at)),
            "resolved_at": None,
        },
    )
    async with database.transaction() as session:
        await session.execute(statement)


async def _resolve(database: Database, began: datetime) -> int:
    """Findings that were open and were looked for, but not found again."""
    live = select(col(Organization.id)).where(col(Organization.kind) == "live")
    async with database.transaction() as session:
        resolved = await session.scalars(
            update(AuditFinding)
            .where(
                or_(col(AuditFinding.organization_id).in_(live), col(AuditFinding.organization_id).is_(None)),
                col(AuditFinding.resolved_at).is_(None),
                col(AuditFinding.last_seen_at) < began,
            )
            .values(resolved_at=system_now())
            .returning(col(AuditFinding.id))
        )
        return len(resolved.all())
