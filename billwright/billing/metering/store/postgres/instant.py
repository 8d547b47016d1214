# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Events that charges bill in advance: handed over in the transaction that accepts them (spec 01 §2.10, 02 §10.1).

Which codes these are is asked of the committed catalogue inside that transaction, so that none is missed however young
the charge. For such events the subscription's lock is held from before they get their place in the order until the
commit: of one subscription, a later place is never visible before an earlier one, and no two share a tier position.
Others pay for one look into an index per distinct code and transaction.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.postgres.connections import Connection
from billwright.billing.metering.store.postgres.locks import INSTANT

JOB: Final = "in_advance.bill"
ATTEMPTS: Final = 5
AT_ONCE: Final = timedelta(seconds=2)
"""How long ago such a job was due when it is made: nobody is told of it, so the sweep leaves it to no one first."""

Code = tuple[uuid.UUID, str]
Subscription = tuple[uuid.UUID, str]

CODES: Final = """
ARRAY(SELECT place::int FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS w(organization_id, code, place)
      WHERE EXISTS (SELECT FROM billable_metrics m JOIN charges c ON c.billable_metric_id = m.id
                    WHERE m.organization_id = w.organization_id AND m.code = w.code AND m.deleted_at IS NULL
                      AND c.pay_in_advance AND c.deleted_at IS NULL))
"""
"""Places (from 1) of those codes that a live charge bills in advance."""

_LOCK = f"SELECT pg_advisory_xact_lock({INSTANT}, k) FROM (SELECT DISTINCT k FROM unnest($1::int[]) k ORDER BY k) held"

_JOBS = """
WITH wanted AS (
  SELECT w.organization_id, w.subscription, w.fresh,
    (SELECT j.id FROM (SELECT e.job_id FROM instant_events e
                       WHERE e.organization_id = w.organization_id AND e.external_subscription_id = w.subscription
                       ORDER BY e.seq DESC LIMIT 1) last
     JOIN jobs j ON j.id = last.job_id AND j.status = 'queued' AND j.attempts = 0) AS waiting
  FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS w(organization_id, subscription, fresh)
), made AS (
  INSERT INTO jobs (id, organization_id, name, arguments, status, attempts, max_attempts, run_at, created_at)
  SELECT fresh, organization_id, $4, jsonb_build_object('external_subscription_id', subscription), 'queued', 0, $5,
         $6::timestamptz - $7::interval, $6
  FROM wanted WHERE waiting IS NULL
)
SELECT organization_id, subscription, coalesce(waiting, fresh) AS job_id FROM wanted
"""

_COLUMNS = (
    "organization_id",
    "external_subscription_id",
    "seq",
    "code",
    "transaction_id",
    "timestamp",
    "properties",
    "precise_total_amount_cents",
    "job_id",
)


def lock_key(organization_id: uuid.UUID, external_subscription_id: str) -> int:
    """Second half of a subscription's advisory locks; rarely shared with another one, which only waits."""
    digest = hashlib.blake2b(organization_id.bytes + external_subscription_id.encode(), digest_size=4).digest()
    return int.from_bytes(digest, signed=True)


async def lock_appends(connection: Connection, subscriptions: Iterable[Subscription]) -> None:
    """Make other appends of in-advance events to these subscriptions wait until this transaction ends."""
    await connection.execute(_LOCK, [lock_key(*subscription) for subscription in subscriptions])


async def hand_over(
    connection: Connection, numbers: Sequence[int], rows: Iterable[tuple[Any, ...]], codes: set[Code]
) -> None:
    """Note those of the events just stored that are billed in advance, with a job for each subscription.

    A subscription whose newest note is still unclaimed by its job gets no other one: that job waits for this commit
    before it looks (``in_advance.processing``).
    """
    noted = [
        (seq, row) for seq, row in zip(numbers, rows, strict=True) if row[2] is not None and (row[1], row[3]) in codes
    ]
    subscriptions = sorted({(row[1], row[2]) for _, row in noted})
    found = await connection.fetch(
        _JOBS,
        [organization_id for organization_id, _ in subscriptions],
        [external_id for _, external_id in subscriptions],
        [new_id() for _ in subscriptions],
        JOB,
        ATTEMPTS,
        system_now(),
        AT_ONCE,
    )
    jobs: Mapping[Subscription, uuid.UUID] = {(row[0], row[1]): row[2] for row in found}
    await connection.copy_records_to_table(
        "instant_events",
        records=[
            (row[1], row[2], seq, row[3], row[4], row[5], row[6], row[7], jobs[row[1], row[2]]) for seq, row in noted
        ],
        columns=_COLUMNS,
    )
