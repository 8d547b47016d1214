"""Delivering webhooks: claim a row for a while, sign, post, note what came of it (spec 06 §16.4).

Rows of ``webhooks`` are their own queue, apart from the jobs, so that a slow receiver holds back neither jobs nor other
receivers. A claim is known by its ``lease_until``: who lost it to another process can no longer change the row. A crash
after the post lets the lease expire, and the delivery is repeated under the same unique key.

Half of a process's places are for endpoints that have no attempt under way, so that a few receivers that do not answer
cannot take all of them from the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import text

from billwright.billing.background.runtime import Runtime
from billwright.billing.notifications.options import AddressRefused, NoAnswer, Reply
from billwright.billing.notifications.signing import hmac_signature, jwt_signature

SUCCESSES = frozenset({200, 201, 202, 204})
NOT_ALLOWED = "address not allowed"
POLL_SECONDS = 0.25
_LEASE_MARGIN = timedelta(seconds=20)
_LOCK = 5_930_118_427_001
"""Advisory lock of claims, so that the limit per endpoint holds across processes."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process makes now. ``url`` and ``algorithm`` are those of the endpoint at this moment.

    ``sealed_key``: the organization's HMAC key, if the algorithm needs one and it exists.
    """

    id: UUID
    organization_id: UUID
    url: str
    algorithm: str
    payload: bytes
    retries: int
    single_attempt: bool
    sealed_key: bytes | None
    lease_until: datetime


_ANY_ENDPOINT = """
    with recursive waiting(endpoint_id) as (
      (select endpoint_id from webhooks where due_at is not null order by endpoint_id limit 1)
      union all
      select (select w.endpoint_id from webhooks w where w.due_at is not null and w.endpoint_id > waiting.endpoint_id
               order by w.endpoint_id limit 1)
        from waiting where waiting.endpoint_id is not null
    ), open as (select e.id from waiting join webhook_endpoints e on e.id = waiting.endpoint_id)
"""
_OF_ORGANIZATION = "with open as (select id from webhook_endpoints where organization_id = :org)"
_CLAIM = """,
    chosen as (
      select w.id from open cross join lateral (
        select id, due_at from webhooks
         where endpoint_id = open.id and due_at <= :now and (lease_until is null or lease_until <= :now) {condition}
         order by due_at, id
         limit greatest(0, :at_once - (select count(*) from webhooks
                                        where endpoint_id = open.id and lease_until > :now))
      ) w order by w.due_at, w.id limit :limit
    )
    update webhooks set lease_until = :lease from chosen, webhook_endpoints e
     where webhooks.id = chosen.id and e.id = webhooks.endpoint_id
       and webhooks.due_at <= :now and (webhooks.lease_until is null or webhooks.lease_until <= :now)
    returning webhooks.id, webhooks.organization_id, e.webhook_url, e.signature_algo, webhooks.payload,
              webhooks.retries, webhooks.single_attempt,
              (select sealed from webhook_hmac_keys k
                where e.signature_algo = 'hmac' and k.organization_id = webhooks.organization_id)
"""
_CLAIM_ANY = text(_ANY_ENDPOINT + _CLAIM.format(condition=""))
_CLAIM_FIRST = text(_OF_ORGANIZATION + _CLAIM.format(condition="and status = 'pending'"))
_FIRST_IS_OPEN = text(
    "select exists (select from webhooks w join webhook_endpoints e on e.id = w.endpoint_id"
    " where e.organization_id = :org and w.status = 'pending' and w.due_at is not null)"
)


async def deliver_due(runtime: Runtime) -> int:
    """Deliver what is due until nothing is due or under way; returns the attempts made. Processes may do so at once."""
    return await _deliver(runtime, None)


async def deliver_first_attempts(runtime: Runtime, organization_id: UUID) -> int:
    """Make the organization's first attempts, and wait for those that another process makes; returns how many here.

    Retries wait for their time on the system's clock elsewhere (spec 06 §16.4, 09 §1).
    """
    if runtime.webhooks.sender is None:
        return 0
    done = 0
    while True:
        done += await _deliver(runtime, organization_id)
        async with runtime.database.reading() as session:
            if not (await session.execute(_FIRST_IS_OPEN, {"org": organization_id})).scalar_one():
                return done
        await asyncio.sleep(POLL_SECONDS / 5)


async def _deliver(runtime: Runtime, organization_id: UUID | None) -> int:
    options = runtime.webhooks
    if options.sender is None:
        return 0
    running: set[asyncio.Task[None]] = set()
    done = 0
    try:
        while True:
            claims = await _claim_for(runtime, organization_id, len(running))
            running |= {asyncio.create_task(_attempt(runtime, claim)) for claim in claims}
            if not running:
                return done
            finished, running = await asyncio.wait(running, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            done += len(finished)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _claim_for(runtime: Runtime, organization_id: UUID | None, running: int) -> list[Claim]:
    """What to begin while ``running`` attempts are under way here."""
    options = runtime.webhooks
    common = max(1, options.in_flight // 2)
    if running < common:
        return await _claim(runtime, organization_id, options.at_once, common - running)
    if running < options.in_flight:
        return await _claim(runtime, organization_id, 1, options.in_flight - running)
    return []


async def _claim(runtime: Runtime, organization_id: UUID | None, at_once: int, limit: int) -> list[Claim]:
    options = runtime.webhooks
    now = options.now()
    lease = now + timedelta(seconds=options.longest_seconds) + _LEASE_MARGIN
    values = {"now": now, "lease": lease, "at_once": at_once, "limit": limit}
    async with runtime.database.transaction() as session:
        await session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if organization_id is None:
            rows = await session.execute(_CLAIM_ANY, values)
        else:
            rows = await session.execute(_CLAIM_FIRST, {**values, "org": organization_id})
        claims = [Claim(*row, lease_until=lease) for row in rows]
    return sorted(claims, key=lambda claim: claim.id)


async def _attempt(runtime: Runtime, claim: Claim) -> None:
    """One post and its record. Trouble of our own leaves the row to its lease."""
    options = runtime.webhooks
    assert options.sender is not None
    reply, problem, refused = None, "", False
    try:
        headers = await _headers(runtime, claim)
        try:
            async with asyncio.timeout(options.longest_seconds):
                reply = await options.sender.post(claim.url, headers, claim.payload)
        except AddressRefused:
            problem, refused = NOT_ALLOWED, True
        except NoAnswer as failure:
            problem = str(failure)
        except TimeoutError:
            problem = "the attempt took too long"
        await _record(runtime, claim, reply, problem, refused=refused)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):  # an unreachable database leaves it to the lease
            await asyncio.shield(_release(runtime, claim))
        raise
    except Exception as failure:
        log.warning("webhook_not_attempted", webhook_id=str(claim.id), error=f"{type(failure).__name__}: {failure}")


async def _release(runtime: Runtime, claim: Claim) -> None:
    async with runtime.database.transaction() as session:
        await session.execute(
            text("update webhooks set lease_until = null where id = :id and lease_until = :lease"),
            {"id": claim.id, "lease": claim.lease_until},
        )


async def _headers(runtime: Runtime, claim: Claim) -> dict[str, str]:
    keys = runtime.webhooks.keys
    if claim.algorithm == "hmac":
        if claim.sealed_key is not None:
            key = keys.opened(claim.sealed_key)
        else:
            async with runtime.database.transaction() as session:
                key = await keys.hmac_key(session, claim.organization_id)
        signature = hmac_signature(key, claim.payload)
    else:
        signature = jwt_signature(await keys.private_key(runtime.database), claim.payload, runtime.api_url)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Billwright",
        "X-Lago-Signature": signature,
        "X-Lago-Signature-Algorithm": claim.algorithm,
        "X-Lago-Unique-Key": str(claim.id),
    }


def backoff(failures: int, chance: float) -> timedelta:
    """The wait after failure ``failures``: ``n^4 + 2`` seconds and up to 15 % of ``n^4`` (``chance`` in [0, 1))."""
    grown = failures**4
    return timedelta(seconds=grown + 2 + 0.15 * chance * grown)


async def _record(runtime: Runtime, claim: Claim, reply: Reply | None, problem: str, *, refused: bool) -> None:
    options = runtime.webhooks
    now = options.now()
    succeeded = reply is not None and reply.status in SUCCESSES
    failures = claim.retries + (not succeeded)
    ends = succeeded or refused or claim.single_attempt or failures >= options.attempts
    answer = reply.body.decode(errors="replace").replace("\x00", "\ufffd") if reply is not None else problem
    async with runtime.database.transaction() as session:
        await session.execute(
            text(
                "update webhooks set status = :status, retries = :retries, http_status = :http_status,"
                " response = :response, endpoint = :endpoint, updated_at = :now, single_attempt = false,"
                " last_retried_at = coalesce(cast(:failed_at as timestamptz), last_retried_at),"
                " due_at = :due_at, lease_until = null where id = :id and lease_until = :lease"
            ),
            {
                "id": claim.id,
                "lease": claim.lease_until,
                "status": "succeeded" if succeeded else "failed" if ends else "retrying",
                "retries": failures,
                "http_status": reply.status if reply is not None else None,
                "response": answer,
                "endpoint": claim.url,
                "now": now,
                "failed_at": None if succeeded else now,
                "due_at": None if ends else now + backoff(failures, random.random()),  # noqa: S311
            },
        )
