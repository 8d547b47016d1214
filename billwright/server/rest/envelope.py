"""Answers: what an operation returns and how it is wrapped (spec 07 §1.1, §1.3).

A handler returns the bare value, the framework wraps it: ``one("tax", TaxOut)`` -> ``{"tax": ...}``,
``many("taxes", TaxOut)`` -> ``{"taxes": [...], "meta": {...}}`` from a ``Page`` of presented items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import msgspec
from pydantic import BaseModel
from starlette.responses import Response

from billwright.billing.kernel.pagination import Page

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """Shape of a successful answer. ``model`` (TypedDict or pydantic model) documents one item."""

    kind: Literal["one", "many", "listing", "bare", "empty", "text"]
    root: str = ""
    model: Any = None
    may_be_empty: bool = False
    """Whether 200 without a body is also an answer (the handler returned ``None``)."""

    def or_empty(self) -> Answer:
        """The same, but the handler may return ``None`` for 200 with an empty body."""
        return replace(self, may_be_empty=True)


def one(root: str, model: Any) -> Answer:
    """One object under its root key."""
    return Answer("one", root, model)


def many(root: str, model: Any) -> Answer:
    """A page of objects with ``meta``; the handler returns a ``Page`` (see ``presented``)."""
    return Answer("many", root, model)


def listing(root: str, model: Any) -> Answer:
    """A list without ``meta`` (analytics, batches); the handler returns a list."""
    return Answer("listing", root, model)


def bare(model: Any) -> Answer:
    """A whole body without a root key."""
    return Answer("bare", "", model)


EMPTY = Answer("empty")
"""200 with an empty body."""
TEXT = Answer("text")
"""text/plain; the handler returns ``str``."""


def presented(page: Page[S], present: Callable[[S], T]) -> Page[T]:
    """``page`` with its items as they go over the wire."""
    return Page([present(item) for item in page.items], page.total_count, page.request)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.__dict__
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no wire form")


_encoder = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
encode = _encoder.encode
"""JSON bytes. ``Decimal`` becomes a number: write decimal strings with ``money.decimal_string``."""

JSON_TYPE = "application/json; charset=utf-8"


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encode(value), status, headers, media_type=JSON_TYPE)


def wrap(answer: Answer, value: Any) -> Response:
    """The response for what a handler returned; a ``Response`` passes through."""
    if isinstance(value, Response):
        return value
    if answer.kind == "empty" or (value is None and answer.may_be_empty):
        return Response(b"", 200)
    if answer.kind == "text":
        return Response(value, 200, media_type="text/plain")
    if value is None:
        raise TypeError(f"no value to answer under {answer.root!r}")
    if answer.kind == "bare":
        return json_response(value)
    if answer.kind == "many":
        return json_response({answer.root: value.items, "meta": value.meta()})
    return json_response({answer.root: value})
