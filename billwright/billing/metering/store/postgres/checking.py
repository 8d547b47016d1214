"""Events that cannot be metered as their metric says (the hourly check, spec 01 §2.12)."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from billwright.billing.metering.store.encoding import json_text
from billwright.billing.metering.store.postgres.connections import Pool, snapshot
from billwright.billing.metering.store.protocol import EventRule, FaultyEvent, UsedSpan

_PREFETCH = 2_000
_FAULTS = """
SELECT * FROM (
  SELECT e.transaction_id, e.created_at, e.seq, m.code IS NULL AS unknown,
    m.field IS NOT NULL AND (e.properties->>m.field IS NULL
      OR m.is_numeric AND usage_number(e.properties->>m.field) IS NULL) AS missing,
    coalesce(m.filters <> '{}' AND NOT EXISTS (
      SELECT FROM jsonb_object_keys(m.filters) k WHERE e.properties->>k IS NOT NULL), false) AS ungrouped,
    EXISTS (SELECT FROM jsonb_each(m.filters) f
      WHERE e.properties->>f.key IS NOT NULL AND NOT f.value ? (e.properties->>f.key)) AS unfiltered
  FROM events e
  LEFT JOIN jsonb_to_recordset($4::jsonb->'rules') AS m(code text, field text, is_numeric boolean, filters jsonb)
    ON m.code = e.code
  WHERE e.organization_id = $1 AND e.deleted_at IS NULL AND e.created_at >= $2 AND e.created_at < $3
) judged WHERE unknown OR missing OR ungrouped OR unfiltered ORDER BY created_at, seq
"""
_FIRST = """
SELECT min(created_at) FROM events WHERE organization_id = $1 AND created_at >= $2 AND deleted_at IS NULL
"""
_RECEIVED = """
SELECT DISTINCT external_subscription_id FROM events
WHERE organization_id = $1 AND created_at >= $2 AND external_subscription_id IS NOT NULL
"""
_USED = """
SELECT DISTINCT a.place
FROM unnest($2::int[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[])
  AS a(place, subscription, low, high, family)
JOIN unnest($7::int[], $8::text[]) AS c(family, code) ON c.family = a.family
CROSS JOIN LATERAL (
  SELECT FROM events e
  WHERE e.organization_id = $1 AND e.external_subscription_id = a.subscription AND e.code = c.code
    AND e.ts >= a.low AND e.ts < a.high AND e.deleted_at IS NULL LIMIT 1
) found
"""
"""``family``: one of the sets of codes."""


async def faulty_events(
    pool: Pool,
    organization_id: uuid.UUID,
    received_from: datetime,
    received_before: datetime,
    rules: Sequence[EventRule],
) -> AsyncIterator[FaultyEvent]:
    """Live events received in [from, before) that break a rule, in order of reception."""
    written = [
        {
            "code": rule.code,
            "field": rule.field,
            "is_numeric": rule.is_numeric,
            "filters": {name: sorted(values) for name, values in rule.filters.items()},
        }
        for rule in rules
    ]
    async with snapshot(pool) as connection:
        async for row in connection.cursor(
            _FAULTS,
            organization_id,
            received_from,
            received_before,
            json_text({"rules": written}),
            prefetch=_PREFETCH,
        ):
            yield FaultyEvent(
                row["transaction_id"], row["unknown"], row["missing"], row["ungrouped"], row["unfiltered"]
            )


async def first_received(pool: Pool, organization_id: uuid.UUID, since: datetime) -> datetime | None:
    """When the first live event at or after ``since`` was received."""
    async with snapshot(pool) as connection:
        return await connection.fetchval(_FIRST, organization_id, since)


async def subscriptions_received(pool: Pool, organization_id: uuid.UUID, since: datetime) -> list[str]:
    """External ids of the subscriptions for which events were received at or after ``since``, deleted ones included."""
    async with snapshot(pool) as connection:
        return [row[0] for row in await connection.fetch(_RECEIVED, organization_id, since)]


async def used(pool: Pool, organization_id: uuid.UUID, spans: Sequence[UsedSpan]) -> list[bool]:
    """Which spans hold a live event: one step into an index for each span and code."""
    families: dict[frozenset[str], int] = {}
    for span in spans:
        families.setdefault(span.codes, len(families))
    codes = [(family, code) for known, family in families.items() for code in sorted(known)]
    async with snapshot(pool) as connection:
        rows = await connection.fetch(
            _USED,
            organization_id,
            list(range(len(spans))),
            [span.external_subscription_id for span in spans],
            [span.lower for span in spans],
            [span.upper for span in spans],
            [families[span.codes] for span in spans],
            [family for family, _ in codes],
            [code for _, code in codes],
        )
    hits = {row["place"] for row in rows}
    return [place in hits for place in range(len(spans))]
