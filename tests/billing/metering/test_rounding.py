"""Rounding of units: the whole table of spec 01 §8 and Ex 17."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.kernel.errors import Unprocessable
from billwright.billing.metering.rounding import apply_rounding, round_places

D = Decimal

COLUMNS = [
    ("ceil", None),
    ("floor", None),
    ("round", None),
    ("ceil", 2),
    ("floor", 2),
    ("round", 2),
    ("ceil", -1),
    ("floor", -1),
    ("round", -1),
    ("ceil", -2),
    ("round", -2),
]
TABLE = {
    "123.4567": "124 123 123 123.46 123.45 123.46 130 120 120 200 100",
    "-123.4567": "-123 -124 -123 -123.45 -123.46 -123.46 -120 -130 -120 -100 -100",
    "2.5": "3 2 3 2.5 2.5 2.5 10 0 0 100 0",
    "-2.5": "-2 -3 -3 -2.5 -2.5 -2.5 0 -10 0 0 0",
    "150": "150 150 150 150 150 150 150 150 150 200 200",
}


@pytest.mark.parametrize(
    ("value", "function", "precision", "expected"),
    [
        (value, function, precision, expected)
        for value, row in TABLE.items()
        for (function, precision), expected in zip(COLUMNS, row.split(), strict=True)
    ],
)
def test_table_of_section_8(value: str, function: str, precision: int | None, expected: str) -> None:
    result = apply_rounding(D(value), function, precision)
    assert result == D(expected)
    assert str(result) != "-0"


def test_example_17() -> None:
    assert apply_rounding(D("48.434"), "ceil", 2) == D("48.44")
    assert sum(apply_rounding(D("1.2"), "ceil", None) for _ in range(2)) == 4
    assert apply_rounding(D("2.4"), "ceil", None) == 3
    assert apply_rounding(D("9.64517"), "ceil", 0) == 10


def test_no_function_means_no_rounding() -> None:
    assert apply_rounding(D("1.23456"), None, 2) == D("1.23456")


def test_every_digit_of_long_values_survives() -> None:
    value = D("12345678901234567890123456789012345678901234567890.125")
    assert apply_rounding(value, "round", 2) == D("12345678901234567890123456789012345678901234567890.13")


@pytest.mark.parametrize("function", ["ceil", "floor", "round"])
def test_precision_beyond_the_value_changes_nothing(function: str) -> None:
    assert apply_rounding(D("1.25"), function, 2**63) == D("1.25")


def test_absurd_negative_precision_is_an_error_only_where_the_result_is_not_zero() -> None:
    assert apply_rounding(D("5"), "round", -(2**63)) == 0
    assert apply_rounding(D("5"), "floor", -(2**63)) == 0
    assert apply_rounding(D("-5"), "ceil", -(2**63)) == 0
    for value, function in (("5", "ceil"), ("-5", "floor")):
        with pytest.raises(Unprocessable, match="aggregation_failure"):
            apply_rounding(D(value), function, -(2**63))


@given(
    st.decimals(min_value=-(10**20), max_value=10**20, places=8),
    st.sampled_from(["ceil", "floor", "round"]),
    st.integers(min_value=-30, max_value=12),
)
def test_rounding_equals_the_definition_on_fractions(value: Decimal, function: str, places: int) -> None:
    scaled = Fraction(value) * Fraction(10) ** places
    if function == "ceil":
        whole = ceil(scaled)
    elif function == "floor":
        whole = floor(scaled)
    else:
        whole = floor(abs(scaled) + Fraction(1, 2)) * (1 if scaled >= 0 else -1)
    assert Fraction(round_places(value, function, places)) == whole / Fraction(10) ** places
