"""Trials, scheduled endings and terminations on invoices (spec 03 §5, §6.6, §6.7)."""

from __future__ import annotations

from datetime import datetime

import pytest

from billwright.billing.kernel.db import Database
from tests.support.sandbox import Sandbox, sandbox_on


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def trial_ended_at(sandbox: Sandbox) -> str | None:
    return (await sandbox.call("GET", "subscriptions/s1"))["subscription"]["trial_ended_at"]


async def test_03_5_in_advance(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-03-05T12:12Z")) as sandbox:
        await sandbox.plan("p", 5_000_000, pay_in_advance=True, trial=10)
        await sandbox.subscribe()
        assert await sandbox.invoices() == []
        clock = await sandbox.advance("2024-03-15T12:11:59Z")
        assert (clock["next_due_at"], await sandbox.invoices()) == ("2024-03-15T12:12:00Z", [])
        await sandbox.advance("2024-03-15T12:12:00Z")
        assert await sandbox.amounts() == [("2024-03-15", 2_741_935)]
        assert await trial_ended_at(sandbox) == "2024-03-15T12:12:00Z"
        await sandbox.advance("2024-04-01")
        assert (await sandbox.amounts())[1:] == [("2024-04-01", 5_000_000)]


async def test_03_5_over_a_period_boundary(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-03-05T12:12Z")) as sandbox:
        plan = await sandbox.plan("p", 5_000_000, pay_in_advance=True, trial=45)
        await sandbox.charge(plan)
        await sandbox.subscribe()
        await sandbox.send(("2024-03-10T00:00:00Z", 3), ("2024-04-20T00:00:00Z", 4))
        await sandbox.advance("2024-05-01")
        assert await sandbox.amounts() == [
            ("2024-04-01", 300),
            ("2024-04-19", 2_000_000),
            ("2024-05-01", 5_000_400),
        ]


async def test_03_5_ending_on_a_billing_day(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-03-22T01:12Z")) as sandbox:
        await sandbox.customer("c1", timezone="Europe/Paris")
        await sandbox.plan("p", 5_000_000, pay_in_advance=True, trial=10)
        await sandbox.subscribe()
        await sandbox.advance("2024-03-31T22:00:00Z")
        assert await sandbox.amounts() == [("2024-04-01", 5_000_000)]
        assert await trial_ended_at(sandbox) is None
        await sandbox.advance("2024-04-02")
        assert await sandbox.amounts() == [("2024-04-01", 5_000_000)]
        assert await trial_ended_at(sandbox) == "2024-04-01T01:12:00Z"


async def test_03_5_ending_the_day_after_a_billing_day(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-03-22T18:12Z")) as sandbox:
        await sandbox.customer("c1", timezone="Asia/Tokyo")
        await sandbox.plan("p", 5_000_000, pay_in_advance=True, trial=10)
        await sandbox.subscribe()
        await sandbox.advance("2024-04-02T00:00:00Z")
        assert await sandbox.amounts() == [("2024-04-01", 0), ("2024-04-02", 4_833_333)]


@pytest.mark.parametrize(
    ("pay_in_advance", "billing_time", "expected"),
    [(False, "calendar", ("2024-05-01", 1300)), (True, "anniversary", ("2024-04-18", 2300))],
)
async def test_03_5_a_week(
    database: Database, pay_in_advance: bool, billing_time: str, expected: tuple[str, int]
) -> None:
    async with sandbox_on(database, clock=at("2024-04-11T10:00Z")) as sandbox:
        await sandbox.plan("p", 3000, pay_in_advance=pay_in_advance, trial=7)
        await sandbox.subscribe(billing_time=billing_time)
        await sandbox.advance("2024-05-01")
        assert await sandbox.amounts() == [expected]


async def test_03_5_no_second_trial_for_the_same_external_id(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-03-04T21:00Z")) as sandbox:
        await sandbox.plan("p", 3500, pay_in_advance=True, trial=7)
        await sandbox.subscribe()
        await sandbox.advance("2024-03-11T23:00:00Z")
        assert await sandbox.amounts() == [("2024-03-11", 2371)]
        await sandbox.terminate(on_termination_invoice="skip")
        await sandbox.advance("2024-03-11T23:05:00Z")
        await sandbox.subscribe()
        assert await sandbox.amounts() == [("2024-03-11", 2371), ("2024-03-11", 2371)]


async def test_03_5_a_past_trial_is_stamped_at_creation(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-05-15T00:00Z")) as sandbox:
        await sandbox.plan("p", 3100, pay_in_advance=True, trial=10)
        shown = await sandbox.subscribe(subscription_at="2024-05-01T08:00:00Z")
        assert (shown["trial_ended_at"], await sandbox.invoices()) == ("2024-05-11T08:00:00Z", [])
        await sandbox.advance("2024-06-01")
        assert await sandbox.amounts() == [("2024-06-01", 3100)]


@pytest.mark.parametrize(
    ("zone", "ended", "issued"),
    [
        ("Europe/Paris", "2023-09-05T22:00:00Z", "2023-09-06"),
        ("America/Bogota", "2023-09-05T05:00:00Z", "2023-09-05"),
    ],
)
async def test_03_6_6_endings(database: Database, zone: str, ended: str, issued: str) -> None:
    async with sandbox_on(database, clock=at("2023-09-01T00:00Z")) as sandbox:
        await sandbox.customer("c1", timezone=zone)
        await sandbox.plan("p", 1000)
        await sandbox.subscribe(
            billing_time="anniversary", subscription_at="2023-09-05T00:00:00Z", ending_at="2023-09-06T00:00:00Z"
        )
        await sandbox.advance("2023-12-01")
        assert await sandbox.amounts() == [(issued, 67)]
        shown = (await sandbox.call("GET", "subscriptions/s1?status=terminated"))["subscription"]
        assert shown["terminated_at"] == ended


@pytest.mark.parametrize(
    ("pay_in_advance", "expected"),
    [(False, [("2023-10-05", 1000)]), (True, [("2023-09-05", 1000), ("2023-10-05", 0)])],
)
async def test_03_6_6_ending_on_a_billing_day(
    database: Database, pay_in_advance: bool, expected: list[tuple[str, int]]
) -> None:
    async with sandbox_on(database, clock=at("2023-09-01T00:00Z")) as sandbox:
        await sandbox.plan("p", 1000, pay_in_advance=pay_in_advance)
        await sandbox.subscribe(
            billing_time="anniversary", subscription_at="2023-09-05T00:00:00Z", ending_at="2023-10-05T00:00:00Z"
        )
        await sandbox.advance("2023-12-01")
        assert await sandbox.amounts() == expected


async def test_03_6_6_a_moved_ending_counts(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100)
    await sandbox.subscribe(ending_at="2024-01-20T00:00:00Z")
    assert (await sandbox.call("GET", "test_clock"))["test_clock"]["next_due_at"] == "2024-01-20T00:00:00Z"
    body = {"subscription": {"ending_at": None}}
    await sandbox.call("PUT", "subscriptions/s1", body)
    await sandbox.advance("2024-02-01")
    assert await sandbox.amounts() == [("2024-02-01", 1700)]


async def test_03_4_3_and_6_7_terminated_in_arrears(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-01-01T00:00Z")) as sandbox:
        plan = await sandbox.plan("p", 2900)
        await sandbox.charge(plan)
        await sandbox.subscribe()
        await sandbox.send(("2024-02-12T05:59:59.999Z", 1), ("2024-02-12T06:00:00.001Z", 50))
        await sandbox.advance("2024-02-12T06:00:00Z")
        await sandbox.terminate()
        assert (await sandbox.amounts())[1:] == [("2024-02-12", 1300)]
        invoice = await sandbox.invoice((await sandbox.invoices())[-1]["lago_id"])
        assert {fee["item"]["type"]: fee["amount_cents"] for fee in invoice["fees"]} == {
            "subscription": 1200,
            "charge": 100,
        }
        [period] = invoice["billing_periods"]
        assert period["invoicing_reason"] == "subscription_terminating"
        assert (period["subscription_from_datetime"], period["subscription_to_datetime"]) == (
            "2024-02-01T00:00:00Z",
            "2024-02-12T06:00:00Z",
        )
        assert (period["charges_from_datetime"], period["charges_to_datetime"]) == (
            "2024-02-01T00:00:00Z",
            "2024-02-12T06:00:00Z",
        )
        assert (await sandbox.advance("2024-06-01"))["next_due_at"] is None
        assert len(await sandbox.invoices()) == 2


async def test_03_4_3_on_a_billing_day_that_was_billed(database: Database) -> None:
    async with sandbox_on(database, clock=at("2024-09-01T00:00Z")) as sandbox:
        await sandbox.plan("p", 1000)
        await sandbox.subscribe()
        await sandbox.advance("2024-10-01T00:15:00Z")
        await sandbox.terminate()
        assert sorted(await sandbox.amounts()) == [("2024-10-01", 32), ("2024-10-01", 1000)]


async def test_03_6_7_in_advance_only_usage_is_billed(sandbox: Sandbox) -> None:
    plan = await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.charge(plan)
    await sandbox.subscribe()
    await sandbox.send(("2024-01-16T00:00:00Z", 4))
    await sandbox.advance("2024-01-20T00:00:00Z")
    await sandbox.terminate(on_termination_credit_note="skip")
    assert await sandbox.amounts() == [("2024-01-15", 1700), ("2024-01-20", 400)]


async def test_03_6_7_an_empty_final_invoice_is_still_made(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    await sandbox.terminate(on_termination_credit_note="skip")
    assert await sandbox.amounts() == [("2024-01-15", 1700), ("2024-01-15", 0)]
