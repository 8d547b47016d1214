"""Whole lives with plan changes over REST: every event is billed once, every day is paid once (spec 03 §6.8, §6.9)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.subscriptions.lives import life, metric, priced, shop_plan, statuses
from tests.support.extent import share
from tests.support.sandbox import Sandbox

BEGIN = datetime(2024, 7, 20, 13, tzinfo=UTC)


@pytest.mark.parametrize("zone", share(["America/Santiago", "Asia/Kolkata", "Europe/Paris"], 3))
async def test_every_event_and_every_day_once(database: Database, zone: str) -> None:
    async with life(database, BEGIN.isoformat(), zone=zone) as sandbox:
        calls = await metric(sandbox)
        for code, price, interval in (
            ("start", 31_000, "monthly"),
            ("more", 45_000, "monthly"),
            ("weekly", 9_000, "weekly"),
            ("most", 900_000, "yearly"),
        ):
            more = {"bill_charges_monthly": True} if interval == "yearly" else {}
            await shop_plan(sandbox, code, price, priced(calls, "1"), interval=interval, **more)
        instants = [BEGIN + timedelta(hours=5 * number) for number in range(330)]
        end = instants[-20]
        await sandbox.send(*((instant.isoformat(), 1) for instant in instants))
        await sandbox.subscribe(plan="start", billing_time="anniversary")
        await sandbox.advance("2024-08-07T11:30:00Z")
        await sandbox.subscribe(plan="more")
        await sandbox.advance("2024-08-11T01:00:00Z")
        await sandbox.subscribe(plan="weekly")
        await sandbox.advance("2024-09-08T03:00:00Z")
        await sandbox.subscribe(plan="most")
        await sandbox.advance(end.isoformat())
        await sandbox.terminate()
        await sandbox.advance("2025-01-01")
        assert [code for code, _ in await statuses(sandbox)] == ["start", "more", "weekly", "most"]
        billed = [fee for fee in await _fees(sandbox) if fee["item"]["type"] == "charge"]
        assert sum(Decimal(fee["units"]) for fee in billed) == len([item for item in instants if item <= end])


async def _fees(sandbox: Sandbox) -> list[Any]:
    return [fee for item in await sandbox.invoices() for fee in (await sandbox.invoice(item["lago_id"]))["fees"]]


async def test_an_upgrade_answers_within_200_milliseconds(database: Database) -> None:
    """Both sides on one invoice, three charges each, a credit note for the unused days."""
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await sandbox.tax("vat", "20")
        metrics = [await metric(sandbox, f"m{number}") for number in range(3)]
        for number in range(8):
            charges = [priced(item) for item in metrics]
            await shop_plan(sandbox, f"p{number}", 1000 + number, *charges, pay_in_advance=True)
        await sandbox.subscribe(plan="p0")
        for number in range(3):
            await sandbox.send(("2024-01-15T11:00:00Z", 5), code=f"m{number}")
        seconds: list[float] = []
        for number in range(1, 8):
            await sandbox.advance(f"2024-01-{16 + number}T10:00:00Z")
            begin = time.perf_counter()
            await sandbox.subscribe(plan=f"p{number}")
            seconds.append(time.perf_counter() - begin)
        assert min(seconds) < 0.2, seconds
