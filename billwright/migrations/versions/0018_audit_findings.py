"""Audit findings

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_findings",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("customer_id", sa.UUID(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("expected", sa.String(), nullable=False),
        sa.Column("found", sa.String(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_audit_findings_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_findings")),
    )
    op.create_index(
        "ix_audit_findings_list",
        "audit_findings",
        ["organization_id", sa.literal_column("last_seen_at desc"), "id"],
        unique=False,
    )
    op.create_index(
        "ix_audit_findings_open_customer",
        "audit_findings",
        ["customer_id"],
        unique=False,
        postgresql_where=sa.text("resolved_at is null and customer_id is not null"),
    )
    op.create_index(
        "uq_audit_findings_object",
        "audit_findings",
        ["organization_id", "code", "object_type", "object_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )


def downgrade() -> None:
    op.drop_index("uq_audit_findings_object", table_name="audit_findings", postgresql_nulls_not_distinct=True)
    op.drop_index(
        "ix_audit_findings_open_customer",
        table_name="audit_findings",
        postgresql_where=sa.text("resolved_at is null and customer_id is not null"),
    )
    op.drop_index("ix_audit_findings_list", table_name="audit_findings")
    op.drop_table("audit_findings")
