"""One batch as a JSON line in, one as a JSON line out: what the sandbox worker runs.

Request: ``{"source", "properties", "state": {...}, "events": [[code, timestamp, properties], ...], "trace": bool}``.
Answer: ``{"states": [...]}`` (the last one, or all with ``trace``), ``{"error", "line", "event"}``, or
``{"problems": [[line, message], ...]}``. States and timestamps are strings; numbers inside the user's JSON keep
all their digits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

from .errors import AggregationError, InvalidSource
from .folding import State, steps
from .values import Value, read_json


def serve(line: bytes) -> bytes:
    """Answer one request. Raises nothing that a well-formed request can cause."""
    return json.dumps(_answer(cast("dict[str, Any]", read_json(line)))).encode() + b"\n"


def _events(listed: list[tuple[str, str, Value]]) -> Iterator[tuple[str, Decimal, Value]]:
    for code, timestamp, properties in listed:
        yield code, Decimal(timestamp), properties


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    last = State.load(request["state"])
    every: list[State] = []
    try:
        for after in steps(request["source"], request["properties"], last, _events(request["events"])):
            last = after
            if request["trace"]:
                every.append(after)
    except AggregationError as failure:
        return {"error": failure.message, "line": failure.line, "event": failure.event_index or 0}
    except InvalidSource as failure:
        return {"problems": [list(problem) for problem in failure.problems]}
    return {"states": [state.dump() for state in every or [last]]}
