"""Claims, leases, retries: a job ends exactly once however many processes reach for it (design §4)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from billwright.billing.background import jobs
from billwright.billing.background.jobs import RetryLater, due_jobs, run_job
from billwright.jobs.resources import Resources
from billwright.jobs.sweep import sweep
from tests.jobs.conftest import Work, queue_work

NOW = timedelta(0)


async def row(resources: Resources, job_id: UUID) -> Any:
    async with resources.runtime.database.reading() as session:
        found = await session.execute(text("select * from jobs where id = :id"), {"id": job_id})
        return found.mappings().one()


async def change(resources: Resources, sql: str) -> None:
    async with resources.runtime.database.transaction() as session:
        await session.execute(text(sql))


async def test_one_of_many_runs_it(resources: Resources, work: Work) -> None:
    (job_id,) = await queue_work(resources, 7)
    statuses = await asyncio.gather(*(run_job(resources.runtime, job_id) for _ in range(6)))
    assert sorted(statuses) == ["skipped"] * 5 + ["succeeded"]
    assert work.ran == [7]
    found = await row(resources, job_id)
    assert (found["status"], found["attempts"], found["lease_until"]) == ("succeeded", 1, None)


async def test_a_failure_waits_and_then_ends(resources: Resources, work: Work) -> None:
    (job_id,) = await queue_work(resources, 1, max_attempts=2)
    work.raises = [ValueError("first"), ValueError("second")]
    assert await run_job(resources.runtime, job_id) == "queued"
    found = await row(resources, job_id)
    assert found["run_at"] - found["started_at"] >= timedelta(seconds=jobs.FIRST_RETRY_SECONDS)
    assert await sweep(resources.runtime, patience=NOW) == 0, "the retry is not due yet"
    assert await run_job(resources.runtime, job_id, immediate=True) == "failed"
    found = await row(resources, job_id)
    assert found["attempts"] == 2
    assert found["error"].rstrip().endswith("ValueError: second")
    assert found["finished_at"] is not None
    assert await run_job(resources.runtime, job_id, immediate=True) == "skipped"


async def test_asking_for_more_time_is_no_attempt(resources: Resources, work: Work) -> None:
    (job_id,) = await queue_work(resources, 1, max_attempts=1)
    work.raises = [RetryLater(timedelta(seconds=30))]
    assert await run_job(resources.runtime, job_id) == "postponed"
    found = await row(resources, job_id)
    assert (found["status"], found["attempts"]) == ("queued", 0)
    assert await due_jobs(resources.runtime.database) == []


async def test_without_a_handler_it_fails_in_words(resources: Resources) -> None:
    (job_id,) = await queue_work(resources, 1, max_attempts=1)
    assert await run_job(resources.runtime, job_id) == "failed"
    assert "no handler for job test.work" in (await row(resources, job_id))["error"]


async def test_a_cancelled_job_is_free_again(resources: Resources, work: Work) -> None:
    (job_id,) = await queue_work(resources, 1)
    work.gate.clear()
    running = asyncio.create_task(run_job(resources.runtime, job_id))
    await work.entered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    found = await row(resources, job_id)
    assert (found["status"], found["attempts"], found["lease_until"]) == ("queued", 0, None)
    work.gate.set()
    assert await sweep(resources.runtime, patience=NOW) == 1
    assert work.ran == [1]


async def test_the_lease_of_a_crashed_worker_expires(resources: Resources, work: Work) -> None:
    (job_id,) = await queue_work(resources, 5)
    await change(
        resources,
        "update jobs set status = 'running', attempts = 1, started_at = now() - interval '2 minutes',"
        " lease_until = now() + interval '1 minute'",
    )
    assert await sweep(resources.runtime, patience=NOW) == 0, "somebody holds it"
    await change(resources, "update jobs set lease_until = now() - interval '1 second'")
    assert await sweep(resources.runtime, patience=NOW) == 1
    assert work.ran == [5]
    assert (await row(resources, job_id))["attempts"] == 2


async def test_who_lost_the_lease_cannot_end_the_job(resources: Resources, work: Work) -> None:
    (job_id,) = await queue_work(resources, 1)
    work.gate.clear()
    slow = asyncio.create_task(run_job(resources.runtime, job_id))
    await work.entered.wait()
    await change(resources, "update jobs set lease_until = now() - interval '1 second'")
    work.entered.clear()
    second = asyncio.create_task(run_job(resources.runtime, job_id))
    await work.entered.wait()
    second_start = (await row(resources, job_id))["started_at"]
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    found = await row(resources, job_id)
    assert (found["status"], found["started_at"]) == ("running", second_start)
    work.gate.set()
    assert await second == "succeeded"


async def test_a_long_job_keeps_its_lease(resources: Resources, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RENEW_SECONDS", 0.05)
    (job_id,) = await queue_work(resources, 1)
    work.gate.clear()
    running = asyncio.create_task(run_job(resources.runtime, job_id))
    await work.entered.wait()
    first = (await row(resources, job_id))["lease_until"]
    await asyncio.sleep(0.3)
    assert (await row(resources, job_id))["lease_until"] > first
    work.gate.set()
    assert await running == "succeeded"


async def test_the_sweep_leaves_fresh_jobs_to_their_dispatch(resources: Resources, work: Work) -> None:
    await queue_work(resources, 1, 2)
    assert await sweep(resources.runtime, patience=timedelta(seconds=30)) == 0
    assert await sweep(resources.runtime, patience=NOW) == 2
    assert sorted(work.ran) == [1, 2]


async def test_the_sweep_takes_more_than_one_batch(
    resources: Resources, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billwright.jobs.sweep.BATCH", 4)
    await queue_work(resources, *range(11))
    assert await sweep(resources.runtime, patience=NOW) == 11
    assert sorted(work.ran) == list(range(11))
