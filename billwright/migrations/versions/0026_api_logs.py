"""API logs

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_logs",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("api_key_id", sa.UUID(), nullable=False),
        sa.Column("request_id", sa.UUID(), nullable=False),
        sa.Column("http_method", sa.String(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=False),
        sa.Column("request_path", sa.String(), nullable=False),
        sa.Column("request_origin", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("api_version", sa.String(), nullable=False),
        sa.Column("request_body", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("request_response", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("logged_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_logs")),
    )
    op.create_index("ix_api_logs_logged_at", "api_logs", ["logged_at"], unique=False)
    op.create_index(
        "ix_api_logs_organization_id_logged_at", "api_logs", ["organization_id", "logged_at", "id"], unique=False
    )
    op.create_index(
        "ix_api_logs_organization_id_request_id", "api_logs", ["organization_id", "request_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_api_logs_organization_id_request_id", table_name="api_logs")
    op.drop_index("ix_api_logs_organization_id_logged_at", table_name="api_logs")
    op.drop_index("ix_api_logs_logged_at", table_name="api_logs")
    op.drop_table("api_logs")
