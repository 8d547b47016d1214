"""Request bodies: bounded, strictly JSON, numbers exact. Whatever is sent, the answer is a clear 4xx."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from starlette.requests import ClientDisconnect, Request

from billwright.billing.kernel.errors import BadRequest, BillingError, ValidationFailed

MAX_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 100
MAX_DIGITS = 400


class BodyTooLarge(BillingError):
    """More than the server is willing to read (413)."""

    status, error, code = 413, "Content Too Large", None


async def read_body(request: Request, limit: int = MAX_BYTES) -> bytes:
    """The whole body; ``BodyTooLarge`` beyond ``limit`` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:19]) > limit:
        raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge
            chunks.append(chunk)
    except ClientDisconnect:
        raise BadRequest("the request ended early") from None
    return b"".join(chunks)


def parse_json(body: bytes) -> Any:
    """Decode ``body``: fractions as ``Decimal``; raises ``BadRequest`` for everything that is not plain, exact JSON.

    Refused: invalid UTF-8, NaN and infinities, repeated keys, nesting beyond 100 levels, numbers beyond 400 digits.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("invalid JSON: the body is not UTF-8") from None
    if not text.strip():
        return None
    try:
        value = _decoder.decode(text.strip())
    except json.JSONDecodeError as failure:
        raise BadRequest(f"invalid JSON: {failure.msg} at character {failure.pos + 1}") from None
    except RecursionError:
        raise BadRequest("invalid JSON: nested too deeply") from None
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    return value


def root_of(value: Any, root: str) -> Any:
    """What stands under the root key; 400 when it is missing, null or empty (spec 07 §1.1)."""
    found = value.get(root) if isinstance(value, dict) else None
    if found is None or found == {} or found == []:
        raise missing_root(root)
    return found


def missing_root(root: str) -> BadRequest:
    """The 400 of a missing root key, in the wire's exact words."""
    return BadRequest(f"param is missing or the value is empty or invalid: {root}")


def refuse_unstorable(body: bytes, value: Any) -> None:
    """422 ``value_is_invalid`` on the key that holds NUL or half a surrogate pair, which no database text can keep."""
    if b"\\" not in body or (b"\\u0000" not in body and b"\\ud" not in body.lower()):
        return
    for name, item in value.items() if isinstance(value, dict) else [("base", value)]:
        if _unstorable(name):
            raise ValidationFailed(base="value_is_invalid")
        stack = [item]
        while stack:
            current = stack.pop()
            if isinstance(current, str):
                if _unstorable(current):
                    raise ValidationFailed({name: ["value_is_invalid"]})
            elif isinstance(current, dict):
                stack.extend(current.keys())
                stack.extend(current.values())
            elif isinstance(current, list):
                stack.extend(current)


def refuse_unstorable_items(body: bytes, items: list[Any]) -> None:
    """As ``refuse_unstorable``, for a list: the details are keyed by the index as text (spec 01 §2.6)."""
    details: dict[str, Any] = {}
    for index, item in enumerate(items):
        try:
            refuse_unstorable(body, item)
        except ValidationFailed as refused:
            details[str(index)] = refused.details
    if details:
        raise ValidationFailed(details)


def without_nulls(value: Any, *, deep: bool = False) -> Any:
    """``value`` without the keys that hold null, at the top only or at every depth (spec 00 §33)."""
    if isinstance(value, dict):
        return {
            key: without_nulls(item, deep=True) if deep else item for key, item in value.items() if item is not None
        }
    if deep and isinstance(value, list):
        return [without_nulls(item, deep=True) for item in value]
    return value


def _unstorable(text: str) -> bool:
    return "\x00" in text or any(0xD800 <= ord(character) <= 0xDFFF for character in text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise BadRequest("invalid JSON: nested too deeply")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise BadRequest(f"invalid JSON: the key {json.dumps(name[:100])} is given twice")
            names.add(name)
    return found


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise BadRequest("invalid JSON: a number has too many digits")
    return int(text)


def exact_fraction(text: str) -> Decimal:
    """A JSON number with fraction or exponent, every digit kept; raises ``BadRequest`` for absurd ones."""
    if len(text) > MAX_DIGITS:
        raise BadRequest("invalid JSON: a number has too many digits")
    exponent = text.lower().partition("e")[2]
    if len(exponent.lstrip("+-").lstrip("0")) > 4:
        raise BadRequest("invalid JSON: a number is out of range")
    number = Decimal(text)
    if number and abs(number.adjusted()) > MAX_DIGITS:
        raise BadRequest("invalid JSON: a number is out of range")
    return number if number else Decimal(0)


def _constant(text: str) -> Any:
    raise BadRequest(f"invalid JSON: {text} is not a JSON number")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=exact_fraction, parse_constant=_constant
)
