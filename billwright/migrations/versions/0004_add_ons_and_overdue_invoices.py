"""Add-ons and overdue invoices

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "add_ons",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("invoice_display_name", sa.String(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_add_ons_amount")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_add_ons_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_add_ons")),
    )
    op.create_index(
        "ix_add_ons_list",
        "add_ons",
        ["organization_id", sa.literal_column("created_at desc"), "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at is null"),
    )
    op.create_index(
        "uq_add_ons_code",
        "add_ons",
        ["organization_id", "code"],
        unique=True,
        postgresql_where=sa.text("deleted_at is null"),
    )
    op.create_table(
        "add_ons_taxes",
        sa.Column("add_on_id", sa.Uuid(), nullable=False),
        sa.Column("tax_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["add_on_id"], ["add_ons.id"], name=op.f("fk_add_ons_taxes_add_on_id")),
        sa.ForeignKeyConstraint(["tax_id"], ["taxes.id"], name=op.f("fk_add_ons_taxes_tax_id")),
        sa.PrimaryKeyConstraint("add_on_id", "tax_id", name=op.f("pk_add_ons_taxes")),
    )
    op.create_index(op.f("ix_add_ons_taxes_tax_id"), "add_ons_taxes", ["tax_id"], unique=False)
    op.add_column("fees", sa.Column("add_on_id", sa.UUID(), nullable=True))
    op.create_index(
        "ix_fees_add_on", "fees", ["add_on_id"], unique=False, postgresql_where=sa.text("add_on_id is not null")
    )
    op.create_foreign_key(op.f("fk_fees_add_on_id"), "fees", "add_ons", ["add_on_id"], ["id"])
    op.add_column("invoices", sa.Column("overdue_due_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "update invoices set overdue_due_at = (payment_due_date + 1 + time '00:25') at time zone 'UTC'"
        " where status = 'finalized' and payment_status <> 'succeeded' and not payment_overdue"
        " and payment_dispute_lost_at is null"
    )
    op.drop_index("ix_invoices_overdue_due", table_name="invoices")
    op.create_index(
        "ix_invoices_overdue_due",
        "invoices",
        ["overdue_due_at"],
        unique=False,
        postgresql_where=sa.text("overdue_due_at is not null and live"),
    )
    op.create_index(
        "ix_invoices_organization_overdue",
        "invoices",
        ["organization_id", "overdue_due_at"],
        unique=False,
        postgresql_where=sa.text("overdue_due_at is not null"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_invoices_organization_overdue",
        table_name="invoices",
        postgresql_where=sa.text("overdue_due_at is not null"),
    )
    op.drop_index(
        "ix_invoices_overdue_due",
        table_name="invoices",
        postgresql_where=sa.text("overdue_due_at is not null and live"),
    )
    op.create_index(
        "ix_invoices_overdue_due",
        "invoices",
        ["payment_due_date"],
        unique=False,
        postgresql_where=sa.text(
            "status = 'finalized' and payment_status <> 'succeeded' and not payment_overdue"
            " and payment_dispute_lost_at is null"
        ),
    )
    op.drop_column("invoices", "overdue_due_at")
    op.drop_constraint(op.f("fk_fees_add_on_id"), "fees", type_="foreignkey")
    op.drop_index("ix_fees_add_on", table_name="fees", postgresql_where=sa.text("add_on_id is not null"))
    op.drop_column("fees", "add_on_id")
    op.drop_index(op.f("ix_add_ons_taxes_tax_id"), table_name="add_ons_taxes")
    op.drop_table("add_ons_taxes")
    op.drop_index("uq_add_ons_code", table_name="add_ons", postgresql_where=sa.text("deleted_at is null"))
    op.drop_index("ix_add_ons_list", table_name="add_ons", postgresql_where=sa.text("deleted_at is null"))
    op.drop_table("add_ons")
