"""What a check of the books is: one statement that gives a row for each contradiction (spec 09 §3).

Each statement selects ``customer_id``, ``object_type``, ``object_id``, ``expected`` and ``found``, the last two as
text, of one organization. It runs on a server-side cursor, so neither the books nor many findings have to fit into
memory.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from billwright.billing.kernel.db import Session

WHOLE = 100
ROWS_AT_ONCE = 200

ISSUED = "('draft', 'finalized', 'voided')"
"""Statuses of invoices whose amounts are settled."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of an organization's books is looked at.

    ``now``: the organization's present; ``system_now``: the installation's. ``since``: only what was made since. With
    ``share`` below 100 that percentage of the customers, chosen by ``seed``, and those with open findings.
    """

    organization_id: UUID
    now: datetime
    system_now: datetime
    since: datetime | None = None
    share: int = WHOLE
    seed: int = 0

    @property
    def values(self) -> dict[str, Any]:
        return {
            "organization": self.organization_id,
            "now": self.now,
            "system_now": self.system_now,
            "since": self.since,
            "share": self.share,
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction. ``first_seen``: when an audit first noted it (system time)."""

    organization_id: UUID | None
    customer_id: UUID | None
    code: str
    object_type: str
    object_id: str
    expected: str
    found: str
    first_seen: datetime


Run = Callable[[Session, Scope], AsyncGenerator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """``code`` names its findings, ``title`` says what must hold."""

    code: str
    title: str
    run: Run


def of_customers(customer: str) -> str:
    """The condition that a row's customer is in the scope."""
    return f"""(:share >= {WHOLE} or abs(hashtextextended({customer}::text, :seed)) % {WHOLE} < :share
      or exists (select from audit_findings open where open.customer_id = {customer} and open.resolved_at is null))"""


def of_objects(code: str, column: str) -> str:
    """The same for what belongs to no single customer."""
    return f"""(:share >= {WHOLE} or abs(hashtextextended({column}::text, :seed)) % {WHOLE} < :share
      or exists (select from audit_findings open where open.organization_id = :organization and open.code = '{code}'
        and open.object_id = {column}::text and open.resolved_at is null))"""


def made_since(column: str) -> str:
    """The condition that a row was made in the scope."""
    return f"(cast(:since as timestamptz) is null or {column} >= cast(:since as timestamptz))"


_PARAMETERS = ("organization", "now", "system_now", "since", "share", "seed")


def check(code: str, title: str, statement: str) -> Check:
    """A check by one statement, see the module."""
    names = [name for name in _PARAMETERS if f":{name}" in statement]

    async def run(session: Session, scope: Scope) -> AsyncGenerator[Finding]:
        values = scope.values
        async for found in rows(session, statement, {name: values[name] for name in names}, code, scope):
            yield found

    return Check(code, title, run)


_SEEN = """
select d.*, coalesce(known.first_seen_at, cast(:system_now as timestamptz)) as first_seen
from ({statement}) d
left join audit_findings known on known.organization_id is not distinct from cast(:owner as uuid)
  and known.code = :code and known.object_type = d.object_type and known.object_id = d.object_id::text
  and known.resolved_at is null
"""


async def rows(
    session: Session, statement: str, values: dict[str, Any], code: str, scope: Scope, *, owned: bool = True
) -> AsyncGenerator[Finding]:
    """Findings of a statement as they come in. ``owned``: they belong to the scope's organization."""
    owner = scope.organization_id if owned else None
    found = await session.stream(
        text(_SEEN.format(statement=statement)),
        {**values, "system_now": scope.system_now, "owner": owner, "code": code},
        execution_options={"yield_per": ROWS_AT_ONCE},
    )
    async for row in found:
        yield Finding(
            organization_id=owner,
            customer_id=row.customer_id,
            code=code,
            object_type=row.object_type,
            object_id=str(row.object_id),
            expected=str(row.expected),
            found=str(row.found),
            first_seen=row.first_seen,
        )
