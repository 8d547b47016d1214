"""Webhook endpoints, the log of their deliveries, and the keys that sign them (spec 06 §16)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field

from billwright.billing.kernel.records import Record, Table, blob, instant, jsonb, key


class WebhookEndpoint(Record, table=True):
    """A receiver of an organization's events. ``event_types``: null is everything, an empty list nothing."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        Index("uq_webhook_endpoints_organization_id_webhook_url", "organization_id", "webhook_url", unique=True),
    )

    organization_id: uuid.UUID = key("organizations.id")
    webhook_url: str
    signature_algo: str = "jwt"
    name: str | None = None
    event_types: list[str] | None = jsonb(nullable=True)


class Webhook(Record, table=True):
    """One event for one endpoint: what is sent, and what came of it. All instants are system time.

    ``status``: ``pending`` -> ``succeeded`` | ``retrying`` -> ``succeeded`` | ``failed``. ``due_at`` is set while an
    attempt is to be made, ``lease_until`` while one is under way. ``event_id`` is the job that made the payload.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        Index("uq_webhooks_event_id_endpoint_id", "event_id", "endpoint_id", unique=True),
        Index("ix_webhooks_open", "endpoint_id", "due_at", postgresql_where=text("due_at is not null")),
        Index("ix_webhooks_leased", "endpoint_id", postgresql_where=text("lease_until is not null")),
        Index("ix_webhooks_endpoint_id_updated_at", "endpoint_id", "updated_at"),
        Index("ix_webhooks_endpoint_id_object_id", "endpoint_id", "object_id"),
        Index("ix_webhooks_updated_at", "updated_at"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    endpoint_id: uuid.UUID = key()
    """No foreign key: a deleted endpoint's rows are invisible at once and go in batches."""
    event_id: uuid.UUID = key()
    webhook_type: str
    object_type: str
    object_id: uuid.UUID | None = key(nullable=True)
    endpoint: str
    """The URL of the last attempt."""
    payload: bytes = blob()
    status: str = "pending"
    retries: int = 0
    last_retried_at: datetime | None = instant(nullable=True)
    http_status: int | None = None
    response: str | None = None
    single_attempt: bool = False
    """A manual re-send: a failure is final."""
    due_at: datetime | None = instant(nullable=True)
    lease_until: datetime | None = instant(nullable=True)


class WebhookHmacKey(Table, table=True):
    """The key of an organization's HMAC signatures, encrypted."""

    __tablename__ = "webhook_hmac_keys"

    organization_id: uuid.UUID = key("organizations.id", primary=True)
    sealed: bytes = blob()


class SigningKey(Table, table=True):
    """The installation's RSA key where the settings give none; encrypted. The only ``purpose`` is ``webhooks``."""

    __tablename__ = "signing_keys"

    purpose: str = Field(primary_key=True)
    sealed: bytes = blob()
