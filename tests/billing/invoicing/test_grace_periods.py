"""Drafts, their dates and their finalization (spec 04 §5, §6, §8)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from tests.support.sandbox import Sandbox, sandbox_on

JANUARY = datetime(2025, 1, 2, tzinfo=UTC)


def dates(invoice: Any) -> tuple[str, str, str]:
    return invoice["status"], invoice["issuing_date"], invoice["payment_due_date"]


async def january(sandbox: Sandbox, zone: str, **configuration: Any) -> None:
    """A monthly subscription in arrears since before 2025, net term 30."""
    await sandbox.customer(
        "c1", timezone=zone, net_payment_term=30, billing_configuration={"invoice_grace_period": 3, **configuration}
    )
    await sandbox.plan("p", 3100)
    await sandbox.subscribe(subscription_at="2024-12-01T12:00:00Z")


async def the_draft(sandbox: Sandbox) -> Any:
    [invoice] = await sandbox.invoices()
    return invoice


async def test_04_6_paris_left_alone(database: Database) -> None:
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await january(sandbox, "Europe/Paris")
        clock = await sandbox.advance("2025-01-31T23:00:00Z")
        assert clock["next_due_at"] == "2025-02-04T00:20:00Z"
        assert dates(await the_draft(sandbox)) == ("draft", "2025-02-04", "2025-03-06")
        await sandbox.advance("2025-02-04T00:19:59Z")
        assert dates(await the_draft(sandbox)) == ("draft", "2025-02-04", "2025-03-06")
        await sandbox.advance("2025-02-04T00:20:00Z")
        assert dates(await the_draft(sandbox)) == ("finalized", "2025-02-04", "2025-03-06")


async def test_04_6_paris_finalized_by_hand(database: Database) -> None:
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await january(sandbox, "Europe/Paris")
        await sandbox.advance("2025-02-02T12:00:00Z")
        invoice = await the_draft(sandbox)
        issued = (await sandbox.call("PUT", f"invoices/{invoice['lago_id']}/finalize"))["invoice"]
        assert dates(issued) == ("finalized", "2025-02-02", "2025-03-04")


async def test_04_6_los_angeles_is_finalized_on_the_evening_before(database: Database) -> None:
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await january(sandbox, "America/Los_Angeles")
        await sandbox.advance("2025-02-01T08:00:00Z")
        assert dates(await the_draft(sandbox))[:2] == ("draft", "2025-02-04")
        await sandbox.advance("2025-02-04T00:20:00Z")
        assert dates(await the_draft(sandbox)) == ("finalized", "2025-02-03", "2025-03-05")


@pytest.mark.parametrize("whose", ["organization", "customer"])
async def test_04_6_a_shorter_grace_period(database: Database, whose: str) -> None:
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        own = whose == "customer"

        async def change(grace: int) -> None:
            configuration = {"invoice_grace_period": grace}
            if own:
                await sandbox.customer("c1", net_payment_term=15, billing_configuration=configuration)
            else:
                body = {"net_payment_term": 15, "billing_configuration": configuration}
                await sandbox.call("PUT", "organizations", {"organization": body})

        await change(5)
        await sandbox.plan("p", 3100)
        await sandbox.subscribe(subscription_at="2024-12-01T00:00:00Z")
        await sandbox.advance("2025-02-04T12:00:00Z")
        assert dates(await the_draft(sandbox)) == ("draft", "2025-02-06", "2025-02-21")
        await change(2)
        await sandbox.advance("2025-02-04T12:00:00Z")
        assert dates(await the_draft(sandbox)) == ("finalized", "2025-02-04", "2025-02-19")


async def test_04_6_a_customers_own_grace_period_stays(database: Database) -> None:
    async with sandbox_on(database, clock=JANUARY) as sandbox:
        await january(sandbox, "UTC")
        await sandbox.advance("2025-02-01T12:00:00Z")
        body = {"organization": {"billing_configuration": {"invoice_grace_period": 10}, "net_payment_term": 90}}
        await sandbox.call("PUT", "organizations", body)
        await sandbox.advance("2025-02-01T13:00:00Z")
        assert dates(await the_draft(sandbox)) == ("draft", "2025-02-04", "2025-03-06")


async def test_04_5_a_term_moves_drafts_only(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe("s1")
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.subscribe("s2")
    await sandbox.customer("c1", net_payment_term=10)
    assert [dates(item) for item in await sandbox.invoices()] == [
        ("finalized", "2024-01-15", "2024-01-15"),
        ("draft", "2024-01-18", "2024-01-28"),
    ]
    await sandbox.customer("c1", net_payment_term=0)
    assert [item["net_payment_term"] for item in await sandbox.invoices()] == [0, 0]


async def test_04_6_zero_overrides_the_organization(sandbox: Sandbox) -> None:
    body = {"organization": {"billing_configuration": {"invoice_grace_period": 5}}}
    await sandbox.call("PUT", "organizations", body)
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 0})
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe("s1", customer="c1")
    await sandbox.subscribe("s2", customer="c2")
    assert sorted(item["status"] for item in await sandbox.invoices()) == ["draft", "finalized"]


@pytest.mark.parametrize(
    ("anchor", "adjustment", "grace", "issued"),
    [
        ("next_period_start", "align_with_finalization_date", 3, "2024-02-04"),
        ("next_period_start", "keep_anchor", 3, "2024-02-01"),
        ("current_period_end", "keep_anchor", 3, "2024-01-31"),
        ("current_period_end", "align_with_finalization_date", 3, "2024-02-04"),
        ("current_period_end", "align_with_finalization_date", 0, "2024-01-31"),
    ],
)
async def test_04_5_issuing_date_settings(
    sandbox: Sandbox, anchor: str, adjustment: str, grace: int, issued: str
) -> None:
    configuration = {
        "invoice_grace_period": grace,
        "subscription_invoice_issuing_date_anchor": anchor,
        "subscription_invoice_issuing_date_adjustment": adjustment,
    }
    await sandbox.customer("c1", billing_configuration=configuration)
    await sandbox.plan()
    await sandbox.subscribe()
    await sandbox.advance("2024-02-01T00:00:00Z")
    assert (await the_draft(sandbox))["issuing_date"] == issued
    await sandbox.advance("2024-02-04T00:20:00Z")
    assert dates(await the_draft(sandbox))[:2] == ("finalized", issued)


async def test_04_6_late_events_count_at_finalization(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan)
    await sandbox.subscribe()
    await sandbox.send(("2024-01-20T00:00:00Z", 5))
    await sandbox.advance("2024-02-01T12:00:00Z")
    invoice = await the_draft(sandbox)
    assert invoice["fees_amount_cents"] == 500
    await sandbox.send(("2024-01-31T23:59:59.999Z", 2), ("2024-02-01T00:00:00Z", 50))
    assert (await the_draft(sandbox))["fees_amount_cents"] == 500
    refreshed = (await sandbox.call("PUT", f"invoices/{invoice['lago_id']}/refresh"))["invoice"]
    assert refreshed["fees_amount_cents"] == 700
    await sandbox.send(("2024-01-30T00:00:00Z", 1))
    await sandbox.advance("2024-02-04T00:20:00Z")
    assert (await the_draft(sandbox))["fees_amount_cents"] == 800


async def test_04_8_1_taxes_refresh_drafts_at_once_in_a_sandbox(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe()
    await sandbox.tax("vat", "20")
    await sandbox.advance("2024-01-15T10:00:00Z")
    invoice = await the_draft(sandbox)
    assert (invoice["status"], invoice["taxes_amount_cents"]) == ("draft", 340)


async def test_04_7_empty_invoices(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 0)
    await sandbox.customer("skips", finalize_zero_amount_invoice="skip")
    await sandbox.customer("issues", finalize_zero_amount_invoice="finalize")
    await sandbox.customer("inherits")
    for customer in ("skips", "issues", "inherits"):
        await sandbox.subscribe(f"of {customer}", "p", customer)
    await sandbox.advance("2024-02-01T00:00:00Z")
    found = await sandbox.invoices()
    assert sorted(item["customer"]["external_id"] for item in found) == ["inherits", "issues"]
    assert {(item["status"], item["payment_status"], item["total_amount_cents"]) for item in found} == {
        ("finalized", "succeeded", 0)
    }
    await sandbox.call("PUT", "organizations", {"organization": {"finalize_zero_amount_invoice": False}})
    await sandbox.advance("2024-03-01T00:00:00Z")
    later = await sandbox.invoices(issuing_date_from="2024-02-02")
    assert [item["customer"]["external_id"] for item in later] == ["issues"]
    assert (await sandbox.call("GET", "test_clock"))["test_clock"]["next_due_at"] == "2024-04-01T00:00:00Z"


async def test_04_7_a_draft_closes_when_it_is_empty(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", finalize_zero_amount_invoice="skip", billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan("p", 0)
    await sandbox.subscribe()
    await sandbox.advance("2024-02-01T12:00:00Z")
    invoice = await the_draft(sandbox)
    await sandbox.advance("2024-02-04T00:20:00Z")
    assert await sandbox.invoices() == []
    answer = await sandbox.rest.get(f"invoices/{invoice['lago_id']}")
    assert answer.status_code == 404
