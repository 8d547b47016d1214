"""The nightly audit (spec 09 §3): live organizations, a sample, findings kept, seen again, resolved and reopened."""

from __future__ import annotations

from typing import Any

import asyncpg
from sqlalchemy import text

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.auditing.nightly import audit_nightly
from billwright.billing.auditing.queries import count_open, list_findings
from billwright.billing.auditing.service import Request, audit
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.kernel.pagination import PageRequest
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.jobs.cron import TIMETABLE
from tests.billing.auditing.test_checks import C3, corrupt, value

WRONG = f"update invoices set total_amount_cents = total_amount_cents + 1 where id = {C3}"
RIGHT = f"update invoices set total_amount_cents = total_amount_cents - 1 where id = {C3}"


async def night(database: Database, share: int = 100) -> int:
    pool: Any = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=2)
    async with pool:
        store = PostgresEventStore(pool)
        try:
            return await audit_nightly(Runtime(database, store), share=share)
        finally:
            await store.close()


async def go_live(database: Database) -> None:
    await corrupt(
        database,
        "update subscriptions set next_billing_at = now() + interval '1 day' where next_billing_at is not null",
    )
    await corrupt(database, "update organizations set kind = 'live', clock_now = null where name = 'Hooli'")


async def state(database: Database) -> tuple[Any, ...]:
    async with database.reading() as session:
        row = (await session.execute(text("select * from audit_findings"))).one()
    return row.code, row.first_seen_at, row.last_seen_at, row.resolved_at


async def test_findings_are_kept_resolved_and_reopened(audited: Database) -> None:
    await go_live(audited)
    await corrupt(audited, WRONG)
    assert await night(audited) == 1
    code, first, last, resolved = await state(audited)
    assert (code, resolved) == ("invoice_totals", None)
    assert first == last
    assert await night(audited) == 1
    _, again, later, _ = await state(audited)
    assert again == first < later
    shown = [item async for item in audit(audited, Request())]
    assert [item.first_seen for item in shown] == [first], "the command line shows since when it is known"
    await corrupt(audited, RIGHT)
    assert await night(audited) == 0
    _, _, _, resolved = await state(audited)
    assert resolved is not None
    await corrupt(audited, WRONG)
    assert await night(audited) == 1
    _, reopened, _, resolved = await state(audited)
    assert resolved is None
    assert reopened > first


async def test_open_findings_are_looked_at_outside_of_the_sample(audited: Database) -> None:
    await go_live(audited)
    await corrupt(audited, WRONG)
    assert await night(audited, share=0) == 0
    assert await night(audited, share=100) == 1
    assert await night(audited, share=0) == 1, "it is still wrong"
    await corrupt(audited, RIGHT)
    assert await night(audited, share=0) == 0
    assert (await state(audited))[3] is not None


async def test_sandboxes_are_left_alone(audited: Database) -> None:
    await corrupt(audited, WRONG)
    assert await night(audited) == 0
    assert await value(audited, "select count(*) from audit_findings") == 0


async def test_findings_belong_to_their_organization(audited: Database) -> None:
    await go_live(audited)
    await corrupt(audited, WRONG)
    await night(audited)
    async with audited.reading() as session:
        for name, number in (("Hooli", 1), ("Initech", 0)):
            organization = (
                await session.scalars(text("select id from organizations where name = :name"), {"name": name})
            ).one()
            ctx = Context(session, await session.get_one(Organization, organization))
            assert await count_open(ctx) == number
            assert len((await list_findings(ctx, PageRequest.of(1, 10, default=10))).items) == number
            assert (await list_findings(ctx, PageRequest.of(1, 10, default=10), resolved=True)).items == []
            assert len((await list_findings(ctx, PageRequest.of(1, 10, default=10), resolved=None)).items) == number


def test_it_runs_at_night_in_one_process() -> None:
    [item] = [item for item in TIMETABLE if item.name == "audit"]
    assert (item.at, item.single, item.at_start) == ({"hour": 2, "minute": 0}, True, False)
