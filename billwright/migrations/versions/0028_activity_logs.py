"""Activity logs

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "activity_logs",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("logged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activity_type", sa.String(), nullable=False),
        sa.Column("activity_source", sa.String(), nullable=False),
        sa.Column("user_email", sa.String(), nullable=True),
        sa.Column("api_key_id", sa.UUID(), nullable=True),
        sa.Column("resource_type", sa.String(), nullable=False),
        sa.Column("resource_id", sa.UUID(), nullable=False),
        sa.Column("external_customer_id", sa.String(), nullable=True),
        sa.Column("external_subscription_id", sa.String(), nullable=True),
        sa.Column("activity_object", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("activity_object_changes", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_activity_logs_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity_logs")),
    )
    op.create_index(
        "ix_activity_logs_customer",
        "activity_logs",
        ["organization_id", "external_customer_id", sa.literal_column("logged_at desc"), sa.literal_column("id desc")],
        unique=False,
        postgresql_where=sa.text("external_customer_id is not null"),
    )
    op.create_index(
        "ix_activity_logs_list",
        "activity_logs",
        ["organization_id", sa.literal_column("logged_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index(
        "ix_activity_logs_resource",
        "activity_logs",
        ["organization_id", "resource_id", sa.literal_column("logged_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index(
        "ix_activity_logs_subscription",
        "activity_logs",
        [
            "organization_id",
            "external_subscription_id",
            sa.literal_column("logged_at desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
        postgresql_where=sa.text("external_subscription_id is not null"),
    )
    op.create_index(
        "ix_activity_logs_type",
        "activity_logs",
        ["organization_id", "activity_type", sa.literal_column("logged_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index(
        "ix_activity_logs_user",
        "activity_logs",
        ["organization_id", "user_email", sa.literal_column("logged_at desc"), sa.literal_column("id desc")],
        unique=False,
        postgresql_where=sa.text("user_email is not null"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_activity_logs_user", table_name="activity_logs", postgresql_where=sa.text("user_email is not null")
    )
    op.drop_index("ix_activity_logs_type", table_name="activity_logs")
    op.drop_index(
        "ix_activity_logs_subscription",
        table_name="activity_logs",
        postgresql_where=sa.text("external_subscription_id is not null"),
    )
    op.drop_index("ix_activity_logs_resource", table_name="activity_logs")
    op.drop_index("ix_activity_logs_list", table_name="activity_logs")
    op.drop_index(
        "ix_activity_logs_customer",
        table_name="activity_logs",
        postgresql_where=sa.text("external_customer_id is not null"),
    )
    op.drop_table("activity_logs")
