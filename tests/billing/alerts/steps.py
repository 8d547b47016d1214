"""Alerts of a sandbox: made over REST, and what they told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.alerts.models import Alert, TriggeredAlert
from billwright.billing.kernel.clock import iso
from tests.support.sandbox import Sandbox

SUBSCRIPTION = "subscriptions/s1/alerts"


def body(code: str, alert_type: str, *values: Any, every: Any = None, **more: Any) -> dict[str, Any]:
    thresholds: list[dict[str, Any]] = [{"value": value} for value in values]
    if every is not None:
        thresholds.append({"value": every, "recurring": True})
    return {"alert_type": alert_type, "code": code, "thresholds": thresholds, **more}


async def alert(sandbox: Sandbox, *arguments: Any, path: str = SUBSCRIPTION, **more: Any) -> Any:
    """A new alert: code, type, fixed values; ``every`` is the recurring one."""
    return (await sandbox.call("POST", path, {"alert": body(*arguments, **more)}))["alert"]


async def told(sandbox: Sandbox) -> list[tuple[str, list[float], float, float]]:
    """Code, crossed values, previous and current value of each crossing, oldest first."""
    async with sandbox.context() as ctx:
        rows = await ctx.session.execute(
            select(col(Alert.code), TriggeredAlert)
            .join(Alert, col(Alert.id) == col(TriggeredAlert.alert_id))
            .order_by(col(TriggeredAlert.id))
        )
        return [
            (
                code,
                [float(item["value"]) for item in row.crossed_thresholds],
                float(row.previous_value),
                float(row.current_value),
            )
            for code, row in rows
        ]


async def told_at(sandbox: Sandbox) -> list[str | None]:
    async with sandbox.context() as ctx:
        rows = await ctx.session.scalars(select(col(TriggeredAlert.triggered_at)).order_by(col(TriggeredAlert.id)))
        found: list[datetime] = list(rows)
        return [iso(item) for item in found]
