"""The code of a custom aggregation, tried on sample events before it is saved (spec 01 §9.2, spec 07 §7.6)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from billwright.ui.views.support import View
from billwright.ui.views.words import toast_words

SOURCE = """\
def aggregate(event, state, properties):
    units = decimal(event["properties"].get("gb", 0))
    return {
        "total_units": state["total_units"] + units,
        "amount": units * decimal(properties["price"]),
    }
"""
"""What the code begins with: a sum with a price of its own."""
SAMPLES = {
    "events": '[\n  {"properties": {"gb": 4}},\n  {"properties": {"gb": 10}}\n]',
    "properties": '{"price": "0.10"}',
}


class _Unreadable(Exception):
    """What was written is no sample."""


def posted(view: View) -> dict[str, Any]:
    """The samples as they were written, or those to begin with; nothing tried."""
    texts = {name: view.posted(f"sample_{name}") for name in SAMPLES if f"sample_{name}" in view.form}
    return {**SAMPLES, **texts, "steps": [], "problems": [], "error": None, "tried": False}


async def tried(view: View, source: str) -> dict[str, Any]:
    """What the code makes of the posted events: ``steps`` with the state after each, ``problems`` of the source by
    line, or one ``error``."""
    shown = {**posted(view), "tried": True}
    try:
        events = _in_order(_read(shown["events"] or "[]", "The events are"))
        properties = _read(shown["properties"] or "null", "The properties are")
    except _Unreadable as wrong:
        return {**shown, "error": str(wrong)}
    outcome = await view.change(
        "TestCustomAggregator", customAggregator=source, events=events, customProperties=properties
    )
    if not outcome.ok:
        return {**shown, "error": toast_words(outcome.code, outcome.fields)}
    found = outcome.data["testCustomAggregator"]
    steps = [_step(event, state) for event, state in zip(events, found["states"], strict=False)]
    return {**shown, "steps": steps, "problems": found["problems"], "error": found["failure"]}


async def problems_of(view: View, source: str) -> Sequence[Mapping[str, Any]]:
    """Why a source cannot be saved, by line."""
    outcome = await view.change("TestCustomAggregator", customAggregator=source, events=[])
    return outcome.data["testCustomAggregator"]["problems"] if outcome.ok else []


def _read(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refused)
    except ValueError:
        raise _Unreadable(f"{what} not JSON.") from None


def _refused(name: str) -> None:
    raise ValueError(name)


def _in_order(given: Any) -> list[dict[str, Any]]:
    """The events in the order in which the code gets them: of their timestamps, or as they are written."""
    if not isinstance(given, list):
        raise _Unreadable("The events are a JSON list.")
    events: list[dict[str, Any]] = []
    for raw in given:
        if not isinstance(raw, dict) or not isinstance(raw.get("properties", {}), dict):
            raise _Unreadable('An event is an object such as {"properties": {"gb": 4}}.')
        event = {key: raw[key] for key in ("code", "timestamp", "properties") if raw.get(key) is not None}
        events.append({**event, **{key: str(event[key]) for key in ("code", "timestamp") if key in event}})
    timed = ["timestamp" in event for event in events]
    if any(timed) and not all(timed):
        raise _Unreadable("Either all events have a timestamp or none.")
    try:
        return sorted(events, key=lambda event: Decimal(event.get("timestamp", 0)))
    except InvalidOperation:
        raise _Unreadable("A timestamp is a number of Unix seconds.") from None


def _step(event: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event": json.dumps(event.get("properties", {}), default=str, ensure_ascii=False),
        "units": state["totalUnits"].removesuffix(".0"),
        "amount": state["amount"].removesuffix(".0"),
        "memo": None if state["memo"] is None else json.dumps(state["memo"], ensure_ascii=False),
    }
