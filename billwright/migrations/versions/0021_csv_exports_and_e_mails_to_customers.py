"""CSV exports and e-mails to customers

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_exports",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("resource_type", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("filters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=True),
        sa.Column("rows_total", sa.Integer(), nullable=True),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_token", sa.LargeBinary(), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_data_exports_organization_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_data_exports_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_exports")),
        sa.UniqueConstraint("digest", name=op.f("uq_data_exports_digest")),
    )
    op.create_index(
        "ix_data_exports_expiry",
        "data_exports",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at is not null"),
    )
    op.create_index(
        "ix_data_exports_list",
        "data_exports",
        ["organization_id", "user_id", sa.literal_column("created_at desc")],
        unique=False,
    )
    op.create_table(
        "data_export_parts",
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"], ["data_exports.id"], name=op.f("fk_data_export_parts_export_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("export_id", "position", name=op.f("pk_data_export_parts")),
    )
    op.add_column(
        "emails",
        sa.Column("copy_recipients", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="[]"),
    )
    op.add_column("emails", sa.Column("html", sa.String(), nullable=True))
    op.add_column("emails", sa.Column("attachment_id", sa.UUID(), nullable=True))
    op.add_column("emails", sa.Column("attachment_name", sa.String(), nullable=True))
    op.add_column("emails", sa.Column("document_id", sa.UUID(), nullable=True))
    op.add_column("emails", sa.Column("once", sa.String(), nullable=True))
    op.create_index(
        "ix_emails_document",
        "emails",
        ["document_id"],
        unique=False,
        postgresql_where=sa.text("document_id is not null"),
    )
    op.create_unique_constraint(op.f("uq_emails_once"), "emails", ["once"])
    op.create_foreign_key(op.f("fk_emails_attachment_id"), "emails", "stored_files", ["attachment_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint(op.f("fk_emails_attachment_id"), "emails", type_="foreignkey")
    op.drop_constraint(op.f("uq_emails_once"), "emails", type_="unique")
    op.drop_index("ix_emails_document", table_name="emails", postgresql_where=sa.text("document_id is not null"))
    op.drop_column("emails", "once")
    op.drop_column("emails", "document_id")
    op.drop_column("emails", "attachment_name")
    op.drop_column("emails", "attachment_id")
    op.drop_column("emails", "html")
    op.drop_column("emails", "copy_recipients")
    op.drop_table("data_export_parts")
    op.drop_index("ix_data_exports_list", table_name="data_exports")
    op.drop_index(
        "ix_data_exports_expiry", table_name="data_exports", postgresql_where=sa.text("expires_at is not null")
    )
    op.drop_table("data_exports")
