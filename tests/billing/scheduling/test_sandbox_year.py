"""A year of billing of a sandbox, set up and replayed over REST alone (design §4 "Time", spec 09 §1)."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from tests.support.sandbox import Sandbox, sandbox_on

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
SUBSCRIPTIONS = 10
EVENTS = 1_000
LONGEST_SECONDS = 60
FEE_CENTS = 4900
TOKEN_PRICE = Decimal("0.0125")
VAT = Decimal("0.19")


@pytest.fixture
async def sandbox(database: Database) -> AsyncIterator[Sandbox]:
    async with sandbox_on(database, clock=BEGIN) as made:
        yield made


def usage() -> list[dict[str, Any]]:
    """Events spread evenly over the year and over the subscriptions, alternately of the two metrics."""
    step = timedelta(days=365) / EVENTS
    return [
        {
            "transaction_id": f"event-{number}",
            "external_subscription_id": f"s{number % SUBSCRIPTIONS}",
            "code": "tokens" if number // SUBSCRIPTIONS % 2 else "calls",
            "timestamp": int((BEGIN + step * number).timestamp()),
            "properties": {"n": number * 37 % 1_000 + 1},
        }
        for number in range(EVENTS)
    ]


def expected(events: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[int, int]]:
    """Fees and total in cents of each subscription and billing date, by plain arithmetic on the events."""
    tokens: dict[tuple[str, str], int] = defaultdict(int)
    calls: dict[tuple[str, str], int] = defaultdict(int)
    for event in events:
        used = datetime.fromtimestamp(event["timestamp"], UTC)
        billed = datetime(used.year + used.month // 12, used.month % 12 + 1, 1, tzinfo=UTC)
        key = (event["external_subscription_id"], f"{billed:%Y-%m-%d}")
        if event["code"] == "tokens":
            tokens[key] += event["properties"]["n"]
        else:
            calls[key] += 1
    amounts: dict[tuple[str, str], tuple[int, int]] = {}
    for month in range(2, 14):
        for number in range(SUBSCRIPTIONS):
            key = (f"s{number}", f"{2025 + month // 13}-{(month - 1) % 12 + 1:02d}-01")
            of_tokens = int((tokens[key] * TOKEN_PRICE * 100).quantize(Decimal(1), ROUND_HALF_UP))
            of_calls = 100 * min(calls[key], 1) + 50 * min(calls[key], 3) + 25 * max(calls[key] - 3, 0)
            fees = FEE_CENTS + of_tokens + of_calls
            taxes = [(part * VAT).quantize(Decimal("1.00000")) for part in (FEE_CENTS, of_tokens, of_calls)]
            amounts[key] = (fees, fees + int(sum(taxes).quantize(Decimal(1), ROUND_HALF_UP)))
    return amounts


async def set_up(sandbox: Sandbox, events: list[dict[str, Any]]) -> None:
    metrics: dict[str, str] = {}
    for code, kind in (("tokens", {"aggregation_type": "sum_agg", "field_name": "n"}), ("calls", {})):
        body = {"name": code.title(), "code": code, "aggregation_type": "count_agg", **kind}
        made = await sandbox.call("POST", "billable_metrics", {"billable_metric": body})
        metrics[code] = made["billable_metric"]["lago_id"]
    ranges = [
        {"from_value": 0, "to_value": 3, "per_unit_amount": "0.5", "flat_amount": "1"},
        {"from_value": 4, "to_value": None, "per_unit_amount": "0.25", "flat_amount": "0"},
    ]
    charges = [
        {"billable_metric_id": metrics["tokens"], "charge_model": "standard", "properties": {"amount": "0.0125"}},
        {
            "billable_metric_id": metrics["calls"],
            "charge_model": "graduated",
            "properties": {"graduated_ranges": ranges},
        },
    ]
    plan = {
        "name": "Startup",
        "code": "startup",
        "interval": "monthly",
        "pay_in_advance": False,
        "amount_cents": FEE_CENTS,
        "amount_currency": "EUR",
        "charges": charges,
    }
    await sandbox.call("POST", "plans", {"plan": plan})
    await sandbox.tax("vat", "19")
    for number in range(SUBSCRIPTIONS):
        await sandbox.customer(f"c{number}", name=f"Customer {number}")
        await sandbox.subscribe(f"s{number}", plan="startup", customer=f"c{number}")
    for start in range(0, EVENTS, 100):
        await sandbox.call("POST", "events/batch", {"events": events[start : start + 100]})


async def test_a_year_of_monthly_billing_replays_within_a_minute(sandbox: Sandbox) -> None:
    events = usage()
    await set_up(sandbox, events)
    begun = time.perf_counter()
    clock = await sandbox.advance("2026-01-01T00:00:00Z")
    seconds = time.perf_counter() - begun
    assert clock["now"] == "2026-01-01T00:00:00Z"
    assert clock["next_due_at"] == "2026-02-01T00:00:00Z"
    found: dict[tuple[str, str], tuple[int, int]] = {}
    numbers: dict[str, list[int]] = defaultdict(list)
    for item in await sandbox.invoices():
        whole = await sandbox.invoice(item["lago_id"])
        (subscription,) = whole["subscriptions"]
        assert whole["status"] == "finalized"
        key = (subscription["external_id"], whole["issuing_date"])
        assert key not in found
        found[key] = (whole["fees_amount_cents"], whole["total_amount_cents"])
        numbers[subscription["external_id"]].append(whole["sequential_id"])
    assert found == expected(events)
    assert {item: sorted(given) for item, given in numbers.items()} == {
        f"s{number}": list(range(1, 13)) for number in range(SUBSCRIPTIONS)
    }
    assert seconds < LONGEST_SECONDS, f"{SUBSCRIPTIONS * 12} invoices took {seconds:.1f} s"
    print(f"a year of {SUBSCRIPTIONS} subscriptions with {EVENTS} events: {seconds:.1f} s")
