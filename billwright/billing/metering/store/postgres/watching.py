"""Marks of subscriptions whose usage may pass a threshold, left by the transaction that stores their events.

Organizations without thresholds and alerts pay for a look into two indexes per transaction. A mark is only ever
inserted here, so storing events never waits for a check (spec 02 §13.2).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Final

from billwright.billing.kernel.clock import system_now
from billwright.billing.metering.store.postgres.connections import Connection

ORGANIZATIONS: Final = """
ARRAY(SELECT DISTINCT w.organization_id FROM unnest($2::uuid[]) AS w(organization_id)
      WHERE EXISTS (SELECT FROM usage_thresholds t
                    WHERE t.organization_id = w.organization_id AND t.deleted_at IS NULL)
         OR EXISTS (SELECT FROM alerts a WHERE a.organization_id = w.organization_id
                    AND a.external_subscription_id IS NOT NULL AND a.deleted_at IS NULL))
"""
"""Those organizations that have thresholds, or alerts on subscriptions."""

_MARK = """
INSERT INTO lifetime_usage_marks (organization_id, external_subscription_id, due_at)
SELECT s.organization_id, s.external_id, $3
FROM unnest($1::uuid[], $2::text[]) AS w(organization_id, subscription)
JOIN subscriptions s ON s.organization_id = w.organization_id AND s.external_id = w.subscription
JOIN plans p ON p.id = s.plan_id
WHERE s.status = 'active'
  AND (EXISTS (SELECT FROM alerts a WHERE a.organization_id = s.organization_id
               AND a.external_subscription_id = s.external_id AND a.deleted_at IS NULL)
    OR NOT s.progressive_billing_disabled AND (
       EXISTS (SELECT FROM usage_thresholds t WHERE t.subscription_id = s.id AND t.deleted_at IS NULL)
    OR EXISTS (SELECT FROM usage_thresholds t WHERE t.plan_id IN (p.id, p.parent_id) AND t.deleted_at IS NULL)))
"""


async def mark(connection: Connection, subscriptions: Iterable[tuple[uuid.UUID, str]]) -> None:
    """Mark those of ``subscriptions`` (organization, external id) that have thresholds or alerts."""
    chosen = sorted(set(subscriptions))
    if chosen:
        await connection.execute(_MARK, [item[0] for item in chosen], [item[1] for item in chosen], system_now())
