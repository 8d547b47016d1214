"""Attempts, retries, the log and sending again (spec 06 §16.2 to §16.5), against a receiver on a socket."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from billwright.billing.background.jobs import JobCall, due_jobs, run_job
from billwright.billing.kernel.errors import NotAllowed, NotFound
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.delivery import backoff, deliver_due
from billwright.billing.notifications.endpoints import delete_endpoint, update_endpoint
from billwright.billing.notifications.log import discard_old_deliveries, find_delivery, send_again
from billwright.billing.notifications.preparing import prepare
from billwright.billing.notifications.schemas import EndpointInput
from billwright.integrations.outbound import OutboundHttp
from billwright.integrations.webhooks import HttpWebhookSender
from tests.billing.notifications.conftest import API_URL, Desk
from tests.support.webhook_receiver import CLOSE, DRIP, HANG, Receiver, plain_answer
from tests.support.webhook_receiver import receiver as listening


@pytest.fixture(autouse=True)
def contract_is_kept() -> None:
    """What is delivered here stands for any payload; ``test_payloads.py`` holds the real ones against the contract."""


async def test_an_hmac_delivery_and_its_record(desk: Desk, receiver: Receiver) -> None:
    """spec 06 §16.2, §16.3, §16.5"""
    endpoint = await desk.endpoint(receiver.url, "hmac")
    await desk.announce(message="Zahlung abgelehnt: größer als 1 €", amount=12)
    assert (await desk.row()).status == "pending"
    assert await deliver_due(desk.runtime) == 1
    request = await receiver.next()
    request.check(hmac_key=await desk.hmac_key())
    assert (request.method, request.path) == ("POST", "/hooks")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "Billwright"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert list(request.json) == ["webhook_type", "object_type", "organization_id", "payment_provider_error"]
    assert request.json == {
        "webhook_type": "payment_provider.error",
        "object_type": "payment_provider_error",
        "organization_id": str(desk.organization.id),
        "payment_provider_error": {"message": "Zahlung abgelehnt: größer als 1 €", "amount": 12},
    }
    row = await desk.row()
    assert (row.status, row.http_status, row.response, row.retries) == ("succeeded", 200, "thanks", 0)
    assert (row.endpoint, row.endpoint_id, row.payload) == (receiver.url, endpoint.id, request.body)
    assert (row.due_at, row.lease_until, row.last_retried_at) == (None, None, None)
    assert request.key == str(row.id)
    assert await deliver_due(desk.runtime) == 0


async def test_a_jwt_delivery(desk: Desk, receiver: Receiver) -> None:
    """spec 06 §16.3: ``data`` is the raw body as a string, ``iss`` the API's address."""
    await desk.endpoint(receiver.url, "jwt")
    await desk.announce(message='"quoted" \\ back\u2028slash')
    await deliver_due(desk.runtime)
    public = await desk.runtime.webhooks.keys.public_key(desk.runtime.database)
    (await receiver.next()).check(public_key=base64.b64decode(public), issuer=API_URL)


async def test_retries_send_the_same_bytes_until_the_attempts_are_used_up(desk: Desk, receiver: Receiver) -> None:
    """spec 06 §16.4: about 3 s after the first failure, 18 to 20.4 s after the second, then ``failed``."""
    receiver.answers = [500, 503, 500]
    await desk.endpoint(receiver.url)
    await desk.announce()
    assert await deliver_due(desk.runtime) == 1
    row = await desk.row()
    assert (row.status, row.retries, row.http_status) == ("retrying", 1, 500)
    assert row.due_at is not None
    assert row.last_retried_at is not None
    assert timedelta(seconds=3) <= row.due_at - row.last_retried_at <= timedelta(seconds=3.15)
    desk.wait(2.5)
    assert await deliver_due(desk.runtime) == 0
    desk.wait(0.7)
    assert await deliver_due(desk.runtime) == 1
    row = await desk.row()
    assert (row.status, row.retries) == ("retrying", 2)
    assert row.due_at is not None
    assert row.last_retried_at is not None
    assert timedelta(seconds=18) <= row.due_at - row.last_retried_at <= timedelta(seconds=20.4)
    desk.wait(17)
    assert await deliver_due(desk.runtime) == 0
    desk.wait(3.5)
    assert await deliver_due(desk.runtime) == 1
    row = await desk.row()
    assert (row.status, row.retries, row.due_at) == ("failed", 3, None)
    desk.wait(10_000)
    assert await deliver_due(desk.runtime) == 0
    assert len(receiver.requests) == 3
    assert {(item.body, item.key, item.headers["x-lago-signature"]) for item in receiver.requests} == {
        (row.payload, str(row.id), receiver.requests[0].headers["x-lago-signature"])
    }


async def test_a_retry_that_succeeds(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = [500]
    await desk.endpoint(receiver.url)
    await desk.announce()
    await deliver_due(desk.runtime)
    desk.wait(4)
    await deliver_due(desk.runtime)
    row = await desk.row()
    assert (row.status, row.retries, row.http_status, row.due_at) == ("succeeded", 1, 200, None)


@given(st.integers(1, 10), st.floats(0, 1, exclude_max=True))
def test_the_wait_after_a_failure(failures: int, chance: float) -> None:
    """spec 06 §16.4: ``n^4 + 2 + random(0..0.15) * n^4`` seconds."""
    seconds = backoff(failures, chance).total_seconds()
    assert failures**4 + 2 <= seconds <= failures**4 * 1.15 + 2 + 1e-6


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_successes(desk: Desk, receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    await desk.endpoint(receiver.url)
    await desk.announce()
    await deliver_due(desk.runtime)
    row = await desk.row()
    assert (row.status, row.http_status) == ("succeeded", status)


@pytest.mark.parametrize("status", [203, 206, 304, 400, 401, 410, 429, 599])
async def test_any_other_status_is_a_failure(desk: Desk, receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    await desk.endpoint(receiver.url)
    await desk.announce()
    await deliver_due(desk.runtime)
    row = await desk.row()
    assert (row.status, row.http_status, row.retries) == ("retrying", status, 1)


async def test_a_redirect_is_not_followed(desk: Desk, receiver: Receiver) -> None:
    async with listening() as elsewhere:
        receiver.answers = [plain_answer(307, b"", f"Location: {elsewhere.url}")]
        await desk.endpoint(receiver.url)
        await desk.announce()
        await deliver_due(desk.runtime)
        row = await desk.row()
        assert (row.status, row.http_status) == ("retrying", 307)
        assert not elsewhere.requests


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HANG, "timed out while waiting for the answer"),
        (CLOSE, "no HTTP answer: Server disconnected without sending a response."),
        (DRIP, "the attempt took too long"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "no HTTP answer: illegal status line"),
    ],
    ids=["hang", "close", "drip", "not HTTP"],
)
async def test_no_answer_is_a_failure_without_a_status(
    desk: Desk, receiver: Receiver, answer: object, said: str
) -> None:
    receiver.answers = [answer]
    await desk.endpoint(receiver.url)
    await desk.announce()
    began = asyncio.get_running_loop().time()
    await deliver_due(desk.runtime)
    assert asyncio.get_running_loop().time() - began < 8
    row = await desk.row()
    assert (row.status, row.http_status, row.retries) == ("retrying", None, 1)
    assert row.response is not None
    assert row.response.startswith(said)


async def test_nobody_listens(desk: Desk) -> None:
    async with listening() as gone:
        url = gone.url
    await desk.endpoint(url)
    await desk.announce()
    await deliver_due(desk.runtime)
    row = await desk.row()
    assert (row.status, row.http_status) == ("retrying", None)
    assert row.response is not None
    assert row.response.startswith("could not connect")


async def test_of_an_answer_the_first_64_kib_are_kept(desk: Desk, receiver: Receiver) -> None:
    """spec 06 §16.5, §16.6; what PostgreSQL cannot store is replaced."""
    receiver.answers = [plain_answer(422, b"\x00\xff" + b"x" * 500_000)]
    await desk.endpoint(receiver.url)
    await desk.announce()
    await deliver_due(desk.runtime)
    row = await desk.row()
    assert row.http_status == 422
    assert row.response == "\ufffd\ufffd" + "x" * (64 * 1024 - 2)


async def test_an_answer_that_breaks_off_counts_by_its_status(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly so much"]
    await desk.endpoint(receiver.url)
    await desk.announce()
    await deliver_due(desk.runtime)
    row = await desk.row()
    assert (row.status, row.response) == ("succeeded", "only so much")


async def test_what_waits_goes_to_the_edited_endpoint(desk: Desk, receiver: Receiver) -> None:
    """spec 06 §16.4: URL and algorithm are those of the moment of sending."""
    receiver.answers = [500]
    endpoint = await desk.endpoint(receiver.url, "jwt")
    await desk.announce()
    await deliver_due(desk.runtime)
    async with listening() as other:
        async with desk.context() as ctx:
            sent = {"webhook_url": other.url, "signature_algo": "hmac"}
            await update_endpoint(ctx, str(endpoint.id), EndpointInput.parse(sent))
        desk.wait(4)
        await deliver_due(desk.runtime)
        request = await other.next()
        request.check(hmac_key=await desk.hmac_key())
        assert request.key == receiver.requests[0].key
        assert request.body == receiver.requests[0].body
        row = await desk.row()
        assert (row.status, row.endpoint) == ("succeeded", other.url)


async def test_a_deleted_endpoint_gets_nothing_and_its_log_goes(desk: Desk, receiver: Receiver) -> None:
    """spec 06 §16.1"""
    endpoint = await desk.endpoint(receiver.url)
    await desk.announce(times=3)
    async with desk.context() as ctx:
        await delete_endpoint(ctx, str(endpoint.id))
    assert await deliver_due(desk.runtime) == 0
    rows = await desk.rows()
    async with desk.context() as ctx:
        with pytest.raises(NotFound):
            await find_delivery(ctx, rows[0].id)
    for job_id in await due_jobs(desk.runtime.database):
        assert await run_job(desk.runtime, job_id) == "succeeded"
    assert await desk.rows() == []
    assert not receiver.requests


async def test_a_delivery_under_way_to_a_deleted_endpoint_leaves_no_trace(desk: Desk, receiver: Receiver) -> None:
    receiver.pause = 0.3
    endpoint = await desk.endpoint(receiver.url)
    await desk.announce()
    delivering = asyncio.create_task(deliver_due(desk.runtime))
    await receiver.next()
    async with desk.context() as ctx:
        await delete_endpoint(ctx, str(endpoint.id))
    for job_id in await due_jobs(desk.runtime.database):
        await run_job(desk.runtime, job_id)
    await delivering
    assert await desk.rows() == []


async def test_sending_again_by_hand(desk: Desk, receiver: Receiver) -> None:
    """spec 06 §16.5: the same payload and key, one attempt; a failure adds to ``retries`` and is final."""
    receiver.answers = [500, 500, 500, 404]
    endpoint = await desk.endpoint(receiver.url, "jwt")
    await desk.announce()
    for _ in range(3):
        await deliver_due(desk.runtime)
        desk.wait(30)
    assert (await desk.row()).status == "failed"
    async with desk.context() as ctx:
        again = await send_again(ctx, (await desk.row()).id)
        assert again.status == "pending"
    await deliver_due(desk.runtime)
    row = await desk.row()
    assert (row.status, row.retries, row.http_status, row.due_at) == ("failed", 4, 404, None)
    async with desk.context() as ctx:
        await update_endpoint(ctx, str(endpoint.id), EndpointInput.parse({"signature_algo": "hmac"}))
        await send_again(ctx, row.id)
    await deliver_due(desk.runtime)
    row = await desk.row()
    assert (row.status, row.retries, row.http_status) == ("succeeded", 4, 200)
    assert {(request.key, request.body) for request in receiver.requests} == {(str(row.id), row.payload)}
    receiver.requests[-1].check(hmac_key=await desk.hmac_key())
    async with desk.context() as ctx:
        with pytest.raises(NotAllowed) as refused:
            await send_again(ctx, row.id)
    assert refused.value.code == "is_succeeded"


async def test_sending_again_what_waits_for_its_retry(desk: Desk, receiver: Receiver) -> None:
    receiver.answers = [500]
    await desk.endpoint(receiver.url)
    await desk.announce()
    await deliver_due(desk.runtime)
    async with desk.context() as ctx:
        await send_again(ctx, (await desk.row()).id)
    desk.wait(60)
    await deliver_due(desk.runtime)
    row = await desk.row()
    assert (row.status, row.retries) == ("succeeded", 1)
    desk.wait(60)
    assert await deliver_due(desk.runtime) == 0


async def test_only_listed_types_arrive(desk: Desk, receiver: Receiver) -> None:
    """spec 06 §16.1: null is everything, ``[]`` nothing; where nobody wants a type nothing is written."""
    await desk.endpoint(receiver.url, event_types=["invoice.created", "dunning_campaign.finished"])
    await desk.endpoint(receiver.url + "/none", event_types=[])
    await desk.announce("payment_provider.error")
    assert await desk.rows() == []
    async with desk.runtime.database.reading() as session:
        assert (await session.execute(text("select count(*) from jobs"))).scalar_one() == 0
    await desk.announce("dunning_campaign.finished")
    assert [row.endpoint for row in await desk.rows()] == [receiver.url]
    await desk.endpoint(receiver.url + "/all", event_types=["*"])
    await desk.announce("payment_provider.error")
    assert [row.endpoint for row in await desk.rows()] == [receiver.url, receiver.url + "/all"]


async def test_the_other_name_of_refund_failures(desk: Desk, receiver: Receiver) -> None:
    """spec 06, trap 2"""
    await desk.endpoint(receiver.url, event_types=["credit_note.provider_refund_failure"])
    await desk.announce("credit_note.refund_failure")
    assert [row.webhook_type for row in await desk.rows()] == ["credit_note.refund_failure"]


async def test_an_event_prepared_twice_is_delivered_once(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    job_id = new_id()
    arguments = {
        "event_type": "payment_provider.error",
        "object_type": "payment_provider_error",
        "object_id": str(new_id()),
        "details": {"n": 1},
    }
    for attempt in (1, 2):
        await prepare(JobCall(desk.runtime, job_id, desk.organization.id, arguments, attempt))
    assert len(await desk.rows()) == 1


async def test_organizations_are_apart(desk: Desk, receiver: Receiver) -> None:
    """Keys, deliveries and logs."""
    other = await desk.organization_named("Pied Piper")
    await desk.endpoint(receiver.url, "hmac")
    await desk.endpoint(receiver.url + "/other", "hmac", organization=other)
    await desk.announce(organization=other)
    await deliver_due(desk.runtime)
    request = await receiver.next()
    assert request.path == "/hooks/other"
    assert request.json["organization_id"] == str(other.id)
    request.check(hmac_key=await desk.hmac_key(other))
    with pytest.raises(AssertionError):
        request.check(hmac_key=await desk.hmac_key())
    assert len(receiver.requests) == 1
    row = await desk.row()
    async with desk.context() as ctx:
        with pytest.raises(NotFound):
            await find_delivery(ctx, row.id)
        with pytest.raises(NotFound):
            await send_again(ctx, row.id)


async def test_old_deliveries_are_discarded(desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """spec 06 §16.5: 90 days after the last update, in batches."""
    monkeypatch.setattr("billwright.billing.background.retention.BATCH", 4)
    await desk.endpoint(receiver.url)
    await desk.announce(times=10)
    await deliver_due(desk.runtime)
    last = (await desk.rows())[-1].updated_at
    database = desk.runtime.database
    assert await discard_old_deliveries(database, now=last + timedelta(days=89)) == 0
    assert await discard_old_deliveries(database, now=last + timedelta(days=90, seconds=1)) == 10
    assert await desk.rows() == []


async def test_a_private_address_is_refused_at_once(desk: Desk, receiver: Receiver) -> None:
    """spec 06 §16.6: ``failed`` without a retry; the setting is that of the moment of sending."""
    await desk.endpoint(f"http://localhost:{receiver.port}/")
    await desk.announce()
    strict = desk.another(sender=HttpWebhookSender(OutboundHttp(timeout=2)))
    assert await deliver_due(strict) == 1
    row = await desk.row()
    assert (row.status, row.retries, row.http_status, row.due_at) == ("failed", 1, None, None)
    assert row.response == "address not allowed"
    assert not receiver.requests
    async with desk.context() as ctx:
        await send_again(ctx, row.id)
    desk.wait(60)
    assert await deliver_due(desk.runtime) == 1
    assert (await desk.row()).status == "succeeded"
