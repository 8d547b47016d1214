"""What the nightly audit found (spec 09 §3)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Index, text

from billwright.billing.kernel.records import Table, instant, key


class AuditFinding(Table, table=True):
    """A contradiction in the books. One row per check and object; instants are system time.

    ``expected`` and ``found`` are text, as people read it. ``resolved_at`` is set once the check no longer finds it.
    ``customer_id``: whose books it concerns, so that they are looked at again each night until it is resolved; null for
    what concerns no single customer. ``organization_id`` is null for what concerns the installation.
    """

    __tablename__ = "audit_findings"
    __table_args__ = (
        Index(
            "uq_audit_findings_object",
            "organization_id",
            "code",
            "object_type",
            "object_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_audit_findings_list", "organization_id", text("last_seen_at desc"), "id"),
        Index(
            "ix_audit_findings_open_customer",
            "customer_id",
            postgresql_where=text("resolved_at is null and customer_id is not null"),
        ),
    )

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID | None = key("organizations.id", nullable=True)
    customer_id: uuid.UUID | None = key(nullable=True)
    code: str
    object_type: str
    object_id: str
    expected: str
    found: str
    first_seen_at: datetime = instant()
    last_seen_at: datetime = instant()
    resolved_at: datetime | None = instant(nullable=True)
