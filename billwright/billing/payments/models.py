"""The ledger of payments (spec 06 §0, §1)."""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, Index, text

from billwright.billing.kernel.records import Record, cents, contains_index, key

INVOICE = "Invoice"
"""Payable type of a payment that pays one invoice."""


class Payment(Record, table=True):
    """One attempt (``provider``) or one record (``manual``) of paying a payable.

    ``amount_cents`` in minor units of ``currency``. ``status`` is the provider's own word; ``payable_payment_status``
    is one of pending, processing, succeeded, failed. Manual payments are ``succeeded`` in both and dated by
    ``created_at``, the day on which they were received.
    """

    __tablename__ = "payments"
    __table_args__ = (
        Index(
            "ix_payments_list",
            "organization_id",
            text("created_at desc"),
            text("id desc"),
            postgresql_include=["payable_id", "payable_type"],
        ),
        Index("ix_payments_customer", "customer_id", text("created_at desc"), text("id desc")),
        contains_index("ix_payments_search", "reference"),
        Index("ix_payments_payable", "payable_id", "payable_type"),
        Index(
            "uq_payments_open",
            "payable_type",
            "payable_id",
            unique=True,
            postgresql_where=text("payment_type = 'provider' and payable_payment_status in ('pending', 'processing')"),
        ),
        CheckConstraint("amount_cents > 0", name="amount"),
        CheckConstraint("payment_type <> 'manual' or reference is not null", name="manual_reference"),
        CheckConstraint("payment_type in ('manual', 'provider')", name="type"),
        CheckConstraint(
            "payable_payment_status in ('pending', 'processing', 'succeeded', 'failed')", name="payable_payment_status"
        ),
    )

    organization_id: uuid.UUID = key("organizations.id")
    customer_id: uuid.UUID = key("customers.id")
    payable_type: str = INVOICE
    payable_id: uuid.UUID = key()
    amount_cents: int = cents()
    currency: str
    payment_type: str
    status: str
    payable_payment_status: str
    reference: str | None = None
