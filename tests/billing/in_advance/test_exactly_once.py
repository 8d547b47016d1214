"""Each event is billed once and in order, whatever runs twice, at once, or fails (spec 02 §10.1, 01 §2.5, §7)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import select, update
from sqlmodel import col

from billwright.billing.background.administration import retry_job
from billwright.billing.background.jobs import JobCall, run_job
from billwright.billing.in_advance import processing
from billwright.billing.in_advance.models import InstantEvent
from billwright.billing.in_advance.processing import bill_events, take_up_forgotten
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.models import Job
from billwright.billing.metering.store.postgres.instant import lock_appends
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from tests.billing.in_advance.shop import Shop
from tests.billing.metering.company import at, charge, open_company
from tests.billing.pricing.cases import tiers

FALLING = tiers((0, 5, "9", "1"), (6, 12, "4", "2"), (13, None, "1", "3"))
STANDALONE = {"invoiceable": False}


async def open_jobs(shop: Shop) -> list[UUID]:
    async with shop.company.runtime.database.reading() as session:
        rows = await session.scalars(
            select(col(Job.id)).where(col(Job.name) == "in_advance.bill", col(Job.status) == "queued")
        )
        return list(rows.all())


async def again(shop: Shop) -> None:
    """Run the handler once more, as a job whose end was lost."""
    organization_id = shop.company.rest.organization.id
    arguments = {"external_subscription_id": "s1"}
    await bill_events(JobCall(shop.company.runtime, new_id(), organization_id, arguments, 1))


async def test_01_2_5_the_same_event_twice_is_one_fee(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    body = {"transaction_id": "x", "external_subscription_id": "s1", "code": "m", "properties": {"v": 3}}
    answers = await asyncio.gather(*[shop.company.rest.post("events", {"event": body}) for _ in range(6)])
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422, 422, 422]
    await shop.work()
    assert [fee.amount_cents for fee in await shop.event_fees()] == [300]
    await again(shop)
    assert len(await shop.event_fees()) == len(await shop.all_invoices()) == 1


async def test_01_2_5_two_subscriptions_may_use_one_transaction_id(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.company.subscribe("s2", customer="c2")
    await shop.send({"v": 3, "_id": "x"})
    await shop.send({"v": 4, "_id": "x"}, sub="s2")
    await shop.work()
    assert sorted(fee.amount_cents for fee in await shop.event_fees()) == [300, 400]


@pytest.mark.parametrize("options", [{}, STANDALONE])
async def test_a_note_that_comes_back_bills_nothing_again(shop: Shop, options: dict[str, Any]) -> None:
    """The second guard: a fee of the event and charge exists, also when it was deleted."""
    await shop.sell("sum_agg", charge_options=options, amount="1")
    await shop.send({"v": 3})
    async with shop.company.runtime.database.reading() as session:
        note = (await session.scalars(select(InstantEvent))).one().model_dump()
    await shop.work()
    if options:
        [fee] = await shop.fees()
        assert (await shop.company.rest.delete(f"fees/{fee['lago_id']}")).status_code == 200
    async with shop.company.runtime.database.transaction() as session:
        session.add(InstantEvent(**note))
    await again(shop)
    assert await shop.count("fees") == 1
    assert await shop.count("invoices") == (0 if options else 1)
    assert await shop.count("instant_events") == 0


async def test_02_10_1_parallel_events_share_no_position(shop: Shop) -> None:
    """Sixty requests at once, workers among them: each new unit is priced once, in its tier."""
    await shop.sell("count_agg", "graduated", charge_options=STANDALONE, graduated_ranges=FALLING)
    same = at("2024-06-02T10:00")

    async def post(number: int) -> None:
        body = {
            "transaction_id": f"p{number}",
            "external_subscription_id": "s1",
            "code": "m",
            "timestamp": same,
            "properties": {},
        }
        answer = await shop.company.rest.post("events", {"event": body})
        assert answer.status_code == 200

    async def worker() -> None:
        for _ in range(15):
            for job_id in await open_jobs(shop):
                await run_job(shop.company.runtime, job_id, immediate=True)
            await asyncio.sleep(0.02)

    await asyncio.gather(*[post(number) for number in range(60)], worker(), worker(), worker())
    await shop.work()
    fees = await shop.event_fees()
    assert len(fees) == len({fee.event_transaction_id for fee in fees}) == 60
    by_position = sorted(fees, key=lambda fee: int(float(fee.explanation["in_advance"]["aggregated_units"])))
    assert [fee.amount_cents for fee in by_position] == [
        1000, *[900] * 4, 600, *[400] * 6, 400, *[100] * 47
    ]  # fmt: skip
    assert (await shop.company.shown())[:2] == ("60.0", 4500 + 100 + 2800 + 200 + 4800 + 300)


async def test_01_7_parallel_events_bill_the_maximum_once(shop: Shop) -> None:
    await shop.sell("sum_agg", charge_options=STANDALONE, amount="1")
    await shop.send(*[{"v": value} for value in (5, -3, 4, -6, 8, 1, -2, 7)])
    jobs = await open_jobs(shop)
    for number in range(3):
        await shop.send({"v": 1}, when=f"2024-06-0{number + 3}")
    runs = [run_job(shop.company.runtime, job_id, immediate=True) for job_id in jobs]
    await asyncio.gather(*runs, *[again(shop) for _ in range(4)])
    await shop.work()
    # Totals 5 2 6 0 8 9 7 14 15 16 17: the mark ends at 17.
    assert [fee.amount_cents for fee in await shop.event_fees()] == [500, 0, 100, 0, 200, 100, 0, 500, 100, 100, 100]


async def test_events_wait_for_one_unclaimed_job(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    for number in range(4):
        await shop.send({"v": 1}, when=f"2024-06-0{number + 2}")
    await shop.company.subscribe("s2", customer="c2")
    await shop.send({"v": 1}, sub="s2")
    assert len(await open_jobs(shop)) == 2
    await shop.work()
    assert len(await shop.event_fees()) == 5


async def test_an_append_that_is_not_committed_yet_is_not_missed(shop: Shop) -> None:
    """It counted on a job that has begun meanwhile: the job waits for it before it looks."""
    await shop.sell("sum_agg", amount="1")
    await shop.send({"v": 1})
    [job_id] = await open_jobs(shop)
    url = shop.company.runtime.database.url
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    organization_id = shop.company.rest.organization.id
    await lock_appends(connection, [(organization_id, "s1")])
    await connection.execute(
        "insert into instant_events select organization_id, external_subscription_id, seq + 1000, code, 'other',"
        " timestamp + interval '1 s', properties, null, job_id from instant_events"
    )
    running = asyncio.create_task(run_job(shop.company.runtime, job_id, immediate=True))
    await asyncio.sleep(0.3)
    assert not running.done()
    await transaction.commit()
    await connection.close()
    assert await running == "succeeded"
    assert await shop.count("instant_events") == 0


async def test_events_of_other_metrics_leave_no_trace(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.company.metric("n", "sum_agg", field_name="v")
    await shop.send({"v": 1, "_code": "n"}, {"v": 1, "_code": "unknown"}, {"v": 2})
    assert await shop.count("instant_events") == 1


async def test_a_deleted_charge_bills_no_more(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.send({"v": 1})
    await shop.company.edit_plan("p", charges=[])
    await shop.work()
    assert (await shop.event_fees(), await shop.count("instant_events")) == ([], 0)
    await shop.send({"v": 1}, when="2024-06-03")
    assert await shop.count("instant_events") == 0


HUGE = "9" * 30
"""An amount that no column holds at this price: the fee cannot be made."""


async def fragile(shop: Shop) -> None:
    await shop.sell("sum_agg", charge_options=STANDALONE, amount="1")


async def cents(shop: Shop) -> list[int]:
    return [fee.amount_cents for fee in await shop.event_fees()]


async def test_a_failure_holds_later_events_until_its_job_gives_up(shop: Shop) -> None:
    await fragile(shop)
    await shop.send({"v": 2}, {"v": HUGE}, {"v": f"-{HUGE}"}, {"v": 5})
    [first] = await open_jobs(shop)
    assert await run_job(shop.company.runtime, first, immediate=True) == "queued"
    assert await cents(shop) == [200]
    await shop.send({"v": 1}, when="2024-06-03")
    [second] = [job_id for job_id in await open_jobs(shop) if job_id != first]
    assert await run_job(shop.company.runtime, second, immediate=True) == "postponed"
    for _ in range(3):
        assert await run_job(shop.company.runtime, first, immediate=True) == "queued"
    assert await cents(shop) == [200]
    assert await run_job(shop.company.runtime, first, immediate=True) == "failed"
    # The parked event left no mark: the state goes on from 2, where the next event takes it below.
    assert await cents(shop) == [200, 0, 0, 0]
    assert await run_job(shop.company.runtime, second, immediate=True) == "succeeded"
    async with shop.company.runtime.database.reading() as session:
        [note] = (await session.scalars(select(InstantEvent))).all()
    assert note.parked_at is not None
    assert note.error == "Unprocessable: amount_out_of_range"


async def test_a_parked_event_is_billed_when_its_job_is_tried_again(shop: Shop) -> None:
    await fragile(shop)
    await shop.send({"v": HUGE, "_id": "big"})
    await shop.work()
    assert [item["name"] for item in shop.failed] == ["in_advance.bill"]
    listed = (await shop.company.rest.get("plans/p")).json()["plan"]["charges"][0]
    changed = {**listed, "id": listed["lago_id"], "billable_metric_id": listed["lago_billable_metric_id"]}
    await shop.company.edit_plan("p", charges=[{**changed, "properties": {"amount": "0"}}])
    await shop.send({"v": 1}, when="2024-06-03")
    await shop.work()
    assert len(await shop.event_fees()) == 1
    async with shop.company.context() as ctx:
        failed = (
            await ctx.session.scalars(
                select(Job).where(col(Job.name) == "in_advance.bill", col(Job.status) == "failed")
            )
        ).one()
        await retry_job(ctx, failed.id)
    await shop.work()
    assert shop.failed == []
    assert next(fee.event_transaction_id for fee in await shop.event_fees()) == "big"
    assert await shop.count("instant_events") == 0


async def test_one_charge_that_fails_does_not_undo_the_others(shop: Shop) -> None:
    await shop.company.metric("m", "sum_agg", field_name="v")
    charges = [charge("m", _pay_in_advance=True, amount=price) for price in ("0", "1", "0.5")]
    await shop.company.plan(*charges)
    await shop.company.subscribe()
    await shop.send({"v": HUGE})
    await shop.work()
    assert await cents(shop) == [0]
    [invoice] = await shop.invoices()
    assert invoice["number"].endswith("-001")
    await shop.send({"v": f"-{HUGE}"}, {"v": 6}, when="2024-06-03")
    await shop.work()
    assert len(await shop.event_fees()) == 1 + 2 * 3
    assert len(await shop.invoices()) == 1 + 2 * 3


async def test_a_job_that_ended_without_its_events_is_replaced(shop: Shop) -> None:
    await fragile(shop)
    await shop.send({"v": 2})
    async with shop.company.runtime.database.transaction() as session:
        await session.execute(update(Job).values(status="failed", attempts=5))
    assert await take_up_forgotten(shop.company.runtime) == 1
    assert await take_up_forgotten(shop.company.runtime) == 0
    await shop.work()
    assert await cents(shop) == [200]


async def test_a_sandbox_bills_its_events_before_its_clock_moves(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1", plan={"amount_cents": 100})
    await shop.company.to("2024-06-20T08:00")
    await shop.send({"v": 2}, when="2024-06-19")
    await shop.company.to("2024-07-02")
    [fee] = await shop.event_fees()
    assert f"{fee.created_at:%m-%d %H:%M}" == "06-20 08:00"
    assert [item["issuing_date"] for item in await shop.invoices()] == ["2024-06-19", "2024-07-01"]
    assert [item["number"][-3:] for item in await shop.invoices()] == ["001", "002"]


async def test_a_long_backlog_leaves_others_their_turn(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a live organization a run ends after a while; its job goes on at once, without counting as failed."""
    monkeypatch.setattr(processing, "LONGEST_RUN", timedelta(0))
    async with open_company(database, None, kind="live") as company:
        shop = Shop(company)
        await shop.sell("count_agg", charge_options=STANDALONE, amount="1", subscribe=False)
        await company.subscribe(since=(system_now() - timedelta(days=1)).isoformat())
        now = str(int(system_now().timestamp()))
        await shop.send(*[{"_at": now} for _ in range(45)], when="2024-06-02")
        [job_id] = await open_jobs(shop)
        ends = [await run_job(company.runtime, job_id) for _ in range(4)]
        assert ends == ["postponed", "postponed", "postponed", "succeeded"]
        assert len(await shop.event_fees()) == 45


async def test_a_purged_organization_has_no_events_to_bill(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.send({"v": 1})
    store = shop.company.runtime.event_store
    assert isinstance(store, PostgresEventStore)
    assert await store.purge(shop.company.rest.organization.id) == 1
    assert await shop.count("instant_events") == 0
