"""Search and counts of lists

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

SEARCHED = (
    ("customers", ("name", "firstname", "lastname", "legal_name", "external_id", "email")),
    ("invoices", ("number",)),
    ("subscriptions", ("name", "external_id")),
    ("payments", ("reference",)),
    ("credit_notes", ("number",)),
)
IN_ORDER = ("organization_id", "issuing_date desc", "created_at desc", "id")
PLAIN = (
    ("ix_customers_external_id", "customers", ("organization_id", "external_id"), None),
    ("ix_invoices_states", "invoices", ("organization_id", "status", "payment_status", "currency"), None),
    ("ix_invoices_overdue_list", "invoices", IN_ORDER, "payment_overdue"),
    ("ix_invoices_disputed_list", "invoices", IN_ORDER, "payment_dispute_lost_at is not null"),
    ("ix_subscriptions_states", "subscriptions", ("organization_id", "status"), None),
    (
        "ix_subscriptions_previous",
        "subscriptions",
        ("previous_subscription_id",),
        "previous_subscription_id is not null",
    ),
)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for table, columns in SEARCHED:
        op.create_index(
            f"ix_{table}_search",
            table,
            list(columns),
            postgresql_using="gin",
            postgresql_ops=dict.fromkeys(columns, "gin_trgm_ops"),
        )
    for name, table, columns, condition in PLAIN:
        op.create_index(
            name,
            table,
            [sa.text(column) if " " in column else column for column in columns],
            postgresql_where=sa.text(condition) if condition else None,
        )


def downgrade() -> None:
    for name, table, _, _ in PLAIN:
        op.drop_index(name, table_name=table)
    for table, _ in SEARCHED:
        op.drop_index(f"ix_{table}_search", table_name=table)
