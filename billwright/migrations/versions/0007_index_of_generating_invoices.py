"""Index of generating invoices

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_invoices_generating",
        "invoices",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("status = 'generating'"),
    )


def downgrade() -> None:
    op.drop_index("ix_invoices_generating", table_name="invoices", postgresql_where=sa.text("status = 'generating'"))
