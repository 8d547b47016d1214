"""Adjusted fees

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "adjusted_fees",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("subscription_id", sa.UUID(), nullable=False),
        sa.Column("fee_type", sa.String(), nullable=False),
        sa.Column("charge_id", sa.UUID(), nullable=True),
        sa.Column("charge_filter_id", sa.UUID(), nullable=True),
        sa.Column("grouped_by", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("group_key", sa.String(), nullable=False),
        sa.Column("units", sa.Numeric(), nullable=True),
        sa.Column("unit_precise_amount", sa.Numeric(precision=30, scale=15), nullable=True),
        sa.Column("invoice_display_name", sa.String(), nullable=True),
        sa.CheckConstraint("fee_type in ('charge', 'subscription')", name=op.f("ck_adjusted_fees_fee_type")),
        sa.CheckConstraint("unit_precise_amount >= 0", name=op.f("ck_adjusted_fees_unit_precise_amount")),
        sa.CheckConstraint(
            "unit_precise_amount is null or units is not null", name=op.f("ck_adjusted_fees_units_of_amount")
        ),
        sa.CheckConstraint("units >= 0", name=op.f("ck_adjusted_fees_units")),
        sa.ForeignKeyConstraint(
            ["charge_filter_id"], ["charge_filters.id"], name=op.f("fk_adjusted_fees_charge_filter_id")
        ),
        sa.ForeignKeyConstraint(["charge_id"], ["charges.id"], name=op.f("fk_adjusted_fees_charge_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_adjusted_fees_invoice_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_adjusted_fees_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_adjusted_fees_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjusted_fees")),
    )
    op.create_index(
        "uq_adjusted_fees_bucket",
        "adjusted_fees",
        ["invoice_id", "subscription_id", "fee_type", "charge_id", "charge_filter_id", "group_key"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )


def downgrade() -> None:
    op.drop_index("uq_adjusted_fees_bucket", table_name="adjusted_fees", postgresql_nulls_not_distinct=True)
    op.drop_table("adjusted_fees")
