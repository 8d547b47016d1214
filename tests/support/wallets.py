"""Wallets of a sandbox, as tests need them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from billwright.billing.background.jobs import due_jobs, run_job
from tests.support.sandbox import Sandbox


async def run_jobs(sandbox: Sandbox, *, only: str = "wallet.%") -> None:
    """Run what is queued under such a name; a failed job fails the test."""
    while True:
        ids = await due_jobs(sandbox.runtime.database, organization_id=sandbox.organization_id)
        async with sandbox.context() as ctx:
            rows = await ctx.session.execute(
                text("select id from jobs where id = any(:ids) and name like :only order by created_at, id"),
                {"ids": ids, "only": only},
            )
            wanted = [row[0] for row in rows]
        if not wanted:
            return
        for job_id in wanted:
            assert await run_job(sandbox.runtime, job_id, immediate=True) == "succeeded"


async def wallet(sandbox: Sandbox, customer: str = "c1", **values: Any) -> Any:
    """A wallet of 1 EUR per credit whose initial top-up has run."""
    body = {"external_customer_id": customer, "rate_amount": "1", "currency": "EUR", **values}
    made = (await sandbox.call("POST", "wallets", {"wallet": body}))["wallet"]
    await run_jobs(sandbox)
    return await reread(sandbox, made)


async def reread(sandbox: Sandbox, made: Any) -> Any:
    return (await sandbox.call("GET", f"wallets/{made['lago_id']}"))["wallet"]


async def top_up(sandbox: Sandbox, made: Any, **values: Any) -> list[Any]:
    """Transactions as they are after their jobs."""
    body = {"wallet_transaction": {"wallet_id": made["lago_id"], **values}}
    given = (await sandbox.call("POST", "wallet_transactions", body))["wallet_transactions"]
    await run_jobs(sandbox)
    return [
        (await sandbox.call("GET", f"wallet_transactions/{item['lago_id']}"))["wallet_transaction"] for item in given
    ]


async def transactions(sandbox: Sandbox, made: Any, **query: Any) -> list[Any]:
    """A wallet's transactions, oldest first."""
    found = await sandbox.call("GET", f"wallets/{made['lago_id']}/wallet_transactions", params=query)
    return list(reversed(found["wallet_transactions"]))


async def pay_invoice(sandbox: Sandbox, lago_id: str, status: str = "succeeded") -> Any:
    return (await sandbox.call("PUT", f"invoices/{lago_id}", {"invoice": {"payment_status": status}}))["invoice"]


async def check_books(sandbox: Sandbox) -> None:
    """Every balance is what its inflows have left, and the outflows are what was drawn from them."""
    async with sandbox.context() as ctx:
        rows = await ctx.session.execute(
            text(
                """
                select w.balance_cents, w.consumed_amount_cents, w.funded_amount_cents,
                  (select coalesce(sum(remaining_amount_cents), 0) from wallet_transactions t where t.wallet_id = w.id),
                  (select coalesce(sum(case when transaction_type = 'inbound' then amount_cents else -amount_cents end),
                    0) from wallet_transactions t where t.wallet_id = w.id and status = 'settled'),
                  (select coalesce(sum(amount_cents), 0) from wallet_transactions t
                    where t.wallet_id = w.id and transaction_type = 'outbound' and status = 'settled'),
                  (select coalesce(sum(d.amount_cents), 0) from wallet_draws d
                    join wallet_transactions t on t.id = d.outbound_id where t.wallet_id = w.id)
                from wallets w where w.organization_id = :org
                """
            ),
            {"org": sandbox.organization_id},
        )
        for balance, consumed, funded, remaining, moved, outflows, drawn in rows:
            assert balance == remaining == moved
            assert balance + consumed == funded
            assert outflows == drawn
