"""Events: ingestion on its fast path, single reads and lists (spec 01 §2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from starlette.responses import Response

from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.errors import BadRequest
from billwright.billing.kernel.pagination import Page
from billwright.billing.metering.event_queries import EventListRequest, get_event, list_events
from billwright.billing.metering.event_schemas import EventInput, EventOut
from billwright.billing.metering.ingestion import (
    BATCH_LIMIT,
    Reception,
    ingest,
    ingest_batch,
    store_batch,
    store_event,
)
from billwright.billing.metering.metric_expressions import cached_expressions, load_expressions
from billwright.billing.metering.plain_events import read_plain_batch, read_plain_event
from billwright.billing.wallets.marks import mark_received
from billwright.server.rest.body import (
    exact_fraction,
    missing_root,
    parse_json,
    refuse_unstorable,
    refuse_unstorable_items,
)
from billwright.server.rest.envelope import json_response, listing, many, one
from billwright.server.rest.errors import DATABASE_ERRORS
from billwright.server.rest.operations import Call, Parameter, operation

log = structlog.get_logger(__name__)

_fast = msgspec.json.Decoder(float_hook=exact_fraction)
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_TOO_LONG = b"0" * 401


def decoded(body: bytes) -> Any:
    """The body with exact numbers. Plain bodies take the fast decoder; everything unusual the strict one."""
    if len(body) < 1_000_000 and _TOO_LONG not in body.translate(_ZEROS):
        try:
            return _fast.decode(body)
        except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError):
            pass
    return parse_json(body)


async def reception_of(call: Call) -> Reception:
    """Who sends, on which clock, with which expressions; live keys and expressions come from caches."""
    organization = call.organization
    expressions = cached_expressions(organization.id, organization.catalog_revision)
    if expressions is None:
        async with call.database.reading() as session:
            expressions = await load_expressions(session, organization.id, organization.catalog_revision)
    clock = organization.clock_now if organization.kind == "sandbox" else None
    client = call.request.client
    return Reception(
        organization_id=organization.id,
        now=clock or system_now(),
        expressions=expressions,
        metadata={
            "user_agent": call.request.headers.get("user-agent", "")[:500],
            "ip_address": client.host if client else None,
        },
    )


async def create_event(call: Call) -> EventOut | Response:
    store, reception = call.request.app.state.event_store, await reception_of(call)
    plain = read_plain_event(call.body, reception)
    if plain is not None:
        stored = await store_event(store, plain.events[0])
        await _follow(call, [event.external_subscription_id for event in plain.events])
        return json_response({"event": plain.answers([stored.id])[0]})
    body = decoded(call.body)
    raw = body.get("event") if isinstance(body, dict) else None
    if not isinstance(raw, dict) or not raw:
        raise missing_root("event")
    refuse_unstorable(call.body, raw)
    made = await ingest(store, reception, raw)
    await _follow(call, [made["external_subscription_id"]])
    return made


async def create_events(call: Call) -> list[EventOut] | Response:
    store, reception = call.request.app.state.event_store, await reception_of(call)
    plain = read_plain_batch(call.body, reception, BATCH_LIMIT)
    if plain is not None:
        places = await store_batch(store, plain.events)
        await _follow(call, [event.external_subscription_id for event in plain.events])
        return json_response({"events": plain.answers([place.id for place in places])})
    body = decoded(call.body)
    if body is not None and not isinstance(body, dict):
        raise BadRequest("the body is not an object")
    raw = body.get("events") if body else None
    if isinstance(raw, list):
        refuse_unstorable_items(call.body, raw)
    made = await ingest_batch(store, reception, raw)
    await _follow(call, [item["external_subscription_id"] for item in made])
    return made


async def _follow(call: Call, external_ids: Sequence[str | None]) -> None:
    """In a sandbox wallets' ongoing balances follow events at once (00 rule 16); live passes look for themselves.

    The events are stored whatever happens here: the next step of the clock looks through them again.
    """
    known = {item for item in external_ids if item}
    if not known or call.organization.kind != "sandbox":
        return
    try:
        async with call.database.transaction() as session:
            await mark_received(session, call.organization.id, known)
    except DATABASE_ERRORS as failure:
        log.warning("received events not marked", error=str(failure))


async def show_event(call: Call, transaction_id: str) -> EventOut:
    return await get_event(call.context, transaction_id)


async def index_events(call: Call) -> Page[EventOut]:
    query = call.query
    request = EventListRequest(
        code=query.text("code"),
        external_subscription_id=query.text("external_subscription_id"),
        timestamp_from=query.instant("timestamp_from"),
        timestamp_to=query.instant("timestamp_to"),
        from_started_at=query.boolean("timestamp_from_started_at") or False,
    )
    return await list_events(call.context, request, call.page)


_EXAMPLE = {
    "transaction_id": "tx-0001",
    "external_subscription_id": "sub-acme",
    "code": "api_calls",
    "timestamp": 1704103200.5,
    "properties": {"calls": 12, "region": "eu"},
}

OPERATIONS = [
    operation(
        "POST",
        "/events",
        permission="event:write",
        body=EventInput,
        root="event",
        body_mode="raw",
        answer=one("event", EventOut),
        session="none",
        cached_key=True,
        counts_as_use=False,
        rate_class="events",
        summary="Send an event",
        description="Durable before the answer. A transaction id that the subscription already used is refused.",
        example=_EXAMPLE,
    )(create_event),
    operation(
        "POST",
        "/events/batch",
        permission="event:write",
        body=EventInput,
        root="events",
        body_mode="raw",
        answer=listing("events", EventOut),
        session="none",
        cached_key=True,
        rate_class="events",
        summary="Send up to 100 events, all or nothing",
        description="Errors are keyed by the zero-based index of the event.",
        example=[_EXAMPLE],
    )(create_events),
    operation(
        "GET",
        "/events",
        permission="event:read",
        answer=many("events", EventOut),
        summary="List events, newest timestamp first",
        parameters=(
            Parameter("code", "Code of a billable metric"),
            Parameter("external_subscription_id", "The subscription's external id"),
            Parameter("timestamp_from", "Inclusive", "date-time"),
            Parameter("timestamp_to", "Inclusive", "date-time"),
            Parameter("timestamp_from_started_at", "From the subscription's start", "boolean"),
        ),
    )(index_events),
    operation(
        "GET",
        "/events/{transaction_id}",
        permission="event:read",
        answer=one("event", EventOut),
        summary="Find an event by its transaction id",
    )(show_event),
]
