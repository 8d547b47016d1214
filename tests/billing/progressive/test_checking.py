"""The pure rules: which thresholds are passed, how near they are, how a credit is spread (spec 02 §13)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.progressive.checking import Grid, Passed, Usage, completions, passed, reached_amount
from billwright.billing.progressive.spreading import Bearer, shares

TWO = Grid((1000, 2000), 500)
ONE = Grid((1000,), 3000)


@pytest.mark.parametrize(
    ("grid", "invoiced", "current", "progressive", "steps", "recurring"),
    [
        (TWO, 0, 900, 0, (), False),
        (TWO, 0, 1000, 0, (1000,), False),
        (TWO, 0, 2100, 1000, (2000,), False),
        (TWO, 0, 2600, 1000, (2000,), True),
        (TWO, 0, 2550, 2100, (), True),
        (TWO, 2600, 300, 0, (), False),
        (TWO, 2600, 400, 0, (), True),
        (ONE, 0, 3900, 1000, (), False),
        (ONE, 0, 4000, 1000, (), True),
        (ONE, 4200, 2700, 0, (), False),
        (ONE, 4200, 2800, 0, (), True),
        (TWO, 0, 900, 1000, (), False),
        (Grid((), 500), 0, 499, 0, (), False),
        (Grid((), 500), 0, 500, 0, (), True),
    ],
)
def test_02_13_3(
    grid: Grid, invoiced: int, current: int, progressive: int, steps: tuple[int, ...], recurring: bool
) -> None:
    assert passed(grid, Usage(0, invoiced, current, progressive)) == Passed(steps, recurring)
    assert passed(grid, Usage(invoiced, 0, current, progressive)) == Passed(steps, recurring)


@pytest.mark.parametrize(
    ("grid", "total", "expected"),
    [
        (Grid((10000, 30000), 20000), 22000, [(10000, "1"), (30000, "0.6"), (50000, "0")]),
        (Grid((10000, 30000), 20000), 47300, [(10000, "1"), (30000, "1"), (50000, "0.865")]),
        (
            Grid((10000, 30000), 20000),
            75000,
            [(10000, "1"), (30000, "1"), (50000, "1"), (70000, "1"), (90000, "0.25")],
        ),
        (
            Grid((5000, 10000), 5000),
            23500,
            [(5000, "1"), (10000, "1"), (15000, "1"), (20000, "1"), (25000, "0.7")],
        ),
        (Grid((7000,), 5000), 23500, [(7000, "1"), (12000, "1"), (17000, "1"), (22000, "1"), (27000, "0.3")]),
        (Grid((20000, 30000)), 23500, [(20000, "1"), (30000, "0.35")]),
        (Grid((2000, 4000)), 3000, [(2000, "1"), (4000, "0.5")]),
        (Grid((5000, 8000), 1000), 6000, [(5000, "1"), (8000, "1/3"), (9000, "0")]),
    ],
)
def test_01_10_8_and_07_8_9(grid: Grid, total: int, expected: list[tuple[int, str]]) -> None:
    found = [(item.amount_cents, item.ratio) for item in completions(grid, total)]
    assert found == [(amount, Fraction(ratio)) for amount, ratio in expected]


def test_02_13_4_the_threshold_on_the_document() -> None:
    assert reached_amount(Grid((200, 500, 700), 1000), Passed((), True), 5280) == 4700
    assert reached_amount(Grid((200, 500, 700), 1000), Passed((200, 500)), 660) == 500


grids = st.builds(
    lambda steps, recurring: Grid(tuple(sorted(steps)), recurring),
    st.sets(st.integers(1, 5000), max_size=4),
    st.one_of(st.none(), st.integers(1, 5000)),
)


@given(grids, st.lists(st.integers(0, 3000), min_size=1, max_size=12))
def test_no_threshold_is_missed_and_no_step_is_passed_twice(grid: Grid, growth: list[int]) -> None:
    """Checked after each growth of usage, every step up to the total was passed once; so were the multiples."""
    current = progressive = 0
    steps: list[int] = []
    for more in growth:
        current += more
        found = passed(grid, Usage(0, 0, current, progressive))
        steps.extend(found.steps)
        if found:
            progressive = current
    assert steps == [step for step in grid.steps if step <= current]
    if grid.recurring is not None and current >= grid.last + grid.recurring:
        assert progressive >= grid.last + (current - grid.last) // grid.recurring * grid.recurring


@given(grids, st.integers(0, 20000))
def test_progress_ascends_and_stays_between_0_and_1(grid: Grid, total: int) -> None:
    found = completions(grid, total)
    assert [item.amount_cents for item in found] == sorted({item.amount_cents for item in found})
    assert all(0 <= item.ratio <= 1 for item in found)
    assert [item.is_reached for item in found] == [item.amount_cents <= total for item in found]
    assert [item.ratio for item in found] == sorted((item.ratio for item in found), reverse=True)


def test_02_13_5_shares() -> None:
    """P billed A 3,000 and B 2,000; closing invoice A 6,000, B 1,000."""
    assert shares([Bearer(6000, 3000), Bearer(1000, 2000)], 5000) == [Decimal(4000), Decimal(1000)]
    assert shares([Bearer(100, 0), Bearer(0, 5)], 0) == [Decimal(0), Decimal(0)]


bearers = st.lists(st.builds(Bearer, st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=8)


@given(bearers, st.data())
def test_shares_add_up_and_never_exceed_a_fee(fees: list[Bearer], data: st.DataObject) -> None:
    credit = data.draw(st.integers(0, sum(fee.amount_cents for fee in fees)))
    found = shares(fees, credit)
    assert sum(found) == credit
    assert all(0 <= share <= fee.amount_cents for share, fee in zip(found, fees, strict=True))
    assert all(share == round(share, 5) for share in found)
