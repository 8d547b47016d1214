"""Coupons and credit notes

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coupons",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("coupon_type", sa.String(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("amount_currency", sa.String(), nullable=True),
        sa.Column("percentage_rate", sa.Numeric(), nullable=True),
        sa.Column("frequency", sa.String(), nullable=False),
        sa.Column("frequency_duration", sa.BigInteger(), nullable=True),
        sa.Column("expiration", sa.String(), nullable=False),
        sa.Column("expiration_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expiration_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reusable", sa.Boolean(), nullable=False),
        sa.Column("limited_plans", sa.Boolean(), nullable=False),
        sa.Column("limited_billable_metrics", sa.Boolean(), nullable=False),
        sa.Column("terminated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(coupon_type = 'fixed_amount' and amount_cents > 0 and amount_currency is not null)"
            " or (coupon_type = 'percentage' and percentage_rate > 0)",
            name=op.f("ck_coupons_value"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_coupons_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupons")),
    )
    op.create_index(
        "ix_coupons_expiration_due",
        "coupons",
        ["expiration_due_at"],
        unique=False,
        postgresql_where=sa.text("expiration_due_at is not null and live"),
    )
    op.create_index(
        "ix_coupons_list",
        "coupons",
        ["organization_id", "status", "created_at"],
        unique=False,
        postgresql_where=sa.text("deleted_at is null"),
    )
    op.create_index(
        "ix_coupons_organization_expiration_due",
        "coupons",
        ["organization_id", "expiration_due_at"],
        unique=False,
        postgresql_where=sa.text("expiration_due_at is not null"),
    )
    op.create_index(
        "uq_coupons_code",
        "coupons",
        ["organization_id", "code"],
        unique=True,
        postgresql_where=sa.text("deleted_at is null"),
    )
    op.create_table(
        "applied_coupons",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("coupon_id", sa.UUID(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("amount_currency", sa.String(), nullable=True),
        sa.Column("percentage_rate", sa.Numeric(), nullable=True),
        sa.Column("frequency", sa.String(), nullable=False),
        sa.Column("frequency_duration", sa.BigInteger(), nullable=True),
        sa.Column("frequency_duration_remaining", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("terminated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("frequency_duration_remaining >= 0", name=op.f("ck_applied_coupons_remaining")),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupons.id"], name=op.f("fk_applied_coupons_coupon_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_applied_coupons_customer_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_applied_coupons_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applied_coupons")),
    )
    op.create_index(
        "ix_applied_coupons_active",
        "applied_coupons",
        ["customer_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index("ix_applied_coupons_coupon", "applied_coupons", ["coupon_id", "status"], unique=False)
    op.create_index("ix_applied_coupons_customer", "applied_coupons", ["customer_id", "created_at"], unique=False)
    op.create_index("ix_applied_coupons_list", "applied_coupons", ["organization_id", "created_at", "id"], unique=False)
    op.create_table(
        "coupon_targets",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("coupon_id", sa.UUID(), nullable=False),
        sa.Column("plan_id", sa.UUID(), nullable=True),
        sa.Column("billable_metric_id", sa.UUID(), nullable=True),
        sa.CheckConstraint("(plan_id is null) <> (billable_metric_id is null)", name=op.f("ck_coupon_targets_one")),
        sa.ForeignKeyConstraint(
            ["billable_metric_id"], ["billable_metrics.id"], name=op.f("fk_coupon_targets_billable_metric_id")
        ),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupons.id"], name=op.f("fk_coupon_targets_coupon_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_coupon_targets_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_targets")),
    )
    op.create_index(
        "uq_coupon_targets",
        "coupon_targets",
        ["coupon_id", "plan_id", "billable_metric_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "credit_notes",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("sequential_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("issuing_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("credit_status", sa.String(), nullable=False),
        sa.Column("refund_status", sa.String(), nullable=True),
        sa.Column("credit_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("refund_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("offset_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("total_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("balance_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("taxes_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("precise_taxes_amount_cents", sa.Numeric(precision=30, scale=5), nullable=False),
        sa.Column("precise_total_amount_cents", sa.Numeric(precision=30, scale=5), nullable=False),
        sa.Column("taxes_rate", sa.Numeric(), nullable=False),
        sa.Column("sub_total_excluding_taxes_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("coupons_adjustment_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("precise_coupons_adjustment_amount_cents", sa.Numeric(precision=30, scale=5), nullable=False),
        sa.Column("custom_metadata", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("finalized_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issued_parties", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("file_id", sa.UUID(), nullable=True),
        sa.CheckConstraint(
            "balance_amount_cents >= 0 and balance_amount_cents <= credit_amount_cents",
            name=op.f("ck_credit_notes_balance"),
        ),
        sa.CheckConstraint(
            "credit_amount_cents >= 0 and refund_amount_cents >= 0 and offset_amount_cents >= 0",
            name=op.f("ck_credit_notes_parts"),
        ),
        sa.CheckConstraint(
            "total_amount_cents = credit_amount_cents + refund_amount_cents + offset_amount_cents",
            name=op.f("ck_credit_notes_total"),
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_credit_notes_customer_id")),
        sa.ForeignKeyConstraint(["file_id"], ["stored_files.id"], name=op.f("fk_credit_notes_file_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_credit_notes_invoice_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_notes_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_notes")),
    )
    op.create_index(
        "ix_credit_notes_customer", "credit_notes", ["customer_id", sa.literal_column("created_at desc")], unique=False
    )
    op.create_index(
        "ix_credit_notes_list",
        "credit_notes",
        ["organization_id", sa.literal_column("issuing_date desc"), sa.literal_column("created_at desc")],
        unique=False,
        postgresql_where=sa.text("status = 'finalized'"),
    )
    op.create_index(
        "ix_credit_notes_usable",
        "credit_notes",
        ["customer_id", "currency", "created_at"],
        unique=False,
        postgresql_where=sa.text("status = 'finalized' and credit_status = 'available' and balance_amount_cents > 0"),
    )
    op.create_index("uq_credit_notes_sequence", "credit_notes", ["invoice_id", "sequential_id"], unique=True)
    op.create_table(
        "credit_notes_taxes",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("credit_note_id", sa.UUID(), nullable=False),
        sa.Column("tax_id", sa.UUID(), nullable=True),
        sa.Column("tax_code", sa.String(), nullable=False),
        sa.Column("tax_name", sa.String(), nullable=False),
        sa.Column("tax_description", sa.String(), nullable=True),
        sa.Column("tax_rate", sa.Numeric(), nullable=False),
        sa.Column("base_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["credit_note_id"], ["credit_notes.id"], name=op.f("fk_credit_notes_taxes_credit_note_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_notes_taxes_organization_id")
        ),
        sa.ForeignKeyConstraint(["tax_id"], ["taxes.id"], name=op.f("fk_credit_notes_taxes_tax_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_notes_taxes")),
    )
    op.create_index("ix_credit_notes_taxes_note", "credit_notes_taxes", ["credit_note_id"], unique=False)
    op.create_table(
        "credits",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("applied_coupon_id", sa.UUID(), nullable=True),
        sa.Column("credit_note_id", sa.UUID(), nullable=True),
        sa.Column("progressive_billing_invoice_id", sa.UUID(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("before_taxes", sa.Boolean(), nullable=False),
        sa.CheckConstraint("amount_cents >= 0", name=op.f("ck_credits_amount")),
        sa.CheckConstraint(
            "num_nonnulls(applied_coupon_id, credit_note_id, progressive_billing_invoice_id) = 1",
            name=op.f("ck_credits_source"),
        ),
        sa.ForeignKeyConstraint(
            ["applied_coupon_id"], ["applied_coupons.id"], name=op.f("fk_credits_applied_coupon_id")
        ),
        sa.ForeignKeyConstraint(["credit_note_id"], ["credit_notes.id"], name=op.f("fk_credits_credit_note_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_credits_invoice_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_credits_organization_id")),
        sa.ForeignKeyConstraint(
            ["progressive_billing_invoice_id"], ["invoices.id"], name=op.f("fk_credits_progressive_billing_invoice_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credits")),
    )
    op.create_index(
        "ix_credits_applied_coupon",
        "credits",
        ["applied_coupon_id"],
        unique=False,
        postgresql_where=sa.text("applied_coupon_id is not null"),
    )
    op.create_index(
        "ix_credits_credit_note",
        "credits",
        ["credit_note_id"],
        unique=False,
        postgresql_where=sa.text("credit_note_id is not null"),
    )
    op.create_index(
        "ix_credits_progressive_invoice",
        "credits",
        ["progressive_billing_invoice_id"],
        unique=False,
        postgresql_where=sa.text("progressive_billing_invoice_id is not null"),
    )
    op.create_index(
        "uq_credits_source",
        "credits",
        ["invoice_id", "applied_coupon_id", "credit_note_id", "progressive_billing_invoice_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "credit_note_items",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("credit_note_id", sa.UUID(), nullable=False),
        sa.Column("fee_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("precise_amount_cents", sa.Numeric(precision=30, scale=5), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_cents >= 0", name=op.f("ck_credit_note_items_amount")),
        sa.ForeignKeyConstraint(
            ["credit_note_id"], ["credit_notes.id"], name=op.f("fk_credit_note_items_credit_note_id")
        ),
        sa.ForeignKeyConstraint(["fee_id"], ["fees.id"], name=op.f("fk_credit_note_items_fee_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_note_items_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note_items")),
    )
    op.create_index("ix_credit_note_items_fee", "credit_note_items", ["fee_id"], unique=False)
    op.create_index("ix_credit_note_items_note", "credit_note_items", ["credit_note_id"], unique=False)
    op.add_column("invoices", sa.Column("offset_amount_cents", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("invoices", "offset_amount_cents")
    op.drop_index("ix_credit_note_items_note", table_name="credit_note_items")
    op.drop_index("ix_credit_note_items_fee", table_name="credit_note_items")
    op.drop_table("credit_note_items")
    op.drop_index("uq_credits_source", table_name="credits", postgresql_nulls_not_distinct=True)
    op.drop_index(
        "ix_credits_progressive_invoice",
        table_name="credits",
        postgresql_where=sa.text("progressive_billing_invoice_id is not null"),
    )
    op.drop_index(
        "ix_credits_credit_note", table_name="credits", postgresql_where=sa.text("credit_note_id is not null")
    )
    op.drop_index(
        "ix_credits_applied_coupon", table_name="credits", postgresql_where=sa.text("applied_coupon_id is not null")
    )
    op.drop_table("credits")
    op.drop_index("ix_credit_notes_taxes_note", table_name="credit_notes_taxes")
    op.drop_table("credit_notes_taxes")
    op.drop_index("uq_credit_notes_sequence", table_name="credit_notes")
    op.drop_index(
        "ix_credit_notes_usable",
        table_name="credit_notes",
        postgresql_where=sa.text("status = 'finalized' and credit_status = 'available' and balance_amount_cents > 0"),
    )
    op.drop_index("ix_credit_notes_list", table_name="credit_notes", postgresql_where=sa.text("status = 'finalized'"))
    op.drop_index("ix_credit_notes_customer", table_name="credit_notes")
    op.drop_table("credit_notes")
    op.drop_index("uq_coupon_targets", table_name="coupon_targets", postgresql_nulls_not_distinct=True)
    op.drop_table("coupon_targets")
    op.drop_index("ix_applied_coupons_list", table_name="applied_coupons")
    op.drop_index("ix_applied_coupons_customer", table_name="applied_coupons")
    op.drop_index("ix_applied_coupons_coupon", table_name="applied_coupons")
    op.drop_index(
        "ix_applied_coupons_active", table_name="applied_coupons", postgresql_where=sa.text("status = 'active'")
    )
    op.drop_table("applied_coupons")
    op.drop_index("uq_coupons_code", table_name="coupons", postgresql_where=sa.text("deleted_at is null"))
    op.drop_index(
        "ix_coupons_organization_expiration_due",
        table_name="coupons",
        postgresql_where=sa.text("expiration_due_at is not null"),
    )
    op.drop_index("ix_coupons_list", table_name="coupons", postgresql_where=sa.text("deleted_at is null"))
    op.drop_index(
        "ix_coupons_expiration_due",
        table_name="coupons",
        postgresql_where=sa.text("expiration_due_at is not null and live"),
    )
    op.drop_table("coupons")
