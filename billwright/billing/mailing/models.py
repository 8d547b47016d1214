"""E-mails: each is a row before it is sent, and stays one (spec 04 §22, 07 §3.5)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from billwright.billing.kernel.records import Record, blob, instant, jsonb, key


class Email(Record, table=True):
    """One message. All instants are system time.

    ``status``: ``queued`` -> ``sent`` | ``failed`` | ``kept`` (no mail server is configured: it stays readable in the
    back office's outbox). ``text`` may hold ``{link}``, which stands for what ``sealed_link`` encrypts.
    """

    __tablename__ = "emails"
    __table_args__ = (Index("ix_emails_organization", "organization_id", "created_at"),)

    organization_id: uuid.UUID | None = key("organizations.id", nullable=True)
    """Whose outbox shows it; ``None`` for what concerns a person, not an organization."""
    user_id: uuid.UUID | None = key("users.id", nullable=True, index=True)
    """Whom it concerns, where it belongs to no organization."""
    kind: str
    recipients: list[str] = jsonb(list)
    blind_recipients: list[str] = jsonb(list)
    subject: str
    text: str
    sealed_link: bytes | None = blob(nullable=True)
    status: str = Field(default="queued", sa_column_kwargs={"server_default": "queued"})
    error: str | None = None
    sent_at: datetime | None = instant(nullable=True)
