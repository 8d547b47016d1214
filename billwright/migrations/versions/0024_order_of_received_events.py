"""Order of received events

The list of events goes on where a page ended at the same cost however far down it is, also where thousands were
received at one instant: reception alone does not order them.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX events_as_received ON events (organization_id, created_at DESC, seq DESC)")
    op.execute("DROP INDEX events_by_reception")


def downgrade() -> None:
    op.execute("CREATE INDEX events_by_reception ON events (organization_id, created_at DESC)")
    op.execute("DROP INDEX events_as_received")
