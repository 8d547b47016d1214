"""Many hands on one organization's money at once, over real HTTP with workers beside, and the books they must leave."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from billwright.billing.access.service import create_organization
from billwright.billing.kernel.db import Database
from tests.faults.billing_books import connect
from tests.live.server import LiveServer

Request = tuple[str, str, Any]
"""Method, path below ``/api/v1/``, JSON body or ``None``."""
HANDS = 24
"""Connections that send at the same time."""
_PATIENCE_SECONDS = 100


@dataclass
class Attack:
    """A live organization under attack. ``seen``: status codes of everything sent so far."""

    server: LiveServer
    organization_id: UUID
    http: httpx.AsyncClient
    seen: Counter[int] = field(default_factory=Counter[int])

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = await self.http.request(method, f"/api/v1/{path}", json=body)
        self.seen[answer.status_code] += 1
        return answer

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a successful answer."""
        answer = await self.ask(method, path, body)
        assert answer.status_code == 200, (method, path, answer.status_code, answer.text)
        return answer.json()

    async def make(self, path: str, root: str, **values: Any) -> Any:
        return (await self.call("POST", path, {root: values}))[root]

    async def all_at_once(self, requests: Iterable[Request]) -> list[httpx.Response]:
        """Send all, shuffled, from ``HANDS`` connections; the answers in the order of ``requests``. None is a 5xx."""
        wanted = list(requests)
        order = random.sample(range(len(wanted)), len(wanted))
        answers: dict[int, httpx.Response] = {}

        async def hand() -> None:
            while order:
                place = order.pop()
                answers[place] = await self.ask(*wanted[place])

        await asyncio.gather(*(hand() for _ in range(HANDS)))
        for (method, path, _), answer in ((wanted[place], answers[place]) for place in range(len(wanted))):
            assert answer.status_code < 500, (method, path, answer.status_code, self.server.log.read_text()[-6000:])
        return [answers[place] for place in range(len(wanted))]

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        """Rows of a statement whose ``$1`` is the organization."""
        connection = await connect(self.server.database_url)
        try:
            return await connection.fetch(sql, self.organization_id, *values)
        finally:
            await connection.close()

    async def settled(self) -> None:
        """Wait until the workers have run every job of the organization; none may have failed."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while (await self.rows(_UNFINISHED))[0][0]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        failed = await self.rows("select name, error from jobs where organization_id = $1 and status = 'failed'")
        assert not failed, [(row["name"], (row["error"] or "")[-600:]) for row in failed]

    async def run_every_job_again(self, names: str, times: int) -> None:
        """Queue copies of all jobs called like ``names`` that were ever run, and wait for them."""
        await self.rows(_COPY, names, times)
        await self.settled()


_UNFINISHED = "select exists (select from jobs where organization_id = $1 and status in ('queued', 'running'))"
_COPY = """
insert into jobs (id, organization_id, name, arguments, status, attempts, max_attempts, run_at, created_at)
select gen_random_uuid(), organization_id, name, arguments, 'queued', 0, 5, now() - interval '1 minute', now()
from jobs, generate_series(1, $3) where organization_id = $1 and name like $2
"""


@asynccontextmanager
async def attack_on(server: LiveServer, *, numbering: str = "per_customer") -> AsyncIterator[Attack]:
    """A new live organization on ``server``, and connections to it."""
    database = Database(server.database_url, pool_size=1)
    try:
        async with database.transaction() as session:
            made = await create_organization(session, "Attacked", kind="live")
            organization_id, key = made.organization.id, made.api_key_value
    finally:
        await database.close()
    limits = httpx.Limits(max_connections=HANDS)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=120, limits=limits) as http:
        attack = Attack(server, organization_id, http)
        if numbering != "per_customer":
            await attack.call("PUT", "organizations", {"organization": {"document_numbering": numbering}})
        yield attack


async def check_wallets(attack: Attack) -> None:
    """Every wallet holds what its ledger says, by settled lines, by what inflows have left, and by draws."""
    rows = await attack.rows(
        """
        select w.balance_cents, w.consumed_amount_cents, w.funded_amount_cents, w.credits_balance, w.consumed_credits,
          w.funded_credits, w.ongoing_balance_cents, w.ongoing_usage_balance_cents,
          coalesce(sum(t.remaining_amount_cents), 0) as remaining,
          coalesce(sum(t.amount_cents * case when transaction_type = 'inbound' then 1 else -1 end)
            filter (where t.status = 'settled'), 0) as ledger,
          coalesce(sum(t.amount_cents) filter (where t.transaction_type = 'outbound'), 0) as outflows,
          (select coalesce(sum(d.amount_cents), 0) from wallet_draws d
            join wallet_transactions o on o.id = d.outbound_id where o.wallet_id = w.id) as drawn
        from wallets w left join wallet_transactions t on t.wallet_id = w.id
        where w.organization_id = $1 group by w.id
        """
    )
    assert rows
    for row in rows:
        assert row["balance_cents"] == row["ledger"] == row["remaining"]
        assert row["balance_cents"] + row["consumed_amount_cents"] == row["funded_amount_cents"]
        assert row["credits_balance"] + row["consumed_credits"] == row["funded_credits"]
        assert row["outflows"] == row["drawn"]
        assert row["ongoing_balance_cents"] == row["balance_cents"] - row["ongoing_usage_balance_cents"]
    overdrawn = await attack.rows(
        """
        select i.id from wallet_transactions i left join wallet_draws d on d.inbound_id = i.id
        where i.organization_id = $1 and i.transaction_type = 'inbound' group by i.id
        having coalesce(sum(d.amount_cents), 0)
          <> case when i.status = 'settled' then i.amount_cents - i.remaining_amount_cents else 0 end
        """
    )
    assert overdrawn == []


async def check_invoices(attack: Attack, *, numbering: str = "per_customer") -> list[Any]:
    """Totals are the sum of their parts, credits are backed by their ledgers, numbers have no gap; the invoices."""
    invoices = await attack.rows("select * from invoices where organization_id = $1 order by created_at, id")
    fees = dict(
        await attack.rows(
            "select invoice_id, sum(amount_cents)::bigint from fees where organization_id = $1 and deleted_at is null"
            " and invoice_id is not null group by 1"
        )
    )
    prepaid = dict(
        await attack.rows(
            "select invoice_id, sum(amount_cents)::bigint from wallet_transactions where organization_id = $1"
            " and transaction_status = 'invoiced' group by 1"
        )
    )
    credits = {
        (row["invoice_id"], row["kind"]): row["amount"]
        for row in await attack.rows(
            "select invoice_id, case when applied_coupon_id is not null then 'coupon' else 'note' end as kind,"
            " sum(amount_cents)::bigint as amount from credits where organization_id = $1 group by 1, 2"
        )
    }
    for item in invoices:
        assert item["fees_amount_cents"] == fees.get(item["id"], 0)
        assert item["coupons_amount_cents"] == credits.get((item["id"], "coupon"), 0)
        assert item["credit_notes_amount_cents"] == credits.get((item["id"], "note"), 0)
        assert item["prepaid_credit_amount_cents"] == prepaid.get(item["id"], 0)
        assert item["sub_total_including_taxes_amount_cents"] == (
            item["fees_amount_cents"] - item["coupons_amount_cents"] + item["taxes_amount_cents"]
        )
        assert item["total_amount_cents"] == (
            item["sub_total_including_taxes_amount_cents"]
            - item["credit_notes_amount_cents"]
            - item["prepaid_credit_amount_cents"]
        )
    issued = [item for item in invoices if item["status"] in ("finalized", "voided")]
    assert len({item["number"] for item in issued}) == len(issued)
    by_customer: dict[UUID, list[int]] = {}
    for item in issued:
        by_customer.setdefault(item["customer_id"], []).append(item["sequential_id"])
    for taken in by_customer.values():
        assert sorted(taken) == list(range(1, len(taken) + 1))
    if numbering == "per_organization":
        assert sorted(item["organization_sequential_id"] for item in issued) == list(range(1, len(issued) + 1))
    return invoices


async def check_coupons(attack: Attack) -> None:
    """No fixed coupon gives more than it has, and what counts uses down agrees with the invoices."""
    rows = await attack.rows(
        """
        select a.amount_cents, a.frequency, a.status, a.frequency_duration, a.frequency_duration_remaining,
          coalesce(sum(c.amount_cents), 0)::bigint as given, count(c.id) as uses
        from applied_coupons a left join credits c on c.applied_coupon_id = a.id
          and not exists (select from invoices i
            where i.id = c.invoice_id and i.status in ('voided', 'closed', 'deleted'))
        where a.organization_id = $1 group by a.id
        """
    )
    for row in rows:
        if row["frequency"] == "once" and row["amount_cents"] is not None:
            assert row["given"] <= row["amount_cents"]
            if row["given"] == row["amount_cents"]:
                assert row["status"] == "terminated"
        if row["frequency"] == "recurring":
            assert row["uses"] == row["frequency_duration"] - row["frequency_duration_remaining"]


async def check_credit_notes(attack: Attack) -> None:
    """Every balance is the credit less its uses, no invoice is credited beyond what it billed, numbers have no gap."""
    rows = await attack.rows(
        """
        select n.credit_amount_cents, n.balance_amount_cents, n.credit_status,
          coalesce(sum(c.amount_cents), 0)::bigint as used
        from credit_notes n left join credits c on c.credit_note_id = n.id
        where n.organization_id = $1 and n.status = 'finalized' group by n.id
        """
    )
    for row in rows:
        left = row["credit_amount_cents"] - row["used"]
        assert left >= 0
        if row["credit_status"] != "voided":
            assert row["balance_amount_cents"] == left
    beyond = await attack.rows(
        """
        select i.id from credit_notes n join invoices i on i.id = n.invoice_id
        where n.organization_id = $1 and n.status = 'finalized' group by i.id
        having sum(n.total_amount_cents) > i.sub_total_including_taxes_amount_cents
        """
    )
    assert beyond == []
    numbers = await attack.rows(
        "select invoice_id, array_agg(sequential_id order by sequential_id) as taken from credit_notes"
        " where organization_id = $1 group by 1"
    )
    for row in numbers:
        assert row["taken"] == list(range(1, len(row["taken"]) + 1))
