"""Events as they nearly always arrive, read and answered without taking them apart.

A body that holds nothing unusual (no escapes, no exponents, no numbers of hundreds of digits, no deep nesting) keeps
the JSON text of its properties as it came: it is stored and answered unread. Everything else, whatever is refused
included, is left to ``ingestion``, whose meaning this must share: a plain body is one that both read the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from billwright.billing.kernel.clock import iso
from billwright.billing.metering.ingestion import Reception
from billwright.billing.metering.store.protocol import EventIn, InvalidEvent
from billwright.billing.metering.store.quarters import EPOCH

_LARGEST_BODY = 1_000_000
_BRACKETS = 50
_BRACKETS_PER_EVENT = 4
"""Opening ones; together they bound the nesting."""
_LATEST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z."""

_DIGITS = bytes.maketrans(b"123456789.E", b"0000000000e")
_TOO_LONG = b"0" * 401
_EXPONENT = re.compile(rb"[:\[,\s]-?[0-9.]+[eE]")
_SECONDS = re.compile(rb'"?([0-9]{1,12})(?:\.([0-9]{1,30}))?"?')
"""As a number, or as text: the official client sends fractions so."""
_ABSENT = msgspec.Raw(b"null")
_EMPTY = msgspec.Raw(b"{}")


class _Event(msgspec.Struct):
    transaction_id: str
    code: str
    external_subscription_id: str | None = None
    timestamp: msgspec.Raw = _ABSENT
    properties: msgspec.Raw = _ABSENT
    precise_total_amount_cents: None = None


class _One(msgspec.Struct):
    event: _Event


class _Many(msgspec.Struct):
    events: list[_Event]


class PlainEvents(msgspec.Struct, frozen=True):
    """Events ready to be stored, with their timestamps in microseconds since 1970."""

    events: list[EventIn]
    times: list[int]

    def answers(self, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        """The ``event`` objects of the contract, as ``event_schemas.event_object`` builds them."""
        received = iso(self.events[0].created_at)
        return [
            {
                "lago_id": identity,
                "transaction_id": event.transaction_id,
                "lago_customer_id": None,
                "code": event.code,
                "timestamp": _wire_instant(us),
                "properties": event.properties,
                "precise_total_amount_cents": None,
                "lago_subscription_id": None,
                "external_subscription_id": event.external_subscription_id,
                "created_at": received,
            }
            for event, us, identity in zip(self.events, self.times, ids, strict=True)
        ]


_one = msgspec.json.Decoder(_One)
_many = msgspec.json.Decoder(_Many)


def read_plain_event(body: bytes, reception: Reception) -> PlainEvents | None:
    """The event of a ``POST /events``; ``None`` when anything about the body is unusual."""
    if not _unremarkable(body):
        return None
    try:
        return _ready(body, [_one.decode(body).event], reception)
    except (msgspec.DecodeError, RecursionError, InvalidEvent):
        return None


def read_plain_batch(body: bytes, reception: Reception, limit: int) -> PlainEvents | None:
    """The 1 to ``limit`` events of a ``POST /events/batch``; ``None`` when anything about the body is unusual."""
    if not _unremarkable(body):
        return None
    try:
        events = _many.decode(body).events
        return _ready(body, events, reception) if 0 < len(events) <= limit else None
    except (msgspec.DecodeError, RecursionError, InvalidEvent):
        return None


def _unremarkable(body: bytes) -> bool:
    """Whether JSON text of this body may be stored and sent back as it is, provided that it is JSON."""
    if len(body) > _LARGEST_BODY or b"\\" in body or not body:
        return False
    digits = body.translate(_DIGITS)
    if _TOO_LONG in digits or (b"0e" in digits and _EXPONENT.search(body)):
        return False
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            return False
    return True


def _ready(body: bytes, given: Sequence[_Event], reception: Reception) -> PlainEvents | None:
    if body.count(b"{") + body.count(b"[") > _BRACKETS_PER_EVENT * len(given) + _BRACKETS:
        return None
    now, organization_id, metadata, source = (
        reception.now, reception.organization_id, reception.metadata, reception.source,
    )  # fmt: skip
    events: list[EventIn] = []
    times: list[int] = []
    for event in given:
        transaction_id, code = event.transaction_id, event.code
        properties, timestamp = bytes(event.properties), bytes(event.timestamp)
        if (
            not transaction_id.strip()
            or not code.strip()
            or code in reception.expressions
            or not (properties[:1] == b"{" or properties == b"null")
        ):
            return None
        if timestamp == b"null":
            moment = now
            times.append(_microseconds(now))
        else:
            read = _SECONDS.fullmatch(timestamp)
            if read is None:
                return None
            second, fraction = int(read[1]), read[2]
            if second > _LATEST_SECOND:
                return None
            microsecond = int(fraction.ljust(6, b"0")[:6]) if fraction else 0
            moment = EPOCH + timedelta(0, second, microsecond)
            times.append(second * 1_000_000 + microsecond)
        events.append(
            EventIn(
                organization_id=organization_id,
                transaction_id=transaction_id,
                code=code,
                timestamp=moment,
                created_at=now,
                external_subscription_id=event.external_subscription_id,
                properties=event.properties if properties != b"null" else _EMPTY,
                metadata=metadata,
                source=source,
            )
        )
    return PlainEvents(events, times)


def _microseconds(instant: datetime) -> int:
    passed = instant - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _wire_instant(us: int) -> str:
    """``clock.iso_ms`` of microseconds since 1970."""
    second, rest = divmod(us, 1_000_000)
    return f"{_wire_second(second)}.{rest // 1000:03}Z"


@lru_cache(4096)
def _wire_second(second: int) -> str:
    return (EPOCH + timedelta(0, second)).isoformat()[:19]
