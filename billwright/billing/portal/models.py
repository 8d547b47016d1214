"""What customers bought by themselves (spec 07 §5.4)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Index, text

from billwright.billing.kernel.records import Table, instant, key


class PortalTopUp(Table, table=True):
    """A purchase of credits in the portal: one row per purchase, and one per form however often it is sent.

    ``form_digest``: SHA-256 of the form's token; null when none was sent. ``created_at`` is system time, as the
    throttle is.
    """

    __tablename__ = "portal_top_ups"
    __table_args__ = (
        Index(
            "uq_portal_top_ups_form",
            "customer_id",
            "form_digest",
            unique=True,
            postgresql_where=text("form_digest is not null"),
        ),
        Index("ix_portal_top_ups_throttle", "customer_id", "created_at"),
    )

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    customer_id: uuid.UUID = key("customers.id")
    wallet_transaction_id: uuid.UUID = key("wallet_transactions.id")
    form_digest: str | None = None
    created_at: datetime = instant()
