# ruff: noqa: S608 -- identifiers come from the database's own catalogue, quoted; every value is a parameter
"""The outbox empties itself, and no row of one organization points into another."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from sqlalchemy import text

from billwright.billing.auditing.checks import Check, Finding, Scope, check, of_objects, rows
from billwright.billing.kernel.db import Session

PATIENCE = "10 minutes"

_STUCK = f"""
select null::uuid as customer_id, 'job' as object_type, j.id as object_id, 'run within {PATIENCE}' as expected,
  j.name || ' ' || j.status || ', due since ' || j.run_at as found
from jobs j
where j.organization_id is not distinct from cast(:owner as uuid) and j.status in ('queued', 'running')
  and j.run_at < cast(:system_now as timestamptz) - interval '{PATIENCE}'
  and (j.lease_until is null or j.lease_until < cast(:system_now as timestamptz))
"""
_OUTBOX_TITLE = "Nothing stays in the outbox for longer than ten minutes"


async def _stuck_jobs(session: Session, scope: Scope) -> AsyncGenerator[Finding]:
    async for found in rows(session, _STUCK, {}, "outbox_stuck", scope):
        yield found


async def stuck_jobs_of_nobody(session: Session, scope: Scope) -> AsyncGenerator[Finding]:
    """Jobs of the installation, which belong to no organization."""
    async for found in rows(session, _STUCK, {}, "outbox_stuck", scope, owned=False):
        yield found


_WEBHOOKS = check(
    "webhook_stuck",
    "No delivery of a webhook waits for longer than ten minutes",
    f"""
    select null::uuid as customer_id, 'webhook' as object_type, w.id as object_id, 'sent within {PATIENCE}' as expected,
      w.webhook_type || ' ' || w.status || ', due since ' || w.due_at as found
    from webhooks w
    where w.organization_id = :organization and w.due_at < cast(:system_now as timestamptz) - interval '{PATIENCE}'
      and (w.lease_until is null or w.lease_until < cast(:system_now as timestamptz))
    """,
)

_REFERENCES = """
select quote_ident(child.relname) as child, quote_ident(parent.relname) as parent, quote_ident(a.attname) as "column",
  quote_ident(b.attname) as target, exists (select from pg_attribute k
    where k.attrelid = c.conrelid and k.attname = 'id' and not k.attisdropped) as has_id
from pg_constraint c
join pg_class child on child.oid = c.conrelid join pg_class parent on parent.oid = c.confrelid
join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
join pg_attribute b on b.attrelid = c.confrelid and b.attnum = c.confkey[1]
where c.contype = 'f' and c.conparentid = 0 and cardinality(c.conkey) = 1
  and exists (select from pg_attribute o where o.attrelid = c.conrelid and o.attname = 'organization_id')
  and exists (select from pg_attribute o where o.attrelid = c.confrelid and o.attname = 'organization_id')
order by 1, 3
"""
"""Foreign keys between tables that both belong to organizations, as the database knows them."""


async def _foreign(session: Session, scope: Scope) -> AsyncGenerator[Finding]:
    for child, parent, column, target, has_id in (await session.execute(text(_REFERENCES))).all():
        object_id = "c.id" if has_id else f"c.{column}"
        statement = f"""
        select null::uuid as customer_id, '{child}' as object_type, {object_id}::text || ' {column}' as object_id,
          'organization ' || c.organization_id as expected, 'organization ' || p.organization_id as found
        from {child} c join {parent} p on p.{target} = c.{column}
        where c.organization_id = :organization and p.organization_id <> c.organization_id
          and {of_objects("foreign_organization", f"({object_id}::text || ' {column}')")}
        """
        values = {"organization": scope.organization_id, "share": scope.share, "seed": scope.seed}
        async for found in rows(session, statement, values, "foreign_organization", scope):
            yield found


CHECKS = (
    Check("outbox_stuck", _OUTBOX_TITLE, _stuck_jobs),
    _WEBHOOKS,
    Check("foreign_organization", "No row of one organization refers to a row of another", _foreign),
)
