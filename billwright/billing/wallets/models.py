"""Wallets, their ledger, which inflow paid which outflow, and their top-up rules (spec 05 D1, D3, D6, D7)."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, text

from billwright.billing.kernel.records import Record, Table, cents, instant, jsonb, key, numeric

_ACTIVE = text("status = 'active'")


class Wallet(Record, table=True):
    """Prepaid credits of a customer. ``status``: ``active`` -> ``terminated``.

    ``*_cents`` in minor units of ``currency``; credits and ``rate_amount`` (currency units per credit) have 5
    decimals. ``funded_*``: everything ever granted or paid, less nothing; what is not in the balance was consumed,
    which the database holds to the cent. Money decides what an invoice can take; credits may drift from it by voids.
    """

    __tablename__ = "wallets"
    __table_args__ = (
        Index("uq_wallets_code", "customer_id", "code", unique=True, postgresql_where=_ACTIVE),
        Index("ix_wallets_customer", "customer_id", "status", "priority", "created_at"),
        Index("ix_wallets_list", "organization_id", "created_at", "id"),
        Index(
            "ix_wallets_usable",
            "customer_id",
            "currency",
            postgresql_where=text("status = 'active' and balance_cents > 0"),
        ),
        Index(
            "ix_wallets_expiration_due",
            "expiration_due_at",
            postgresql_where=text("expiration_due_at is not null and live"),
        ),
        Index(
            "ix_wallets_organization_expiration_due",
            "organization_id",
            "expiration_due_at",
            postgresql_where=text("expiration_due_at is not null"),
        ),
        CheckConstraint("rate_amount > 0", name="rate"),
        CheckConstraint("priority between 1 and 50", name="priority"),
        CheckConstraint("balance_cents >= 0 and credits_balance >= 0", name="balance"),
        CheckConstraint("consumed_amount_cents >= 0 and consumed_credits >= 0", name="consumed"),
        CheckConstraint("balance_cents + consumed_amount_cents = funded_amount_cents", name="money"),
        CheckConstraint("credits_balance + consumed_credits = funded_credits", name="credits"),
        CheckConstraint("paid_top_up_max_amount_cents >= paid_top_up_min_amount_cents", name="limits"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    customer_id: uuid.UUID = key("customers.id")
    live: bool = True
    """Whether the organization is on system time; keeps sandboxes out of the live tick's index."""
    status: str = "active"
    name: str | None = None
    code: str
    priority: int = 50
    currency: str
    rate_amount: Decimal = numeric(30, 5)
    balance_cents: int = cents()
    credits_balance: Decimal = numeric(40, 5)
    consumed_amount_cents: int = cents()
    consumed_credits: Decimal = numeric(40, 5)
    funded_amount_cents: int = cents()
    funded_credits: Decimal = numeric(40, 5)
    ongoing_usage_balance_cents: int = cents()
    ongoing_balance_cents: int = cents()
    depleted_ongoing_balance: bool = False
    last_balance_sync_at: datetime | None = instant(nullable=True)
    last_consumed_credit_at: datetime | None = instant(nullable=True)
    expiration_at: datetime | None = instant(nullable=True)
    expiration_due_at: datetime | None = instant(nullable=True)
    """The slot at which the expiry pass ends the wallet; null while nothing will."""
    terminated_at: datetime | None = instant(nullable=True)
    invoice_requires_successful_payment: bool = False
    paid_top_up_min_amount_cents: int | None = cents(nullable=True)
    paid_top_up_max_amount_cents: int | None = cents(nullable=True)
    allowed_fee_types: list[str] = jsonb(list)
    """Types of fees that the wallet pays; with no type and no metric (``WalletMetric``) it pays everything."""
    custom_metadata: dict[str, Any] | None = jsonb(nullable=True)
    initial_top_up: dict[str, Any] | None = jsonb(nullable=True)
    """What creation asked for, until the job has bought it."""
    moved: bool = False
    """Whether the balance has moved since the last refresh: threshold rules look only when something changed."""


class WalletMetric(Table, table=True):
    """A billable metric whose charges the wallet pays."""

    __tablename__ = "wallet_metrics"
    __table_args__ = (Index("ix_wallet_metrics_metric", "billable_metric_id"),)

    wallet_id: uuid.UUID = key("wallets.id", primary=True)
    billable_metric_id: uuid.UUID = key("billable_metrics.id", primary=True)


class WalletTransaction(Record, table=True):
    """One line of the ledger (spec 05 D3). ``amount_cents`` in the wallet's currency, ``credit_amount`` 5 decimals.

    ``transaction_type``: ``inbound`` (``purchased``, ``granted``), ``outbound`` (``voided``, ``invoiced``).
    ``status``: ``pending`` -> ``settled`` | ``failed``; ``failed`` -> ``settled``; a settled one never changes.
    ``remaining_amount_cents``: what is left of a settled inbound one; its sum is the wallet's balance.
    """

    __tablename__ = "wallet_transactions"
    __table_args__ = (
        Index("ix_wallet_transactions_wallet", "wallet_id", text("created_at desc"), text("id desc")),
        Index(
            "ix_wallet_transactions_remaining",
            "wallet_id",
            "priority",
            "created_at",
            postgresql_where=text("remaining_amount_cents > 0"),
        ),
        Index(
            "uq_wallet_transactions_invoiced",
            "invoice_id",
            "wallet_id",
            unique=True,
            postgresql_where=text("transaction_status = 'invoiced'"),
        ),
        Index(
            "uq_wallet_transactions_purchased",
            "invoice_id",
            unique=True,
            postgresql_where=text("transaction_status = 'purchased'"),
        ),
        Index(
            "uq_wallet_transactions_returned",
            "voided_invoice_id",
            "wallet_id",
            unique=True,
            postgresql_where=text("voided_invoice_id is not null"),
        ),
        Index(
            "uq_wallet_transactions_credit_note",
            "credit_note_id",
            unique=True,
            postgresql_where=text("credit_note_id is not null"),
        ),
        CheckConstraint("amount_cents > 0 and credit_amount >= 0", name="amount"),
        CheckConstraint(
            "(transaction_type = 'inbound' and transaction_status in ('purchased', 'granted'))"
            " or (transaction_type = 'outbound' and transaction_status in ('voided', 'invoiced'))",
            name="kind",
        ),
        CheckConstraint("status in ('pending', 'settled', 'failed')", name="status"),
        CheckConstraint(
            "(remaining_amount_cents is not null) = (transaction_type = 'inbound' and status = 'settled')",
            name="remaining_of_settled",
        ),
        CheckConstraint("remaining_amount_cents between 0 and amount_cents", name="remaining"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    wallet_id: uuid.UUID = key("wallets.id")
    invoice_id: uuid.UUID | None = key("invoices.id", nullable=True)
    """The invoice that bills a purchase, or that an outflow has paid."""
    voided_invoice_id: uuid.UUID | None = key("invoices.id", nullable=True)
    """The voided invoice whose payment came back."""
    credit_note_id: uuid.UUID | None = key("credit_notes.id", nullable=True)
    """The refund that took credits of a purchase away."""
    transaction_type: str
    transaction_status: str
    status: str
    source: str = "manual"
    amount_cents: int = cents()
    credit_amount: Decimal = numeric(40, 5)
    remaining_amount_cents: int | None = cents(nullable=True)
    priority: int = 50
    name: str | None = None
    entries: list[dict[str, Any]] = jsonb(list)
    """Its metadata: pairs of ``key`` and ``value``."""
    invoice_requires_successful_payment: bool = False
    cancelled: bool = False
    """A credit note ended the unpaid purchase: no payment settles it any more (spec 05 C6)."""
    settled_at: datetime | None = instant(nullable=True)
    failed_at: datetime | None = instant(nullable=True)


class WalletDraw(Table, table=True):
    """What an outbound transaction took of an inbound one (spec 05 D6)."""

    __tablename__ = "wallet_draws"
    __table_args__ = (
        Index("uq_wallet_draws", "outbound_id", "inbound_id", unique=True),
        Index("ix_wallet_draws_inbound", "inbound_id", "created_at"),
        CheckConstraint("amount_cents > 0", name="amount"),
    )

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    outbound_id: uuid.UUID = key("wallet_transactions.id")
    inbound_id: uuid.UUID = key("wallet_transactions.id")
    amount_cents: int = cents()
    created_at: datetime = instant()


class WalletRule(Record, table=True):
    """A recurring top-up rule (spec 05 D7), one active per wallet. ``status``: ``active`` -> ``terminated``.

    Credits have 5 decimals. ``threshold_credits`` only with the trigger ``threshold``, ``interval`` only with
    ``interval``, ``target_ongoing_balance`` only with the method ``target``.
    """

    __tablename__ = "wallet_rules"
    __table_args__ = (
        Index("uq_wallet_rules_active", "wallet_id", unique=True, postgresql_where=_ACTIVE),
        Index("ix_wallet_rules_wallet", "wallet_id", "created_at"),
        Index("ix_wallet_rules_due", "due_at", postgresql_where=text("due_at is not null and live")),
        Index(
            "ix_wallet_rules_organization_due", "organization_id", "due_at", postgresql_where=text("due_at is not null")
        ),
        Index("ix_wallet_rules_customer_due", "customer_id", "due_at", postgresql_where=text("due_at is not null")),
        CheckConstraint("status in ('active', 'terminated')", name="status"),
        CheckConstraint("(trigger = 'interval') = (\"interval\" is not null)", name="interval"),
        CheckConstraint("(trigger = 'threshold') = (threshold_credits is not null)", name="threshold"),
        CheckConstraint("(method = 'target') = (target_ongoing_balance is not null)", name="target"),
        CheckConstraint("paid_credits >= 0 and granted_credits >= 0", name="credits"),
        CheckConstraint("due_at is not distinct from least(top_up_due_at, expiration_due_at)", name="due"),
        CheckConstraint("status = 'active' or due_at is null", name="ended"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    customer_id: uuid.UUID = key("customers.id")
    wallet_id: uuid.UUID = key("wallets.id")
    live: bool = True
    """Whether the organization is on system time; keeps sandboxes out of the live tick's index."""
    status: str = "active"
    trigger: str
    method: str
    interval: str | None = None
    threshold_credits: Decimal | None = numeric(40, 5, nullable=True)
    target_ongoing_balance: Decimal | None = numeric(40, 5, nullable=True)
    paid_credits: Decimal = numeric(40, 5)
    granted_credits: Decimal = numeric(40, 5)
    started_at: datetime | None = instant(nullable=True)
    """The anchor of the interval; the wallet's creation where there is none."""
    expiration_at: datetime | None = instant(nullable=True)
    invoice_requires_successful_payment: bool = False
    ignore_paid_top_up_limits: bool = False
    grants_target_top_up: bool | None = None
    transaction_name: str | None = None
    entries: list[dict[str, Any]] = jsonb(list)
    """Metadata of the transactions: pairs of ``key`` and ``value``."""
    terminated_at: datetime | None = instant(nullable=True)
    top_up_due_at: datetime | None = instant(nullable=True)
    expiration_due_at: datetime | None = instant(nullable=True)
    due_at: datetime | None = instant(nullable=True)
    """The earlier of the two: what the scheduler reads."""


class WalletMark(Table, table=True):
    """A customer whose ongoing balances are to be computed again. Rows are only added, so that writers never wait for
    each other; a refresh removes those that it found."""

    __tablename__ = "wallet_marks"
    __table_args__ = (
        Index("ix_wallet_marks_customer", "customer_id"),
        Index("ix_wallet_marks_organization", "organization_id"),
    )

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key()
    customer_id: uuid.UUID = key()
    """No foreign key: its check would wait for whoever has locked the customer."""
    live: bool = True


class WalletWatch(Table, table=True):
    """Up to when an organization's received events have been looked through for customers with wallets."""

    __tablename__ = "wallet_watches"

    organization_id: uuid.UUID = key("organizations.id", primary=True)
    events_seen_until: datetime = instant()
