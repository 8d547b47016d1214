"""Looking at whole lives of subscriptions in a sandbox: fees, windows, statuses, announcements."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import text

from billwright.billing.catalog.models import Charge, Plan
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.event_types import EVERYTHING
from billwright.billing.scheduling.test_clock import settle_jobs
from tests.support.sandbox import Sandbox, sandbox_on


@asynccontextmanager
async def life(database: Database, start: str, *, zone: str | None = None) -> AsyncIterator[Sandbox]:
    """A sandbox at ``start`` with customer ``c1`` in ``zone``; everything that happens is announced."""
    async with sandbox_on(database, clock=datetime.fromisoformat(start)) as sandbox:
        async with sandbox.context() as ctx:
            ctx.organization.webhook_event_types = [EVERYTHING]
        await sandbox.customer("c1", timezone=zone)
        yield sandbox


async def lines(sandbox: Sandbox) -> list[tuple[str, str, int]]:
    """(issuing date, plan code or metric code, cents) of every fee, in order of billing."""
    found: list[tuple[str, str, int]] = []
    for item in await sandbox.invoices():
        for fee in (await sandbox.invoice(item["lago_id"]))["fees"]:
            found.append((item["issuing_date"], fee["item"]["code"], fee["amount_cents"]))
    return found


async def periods(sandbox: Sandbox) -> list[list[tuple[str, ...]]]:
    """Per invoice, its rows: (reason, plan fee window, charges window)."""
    names = ("subscription_from_datetime", "subscription_to_datetime", "charges_from_datetime", "charges_to_datetime")
    return [
        [
            (row["invoicing_reason"].removeprefix("subscription_"), *(row[name] for name in names))
            for row in (await sandbox.invoice(item["lago_id"]))["billing_periods"]
        ]
        for item in await sandbox.invoices()
    ]


async def show(sandbox: Sandbox, status: str = "active", external_id: str = "s1") -> Any:
    return (await sandbox.call("GET", f"subscriptions/{external_id}", params={"status": status}))["subscription"]


async def edit(sandbox: Sandbox, external_id: str = "s1", **attributes: Any) -> Any:
    body = {"subscription": attributes}
    return (await sandbox.call("PUT", f"subscriptions/{external_id}", body))["subscription"]


async def announced(sandbox: Sandbox, prefix: str = "subscription.") -> list[str]:
    """Types announced so far, oldest first, without their prefix."""
    async with sandbox.context() as ctx:
        rows = await ctx.session.execute(
            text("select arguments ->> 'event_type' from jobs where name = 'webhook.prepare' order by created_at, id")
        )
        return [row[0].removeprefix(prefix) for row in rows if row[0].startswith(prefix)]


async def statuses(sandbox: Sandbox) -> list[tuple[str, str]]:
    """(plan code, status) of every subscription, oldest first."""
    query = {"status[]": ["pending", "active", "terminated", "canceled"], "per_page": 100}
    found = (await sandbox.call("GET", "subscriptions", params=query))["subscriptions"]
    return [(item["plan_code"], item["status"]) for item in sorted(found, key=lambda item: item["lago_id"])]


def cents(amount_cents: int, **more: Any) -> dict[str, Any]:
    """Attributes of a monthly plan in arrears."""
    return {"amount_cents": amount_cents, "interval": "monthly", "pay_in_advance": False, **more}


async def late(sandbox: Sandbox, now: str) -> None:
    """Let time pass without any due pass: the scheduler is down."""
    async with sandbox.context() as ctx:
        ctx.organization.clock_now = datetime.fromisoformat(now)


async def same_charge(sandbox: Sandbox, charge: Charge, plan: Plan) -> Charge:
    """The same charge on the same metric for another plan."""
    async with sandbox.context() as ctx:
        own = {"id": new_id(), "plan_id": plan.id}
        copy = Charge(**{**charge.model_dump(), **own})
        ctx.session.add(copy)
        ctx.organization.catalog_revision += 1
    return copy


async def metric(sandbox: Sandbox, code: str = "calls", **more: Any) -> str:
    """A sum of ``n``; its id."""
    body = {"name": code, "code": code, "aggregation_type": "sum_agg", "field_name": "n", **more}
    answer = await sandbox.call("POST", "billable_metrics", {"billable_metric": body})
    return answer["billable_metric"]["lago_id"]


async def shop_plan(sandbox: Sandbox, code: str, amount_cents: int, *charges: dict[str, Any], **more: Any) -> Any:
    """A monthly plan in arrears with charges, made over REST."""
    body = {"name": code.title(), "code": code, "amount_currency": "EUR", "charges": list(charges)}
    return (await sandbox.call("POST", "plans", {"plan": {**body, **cents(amount_cents), **more}}))["plan"]


async def change_plan(sandbox: Sandbox, code: str, **attributes: Any) -> Any:
    return (await sandbox.call("PUT", f"plans/{code}", {"plan": attributes}))["plan"]


def priced(metric_id: str, amount: str = "10", **more: Any) -> dict[str, Any]:
    """A standard charge."""
    return {"billable_metric_id": metric_id, "charge_model": "standard", "properties": {"amount": amount}, **more}


async def run_jobs(sandbox: Sandbox) -> None:
    """Run what is queued, with the clock where it is."""
    failed: list[dict[str, str]] = []
    await settle_jobs(sandbox.runtime, sandbox.organization_id, failed)
    assert failed == []
