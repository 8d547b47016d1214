"""The fast reading of events means what the thorough one means, and leaves everything odd to it (spec 01 §2.2-2.6)."""

from __future__ import annotations

import json
import random
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billwright.billing.kernel.errors import BadRequest
from billwright.billing.metering.event_schemas import event_object
from billwright.billing.metering.expressions import parse
from billwright.billing.metering.ingestion import Reception, read_event
from billwright.billing.metering.metric_expressions import MetricExpression
from billwright.billing.metering.plain_events import PlainEvents, read_plain_batch, read_plain_event
from billwright.billing.metering.store.encoding import json_text
from billwright.server.rest.body import parse_json
from billwright.server.rest.envelope import encode
from billwright.server.rest.resources.events import decoded

RECEPTION = Reception(
    uuid.UUID(int=7),
    datetime(2026, 5, 4, 10, 30, 15, 250_999, tzinfo=UTC),
    {"vm": MetricExpression(parse("event.properties.a + 1"), "b")},
    {"user_agent": "test", "ip_address": "127.0.0.1"},
)
EVENT = {
    "transaction_id": "t-1",
    "external_subscription_id": "s-1",
    "code": "calls",
    "timestamp": 1704103200.523,
    "properties": {"tokens": 17, "region": "eu", "ratio": 1.5, "nested": {"a": [1, None, True]}},
}


def body_of(*events: Any, **format: Any) -> bytes:
    return json.dumps({"events": list(events)}, **format).encode()


def exact(text: str) -> Any:
    """JSON with every number as a normalized decimal: 1.50 = 1.5, -0.0 = 0."""

    def number(digits: str) -> Decimal:
        return Decimal(digits).normalize() + 0

    return json.loads(text, parse_float=number, parse_int=number)


def check_same(body: bytes, plain: PlainEvents) -> None:
    """Every event and every answer as the thorough reading makes them."""
    given_events = decoded(body)["events"]
    assert len(plain.events) == len(given_events) == len(plain.times)
    ids = [uuid.uuid4() for _ in plain.events]
    for event, raw, answer, identity in zip(plain.events, given_events, plain.answers(ids), ids, strict=True):
        problems: dict[str, list[str]] = {}
        thorough = read_event(RECEPTION, raw, problems)
        assert thorough is not None, problems
        for name in type(event).__struct_fields__:
            if name != "properties":
                assert getattr(event, name) == getattr(thorough, name), name
        assert exact(json_text(event.properties)) == exact(json_text(thorough.properties))
        wire = exact(encode(answer).decode())
        assert wire == exact(encode(event_object(thorough, identity)).decode())


USUAL: list[dict[str, Any]] = [
    EVENT,
    {"transaction_id": "t", "code": "c"},
    {**EVENT, "timestamp": 1704103200},
    {**EVENT, "timestamp": 1704103200.1234567},
    {**EVENT, "timestamp": 0},
    {**EVENT, "timestamp": "1704103200"},
    {**EVENT, "timestamp": "1704103200.1234567"},
    {**EVENT, "timestamp": 253402300799},
    {**EVENT, "timestamp": None, "properties": None, "external_subscription_id": None},
    {**EVENT, "precise_total_amount_cents": None, "unknown": {"a": [1]}, "more": "x"},
    {**EVENT, "properties": {}},
    {**EVENT, "properties": {"uuid": "5e3ba9c5-4e12-42b0-b3af-2421a6afa0c5", "zero": 0, "negative": -2.50}},
    {**EVENT, "properties": {"Größe": "naïve 🙂"}, "transaction_id": "é" * 60, "external_subscription_id": ""},
]


@pytest.mark.parametrize("event", USUAL)
@pytest.mark.parametrize("format", [{}, {"separators": (",", ":")}, {"indent": 2}, {"ensure_ascii": False}], ids=str)
def test_usual_events_are_read_at_once(event: dict[str, Any], format: dict[str, Any]) -> None:
    body = body_of(event, EVENT, **format)
    escaped = b"\\" in body
    plain = read_plain_batch(body, RECEPTION, 100)
    assert (plain is None) == escaped
    if plain is not None:
        check_same(body, plain)
    one = json.dumps({"event": event}, **format).encode()
    assert (read_plain_event(one, RECEPTION) is None) == escaped


ODD: list[bytes] = [
    b"",
    b"null",
    b"[]",
    b'{"events":[]}',
    b'{"events":{}}',
    b'{"events":[null]}',
    b'{"event":{"transaction_id":"t","code":"c"}}',
    b'{"events":[{"transaction_id":"t","code":"c"}]} trailing',
    b'\xef\xbb\xbf{"events":[{"transaction_id":"t","code":"c"}]}',
    body_of(*[EVENT] * 101),
    *(
        body_of({**EVENT, **change})
        for change in (
            {"transaction_id": 5},
            {"transaction_id": " "},
            {"transaction_id": None},
            {"transaction_id": "x" * 801},
            {"code": ""},
            {"code": "vm"},
            {"external_subscription_id": 7},
            {"timestamp": " 1704103200"},
            {"timestamp": "+1704103200"},
            {"timestamp": "1704103200.5e1"},
            {"timestamp": "1704103200."},
            {"timestamp": ".5"},
            {"timestamp": -1},
            {"timestamp": True},
            {"timestamp": 253402300800},
            {"timestamp": 1e30},
            {"properties": []},
            {"properties": "x"},
            {"precise_total_amount_cents": "1.5"},
            {"properties": {"a": "\x00"}},
            {"properties": {"a": "\ud800"}},
            {"properties": {"a": 1e300}},
            {"properties": {"a": int("9" * 401)}},
        )
    ),
    *(
        b'{"events":[{"transaction_id":"t","code":"c","properties":{"a":' + value + b"}}]}"
        for value in (
            b"1e5", b" 1E400", b"-0.5e1", b"NaN", b"01", b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\x01"',
            b"[" * 60 + b"]" * 60, b'{"a":' * 60 + b"1" + b"}" * 60, b"[" * 100_000, b'"\\u0041"', b"[1e3]",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_odd_bodies_are_left_to_the_thorough_reading(body: bytes) -> None:
    assert read_plain_batch(body, RECEPTION, 100) is None
    assert read_plain_event(body.replace(b'"events":[', b'"event":').replace(b"}]}", b"}}"), RECEPTION) is None or (
        body in (ODD[6], ODD[9])
    )


texts = st.text(max_size=12) | st.sampled_from(["", " ", "5e3", "a\\b", "é", "0", "1e400"])
numbers = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.5, 1e22, 1e-9])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
events = st.fixed_dictionaries(
    {"transaction_id": texts | st.just("t"), "code": texts | st.sampled_from(["c", "vm"])},
    optional={
        "external_subscription_id": texts | st.none(),
        "timestamp": numbers | st.none() | st.decimals(0, 10**10, places=5).map(float),
        "properties": st.dictionaries(texts, values, max_size=5) | st.none() | values,
        "precise_total_amount_cents": st.none() | texts | numbers,
        "other": values,
    },
)


@given(st.lists(events, min_size=1, max_size=4), st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=200, deadline=None)
def test_both_readings_agree(given_events: list[Any], ascii_only: bool, indent: int | None) -> None:
    body = json.dumps({"events": given_events}, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "replace")
    plain = read_plain_batch(body, RECEPTION, 100)
    if plain is not None:
        check_same(body, plain)


def is_sound(body: bytes) -> bool:
    """Strict JSON; of repeated keys the last one counts in both readings."""
    try:
        parse_json(body)
    except BadRequest as refused:
        return "given twice" in str(refused)
    return True


def test_damaged_bodies_are_plain_only_while_they_are_sound_json() -> None:
    """30,000 random edits of a sound body: whatever is still read at once is strict JSON that reads the same."""
    rng = random.Random(5)
    sound = body_of(EVENT, {**EVENT, "properties": {"a": "ü", "b": [1.25, {"c": None}]}}, ensure_ascii=False)
    pieces = [bytes([byte]) for byte in range(256)] + [b'"', b"{", b"}", b"[", b"]", b",", b":", b"e", b"-", b"0", b"."]
    accepted = 0
    for _ in range(30_000):
        damaged = bytearray(sound)
        for _ in range(rng.choice((1, 1, 2, 4))):
            place = rng.randrange(len(damaged))
            damaged[place : place + rng.choice((0, 1, 1, 3))] = rng.choice(pieces)
        body = bytes(damaged)
        plain = read_plain_batch(body, RECEPTION, 100)
        if plain is None:
            continue
        accepted += 1
        assert is_sound(body), body
        check_same(body, plain)
    assert accepted > 1_500
