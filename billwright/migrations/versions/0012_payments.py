"""Payments

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payments",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("payable_type", sa.String(), nullable=False),
        sa.Column("payable_id", sa.UUID(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("payment_type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("payable_payment_status", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.CheckConstraint(
            "payable_payment_status in ('pending', 'processing', 'succeeded', 'failed')",
            name=op.f("ck_payments_payable_payment_status"),
        ),
        sa.CheckConstraint(
            "payment_type <> 'manual' or reference is not null", name=op.f("ck_payments_manual_reference")
        ),
        sa.CheckConstraint("payment_type in ('manual', 'provider')", name=op.f("ck_payments_type")),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_payments_amount")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_payments_customer_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_payments_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
    )
    op.create_index(
        "ix_payments_customer",
        "payments",
        ["customer_id", sa.literal_column("created_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index(
        "ix_payments_list",
        "payments",
        ["organization_id", sa.literal_column("created_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index("ix_payments_payable", "payments", ["payable_id", "payable_type"], unique=False)
    op.create_index(
        "uq_payments_open",
        "payments",
        ["payable_type", "payable_id"],
        unique=True,
        postgresql_where=sa.text("payment_type = 'provider' and payable_payment_status in ('pending', 'processing')"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_payments_open",
        table_name="payments",
        postgresql_where=sa.text("payment_type = 'provider' and payable_payment_status in ('pending', 'processing')"),
    )
    op.drop_index("ix_payments_payable", table_name="payments")
    op.drop_index("ix_payments_list", table_name="payments")
    op.drop_index("ix_payments_customer", table_name="payments")
    op.drop_table("payments")
