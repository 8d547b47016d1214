"""Wallets

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wallets",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("rate_amount", sa.Numeric(precision=30, scale=5), nullable=False),
        sa.Column("balance_cents", sa.BigInteger(), nullable=False),
        sa.Column("credits_balance", sa.Numeric(precision=40, scale=5), nullable=False),
        sa.Column("consumed_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("consumed_credits", sa.Numeric(precision=40, scale=5), nullable=False),
        sa.Column("funded_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("funded_credits", sa.Numeric(precision=40, scale=5), nullable=False),
        sa.Column("ongoing_usage_balance_cents", sa.BigInteger(), nullable=False),
        sa.Column("ongoing_balance_cents", sa.BigInteger(), nullable=False),
        sa.Column("depleted_ongoing_balance", sa.Boolean(), nullable=False),
        sa.Column("last_balance_sync_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_consumed_credit_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expiration_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expiration_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("terminated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invoice_requires_successful_payment", sa.Boolean(), nullable=False),
        sa.Column("paid_top_up_min_amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("paid_top_up_max_amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("allowed_fee_types", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("custom_metadata", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("initial_top_up", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "balance_cents + consumed_amount_cents = funded_amount_cents", name=op.f("ck_wallets_money")
        ),
        sa.CheckConstraint("balance_cents >= 0 and credits_balance >= 0", name=op.f("ck_wallets_balance")),
        sa.CheckConstraint("consumed_amount_cents >= 0 and consumed_credits >= 0", name=op.f("ck_wallets_consumed")),
        sa.CheckConstraint("credits_balance + consumed_credits = funded_credits", name=op.f("ck_wallets_credits")),
        sa.CheckConstraint(
            "paid_top_up_max_amount_cents >= paid_top_up_min_amount_cents", name=op.f("ck_wallets_limits")
        ),
        sa.CheckConstraint("priority between 1 and 50", name=op.f("ck_wallets_priority")),
        sa.CheckConstraint("rate_amount > 0", name=op.f("ck_wallets_rate")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_wallets_customer_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_wallets_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallets")),
    )
    op.create_index("ix_wallets_customer", "wallets", ["customer_id", "status", "priority", "created_at"], unique=False)
    op.create_index(
        "ix_wallets_expiration_due",
        "wallets",
        ["expiration_due_at"],
        unique=False,
        postgresql_where=sa.text("expiration_due_at is not null and live"),
    )
    op.create_index("ix_wallets_list", "wallets", ["organization_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_wallets_organization_expiration_due",
        "wallets",
        ["organization_id", "expiration_due_at"],
        unique=False,
        postgresql_where=sa.text("expiration_due_at is not null"),
    )
    op.create_index(
        "ix_wallets_usable",
        "wallets",
        ["customer_id", "currency"],
        unique=False,
        postgresql_where=sa.text("status = 'active' and balance_cents > 0"),
    )
    op.create_index(
        "uq_wallets_code",
        "wallets",
        ["customer_id", "code"],
        unique=True,
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_table(
        "wallet_metrics",
        sa.Column("wallet_id", sa.UUID(), nullable=False),
        sa.Column("billable_metric_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["billable_metric_id"], ["billable_metrics.id"], name=op.f("fk_wallet_metrics_billable_metric_id")
        ),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_wallet_metrics_wallet_id")),
        sa.PrimaryKeyConstraint("wallet_id", "billable_metric_id", name=op.f("pk_wallet_metrics")),
    )
    op.create_index("ix_wallet_metrics_metric", "wallet_metrics", ["billable_metric_id"], unique=False)
    op.create_table(
        "wallet_transactions",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("wallet_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=True),
        sa.Column("voided_invoice_id", sa.UUID(), nullable=True),
        sa.Column("credit_note_id", sa.UUID(), nullable=True),
        sa.Column("transaction_type", sa.String(), nullable=False),
        sa.Column("transaction_status", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("credit_amount", sa.Numeric(precision=40, scale=5), nullable=False),
        sa.Column("remaining_amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("entries", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("invoice_requires_successful_payment", sa.Boolean(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(remaining_amount_cents is not null) = (transaction_type = 'inbound' and status = 'settled')",
            name=op.f("ck_wallet_transactions_remaining_of_settled"),
        ),
        sa.CheckConstraint(
            "(transaction_type = 'inbound' and transaction_status in ('purchased', 'granted')) or (transaction_type = 'outbound' and transaction_status in ('voided', 'invoiced'))",
            name=op.f("ck_wallet_transactions_kind"),
        ),
        sa.CheckConstraint("status in ('pending', 'settled', 'failed')", name=op.f("ck_wallet_transactions_status")),
        sa.CheckConstraint("amount_cents > 0 and credit_amount >= 0", name=op.f("ck_wallet_transactions_amount")),
        sa.CheckConstraint(
            "remaining_amount_cents between 0 and amount_cents", name=op.f("ck_wallet_transactions_remaining")
        ),
        sa.ForeignKeyConstraint(
            ["credit_note_id"], ["credit_notes.id"], name=op.f("fk_wallet_transactions_credit_note_id")
        ),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_wallet_transactions_invoice_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_wallet_transactions_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["voided_invoice_id"], ["invoices.id"], name=op.f("fk_wallet_transactions_voided_invoice_id")
        ),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_wallet_transactions_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_transactions")),
    )
    op.create_index(
        "ix_wallet_transactions_remaining",
        "wallet_transactions",
        ["wallet_id", "priority", "created_at"],
        unique=False,
        postgresql_where=sa.text("remaining_amount_cents > 0"),
    )
    op.create_index(
        "ix_wallet_transactions_wallet",
        "wallet_transactions",
        ["wallet_id", sa.literal_column("created_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index(
        "uq_wallet_transactions_credit_note",
        "wallet_transactions",
        ["credit_note_id"],
        unique=True,
        postgresql_where=sa.text("credit_note_id is not null"),
    )
    op.create_index(
        "uq_wallet_transactions_invoiced",
        "wallet_transactions",
        ["invoice_id", "wallet_id"],
        unique=True,
        postgresql_where=sa.text("transaction_status = 'invoiced'"),
    )
    op.create_index(
        "uq_wallet_transactions_purchased",
        "wallet_transactions",
        ["invoice_id"],
        unique=True,
        postgresql_where=sa.text("transaction_status = 'purchased'"),
    )
    op.create_index(
        "uq_wallet_transactions_returned",
        "wallet_transactions",
        ["voided_invoice_id", "wallet_id"],
        unique=True,
        postgresql_where=sa.text("voided_invoice_id is not null"),
    )
    op.create_table(
        "wallet_draws",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("outbound_id", sa.UUID(), nullable=False),
        sa.Column("inbound_id", sa.UUID(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_wallet_draws_amount")),
        sa.ForeignKeyConstraint(["inbound_id"], ["wallet_transactions.id"], name=op.f("fk_wallet_draws_inbound_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_wallet_draws_organization_id")
        ),
        sa.ForeignKeyConstraint(["outbound_id"], ["wallet_transactions.id"], name=op.f("fk_wallet_draws_outbound_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_draws")),
    )
    op.create_index("ix_wallet_draws_inbound", "wallet_draws", ["inbound_id", "created_at"], unique=False)
    op.create_index("uq_wallet_draws", "wallet_draws", ["outbound_id", "inbound_id"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_wallet_draws", table_name="wallet_draws")
    op.drop_index("ix_wallet_draws_inbound", table_name="wallet_draws")
    op.drop_table("wallet_draws")
    op.drop_index(
        "uq_wallet_transactions_returned",
        table_name="wallet_transactions",
        postgresql_where=sa.text("voided_invoice_id is not null"),
    )
    op.drop_index(
        "uq_wallet_transactions_purchased",
        table_name="wallet_transactions",
        postgresql_where=sa.text("transaction_status = 'purchased'"),
    )
    op.drop_index(
        "uq_wallet_transactions_invoiced",
        table_name="wallet_transactions",
        postgresql_where=sa.text("transaction_status = 'invoiced'"),
    )
    op.drop_index(
        "uq_wallet_transactions_credit_note",
        table_name="wallet_transactions",
        postgresql_where=sa.text("credit_note_id is not null"),
    )
    op.drop_index("ix_wallet_transactions_wallet", table_name="wallet_transactions")
    op.drop_index(
        "ix_wallet_transactions_remaining",
        table_name="wallet_transactions",
        postgresql_where=sa.text("remaining_amount_cents > 0"),
    )
    op.drop_table("wallet_transactions")
    op.drop_index("ix_wallet_metrics_metric", table_name="wallet_metrics")
    op.drop_table("wallet_metrics")
    op.drop_index("uq_wallets_code", table_name="wallets", postgresql_where=sa.text("status = 'active'"))
    op.drop_index(
        "ix_wallets_usable", table_name="wallets", postgresql_where=sa.text("status = 'active' and balance_cents > 0")
    )
    op.drop_index(
        "ix_wallets_organization_expiration_due",
        table_name="wallets",
        postgresql_where=sa.text("expiration_due_at is not null"),
    )
    op.drop_index("ix_wallets_list", table_name="wallets")
    op.drop_index(
        "ix_wallets_expiration_due",
        table_name="wallets",
        postgresql_where=sa.text("expiration_due_at is not null and live"),
    )
    op.drop_index("ix_wallets_customer", table_name="wallets")
    op.drop_table("wallets")
