"""Invoice numbers (spec 04 §4)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from billwright.billing.kernel.db import Database
from tests.support.sandbox import Sandbox, sandbox_on


async def settings(sandbox: Sandbox, **attributes: Any) -> None:
    await sandbox.call("PUT", "organizations", {"organization": attributes})


async def numbers(sandbox: Sandbox, since: str = "2000-01-01") -> list[str]:
    found = await sandbox.invoices(issuing_date_from=since)
    return sorted(item["number"] for item in found)


async def test_04_4_example(database: Database) -> None:
    async with sandbox_on(database, clock=datetime(2023, 6, 15, tzinfo=UTC)) as sandbox:
        await settings(sandbox, document_number_prefix="acm-0001")
        await sandbox.plan("p", 1000)
        for number in (1, 2, 3):
            await sandbox.subscribe(f"s{number}", "p", f"c{number}")
        await sandbox.advance("2023-09-01T00:00:00Z")
        assert await numbers(sandbox) == [
            f"ACM-0001-00{customer}-00{number}" for customer in (1, 2, 3) for number in (1, 2, 3)
        ]
        await settings(sandbox, document_number_prefix="ACM", document_numbering="per_organization")
        await sandbox.advance("2023-10-01T00:00:00Z")
        assert await numbers(sandbox, "2023-10-01") == ["ACM-202310-010", "ACM-202310-011", "ACM-202310-012"]
        await settings(sandbox, document_numbering="per_customer")
        await sandbox.advance("2023-11-01T00:00:00Z")
        assert await numbers(sandbox, "2023-11-01") == ["ACM-001-005", "ACM-002-005", "ACM-003-005"]
        await settings(sandbox, document_numbering="per_organization")
        await sandbox.advance("2023-12-01T00:00:00Z")
        assert await numbers(sandbox, "2023-12-01") == ["ACM-202312-016", "ACM-202312-017", "ACM-202312-018"]
        assert [item["sequential_id"] for item in await sandbox.invoices(external_customer_id="c2")] == list(
            range(1, 7)
        )


async def test_04_4_the_month_is_the_organizations(database: Database) -> None:
    async with sandbox_on(database, clock=datetime(2024, 1, 15, tzinfo=UTC)) as sandbox:
        await settings(sandbox, document_numbering="per_organization", timezone="America/New_York")
        prefix = sandbox.rest.organization.document_number_prefix
        await sandbox.customer("c1", timezone="Europe/Paris")
        await sandbox.plan("p", 1000)
        await sandbox.subscribe()
        await sandbox.advance("2024-02-01T12:00:00Z")
        [invoice] = await sandbox.invoices()
        assert (invoice["issuing_date"], invoice["number"]) == ("2024-02-01", f"{prefix}-202401-001")


async def test_04_4_drafts_and_closed_invoices_use_no_number(sandbox: Sandbox) -> None:
    await sandbox.plan("zero", 0, pay_in_advance=True)
    await sandbox.plan("p", 1000, pay_in_advance=True)
    await sandbox.customer("c1", finalize_zero_amount_invoice="skip")
    await sandbox.subscribe("s1", "zero")
    await sandbox.subscribe("s2", "p")
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 2})
    await sandbox.subscribe("s3", "p")
    prefix = sandbox.rest.organization.document_number_prefix
    assert await numbers(sandbox) == [f"{prefix}-001-001", f"{prefix}-DRAFT"]


async def test_04_4_deleted_customers_keep_their_sequential_id(sandbox: Sandbox) -> None:
    for external_id in ("a", "b"):
        await sandbox.customer(external_id)
    await sandbox.call("DELETE", "customers/b")
    assert (await sandbox.customer("b"))["sequential_id"] == 3


async def test_04_4_more_than_three_digits(sandbox: Sandbox) -> None:
    from billwright.billing.customers.models import Customer

    shown = await sandbox.customer("c1")
    async with sandbox.context() as ctx:
        (await ctx.session.get_one(Customer, shown["lago_id"])).invoice_sequence = 1041
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe()
    assert (await numbers(sandbox))[0].endswith("-001-1042")


async def test_04_4_concurrent_issues_leave_no_gap(sandbox: Sandbox) -> None:
    await settings(sandbox, document_numbering="per_organization")
    await sandbox.plan(pay_in_advance=True)
    await asyncio.gather(*(sandbox.subscribe(f"s{number}", "p", f"c{number % 3}") for number in range(12)))
    found = await numbers(sandbox)
    assert [int(number.rpartition("-")[2]) for number in found] == list(range(1, 13))
    customers = (await sandbox.call("GET", "customers"))["customers"]
    assert sorted(customer["sequential_id"] for customer in customers) == [1, 2, 3]
    for customer in customers:
        own = await sandbox.invoices(external_customer_id=customer["external_id"])
        assert sorted(item["sequential_id"] for item in own) == [1, 2, 3, 4]
