"""Figures of spec 03 (subscriptions) on the invoices of whole lives; the pure rules have theirs beside the calendar."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.subscriptions.lives import life, lines, periods
from tests.server.rest.client import validation
from tests.support.credits import apply, coupon
from tests.support.sandbox import Sandbox

EMPTY = "2024-08-10T09:30:00Z"


def ago(day: str, days: int) -> str:
    """The date ``days`` days before ``day``."""
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("zone", "start", "due", "window"),
    [
        ("America/New_York", "2024-02-20", "2024-04-01T04:00:00Z", ("2024-03-01T05:00:00Z", "2024-04-01T03:59:59Z")),
        ("America/New_York", "2024-10-20", "2024-12-01T05:00:00Z", ("2024-11-01T04:00:00Z", "2024-12-01T04:59:59Z")),
        ("Europe/Paris", "2024-02-20", "2024-03-31T22:00:00Z", ("2024-02-29T23:00:00Z", "2024-03-31T21:59:59Z")),
        ("Europe/Paris", "2024-09-20", "2024-10-31T23:00:00Z", ("2024-09-30T22:00:00Z", "2024-10-31T22:59:59Z")),
        ("Asia/Kolkata", "2023-01-20", "2023-02-28T18:30:00Z", ("2023-01-31T18:30:00Z", "2023-02-28T18:29:59Z")),
        ("Africa/Cairo", "2024-09-20", "2024-10-31T22:00:00Z", ("2024-09-30T21:00:00Z", "2024-10-31T21:59:59Z")),
    ],
)
async def test_03_3_2_months_across_clock_changes(
    database: Database, zone: str, start: str, due: str, window: tuple[str, str]
) -> None:
    """A whole month costs the whole price, whatever its clock does, and is billed when the next one begins."""
    async with life(database, f"{start}T12:00Z", zone=zone) as sandbox:
        await sandbox.plan("p", 3100)
        await sandbox.subscribe()
        before = await sandbox.advance(window[0])
        assert before["next_due_at"] == due
        await sandbox.advance(due)
        assert (await periods(sandbox))[-1] == [("periodic", *window, *window)]
        assert (await lines(sandbox))[-1][2] == 3100


@pytest.mark.parametrize(
    ("interval", "anchor", "starts", "lengths"),
    [
        (
            "monthly",
            "2024-01-31",
            ["2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30", "2024-07-31"],
            [29, 31, 30, 31, 30, 31],
        ),
        ("monthly", "2023-01-31", ["2023-02-28", "2023-03-31", "2023-04-30"], [28, 31, 30]),
        ("monthly", "2024-01-30", ["2024-02-29", "2024-03-30", "2024-04-30"], [30, 30, 31]),
        ("monthly", "2023-01-29", ["2023-02-28", "2023-03-29", "2023-04-29"], [30, 29, 31]),
        ("monthly", "2022-02-28", ["2022-03-28", "2022-04-28"], [28, 31]),
        ("quarterly", "2023-08-31", ["2023-11-30", "2024-02-29", "2024-05-31", "2024-08-31"], [91, 91, 92, 92]),
        ("semiannual", "2024-08-31", ["2025-02-28", "2025-08-31"], [181, 184]),
        ("yearly", "2024-02-29", ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"], [365, 365, 365, 366]),
        ("yearly", "2023-06-29", ["2024-06-29"], [366]),
        ("weekly", "2023-02-01", ["2023-02-08", "2023-02-15"], [7, 7]),
    ],
)
async def test_03_3_3_anniversary_periods_on_invoices(
    database: Database, interval: str, anchor: str, starts: list[str], lengths: list[int]
) -> None:
    async with life(database, f"{anchor}T00:00Z") as sandbox:
        await sandbox.plan("p", 1000, interval=interval)
        await sandbox.subscribe(billing_time="anniversary")
        await sandbox.advance(starts[-1])
        assert await lines(sandbox) == [(day, "p", 1000) for day in starts]
        windows = [(row[1][:10], row[2][:10]) for [row] in await periods(sandbox)]
        assert windows == [(ago(day, length), ago(day, 1)) for day, length in zip(starts, lengths, strict=True)]


@pytest.mark.parametrize(
    ("interval", "start", "days"),
    [
        ("quarterly", "2024-01-01", [("2024-04-01", 91), ("2024-07-01", 91), ("2024-10-01", 92), ("2025-01-01", 92)]),
        ("yearly", "2023-01-01", [("2024-01-01", 365), ("2025-01-01", 366)]),
        ("weekly", "2023-01-30", [("2023-02-06", 7)]),
    ],
)
async def test_03_3_3_calendar_periods_on_invoices(
    database: Database, interval: str, start: str, days: list[tuple[str, int]]
) -> None:
    async with life(database, f"{start}T00:00Z") as sandbox:
        await sandbox.plan("p", 1000, interval=interval)
        await sandbox.subscribe()
        await sandbox.advance(days[-1][0])
        assert await lines(sandbox) == [(day, "p", 1000) for day, _ in days]
        assert [row[1][:10] for [row] in await periods(sandbox)] == [ago(day, length) for day, length in days]


async def test_03_3_6_anniversary_in_advance(database: Database) -> None:
    async with life(database, "2024-08-10T09:30Z") as sandbox:
        await sandbox.plan("p", 3100, pay_in_advance=True)
        await sandbox.subscribe(billing_time="anniversary")
        assert await periods(sandbox) == [
            [("starting", "2024-08-10T00:00:00Z", "2024-09-09T23:59:59Z", EMPTY, EMPTY)],
        ]


@pytest.mark.parametrize(
    ("advance_plan", "first_fee", "fees"),
    [
        (False, ("2024-01-31T00:00:00Z", "2024-01-31T01:00:00Z"), [("2025-01-31", "p", 12000)]),
        (
            True,
            ("2024-01-31T00:00:00Z", "2025-01-30T23:59:59Z"),
            [("2024-01-31", "p", 12000), ("2025-01-31", "p", 12000)],
        ),
    ],
)
async def test_03_3_6_a_year_with_monthly_charges(
    database: Database, advance_plan: bool, first_fee: tuple[str, str], fees: list[tuple[str, str, int]]
) -> None:
    """Anniversary of 31 January 2024, 01:00Z: the rows of 29 February 2024 and of 31 January 2025."""
    async with life(database, "2024-01-31T01:00Z") as sandbox:
        await sandbox.plan("p", 12000, interval="yearly", pay_in_advance=advance_plan, bill_charges_monthly=True)
        await sandbox.subscribe(billing_time="anniversary")
        await sandbox.advance("2025-01-31")
        found = [row for row in await periods(sandbox) if row[0][0] == "periodic"]
        assert found[0] == [("periodic", *first_fee, "2024-01-31T01:00:00Z", "2024-02-28T23:59:59Z")]
        year = (
            ("2025-01-31T00:00:00Z", "2026-01-30T23:59:59Z")
            if advance_plan
            else ("2024-01-31T00:00:00Z", "2025-01-30T23:59:59Z")
        )
        assert found[-1] == [("periodic", *year, "2024-12-31T00:00:00Z", "2025-01-30T23:59:59Z")]
        assert (len(found), await lines(sandbox)) == (12, fees)


async def test_03_3_6_a_week_in_denver(database: Database) -> None:
    """Started Thursday 15 June 23:00 local: fee window from the local day, no usage window at the start."""
    async with life(database, "2023-06-16T05:00Z", zone="America/Denver") as sandbox:
        await sandbox.plan("p", 700, interval="weekly", pay_in_advance=True)
        await sandbox.subscribe()
        start = "2023-06-16T05:00:00Z"
        assert await periods(sandbox) == [
            [("starting", "2023-06-15T06:00:00Z", "2023-06-19T05:59:59Z", start, start)],
        ]
        assert await lines(sandbox) == [("2023-06-15", "p", 400)]


async def test_03_0_half_a_cent_is_rounded_away_from_zero(database: Database) -> None:
    """122 cents x 7/28 = 30.5 -> 31."""
    async with life(database, "2023-02-01T00:00Z") as sandbox:
        await sandbox.plan("p", 122)
        await sandbox.subscribe()
        await sandbox.advance("2023-02-07T12:00:00Z")
        await sandbox.terminate()
        assert await lines(sandbox) == [("2023-02-07", "p", 31)]


async def test_03_4_1_facts_of_a_subscription_fee(database: Database) -> None:
    """Units 1, the unrounded value, the price that was used (spec 03 §4.1)."""
    async with life(database, "2024-08-10T09:30Z") as sandbox:
        await sandbox.plan("p", 5000)
        await sandbox.subscribe()
        await sandbox.advance("2024-09-01")
        [invoice] = await sandbox.invoices()
        [fee] = (await sandbox.invoice(invoice["lago_id"]))["fees"]
        assert (fee["units"], fee["amount_cents"], fee["amount_details"]) == ("1.0", 3548, {"plan_amount_cents": 5000})
        assert fee["precise_unit_amount"] == "35.48"
        # 5000 x 22/31 = 3548.387..., stored with 15 decimals of a cent
        assert fee["precise_amount"].startswith("35.48387096774193")
        assert (fee["from_date"][:10], fee["to_date"][:10]) == ("2024-08-10", "2024-08-31")


@pytest.mark.parametrize("what", ["coupon", "one-off"])
async def test_03_1_2_other_things_give_and_lock_the_currency_and_accept_others(sandbox: Sandbox, what: str) -> None:
    """A customer without currency takes that of a coupon or a one-off; another currency later is accepted."""
    await sandbox.customer("c1")

    async def take(currency: str) -> None:
        if what == "coupon":
            await coupon(sandbox, currency.lower(), amount_cents=100, amount_currency=currency)
            await apply(sandbox, currency.lower())
        else:
            made = {"name": "A", "code": currency, "amount_cents": 100, "amount_currency": currency}
            await sandbox.call("POST", "add_ons", {"add_on": made})
            body = {"external_customer_id": "c1", "currency": currency, "fees": [{"add_on_code": currency}]}
            await sandbox.call("POST", "invoices", {"invoice": body})

    await take("GBP")
    await take("USD")
    assert (await sandbox.call("GET", "customers/c1"))["customer"]["currency"] == "GBP"
    answer = await sandbox.rest.post("customers", {"customer": {"external_id": "c1", "currency": "USD"}})
    assert (answer.status_code, answer.json()) == (422, validation(currency="currencies_does_not_match"))
    await sandbox.plan("p", currency="USD")
    body = {"external_customer_id": "c1", "plan_code": "p", "external_id": "s1"}
    answer = await sandbox.rest.post("subscriptions", {"subscription": body})
    assert (answer.status_code, answer.json()) == (422, validation(currency="currencies_does_not_match"))


async def test_03_1_2_the_check_uses_the_overridden_currency(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="USD")
    await sandbox.plan("p", currency="EUR")
    shown = await sandbox.subscribe(plan_overrides={"amount_currency": "USD"})
    assert shown["plan_amount_currency"] == "USD"


async def test_03_8_1_the_due_instants_that_are_announced(database: Database) -> None:
    """Activation, ending, billing day and trial end, the earliest of them: local midnights of Kolkata, and the hour."""
    async with life(database, "2024-03-01T00:00Z", zone="Asia/Kolkata") as sandbox:
        await sandbox.plan("p", 3100, pay_in_advance=True, trial=7)
        await sandbox.subscribe(
            subscription_at="2024-03-11T10:00:00Z", ending_at="2024-04-20T03:00:00Z", billing_time="calendar"
        )
        seen: list[str] = []
        clock = (await sandbox.call("GET", "test_clock"))["test_clock"]
        while clock["next_due_at"] is not None:
            seen.append(clock["next_due_at"])
            clock = await sandbox.advance(clock["next_due_at"])
        assert seen == [
            "2024-03-10T18:30:00Z",  # activation at the local midnight of 11 March
            "2024-03-17T18:30:00Z",  # trial end, 7 x 24 hours later
            "2024-03-31T18:30:00Z",  # billing day: 1 April
            "2024-04-19T18:30:00Z",  # ending: local midnight of 20 April
        ]
        assert await lines(sandbox) == [("2024-03-18", "p", 1400), ("2024-04-01", "p", 3100)]


async def test_03_1_5_drafts_of_a_deleted_customer_use_no_coupon(sandbox: Sandbox) -> None:
    """Coupons end before the drafts are finalized, five minutes after the deletion; invoices stay listed."""
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe()
    await coupon(sandbox, amount_cents=500)
    await apply(sandbox)
    await sandbox.call("DELETE", "customers/c1")
    await sandbox.advance("2024-01-15T10:04:59Z")
    assert {item["status"] for item in await sandbox.invoices()} == {"draft"}
    await sandbox.advance("2024-01-15T10:05:00Z")
    found = await sandbox.invoices()
    assert {(item["status"], item["coupons_amount_cents"]) for item in found} == {("finalized", 0)}
    assert sorted(item["fees_amount_cents"] for item in found) == [0, 1700]


async def test_03_2_2_a_new_price_is_that_of_the_whole_elapsed_period(sandbox: Sandbox) -> None:
    """In arrears the period is billed at the price in force when its invoice is made: no proration, no invoice now."""
    await sandbox.plan("p", 3100)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.advance("2024-01-31T23:00:00Z")
    await sandbox.call("PUT", "plans/p", {"plan": {"amount_cents": 6200}})
    assert await sandbox.invoices() == []
    await sandbox.advance("2024-02-01")
    assert await lines(sandbox) == [("2024-02-01", "p", 6200)]


async def test_03_6_5_an_event_between_two_lives_belongs_to_nobody(database: Database) -> None:
    """Terminated on the 10th, made again on the 20th with the same external id (also 01 §2.8)."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        plan = await sandbox.plan("p", 0)
        await sandbox.charge(plan)
        await sandbox.subscribe()
        await sandbox.send(
            ("2024-01-10T00:00:00Z", 1),
            ("2024-01-10T00:00:00.001Z", 10),
            ("2024-01-19T23:59:59.999Z", 100),
            ("2024-01-20T00:00:00Z", 1000),
        )
        await sandbox.advance("2024-01-10T00:00:00Z")
        await sandbox.terminate()
        await sandbox.advance("2024-01-20T00:00:00Z")
        await sandbox.subscribe()
        await sandbox.advance("2024-02-01")
        calls = [line for line in await lines(sandbox) if line[1] == "calls"]
        assert calls == [("2024-01-10", "calls", 100), ("2024-02-01", "calls", 100_000)]
