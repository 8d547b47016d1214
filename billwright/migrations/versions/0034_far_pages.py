"""Far pages of invoices and fees

Revision ID: 0034
Revises: 0033
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

VISIBLE = sa.text("status in ('draft', 'finalized', 'voided', 'failed', 'pending')")
LIVE = sa.text("deleted_at is null")
FEES = ["organization_id", "created_at", "id"]


def upgrade() -> None:
    op.create_index(
        "ix_invoices_days", "invoices", ["organization_id", sa.text("issuing_date desc")], postgresql_where=VISIBLE
    )
    op.drop_index("ix_fees_list", table_name="fees")
    op.create_index("ix_fees_list", "fees", FEES, postgresql_where=LIVE)


def downgrade() -> None:
    op.drop_index("ix_fees_list", table_name="fees", postgresql_where=LIVE)
    op.create_index("ix_fees_list", "fees", FEES)
    op.drop_index("ix_invoices_days", table_name="invoices", postgresql_where=VISIBLE)
