"""Recurring top-ups and ongoing balances of wallets

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wallet_watches",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("events_seen_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_wallet_watches_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_wallet_watches")),
    )
    op.create_table(
        "wallet_marks",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_marks")),
    )
    op.create_index("ix_wallet_marks_customer", "wallet_marks", ["customer_id"], unique=False)
    op.create_index("ix_wallet_marks_organization", "wallet_marks", ["organization_id"], unique=False)
    op.create_table(
        "wallet_rules",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("wallet_id", sa.UUID(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("interval", sa.String(), nullable=True),
        sa.Column("threshold_credits", sa.Numeric(precision=40, scale=5), nullable=True),
        sa.Column("target_ongoing_balance", sa.Numeric(precision=40, scale=5), nullable=True),
        sa.Column("paid_credits", sa.Numeric(precision=40, scale=5), nullable=False),
        sa.Column("granted_credits", sa.Numeric(precision=40, scale=5), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expiration_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invoice_requires_successful_payment", sa.Boolean(), nullable=False),
        sa.Column("ignore_paid_top_up_limits", sa.Boolean(), nullable=False),
        sa.Column("grants_target_top_up", sa.Boolean(), nullable=True),
        sa.Column("transaction_name", sa.String(), nullable=True),
        sa.Column("entries", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terminated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("top_up_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expiration_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(method = 'target') = (target_ongoing_balance is not null)", name=op.f("ck_wallet_rules_target")
        ),
        sa.CheckConstraint(
            "(trigger = 'threshold') = (threshold_credits is not null)", name=op.f("ck_wallet_rules_threshold")
        ),
        sa.CheckConstraint("status = 'active' or due_at is null", name=op.f("ck_wallet_rules_ended")),
        sa.CheckConstraint("status in ('active', 'terminated')", name=op.f("ck_wallet_rules_status")),
        sa.CheckConstraint(
            "(trigger = 'interval') = (\"interval\" is not null)", name=op.f("ck_wallet_rules_interval")
        ),
        sa.CheckConstraint(
            "due_at is not distinct from least(top_up_due_at, expiration_due_at)", name=op.f("ck_wallet_rules_due")
        ),
        sa.CheckConstraint("paid_credits >= 0 and granted_credits >= 0", name=op.f("ck_wallet_rules_credits")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_wallet_rules_customer_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_wallet_rules_organization_id")
        ),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_wallet_rules_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_rules")),
    )
    op.create_index(
        "ix_wallet_rules_customer_due",
        "wallet_rules",
        ["customer_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at is not null"),
    )
    op.create_index(
        "ix_wallet_rules_due",
        "wallet_rules",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at is not null and live"),
    )
    op.create_index(
        "ix_wallet_rules_organization_due",
        "wallet_rules",
        ["organization_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at is not null"),
    )
    op.create_index("ix_wallet_rules_wallet", "wallet_rules", ["wallet_id", "created_at"], unique=False)
    op.create_index(
        "uq_wallet_rules_active",
        "wallet_rules",
        ["wallet_id"],
        unique=True,
        postgresql_where=sa.text("status = 'active'"),
    )
    op.add_column("wallets", sa.Column("moved", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("wallets", "moved", server_default=None)
    op.execute(
        "insert into wallet_marks (id, organization_id, customer_id, live) "
        "select gen_random_uuid(), organization_id, customer_id, bool_and(live) from wallets where status = 'active' "
        "group by organization_id, customer_id"
    )


def downgrade() -> None:
    op.drop_column("wallets", "moved")
    op.drop_index("uq_wallet_rules_active", table_name="wallet_rules", postgresql_where=sa.text("status = 'active'"))
    op.drop_index("ix_wallet_rules_wallet", table_name="wallet_rules")
    op.drop_index(
        "ix_wallet_rules_organization_due", table_name="wallet_rules", postgresql_where=sa.text("due_at is not null")
    )
    op.drop_index(
        "ix_wallet_rules_due", table_name="wallet_rules", postgresql_where=sa.text("due_at is not null and live")
    )
    op.drop_index(
        "ix_wallet_rules_customer_due", table_name="wallet_rules", postgresql_where=sa.text("due_at is not null")
    )
    op.drop_table("wallet_rules")
    op.drop_index("ix_wallet_marks_organization", table_name="wallet_marks")
    op.drop_index("ix_wallet_marks_customer", table_name="wallet_marks")
    op.drop_table("wallet_marks")
    op.drop_table("wallet_watches")
