"""How long an upgrade takes over REST: POST /subscriptions with a dearer plan, which ends the running subscription,
bills its usage (five charges) and starts the next one, paid in advance (< 200 ms).

    python -m benchmarks.bench_upgrade [--upgrades 200] [--events 30]

Starts the whole product on a durable embedded stack in a temporary folder; one client, one request after the other.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from benchmarks.bench_ingest import PORT, product
from benchmarks.load import ProcessorTime

TARGET_MS = 200.0
GRADUATED = [
    {"from_value": 0, "to_value": 5, "per_unit_amount": "0.5", "flat_amount": "1"},
    {"from_value": 6, "to_value": None, "per_unit_amount": "0.25", "flat_amount": "0"},
]
CHARGES: tuple[tuple[str, str, str, dict[str, Any], list[dict[str, Any]]], ...] = (
    ("tokens", "sum_agg", "standard", {"amount": "0.0125"}, []),
    ("calls", "count_agg", "graduated", {"graduated_ranges": GRADUATED}, []),
    ("seats", "max_agg", "package", {"amount": "4", "free_units": 1, "package_size": 10}, []),
    ("payments", "sum_agg", "percentage", {"rate": "1.5", "fixed_amount": "0.02", "free_units_per_events": 3}, []),
    (
        "requests",
        "sum_agg",
        "standard",
        {"amount": "0.01"},
        [{"values": {"region": ["eu"]}, "properties": {"amount": "0.015", "pricing_group_keys": ["model"]}}],
    ),
)
"""Code, aggregation, charge model, properties, filters."""


def prepare(client: httpx.Client, upgrades: int, events: int) -> None:
    """Two plans with the charges, a tax, and ``upgrades`` customers with a day of usage on the cheaper plan."""

    def post(path: str, body: dict[str, Any]) -> Any:
        answer = client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    tax = {"name": "VAT", "code": "vat", "rate": "20", "applied_to_organization": True}
    post("/taxes", {"tax": tax})
    charges: list[dict[str, Any]] = []
    for code, aggregation, model, properties, filters in CHARGES:
        metric: dict[str, Any] = {"name": code, "code": code, "aggregation_type": aggregation, "recurring": False}
        if aggregation != "count_agg":
            metric["field_name"] = "n"
        if filters:
            metric["filters"] = [{"key": "region", "values": ["eu", "us"]}]
        made = post("/billable_metrics", {"billable_metric": metric})["billable_metric"]["lago_id"]
        charges.append(
            {"billable_metric_id": made, "charge_model": model, "properties": properties, "filters": filters}
        )
    for code, amount, in_advance in (("basic", 4900, False), ("pro", 9900, True)):
        plan = {
            "name": code, "code": code, "interval": "monthly", "amount_cents": amount, "amount_currency": "EUR",
            "pay_in_advance": in_advance, "charges": charges,
        }  # fmt: skip
        post("/plans", {"plan": plan})
    begin = datetime.now(UTC) - timedelta(days=1)
    for index in range(upgrades):
        customer = {"external_id": f"customer-{index}", "name": f"Customer {index}", "currency": "EUR"}
        post("/customers", {"customer": customer})
        post(
            "/subscriptions", {"subscription": {**_subscription(index, "basic"), "subscription_at": begin.isoformat()}}
        )
        batch = [
            {
                "transaction_id": f"{code}-{index}-{number}",
                "external_subscription_id": f"subscription-{index}",
                "code": code,
                "timestamp": (begin + timedelta(minutes=1 + number)).timestamp(),
                "properties": {"n": number % 40 + 1, "region": "eu" if number % 2 else "us", "model": "large"},
            }
            for code, *_ in CHARGES
            for number in range(events)
        ]
        for first in range(0, len(batch), 100):
            post("/events/batch", {"events": batch[first : first + 100]})


def _subscription(index: int, plan: str) -> dict[str, str]:
    return {
        "external_customer_id": f"customer-{index}",
        "external_id": f"subscription-{index}",
        "plan_code": plan,
    }


def upgrade(client: httpx.Client, upgrades: int) -> list[float]:
    """Milliseconds of each upgrade, the first few (cold) ones left out."""
    times: list[float] = []
    for index in range(upgrades):
        body = json.dumps({"subscription": _subscription(index, "pro")}).encode()
        begun = time.perf_counter()
        answer = client.post("/subscriptions", content=body, headers={"Content-Type": "application/json"})
        times.append((time.perf_counter() - begun) * 1000)
        answer.raise_for_status()
        assert answer.json()["subscription"]["plan_code"] == "pro", answer.text
    invoices = client.get("/invoices", params={"per_page": 1}).json()["meta"]["total_count"]
    assert invoices == upgrades, invoices
    return times[min(10, upgrades // 2) :]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrades", type=int, default=200)
    parser.add_argument("--events", type=int, default=30, help="events per charge")
    arguments = parser.parse_args()
    with product() as (_, api_key):
        headers = {"Authorization": f"Bearer {api_key}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}/api/v1", headers=headers, timeout=60) as client:
            prepare(client, arguments.upgrades, arguments.events)
            spent = ProcessorTime()
            with spent.measured():
                times = sorted(upgrade(client, arguments.upgrades))
    median, p95 = statistics.median(times), times[int(len(times) * 0.95)]
    print(
        f"upgrade over REST: median {median:.0f} ms, p95 {p95:.0f} ms,"
        f" target {TARGET_MS:g} ms, ratio of p95 to target {p95 / TARGET_MS:.2f}"
    )
    each = {kind: f"{seconds / arguments.upgrades * 1000:.0f} ms" for kind, seconds in spent.seconds.items()}
    print("processor time an upgrade:", ", ".join(f"{kind} {time}" for kind, time in each.items()))
    return int(p95 > TARGET_MS)


if __name__ == "__main__":
    sys.exit(main())
