"""The contract of user code: fold events in time order into a state (spec 01 §9.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, DecimalException
from functools import lru_cache
from typing import Any, NamedTuple

from .compiler import Program, compile_source
from .errors import AggregationError, InvalidSource, Problem
from .limits import MAX_MEMO
from .values import ARITHMETIC, Budget, Value, deep_copy, in_range, read_json, type_name, write_json


class State(NamedTuple):
    """What the fold carries: units (replaced by each event), amount in currency units (added up), and the code's
    own memo as exact JSON text, so that it means the same wherever it is stored."""

    total_units: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    memo: str = "null"

    def dump(self) -> dict[str, str]:
        """Three strings for any JSON or text column; ``load`` reads them back without loss."""
        return {"total_units": plain(self.total_units), "amount": plain(self.amount), "memo": self.memo}

    @classmethod
    def load(cls, stored: Mapping[str, str]) -> State:
        """A dumped state. Raises ``ValueError`` or ``KeyError`` for anything else."""
        try:
            return cls(Decimal(stored["total_units"]), Decimal(stored["amount"]), stored["memo"])
        except DecimalException:
            raise ValueError("not a stored state") from None


class Event(NamedTuple):
    """An event as user code sees it. ``timestamp`` in Unix seconds with fraction, ``properties`` decoded JSON."""

    code: str
    timestamp: Decimal
    properties: Mapping[str, Any]


INITIAL = State()

_RESULT_KEYS = {"total_units", "amount", "memo"}


def plain(number: Decimal) -> str:
    """Plain notation, no sign on zero."""
    return format(number if number else Decimal(0), "f")


@lru_cache(maxsize=64)
def program(source: str) -> Program:
    """The compiled source, cached; raises ``InvalidSource``."""
    return compile_source(source)


def validate(source: str) -> list[Problem]:
    """Everything that forbids saving ``source``; empty when it is fine."""
    try:
        program(source)
    except InvalidSource as failure:
        return failure.problems
    return []


def steps(
    source: str, properties: Value, state: State, events: Iterable[tuple[str, Decimal, Value]]
) -> Iterator[State]:
    """The state after each event; every value must come from ``read_json``.

    Raises ``InvalidSource``, or ``AggregationError`` with the index of the event that failed.
    """
    code = program(source)
    try:
        memo = read_json(state.memo)
    except (ValueError, RecursionError):
        raise AggregationError("The stored memo is not JSON") from None
    units, amount, memo_text = state.total_units, state.amount, state.memo
    given = deep_copy(properties)
    for index, (event_code, timestamp, event_properties) in enumerate(events):
        try:
            budget = Budget()
            result = code.call(
                budget,
                {"code": event_code, "timestamp": timestamp, "properties": event_properties},
                {"total_units": units, "amount": amount, "memo": memo},
                given,
            )
            units, added, returned = _checked(result)
            amount = in_range(ARITHMETIC.add(amount, added))
            if returned is not None:
                memo_text, memo = returned
            if budget.mutated:
                # Changes in place are forgotten, as they are where a batch ends: only what is returned counts.
                given = deep_copy(properties)
                memo = read_json(memo_text)
        except AggregationError as failure:
            failure.event_index = index
            raise
        except DecimalException:
            failure = AggregationError("Number out of range")
            failure.event_index = index
            raise failure from None
        yield State(units, amount, memo_text)


def _checked(result: Value) -> tuple[Decimal, Decimal, tuple[str, Value] | None]:
    if not isinstance(result, dict):
        raise AggregationError(f"aggregate() returns a dict, not {type_name(result)}")
    unknown = sorted(result.keys() - _RESULT_KEYS)
    if unknown:
        raise AggregationError(f"aggregate() returned the unknown key {unknown[0][:100]!r}")
    numbers: list[Decimal] = []
    for key in ("total_units", "amount"):
        value = result.get(key)
        if not isinstance(value, Decimal):
            raise AggregationError(f"aggregate() returned no decimal as {key}")
        numbers.append(in_range(ARITHMETIC.plus(value)))
    if "memo" not in result:
        return numbers[0], numbers[1], None
    text = write_json(result["memo"], MAX_MEMO)
    # Read back, so that the next event meets the same value whether or not a batch ends in between.
    return numbers[0], numbers[1], (text, read_json(text))


def to_value(host: Any) -> Value:
    """Decoded JSON of the host (ints, floats, decimals) as a value, by way of its exact text."""
    return read_json(write_json(host))


def fold(source: str, properties: Any, state: State, events: Iterable[Event]) -> State:
    """Fold in this process, behind the first wall only: for tests and tools. Services call the sandbox.

    Raises ``InvalidSource`` or ``AggregationError``.
    """
    for after in steps(
        source, to_value(properties), state, ((e.code, e.timestamp, to_value(e.properties)) for e in events)
    ):
        state = after
    return state


def trace(source: str, properties: Any, state: State, events: Iterable[Event]) -> list[State]:
    """Like ``fold``, but the state after each event."""
    return list(
        steps(source, to_value(properties), state, ((e.code, e.timestamp, to_value(e.properties)) for e in events))
    )
