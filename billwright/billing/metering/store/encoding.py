"""How an event becomes database values: the ledger key and JSON text that PostgreSQL's jsonb is sure to accept."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from hashlib import blake2b
from typing import Any, cast

import msgspec
from asyncpg.pgproto.pgproto import UUID  # pyright: ignore

from billwright.billing.metering.store.protocol import InvalidEvent

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)

_SUSPICIOUS = re.compile(rb"\\u0000|NaN|nan|Infinity|[eE][+-]?[0-9]{4}|[0-9]{1000}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LARGEST_EXPONENT = 1000
_MAX_DEPTH = 200
_FIFTEEN_PLACES = Decimal("1e-15")
_WIDE = Context(prec=80, rounding=ROUND_HALF_UP)


def ledger_key(organization_id: uuid.UUID, external_subscription_id: str | None, transaction_id: str) -> uuid.UUID:
    """The deduplication key of an event as a database value, see ``ledger_digest``."""
    subscription = None if external_subscription_id is None else external_subscription_id.encode()
    return UUID(ledger_digest(organization_id.bytes, subscription, transaction_id.encode()))


def ledger_digest(organization_id: bytes, external_subscription_id: bytes | None, transaction_id: bytes) -> bytes:
    """The 16-byte deduplication key (spec 08 C3): a missing subscription is a value of its own."""
    if external_subscription_id is None:
        parts = (organization_id, b"\x00", transaction_id)
    else:
        length = len(external_subscription_id).to_bytes(4, "big")
        parts = (organization_id, b"\x01", length, external_subscription_id, transaction_id)
    return blake2b(b"".join(parts), digest_size=16).digest()


def json_text(value: Mapping[str, Any] | msgspec.Raw) -> str:
    """``json_bytes`` as text."""
    return json_bytes(value).decode()


def json_bytes(value: Mapping[str, Any] | msgspec.Raw) -> bytes:
    """JSON in UTF-8 for a jsonb column; ``Raw`` is such JSON already.

    Every event must be storable (spec 01 §2.2), but jsonb refuses NUL characters, lone surrogates and numbers beyond
    its range: the first two become U+FFFD, such numbers become text (and thereby not numeric).
    """
    if isinstance(value, msgspec.Raw):
        return bytes(value)
    try:
        encoded = _encoder.encode(value)
        if not _SUSPICIOUS.search(encoded):
            return encoded
    except (UnicodeEncodeError, TypeError, OverflowError, RecursionError, ValueError):
        pass
    return _encoder.encode(_storable(value, 0))


def json_value(text: str) -> dict[str, Any]:
    """Decoded JSON object with ``Decimal`` for every number that has a fraction."""
    return cast("dict[str, Any]", _decoder.decode(text))


def fifteen_places(amount: Decimal) -> Decimal:
    """``precise_total_amount_cents`` as it is stored: 15 decimals (spec 01 §2.2)."""
    return amount.quantize(_FIFTEEN_PLACES, context=_WIDE)


def _storable(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise InvalidEvent("properties", "value_is_invalid")
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float, Decimal)):
        number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
        plain = number.is_finite() and abs(number.adjusted()) < _LARGEST_EXPONENT
        short = plain and len(number.as_tuple().digits) < _LARGEST_EXPONENT
        return number if short else str(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()
        return {str(_storable(str(key), depth)): _storable(each, depth + 1) for key, each in pairs}
    if isinstance(value, (list, tuple)):
        return [_storable(each, depth + 1) for each in cast("list[Any]", value)]
    raise InvalidEvent("properties", "value_is_invalid")
