"""Downgrades (spec 03 §6.9, with §2.2, §6.1, §6.7 and §7)."""

from __future__ import annotations

from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.subscriptions.lives import announced, edit, late, life, lines, periods, same_charge, show, statuses
from tests.support.sandbox import Sandbox


async def two_plans(sandbox: Sandbox, **more: Any) -> None:
    await sandbox.plan("pro", 6200, **more)
    await sandbox.plan("basic", 3100, **more)


async def test_03_6_9_monthly_to_a_cheaper_year(database: Database) -> None:
    """Asked on 9 November, switched on 19 November: 243 of 366 days of 118800."""
    async with life(database, "2023-07-19T00:00Z") as sandbox:
        await sandbox.plan("monthly", 12_900, pay_in_advance=True)
        await sandbox.plan("yearly", 118_800, interval="yearly", pay_in_advance=True)
        first = await sandbox.subscribe(plan="monthly", billing_time="anniversary")
        await sandbox.advance("2023-11-09T12:00:00Z")
        shown = await sandbox.subscribe(plan="yearly", name="Cheaper")
        assert (shown["lago_id"], shown["status"], shown["plan_code"]) == (first["lago_id"], "active", "monthly")
        assert (shown["next_plan_code"], shown["downgrade_plan_date"]) == ("yearly", "2023-11-19")
        assert len(await sandbox.invoices()) == 4
        await sandbox.advance("2023-11-19")
        assert (await lines(sandbox))[4:] == [("2023-11-19", "yearly", 78_875)]
        assert (await periods(sandbox))[4:] == [
            [
                (
                    "terminating",
                    "2023-11-19T00:00:00Z",
                    "2023-11-19T00:00:00Z",
                    "2023-10-19T00:00:00Z",
                    "2023-11-18T23:59:59Z",
                ),
                (
                    "starting",
                    "2023-11-19T00:00:00Z",
                    "2024-07-18T23:59:59Z",
                    "2023-11-19T00:00:00Z",
                    "2023-11-19T00:00:00Z",
                ),
            ]
        ]
        now = await show(sandbox)
        assert (now["started_at"], now["subscription_at"], now["previous_plan_code"], now["name"]) == (
            "2023-11-19T00:00:00.000Z",
            "2023-07-19T00:00:00Z",
            "monthly",
            "Cheaper",
        )
        old = await show(sandbox, "terminated")
        assert (old["terminated_at"], old["next_plan_code"], old["downgrade_plan_date"]) == (
            "2023-11-19T00:00:00Z",
            "yearly",
            "2023-11-19",
        )
        assert await announced(sandbox) == ["started", "updated", "terminated", "started"]
        await sandbox.advance("2024-07-19")
        assert (await lines(sandbox))[5:] == [("2024-07-19", "yearly", 118_800)]


async def test_03_6_9_in_arrears(database: Database) -> None:
    """1 March: 10000 for February and its usage; the new plan is billed on 1 April."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        old = await sandbox.plan("pro", 10_000)
        charge = await sandbox.charge(old)
        await same_charge(sandbox, charge, await sandbox.plan("basic", 3100))
        await sandbox.subscribe(plan="pro")
        await sandbox.advance("2024-02-10T00:00:00Z")
        await sandbox.subscribe(plan="basic")
        await sandbox.send(("2024-02-29T23:59:59.999Z", 5), ("2024-03-01T00:00:00Z", 7))
        await sandbox.advance("2024-04-01")
        assert (await lines(sandbox))[1:] == [
            ("2024-03-01", "pro", 10_000),
            ("2024-03-01", "calls", 500),
            ("2024-04-01", "basic", 3100),
            ("2024-04-01", "calls", 700),
        ]


async def test_03_6_9_a_year_with_monthly_charges_ends_with_the_year(database: Database) -> None:
    async with life(database, "2024-10-15T00:00Z") as sandbox:
        old = await sandbox.plan("pro", 36_600, interval="yearly", bill_charges_monthly=True)
        await sandbox.charge(old)
        await sandbox.plan("basic", 100)
        await sandbox.subscribe(plan="pro")
        shown = await sandbox.subscribe(plan="basic")
        assert shown["downgrade_plan_date"] == "2025-01-01"
        await sandbox.send(("2024-10-20T00:00:00Z", 1), ("2024-11-20T00:00:00Z", 2), ("2024-12-20T00:00:00Z", 3))
        await sandbox.advance("2025-02-01")
        assert await lines(sandbox) == [
            ("2024-11-01", "calls", 100),
            ("2024-12-01", "calls", 200),
            ("2025-01-01", "pro", 7800),
            ("2025-01-01", "calls", 300),
            ("2025-02-01", "basic", 100),
        ]


async def test_03_6_9_a_newer_downgrade_replaces_the_older_one(sandbox: Sandbox) -> None:
    await two_plans(sandbox)
    await sandbox.plan("tiny", 100)
    await sandbox.subscribe(plan="pro", ending_at="2024-09-01T00:00:00Z")
    await sandbox.subscribe(plan="basic")
    shown = await sandbox.subscribe(plan="tiny")
    assert shown["next_plan_code"] == "tiny"
    assert (await show(sandbox, "pending"))["ending_at"] == "2024-09-01T00:00:00Z"
    assert await statuses(sandbox) == [("pro", "active"), ("basic", "canceled"), ("tiny", "pending")]


async def test_03_12_posting_the_current_plan_keeps_the_downgrade(sandbox: Sandbox) -> None:
    """Trap 12."""
    await two_plans(sandbox)
    await sandbox.subscribe(plan="pro")
    await sandbox.subscribe(plan="basic")
    assert (await sandbox.subscribe(plan="pro"))["next_plan_code"] == "basic"


async def test_03_6_8_an_upgrade_cancels_the_downgrade(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.plan("max", 9300)
        await sandbox.subscribe(plan="pro")
        await sandbox.subscribe(plan="basic")
        await sandbox.subscribe(plan="max")
        assert await statuses(sandbox) == [("pro", "terminated"), ("basic", "canceled"), ("max", "active")]
        assert (await show(sandbox, "terminated"))["next_plan_code"] == "max"
        assert await announced(sandbox) == ["started", "updated", "terminated", "started"]


async def test_03_6_7_terminating_cancels_the_downgrade(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.subscribe(plan="pro")
        await sandbox.subscribe(plan="basic")
        ended = await sandbox.terminate()
        assert (ended["next_plan_code"], ended["downgrade_plan_date"]) == (None, None)
        assert await statuses(sandbox) == [("pro", "terminated"), ("basic", "canceled")]
        assert await announced(sandbox) == ["started", "updated", "terminated"]


async def test_03_6_7_canceling_the_downgrade(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.subscribe(plan="pro")
        await sandbox.subscribe(plan="basic")
        gone = await sandbox.terminate(status="pending")
        assert (gone["status"], gone["plan_code"], gone["canceled_at"]) == (
            "canceled",
            "basic",
            "2024-01-15T10:00:00Z",
        )
        assert ((await show(sandbox))["next_plan_code"], (await show(sandbox))["downgrade_plan_date"]) == (None, None)
        assert await announced(sandbox) == ["started", "updated", "terminated", "updated"]
        await sandbox.advance("2024-02-01")
        assert await lines(sandbox) == [("2024-02-01", "pro", 3400)]


async def test_03_6_7_canceling_a_scheduled_start(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.subscribe(plan="pro", subscription_at="2024-03-01T00:00:00Z")
        assert (await sandbox.rest.delete("subscriptions/s1")).status_code == 404
        assert (await sandbox.terminate(status="pending"))["status"] == "canceled"
        assert await announced(sandbox) == ["terminated"]
        assert (await sandbox.advance("2024-06-01"))["next_due_at"] is None
        assert await sandbox.invoices() == []


async def test_03_6_9_an_ending_before_the_switch_wins(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.subscribe(plan="pro", ending_at="2024-02-01T00:00:00Z")
        await sandbox.subscribe(plan="basic")
        await sandbox.advance("2024-03-05")
        assert await statuses(sandbox) == [("pro", "terminated"), ("basic", "canceled")]
        assert await lines(sandbox) == [("2024-02-01", "pro", 3400)]


async def test_03_6_9_with_a_trial_on_the_new_plan(database: Database) -> None:
    """The clock of the trial started with the external id, its length is the new plan's."""
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await sandbox.plan("pro", 6200, pay_in_advance=True)
        await sandbox.plan("basic", 2900, pay_in_advance=True, trial=25)
        await sandbox.subscribe(plan="pro")
        await sandbox.subscribe(plan="basic")
        await sandbox.advance("2024-02-01")
        assert await lines(sandbox) == [("2024-01-15", "pro", 3400)]
        await sandbox.advance("2024-02-20")
        assert (await lines(sandbox))[1:] == [("2024-02-09", "basic", 2100)]


async def test_03_6_9_asked_on_a_billing_day_before_it_is_billed(database: Database) -> None:
    """The day's own billing is not the switch, which comes with the next period."""
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.subscribe(plan="pro")
        await late(sandbox, "2024-02-01T08:00Z")
        assert (await sandbox.subscribe(plan="basic"))["downgrade_plan_date"] == "2024-03-01"
        await sandbox.advance("2024-04-01")
        assert await lines(sandbox) == [
            ("2024-02-01", "pro", 3400),
            ("2024-03-01", "pro", 6200),
            ("2024-04-01", "basic", 3100),
        ]


async def test_03_8_5_a_missed_switch_is_made_up_for(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.subscribe(plan="pro")
        await sandbox.subscribe(plan="basic")
        await late(sandbox, "2024-03-11T09:00Z")
        ended = await sandbox.terminate()
        assert (ended["plan_code"], ended["started_at"]) == ("basic", "2024-02-01T00:00:00.000Z")
        assert await lines(sandbox) == [
            ("2024-02-01", "pro", 3400),
            ("2024-03-01", "basic", 3100),
            ("2024-03-11", "basic", 1100),
        ]


async def test_03_8_3_a_switch_has_an_invoice_of_its_own(database: Database) -> None:
    """After those of groups; in the order of creation among those of single subscriptions."""
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.subscribe("a", "pro")
        await sandbox.subscribe("b", "pro")
        await sandbox.subscribe("c", "pro", consolidate_invoice=False)
        await sandbox.subscribe("d", "pro")
        await sandbox.subscribe("b", "basic")
        await sandbox.advance("2024-02-01")
        grouped = [
            [row["external_subscription_id"] for row in (await sandbox.invoice(item["lago_id"]))["billing_periods"]]
            for item in sorted(await sandbox.invoices(), key=lambda item: item["number"])
        ]
        assert [sorted(rows) for rows in grouped] == [["a", "d"], ["b"], ["c"]]


@pytest.mark.parametrize(
    ("code", "price", "expected"),
    [
        ("pro", 3100, [("pro", "active"), ("basic", "pending")]),
        ("pro", 3099, [("pro", "active"), ("basic", "canceled")]),
        ("basic", 6199, [("pro", "active"), ("basic", "pending")]),
        ("basic", 6200, [("pro", "terminated"), ("basic", "canceled"), ("basic", "active")]),
    ],
)
async def test_03_2_2_a_new_price_decides_again(
    database: Database, code: str, price: int, expected: list[tuple[str, str]]
) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.subscribe(plan="pro")
        await sandbox.subscribe(plan="basic", name="Second")
        await sandbox.call("PUT", f"plans/{code}", {"plan": {"amount_cents": price}})
        await sandbox.advance("2024-01-16T10:00:00Z")
        assert await statuses(sandbox) == expected
        if expected[0][1] == "terminated":
            assert (await show(sandbox))["name"] == "Second"
            assert await lines(sandbox) == [("2024-01-15", "pro", 0)]


async def test_03_2_3_deleting_the_target_cancels_the_downgrade(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.subscribe(plan="pro")
        await sandbox.subscribe(plan="basic")
        await sandbox.call("DELETE", "plans/basic")
        await sandbox.advance("2024-03-01")
        assert await statuses(sandbox) == [("pro", "active"), ("basic", "canceled")]
        assert await announced(sandbox) == ["started", "updated"]


async def test_03_1_5_deleting_the_customer_cancels_the_downgrade(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await two_plans(sandbox)
        await sandbox.subscribe(plan="pro")
        await sandbox.subscribe(plan="basic")
        await sandbox.call("DELETE", "customers/c1")
        await sandbox.advance("2024-03-01")
        assert await statuses(sandbox) == [("pro", "terminated"), ("basic", "canceled")]
        assert await announced(sandbox) == ["started", "updated", "terminated"]


async def test_03_6_10_editing_the_pending_downgrade(sandbox: Sandbox) -> None:
    await two_plans(sandbox)
    await sandbox.subscribe(plan="pro")
    await sandbox.subscribe(plan="basic")
    shown = await edit(sandbox, "s1?status=pending", name="Later", subscription_at="2024-01-15T00:00:00Z")
    assert (shown["status"], shown["name"], shown["subscription_at"]) == ("pending", "Later", "2024-01-15T10:00:00Z")
