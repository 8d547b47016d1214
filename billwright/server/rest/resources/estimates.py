"""``/events/estimate_fees`` and its quick variants: what an event would cost (spec 01 §11, 02 §10.8)."""

from __future__ import annotations

from typing import Any

from billwright.billing.in_advance import estimates
from billwright.billing.in_advance.schemas import EstimateInput, FeeEstimateOut
from billwright.billing.invoicing.schemas import FeeOut
from billwright.server.rest.body import missing_root, refuse_unstorable, refuse_unstorable_items
from billwright.server.rest.envelope import listing
from billwright.server.rest.operations import Call, operation
from billwright.server.rest.resources.events import decoded


def _event(call: Call) -> dict[str, Any]:
    body = decoded(call.body)
    raw = body.get("event") if isinstance(body, dict) else None
    if not isinstance(raw, dict) or not raw:
        raise missing_root("event")
    refuse_unstorable(call.body, raw)
    return raw


async def event_estimate_fees(call: Call) -> list[FeeOut]:
    return await estimates.estimate_fees(call.context, _event(call))


async def event_estimate_instant_fees(call: Call) -> list[FeeEstimateOut]:
    return await estimates.estimate_instant_fees(call.context, _event(call))


async def event_batch_estimate_instant_fees(call: Call) -> list[FeeEstimateOut]:
    body = decoded(call.body)
    raw = body.get("events") if isinstance(body, dict) else None
    if isinstance(raw, list):
        refuse_unstorable_items(call.body, raw)
    return await estimates.estimate_instant_fees_of_batch(call.context, raw)


_EXAMPLE = {"code": "api_calls", "external_subscription_id": "sub-acme", "properties": {"calls": 12}}

OPERATIONS = [
    operation(
        "POST",
        "/events/estimate_fees",
        permission="event:write",
        body=EstimateInput,
        root="event",
        body_mode="raw",
        answer=listing("fees", FeeOut),
        session="read",
        summary="Estimate what an event would cost now",
        description="One fee per charge paid in advance on its metric, with the period's usage and taxes.",
        example=_EXAMPLE,
    )(event_estimate_fees),
    operation(
        "POST",
        "/events/estimate_instant_fees",
        permission="event:write",
        body=EstimateInput,
        root="event",
        body_mode="raw",
        answer=listing("fees", FeeEstimateOut),
        session="read",
        summary="Estimate an event by itself",
        description="Standard and percentage charges paid in advance only; no history, free units or taxes.",
        example=_EXAMPLE,
    )(event_estimate_instant_fees),
    operation(
        "POST",
        "/events/batch_estimate_instant_fees",
        permission="event:write",
        body=EstimateInput,
        root="events",
        body_mode="raw",
        answer=listing("fees", FeeEstimateOut),
        session="read",
        summary="Estimate several events, each by itself",
        description="Grouped by subscription; events that no such charge bills are left out.",
        example=[_EXAMPLE],
    )(event_batch_estimate_instant_fees),
]
