"""Okta connections

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "okta_connections",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("secret_hint", sa.String(), nullable=False),
        sa.Column("organization_name", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=True),
        sa.Column("default_role", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_okta_connections_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_okta_connections")),
        sa.UniqueConstraint("domain", name=op.f("uq_okta_connections_domain")),
        sa.UniqueConstraint("organization_id", name=op.f("uq_okta_connections_organization_id")),
    )


def downgrade() -> None:
    op.drop_table("okta_connections")
