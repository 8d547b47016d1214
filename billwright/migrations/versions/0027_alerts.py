"""Alerts

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("external_subscription_id", sa.String(), nullable=True),
        sa.Column("wallet_id", sa.UUID(), nullable=True),
        sa.Column("billable_metric_id", sa.UUID(), nullable=True),
        sa.Column("alert_type", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("thresholds", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("previous_value", sa.Numeric(), nullable=False),
        sa.Column("last_processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("watched_subscription_id", sa.UUID(), nullable=True),
        sa.Column("period_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("num_nonnulls(external_subscription_id, wallet_id) = 1", name=op.f("ck_alerts_owner")),
        sa.ForeignKeyConstraint(
            ["billable_metric_id"], ["billable_metrics.id"], name=op.f("fk_alerts_billable_metric_id")
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_alerts_organization_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_alerts_wallet_id")),
        sa.ForeignKeyConstraint(
            ["watched_subscription_id"], ["subscriptions.id"], name=op.f("fk_alerts_watched_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(
        "ix_alerts_metric",
        "alerts",
        ["billable_metric_id"],
        unique=False,
        postgresql_where=sa.text("billable_metric_id is not null and deleted_at is null"),
    )
    op.create_index(
        "uq_alerts_subscription_code",
        "alerts",
        ["organization_id", "external_subscription_id", "code"],
        unique=True,
        postgresql_where=sa.text("external_subscription_id is not null and deleted_at is null"),
    )
    op.create_index(
        "uq_alerts_subscription_type",
        "alerts",
        ["organization_id", "external_subscription_id", "alert_type", "billable_metric_id"],
        unique=True,
        postgresql_where=sa.text("external_subscription_id is not null and deleted_at is null"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "uq_alerts_wallet_code",
        "alerts",
        ["wallet_id", "code"],
        unique=True,
        postgresql_where=sa.text("wallet_id is not null and deleted_at is null"),
    )
    op.create_index(
        "uq_alerts_wallet_type",
        "alerts",
        ["wallet_id", "alert_type"],
        unique=True,
        postgresql_where=sa.text("wallet_id is not null and deleted_at is null"),
    )
    op.create_table(
        "triggered_alerts",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("alert_id", sa.UUID(), nullable=False),
        sa.Column("subscription_id", sa.UUID(), nullable=True),
        sa.Column("previous_value", sa.Numeric(), nullable=False),
        sa.Column("current_value", sa.Numeric(), nullable=False),
        sa.Column("crossed_thresholds", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("triggered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_triggered_alerts_alert_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_triggered_alerts_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_triggered_alerts_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triggered_alerts")),
    )
    op.create_index(
        "ix_triggered_alerts_alert",
        "triggered_alerts",
        ["alert_id", sa.literal_column("triggered_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index("ix_triggered_alerts_organization", "triggered_alerts", ["organization_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_triggered_alerts_organization", table_name="triggered_alerts")
    op.drop_index("ix_triggered_alerts_alert", table_name="triggered_alerts")
    op.drop_table("triggered_alerts")
    op.drop_index(
        "uq_alerts_wallet_type",
        table_name="alerts",
        postgresql_where=sa.text("wallet_id is not null and deleted_at is null"),
    )
    op.drop_index(
        "uq_alerts_wallet_code",
        table_name="alerts",
        postgresql_where=sa.text("wallet_id is not null and deleted_at is null"),
    )
    op.drop_index(
        "uq_alerts_subscription_type",
        table_name="alerts",
        postgresql_where=sa.text("external_subscription_id is not null and deleted_at is null"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index(
        "uq_alerts_subscription_code",
        table_name="alerts",
        postgresql_where=sa.text("external_subscription_id is not null and deleted_at is null"),
    )
    op.drop_index(
        "ix_alerts_metric",
        table_name="alerts",
        postgresql_where=sa.text("billable_metric_id is not null and deleted_at is null"),
    )
    op.drop_table("alerts")
