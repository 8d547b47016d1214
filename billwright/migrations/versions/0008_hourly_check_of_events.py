"""Hourly check of events

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_checks",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("checked_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_event_checks_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_event_checks")),
    )


def downgrade() -> None:
    op.drop_table("event_checks")
