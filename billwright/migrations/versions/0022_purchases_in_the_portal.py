"""Purchases in the portal

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "portal_top_ups",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("wallet_transaction_id", sa.UUID(), nullable=False),
        sa.Column("form_digest", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_portal_top_ups_customer_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_portal_top_ups_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["wallet_transaction_id"], ["wallet_transactions.id"], name=op.f("fk_portal_top_ups_wallet_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_top_ups")),
    )
    op.create_index("ix_portal_top_ups_throttle", "portal_top_ups", ["customer_id", "created_at"], unique=False)
    op.create_index(
        "uq_portal_top_ups_form",
        "portal_top_ups",
        ["customer_id", "form_digest"],
        unique=True,
        postgresql_where=sa.text("form_digest is not null"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_portal_top_ups_form", table_name="portal_top_ups", postgresql_where=sa.text("form_digest is not null")
    )
    op.drop_index("ix_portal_top_ups_throttle", table_name="portal_top_ups")
    op.drop_table("portal_top_ups")
