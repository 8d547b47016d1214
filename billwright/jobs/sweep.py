"""The sweep: runs jobs that nobody was told of (a lost dispatch, a retry, the lease of a crashed worker)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog

from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.background.runtime import Runtime

BATCH = 100
CONCURRENCY = 8
PATIENCE = timedelta(seconds=2)
"""How long a due job is left to the dispatch that goes with its commit."""

log = structlog.get_logger(__name__)


async def sweep(runtime: Runtime, *, patience: timedelta = PATIENCE) -> int:
    """Run due jobs until none is left; returns how many were run here. Safe beside other sweeps: jobs are claimed."""
    done = 0
    failed: set[UUID] = set()
    while True:
        found = await due_jobs(runtime.database, limit=BATCH + len(failed), waiting=patience)
        work = [job_id for job_id in found if job_id not in failed]
        if not work:
            return done
        gate = asyncio.Semaphore(CONCURRENCY)

        async def one(job_id: UUID, gate: asyncio.Semaphore = gate) -> bool:
            async with gate:
                try:
                    return await run_job(runtime, job_id) != "skipped"
                except Exception as failure:
                    log.warning("job_not_run", job_id=str(job_id), error=f"{type(failure).__name__}: {failure}")
                    failed.add(job_id)
                    return False

        done += sum(await asyncio.gather(*(one(job_id) for job_id in work)))
