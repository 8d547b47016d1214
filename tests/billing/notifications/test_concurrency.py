"""Several processes, slow receivers, crashes (spec 06 §16.4: claimed, at least once, none held back by another)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.background.runtime import Runtime
from billwright.billing.notifications.delivery import deliver_due, deliver_first_attempts
from billwright.billing.notifications.log import send_again
from billwright.integrations.outbound import OutboundHttp
from billwright.integrations.webhooks import HttpWebhookSender
from tests.billing.notifications.conftest import Desk
from tests.graphql.support import Statements
from tests.support.webhook_receiver import HANG, Receiver
from tests.support.webhook_receiver import receiver as listening

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def contract_is_kept() -> None:
    """What is delivered here stands for any payload; ``test_payloads.py`` holds the real ones against the contract."""


def patient(desk: Desk, **options: Any) -> Runtime:
    """Gives receivers more time than a test takes."""
    sender = HttpWebhookSender(OutboundHttp(allow_private=True, timeout=60))
    return desk.another(sender=sender, longest_seconds=60, **options)


async def test_two_processes_share_the_work_and_the_limit(desk: Desk, receiver: Receiver) -> None:
    receiver.pause = 0.02
    await desk.endpoint(receiver.url)
    await desk.announce(times=60)

    async def work() -> int:
        done, runtime = 0, desk.another(at_once=3)
        while any(row.due_at for row in await desk.rows()):
            done += await deliver_due(runtime)
        return done

    assert sum(await asyncio.gather(work(), work())) == 60
    assert Counter(request.key for request in receiver.requests).most_common(1)[0][1] == 1
    assert len(receiver.requests) == 60
    assert receiver.most_at_once == 3
    assert {row.status for row in await desk.rows()} == {"succeeded"}


async def test_a_receiver_that_hangs_does_not_hold_back_another(desk: Desk, receiver: Receiver) -> None:
    slow = patient(desk)
    async with listening() as hanging:
        hanging.answers = [HANG] * 100
        await desk.endpoint(hanging.url)
        await desk.announce(times=30)
        delivering = asyncio.create_task(deliver_due(slow))
        for _ in range(10):
            await hanging.next()
        await desk.endpoint(receiver.url)
        await desk.announce(times=30)
        for _ in range(30):
            await receiver.next(5)
        assert hanging.most_at_once == 10
        delivering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await delivering


async def test_many_receivers_that_hang_leave_places_to_others(desk: Desk, receiver: Receiver) -> None:
    crowded = patient(desk, in_flight=8, at_once=4)
    async with listening() as hanging:
        hanging.answers = [HANG] * 100
        for number in range(4):
            await desk.endpoint(f"{hanging.url}/{number}")
        await desk.announce(times=10)
        delivering = asyncio.create_task(deliver_due(crowded))
        for _ in range(4):
            await hanging.next(5)
        await desk.endpoint(receiver.url)
        await desk.announce(times=5)
        for _ in range(5):
            await receiver.next(5)
        assert hanging.most_at_once == 4
        delivering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await delivering


async def test_a_kill_between_sending_and_recording(desk: Desk, receiver: Receiver) -> None:
    """The delivery is repeated under the same unique key once the lease has run out, and not before."""
    receiver.answers = [HANG]
    await desk.endpoint(receiver.url)
    await desk.announce()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("process.py")),
        desk.runtime.database.url,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    request = await receiver.next(30)
    process.kill()
    await process.wait()
    row = await desk.row()
    assert (row.status, row.retries) == ("pending", 0)
    assert row.lease_until is not None
    assert await deliver_due(desk.runtime) == 0
    desk.wait(60 + 20 + 120)
    assert await deliver_due(desk.runtime) == 1
    again = await receiver.next()
    assert (again.key, again.body) == (request.key, request.body)
    row = await desk.row()
    assert (row.status, row.retries, row.lease_until) == ("succeeded", 0, None)


async def test_who_lost_the_claim_records_nothing(desk: Desk, receiver: Receiver) -> None:
    receiver.pause = 0.3
    receiver.answers = [500, 200]
    await desk.endpoint(receiver.url)
    await desk.announce()
    late = asyncio.create_task(deliver_due(desk.runtime))
    await receiver.next()
    desk.wait(30)  # beyond the lease of the first
    assert await deliver_due(desk.runtime) == 1
    await late
    row = await desk.row()
    assert (row.status, row.retries, row.http_status) == ("succeeded", 0, 200)
    assert len(receiver.requests) == 2


async def test_a_stopping_process_gives_its_deliveries_back_at_once(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = [HANG]
    await desk.endpoint(receiver.url)
    await desk.announce()
    delivering = asyncio.create_task(deliver_due(desk.runtime))
    await receiver.next()
    delivering.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await delivering
    assert await deliver_due(desk.runtime) == 1
    assert (await desk.row()).status == "succeeded"


async def test_sending_again_leaves_an_attempt_under_way_alone(desk: Desk, receiver: Receiver) -> None:
    receiver.pause = 0.3
    await desk.endpoint(receiver.url)
    await desk.announce()
    delivering = asyncio.create_task(deliver_due(desk.runtime))
    await receiver.next()
    async with desk.context() as ctx:
        await send_again(ctx, (await desk.row()).id)
    await delivering
    assert len(receiver.requests) == 1
    assert (await desk.row()).status == "succeeded"


async def test_first_attempts_are_waited_for_wherever_they_are_made(desk: Desk, receiver: Receiver) -> None:
    """spec 06 §16.4: a clock waits for first attempts, not for retries, and not for other organizations'."""
    receiver.answers = [500]
    other = await desk.organization_named("Pied Piper")
    await desk.endpoint(receiver.url)
    await desk.announce()
    assert await deliver_first_attempts(desk.runtime, desk.organization.id) == 1
    assert (await desk.row()).status == "retrying"
    assert await deliver_first_attempts(desk.runtime, desk.organization.id) == 0
    receiver.pause = 0.3
    await desk.announce()
    await desk.endpoint(receiver.url + "/other", organization=other)
    await desk.announce(organization=other)
    elsewhere = asyncio.create_task(deliver_first_attempts(desk.runtime, desk.organization.id))
    await receiver.next()
    await receiver.next()
    assert await deliver_first_attempts(desk.runtime, desk.organization.id) == 0
    await elsewhere
    states = {row.organization_id: row.status for row in await desk.rows()}
    assert states == {desk.organization.id: "succeeded", other.id: "pending"}


async def test_trouble_of_our_own_is_no_failure_of_the_receiver(desk: Desk, receiver: Receiver) -> None:
    """A key that cannot be opened: the row is left to its lease, no attempt is counted."""
    await desk.endpoint(receiver.url, "hmac")
    await desk.hmac_key()
    async with desk.runtime.database.transaction() as session:
        await session.execute(text("update webhook_hmac_keys set sealed = 'damaged'"))
    await desk.announce()
    await deliver_due(desk.runtime)
    row = await desk.row()
    assert (row.status, row.retries) == ("pending", 0)
    assert row.lease_until is not None
    assert not receiver.requests
    assert row.lease_until - desk.now() < timedelta(seconds=23)


async def test_a_pass_with_nothing_due_is_cheap(desk: Desk, receiver: Receiver) -> None:
    """Two statements, however long the log is and whatever waits for its retry."""
    receiver.answers = [500] * 20
    await desk.endpoint(receiver.url)
    await desk.announce(times=40)
    assert await deliver_due(desk.runtime) == 40
    with Statements(desk.runtime) as seen:
        assert await deliver_due(desk.runtime) == 0
    assert len(seen.texts) == 2
