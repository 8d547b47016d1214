"""Live one life and compare its books: shared by the tests and the command."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from billwright.billing.background import jobs
from billwright.billing.background.registration import register_all
from billwright.billing.kernel.db import Database
from tests.simulation.checker.actions import Books
from tests.simulation.compare import differences
from tests.simulation.driver import Driver, as_text
from tests.simulation.plan import FEATURES, plan_life
from tests.support.extent import DEEP
from tests.support.sandbox import sandbox_on

PREFIX = "SIM"
PLAIN = frozenset({0, 5, 8, 10, 14, 20, 30, 34, 41, 44, 45, 46, 47, 50, 57})
"""The lives of the plain run: short ones that have every feature (``test_checker``)."""
_PAPERS = ("invoice.document", "credit_note.document")


def lives(seeds: Iterable[int]) -> list[int]:
    """Those of ``seeds`` that the tests live: all in a deep run, else the plain ones."""
    return [seed for seed in seeds if DEEP or seed in PLAIN]


@contextmanager
def without_papers() -> Iterator[None]:
    """PDFs are not what is checked here, and take most of the time."""

    async def no_paper(call: jobs.JobCall) -> None:
        del call

    register_all()
    kept = {name: jobs._HANDLERS[name] for name in _PAPERS}
    jobs._HANDLERS.update(dict.fromkeys(_PAPERS, no_paper))
    try:
        yield
    finally:
        jobs._HANDLERS.update(kept)


def told_first(lines: list[str], most: int = 12) -> list[str]:
    """What differs in fees says more than the totals that follow from it."""
    return sorted(lines[: most * 3], key=lambda line: " fee (" not in line)[:most]


async def simulate(database: Database, seed: int, features: Collection[str] = FEATURES) -> tuple[int, list[str], str]:
    """How many invoices there are, what differs, and the history as text."""
    life = plan_life(seed, features)
    clock = datetime.fromisoformat(life.start)
    async with sandbox_on(database, clock=clock, name=f"Simulation {seed}") as sandbox:
        driver = Driver(sandbox, seed)
        with without_papers():
            await driver.live(life.steps, life.end)
        found = await driver.found()
    books = Books(life.start, PREFIX)
    for entry in driver.history:
        books.take(*entry)
    return len(found["invoices"]), differences(books.close(life.end), found), as_text(driver.history)


async def check_life(url: str, seed: int) -> None:
    """Fail with the seed, what differs, and everything that was asked for."""
    database = Database(url)
    try:
        invoices, wrong, history = await simulate(database, seed)
    finally:
        await database.close()
    assert invoices, f"seed {seed} has no invoice"
    assert not wrong, "\n".join([f"seed {seed}: {len(wrong)} differences", *told_first(wrong), "", history])
