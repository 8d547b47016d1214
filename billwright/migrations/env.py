"""Alembic's environment: runs the revisions on the connection that ``billwright.migrations.runner`` hands over."""

from __future__ import annotations

from alembic import context

from billwright.migrations.metadata import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations with `billwright migrate` (billwright.migrations.runner)")

context.configure(
    connection=connection,
    target_metadata=metadata(),
    compare_type=True,
    compare_server_default=False,
    transaction_per_migration=True,
    include_object=context.config.attributes.get("include_object"),
)
with context.begin_transaction():
    context.run_migrations()
