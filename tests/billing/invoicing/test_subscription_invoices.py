"""Subscription invoices of whole lives: starts, periods, fees, grouping (spec 03 §3-§4, §6.4, §8.3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from tests.support.sandbox import Sandbox, sandbox_on


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def fees(sandbox: Sandbox) -> list[tuple[str, int]]:
    """Issuing date and amount of every subscription fee, in order of billing."""
    invoices = [await sandbox.invoice(item["lago_id"]) for item in await sandbox.invoices()]
    return [
        (invoice["issuing_date"], fee["amount_cents"])
        for invoice in invoices
        for fee in invoice["fees"]
        if fee["item"]["type"] == "subscription"
    ]


async def windows(sandbox: Sandbox) -> list[tuple[str, ...]]:
    """(reason, fee window, charges window) of every row, in order of billing."""
    found: list[tuple[str, ...]] = []
    for item in await sandbox.invoices():
        for period in (await sandbox.invoice(item["lago_id"]))["billing_periods"]:
            names = ("invoicing_reason", "subscription_from_datetime", "subscription_to_datetime")
            names += ("charges_from_datetime", "charges_to_datetime")
            found.append(tuple(period[name].removeprefix("subscription_").removeprefix("20") for name in names))
    return found


@pytest.mark.parametrize(
    ("start", "zone", "plan", "billing_time", "until", "expected"),
    [
        ("2024-08-10T09:00Z", "UTC", {"amount_cents": 5000}, "calendar", "2024-09-01", ("2024-09-01", 3548)),
        (
            "2024-08-10T09:00Z",
            "UTC",
            {"amount_cents": 5000, "pay_in_advance": True},
            "anniversary",
            "2024-08-10T09:00Z",
            ("2024-08-10", 5000),
        ),
        (
            "2024-02-10T09:00Z",
            "UTC",
            {"amount_cents": 9000, "interval": "quarterly"},
            "calendar",
            "2024-04-01",
            ("2024-04-01", 5044),
        ),
        (
            "2024-03-15T09:00Z",
            "UTC",
            {"amount_cents": 12000, "interval": "yearly"},
            "calendar",
            "2025-01-01",
            ("2025-01-01", 9574),
        ),
        (
            "2023-03-15T09:00Z",
            "UTC",
            {"amount_cents": 12000, "interval": "yearly"},
            "calendar",
            "2024-01-01",
            ("2024-01-01", 9600),
        ),
        *(
            (
                instant,
                zone,
                {"amount_cents": 700, "interval": "weekly", "pay_in_advance": True},
                "calendar",
                instant,
                (day, amount),
            )
            for instant, zone, day, amount in (
                ("2023-06-16T05:00Z", "America/Denver", "2023-06-15", 400),
                ("2023-06-16T05:00Z", "America/Halifax", "2023-06-16", 300),
                ("2023-06-16T20:00Z", "Europe/Paris", "2023-06-16", 300),
                ("2023-06-16T20:00Z", "Asia/Karachi", "2023-06-17", 200),
            )
        ),
        ("2024-03-09T14:00Z", "America/New_York", {}, "calendar", "2024-04-01T04:00Z", ("2024-04-01", 2300)),
    ],
)
async def test_03_4_3_first_periods(
    database: Database,
    start: str,
    zone: str,
    plan: dict[str, Any],
    billing_time: str,
    until: str,
    expected: tuple[str, int],
) -> None:
    async with sandbox_on(database, clock=at(start)) as sandbox:
        await sandbox.customer("c1", timezone=zone)
        await sandbox.plan("p", **{"amount_cents": 3100, **plan})
        await sandbox.subscribe(billing_time=billing_time)
        await sandbox.advance(until)
        assert await fees(sandbox) == [expected]


@pytest.mark.parametrize(("anchor", "amount"), [("2024-05-10T00:00:00Z", 2200), ("2024-03-10T00:00:00Z", 3100)])
async def test_03_4_3_and_6_4_backdated_in_arrears(database: Database, anchor: str, amount: int) -> None:
    async with sandbox_on(database, clock=at("2024-05-15T12:00Z")) as sandbox:
        await sandbox.plan("p", 3100)
        shown = await sandbox.subscribe(subscription_at=anchor)
        assert (shown["status"], shown["started_at"][:10]) == ("active", anchor[:10])
        assert await sandbox.invoices() == []
        await sandbox.advance("2024-06-01")
        assert await fees(sandbox) == [("2024-06-01", amount)]


async def test_03_6_4_backdated_in_advance(database: Database) -> None:
    """The running period counts as paid: 1 June bills June and the usage of May, events before creation included."""
    async with sandbox_on(database, clock=at("2024-05-15T12:00Z")) as sandbox:
        plan = await sandbox.plan("p", 3100, pay_in_advance=True)
        await sandbox.charge(plan)
        await sandbox.subscribe(subscription_at="2024-03-10T00:00:00Z")
        await sandbox.send(("2024-04-30T23:59:59Z", 100), ("2024-05-01T00:00:00Z", 1), ("2024-05-31T23:59:59Z", 2))
        assert await sandbox.invoices() == []
        await sandbox.advance("2024-06-01")
        [invoice] = await sandbox.invoices()
        shown = await sandbox.invoice(invoice["lago_id"])
        assert {fee["item"]["type"]: fee["amount_cents"] for fee in shown["fees"]} == {
            "subscription": 3100,
            "charge": 300,
        }
        assert await windows(sandbox) == [
            (
                "periodic",
                "24-06-01T00:00:00Z",
                "24-06-30T23:59:59Z",
                "24-05-01T00:00:00Z",
                "24-05-31T23:59:59Z",
            )
        ]


async def test_03_6_4_activation_at_local_midnight(database: Database) -> None:
    async with sandbox_on(database, clock=at("2023-08-20T00:00Z")) as sandbox:
        await sandbox.customer("c1", timezone="America/Bogota")
        await sandbox.plan("p", 3100, pay_in_advance=True)
        assert (await sandbox.subscribe(subscription_at="2023-08-25T10:00:00Z"))["status"] == "pending"
        await sandbox.advance("2023-08-25T04:59:59Z")
        assert await sandbox.invoices() == []
        await sandbox.advance("2023-08-25T05:00:00Z")
        shown = (await sandbox.call("GET", "subscriptions/s1"))["subscription"]
        assert (shown["status"], shown["started_at"]) == ("active", "2023-08-25T05:00:00.000Z")
        assert shown["subscription_at"] == "2023-08-25T10:00:00Z"
        assert await fees(sandbox) == [("2023-08-25", 700)]


@pytest.mark.parametrize("anchor", ["2024-01-15T03:00:00Z", "2024-01-15T22:00:00Z"])
async def test_03_6_4_today_starts_at_its_anchor(sandbox: Sandbox, anchor: str) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    shown = await sandbox.subscribe(subscription_at=anchor)
    assert (shown["status"], shown["started_at"]) == ("active", anchor.replace("Z", ".000Z"))
    assert await fees(sandbox) == [("2024-01-15", 1700)]


async def test_03_6_4_an_invoiced_past_is_not_started_again(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.terminate()
    again = await sandbox.subscribe(subscription_at="2024-01-02T00:00:00Z")
    assert again["started_at"] == "2024-01-15T10:00:00.000Z"
    await sandbox.terminate(on_termination_invoice="skip")
    await sandbox.advance("2024-01-20T00:00:00Z")
    third = await sandbox.subscribe(subscription_at="2024-01-02T00:00:00Z")
    assert third["started_at"] == "2024-01-15T10:00:00.000Z"


async def test_03_3_6_windows_in_advance(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-08-10T09:30Z")) as sandbox:
        await sandbox.plan("p", 3100, pay_in_advance=True)
        await sandbox.subscribe()
        await sandbox.advance("2024-09-01")
        assert await windows(sandbox) == [
            ("starting", "24-08-10T00:00:00Z", "24-08-31T23:59:59Z", "24-08-10T09:30:00Z", "24-08-10T09:30:00Z"),
            ("periodic", "24-09-01T00:00:00Z", "24-09-30T23:59:59Z", "24-08-10T09:30:00Z", "24-08-31T23:59:59Z"),
        ]


async def test_03_3_6_windows_in_arrears(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-08-10T09:30Z")) as sandbox:
        await sandbox.plan("p", 3100)
        await sandbox.subscribe()
        await sandbox.advance("2024-09-01")
        assert await windows(sandbox) == [
            ("periodic", "24-08-10T00:00:00Z", "24-08-31T23:59:59Z", "24-08-10T09:30:00Z", "24-08-31T23:59:59Z")
        ]


async def test_03_3_6_a_new_moved_zone_leaves_no_gap_in_usage(database: Database) -> None:
    """Spec 03 §3.7: January billed in UTC, then the customer moves to Los Angeles."""
    async with sandbox_on(database, clock=at("2022-01-01T00:00Z")) as sandbox:
        plan = await sandbox.plan("p", 0)
        await sandbox.charge(plan)
        await sandbox.subscribe()
        await sandbox.advance("2022-02-02")
        await sandbox.customer("c1", timezone="America/Los_Angeles")
        await sandbox.send(("2022-02-01T03:00:00Z", 5))
        await sandbox.advance("2022-03-02")
        assert [row[3:] for row in await windows(sandbox)] == [
            ("22-01-01T00:00:00Z", "22-01-31T23:59:59Z"),
            ("22-02-01T00:00:00Z", "22-03-01T07:59:59Z"),
        ]
        assert (await sandbox.amounts())[-1] == ("2022-03-01", 500)


@pytest.mark.parametrize(("advance_plan", "start"), [(True, [("2024-03-15", 9574)]), (False, [])])
async def test_03_3_5_charges_monthly_on_a_yearly_plan(
    database: Database, advance_plan: bool, start: list[tuple[str, int]]
) -> None:
    async with sandbox_on(database, clock=at("2024-03-15T00:00Z")) as sandbox:
        plan = await sandbox.plan("p", 12000, interval="yearly", pay_in_advance=advance_plan, bill_charges_monthly=True)
        await sandbox.charge(plan)
        await sandbox.subscribe()
        await sandbox.send(("2024-03-20T00:00:00Z", 1), ("2024-12-20T00:00:00Z", 2))
        await sandbox.advance("2025-01-01")
        dates = ["2024-04-01", *(f"2024-{month:02d}-01" for month in range(5, 13)), "2025-01-01"]
        assert [day for day, _ in await sandbox.amounts()] == [day for day, _ in start] + dates
        yearly = 12000 if advance_plan else 9574
        assert await fees(sandbox) == [*start, ("2025-01-01", yearly)]
        assert dict(await sandbox.amounts())["2024-04-01"] == 100
        assert dict(await sandbox.amounts())["2025-01-01"] == yearly + 200


async def test_03_8_3_one_invoice_for_what_is_due_together(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-01-01T05:00Z")) as sandbox:
        await sandbox.customer("c1", timezone="America/New_York")
        await sandbox.plan("w", 700, interval="weekly")
        await sandbox.plan("m", 3100)
        await sandbox.subscribe("weekly", "w")
        await sandbox.subscribe("calendar", "m")
        await sandbox.subscribe("anniversary", "m", billing_time="anniversary")
        await sandbox.advance("2024-04-01T03:59:59Z")
        before = {item["lago_id"] for item in await sandbox.invoices()}
        await sandbox.advance("2024-04-01T04:00:00Z")
        [invoice] = [item for item in await sandbox.invoices() if item["lago_id"] not in before]
        periods = (await sandbox.invoice(invoice["lago_id"]))["billing_periods"]
        assert {
            period["external_subscription_id"]: (
                period["charges_from_datetime"][:13],
                period["charges_to_datetime"][:13],
            )
            for period in periods
        } == {
            "weekly": ("2024-03-25T04", "2024-04-01T03"),
            "calendar": ("2024-03-01T05", "2024-04-01T03"),
            "anniversary": ("2024-03-01T05", "2024-04-01T03"),
        }


async def test_03_8_3_subscriptions_on_their_own(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100)
    await sandbox.subscribe("s1", consolidate_invoice=False)
    await sandbox.subscribe("s2")
    await sandbox.subscribe("s3", purchase_order_number="PO")
    await sandbox.subscribe("s4")
    await sandbox.advance("2024-02-01")
    by_number = sorted(await sandbox.invoices(), key=lambda item: item["sequential_id"])
    groups = [
        [item["external_id"] for item in (await sandbox.invoice(invoice["lago_id"]))["subscriptions"]]
        for invoice in by_number
    ]
    assert groups == [["s2", "s4"], ["s3"], ["s1"]]


async def test_03_8_2_a_backdated_one_created_on_a_billing_day_waits(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-06-01T12:00Z")) as sandbox:
        await sandbox.plan("p", 3100)
        await sandbox.subscribe(subscription_at="2024-03-10T00:00:00Z")
        assert (await sandbox.call("GET", "test_clock"))["test_clock"]["next_due_at"] == "2024-07-01T00:00:00Z"
        await sandbox.advance("2024-07-01")
        assert await fees(sandbox) == [("2024-07-01", 3100)]


async def test_03_8_4_a_failed_computation_keeps_its_row_and_is_tried_again(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from billwright.billing.invoicing import billing

    await sandbox.plan("p", 3100)
    await sandbox.subscribe()

    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no figures today")

    monkeypatch.setattr(billing, "compute", broken)
    await sandbox.advance("2024-02-01")
    assert await fees(sandbox) == [("2024-02-01", 1700)], "the retry computes it on the row that was kept"
    await sandbox.advance("2024-02-01T01:00:00Z")
    assert len(await sandbox.invoices()) == 1


async def test_03_8_4_failing_twice_is_noted_and_hidden(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import select

    from billwright.billing.invoicing import billing, drafts
    from billwright.billing.invoicing.models import Invoice, InvoiceError

    await sandbox.plan("p", 3100, pay_in_advance=True)

    async def broken(ctx: Any, *_: Any, **__: Any) -> Any:
        await ctx.session.execute(select(Invoice.missing))  # type: ignore[attr-defined]

    monkeypatch.setattr(billing, "compute", broken)
    monkeypatch.setattr(drafts, "compute", broken)
    shown = await sandbox.subscribe()
    assert shown["status"] == "active"
    answer = await sandbox.rest.put("test_clock", {"test_clock": {"now": "2024-01-15T11:00:00Z"}})
    [failed] = answer.json()["test_clock"]["failed_jobs"]
    assert failed["name"] == "invoice.generate"
    assert await sandbox.invoices() == []
    async with sandbox.context() as ctx:
        [invoice] = (await ctx.session.scalars(select(Invoice))).all()
        [error] = (await ctx.session.scalars(select(InvoiceError))).all()
    assert (invoice.status, error.error_code, error.invoice_id) == (
        "generating",
        "invoice_generation_error",
        invoice.id,
    )


async def test_03_8_4_a_database_error_in_the_computation_spoils_nothing_else(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import text

    from billwright.billing.invoicing import billing

    await sandbox.plan("p", 3100, pay_in_advance=True)

    async def broken(ctx: Any, *_: Any, **__: Any) -> Any:
        await ctx.session.execute(text("select 1 / 0"))

    monkeypatch.setattr(billing, "compute", broken)
    assert (await sandbox.subscribe())["status"] == "active"
    await sandbox.advance("2024-01-15T10:00:00Z")
    assert await fees(sandbox) == [("2024-01-15", 1700)]
