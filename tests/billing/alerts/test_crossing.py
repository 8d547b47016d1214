"""Which thresholds are crossed (spec 07 §9.4)."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.alerts.crossing import MOST_MULTIPLES, Direction, Threshold, crossed

RISING = (Threshold(Decimal(1000)), Threshold(Decimal(5000)), Threshold(Decimal(2000), recurring=True, code="more"))
FALLING = (Threshold(Decimal(50)), Threshold(Decimal(20)), Threshold(Decimal(10), recurring=True))


@pytest.mark.parametrize(
    ("thresholds", "direction", "previous", "current", "expected"),
    [
        (RISING, "increasing", 0, 900, []),
        (RISING, "increasing", 900, 5200, [1000, 5000]),
        (RISING, "increasing", 5200, 9100, [7000, 9000]),
        (FALLING, "decreasing", 55, 15, [20, 50]),
        (FALLING, "decreasing", 15, -1, [0, 10]),
        (RISING, "increasing", 999, 1000, [1000]),
        (RISING, "increasing", 1000, 4999, []),
        (RISING, "increasing", 9100, 300, []),
        (RISING, "increasing", 4000, 9000, [5000, 7000, 9000]),
        (FALLING, "decreasing", 50, 20, [20]),
        (FALLING, "decreasing", 20, 60, []),
        ((Threshold(Decimal(300), recurring=True),), "increasing", 0, 950, [300, 600, 900]),
        ((Threshold(Decimal(300), recurring=True),), "decreasing", 100, -650, [-600, -300]),
    ],
)
def test_07_9_4_worked_examples_and_edges(
    thresholds: tuple[Threshold, ...], direction: Direction, previous: int, current: int, expected: list[int]
) -> None:
    found = crossed(thresholds, Decimal(previous), Decimal(current), direction)
    assert [item.value for item in found] == expected
    codes = {item.code for item in found if item.recurring}
    assert codes <= {next(item.code for item in thresholds if item.recurring)}


values = st.decimals(min_value=-5000, max_value=5000, places=2)
steps = st.decimals(min_value=Decimal("0.5"), max_value=3000, places=2)


@st.composite
def lists(draw: st.DrawFn) -> list[Threshold]:
    fixed = draw(st.lists(values, unique=True, max_size=6))
    found = [Threshold(value) for value in fixed]
    if not found or draw(st.booleans()):
        found.append(Threshold(draw(steps), recurring=True))
    return draw(st.permutations(found))


def naive(thresholds: list[Threshold], previous: Decimal, current: Decimal, direction: Direction) -> list[Decimal]:
    """Every value of the grid on the way, by walking through it."""
    fixed = [item.value for item in thresholds if not item.recurring]
    grid = list(fixed)
    for step in (item.value for item in thresholds if item.recurring):
        rising = direction == "increasing"
        value = max(fixed, default=Decimal(0)) if rising else min(fixed, default=Decimal(0))
        while (value <= current) if rising else (value >= current):
            value += step if rising else -step
            grid.append(value)
    if direction == "increasing":
        return sorted(value for value in grid if previous < value <= current)
    return sorted(value for value in grid if current <= value < previous)


@given(lists(), values, values, st.sampled_from(["increasing", "decreasing"]))
def test_it_is_the_grid_s_values_on_the_way(
    thresholds: list[Threshold], previous: Decimal, current: Decimal, direction: Direction
) -> None:
    found = [item.value for item in crossed(thresholds, previous, current, direction)]
    expected = naive(thresholds, previous, current, direction)
    whole = [item.value for item in thresholds if not item.recurring]
    if len(expected) - len(whole) <= MOST_MULTIPLES:
        assert found == expected
    else:
        assert set(found) <= set(expected)
        assert found == sorted(found)


@given(lists(), st.lists(values, min_size=2, max_size=6), st.sampled_from(["increasing", "decreasing"]))
def test_looking_more_often_tells_the_same(
    thresholds: list[Threshold], stops: list[Decimal], direction: Direction
) -> None:
    """A way in one direction, looked at in between or not, crosses the same thresholds, each once."""
    way = sorted(stops, reverse=direction == "decreasing")
    told = [item.value for a, b in pairwise(way) for item in crossed(thresholds, a, b, direction)]
    at_once = [item.value for item in crossed(thresholds, way[0], way[-1], direction)]
    if len(told) < MOST_MULTIPLES:
        assert sorted(told) == at_once
    assert len(set(told)) == len(told)
    back = [item for a, b in pairwise(reversed(way)) for item in crossed(thresholds, a, b, direction)]
    assert back == []


def test_a_tiny_step_tells_the_multiples_nearest_to_the_figure() -> None:
    found = crossed([Threshold(Decimal("0.01"), recurring=True)], Decimal(0), Decimal(10**24), "increasing")
    assert len(found) == MOST_MULTIPLES
    assert found[-1].value == 10**24
    assert found[0].value == 10**24 - Decimal("9.99")


def test_values_are_exact() -> None:
    step = Decimal("0.00000000000000000001")
    origin = Decimal("123456789012345678901234567890")
    found = crossed([Threshold(origin), Threshold(step, recurring=True)], origin, origin, "increasing")
    assert found == []
    above = Decimal("123456789012345678901234567890.00000000000000000001")
    found = crossed([Threshold(origin), Threshold(step, recurring=True)], origin, above, "increasing")
    assert [item.value for item in found] == [above]
