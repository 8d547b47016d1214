"""A worker's resources on this test's database, and jobs that note what they did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from billwright.billing.background import jobs
from billwright.billing.background.jobs import JobCall
from billwright.billing.kernel.outbox import enqueue
from billwright.jobs.resources import Resources, open_resources
from billwright.server.settings import Settings


@pytest.fixture
async def resources(database_url: str, redis_url: str) -> AsyncIterator[Resources]:
    settings = Settings.model_validate(
        {
            "database_url": database_url,
            "redis_url": redis_url,
            "secret_key": "k" * 40,
            "encryption_key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            "database_pool_size": 5,
        }
    )
    async with open_resources(settings) as opened:
        yield opened


@dataclass
class Work:
    """What the test's job does and has done."""

    ran: list[int] = field(default_factory=list)
    raises: list[Exception] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, call: JobCall) -> None:
        self.entered.set()
        await self.gate.wait()
        self.ran.append(call.arguments["n"])
        if self.raises:
            raise self.raises.pop(0)


@pytest.fixture
def work() -> Iterator[Work]:
    """The handler of jobs named ``test.work``; its gate is open."""
    made = Work()
    made.gate.set()
    jobs._HANDLERS["test.work"] = made
    yield made
    del jobs._HANDLERS["test.work"]


async def queue_work(resources: Resources, *numbers: int, **options: object) -> list[UUID]:
    """Queue one ``test.work`` job per number; their ids."""
    async with resources.runtime.database.transaction() as session:
        for number in numbers:
            await enqueue(session, None, "test.work", {"n": number}, **options)  # type: ignore[arg-type]
        return list(session.info.get("queued_jobs", []))
