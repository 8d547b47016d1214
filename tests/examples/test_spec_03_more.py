"""Figures of spec 03 §6.8-§7 and its traps that the tests beside the code do not assert, or not on whole lives."""

from __future__ import annotations

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.subscriptions.lives import announced, edit, life, lines, show, statuses
from tests.support.sandbox import Sandbox

START = "2024-01-15T10:00Z"
NEW, OLD, CHANGED, TRIED = "started", "terminated", "updated", "trial_ended"


async def three_plans(sandbox: Sandbox) -> None:
    for code, price in (("less", 3100), ("p", 6200), ("more", 9300)):
        await sandbox.plan(code, price)


async def after(sandbox: Sandbox, what: str) -> None:
    """One line of the table of spec 03 §7, from a customer without subscriptions."""
    if what == "future":
        await sandbox.subscribe(subscription_at="2024-02-10T00:00:00Z")
        assert await announced(sandbox) == []
        await sandbox.advance("2024-02-10")
    elif what == "moved to today":
        await sandbox.subscribe(subscription_at="2024-02-10T00:00:00Z")
        await edit(sandbox, subscription_at="2024-01-15T00:00:00Z")
    elif what == "moved within the future":
        await sandbox.subscribe(subscription_at="2024-02-10T00:00:00Z")
        await edit(sandbox, subscription_at="2024-02-11T00:00:00Z")
    elif what == "another plan for a scheduled one":
        await sandbox.subscribe(subscription_at="2024-02-10T00:00:00Z")
        await sandbox.subscribe(plan="more")
    elif what == "past":
        await sandbox.subscribe(subscription_at="2023-11-10T00:00:00Z")
    else:
        await sandbox.subscribe()
        await running(sandbox, what)


async def running(sandbox: Sandbox, what: str) -> None:
    if what == "posted again":
        await sandbox.subscribe(name="Other")
    elif what == "edited":
        await edit(sandbox, name="Other")
    elif what == "upgrade":
        await sandbox.subscribe(plan="more")
    elif what in ("downgrade", "downgrade switched", "downgrade replaced", "downgrade canceled"):
        await sandbox.subscribe(plan="less")
        if what == "downgrade switched":
            await sandbox.advance("2024-02-01")
        elif what == "downgrade replaced":
            await sandbox.plan("tiny", 1)
            await sandbox.subscribe(plan="tiny")
        elif what == "downgrade canceled":
            await sandbox.terminate(status="pending")
    elif what == "terminated":
        await sandbox.terminate()
    elif what == "ended":
        await edit(sandbox, ending_at="2024-01-20T00:00:00Z")
        await sandbox.advance("2024-01-20")
    elif what == "plan deleted":
        await sandbox.call("DELETE", "plans/p")
        await sandbox.advance("2024-01-15T10:00:00Z")
    elif what == "customer deleted":
        await sandbox.call("DELETE", "customers/c1")
        await sandbox.advance("2024-01-15T10:00:00Z")


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("today", [NEW]),
        ("past", [NEW]),
        ("future", [NEW]),
        ("moved to today", [NEW, CHANGED]),
        ("moved within the future", [CHANGED]),
        ("another plan for a scheduled one", []),
        ("posted again", [NEW]),
        ("edited", [NEW, CHANGED]),
        ("upgrade", [NEW, OLD, NEW]),
        ("downgrade", [NEW, CHANGED]),
        ("downgrade switched", [NEW, CHANGED, OLD, NEW]),
        ("downgrade replaced", [NEW, CHANGED, CHANGED]),
        ("downgrade canceled", [NEW, CHANGED, OLD, CHANGED]),
        ("terminated", [NEW, OLD]),
        ("ended", [NEW, CHANGED, OLD]),
        ("plan deleted", [NEW, OLD]),
        ("customer deleted", [NEW, OLD]),
    ],
)
async def test_03_7_table(database: Database, what: str, expected: list[str]) -> None:
    async with life(database, START) as sandbox:
        await three_plans(sandbox)
        await after(sandbox, what)
        assert await announced(sandbox) == expected


@pytest.mark.parametrize("in_advance", [False, True])
async def test_03_7_a_trial_ends_once(database: Database, in_advance: bool) -> None:
    """In advance and in arrears, at its instant, and never again."""
    async with life(database, START) as sandbox:
        await sandbox.plan("p", 3100, trial=10, pay_in_advance=in_advance)
        await sandbox.subscribe()
        await sandbox.advance("2024-01-25T09:59:59Z")
        assert await announced(sandbox) == [NEW]
        await sandbox.advance("2024-03-02")
        assert await announced(sandbox) == [NEW, TRIED]
        assert (await show(sandbox))["trial_ended_at"] == "2024-01-25T10:00:00Z"


async def test_03_12_trap_8_a_start_invoice_does_not_stop_the_periodic_run(database: Database) -> None:
    """Started before the run of 1 February: the start invoice of one and the periodic one of the other, once each."""
    async with life(database, "2024-01-20T00:00Z") as sandbox:
        await sandbox.plan("p", 2900, pay_in_advance=True)
        await sandbox.subscribe("old")
        await sandbox.subscribe("new", subscription_at="2024-02-01T06:00:00Z")
        await sandbox.advance("2024-02-01T12:00:00Z")
        found = [
            (row["external_subscription_id"], row["invoicing_reason"])
            for item in await sandbox.invoices()
            if item["issuing_date"] == "2024-02-01"
            for row in (await sandbox.invoice(item["lago_id"]))["billing_periods"]
        ]
        assert sorted(found) == [("new", "subscription_starting"), ("old", "subscription_periodic")]
        await sandbox.advance("2024-03-01T12:00:00Z")
        assert (await lines(sandbox))[1:] == [("2024-02-01", "p", 2900)] * 2 + [("2024-03-01", "p", 2900)] * 2


async def test_03_12_trap_6_two_customers_are_on_different_days(database: Database) -> None:
    """At 12:00Z on 31 January it is 1 February in Auckland only; each is billed on its own first of the month."""
    async with life(database, "2024-01-10T00:00Z", zone="Pacific/Auckland") as sandbox:
        await sandbox.customer("c2", timezone="America/Los_Angeles")
        await sandbox.plan("p", 3100)
        await sandbox.subscribe("s1", customer="c1", subscription_at="2024-01-09T12:00:00Z")
        await sandbox.subscribe("s2", customer="c2", subscription_at="2024-01-09T12:00:00Z")
        seen: list[tuple[str, list[str]]] = []
        for instant in ("2024-01-31T12:00:00Z", "2024-02-01T07:59:59Z", "2024-02-01T08:00:00Z"):
            await sandbox.advance(instant)
            customers = [item["customer"]["external_id"] for item in await sandbox.invoices()]
            seen.append((instant, sorted(customers)))
        assert [customers for _, customers in seen] == [["c1"], ["c1"], ["c1", "c2"]]
        assert await lines(sandbox) == [("2024-02-01", "p", 2200), ("2024-02-01", "p", 2300)]


@pytest.mark.parametrize(("target", "expected"), [("more", []), ("less", [("2024-02-01", "p", 6200)])])
async def test_03_6_8_and_6_9_what_the_new_one_inherits(
    database: Database, target: str, expected: list[tuple[str, str, int]]
) -> None:
    """External id, anchor, billing time and the ending; not the name (unless it is sent)."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        await three_plans(sandbox)
        old = await sandbox.subscribe(name="Main", billing_time="anniversary", ending_at="2024-09-01T00:00:00Z")
        await sandbox.subscribe(
            plan=target, billing_time="calendar", subscription_at="2024-01-10T00:00:00Z", external_id="s1"
        )
        await sandbox.advance("2024-02-01")
        new = await show(sandbox)
        kept = ("external_id", "subscription_at", "billing_time", "ending_at")
        assert {name: new[name] for name in kept} == {name: old[name] for name in kept}
        assert (new["name"], new["previous_plan_code"], new["plan_code"]) == (None, "p", target)
        assert await statuses(sandbox) == [("p", "terminated"), (target, "active")]
        assert [line for line in await lines(sandbox) if line[1] == "p" and line[2]] == expected


async def test_03_6_9_downgrades_move_no_money_and_credit_nothing(database: Database) -> None:
    """12900 a month are 154800 a year, so 118800 a year is a downgrade; 154800 a year would be an upgrade."""
    async with life(database, "2023-07-19T00:00Z") as sandbox:
        await sandbox.plan("monthly", 12_900, pay_in_advance=True)
        await sandbox.plan("same", 154_800, interval="yearly", pay_in_advance=True)
        await sandbox.plan("yearly", 154_799, interval="yearly", pay_in_advance=True)
        await sandbox.subscribe(plan="monthly", billing_time="anniversary")
        before = await sandbox.amounts()
        assert (await sandbox.subscribe(plan="yearly"))["plan_code"] == "monthly"
        assert await sandbox.amounts() == before
        assert (await sandbox.call("GET", "credit_notes"))["credit_notes"] == []
        assert (await sandbox.subscribe(plan="same"))["plan_code"] == "same"
        assert len((await sandbox.call("GET", "credit_notes"))["credit_notes"]) == 1


@pytest.mark.parametrize(
    ("in_advance", "expected"),
    [
        (True, [("2024-02-01", "p", 3100), ("2024-02-01", "calls", 300)]),
        (False, [("2024-02-01", "p", 2200), ("2024-02-01", "calls", 300)]),
    ],
)
async def test_03_6_10_a_start_moved_into_the_past(
    database: Database, in_advance: bool, expected: list[tuple[str, str, int]]
) -> None:
    """As in 6.4: active at once, nothing billed before 1 February; in arrears 22 of 31 days from 10 January."""
    async with life(database, START) as sandbox:
        plan = await sandbox.plan("p", 3100, pay_in_advance=in_advance)
        await sandbox.charge(plan)
        await sandbox.subscribe(subscription_at="2024-03-10T00:00:00Z")
        await sandbox.send(("2024-01-09T23:59:59Z", 50), ("2024-01-10T00:00:00Z", 3))
        shown = await edit(sandbox, subscription_at="2024-01-10T00:00:00Z")
        assert (shown["status"], shown["started_at"]) == ("active", "2024-01-10T00:00:00.000Z")
        assert await sandbox.invoices() == []
        await sandbox.advance("2024-02-01")
        assert await lines(sandbox) == expected
