"""Deep pages

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

ORGANIZATION = "organization_id"
CREATED = sa.text("created_at desc")
SUBSCRIBED = sa.text("subscription_at desc nulls last")


def upgrade() -> None:
    op.drop_index("ix_subscriptions_list", table_name="subscriptions")
    op.create_index(
        "ix_subscriptions_list",
        "subscriptions",
        [ORGANIZATION, SUBSCRIBED, CREATED, "id"],
        postgresql_include=["status"],
    )
    op.drop_index("ix_payments_list", table_name="payments")
    op.create_index(
        "ix_payments_list",
        "payments",
        [ORGANIZATION, CREATED, sa.text("id desc")],
        postgresql_include=["payable_id", "payable_type"],
    )


def downgrade() -> None:
    op.drop_index("ix_payments_list", table_name="payments")
    op.create_index("ix_payments_list", "payments", [ORGANIZATION, CREATED, sa.text("id desc")])
    op.drop_index("ix_subscriptions_list", table_name="subscriptions")
    op.create_index("ix_subscriptions_list", "subscriptions", [ORGANIZATION, SUBSCRIBED, CREATED])
