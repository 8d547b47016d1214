"""Termination alerts

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("alert_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("subscriptions", sa.Column("alerted_on", sa.Date(), nullable=True))
    # Due once, now: the pass then finds the right slot of each.
    op.execute(
        "update subscriptions s set alert_due_at = coalesce(o.clock_now, now()),"
        " due_at = least(s.due_at, coalesce(o.clock_now, now()))"
        " from organizations o where o.id = s.organization_id and s.status = 'active' and s.ending_at is not null"
    )


def downgrade() -> None:
    op.drop_column("subscriptions", "alerted_on")
    op.drop_column("subscriptions", "alert_due_at")
