"""What of a request and its answer is kept: JSON objects of at most 64 KiB without secrets (spec 07 §9.2)."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

import msgspec

from billwright.billing.kernel.db import encoded

MOST_BYTES = 64 * 1024
FILTERED = "[FILTERED]"
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_SECRET = re.compile(
    r"password|passphrase|secret|api_?key|hmac|private_?key|credential|authorization|access_?code"
    r"|(^|_)(token|signature)$",
    re.IGNORECASE,
)
_USER_OF_URL = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/?#@\s]+@", re.IGNORECASE)


def kept_body(body: bytes) -> dict[str, Any]:
    """A body as the log keeps it: an object, ``{}`` for an empty one.

    A list or a bare value stands under ``value``, the beginning of a longer text under ``truncated``; of what is no
    JSON, where no secret could be recognized, only the size is told, under ``unreadable``.
    """
    if not body.strip():
        return {}
    try:
        value = _decoder.decode(body.removeprefix(b"\xef\xbb\xbf"))
        found: dict[str, Any] = without_secrets(value if isinstance(value, dict) else {"value": value})
        text = encoded(found).encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        return {"unreadable": f"{len(body)} bytes"}
    if len(text) <= MOST_BYTES:
        return found
    return {"truncated": text[:MOST_BYTES].decode(errors="ignore")}


def without_secrets(value: Any) -> Any:
    """``value`` with ``[FILTERED]`` for whatever stands under a key that names a secret, and without the user's part
    of addresses."""
    if isinstance(value, dict):
        return {
            key: FILTERED if item is not None and names_secret(key) else without_secrets(item)
            for key, item in cast("dict[str, Any]", value).items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in cast("list[Any]", value)]
    if isinstance(value, str) and "@" in value and "://" in value:
        return _USER_OF_URL.sub(rf"\1{FILTERED}@", value)
    return value


@lru_cache(maxsize=4096)
def names_secret(key: str) -> bool:
    """Whether a key of JSON holds a secret: ``secret_key``, ``hmac_key``, ``password``, ``apiKey``, ``signature``."""
    return _SECRET.search(key) is not None
