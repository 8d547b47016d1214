"""Organizations, users, memberships, sessions and API keys."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from billwright.billing.kernel.records import Record, blob, instant, jsonb, key


class Organization(Record, table=True):
    """A tenant and its settings (spec 04 §24). ``kind`` is fixed at creation: ``live`` or ``sandbox`` (spec 09 §1)."""

    __tablename__ = "organizations"
    __table_args__ = (
        Index("ix_organizations_eu_rates_due", "eu_rates_due_at", postgresql_where=text("eu_rates_due_at is not null")),
    )

    name: str
    slug: str = Field(unique=True)
    entity_code: str | None = None
    """Code of the default billing entity, where the organization has been renamed since (spec 07 §9.6)."""
    kind: str = "live"
    clock_now: datetime | None = instant(nullable=True)
    clock_target: datetime | None = instant(nullable=True)
    clock_lease_until: datetime | None = instant(nullable=True)

    legal_name: str | None = None
    legal_number: str | None = None
    tax_identification_number: str | None = None
    email: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    zipcode: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    logo: bytes | None = blob(nullable=True)
    logo_content_type: str | None = None

    timezone: str = "UTC"
    default_currency: str = "USD"
    document_numbering: str = "per_customer"
    document_number_prefix: str
    net_payment_term: int = 0
    finalize_zero_amount_invoice: bool = True
    invoice_grace_period: int = 0
    document_locale: str = "en"
    invoice_footer: str | None = None
    subscription_invoice_issuing_date_anchor: str = "next_period_start"
    subscription_invoice_issuing_date_adjustment: str = "align_with_finalization_date"
    email_settings: list[str] = jsonb(list)
    authentication_methods: list[str] = jsonb(lambda: ["email_password", "google_oauth"])
    eu_tax_management: bool = False
    eu_rates_due_at: datetime | None = instant(nullable=True)
    """When the rates of the automatic EU taxes change next; null while nothing is known to change (spec 05 A5)."""
    webhook_event_types: list[str] = jsonb(list)
    """Event types that some webhook endpoint wants, ``*`` for all: what ``notifications.service.emit`` passes on."""

    customer_sequence: int = 0
    invoice_sequence: int = 0
    catalog_revision: int = 0


class User(Record, table=True):
    """A person; the e-mail address (lower case) is the identity."""

    __tablename__ = "users"

    email: str = Field(unique=True)
    password_hash: str | None = None
    session_version: int = 1


class Membership(Record, table=True):
    """A user's roles in an organization. ``status``: ``active`` | ``revoked``."""

    __tablename__ = "memberships"
    __table_args__ = (
        Index(
            "uq_memberships_active",
            "user_id",
            "organization_id",
            unique=True,
            postgresql_where=text("status = 'active'"),
        ),
    )

    user_id: uuid.UUID = key("users.id", index=True)
    organization_id: uuid.UUID = key("organizations.id", index=True)
    roles: list[str] = jsonb(list)
    status: str = "active"
    revoked_at: datetime | None = instant(nullable=True)


class Invite(Record, table=True):
    """An invitation to join an organization (spec 07 §3.4). ``status``: ``pending`` | ``accepted`` | ``revoked``.

    The token is looked up by its SHA-256 and kept encrypted, because the link may be copied again. It never expires.
    """

    __tablename__ = "invites"
    __table_args__ = (
        Index(
            "uq_invites_pending", "organization_id", "email", unique=True, postgresql_where=text("status = 'pending'")
        ),
    )

    organization_id: uuid.UUID = key("organizations.id", index=True)
    email: str
    roles: list[str] = jsonb(list)
    digest: bytes = Field(nullable=False, unique=True)
    sealed_token: bytes = blob()
    status: str = "pending"
    accepted_at: datetime | None = instant(nullable=True)
    revoked_at: datetime | None = instant(nullable=True)
    membership_id: uuid.UUID | None = key("memberships.id", nullable=True)


class OktaConnection(Record, table=True):
    """How members sign in by Okta (spec 07 §4.2). ``domain`` is their e-mail domain, unique over all organizations."""

    __tablename__ = "okta_connections"
    __table_args__ = (UniqueConstraint("organization_id"),)

    organization_id: uuid.UUID = key("organizations.id")
    domain: str = Field(unique=True)
    client_id: str
    sealed_secret: bytes = blob()
    secret_hint: str
    organization_name: str
    host: str | None = None
    default_role: str | None = None

    @property
    def effective_host(self) -> str:
        """Host of the provider, bare."""
        return self.host or f"{self.organization_name.lower()}.okta.com"


class UserSession(Record, table=True):
    """A signed-in session (system time). The cookie carries its id, signed."""

    __tablename__ = "user_sessions"

    user_id: uuid.UUID = key("users.id", index=True)
    login_method: str
    provider_organization_id: uuid.UUID | None = key("organizations.id", nullable=True)
    """The only organization that an Okta session opens (spec 07 §4.2)."""
    session_version: int
    expires_at: datetime = instant()
    revoked_at: datetime | None = instant(nullable=True)


class PasswordReset(Record, table=True):
    """A request to set a new password (system time). Only the token's SHA-256 is kept; it works once."""

    __tablename__ = "password_resets"

    user_id: uuid.UUID = key("users.id", index=True)
    digest: bytes = Field(nullable=False, unique=True)
    expires_at: datetime = instant()
    used_at: datetime | None = instant(nullable=True)


class ApiKey(Record, table=True):
    """A hashed API key (spec 07 §2). ``hint`` holds the last three characters of the value."""

    __tablename__ = "api_keys"

    organization_id: uuid.UUID = key("organizations.id", index=True)
    name: str | None = None
    digest: bytes = Field(nullable=False, unique=True)
    hint: str
    permissions: dict[str, list[str]] = jsonb()
    expires_at: datetime | None = instant(nullable=True)
    last_used_at: datetime | None = instant(nullable=True)
