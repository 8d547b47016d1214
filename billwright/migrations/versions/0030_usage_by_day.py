"""Usage by day

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "daily_usage_marks",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("noted_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_daily_usage_marks_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_daily_usage_marks")),
    )
    op.create_table(
        "daily_usages",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("subscription_id", sa.UUID(), nullable=False),
        sa.Column("usage_date", sa.Date(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("usage", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("usage_diff", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("from_invoice", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_daily_usages_customer_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_daily_usages_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_daily_usages_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_usages")),
    )
    op.create_index("ix_daily_usages_organization", "daily_usages", ["organization_id", "usage_date"], unique=False)
    op.create_index("uq_daily_usages_day", "daily_usages", ["subscription_id", "usage_date"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_daily_usages_day", table_name="daily_usages")
    op.drop_index("ix_daily_usages_organization", table_name="daily_usages")
    op.drop_table("daily_usages")
    op.drop_table("daily_usage_marks")
