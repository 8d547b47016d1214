"""Failed jobs

Revision ID: 0033
Revises: 0032
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

FAILED = sa.text("status = 'failed'")


def upgrade() -> None:
    op.create_index("ix_jobs_organization_failed", "jobs", ["organization_id"], postgresql_where=FAILED)


def downgrade() -> None:
    op.drop_index("ix_jobs_organization_failed", table_name="jobs", postgresql_where=FAILED)
