"""Plan changes at the same moment: one of them happens, and everything is billed once (spec 03 §0, §6.2, §8.4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.kernel.db import Database
from billwright.billing.scheduling.engine import run_customer
from tests.billing.subscriptions.lives import announced, late, life, lines, show, statuses
from tests.support.sandbox import Sandbox


async def post(sandbox: Sandbox, plan: str, external_id: str = "s1", customer: str = "c1", **more: Any) -> int:
    body = {"external_customer_id": customer, "plan_code": plan, "external_id": external_id, **more}
    return (await sandbox.rest.post("subscriptions", {"subscription": body})).status_code


async def rows(sandbox: Sandbox, sql: str) -> list[Any]:
    async with sandbox.context() as ctx:
        return [tuple(row) for row in await ctx.session.execute(text(sql))]


async def test_the_same_upgrade_many_times_at_once(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await sandbox.plan("old", 1000)
        await sandbox.plan("new", 2000, pay_in_advance=True)
        await sandbox.subscribe(plan="old")
        assert await asyncio.gather(*(post(sandbox, "new") for _ in range(6))) == [200] * 6
        assert await statuses(sandbox) == [("old", "terminated"), ("new", "active")]
        assert len(await sandbox.invoices()) == 1
        assert await announced(sandbox) == ["started", "terminated", "started"]


async def test_different_upgrades_at_once_follow_each_other(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        for number in range(5):
            await sandbox.plan(f"p{number}", 1000)
        await sandbox.subscribe(plan="p0")
        assert await asyncio.gather(*(post(sandbox, f"p{number}") for number in range(1, 5))) == [200] * 4
        found = await statuses(sandbox)
        assert sorted(status for _, status in found) == ["active", *["terminated"] * 4]
        chain = await rows(
            sandbox,
            "select count(*), count(distinct previous_subscription_id) from subscriptions"
            " where previous_subscription_id is not null",
        )
        assert chain == [(4, 4)], "each has one successor"
        assert len(await sandbox.invoices()) == 4


async def test_upgrade_against_termination(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await sandbox.plan("old", 1000)
        await sandbox.plan("new", 2000)
        for number in range(4):
            name = f"s{number}"
            await sandbox.subscribe(name, "old")
            upgraded, ended = await asyncio.gather(
                post(sandbox, "new", name), sandbox.rest.delete(f"subscriptions/{name}")
            )
            assert (upgraded, ended.status_code) in {(200, 200), (200, 404)}
        doubled = "select subscription_id from invoice_subscriptions group by 1 having count(*) > 1"
        assert await rows(sandbox, doubled) == []
        running = "select external_id from subscriptions where status = 'active' group by 1 having count(*) > 1"
        assert await rows(sandbox, running) == []


async def test_downgrades_at_once_leave_one_pending(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await sandbox.plan("old", 3000)
        for number in range(4):
            await sandbox.plan(f"p{number}", 1000 + number)
        await sandbox.subscribe(plan="old")
        assert await asyncio.gather(*(post(sandbox, f"p{number}") for number in range(4))) == [200] * 4
        assert sorted(status for _, status in await statuses(sandbox)) == ["active", *["canceled"] * 3, "pending"]


async def test_a_switch_runs_once_whoever_comes(database: Database) -> None:
    """Several workers and an upgrade meet at the instant of the switch."""
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await sandbox.plan("old", 3100)
        await sandbox.plan("new", 1000, pay_in_advance=True)
        await sandbox.subscribe(plan="old")
        await sandbox.subscribe(plan="new")
        await late(sandbox, "2024-02-01T00:00Z")
        [(customer_id,)] = await rows(sandbox, "select id from customers")
        async with sandbox.context() as ctx:
            until = ctx.now()
        await asyncio.gather(
            *(run_customer(sandbox.runtime, sandbox.organization_id, customer_id, until) for _ in range(4))
        )
        assert await lines(sandbox) == [("2024-02-01", "old", 1700), ("2024-02-01", "new", 1000)]
        assert await announced(sandbox) == ["started", "updated", "terminated", "started"]
        assert (await show(sandbox))["plan_code"] == "new"


async def test_one_external_id_for_two_customers_at_once(database: Database) -> None:
    """Also where both are only scheduled, which no index forbids."""
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await sandbox.plan("p", 1000)
        await sandbox.customer("c2")
        for number, more in enumerate(({}, {"subscription_at": "2024-06-01"})):
            answers = await asyncio.gather(
                *(post(sandbox, "p", f"x{number}", customer, **more) for customer in ("c1", "c2", "c1", "c2"))
            )
            assert sorted(answers) == [200, 200, 422, 422]


@pytest.mark.parametrize("failing", ["compute"])
async def test_03_8_4_a_failed_computation_keeps_the_upgrade(
    database: Database, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The life-cycle change stands, the invoice is retried with its rows."""
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await sandbox.plan("old", 3100)
        await sandbox.plan("new", 6200, pay_in_advance=True)
        await sandbox.subscribe(plan="old")

        async def broken(*_: Any, **__: Any) -> Any:
            raise RuntimeError("no")

        with monkeypatch.context() as patched:
            patched.setattr(f"billwright.billing.invoicing.billing.{failing}", broken)
            assert await post(sandbox, "new") == 200
        assert await statuses(sandbox) == [("old", "terminated"), ("new", "active")]
        assert await sandbox.invoices() == []
        await sandbox.advance("2024-01-15T11:00:00Z")
        assert await lines(sandbox) == [("2024-01-15", "old", 0), ("2024-01-15", "new", 3400)]
