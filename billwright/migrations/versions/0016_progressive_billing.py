"""Progressive billing

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lifetime_usage_marks",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("external_subscription_id", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_lifetime_usage_marks")),
    )
    op.create_index(
        "ix_lifetime_usage_marks_owner",
        "lifetime_usage_marks",
        ["organization_id", "external_subscription_id"],
        unique=False,
    )
    op.create_table(
        "lifetime_usages",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("subscription_id", sa.UUID(), nullable=False),
        sa.Column("external_historical_usage_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("invoiced_usage_amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("current_usage_amount_cents", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("external_historical_usage_amount_cents >= 0", name=op.f("ck_lifetime_usages_historical")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_lifetime_usages_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_lifetime_usages_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifetime_usages")),
    )
    op.create_index("uq_lifetime_usages_subscription", "lifetime_usages", ["subscription_id"], unique=True)
    op.create_table(
        "progressive_invoices",
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("external_subscription_id", sa.String(), nullable=False),
        sa.Column("charges_from_datetime", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoiced_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("lifetime_usage_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("threshold_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("passed_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("recurring", sa.Boolean(), nullable=False),
        sa.Column("previous_invoice_id", sa.UUID(), nullable=True),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_progressive_invoices_invoice_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_progressive_invoices_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["previous_invoice_id"], ["invoices.id"], name=op.f("fk_progressive_invoices_previous_invoice_id")
        ),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_progressive_invoices")),
    )
    op.create_index(
        "uq_progressive_invoices",
        "progressive_invoices",
        [
            "organization_id",
            "external_subscription_id",
            "charges_from_datetime",
            "invoiced_amount_cents",
            "threshold_amount_cents",
            "recurring",
            "previous_invoice_id",
        ],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "usage_thresholds",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("plan_id", sa.UUID(), nullable=True),
        sa.Column("subscription_id", sa.UUID(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("threshold_display_name", sa.String(), nullable=True),
        sa.Column("recurring", sa.Boolean(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_usage_thresholds_amount")),
        sa.CheckConstraint("num_nonnulls(plan_id, subscription_id) = 1", name=op.f("ck_usage_thresholds_owner")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_usage_thresholds_organization_id")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_usage_thresholds_plan_id")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_usage_thresholds_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_thresholds")),
    )
    op.create_index(
        "ix_usage_thresholds_organization",
        "usage_thresholds",
        ["organization_id"],
        unique=False,
        postgresql_where=sa.text("deleted_at is null"),
    )
    op.create_index(
        "uq_usage_thresholds_plan",
        "usage_thresholds",
        ["plan_id", "recurring", "amount_cents"],
        unique=True,
        postgresql_where=sa.text("plan_id is not null and deleted_at is null"),
    )
    op.create_index(
        "uq_usage_thresholds_subscription",
        "usage_thresholds",
        ["subscription_id", "recurring", "amount_cents"],
        unique=True,
        postgresql_where=sa.text("subscription_id is not null and deleted_at is null"),
    )
    op.create_table(
        "applied_usage_thresholds",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("usage_threshold_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("lifetime_usage_amount_cents", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_applied_usage_thresholds_invoice_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_applied_usage_thresholds_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["usage_threshold_id"], ["usage_thresholds.id"], name=op.f("fk_applied_usage_thresholds_usage_threshold_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applied_usage_thresholds")),
    )
    op.create_index(
        "ix_applied_usage_thresholds_threshold", "applied_usage_thresholds", ["usage_threshold_id"], unique=False
    )
    op.create_index(
        "uq_applied_usage_thresholds", "applied_usage_thresholds", ["invoice_id", "usage_threshold_id"], unique=True
    )
    op.create_table(
        "progressive_excess_notes",
        sa.Column("credit_note_id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("progressive_invoice_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credit_note_id"], ["credit_notes.id"], name=op.f("fk_progressive_excess_notes_credit_note_id")
        ),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_progressive_excess_notes_invoice_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_progressive_excess_notes_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["progressive_invoice_id"], ["invoices.id"], name=op.f("fk_progressive_excess_notes_progressive_invoice_id")
        ),
        sa.PrimaryKeyConstraint("credit_note_id", name=op.f("pk_progressive_excess_notes")),
    )
    op.create_index(
        "ix_progressive_excess_notes_invoice", "progressive_excess_notes", ["progressive_invoice_id"], unique=False
    )
    op.execute(
        "insert into lifetime_usages"
        " (id, created_at, updated_at, organization_id, subscription_id, external_historical_usage_amount_cents)"
        " select gen_random_uuid(), started_at, started_at, organization_id, id, 0"
        " from subscriptions where status = 'active' and started_at is not null"
    )


def downgrade() -> None:
    op.drop_index("ix_progressive_excess_notes_invoice", table_name="progressive_excess_notes")
    op.drop_table("progressive_excess_notes")
    op.drop_index("uq_applied_usage_thresholds", table_name="applied_usage_thresholds")
    op.drop_index("ix_applied_usage_thresholds_threshold", table_name="applied_usage_thresholds")
    op.drop_table("applied_usage_thresholds")
    op.drop_index(
        "uq_usage_thresholds_subscription",
        table_name="usage_thresholds",
        postgresql_where=sa.text("subscription_id is not null and deleted_at is null"),
    )
    op.drop_index(
        "uq_usage_thresholds_plan",
        table_name="usage_thresholds",
        postgresql_where=sa.text("plan_id is not null and deleted_at is null"),
    )
    op.drop_index(
        "ix_usage_thresholds_organization",
        table_name="usage_thresholds",
        postgresql_where=sa.text("deleted_at is null"),
    )
    op.drop_table("usage_thresholds")
    op.drop_index("uq_progressive_invoices", table_name="progressive_invoices", postgresql_nulls_not_distinct=True)
    op.drop_table("progressive_invoices")
    op.drop_index("uq_lifetime_usages_subscription", table_name="lifetime_usages")
    op.drop_table("lifetime_usages")
    op.drop_index("ix_lifetime_usage_marks_owner", table_name="lifetime_usage_marks")
    op.drop_table("lifetime_usage_marks")
