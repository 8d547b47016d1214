"""Rows of ``events`` as PostgreSQL's binary COPY format writes them: packed once, when a request arrives.

A row is packed without its ``seq``, which is only known inside the transaction. Half of what storing an event costs
this process would otherwise be the driver's work of describing each value anew.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain, repeat

from billwright.billing.kernel.money import PRECISE
from billwright.billing.metering.store.encoding import fifteen_places, json_bytes
from billwright.billing.metering.store.protocol import MAX_KEY_BYTES, EventIn
from billwright.billing.metering.store.quarters import EPOCH

COLUMNS = (
    "seq",
    "id",
    "ts",
    "transaction_id",
    "external_subscription_id",
    "code",
    "properties",
    "precise_total_amount_cents",
    "organization_id",
    "metadata",
    "source",
    "created_at",
)

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_POSTGRES_EPOCH_US = 946_684_800_000_000
_NULL = b"\xff\xff\xff\xff"
_NO_SUBSCRIPTION = (_NULL, b"")
_LENGTHS = [struct.pack(">i", length) for length in range(MAX_KEY_BYTES + 1)]
_number = struct.Struct(">hiq").pack
_beginning = struct.Struct(">i16siqi").pack
_json_length = struct.Struct(">ib").pack
_instant = struct.Struct(">iq").pack
_UNITS_PER_DIGIT = 10_000


def pack(event: EventIn, identity: bytes, us: int, names: tuple[bytes, bytes | None], rest: bytes) -> bytes:
    """All of a row but its number. ``us``: the timestamp in microseconds since 1970; ``names``: transaction id and
    external subscription id in UTF-8; ``rest``: ``pack_rest`` of the event."""
    transaction_id, subscription = names
    code = event.code.encode()
    properties = json_bytes(event.properties)
    precise = event.precise_total_amount_cents
    length, text = _NO_SUBSCRIPTION if subscription is None else (_LENGTHS[len(subscription)], subscription)
    return b"".join(
        (
            _beginning(16, identity, 8, us - _POSTGRES_EPOCH_US, len(transaction_id)),
            transaction_id,
            length,
            text,
            _LENGTHS[len(code)],
            code,
            _json_length(len(properties) + 1, 1),
            properties,
            _NULL if precise is None else _numeric(fifteen_places(precise)),
            rest,
        )
    )


def pack_rest(event: EventIn) -> bytes:
    """The columns that the events of one request share: organization, metadata, source, time of reception."""
    metadata = _NULL
    if event.metadata is not None:
        encoded = json_bytes(event.metadata)
        metadata = _json_length(len(encoded) + 1, 1) + encoded
    source = _NULL
    if event.source is not None:
        encoded = event.source.encode()
        source = struct.pack(">i", len(encoded)) + encoded
    received = _instant(8, microseconds(event.created_at) - _POSTGRES_EPOCH_US)
    return b"".join((struct.pack(">i16s", 16, event.organization_id.bytes), metadata, source, received))


def copy_data(numbers: Iterable[int], rows: Sequence[bytes]) -> bytearray:
    """The whole COPY: each row under its number."""
    columns, width = repeat(len(COLUMNS)), repeat(8)
    data = bytearray(_HEADER)
    data += b"".join(chain.from_iterable(zip(map(_number, columns, width, numbers), rows, strict=False)))
    data += _TRAILER
    return data


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970, exact."""
    passed = instant - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _numeric(value: Decimal) -> bytes:
    """A finite decimal of at most 15 decimals: base-10000 digits, the first weighted ``weight``, scale 15."""
    digits: list[int] = []
    rest = abs(int(value.scaleb(16, PRECISE)))
    while rest:
        rest, digit = divmod(rest, _UNITS_PER_DIGIT)
        digits.append(digit)
    digits.reverse()
    sign = 0x4000 if value < 0 else 0
    return struct.pack(f">ihhHH{len(digits)}h", 8 + 2 * len(digits), len(digits), len(digits) - 5, sign, 15, *digits)
