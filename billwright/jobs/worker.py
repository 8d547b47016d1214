"""``billwright worker``: ARQ for fresh jobs, the timetable for everything else. Several may run at once.

SIGTERM or SIGINT: no new work is taken, jobs under way get a moment to end, passes are rolled back where they stand.
Both resume elsewhere. A second signal does not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import Any
from uuid import UUID

import structlog
import uvloop
from arq.worker import create_worker, func

from billwright.billing.background import jobs
from billwright.jobs.cron import keep_running, timetable
from billwright.jobs.dispatch import FUNCTION, QUEUE, decode, encode, open_queue
from billwright.jobs.registration import register_handlers
from billwright.jobs.resources import Resources, open_resources
from billwright.server.collector import spare_the_loaded
from billwright.server.settings import Settings

MAX_JOBS = 8
POLL_SECONDS = 0.1
LONGEST_JOB_SECONDS = 3600
PATIENCE_SECONDS = 8.0
AGAIN_SECONDS = 2.0

log = structlog.get_logger(__name__)


async def run_job(ctx: dict[str, Any], job_id: str) -> str:
    """The one ARQ function: run job ``job_id`` of the table, unless that has been done."""
    try:
        return await jobs.run_job(ctx["resources"].runtime, UUID(job_id))
    except Exception as failure:  # the database was lost: the sweep or the lease brings the job back
        log.warning("job_not_run", job_id=job_id, error=f"{type(failure).__name__}: {failure}")
        return "skipped"


WORKER_SETTINGS: dict[str, Any] = {
    "functions": [func(run_job, name=FUNCTION, keep_result=0, timeout=LONGEST_JOB_SECONDS, max_tries=100)],
    "queue_name": QUEUE,
    "max_jobs": MAX_JOBS,
    "poll_delay": POLL_SECONDS,
    "keep_result": 0,
    "retry_jobs": False,
    "handle_signals": False,
    "log_results": False,
    "job_serializer": encode,
    "job_deserializer": decode,
}
"""ARQ's. Retries, results and leases live in PostgreSQL, so ARQ keeps none."""


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises when the database cannot be reached at the start."""
    logging.getLogger("arq").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(settings))


async def work(settings: Settings) -> None:
    """The worker in a running loop, until a signal."""
    handlers = register_handlers()
    stop = _stop_on_signals()
    async with open_resources(settings) as resources:
        spare_the_loaded()
        log.info("worker_started", jobs=sorted(handlers))
        passes = [asyncio.create_task(keep_running(item, resources), name=item.name) for item in timetable(settings)]
        queue = asyncio.create_task(consume(resources, stop), name="queue")
        await stop.wait()
        log.info("worker_stopping")
        resources.runtime.stopping.set()
        for task in passes:
            task.cancel()
        await asyncio.gather(*passes, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(queue), PATIENCE_SECONDS)
        queue.cancel()
        await asyncio.gather(queue, return_exceptions=True)
    log.info("worker_stopped")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)
    return stop


async def consume(resources: Resources, stop: asyncio.Event) -> None:
    """Keep an ARQ worker going; one that lost Redis is replaced. At the end it finishes what it has begun."""
    while not stop.is_set():
        worker = create_worker(
            WORKER_SETTINGS, redis_pool=open_queue(resources.redis_url), ctx={"resources": resources}
        )
        main = asyncio.create_task(worker.async_run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((main, stopping), return_when=asyncio.FIRST_COMPLETED)
            if main.done() and not main.cancelled() and main.exception() is not None:
                log.warning("queue_lost", error=f"{type(main.exception()).__name__}: {main.exception()}")
            worker.allow_pick_jobs = False
            await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
        finally:
            stopping.cancel()
            main.cancel()
            await asyncio.gather(main, stopping, return_exceptions=True)
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await worker.close()
        if not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), AGAIN_SECONDS)
