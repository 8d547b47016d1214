"""What the domain announces arrives with the objects that REST shows (spec 06 §16.7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from billwright.billing.notifications.keys import WebhookKeys
from billwright.billing.notifications.options import WebhookOptions
from billwright.billing.notifications.payloads import build_payload
from billwright.integrations.outbound import OutboundHttp
from billwright.integrations.webhooks import HttpWebhookSender
from tests.billing.notifications.conftest import BOX
from tests.contract.recorder import contract_is_kept
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox, sandbox_on
from tests.support.webhook_receiver import Receiver

__all__ = ["contract_is_kept"]
START = "2024-01-15T10:00:00Z"


@dataclass
class Wired:
    """A sandbox whose events arrive at ``receiver``."""

    sandbox: Sandbox
    receiver: Receiver

    async def news(self, *, at: str = START) -> list[tuple[str, Any]]:
        """Advance the clock to ``at``; what has arrived since the last call, by type: the objects."""
        await self.sandbox.advance(at)
        requests, self.receiver.requests = self.receiver.requests, []
        bodies = sorted((request.json for request in requests), key=lambda body: body["webhook_type"])
        return [(body["webhook_type"], body[body["object_type"]]) for body in bodies]

    async def new(self, event_type: str, *, at: str = START) -> Any:
        """The object of the only event of this type that has arrived since the last call."""
        (found,) = [item for name, item in await self.news(at=at) if name == event_type]
        return found

    async def get(self, path: str) -> Any:
        answer = await self.sandbox.call("GET", path)
        (found,) = answer.values()
        return found


@asynccontextmanager
async def wired_on(database: Database, receiver: Receiver) -> AsyncIterator[Wired]:
    sender = HttpWebhookSender(OutboundHttp(allow_private=True, timeout=5))
    async with sandbox_on(database, webhooks=WebhookOptions(keys=WebhookKeys(BOX), sender=sender)) as sandbox:
        await sandbox.call(
            "POST", "webhook_endpoints", {"webhook_endpoint": {"webhook_url": receiver.url, "signature_algo": "hmac"}}
        )
        yield Wired(sandbox, receiver)
    await sender.close()


@pytest.fixture
async def wired(database: Database, receiver: Receiver) -> AsyncIterator[Wired]:
    async with wired_on(database, receiver) as made:
        yield made


async def test_customers(wired: Wired) -> None:
    await wired.sandbox.customer("c1", name="Dinesh", metadata=[{"key": "k", "value": "v"}])
    created = await wired.new("customer.created")
    assert created == await wired.get("customers/c1")
    assert problems("CustomerObject", created) == []
    await wired.sandbox.customer("c1", name="Gilfoyle")
    assert await wired.new("customer.updated") == await wired.get("customers/c1")


async def test_billable_metrics(wired: Wired) -> None:
    body = {
        "name": "Storage",
        "code": "gb",
        "aggregation_type": "sum_agg",
        "field_name": "n",
        "filters": [{"key": "region", "values": ["us", "eu"]}],
    }
    await wired.sandbox.call("POST", "billable_metrics", {"billable_metric": body})
    created = await wired.new("billable_metric.created")
    assert created == await wired.get("billable_metrics/gb")
    await wired.sandbox.call("PUT", "billable_metrics/gb", {"billable_metric": {"name": "Disk"}})
    assert await wired.new("billable_metric.updated") == await wired.get("billable_metrics/gb")
    answer = await wired.sandbox.call("DELETE", "billable_metrics/gb")
    assert await wired.new("billable_metric.deleted") == answer["billable_metric"]


async def test_plans(wired: Wired) -> None:
    metric = {"name": "Calls", "code": "calls", "aggregation_type": "count_agg"}
    made = (await wired.sandbox.call("POST", "billable_metrics", {"billable_metric": metric}))["billable_metric"]
    charge = {
        "billable_metric_id": made["lago_id"],
        "charge_model": "graduated",
        "properties": {
            "graduated_ranges": [
                {"from_value": 0, "to_value": 10, "per_unit_amount": "0.50", "flat_amount": "1"},
                {"from_value": 11, "to_value": None, "per_unit_amount": "0.1234567", "flat_amount": "0"},
            ]
        },
    }
    body = {
        "name": "Pro",
        "code": "pro",
        "interval": "monthly",
        "pay_in_advance": False,
        "amount_cents": 4900,
        "amount_currency": "EUR",
        "trial_period": 2.5,
        "charges": [charge],
    }
    await wired.sandbox.call("POST", "plans", {"plan": body})
    created = await wired.new("plan.created")
    assert created == await wired.get("plans/pro")
    await wired.sandbox.call("PUT", "plans/pro", {"plan": {"name": "Pro 2"}})
    assert await wired.new("plan.updated") == await wired.get("plans/pro")
    answer = await wired.sandbox.call("DELETE", "plans/pro")
    assert await wired.new("plan.deleted") == answer["plan"]


async def test_subscriptions(wired: Wired) -> None:
    """spec 03 §7: the REST object with customer and plan."""
    sandbox = wired.sandbox
    await sandbox.plan("p", 3100, pay_in_advance=True, trial=3)
    await sandbox.customer("c1", name="Dinesh")
    await wired.news()
    await sandbox.subscribe("s1", "p")
    started = await wired.new("subscription.started")
    shown = await wired.get("subscriptions/s1")
    assert started == {
        **{name: value for name, value in shown.items() if name not in ("applicable_usage_thresholds", "entitlements")},
        "plan": await wired.get("plans/p"),
        "customer": await wired.get("customers/c1"),
    }
    assert problems("SubscriptionWithCustomerObject", started) == []
    await sandbox.call("PUT", "subscriptions/s1", {"subscription": {"name": "Renamed"}})
    assert (await wired.new("subscription.updated"))["name"] == "Renamed"
    ended = await wired.new("subscription.trial_ended", at="2024-01-18T10:00:00Z")
    assert ended["trial_ended_at"] == "2024-01-18T10:00:00Z"
    await sandbox.terminate("s1")
    terminated = await wired.new("subscription.terminated", at="2024-01-18T10:00:00Z")
    assert (terminated["status"], terminated["terminated_at"]) == ("terminated", "2024-01-18T10:00:00Z")


async def test_invoices(wired: Wired) -> None:
    """The nested parts of each type (spec 06 §16.7); the others are the plain object."""
    sandbox = wired.sandbox
    await sandbox.tax("vat", "20")
    plan = await sandbox.plan("p", 3100)
    await sandbox.charge(plan)
    await sandbox.customer("c1")
    await sandbox.subscribe("s1", "p")
    await sandbox.send(("2024-01-20T00:00:00+00:00", 5))
    await wired.news()
    arrived = dict(await wired.news(at="2024-02-01T00:00:00Z"))
    created, generated = arrived["invoice.created"], arrived["invoice.generated"]
    detail = await wired.get(f"invoices/{created['lago_id']}")
    assert created["total_amount_cents"] == detail["total_amount_cents"] > 0
    at_first = {**detail, "file_url": None}
    at_first.pop("error_details")
    assert {**created, "file_url": None} == at_first
    assert problems("InvoiceObjectExtended", created) == []
    nested = {"subscriptions", "billing_periods", "fees", "credits", "applied_taxes", "error_details"}
    nested |= {"applied_invoice_custom_sections"}
    assert generated == {name: value for name, value in detail.items() if name not in nested}
    assert generated["file_url"].startswith("http://api.test/files/")
    body = {"invoice": {"payment_status": "succeeded"}}
    await sandbox.call("PUT", f"invoices/{created['lago_id']}", body)
    paid = await wired.new("invoice.payment_status_updated", at="2024-02-01T00:00:00Z")
    detail = await wired.get(f"invoices/{created['lago_id']}")
    assert paid == {name: value for name, value in detail.items() if name not in nested - {"fees"}}
    assert paid["payment_status"] == "succeeded"


async def test_drafts(wired: Wired) -> None:
    sandbox = wired.sandbox
    await sandbox.plan("p", 3100)
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.subscribe("s1", "p")
    await wired.news()
    drafted = await wired.new("invoice.drafted", at="2024-02-01T00:00:00Z")
    detail = await wired.get(f"invoices/{drafted['lago_id']}")
    detail.pop("applied_invoice_custom_sections")
    assert drafted == detail
    assert drafted["status"] == "draft"
    created = await wired.new("invoice.created", at="2024-02-05T00:00:00Z")
    assert (created["lago_id"], created["status"]) == (drafted["lago_id"], "finalized")


async def test_a_year_arrives_in_full_and_once(wired: Wired) -> None:
    """``PUT test_clock`` answers when every first attempt has been made."""
    sandbox = wired.sandbox
    await sandbox.plan("p", 3100, pay_in_advance=True)
    for number in range(3):
        await sandbox.customer(f"c{number}")
        await sandbox.subscribe(f"s{number}", "p", f"c{number}")
    await wired.news()
    arrived = await wired.news(at="2025-01-01T00:00:00Z")
    created = [item for name, item in arrived if name == "invoice.created"]
    assert len(created) == 36
    assert {item["lago_id"] for item in created} <= {item["lago_id"] for item in await sandbox.invoices()}
    keys = [request.key for request in wired.receiver.requests]
    assert len(keys) == len(set(keys))


async def test_what_cannot_be_shown_is_an_error(sandbox_context: Any) -> None:
    with pytest.raises(LookupError, match="nothing to send under 'unheard_of'"):
        await build_payload(sandbox_context, "x.y", "unheard_of", sandbox_context.organization_id)
    gone = await build_payload(sandbox_context, "plan.created", "plan", sandbox_context.organization_id)
    assert gone is None


@pytest.fixture
async def sandbox_context(database: Database) -> AsyncIterator[Any]:
    async with sandbox_on(database) as sandbox, sandbox.context() as ctx:
        yield ctx
