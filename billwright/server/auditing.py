"""``billwright audit``: findings as they come, on a terminal or as JSON (spec 09 §3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from billwright.billing.access.models import Organization
from billwright.billing.auditing.checks import Finding
from billwright.billing.auditing.service import ROLLUP_SAMPLE, Request, Step, audit
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.kernel.errors import NotFound
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.server.settings import Settings


async def run_audit(
    settings: Settings,
    *,
    organization_id: UUID | None = None,
    since: datetime | None = None,
    as_json: bool = False,
    rollup_sample: float = ROLLUP_SAMPLE,
) -> int:
    """Audit the books and print what is found; returns how many findings there were. Writes nothing. Raises
    ``NotFound("organization")``."""
    request = Request(organization_id=organization_id, since=since, rollup_sample=rollup_sample)
    database = Database(settings.database_url, pool_size=2)
    pool: Any = asyncpg.create_pool(
        asyncpg_url(settings.database_url), min_size=1, max_size=2, server_settings={"timezone": "UTC"}
    )
    try:
        async with pool:
            await _known(database, organization_id)
            store = PostgresEventStore(pool)
            try:
                if as_json:
                    return await _as_json(database, store, request)
                return await _on_terminal(database, store, request)
            finally:
                await store.close()
    finally:
        await database.close()


async def _known(database: Database, organization_id: UUID | None) -> None:
    """Raises ``NotFound("organization")`` for an id that nobody has."""
    if organization_id is None:
        return
    async with database.reading() as session:
        if await session.get(Organization, organization_id) is None:
            raise NotFound("organization")


async def _as_json(database: Database, store: PostgresEventStore, request: Request) -> int:
    """One JSON document, written while it is found: a finding is a line of it."""
    number = 0
    print('{"findings": [', end="", flush=True)
    async with aclosing(audit(database, request, events=store)) as findings:
        async for finding in findings:
            print(("," if number else "") + "\n" + json.dumps(_wire(finding)), end="", flush=True)
            number += 1
    print(("\n" if number else "") + f'], "count": {number}}}', flush=True)
    return number


def _wire(finding: Finding) -> dict[str, str | None]:
    return {
        "organization_id": str(finding.organization_id) if finding.organization_id else None,
        "customer_id": str(finding.customer_id) if finding.customer_id else None,
        "code": finding.code,
        "object_type": finding.object_type,
        "object_id": finding.object_id,
        "expected": finding.expected,
        "found": finding.found,
        "first_seen": iso(finding.first_seen),
    }


async def _on_terminal(database: Database, store: PostgresEventStore, request: Request) -> int:
    """Findings on standard output, a progress bar on standard error while that is a terminal."""
    output, errors = Console(soft_wrap=True, highlight=False), Console(stderr=True)
    number = 0
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    with bar:
        async with aclosing(audit(database, request, events=store, progress=_moving(bar))) as findings:
            async for finding in findings:
                output.print(_line(finding), markup=False)
                output.file.flush()
                number += 1
    output.print(
        f"{number} finding{'' if number == 1 else 's'}" if number else "The books are in order: no findings",
        markup=False,
    )
    return number


def _moving(bar: Progress) -> Callable[[Step], None]:
    task = bar.add_task("Audit", total=None)

    def moved(step: Step) -> None:
        words = f"{step.organization}: {step.title}" if step.organization else step.title
        bar.update(task, completed=step.done, total=step.total, description=escape(words[:90]))

    return moved


def _line(finding: Finding) -> str:
    owner = f"organization {finding.organization_id}" if finding.organization_id else "installation"
    return (
        f"{finding.code}: {finding.object_type} {finding.object_id} ({owner}): expected {finding.expected}, "
        f"found {finding.found}; first seen {iso(finding.first_seen)}"
    )
