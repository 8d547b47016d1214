"""Event store: partitioned events, their deduplication ledger, and 15-minute usage rollups (spec 08 C3)."""

from __future__ import annotations

from alembic import op

from billwright.billing.metering.store import ddl
from billwright.migrations.runner import run_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script(op.get_bind(), ddl.CREATE)


def downgrade() -> None:
    run_script(op.get_bind(), ddl.DROP)
