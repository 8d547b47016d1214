"""Which part of a window is read from rollups and which from raw events (spec 08 C3 "Reading")."""

from __future__ import annotations

from dataclasses import dataclass

from billwright.billing.metering.store.quarters import (
    FAR_PAST_US,
    QUARTER_US,
    ceil_quarter,
    floor_quarter,
    from_us,
)

Interval = tuple[int, int]
"""Half-open [from, to) in microseconds."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Disjoint intervals that together are the window."""

    rolled: list[Interval]
    raw: list[Interval]


def cut(
    start: int | None, split: int | None, end: int, valid_since: int, readable_until: int, unrolled: list[int]
) -> Cut:
    """Cut [start, end) into rolled and raw intervals.

    ``start`` None means all history. At ``split`` the quarter that contains it is read raw (what lies before is carried
    over). ``unrolled``: quarters that are dirty or spilled.
    """
    first = FAR_PAST_US if start is None else start
    if first >= end:
        return Cut([], [])
    low, high = max(ceil_quarter(first), valid_since), min(floor_quarter(end), readable_until)
    holes = {quarter for quarter in unrolled if low <= quarter < high}
    if split is not None and split % QUARTER_US and low <= floor_quarter(split) < high:
        holes.add(floor_quarter(split))
    rolled: list[Interval] = []
    raw: list[Interval] = []
    if low >= high:
        return Cut([], [(first, end)])
    _extend(raw, first, low)
    position = low
    for hole in sorted(holes):
        _extend(rolled, position, hole)
        _extend(raw, hole, hole + QUARTER_US)
        position = hole + QUARTER_US
    _extend(rolled, position, high)
    _extend(raw, high, end)
    return Cut(rolled, raw)


def _extend(intervals: list[Interval], low: int, high: int) -> None:
    if low >= high:
        return
    if intervals and intervals[-1][1] == low:
        intervals[-1] = (intervals[-1][0], high)
    else:
        intervals.append((low, high))


def instants(intervals: list[Interval]) -> tuple[list[object], list[object]]:
    """The intervals' lower and upper ends as timestamps."""
    return [from_us(low) for low, _ in intervals], [from_us(high) for _, high in intervals]
