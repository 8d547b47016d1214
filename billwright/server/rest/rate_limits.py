"""Budgets per organization and second, in Redis; off unless the operator sets them (spec 07 §1.5)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import structlog

log = structlog.get_logger(__name__)

RateClass = Literal["events", "usage", "default"]
SETTINGS: dict[RateClass, str] = {
    "events": "rate_limit_events",
    "usage": "rate_limit_current_usage",
    "default": "rate_limit_default",
}
"""Names of the settings: requests a second, 0 = unlimited."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of the current window."""

    limit: int
    remaining: int
    reset: int
    exceeded: bool

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


async def spend(redis: Any, settings: Any, organization_id: UUID, rate_class: RateClass) -> Budget | None:
    """Count one request; ``None`` when the class is unlimited or Redis does not answer (the request passes)."""
    limit = int(getattr(settings, SETTINGS[rate_class], 0) or 0)
    if limit <= 0 or redis is None:
        return None
    window = int(time.time())
    name = f"rate:{organization_id}:{rate_class}:{window}"
    try:
        async with redis.pipeline(transaction=False) as pipeline:
            pipeline.incr(name)
            pipeline.expire(name, 3)
            used, _ = await pipeline.execute()
    except Exception as failure:
        log.warning("rate_limit_unavailable", error=type(failure).__name__)
        return None
    return Budget(limit, max(limit - int(used), 0), 1, int(used) > limit)
