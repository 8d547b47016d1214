"""Outgoing webhooks

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name=op.f("pk_signing_keys")),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("webhook_url", sa.String(), nullable=False),
        sa.Column("signature_algo", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("event_types", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_webhook_endpoints_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index(
        "uq_webhook_endpoints_organization_id_webhook_url",
        "webhook_endpoints",
        ["organization_id", "webhook_url"],
        unique=True,
    )
    op.create_table(
        "webhook_hmac_keys",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_webhook_hmac_keys_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_webhook_hmac_keys")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("endpoint_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("webhook_type", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("object_id", sa.UUID(), nullable=True),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("last_retried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("response", sa.String(), nullable=True),
        sa.Column("single_attempt", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_webhooks_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index("ix_webhooks_endpoint_id_object_id", "webhooks", ["endpoint_id", "object_id"], unique=False)
    op.create_index("ix_webhooks_endpoint_id_updated_at", "webhooks", ["endpoint_id", "updated_at"], unique=False)
    op.create_index(
        "ix_webhooks_leased",
        "webhooks",
        ["endpoint_id"],
        unique=False,
        postgresql_where=sa.text("lease_until is not null"),
    )
    op.create_index(
        "ix_webhooks_open",
        "webhooks",
        ["endpoint_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at is not null"),
    )
    op.create_index("ix_webhooks_updated_at", "webhooks", ["updated_at"], unique=False)
    op.create_index("uq_webhooks_event_id_endpoint_id", "webhooks", ["event_id", "endpoint_id"], unique=True)
    op.add_column(
        "organizations",
        sa.Column("webhook_event_types", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'")),
    )


def downgrade() -> None:
    op.drop_column("organizations", "webhook_event_types")
    op.drop_index("uq_webhooks_event_id_endpoint_id", table_name="webhooks")
    op.drop_index("ix_webhooks_updated_at", table_name="webhooks")
    op.drop_index("ix_webhooks_open", table_name="webhooks", postgresql_where=sa.text("due_at is not null"))
    op.drop_index("ix_webhooks_leased", table_name="webhooks", postgresql_where=sa.text("lease_until is not null"))
    op.drop_index("ix_webhooks_endpoint_id_updated_at", table_name="webhooks")
    op.drop_index("ix_webhooks_endpoint_id_object_id", table_name="webhooks")
    op.drop_table("webhooks")
    op.drop_table("webhook_hmac_keys")
    op.drop_index("uq_webhook_endpoints_organization_id_webhook_url", table_name="webhook_endpoints")
    op.drop_table("webhook_endpoints")
    op.drop_table("signing_keys")
