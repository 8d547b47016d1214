"""Minimum commitments

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "commitments",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("invoice_display_name", sa.String(), nullable=True),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_commitments_amount")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_commitments_organization_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_commitments_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitments")),
    )
    op.create_index("uq_commitments_plan_id", "commitments", ["plan_id"], unique=True)
    op.create_table(
        "commitments_taxes",
        sa.Column("commitment_id", sa.Uuid(), nullable=False),
        sa.Column("tax_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["commitment_id"], ["commitments.id"], name=op.f("fk_commitments_taxes_commitment_id")),
        sa.ForeignKeyConstraint(["tax_id"], ["taxes.id"], name=op.f("fk_commitments_taxes_tax_id")),
        sa.PrimaryKeyConstraint("commitment_id", "tax_id", name=op.f("pk_commitments_taxes")),
    )
    op.create_index(op.f("ix_commitments_taxes_tax_id"), "commitments_taxes", ["tax_id"], unique=False)
    op.create_index(
        "uq_fees_commitment",
        "fees",
        ["invoice_id", "subscription_id"],
        unique=True,
        postgresql_where=sa.text("fee_type = 'commitment' and deleted_at is null"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_fees_commitment",
        table_name="fees",
        postgresql_where=sa.text("fee_type = 'commitment' and deleted_at is null"),
    )
    op.drop_index(op.f("ix_commitments_taxes_tax_id"), table_name="commitments_taxes")
    op.drop_table("commitments_taxes")
    op.drop_index("uq_commitments_plan_id", table_name="commitments")
    op.drop_table("commitments")
