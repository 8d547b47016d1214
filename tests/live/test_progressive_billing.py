"""Progressive billing with the official Python client, unmodified, on a running server (spec 02 §13)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from lago_python_client.client import Client
from lago_python_client.models import BillableMetric, Charge, Charges, Customer, Event, Plan, Subscription
from lago_python_client.models.plan import PlanOverrides
from lago_python_client.models.usage_threshold import (
    UsageThreshold,
    UsageThresholdOverrides,
    UsageThresholds,
    UsageThresholdsOverrides,
)

from tests.live.server import LiveServer
from tests.live.test_lago_client import START

pytestmark = pytest.mark.live


def step(amount_cents: int, *, recurring: bool = False) -> UsageThreshold:
    return UsageThreshold(amount_cents=amount_cents, recurring=recurring, threshold_display_name="Usage")


async def test_from_thresholds_to_the_closing_invoice(server: LiveServer) -> None:
    api_key = await server.organization("Pied Piper", clock=START)
    lago = Client(api_key=api_key, api_url=server.url)
    http = httpx.Client(base_url=f"{server.url}/api/v1", headers={"Authorization": f"Bearer {api_key}"}, timeout=120)

    def advance(now: str) -> None:
        assert http.put("/test_clock", json={"test_clock": {"now": now}}).status_code == 200

    def get(path: str) -> Any:
        return http.get(path).json()

    metric = lago.billable_metrics.create(
        BillableMetric(name="Gigabytes", code="gb", aggregation_type="sum_agg", field_name="n", recurring=False)
    )
    charge = Charge(
        billable_metric_id=metric.lago_id, charge_model="standard", invoiceable=True, properties={"amount": "1"}
    )
    plan = lago.plans.create(
        Plan(
            name="Grow",
            code="grow",
            interval="monthly",
            amount_cents=500,
            amount_currency="EUR",
            pay_in_advance=False,
            charges=Charges(__root__=[charge]),
            usage_thresholds=UsageThresholds(__root__=[step(2000), step(1000), step(3000, recurring=True)]),
        )
    )
    assert plan.usage_thresholds is not None
    listed = [(item.amount_cents, item.recurring) for item in plan.usage_thresholds.__root__]
    assert listed == [(1000, False), (2000, False), (3000, True)]

    lago.customers.create(Customer(external_id="erlich", name="Erlich"))
    lago.subscriptions.create(Subscription(external_customer_id="erlich", plan_code="grow", external_id="erlich-1"))
    advance("2024-01-10T00:00:00Z")
    lago.events.create(
        Event(transaction_id="one", external_subscription_id="erlich-1", code="gb", properties={"n": "12.5"})
    )
    advance("2024-01-10T00:00:00Z")
    [listed_invoice] = lago.invoices.find_all({"invoice_type": "progressive_billing"})["invoices"]
    invoice = lago.invoices.find(listed_invoice.lago_id)
    assert (invoice.status, invoice.fees_amount_cents, invoice.total_amount_cents) == ("finalized", 1250, 1250)
    assert invoice.applied_usage_thresholds is not None
    [applied] = invoice.applied_usage_thresholds.__root__
    assert applied.usage_threshold is not None
    assert (applied.lifetime_usage_amount_cents, applied.usage_threshold.amount_cents) == (1250, 1000)

    usage = lago.subscriptions.lifetime_usage("erlich-1")
    assert (usage.current_usage_amount_cents, usage.invoiced_usage_amount_cents) == (1250, 0)
    assert usage.usage_thresholds is not None
    assert [(item.amount_cents, item.completion_ratio) for item in usage.usage_thresholds] == [
        (1000, 1.0),
        (2000, 0.25),
        (5000, 0.0),
    ]
    imported = lago.subscriptions.update_lifetime_usage("erlich-1", 100)
    assert imported.external_historical_usage_amount_cents == 100

    overrides = PlanOverrides(
        usage_thresholds=UsageThresholdsOverrides(__root__=[UsageThresholdOverrides(amount_cents=9000)])
    )
    lago.subscriptions.update(Subscription(plan_overrides=overrides), "erlich-1")
    shown = get("/subscriptions/erlich-1")["subscription"]
    assert [item["amount_cents"] for item in shown["applicable_usage_thresholds"]] == [9000]

    advance("2024-02-01T00:00:00Z")
    [closing] = lago.invoices.find_all({"invoice_type": "subscription"})["invoices"]
    invoice = lago.invoices.find(closing.lago_id)
    assert (invoice.progressive_billing_credit_amount_cents, invoice.sub_total_excluding_taxes_amount_cents) == (
        1250,
        invoice.fees_amount_cents - 1250,
    )
    assert invoice.credits is not None
    [credit] = invoice.credits.__root__
    assert credit.item is not None
    assert (credit.amount_cents, credit.before_taxes, credit.item.type) == (1250, True, "invoice")
