"""Second wall (spec 01 §9.2): worker processes, their confinement, and what callers see when they are killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from billwright.billing.kernel.errors import Unprocessable
from billwright.billing.metering.custom_aggregation import (
    INITIAL,
    Event,
    SandboxPool,
    State,
    close_sandbox,
    fold,
    fold_in_sandbox,
    sandbox_pool,
    step_event,
    trace_in_sandbox,
)
from billwright.billing.metering.custom_aggregation.pool import BATCHES_PER_WORKER, TRACE_EVENTS

from .programs import EX_18, EX_18_EVENTS, EX_18_PROPERTIES, aggregator, computing, event, remembering

D = Decimal
COUNT = computing('state["total_units"] + 1')
SLOW = aggregator(
    """
s = 'ÄÖÜ'
for i in range(13):
    s += s
for i in range(90):
    s = s.lower()
return {"total_units": 0, "amount": 0}
"""
)


@pytest.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    async with SandboxPool(1) as made:
        yield made


def pid_of(pool: SandboxPool) -> int:
    """The one idle worker's process id."""
    (worker,) = pool._idle
    return worker.process.pid


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def gone(pid: int) -> bool:
    for _ in range(100):
        if not alive(pid):
            return True
        await asyncio.sleep(0.05)
    return False


async def failure_of(pool: SandboxPool, source: str, *events: Event, state: State = INITIAL) -> str:
    with pytest.raises(Unprocessable) as failure:
        await pool.fold(source, {}, state, events or [event()])
    assert (failure.value.status, failure.value.code) == (422, "aggregation_failure")
    (message,) = failure.value.details["custom_aggregator"]
    return message


async def test_example_18_in_the_sandbox(pool: SandboxPool) -> None:
    states = await pool.trace(EX_18, EX_18_PROPERTIES, INITIAL, EX_18_EVENTS)
    assert [(state.total_units, state.amount) for state in states] == [(4, 0), (14, D("1.20")), (30, D("5.40"))]
    closing = await pool.fold(EX_18, EX_18_PROPERTIES, INITIAL, EX_18_EVENTS)
    assert closing == states[-1]
    after = await pool.fold(EX_18, EX_18_PROPERTIES, closing, [event({"gb": 2, "zone": "eu"})])
    assert (after.total_units, after.amount) == (32, D("5.80"))


async def test_one_event_of_an_in_advance_charge(pool: SandboxPool) -> None:
    first, second, third = EX_18_EVENTS
    step = await step_event(EX_18, EX_18_PROPERTIES, second, stored=None, earlier=[first], pool=pool)
    assert (step.before.total_units, step.units, step.amount) == (4, 10, D("1.20"))
    step = await step_event(EX_18, EX_18_PROPERTIES, third, stored=step.after, pool=pool)
    assert (step.units, step.amount, step.after.amount) == (16, D("4.20"), D("5.40"))
    opening = State(D(30), D("5.40"))
    step = await step_event(EX_18, EX_18_PROPERTIES, first, stored=None, opening=opening, pool=pool)
    assert (step.before, step.units, step.amount) == (opening, 4, D("0.80"))


async def test_both_walls_compute_the_same_across_batches(pool: SandboxPool) -> None:
    source = aggregator(
        """
properties["seen"] = properties["seen"] + 1
last = state["memo"] or []
return {
    "total_units": state["total_units"] + decimal(event["properties"]["n"]) / 3,
    "amount": event["timestamp"] / 7,
    "memo": [properties["seen"], event["properties"]["n"], event["properties"]["t"], len(last)],
}
"""
    )
    events = [event({"n": D("0.10") * n, "t": f"é{n}😀"}, n) for n in range(2_345)]
    inside = await pool.fold(source, {"seen": 0}, INITIAL, events)
    assert inside == fold(source, {"seen": 0}, INITIAL, events)
    assert inside.memo == '[1,234.40,"\\u00e92344\\ud83d\\ude00",4]'


async def test_no_events_leave_the_state_alone(pool: SandboxPool) -> None:
    state = State(D(3), D(4), "[1]")
    assert await pool.fold(COUNT, {}, state, []) is state
    assert await pool.trace(COUNT, {}, state, []) == []


async def test_failures_name_event_and_line(pool: SandboxPool) -> None:
    source = computing('1 / event["properties"]["d"]')
    good, bad = event({"d": 1}), event({"d": 0})
    assert await failure_of(pool, source, *[good] * 1_500, bad) == "event 1501, line 3: Division by zero"
    assert "returned no decimal as amount" in await failure_of(pool, aggregator('return {"total_units": 1}'))
    assert "too large" in await failure_of(pool, remembering("['" + "x" * 20_000 + "']"))
    assert "import is not allowed" in await failure_of(pool, "import os")
    assert "memo" in await failure_of(pool, COUNT, state=State(memo="{"))
    nested: list[object] = []
    for _ in range(500):
        nested = [nested]
    assert "nested too deeply" in await failure_of(pool, COUNT, event({"x": nested}))
    assert (await pool.fold(COUNT, {}, INITIAL, [event()])).total_units == 1


async def test_idle_workers_are_reused_and_retired(pool: SandboxPool) -> None:
    assert not pool._idle
    await pool.fold(COUNT, {}, INITIAL, [event()])
    pid = pid_of(pool)
    await pool.fold(COUNT, {}, INITIAL, [event()])
    assert pid_of(pool) == pid
    pool._idle[0].batches = BATCHES_PER_WORKER
    await pool.fold(COUNT, {}, INITIAL, [event()])
    assert pid_of(pool) != pid
    assert await gone(pid)


async def test_workers_are_confined(pool: SandboxPool) -> None:
    await pool.fold(COUNT, {}, INITIAL, [event()])
    process = Path(f"/proc/{pid_of(pool)}")
    assert (process / "environ").read_bytes().strip(b"\0").startswith((b"", b"LC_CTYPE="))
    assert b"=" not in (process / "environ").read_bytes().replace(b"LC_CTYPE=C.UTF-8", b"")
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (process / "limits").read_text().splitlines()[1:]}
    assert limits["Max address space"] == [str(256 * 1024 * 1024)] * 2
    assert limits["Max open files"] == ["3", "3"]
    assert limits["Max processes"] == ["0", "0"]
    assert limits["Max file size"] == ["0", "0"]
    assert 5 <= int(limits["Max cpu time"][0]) <= 7
    assert sorted(os.listdir(process / "fd")) == ["0", "1", "2"]
    assert os.readlink(process / "cwd") == "/"
    if os.geteuid() == 0:
        assert "Uid:\t65534\t65534\t65534\t65534" in (process / "status").read_text()
    assert b"billwright" not in (process / "maps").read_bytes()


async def test_too_much_cpu_kills_the_batch_and_nothing_else(pool: SandboxPool) -> None:
    message = await failure_of(pool, SLOW, *[event()] * 1_000)
    assert message == "The code was stopped: it used too much time or memory"
    assert not pool._idle
    assert (await pool.fold(COUNT, {}, INITIAL, [event()])).total_units == 1


async def test_too_much_memory_kills_the_batch(pool: SandboxPool) -> None:
    await pool.fold(COUNT, {}, INITIAL, [event()])
    pid = pid_of(pool)
    message = await failure_of(pool, COUNT, event({"x": "y" * 50_000_000 + "😀"}))
    assert message == "The code was stopped: it used too much time or memory"
    assert await gone(pid)
    assert (await pool.fold(COUNT, {}, INITIAL, [event()])).total_units == 1


async def test_a_worker_that_died_idle_is_replaced(pool: SandboxPool) -> None:
    await pool.fold(COUNT, {}, INITIAL, [event()])
    pid = pid_of(pool)
    os.kill(pid, signal.SIGKILL)
    await pool._idle[0].process.wait()
    assert (await pool.fold(COUNT, {}, INITIAL, [event()])).total_units == 1
    assert pid_of(pool) != pid


async def test_elapsed_time_is_bounded_too(pool: SandboxPool, monkeypatch: pytest.MonkeyPatch) -> None:
    await pool.fold(COUNT, {}, INITIAL, [event()])
    pid = pid_of(pool)
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr("billwright.billing.metering.custom_aggregation.pool.ELAPSED_SECONDS", 0.2)
    assert "too much time" in await failure_of(pool, COUNT)
    assert await gone(pid)


async def test_a_cancelled_caller_leaves_no_stray_answer(pool: SandboxPool) -> None:
    await pool.fold(COUNT, {}, INITIAL, [event()])
    pid = pid_of(pool)
    task = asyncio.create_task(pool.fold(SLOW, {}, INITIAL, [event()] * 200))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(pid)
    assert (await pool.fold(COUNT, {}, INITIAL, [event()])).total_units == 1


async def test_concurrent_folds_share_the_workers_without_mixing_answers() -> None:
    async with SandboxPool(2) as pool:
        totals = await asyncio.gather(*(pool.fold(COUNT, {}, State(D(n)), [event()] * (n + 1)) for n in range(20)))
        assert [state.total_units for state in totals] == [2 * n + 1 for n in range(20)]
        assert len(pool._idle) == 2


async def test_close_ends_idle_and_working_workers() -> None:
    pool = SandboxPool(2)
    await pool.fold(COUNT, {}, INITIAL, [event()])
    pid = pid_of(pool)
    task = asyncio.create_task(failure_of(pool, SLOW, *[event()] * 200))
    await asyncio.sleep(0.2)
    await pool.close()
    assert "stopped" in await task
    assert await gone(pid)
    with pytest.raises(RuntimeError, match="closed"):
        await pool.fold(COUNT, {}, INITIAL, [event()])


async def test_the_loops_own_pool() -> None:
    assert (await fold_in_sandbox(COUNT, {}, INITIAL, [event()] * 3)).total_units == 3
    states = await trace_in_sandbox(COUNT, {}, INITIAL, [event()] * 3)
    assert [state.total_units for state in states] == [1, 2, 3]
    assert sandbox_pool() is sandbox_pool()
    pid = pid_of(sandbox_pool())
    with pytest.raises(Unprocessable, match="aggregation_failure"):
        await trace_in_sandbox(COUNT, {}, INITIAL, [event()] * (TRACE_EVENTS + 1))
    await close_sandbox()
    assert await gone(pid)
    await close_sandbox()
