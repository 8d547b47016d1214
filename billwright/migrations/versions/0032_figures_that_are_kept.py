"""Figures that are kept

Revision ID: 0032
Revises: 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "analytics_figures",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("figure", sa.String(), nullable=False),
        sa.Column("content", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clock", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_analytics_figures_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "figure", name=op.f("pk_analytics_figures")),
    )


def downgrade() -> None:
    op.drop_table("analytics_figures")
