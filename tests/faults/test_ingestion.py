"""Events while processes are killed: what was acknowledged is there, once; what was not is there once after it was sent
again; usage equals a recount (spec 01 §2.5-2.6, design §4 "Exactly once").
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from billwright.billing.kernel.clock import system_now
from tests.faults.ingestion_clients import Clients, Product
from tests.support.extent import share

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

SUBSCRIPTIONS = 5
BATCH = 25
BATCHES, SINGLES = 80, 600
CLIENTS = 16


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """Not in pytest's folder: every session closes that one to other accounts, the database's among them."""
    folder = Path(tempfile.mkdtemp(prefix="billwright-faults-"))
    running = Product(folder / "data", folder / "up.log")
    yield running
    running.end()
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Company:
    """A live organization."""

    organization_id: UUID
    api_key: str


@pytest.fixture
def company(product: Product, request: pytest.FixtureRequest) -> Company:
    """A live organization of this test: a metric, a plan, a customer with subscriptions that began ten days ago."""
    made = product.run("org", "create", request.node.name, "--json")
    assert made.returncode == 0, made.stderr
    known = json.loads(made.stdout)
    key: str = known["api_key"]
    began = (system_now() - timedelta(days=10)).isoformat()
    with httpx.Client(base_url=f"{product.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:

        def create(path: str, root: str, **values: Any) -> Any:
            answer = http.post(path, json={root: values})
            assert answer.status_code == 200, answer.text
            return answer.json()[root]

        metric = create(
            "billable_metrics", "billable_metric",
            name="Units", code="units", aggregation_type="sum_agg", field_name="n",
        )  # fmt: skip
        charge = {
            "billable_metric_id": metric["lago_id"],
            "charge_model": "standard",
            "properties": {"amount": "0.01", "pricing_group_keys": ["region"]},
        }
        create(
            "plans", "plan",
            name="P", code="p", interval="monthly", amount_cents=0, amount_currency="EUR", pay_in_advance=False,
            charges=[charge],
        )  # fmt: skip
        create("customers", "customer", external_id="c", name="C", currency="EUR")
        for number in range(SUBSCRIPTIONS):
            create(
                "subscriptions", "subscription",
                external_customer_id="c", external_id=f"s{number}", plan_code="p", subscription_at=began,
                billing_time="anniversary",
            )  # fmt: skip
    return Company(UUID(known["organization_id"]), key)


def events(number: int) -> list[dict[str, Any]]:
    """Spread over the last two hours (sealed quarters, rolled again, included) and a little of the coming one."""
    now = time.time()
    return [
        {
            "transaction_id": f"t{index}",
            "external_subscription_id": f"s{index % SUBSCRIPTIONS}",
            "code": "units",
            "timestamp": round(now - 7_200 + index % 80 * 100, 3),
            "properties": {"n": index % 97 + 0.25, "region": "eu" if index % 3 else "us"},
        }
        for index in range(number)
    ]


def requests(given: list[dict[str, Any]]) -> deque[list[dict[str, Any]]]:
    """Batches and single events, taking turns."""
    batches = [given[first : first + BATCH] for first in range(0, BATCHES * BATCH, BATCH)]
    singles = [[event] for event in given[BATCHES * BATCH :]]
    turns: list[list[dict[str, Any]]] = []
    for number, batch in enumerate(batches):
        turns += [batch, *singles[number * SINGLES // BATCHES : (number + 1) * SINGLES // BATCHES]]
    return deque(turns)


async def kill_along_the_way(product: Product, kind: str, clients: Clients, total: int) -> None:
    """Three kills while requests are under way; two in the plain run."""
    kill = {
        "an API process": product.kill_an_api_process,
        "the database": product.kill_the_database,
        "everything": product.kill_everything,
    }[kind]
    for part in share((0.15, 0.4, 0.65), 2):
        await clients.until(int(part * total))
        assert clients.waiting
        await asyncio.to_thread(kill)


async def check_ledger(url: str, company: Company, given: list[dict[str, Any]]) -> None:
    """Every event once, with what was sent; every batch whole."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT transaction_id, external_subscription_id, properties, seq FROM events WHERE organization_id = $1",
            company.organization_id,
        )
    finally:
        await connection.close()
    assert Counter(row["transaction_id"] for row in rows) == Counter(event["transaction_id"] for event in given)
    stored = {row["transaction_id"]: (row["external_subscription_id"], json.loads(row["properties"])) for row in rows}
    assert stored == {
        event["transaction_id"]: (event["external_subscription_id"], event["properties"]) for event in given
    }
    assert len({row["seq"] for row in rows}) == len(rows)


def usage(product: Product, api_key: str, subscription: str) -> dict[str, tuple[Decimal, int]]:
    """Units and number of events per region."""
    answer = httpx.get(
        f"{product.url}/api/v1/customers/c/current_usage",
        params={"external_subscription_id": subscription, "apply_taxes": "false"},
        headers={"Authorization": f"Bearer {api_key}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    [charge] = answer.json()["customer_usage"]["charges_usage"]
    return {
        group["grouped_by"]["region"]: (Decimal(group["units"]), group["events_count"])
        for group in charge["grouped_usage"]
    }


def recount(given: list[dict[str, Any]], subscription: str) -> dict[str, tuple[Decimal, int]]:
    found: dict[str, tuple[Decimal, int]] = {}
    for event in given:
        if event["external_subscription_id"] == subscription:
            region = event["properties"]["region"]
            units, number = found.get(region, (Decimal(0), 0))
            found[region] = (units + Decimal(str(event["properties"]["n"])), number + 1)
    return found


@pytest.mark.parametrize("kind", share(["an API process", "the database", "everything"], 2))
async def test_kills_during_ingestion(product: Product, company: Company, kind: str) -> None:
    given = events(BATCHES * BATCH + SINGLES)
    clients = Clients(product, company.api_key, requests(given))
    await asyncio.gather(clients.run(CLIENTS), kill_along_the_way(product, kind, clients, len(given)))
    assert clients.lost_answers + clients.refused_meanwhile > 0, "no kill met a request"
    if kind == "an API process":
        assert clients.refused_meanwhile == 0, "a healthy process refused"

    assert Counter([*clients.acknowledged, *clients.found_stored]) == Counter(e["transaction_id"] for e in given)
    await check_ledger(product.database_url, company, given)
    for number in range(SUBSCRIPTIONS):
        assert usage(product, company.api_key, f"s{number}") == recount(given, f"s{number}")
    verified = product.run("usage", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
