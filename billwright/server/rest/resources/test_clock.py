"""``/test_clock``: the clock of a sandbox organization (spec 09 §1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NotRequired

from starlette.responses import Response
from typing_extensions import TypedDict

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.inputs import Input
from billwright.billing.kernel.outputs import Id, Instant
from billwright.billing.scheduling.advancing import queue_advance
from billwright.billing.scheduling.test_clock import advance, begin_advance, clock_state
from billwright.server.rest.envelope import json_response, one
from billwright.server.rest.operations import Call, operation


class ClockInput(Input):
    """Where the clock shall go: ISO 8601; a date alone is 00:00 UTC."""

    now: Any = None


class FailedJobOut(TypedDict):
    """A job that failed for good on the way."""

    name: str
    error: str


class ClockOut(TypedDict):
    """The ``test_clock`` object. ``target`` is set while advancing."""

    lago_organization_id: Id
    now: Instant
    status: str
    target: Instant | None
    next_due_at: Instant | None
    failed_jobs: NotRequired[list[FailedJobOut]]


async def find_test_clock(call: Call) -> dict[str, object]:
    return (await clock_state(call.context)).wire()


async def advance_test_clock(call: Call, inp: ClockInput) -> dict[str, object] | Response:
    waits = "respond-async" not in call.request.headers.get("prefer", "").lower()
    async with call.transaction() as ctx:
        state = await clock_state(ctx)
        await begin_advance(ctx, _target(inp))
        if not waits:
            await queue_advance(ctx)
            await ctx.session.flush()
            state = await clock_state(ctx)
            return json_response({"test_clock": state.wire()}, 202, {"Preference-Applied": "respond-async"})
    runtime: Runtime = call.request.app.state.runtime
    return (await advance(runtime, call.organization.id)).wire()


def _target(inp: ClockInput) -> datetime:
    if inp.now is None or inp.now == "":
        raise ValidationFailed(now="value_is_mandatory")
    parsed = parse_instant(inp.now) if isinstance(inp.now, str) else None
    if parsed is None:
        raise ValidationFailed(now="invalid_date")
    return parsed


_ONE = one("test_clock", ClockOut)

OPERATIONS = [
    operation(
        "GET",
        "/test_clock",
        permission="organization:read",
        answer=_ONE,
        summary="Show the clock of a sandbox organization",
        description="`next_due_at` is when something will happen next by itself.",
    )(find_test_clock),
    operation(
        "PUT",
        "/test_clock",
        permission="organization:write",
        body=ClockInput,
        root="test_clock",
        session="none",
        answer=_ONE,
        summary="Advance the clock of a sandbox organization",
        description="Everything due on the way happens, in order, before the answer. With `Prefer: respond-async` the "
        "answer is 202 at once; poll until `status` is `ready`.",
        example={"now": "2024-03-01T02:00:00Z"},
    )(advance_test_clock),
]
