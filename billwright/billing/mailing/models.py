"""E-mails: each is a row before it is sent, and stays one (spec 04 §22, 07 §3.5)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Index
from sqlalchemy import text as sql_text
from sqlmodel import Field

from billwright.billing.kernel.records import Record, blob, instant, jsonb, key


class Email(Record, table=True):
    """One message. All instants are system time.

    ``status``: ``queued`` -> ``sent`` | ``failed`` | ``kept`` (no mail server is configured: it stays readable in the
    back office's outbox). ``text`` may hold ``{link}``, which stands for what ``sealed_link`` encrypts.
    ``html`` is the same message as a page, and ``cid:logo`` in it the organization's logo.
    """

    __tablename__ = "emails"
    __table_args__ = (
        Index("ix_emails_organization", "organization_id", "created_at"),
        Index("ix_emails_document", "document_id", postgresql_where=sql_text("document_id is not null")),
    )

    organization_id: uuid.UUID | None = key("organizations.id", nullable=True)
    """Whose outbox shows it; ``None`` for what concerns a person, not an organization."""
    user_id: uuid.UUID | None = key("users.id", nullable=True, index=True)
    """Whom it concerns, where it belongs to no organization."""
    kind: str
    recipients: list[str] = jsonb(list)
    copy_recipients: list[str] = jsonb(list)
    blind_recipients: list[str] = jsonb(list)
    subject: str
    text: str
    html: str | None = None
    attachment_id: uuid.UUID | None = key("stored_files.id", nullable=True)
    attachment_name: str | None = None
    document_id: uuid.UUID | None = key(nullable=True)
    """The invoice or credit note that it brings."""
    once: str | None = Field(default=None, unique=True)
    """Names what may be written only once, such as an invoice's e-mail of its issue."""
    sealed_link: bytes | None = blob(nullable=True)
    status: str = Field(default="queued", sa_column_kwargs={"server_default": "queued"})
    error: str | None = None
    sent_at: datetime | None = instant(nullable=True)
