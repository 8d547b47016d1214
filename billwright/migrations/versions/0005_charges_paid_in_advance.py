"""Charges paid in advance

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "instant_events",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("external_subscription_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("properties", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("precise_total_amount_cents", sa.Numeric(precision=40, scale=15), nullable=True),
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "external_subscription_id", "seq", name=op.f("pk_instant_events")),
    )
    op.create_index("ix_instant_events_job_id", "instant_events", ["job_id"], unique=False)
    op.create_index(
        "ix_instant_events_waiting",
        "instant_events",
        ["organization_id", "external_subscription_id", "timestamp", "seq"],
        unique=False,
        postgresql_where=sa.text("parked_at is null"),
    )
    op.create_table(
        "unit_marks",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("external_subscription_id", sa.String(), nullable=False),
        sa.Column("charge_id", sa.UUID(), nullable=False),
        sa.Column("charge_filter_id", sa.UUID(), nullable=True),
        sa.Column("group_key", sa.String(), nullable=False),
        sa.Column("event_transaction_id", sa.String(), nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fee_id", sa.UUID(), nullable=False),
        sa.Column("current", sa.Numeric(), nullable=False),
        sa.Column("maximum", sa.Numeric(), nullable=False),
        sa.Column("max_prorated", sa.Numeric(), nullable=False),
        sa.Column("billable", sa.Numeric(), nullable=False),
        sa.Column("events_count", sa.BigInteger(), nullable=False),
        sa.Column("billed_units", sa.Numeric(), nullable=False),
        sa.Column("free_phase", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("custom_state", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["charge_filter_id"], ["charge_filters.id"], name=op.f("fk_unit_marks_charge_filter_id")
        ),
        sa.ForeignKeyConstraint(["charge_id"], ["charges.id"], name=op.f("fk_unit_marks_charge_id")),
        sa.ForeignKeyConstraint(["fee_id"], ["fees.id"], name=op.f("fk_unit_marks_fee_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_unit_marks_organization_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_unit_marks")),
    )
    op.create_index(
        "ix_unit_marks_state",
        "unit_marks",
        ["organization_id", "external_subscription_id", "charge_id", "charge_filter_id", "group_key", "position"],
        unique=False,
    )
    op.create_index(
        "ix_charges_in_advance",
        "charges",
        ["billable_metric_id"],
        unique=False,
        postgresql_where=sa.text("pay_in_advance and deleted_at is null"),
    )
    op.drop_index("uq_fees_bucket", table_name="fees")
    op.create_index(
        "uq_fees_bucket",
        "fees",
        [
            "invoice_id",
            "subscription_id",
            "fee_type",
            "charge_id",
            "charge_filter_id",
            "group_key",
            "true_up_parent_fee_id",
        ],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text(
            "invoice_id is not null and deleted_at is null"
            " and (fee_type = 'subscription' or (fee_type = 'charge' and not pay_in_advance))"
        ),
    )
    op.create_index(
        "ix_fees_event",
        "fees",
        ["organization_id", "event_transaction_id"],
        unique=False,
        postgresql_where=sa.text("event_transaction_id is not null"),
    )
    op.create_index(
        "ix_fees_paid_in_advance",
        "fees",
        ["organization_id", "external_subscription_id"],
        unique=False,
        postgresql_where=sa.text("invoice_id is null and payment_status = 'succeeded' and deleted_at is null"),
    )
    op.create_index(
        "uq_fees_renewal",
        "fees",
        ["subscription_id", "charge_id", "charge_filter_id", "group_key", "charges_from_datetime"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("fee_type = 'charge' and pay_in_advance and event_transaction_id is null"),
    )


def downgrade() -> None:
    op.drop_index("uq_fees_bucket", table_name="fees")
    op.create_index(
        "uq_fees_bucket",
        "fees",
        [
            "invoice_id",
            "subscription_id",
            "fee_type",
            "charge_id",
            "charge_filter_id",
            "group_key",
            "true_up_parent_fee_id",
        ],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text(
            "invoice_id is not null and fee_type in ('charge', 'subscription') and deleted_at is null"
        ),
    )
    op.drop_index(
        "uq_fees_renewal",
        table_name="fees",
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("fee_type = 'charge' and pay_in_advance and event_transaction_id is null"),
    )
    op.drop_index(
        "ix_fees_paid_in_advance",
        table_name="fees",
        postgresql_where=sa.text("invoice_id is null and payment_status = 'succeeded' and deleted_at is null"),
    )
    op.drop_index("ix_fees_event", table_name="fees", postgresql_where=sa.text("event_transaction_id is not null"))
    op.drop_index(
        "ix_charges_in_advance", table_name="charges", postgresql_where=sa.text("pay_in_advance and deleted_at is null")
    )
    op.drop_index("ix_unit_marks_state", table_name="unit_marks")
    op.drop_table("unit_marks")
    op.drop_index(
        "ix_instant_events_waiting", table_name="instant_events", postgresql_where=sa.text("parked_at is null")
    )
    op.drop_index("ix_instant_events_job_id", table_name="instant_events")
    op.drop_table("instant_events")
