"""Upgrades (spec 03 §6.8, with §4.3, §5 and §7)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from billwright.billing.invoicing.documents import invoice_document
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.db import Database
from tests.billing.subscriptions.lives import announced, late, life, lines, periods, same_charge, show, statuses
from tests.support.sandbox import Sandbox


async def test_03_6_8_arrears_to_arrears(database: Database) -> None:
    """Also 4.3 #11: 14/31 of 10000 now, 17/31 of 20000 at the period's end."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        await sandbox.plan("basic", 10_000)
        await sandbox.plan("pro", 20_000)
        old = await sandbox.subscribe(plan="basic", name="Main")
        await sandbox.advance("2024-01-15T09:00:00Z")
        new = await sandbox.subscribe(plan="pro")
        assert (new["status"], new["plan_code"], new["previous_plan_code"], new["next_plan_code"]) == (
            "active",
            "pro",
            "basic",
            None,
        )
        assert new["lago_id"] != old["lago_id"]
        assert (new["subscription_at"], new["started_at"], new["name"]) == (
            "2024-01-01T00:00:00Z",
            "2024-01-15T09:00:00.000Z",
            None,
        )
        ended = await show(sandbox, "terminated")
        assert (ended["lago_id"], ended["next_plan_code"], ended["terminated_at"], ended["downgrade_plan_date"]) == (
            old["lago_id"],
            "pro",
            "2024-01-15T09:00:00Z",
            None,
        )
        assert await lines(sandbox) == [("2024-01-15", "basic", 4516)]
        await sandbox.advance("2024-02-01")
        assert (await lines(sandbox))[1:] == [("2024-02-01", "pro", 10_968)]
        assert await announced(sandbox) == ["started", "terminated", "started"]


async def test_03_4_3_in_arrears_and_in_advance(database: Database) -> None:
    """#9 and #10: 11/29 of the old plan in arrears, 18/29 of the new one at once when it is in advance."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        await sandbox.plan("old", 2900)
        await sandbox.plan("new", 29_000, pay_in_advance=True)
        await sandbox.subscribe(plan="old")
        await sandbox.advance("2024-02-12T06:00:00Z")
        await sandbox.subscribe(plan="new")
        assert (await lines(sandbox))[1:] == [("2024-02-12", "old", 1100), ("2024-02-12", "new", 18_000)]
        assert (await periods(sandbox))[1:] == [
            [
                (
                    "terminating",
                    "2024-02-01T00:00:00Z",
                    "2024-02-12T06:00:00Z",
                    "2024-02-01T00:00:00Z",
                    "2024-02-12T06:00:00Z",
                ),
                (
                    "starting",
                    "2024-02-12T00:00:00Z",
                    "2024-02-29T23:59:59Z",
                    "2024-02-12T06:00:00Z",
                    "2024-02-12T06:00:00Z",
                ),
            ]
        ]


async def test_03_4_3_in_arrears_on_the_first_of_march(database: Database) -> None:
    """#10: the new plan in arrears bills 18/29 on 1 March."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        await sandbox.plan("old", 2900)
        await sandbox.plan("new", 29_000)
        await sandbox.subscribe(plan="old")
        await sandbox.advance("2024-02-12T06:00:00Z")
        await sandbox.subscribe(plan="new")
        await sandbox.advance("2024-03-01")
        assert (await lines(sandbox))[1:] == [("2024-02-12", "old", 1100), ("2024-03-01", "new", 18_000)]


async def test_03_6_8_advance_to_advance(database: Database) -> None:
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        await sandbox.plan("old", 2900, pay_in_advance=True)
        await sandbox.plan("new", 29_000, pay_in_advance=True)
        await sandbox.subscribe(plan="old")
        await sandbox.advance("2024-02-12T06:00:00Z")
        await sandbox.subscribe(plan="new")
        assert (await lines(sandbox))[2:] == [("2024-02-12", "new", 18_000)]


async def test_03_6_8_monthly_to_yearly_keeps_the_anchor(database: Database) -> None:
    async with life(database, "2023-06-29T00:00Z") as sandbox:
        await sandbox.plan("monthly", 1000, pay_in_advance=True)
        await sandbox.plan("yearly", 12_000, interval="yearly", pay_in_advance=True)
        await sandbox.subscribe(plan="monthly", billing_time="anniversary")
        await sandbox.advance("2023-09-28T12:00:00Z")
        new = await sandbox.subscribe(plan="yearly")
        assert new["billing_time"] == "anniversary"
        assert (await lines(sandbox))[-1] == ("2023-09-28", "yearly", 9016)
        assert (await periods(sandbox))[-1][1][1:3] == ("2023-09-28T00:00:00Z", "2024-06-28T23:59:59Z")
        await sandbox.advance("2024-06-29")
        assert (await lines(sandbox))[-1] == ("2024-06-29", "yearly", 12_000)


@pytest.mark.parametrize(("billing_time", "first", "second", "third"), [("calendar", 871, 968, 1226)])
async def test_03_6_8_twice_on_a_day(
    database: Database, billing_time: str, first: int, second: int, third: int
) -> None:
    async with life(database, "2024-03-05T00:00Z") as sandbox:
        for code, price in (("a", 1000), ("b", 1500), ("c", 1900)):
            await sandbox.plan(code, price, pay_in_advance=True)
        await sandbox.subscribe(plan="a", billing_time=billing_time)
        await sandbox.advance("2024-03-12T10:00:00Z")
        await sandbox.subscribe(plan="b")
        await sandbox.advance("2024-03-12T11:00:00Z")
        await sandbox.subscribe(plan="c")
        assert sorted(await lines(sandbox)) == [
            ("2024-03-05", "a", first),
            ("2024-03-12", "b", second),
            ("2024-03-12", "c", third),
        ]
        assert await statuses(sandbox) == [("a", "terminated"), ("b", "terminated"), ("c", "active")]


async def test_03_6_8_twice_on_a_day_by_anniversary(database: Database) -> None:
    await test_03_6_8_twice_on_a_day(database, "anniversary", 1000, 1161, 1471)


async def test_03_6_8_on_the_day_of_the_start_in_arrears(sandbox: Sandbox) -> None:
    await sandbox.plan("old", 1000)
    await sandbox.plan("new", 3100)
    await sandbox.subscribe(plan="old")
    await sandbox.advance("2024-01-15T20:00:00Z")
    await sandbox.subscribe(plan="new")
    assert await lines(sandbox) == [("2024-01-15", "old", 0)]
    await sandbox.advance("2024-02-01")
    assert (await lines(sandbox))[1:] == [("2024-02-01", "new", 1700)]


async def test_03_6_8_the_invoice_is_made_even_when_empty(sandbox: Sandbox) -> None:
    await sandbox.plan("old", 1000, pay_in_advance=True)
    await sandbox.plan("new", 3100)
    await sandbox.subscribe(plan="old")
    await sandbox.subscribe(plan="new")
    assert await sandbox.amounts() == [("2024-01-15", 548), ("2024-01-15", 0)]


async def test_03_4_3_terminated_after_an_upgrade_by_anniversary(database: Database) -> None:
    """#12: the anchor is inherited, so the period opens before the start; 32 of 91 days."""
    async with life(database, "2024-01-15T00:00Z") as sandbox:
        await sandbox.plan("old", 1000, interval="quarterly")
        await sandbox.plan("new", 91_000, interval="quarterly")
        await sandbox.subscribe(plan="old", billing_time="anniversary")
        await sandbox.advance("2024-05-20T08:00:00Z")
        await sandbox.subscribe(plan="new")
        await sandbox.advance("2024-06-20T08:00:00Z")
        await sandbox.terminate()
        assert (await lines(sandbox))[-1] == ("2024-06-20", "new", 32_000)


async def test_03_4_3_terminated_in_the_first_calendar_quarter(database: Database) -> None:
    """#13: 32 of 91 days."""
    async with life(database, "2024-05-20T08:00Z") as sandbox:
        await sandbox.plan("new", 91_000, interval="quarterly")
        await sandbox.subscribe(plan="new")
        await sandbox.advance("2024-06-20T08:00:00Z")
        await sandbox.terminate()
        assert await lines(sandbox) == [("2024-06-20", "new", 32_000)]


async def test_03_5_upgraded_during_a_trial(database: Database) -> None:
    """Old usage invoiced on 10 March; after 18 March 12:12Z 14/31 of the new price."""
    async with life(database, "2024-03-05T12:12Z") as sandbox:
        old = await sandbox.plan("old", 5_000_000, pay_in_advance=True, trial=10)
        await sandbox.charge(old)
        await sandbox.plan("new", 10_000_000, pay_in_advance=True, trial=13)
        await sandbox.subscribe(plan="old")
        await sandbox.send(("2024-03-06T00:00:00Z", 7))
        await sandbox.advance("2024-03-10T12:00:00Z")
        await sandbox.subscribe(plan="new")
        assert await lines(sandbox) == [("2024-03-10", "calls", 700)]
        await sandbox.advance("2024-03-20")
        assert (await lines(sandbox))[1:] == [("2024-03-18", "new", 4_516_129)]
        assert (await show(sandbox))["trial_ended_at"] == "2024-03-18T12:12:00Z"
        assert await announced(sandbox) == ["started", "terminated", "started", "trial_ended"]


async def test_03_5_an_elapsed_trial_of_the_new_plan_is_only_stamped(database: Database) -> None:
    async with life(database, "2024-03-05T12:12Z") as sandbox:
        await sandbox.plan("old", 1000, pay_in_advance=True, trial=30)
        await sandbox.plan("new", 3100, pay_in_advance=True, trial=3)
        await sandbox.subscribe(plan="old")
        await sandbox.advance("2024-03-10T12:00:00Z")
        await sandbox.subscribe(plan="new")
        assert await lines(sandbox) == [("2024-03-10", "new", 2200)]
        await sandbox.advance("2024-03-31")
        assert await lines(sandbox) == [("2024-03-10", "new", 2200)]
        assert (await show(sandbox))["trial_ended_at"] == "2024-03-08T12:12:00Z"


async def test_03_6_8_usage_is_counted_once(sandbox: Sandbox) -> None:
    """An event at the instant of the change belongs to the new plan (spec 00 rule 14)."""
    old = await sandbox.plan("old", 1000)
    charge = await sandbox.charge(old)
    new = await sandbox.plan("new", 2000)
    await same_charge(sandbox, charge, new)
    await sandbox.subscribe(plan="old")
    await sandbox.advance("2024-01-20T00:00:00Z")
    await sandbox.send(("2024-01-19T23:59:59.999Z", 1), ("2024-01-20T00:00:00Z", 10), ("2024-01-25T00:00:00Z", 100))
    await sandbox.subscribe(plan="new")
    await sandbox.advance("2024-02-01")
    charges = [(day, amount) for day, code, amount in await lines(sandbox) if code == "calls"]
    assert charges == [("2024-01-20", 100), ("2024-02-01", 11_000)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Santiago"])
async def test_03_6_8_days_of_both_sides_make_the_period(database: Database, zone: str) -> None:
    """Trap 4: the old side loses the day of the change, the new one has it."""
    async with life(database, "2024-01-01T12:00Z", zone=zone) as sandbox:
        await sandbox.plan("old", 31_000)
        await sandbox.plan("new", 31_000)
        await sandbox.subscribe(plan="old", subscription_at="2023-12-20T00:00:00Z")
        await sandbox.advance("2024-01-15T23:30:00Z")
        await sandbox.subscribe(plan="new")
        await sandbox.advance("2024-02-02")
        assert sum(amount for day, _, amount in await lines(sandbox) if day > "2024-01-02") == 31_000


async def test_03_6_3_an_equal_yearly_price_is_an_upgrade(sandbox: Sandbox) -> None:
    for code, interval, price in (("w", "weekly", 300), ("m", "monthly", 1300), ("q", "quarterly", 3900)):
        await sandbox.plan(code, price, interval=interval)
    await sandbox.plan("y", 15_600, interval="yearly")
    await sandbox.subscribe(plan="w")
    for code in ("m", "q", "y", "w"):
        assert (await sandbox.subscribe(plan=code))["plan_code"] == code


async def test_03_6_8_the_ending_is_inherited_unless_it_is_sent(sandbox: Sandbox) -> None:
    for code, price in (("a", 1000), ("b", 2000), ("c", 3000)):
        await sandbox.plan(code, price)
    await sandbox.subscribe(plan="a", ending_at="2024-06-01T00:00:00Z")
    assert (await sandbox.subscribe(plan="b", subscription_at="2020-01-01", billing_time="anniversary")) | {} == {
        **(await show(sandbox)),
        "ending_at": "2024-06-01T00:00:00Z",
        "billing_time": "calendar",
        "subscription_at": "2024-01-15T10:00:00Z",
    }
    assert (await sandbox.subscribe(plan="c", ending_at="2024-07-01"))["ending_at"] == "2024-07-01T00:00:00Z"


async def test_03_6_3_posting_the_current_plan_again_changes_nothing(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 1000)
    first = await sandbox.subscribe()
    again = await sandbox.subscribe(name="Other", plan_overrides={"amount_cents": 1})
    assert again == first


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ({"pay_in_advance": False}, [("2024-02-01", "old", 3100), ("2024-02-01", "calls", 300)]),
        ({"pay_in_advance": True}, [("2024-02-01", "calls", 300)]),
    ],
)
async def test_03_6_7_upgrade_on_an_unbilled_billing_day(
    database: Database, kind: dict[str, Any], expected: list[tuple[str, str, int]]
) -> None:
    """The old side bills the whole period before, without the one-day reduction; the day itself bills nothing more."""
    async with life(database, "2024-01-01T10:00Z") as sandbox:
        old = await sandbox.plan("old", 3100, **kind)
        await sandbox.charge(old)
        await sandbox.plan("new", 6200)
        await sandbox.subscribe(plan="old")
        await sandbox.send(("2024-01-20T00:00:00Z", 3), ("2024-02-01T01:00:00Z", 50))
        started = await lines(sandbox)
        await late(sandbox, "2024-02-01T09:00Z")
        await sandbox.subscribe(plan="new")
        assert (await lines(sandbox))[len(started) :] == expected


async def test_03_8_5_missed_days_are_billed_before_the_change(database: Database) -> None:
    async with life(database, "2024-01-01T10:00Z") as sandbox:
        await sandbox.plan("old", 3100)
        await sandbox.plan("new", 6200)
        await sandbox.subscribe(plan="old")
        await late(sandbox, "2024-04-11T09:00Z")
        await sandbox.subscribe(plan="new")
        assert await lines(sandbox) == [
            ("2024-02-01", "old", 3100),
            ("2024-03-01", "old", 3100),
            ("2024-04-01", "old", 3100),
            ("2024-04-11", "old", 1033),
        ]


async def test_03_6_8_the_day_of_the_upgrade_is_printed_once(database: Database) -> None:
    """It belongs to the new plan: the old fee is billed, and printed, up to the day before; usage up to the instant."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        plan = await sandbox.plan("basic", 10_000)
        await sandbox.charge(plan, properties={"amount": "1"})
        await sandbox.plan("pro", 20_000, pay_in_advance=True)
        await sandbox.subscribe(plan="basic", name="Main")
        await sandbox.send(("2024-01-10T00:00:00+00:00", 3))
        await sandbox.advance("2024-01-16T09:00:00Z")
        await sandbox.subscribe(plan="pro")
        [listed] = (await sandbox.call("GET", "invoices"))["invoices"]
        async with sandbox.context() as ctx:
            document = await invoice_document(ctx, await ctx.session.get_one(Invoice, UUID(listed["lago_id"])))
    printed = [
        (str(line.kind), line.from_date.isoformat(), line.to_date.isoformat(), line.amount_cents)
        for section in document.subscriptions
        for line in section.fees
    ]
    assert printed == [
        ("subscription", "2024-01-01", "2024-01-15", 4839),
        ("charge", "2024-01-01", "2024-01-16", 300),
        ("subscription", "2024-01-16", "2024-01-31", 10_323),
    ]


async def test_03_6_8_an_upgrade_on_the_first_day_prints_that_day(database: Database) -> None:
    async with life(database, "2024-01-15T09:00Z") as sandbox:
        await sandbox.plan("basic", 10_000)
        await sandbox.plan("pro", 20_000)
        await sandbox.subscribe(plan="basic")
        await sandbox.subscribe(plan="pro")
        [listed] = (await sandbox.call("GET", "invoices"))["invoices"]
        async with sandbox.context() as ctx:
            document = await invoice_document(ctx, await ctx.session.get_one(Invoice, UUID(listed["lago_id"])))
    [line] = [line for section in document.subscriptions for line in section.fees]
    assert (line.from_date.isoformat(), line.to_date.isoformat(), line.amount_cents) == ("2024-01-15", "2024-01-15", 0)
