"""EU tax management

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vies_checks",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("revision", sa.UUID(), nullable=False),
        sa.Column("attempts_count", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error_type", sa.String(), nullable=True),
        sa.Column("last_error_message", sa.String(), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_vies_checks_customer_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_vies_checks_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vies_checks")),
    )
    op.create_index("ix_vies_checks_next_attempt", "vies_checks", ["next_attempt_at"], unique=False)
    op.create_index(op.f("ix_vies_checks_organization_id"), "vies_checks", ["organization_id"], unique=False)
    op.create_index("uq_vies_checks_customer", "vies_checks", ["customer_id"], unique=True)
    op.add_column(
        "fees", sa.Column("deferred_tax_ids", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )
    op.create_index(
        "ix_invoices_pending",
        "invoices",
        ["customer_id"],
        unique=False,
        postgresql_where=sa.text("status in ('pending', 'failed')"),
    )
    op.add_column("organizations", sa.Column("eu_rates_due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_organizations_eu_rates_due",
        "organizations",
        ["eu_rates_due_at"],
        unique=False,
        postgresql_where=sa.text("eu_rates_due_at is not null"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_organizations_eu_rates_due",
        table_name="organizations",
        postgresql_where=sa.text("eu_rates_due_at is not null"),
    )
    op.drop_column("organizations", "eu_rates_due_at")
    op.drop_index(
        "ix_invoices_pending", table_name="invoices", postgresql_where=sa.text("status in ('pending', 'failed')")
    )
    op.drop_column("fees", "deferred_tax_ids")
    op.drop_index("uq_vies_checks_customer", table_name="vies_checks")
    op.drop_index(op.f("ix_vies_checks_organization_id"), table_name="vies_checks")
    op.drop_index("ix_vies_checks_next_attempt", table_name="vies_checks")
    op.drop_table("vies_checks")
