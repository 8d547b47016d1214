"""Invoices, the subscriptions they bill, fees and applied taxes (spec 02 §7, 03 §3.6, 04 §1)."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.records import Record, Table, cents, contains_index, instant, jsonb, key, numeric

VISIBLE_STATUSES = ("draft", "finalized", "voided", "failed", "pending")
"""Statuses that lists and single reads show (spec 04 §2.1)."""
HIDDEN_STATUSES = ("generating", "open", "closed", "deleted")
"""All the others."""


class Invoice(Record, table=True):
    """A bill of one customer in one currency. All ``*_cents`` are minor units of ``currency`` (spec 04 §1.2).

    ``number`` and ``sequential_id`` are given in the transaction that finalizes, never before (spec 04 §4).
    """

    __tablename__ = "invoices"
    __table_args__ = (
        Index(
            "uq_invoices_customer_sequence",
            "customer_id",
            "sequential_id",
            unique=True,
            postgresql_where=text("sequential_id is not null"),
        ),
        Index(
            "uq_invoices_organization_sequence",
            "organization_id",
            "organization_sequential_id",
            unique=True,
            postgresql_where=text("organization_sequential_id is not null"),
        ),
        Index(
            "ix_invoices_list",
            "organization_id",
            text("issuing_date desc"),
            text("created_at desc"),
            "id",
            postgresql_where=text("status in ('draft', 'finalized', 'voided', 'failed', 'pending')"),
        ),
        Index(
            "ix_invoices_days",
            "organization_id",
            text("issuing_date desc"),
            postgresql_where=text("status in ('draft', 'finalized', 'voided', 'failed', 'pending')"),
        ),
        Index("ix_invoices_customer", "customer_id", text("issuing_date desc"), text("created_at desc")),
        Index("ix_invoices_generating", "created_at", postgresql_where=text("status = 'generating'")),
        Index("ix_invoices_pending", "customer_id", postgresql_where=text("status in ('pending', 'failed')")),
        Index("ix_invoices_number", "organization_id", "number"),
        contains_index("ix_invoices_search", "number"),
        Index("ix_invoices_states", "organization_id", "status", "payment_status", "currency"),
        Index(
            "ix_invoices_overdue_list",
            "organization_id",
            text("issuing_date desc"),
            text("created_at desc"),
            "id",
            postgresql_where=text("payment_overdue"),
        ),
        Index(
            "ix_invoices_disputed_list",
            "organization_id",
            text("issuing_date desc"),
            text("created_at desc"),
            "id",
            postgresql_where=text("payment_dispute_lost_at is not null"),
        ),
        Index(
            "ix_invoices_finalization_due",
            "finalization_due_at",
            postgresql_where=text("status = 'draft' and live"),
        ),
        Index(
            "ix_invoices_organization_drafts",
            "organization_id",
            "finalization_due_at",
            postgresql_where=text("status = 'draft'"),
        ),
        Index(
            "ix_invoices_stale",
            "organization_id",
            postgresql_where=text("status = 'draft' and ready_to_be_refreshed"),
        ),
        Index(
            "ix_invoices_overdue_due", "overdue_due_at", postgresql_where=text("overdue_due_at is not null and live")
        ),
        Index(
            "ix_invoices_organization_overdue",
            "organization_id",
            "overdue_due_at",
            postgresql_where=text("overdue_due_at is not null"),
        ),
        CheckConstraint("total_amount_cents >= 0", name="total"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    customer_id: uuid.UUID = key("customers.id")
    live: bool = True
    """Whether the organization is on system time; keeps sandboxes out of the live tick's indexes."""
    invoice_type: str = "subscription"
    status: str = "generating"
    payment_status: str = "pending"
    tax_status: str | None = None
    number: str
    sequential_id: int | None = None
    organization_sequential_id: int | None = None
    currency: str
    timezone: str
    """Time zone applied when the invoice was made (spec 03 §3.1)."""
    timestamp: datetime = instant()
    """The billing instant ``t``."""
    issuing_date: date
    payment_due_date: date
    expected_finalization_date: date | None = None
    finalization_due_at: datetime | None = instant(nullable=True)
    net_payment_term: int = 0
    applied_grace_period: int = 0
    fees_amount_cents: int = cents()
    coupons_amount_cents: int = cents()
    progressive_billing_credit_amount_cents: int = cents()
    sub_total_excluding_taxes_amount_cents: int = cents()
    taxes_amount_cents: int = cents()
    taxes_rate: Decimal = numeric()
    sub_total_including_taxes_amount_cents: int = cents()
    credit_notes_amount_cents: int = cents()
    prepaid_credit_amount_cents: int = cents()
    prepaid_granted_credit_amount_cents: int | None = cents(nullable=True)
    prepaid_purchased_credit_amount_cents: int | None = cents(nullable=True)
    offset_amount_cents: int = cents()
    """What finalized credit notes took off the amount due of this very invoice (spec 05 C1)."""
    total_amount_cents: int = cents()
    total_paid_amount_cents: int = cents()
    payment_overdue: bool = False
    overdue_due_at: datetime | None = instant(nullable=True)
    """When the overdue pass takes the invoice; null while nothing can make it overdue (spec 04 §13)."""
    payment_dispute_lost_at: datetime | None = instant(nullable=True)
    ready_to_be_refreshed: bool = False
    skip_automatic_payment: bool = False
    finalized_at: datetime | None = instant(nullable=True)
    voided_at: datetime | None = instant(nullable=True)
    issued_parties: dict[str, Any] | None = jsonb(nullable=True)
    """Seller and buyer as printed, fixed at finalization (spec 04 §19.2)."""
    file_id: uuid.UUID | None = key("stored_files.id", nullable=True)

    @property
    def total_due_amount_cents(self) -> int:
        """What is still owed: nothing once voided, else the total less payments and offsets (spec 04 §1.2)."""
        if self.status == "voided":
            return 0
        return self.total_amount_cents - self.total_paid_amount_cents - self.offset_amount_cents


class InvoiceSubscription(Record, table=True):
    """A subscription on an invoice with its windows (spec 03 §3.6). Exactly once: spec 03 §8.4 point 4."""

    __tablename__ = "invoice_subscriptions"
    __table_args__ = (
        Index("uq_invoice_subscriptions_invoice", "invoice_id", "subscription_id", unique=True),
        Index(
            "uq_invoice_subscriptions_period",
            "subscription_id",
            "charges_from_datetime",
            "charges_to_datetime",
            unique=True,
            postgresql_where=text("recurring and replaced_at is null"),
        ),
        Index(
            "uq_invoice_subscriptions_starting",
            "subscription_id",
            unique=True,
            postgresql_where=text("invoicing_reason = 'subscription_starting' and replaced_at is null"),
        ),
        Index(
            "uq_invoice_subscriptions_terminating",
            "subscription_id",
            unique=True,
            postgresql_where=text("invoicing_reason = 'subscription_terminating' and replaced_at is null"),
        ),
        Index("ix_invoice_subscriptions_subscription", "subscription_id", text("timestamp desc")),
    )

    organization_id: uuid.UUID = key("organizations.id")
    invoice_id: uuid.UUID = key("invoices.id")
    subscription_id: uuid.UUID = key("subscriptions.id")
    invoicing_reason: str
    recurring: bool = False
    timestamp: datetime = instant()
    from_datetime: datetime = instant()
    to_datetime: datetime = instant()
    charges_from_datetime: datetime = instant()
    charges_to_datetime: datetime = instant()
    charges_duration: int = 0
    window_case: str
    """The row of the table of spec 03 §3.6 that chose the windows; a refresh rebuilds them from it."""
    window_options: dict[str, Any] = jsonb()
    """What else chose the windows (unbilled sides, previous row), so that a refresh computes the same ones."""
    replaced_at: datetime | None = instant(nullable=True)


class Fee(Record, table=True):
    """One priced line (spec 02 §7, §11). ``fee_type``: charge, subscription, add_on, credit, commitment.

    ``precise_unit_amount`` is in currency units; ``amount_cents`` in minor units, rounded once, and
    ``precise_amount_cents`` the value before rounding. ``item`` and ``explanation`` hold what was priced as it was
    then (names, prices, bucket).
    """

    __tablename__ = "fees"
    __table_args__ = (
        Index(
            "uq_fees_bucket",
            "invoice_id",
            "subscription_id",
            "fee_type",
            "charge_id",
            "charge_filter_id",
            "group_key",
            "true_up_parent_fee_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text(
                "invoice_id is not null and deleted_at is null"
                " and (fee_type = 'subscription' or (fee_type = 'charge' and not pay_in_advance))"
            ),
        ),
        Index(
            "uq_fees_commitment",
            "invoice_id",
            "subscription_id",
            unique=True,
            postgresql_where=text("fee_type = 'commitment' and deleted_at is null"),
        ),
        Index(
            "uq_fees_event",
            "event_transaction_id",
            "external_subscription_id",
            "charge_id",
            "charge_filter_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("event_transaction_id is not null and deleted_at is null"),
        ),
        Index(
            "uq_fees_renewal",
            "subscription_id",
            "charge_id",
            "charge_filter_id",
            "group_key",
            "charges_from_datetime",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("fee_type = 'charge' and pay_in_advance and event_transaction_id is null"),
        ),
        Index(
            "ix_fees_event",
            "organization_id",
            "event_transaction_id",
            postgresql_where=text("event_transaction_id is not null"),
        ),
        Index(
            "ix_fees_paid_in_advance",
            "organization_id",
            "external_subscription_id",
            postgresql_where=text("invoice_id is null and payment_status = 'succeeded' and deleted_at is null"),
        ),
        Index("ix_fees_invoice", "invoice_id"),
        Index("ix_fees_subscription", "subscription_id", "fee_type"),
        Index("ix_fees_add_on", "add_on_id", postgresql_where=text("add_on_id is not null")),
        Index("ix_fees_list", "organization_id", "created_at", "id", postgresql_where=text("deleted_at is null")),
    )

    organization_id: uuid.UUID = key("organizations.id")
    customer_id: uuid.UUID = key("customers.id")
    invoice_id: uuid.UUID | None = key("invoices.id", nullable=True)
    subscription_id: uuid.UUID | None = key("subscriptions.id", nullable=True)
    external_subscription_id: str | None = None
    charge_id: uuid.UUID | None = key("charges.id", nullable=True)
    charge_filter_id: uuid.UUID | None = key("charge_filters.id", nullable=True)
    add_on_id: uuid.UUID | None = key("add_ons.id", nullable=True)
    true_up_parent_fee_id: uuid.UUID | None = key("fees.id", nullable=True)
    fee_type: str
    position: int = 0
    """Order inside the invoice, as computed."""
    currency: str
    amount_cents: int = cents()
    precise_amount_cents: Decimal = numeric(40, 15)
    units: Decimal = numeric()
    total_aggregated_units: Decimal | None = numeric(nullable=True)
    events_count: int | None = Field(default=None)
    precise_unit_amount: Decimal = numeric(30, 15)
    precise_coupons_amount_cents: Decimal = numeric(30, 5)
    precise_credit_notes_amount_cents: Decimal = numeric(30, 5)
    taxes_amount_cents: int = cents()
    taxes_precise_amount_cents: Decimal = numeric(40, 15)
    taxes_rate: Decimal = numeric()
    amount_details: dict[str, Any] = jsonb()
    grouped_by: dict[str, str] = jsonb()
    group_key: str = ""
    """Digest of ``grouped_by`` (empty when not grouped); part of the fee's identity."""
    pay_in_advance: bool = False
    invoiceable: bool = True
    from_datetime: datetime | None = instant(nullable=True)
    to_datetime: datetime | None = instant(nullable=True)
    charges_from_datetime: datetime | None = instant(nullable=True)
    charges_to_datetime: datetime | None = instant(nullable=True)
    charges_duration: int | None = None
    timestamp: datetime = instant()
    event_transaction_id: str | None = None
    invoice_display_name: str | None = None
    description: str | None = None
    item: dict[str, Any] = jsonb()
    """Snapshot: type, code, name, description, display names, filter values, charge model and properties."""
    explanation: dict[str, Any] = jsonb()
    deferred_tax_ids: list[str] | None = jsonb(nullable=True)
    """While the invoice waits for its taxes: those of its own levels, without the customer's (spec 05 A7)."""
    payment_status: str = "pending"
    succeeded_at: datetime | None = instant(nullable=True)
    failed_at: datetime | None = instant(nullable=True)
    refunded_at: datetime | None = instant(nullable=True)
    deleted_at: datetime | None = instant(nullable=True)


class FeeTax(Table, table=True):
    """A tax applied to a fee, with the tax as it was (spec 05 A3)."""

    __tablename__ = "fees_taxes"
    __table_args__ = (Index("ix_fees_taxes_fee", "fee_id"),)

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    fee_id: uuid.UUID = key("fees.id")
    tax_id: uuid.UUID | None = key("taxes.id", nullable=True)
    tax_code: str
    tax_name: str
    tax_description: str | None = None
    tax_rate: Decimal = numeric()
    amount_cents: int = cents()
    precise_amount_cents: Decimal = numeric(40, 15)
    currency: str
    created_at: datetime = instant()


class InvoiceTax(Table, table=True):
    """A tax of an invoice: base and amount summed over its fees (spec 05 A4)."""

    __tablename__ = "invoices_taxes"
    __table_args__ = (Index("ix_invoices_taxes_invoice", "invoice_id"),)

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    invoice_id: uuid.UUID = key("invoices.id")
    tax_id: uuid.UUID | None = key("taxes.id", nullable=True)
    tax_code: str
    tax_name: str
    tax_description: str | None = None
    tax_rate: Decimal = numeric()
    fees_amount_cents: int = cents()
    amount_cents: int = cents()
    currency: str
    created_at: datetime = instant()


class Credit(Record, table=True):
    """What reduced an invoice: a coupon, a credit note, or a progressive invoice of the same period (spec 04 §1.3).

    Exactly one source; each reduces an invoice at most once. ``before_taxes``: false for credit notes.
    """

    __tablename__ = "credits"
    __table_args__ = (
        Index(
            "uq_credits_source",
            "invoice_id",
            "applied_coupon_id",
            "credit_note_id",
            "progressive_billing_invoice_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_credits_applied_coupon", "applied_coupon_id", postgresql_where=text("applied_coupon_id is not null")),
        Index("ix_credits_credit_note", "credit_note_id", postgresql_where=text("credit_note_id is not null")),
        Index(
            "ix_credits_progressive_invoice",
            "progressive_billing_invoice_id",
            postgresql_where=text("progressive_billing_invoice_id is not null"),
        ),
        CheckConstraint(
            "num_nonnulls(applied_coupon_id, credit_note_id, progressive_billing_invoice_id) = 1", name="source"
        ),
        CheckConstraint("amount_cents >= 0", name="amount"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    invoice_id: uuid.UUID = key("invoices.id")
    applied_coupon_id: uuid.UUID | None = key("applied_coupons.id", nullable=True)
    credit_note_id: uuid.UUID | None = key("credit_notes.id", nullable=True)
    progressive_billing_invoice_id: uuid.UUID | None = key("invoices.id", nullable=True)
    position: int = 0
    """Order of use on the invoice."""
    amount_cents: int = cents()
    currency: str
    before_taxes: bool


class InvoiceMetadata(Record, table=True):
    """A key and value of an issued invoice (spec 04 §12); never printed."""

    __tablename__ = "invoice_metadata"
    __table_args__ = (Index("uq_invoice_metadata_key", "invoice_id", "key", unique=True),)

    invoice_id: uuid.UUID = key("invoices.id")
    key: str
    value: str


class InvoiceError(Record, table=True):
    """Why an invoice could not be computed or taxed (spec 04 §1.3 ``error_details``)."""

    __tablename__ = "invoice_errors"
    __table_args__ = (Index("ix_invoice_errors_invoice", "invoice_id"),)

    invoice_id: uuid.UUID = key("invoices.id")
    error_code: str
    details: dict[str, Any] = jsonb()


class CustomAggregationState(Table, table=True):
    """Closing state of a recurring custom aggregation for one period, bucket and group (spec 01 §9.3)."""

    __tablename__ = "custom_aggregation_states"
    __table_args__ = (
        Index(
            "uq_custom_aggregation_states",
            "organization_id",
            "external_subscription_id",
            "charge_id",
            "charge_filter_id",
            "group_key",
            "period_end",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: uuid.UUID = Field(default_factory=new_id, primary_key=True)
    organization_id: uuid.UUID = key("organizations.id")
    external_subscription_id: str
    charge_id: uuid.UUID = key("charges.id")
    charge_filter_id: uuid.UUID | None = key("charge_filters.id", nullable=True)
    group_key: str = ""
    group_values: list[str | None] = jsonb(list)
    period_end: datetime = instant()
    state: dict[str, Any] = jsonb()
    updated_at: datetime = instant()
