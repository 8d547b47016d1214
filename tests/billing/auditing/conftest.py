"""Books of an organization with a bit of everything, made once and cloned for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from tests.conftest import TestStack, _database
from tests.support.credits import apply, coupon
from tests.support.sandbox import Sandbox, sandbox_on
from tests.support.wallets import run_jobs, wallet

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


async def make_books(sandbox: Sandbox) -> None:
    """c1: taxes, coupons, usage, a payment. c2: a wallet, a termination with its credit note. c3: nothing special."""
    for code, rate in (("vat", "20"), ("city", "1.5")):
        await sandbox.tax(code, rate, applied_to_organization=False)
    await sandbox.customer("c1", tax_codes=["vat", "city"])
    await sandbox.customer("c2", currency="EUR")
    await sandbox.customer("c3")
    await coupon(sandbox, amount_cents=1000)
    await coupon(
        sandbox, "ten", coupon_type="percentage", percentage_rate="10", frequency="recurring", frequency_duration=4
    )
    await apply(sandbox)
    await apply(sandbox, "ten")
    plan = await sandbox.plan("p", 3333)
    await sandbox.charge(plan, "calls", properties={"amount": "1.11"}, min_amount_cents=2000)
    await sandbox.plan("simple", 1000)
    await sandbox.plan("ahead", 3100, pay_in_advance=True)
    await sandbox.subscribe("s1", "p", "c1")
    await sandbox.subscribe("s3", "simple", "c3")
    await sandbox.advance("2024-01-10T00:00:00Z")
    await wallet(sandbox, "c2", granted_credits="10", paid_credits="5")
    await sandbox.subscribe("s2", "ahead", "c2")
    await sandbox.send(("2024-01-20T00:00:00+00:00", 7), subscription="s1")
    await sandbox.advance("2024-02-15T00:00:00Z")
    await sandbox.terminate("s2")
    await sandbox.subscribe("s4", "ahead", "c2")
    await sandbox.advance("2024-04-01T00:00:00Z")
    await run_jobs(sandbox, only="%")
    first = (await sandbox.invoices())[0]
    due = (await sandbox.invoice(first["lago_id"]))["total_due_amount_cents"]
    payment = {"invoice_id": first["lago_id"], "amount_cents": due, "reference": "transfer"}
    if due:
        await sandbox.call("POST", "payments", {"payment": payment})


@pytest.fixture(scope="module")
async def books(module_database_url: str) -> str:
    """The name of the database that tests clone."""
    database = Database(module_database_url, pool_size=4)
    async with sandbox_on(database, clock=BEGIN, name="Hooli") as sandbox:
        await make_books(sandbox)
    async with sandbox_on(database, clock=BEGIN, name="Initech") as other:
        await other.customer("x1")
        await other.plan("other", 500)
    await database.close()
    return module_database_url.rpartition("/")[2]


@pytest.fixture
def clone(books: str, stack: TestStack, database_admin: Any) -> Iterator[str]:
    yield from _database(stack, database_admin, books)


@pytest.fixture
async def audited(clone: str) -> AsyncIterator[Database]:
    """A copy of the books of this test alone."""
    made = Database(clone, pool_size=4)
    yield made
    await made.close()
