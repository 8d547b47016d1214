"""Ends of subscriptions with what they bill and give back (spec 03 §5, §6.6-§6.8, §8.5)."""

from __future__ import annotations

from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.subscriptions.lives import announced, edit, late, life, lines, metric, priced, shop_plan, show
from tests.support.sandbox import Sandbox, sandbox_on


async def notes(sandbox: Sandbox) -> list[Any]:
    found = (await sandbox.call("GET", "credit_notes", params={"per_page": 100}))["credit_notes"]
    return sorted(found, key=lambda item: item["lago_id"])


async def credited(sandbox: Sandbox) -> list[int]:
    """Totals before taxes of all credit notes, in order of their making."""
    return [note["sub_total_excluding_taxes_amount_cents"] for note in await notes(sandbox)]


@pytest.mark.parametrize(
    ("start", "end", "zone", "price", "billing_time", "credit"),
    [
        ("2024-01-01T00:00Z", "2024-02-12T06:00Z", None, 2900, "calendar", 1700),
        ("2024-02-01T00:00Z", "2024-02-01T18:00Z", None, 2900, "calendar", 2800),
        ("2023-02-08T00:00Z", "2023-02-08T00:00Z", None, 5000, "calendar", 3571),
        ("2023-02-08T00:00Z", "2023-02-08T00:00Z", "America/Los_Angeles", 5000, "calendar", 3750),
        ("2023-02-08T00:00Z", "2023-02-08T00:00Z", None, 5000, "anniversary", 4821),
    ],
)
async def test_03_6_7_credit_notes(
    database: Database, start: str, end: str, zone: str | None, price: int, billing_time: str, credit: int
) -> None:
    async with life(database, start, zone=zone) as sandbox:
        await sandbox.plan("p", price, pay_in_advance=True)
        await sandbox.subscribe(billing_time=billing_time)
        await sandbox.advance(end)
        await sandbox.terminate()
        [note] = await notes(sandbox)
        assert (note["sub_total_excluding_taxes_amount_cents"], note["reason"]) == (credit, "order_cancellation")
        assert (note["credit_amount_cents"], note["refund_amount_cents"]) == (credit, 0)


async def test_03_6_7_upgraded(database: Database) -> None:
    """18/29 = 1800: the day of the upgrade is given back too; the same invoice uses it."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        await sandbox.plan("old", 2900, pay_in_advance=True)
        await sandbox.plan("new", 29_000, pay_in_advance=True)
        await sandbox.subscribe(plan="old")
        await edit(sandbox, on_termination_credit_note="skip")
        await sandbox.advance("2024-02-12T06:00:00Z")
        await sandbox.subscribe(plan="new")
        assert await credited(sandbox) == [1800]
        last = (await sandbox.invoices())[-1]
        assert (last["fees_amount_cents"], last["credit_notes_amount_cents"], last["total_amount_cents"]) == (
            18_000,
            1800,
            16_200,
        )


@pytest.mark.parametrize(("billing_time", "credits"), [("calendar", [645, 968]), ("anniversary", [774, 1161])])
async def test_03_6_8_two_upgrades_on_a_day(database: Database, billing_time: str, credits: list[int]) -> None:
    async with life(database, "2024-03-05T00:00Z") as sandbox:
        for code, price in (("a", 1000), ("b", 1500), ("c", 1900)):
            await sandbox.plan(code, price, pay_in_advance=True)
        await sandbox.subscribe(plan="a", billing_time=billing_time)
        await sandbox.advance("2024-03-12T10:00:00Z")
        await sandbox.subscribe(plan="b")
        await sandbox.advance("2024-03-12T11:00:00Z")
        await sandbox.subscribe(plan="c")
        assert await credited(sandbox) == credits


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo"])
async def test_03_6_7_who_moved_since_the_fee_was_billed_is_credited(database: Database, zone: str) -> None:
    """The row of February has the midnights of another zone; the fee was billed, so its unused days are given back."""
    async with life(database, "2024-01-10T00:00Z") as sandbox:
        await sandbox.plan("p", 2900, pay_in_advance=True)
        await sandbox.subscribe()
        await sandbox.advance("2024-02-05T00:00:00Z")
        await sandbox.customer("c1", timezone=zone)
        await sandbox.advance("2024-02-12T12:00:00Z")
        await sandbox.terminate()
        assert await credited(sandbox) == [1700]


async def test_03_6_8_monthly_to_yearly(database: Database) -> None:
    async with life(database, "2023-06-29T00:00Z") as sandbox:
        await sandbox.plan("monthly", 1000, pay_in_advance=True)
        await sandbox.plan("yearly", 12_000, interval="yearly", pay_in_advance=True)
        await sandbox.subscribe(plan="monthly", billing_time="anniversary")
        await sandbox.advance("2023-09-28T12:00:00Z")
        await sandbox.subscribe(plan="yearly")
        assert await credited(sandbox) == [32]


async def test_03_6_9_a_downgrade_credits_nothing(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await sandbox.plan("old", 2000, pay_in_advance=True)
        await sandbox.plan("new", 1000, pay_in_advance=True)
        await sandbox.subscribe(plan="old")
        await sandbox.subscribe(plan="new")
        await sandbox.advance("2024-02-02")
        assert await credited(sandbox) == []


async def test_03_5_terminated_and_made_again(database: Database) -> None:
    """Trial of 7 days, billed 11 March 21/31 = 2371; all of it credited at 23:00, billed again at 23:05."""
    async with life(database, "2024-03-04T21:00Z") as sandbox:
        await sandbox.plan("p", 3500, pay_in_advance=True, trial=7)
        await sandbox.subscribe()
        await sandbox.advance("2024-03-11T23:00:00Z")
        await sandbox.terminate()
        assert await credited(sandbox) == [2371]
        await sandbox.advance("2024-03-11T23:05:00Z")
        await sandbox.subscribe()
        assert [line for line in await lines(sandbox) if line[2]] == [("2024-03-11", "p", 2371)] * 2


@pytest.mark.parametrize("option", ["credit", "skip"])
async def test_03_6_7_the_option(database: Database, option: str) -> None:
    async with life(database, "2024-02-01T00:00Z") as sandbox:
        await sandbox.plan("p", 2900, pay_in_advance=True)
        await sandbox.subscribe()
        ended = await sandbox.terminate(on_termination_credit_note=option, on_termination_invoice="skip")
        assert (ended["on_termination_credit_note"], ended["on_termination_invoice"]) == (option, "skip")
        assert await credited(sandbox) == ([2800] if option == "credit" else [])
        assert await lines(sandbox) == [("2024-02-01", "p", 2900)]


async def test_03_6_7_a_wrong_option_changes_nothing(sandbox: Sandbox) -> None:
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe()
    for name in ("on_termination_credit_note", "on_termination_invoice"):
        answer = await sandbox.rest.delete("subscriptions/s1", params={name: "maybe"})
        assert (answer.status_code, answer.json()["error_details"]) == (422, {name: ["invalid_value"]})
    assert (await show(sandbox))["status"] == "active"


async def test_03_12_a_backdated_start_in_advance_credits_nothing(database: Database) -> None:
    """Trap 13, and 6.7: there is no fee to give back."""
    async with life(database, "2024-05-15T10:00Z") as sandbox:
        await sandbox.plan("p", 3100, pay_in_advance=True)
        await sandbox.subscribe(subscription_at="2024-03-10T00:00:00Z")
        await sandbox.terminate()
        assert (await lines(sandbox), await credited(sandbox)) == ([], [])


async def test_03_6_6_ending_on_a_billing_day_credits_nothing(database: Database) -> None:
    """Trap 14: the new period was never billed."""
    async with life(database, "2023-09-05T00:00Z") as sandbox:
        plan = await sandbox.plan("p", 1000, pay_in_advance=True)
        await sandbox.charge(plan)
        await sandbox.subscribe(billing_time="anniversary", ending_at="2023-10-05T00:00:00Z")
        await sandbox.send(("2023-10-04T12:00:00Z", 2))
        await sandbox.advance("2023-11-01")
        assert await lines(sandbox) == [("2023-09-05", "p", 1000), ("2023-10-05", "calls", 200)]
        assert await credited(sandbox) == []
        assert (await show(sandbox, "terminated"))["on_termination_credit_note"] == "credit"


async def test_03_12_the_credit_takes_the_price_of_the_fee(database: Database) -> None:
    """Trap 15: not the plan's present price."""
    async with life(database, "2024-02-01T00:00Z") as sandbox:
        await sandbox.plan("p", 2900, pay_in_advance=True)
        await sandbox.subscribe()
        await sandbox.call("PUT", "plans/p", {"plan": {"amount_cents": 5800}})
        await sandbox.terminate()
        assert await credited(sandbox) == [2800]


async def test_03_6_6_a_scheduled_ending_credits_the_rest(database: Database) -> None:
    async with life(database, "2024-02-01T00:00Z") as sandbox:
        await sandbox.plan("p", 2900, pay_in_advance=True)
        await sandbox.subscribe(ending_at="2024-02-12T15:00:00Z")
        await sandbox.advance("2024-03-01")
        assert await credited(sandbox) == [1700]
        assert (await show(sandbox, "terminated"))["terminated_at"] == "2024-02-12T00:00:00Z"


async def test_03_2_3_deleting_the_plan_credits_the_rest(database: Database) -> None:
    async with life(database, "2024-02-01T00:00Z") as sandbox:
        await sandbox.plan("p", 2900, pay_in_advance=True)
        await sandbox.subscribe()
        await sandbox.call("DELETE", "plans/p")
        await sandbox.advance("2024-02-02")
        assert await credited(sandbox) == [2800]


async def test_03_1_5_deleting_the_customer_credits_the_rest(database: Database) -> None:
    async with life(database, "2024-02-01T00:00Z") as sandbox:
        await sandbox.plan("p", 2900, pay_in_advance=True)
        await sandbox.subscribe()
        await sandbox.call("DELETE", "customers/c1")
        await sandbox.advance("2024-02-02")
        assert await credited(sandbox) == [2800]
        assert await announced(sandbox) == ["started", "terminated"]


@pytest.mark.parametrize(
    ("billed", "expected"),
    [
        (True, [("2024-10-01", "p", 1000), ("2024-10-01", "p", 32)]),
        (False, [("2024-10-01", "p", 1000)]),
    ],
)
async def test_03_4_3_terminated_on_a_billing_day(
    database: Database, billed: bool, expected: list[tuple[str, str, int]]
) -> None:
    """#14: 1 October 00:15Z, September already billed: 1/31. #15: not billed yet: September, and nothing more."""
    async with life(database, "2024-09-01T00:00Z") as sandbox:
        await sandbox.plan("p", 1000)
        await sandbox.subscribe()
        if billed:
            await sandbox.advance("2024-10-01T00:15:00Z")
        else:
            await late(sandbox, "2024-10-01T00:15Z")
        await sandbox.terminate()
        assert await lines(sandbox) == expected


async def test_03_6_7_a_billing_day_in_advance_credits_nothing(database: Database) -> None:
    """October's fee was not billed, so there is nothing to give back; September's usage is billed."""
    async with life(database, "2024-09-01T00:00Z") as sandbox:
        plan = await sandbox.plan("p", 3000, pay_in_advance=True)
        await sandbox.charge(plan)
        await sandbox.subscribe()
        await sandbox.send(("2024-09-20T00:00:00Z", 3), ("2024-10-01T00:05:00Z", 40))
        await late(sandbox, "2024-10-01T00:15Z")
        await sandbox.terminate()
        assert (await lines(sandbox))[1:] == [("2024-10-01", "calls", 300)]
        assert await credited(sandbox) == []


async def test_03_6_7_a_missed_ending_keeps_its_instant(database: Database) -> None:
    """Spec 03 §6.6: also when the run comes late, here by somebody who terminates by hand."""
    async with life(database, "2024-09-01T00:00Z") as sandbox:
        await sandbox.plan("p", 3000)
        await sandbox.plan("q", 6000)
        await sandbox.subscribe(ending_at="2024-09-11T00:00:00Z")
        await sandbox.subscribe("s2", ending_at="2024-09-11T00:00:00Z")
        await late(sandbox, "2024-09-20T09:00Z")
        assert (await sandbox.terminate())["terminated_at"] == "2024-09-11T00:00:00Z"
        again = await sandbox.subscribe("s2", "q")
        assert (again["status"], again["previous_plan_code"]) == ("active", None)
        assert await lines(sandbox) == [("2024-09-11", "p", 1100), ("2024-09-11", "p", 1100)]


async def test_03_8_5_three_missed_months(database: Database) -> None:
    """Three invoices with their own dates, however late they are made."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        calls = await metric(sandbox)
        await shop_plan(sandbox, "p", 3100, priced(calls, "1"))
        await sandbox.subscribe()
        await sandbox.send(("2024-01-10T00:00:00Z", 1), ("2024-02-10T00:00:00Z", 2), ("2024-03-10T00:00:00Z", 3))
        await late(sandbox, "2024-04-15T09:00Z")
        await sandbox.advance("2024-04-15T09:00:00Z")
        assert await lines(sandbox) == [
            (day, code, amount)
            for day, amount_of_calls in (("2024-02-01", 100), ("2024-03-01", 200), ("2024-04-01", 300))
            for code, amount in (("p", 3100), ("calls", amount_of_calls))
        ]


async def test_03_6_7_events_around_the_end(database: Database) -> None:
    """An event after T is not billed, one at T is."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        plan = await sandbox.plan("p", 0)
        await sandbox.charge(plan)
        await sandbox.subscribe()
        await sandbox.send(("2024-01-12T06:00:00Z", 1), ("2024-01-12T06:00:00.001Z", 50))
        await sandbox.advance("2024-01-12T06:00:00Z")
        await sandbox.terminate()
        assert [line for line in await lines(sandbox) if line[1] == "calls"] == [("2024-01-12", "calls", 100)]


async def test_03_6_5_an_external_id_is_free_for_another_customer(database: Database) -> None:
    async with sandbox_on(database) as sandbox:
        await sandbox.plan()
        await sandbox.subscribe()
        body = {"external_customer_id": "c2", "plan_code": "p", "external_id": "s1"}
        answer = await sandbox.rest.post("subscriptions", {"subscription": body})
        assert answer.json()["error_details"] == {"external_id": ["value_already_exist"]}
        await sandbox.terminate()
        assert (await sandbox.subscribe(customer="c2"))["external_customer_id"] == "c2"
