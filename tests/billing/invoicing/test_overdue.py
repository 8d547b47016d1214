"""Overdue invoices (spec 04 §13, 06 §13)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from billwright.billing.invoicing.overdue import overdue_instant
from billwright.billing.kernel.db import Database
from tests.billing.invoicing.test_one_off import add_on, sell
from tests.support.sandbox import Sandbox, sandbox_on


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("due", "now", "instant"),
    [
        ("2024-05-10", "2024-05-10T09:00", "2024-05-11T00:25"),
        ("2024-05-10", "2024-05-11T00:25", "2024-05-11T00:25"),
        ("2024-05-10", "2024-05-11T00:26", "2024-05-11T01:25"),
        ("2024-05-10", "2024-06-01T23:40", "2024-06-02T00:25"),
        ("2024-01-03", "2023-12-01T00:00", "2024-01-04T00:25"),
    ],
)
def test_03_8_1_the_slot(due: str, now: str, instant: str) -> None:
    assert overdue_instant(date.fromisoformat(due), at(now)) == at(instant)


async def unpaid(sandbox: Sandbox, **customer: Any) -> Any:
    await sandbox.customer("c1", currency="EUR", **customer)
    await add_on(sandbox)
    return await sell(sandbox, {"add_on_code": "setup"})


async def overdue(sandbox: Sandbox, invoice: Any) -> bool:
    return (await sandbox.invoice(invoice["lago_id"]))["payment_overdue"]


async def pay(sandbox: Sandbox, invoice: Any, status: str = "succeeded") -> None:
    await sandbox.call("PUT", f"invoices/{invoice['lago_id']}", {"invoice": {"payment_status": status}})


async def test_04_13_issued_on_10_may_overdue_on_11_may(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-05-10T09:00")) as sandbox:
        invoice = await unpaid(sandbox)
        assert invoice["payment_due_date"] == "2024-05-10"
        clock = await sandbox.advance("2024-05-11T00:24:59Z")
        assert clock["next_due_at"] is None
        assert not await overdue(sandbox, invoice)
        await sandbox.advance("2024-05-11T00:25:00Z")
        assert await overdue(sandbox, invoice)
        assert (await sandbox.invoice(invoice["lago_id"]))["updated_at"] == "2024-05-11T00:25:00Z"
        listed = await sandbox.invoices(payment_overdue="true")
        assert [item["lago_id"] for item in listed] == [invoice["lago_id"]]


async def test_04_13_the_term_counts(sandbox: Sandbox) -> None:
    invoice = await unpaid(sandbox, net_payment_term=30)
    await sandbox.advance("2024-02-15T00:24:00Z")
    assert not await overdue(sandbox, invoice)
    await sandbox.advance("2024-03-01T00:00:00Z")
    assert (await sandbox.invoice(invoice["lago_id"]))["updated_at"] == "2024-02-15T00:25:00Z"


async def test_04_13_the_due_date_is_local_the_slot_utc(database: Database) -> None:
    async with sandbox_on(database, clock=datetime(2022, 11, 25, 1, tzinfo=UTC)) as sandbox:
        invoice = await unpaid(sandbox, timezone="America/Los_Angeles")
        assert invoice["payment_due_date"] == "2022-11-24"
        await sandbox.advance("2022-11-25T01:24:00Z")
        assert not await overdue(sandbox, invoice)
        await sandbox.advance("2022-11-25T01:25:00Z")
        assert await overdue(sandbox, invoice)


async def test_04_13_paid_ones_never_are(sandbox: Sandbox) -> None:
    invoice = await unpaid(sandbox)
    await pay(sandbox, invoice)
    await sandbox.advance("2024-03-01T00:00:00Z")
    assert not await overdue(sandbox, invoice)


async def test_04_13_a_status_set_back_is_flagged_again(sandbox: Sandbox) -> None:
    invoice = await unpaid(sandbox)
    await sandbox.advance("2024-01-17T10:00:00Z")
    assert await overdue(sandbox, invoice)
    await pay(sandbox, invoice)
    assert not await overdue(sandbox, invoice)
    await pay(sandbox, invoice, "failed")
    assert not await overdue(sandbox, invoice)
    await sandbox.advance("2024-01-17T10:24:00Z")
    assert not await overdue(sandbox, invoice)
    await sandbox.advance("2024-01-17T10:25:00Z")
    assert await overdue(sandbox, invoice)


async def test_04_13_a_second_failure_changes_nothing(sandbox: Sandbox) -> None:
    invoice = await unpaid(sandbox)
    await sandbox.advance("2024-01-17T10:00:00Z")
    await pay(sandbox, invoice, "failed")
    assert await overdue(sandbox, invoice)
    await sandbox.advance("2024-01-18T10:00:00Z")
    assert (await sandbox.invoice(invoice["lago_id"]))["updated_at"] == "2024-01-17T10:00:00Z"


async def test_04_13_drafts_wait_for_their_issue(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    await sandbox.advance("2024-01-18T12:00:00Z")
    [invoice] = await sandbox.invoices()
    assert (invoice["status"], invoice["payment_overdue"]) == ("finalized", False)
    await sandbox.advance("2024-01-19T00:25:00Z")
    assert await overdue(sandbox, invoice)
