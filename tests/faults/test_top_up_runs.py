"""Workers killed while rules top up wallets: every rule has acted once, every purchase has one invoice (design §4, §7).

Half of the rules act at an interval and are due, half at a threshold that a refresh is about to find reached.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from billwright.billing.access.context import Context
from billwright.billing.access.service import create_organization
from billwright.billing.customers.schemas import CustomerInput
from billwright.billing.customers.service import upsert_customer
from billwright.billing.kernel.clock import system_now
from billwright.billing.wallets.schemas import WalletInput
from billwright.billing.wallets.service import create_wallet
from tests.faults.billing_books import connect
from tests.faults.billing_processes import execute, opened, wait_until, workers_on

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

WALLETS = 40
"""Of each kind, of a customer each."""
KILLS = 2
INTERVAL = {"trigger": "interval", "interval": "weekly", "paid_credits": "5", "granted_credits": "1"}
THRESHOLD = {"trigger": "threshold", "threshold_credits": "10", "paid_credits": "7", "granted_credits": "4"}
_ACTED = "select count(distinct wallet_id) from wallet_transactions where organization_id = $1"


async def found(url: str) -> UUID:
    """A live organization with wallets a week old whose rules are about to act."""
    async with opened(url) as runtime, runtime.database.transaction() as session:
        organization = (await create_organization(session, "Topped up", kind="live")).organization
        ctx = Context(session, organization, event_store=runtime.event_store)
        for number in range(2 * WALLETS):
            who = f"c{number}"
            await upsert_customer(ctx, CustomerInput.parse({"external_id": who, "currency": "EUR"}))
            rule = INTERVAL if number % 2 else THRESHOLD
            wanted = {"external_customer_id": who, "rate_amount": "1", "currency": "EUR"}
            await create_wallet(ctx, WalletInput.parse({**wanted, "recurring_transaction_rules": [rule]}))
        organization_id = organization.id
    for statement in (
        "update wallets set created_at = now() - interval '7 days', moved = true where organization_id = $1",
        "update wallet_rules set top_up_due_at = now(), due_at = now()"
        " where organization_id = $1 and trigger = 'interval'",
    ):
        await execute(url, statement, organization_id)
    return organization_id


async def test_workers_killed_while_rules_act(database_url: str, redis_url: str, tmp_path: Path) -> None:
    organization_id = await found(database_url)
    with workers_on(redis_url, tmp_path / "workers.log") as workers:
        for kill in range(1, KILLS + 1):
            victim = workers.start(database_url)
            few = kill * 2 * WALLETS // (KILLS + 2)
            await wait_until(database_url, f"select ({_ACTED}) >= {few}", organization_id, watched=victim)
            victim.kill()
        before = (await _rows(database_url, _ACTED, organization_id))[0][0]
        assert before < 2 * WALLETS, "the kills came too late"
        expire = "update jobs set lease_until = now() - interval '1 s' where status = 'running' and started_at < $1"
        await execute(database_url, expire, system_now())
        last = [workers.start(database_url) for _ in range(2)]
        await wait_until(
            database_url,
            f"select ({_ACTED}) = {2 * WALLETS} and not exists ("
            " select from jobs where organization_id = $1 and status in ('queued', 'running'))"
            " and not exists (select from wallet_marks where organization_id = $1)",
            organization_id,
            watched=last[0],
        )
        await asyncio.sleep(1)
        workers.check(*last)
    rows = await _rows(
        database_url,
        """
        select r.trigger, array_agg(t.transaction_status || ' ' || t.status || ' ' || t.amount_cents || ' ' || t.source
            order by t.transaction_status desc) as lines,
          array_agg(t.invoice_id) filter (where t.transaction_status = 'purchased') as invoices,
          w.balance_cents, w.ongoing_balance_cents
        from wallets w join wallet_rules r on r.wallet_id = w.id
        join wallet_transactions t on t.wallet_id = w.id where w.organization_id = $1 group by w.id, r.id
        """,
        organization_id,
    )
    wanted = {
        "interval": ["purchased pending 500 interval", "granted settled 100 interval"],
        "threshold": ["purchased pending 700 threshold", "granted settled 400 threshold"],
    }
    assert len(rows) == 2 * WALLETS
    for row in rows:
        assert row["lines"] == wanted[row["trigger"]]
        assert len(row["invoices"]) == 1
        assert row["balance_cents"] == row["ongoing_balance_cents"] == (100 if row["trigger"] == "interval" else 400)
    bills = await _rows(
        database_url,
        "select count(*), count(distinct customer_id), count(distinct number), sum(total_amount_cents)::bigint"
        " from invoices where organization_id = $1 and invoice_type = 'credit' and status = 'finalized'",
        organization_id,
    )
    assert tuple(bills[0]) == (2 * WALLETS, 2 * WALLETS, 2 * WALLETS, WALLETS * 1200)


async def _rows(database_url: str, sql: str, organization_id: UUID) -> list[tuple[object, ...]]:
    connection = await connect(database_url)
    try:
        return list(await connection.fetch(sql, organization_id))
    finally:
        await connection.close()
