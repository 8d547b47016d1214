"""Prorated charges (spec 02 §6)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.kernel.money import round_half_up
from billwright.billing.pricing.fee_amounts import fee_amounts
from billwright.billing.pricing.usage import NOTHING, ProratedEntry

from .cases import D, charge, tiers

THREE = {"graduated_ranges": tiers((0, 5, "10", "100"), (6, 15, "5", "50"), (16, None, "2", "0"))}
TWO = {"graduated_ranges": tiers((0, 5, "10", "100"), (6, None, "5", "50"))}


def graduated(raw: dict[str, Any], entries: list[ProratedEntry]) -> Decimal:
    prorated = D(sum(int(Fraction(p) * 10**9) for _, p in entries)) / 10**9
    full = sum((v for v, _ in entries), D(0))
    return charge("graduated", raw, prorated, len(entries), full_units=full, prorated_entries=entries).amount


@pytest.mark.parametrize(
    ("price", "prorated", "full", "cents"),
    [
        ("10", "9.64517", "29", 9645),
        ("30", "0.53334", "1", 1600),
        ("30", "0.70968", "0", 2129),
        ("10", "5.09678", "5", 5097),
        ("10", "0.70968", "1", 710),
    ],
)
def test_standard_6_1(price: str, prorated: str, full: str, cents: int) -> None:
    result = charge("standard", {"amount": price}, prorated, full_units=D(full))
    fee = fee_amounts(result, "USD")
    assert (fee.amount_cents, fee.units) == (cents, D(full))


def test_standard_unit_amount_is_per_full_unit_6() -> None:
    result = charge("standard", {"amount": "10"}, "9.64517", full_units=D(29))
    assert round_half_up(result.unit_amount, 9) == D("3.325920690")


def test_volume_6_2() -> None:
    raw = {"volume_ranges": tiers((0, 100, "2", "10"), (101, 200, "1", "0"), (201, None, "0", "0"))}
    result = charge("volume", raw, 60, full_units=D(120))
    assert (result.amount, result.units) == (60, 120)
    assert result.unit_amount == D("0.5")
    low = charge("volume", raw, 60, full_units=D(80))
    assert low.amount == 130, "the flat amount is not prorated"


EVENTS = [
    (2, 21, "114.00"),
    (5, 15, "184.00"),
    (-6, 11, "165.67"),
    (10, 6, "179.67"),
    (4, 5, "183.00"),
    (60, 1, "187.00"),
]


@pytest.mark.parametrize("count", range(1, 7))
def test_graduated_september_6_3(count: int) -> None:
    entries: list[ProratedEntry] = [(D(v), Fraction(v * days, 30)) for v, days, _ in EVENTS[:count]]
    assert round_half_up(graduated(THREE, entries), 2) == D(EVENTS[count - 1][2])
    assert sum(v for v, _ in entries) == [2, 7, 1, 11, 15, 75][count - 1]


def test_graduated_without_events_and_october_6_3() -> None:
    empty = charge("graduated", THREE, 0, 0, full_units=D(0), prorated_entries=())
    assert (empty.amount, empty.amount_details) == (100, {})
    carried: list[ProratedEntry] = [(D(75), D(75))]
    assert graduated(THREE, carried) == 370
    assert round_half_up(graduated(THREE, [*carried, (D(20), Fraction(20 * 15, 31))]), 2) == D("389.35")


@pytest.mark.parametrize(
    ("entries", "amount"),
    [
        ([("5", "3.5"), ("5", "2.66667"), ("10", "2"), ("-6", "-2.2")], "197.33"),
        ([("4", "2.8"), ("2", "1"), ("-3", "-0.6")], "180.50"),
        ([("5", "3.5"), ("-2", "-1")], "125.00"),
        ([("1", ".7097"), ("4", "1.54839"), ("1", ".2258"), ("-5", "-.80645"), ("-1", "-.0645")], "165.81"),
        ([("5", "2"), ("-100", "-33.33")], "0"),
    ],
)
def test_graduated_two_tiers_6_3(entries: list[tuple[str, str]], amount: str) -> None:
    rows: list[ProratedEntry] = [(D(v), D(p)) for v, p in entries]
    assert round_half_up(graduated(TWO, rows), 2) == D(amount)


def test_graduated_drops_entries_6_3() -> None:
    """v = 0; additions without days; removals without days that would go below zero."""
    kept: ProratedEntry = (D(4), D(4))
    entries = [(D(0), D(3)), (D(-1), D(0)), kept, (D(9), D(0))]
    result = charge("graduated", TWO, 4, 4, full_units=D(4), prorated_entries=entries)
    assert result.amount == 140
    # A unique value leaving (-1, 0) moves the running total without money.
    seats = [(D(1), D(1))] * 6 + [(D(-1), D(0))] * 2 + [(D(1), D("0.5"))]
    assert charge("graduated", TWO, "6.5", 5, full_units=D(5), prorated_entries=seats).amount == 50 + 5 + 5 + 150


def test_graduated_negative_money_keeps_the_flats_6_3() -> None:
    """An early removal outweighs a late addition: the money part is 0, the flat amounts stay."""
    entries = [(D(-6), D(-6)), (D(10), D("0.4"))]
    result = charge("graduated", TWO, "-5.6", 2, full_units=D(4), prorated_entries=entries)
    assert result.amount == 100


def test_graduated_ends_below_zero_6_3() -> None:
    """The exact running total decides, also when rounding of units shows 0."""
    entries = [(D(5), D(5)), (D("-5.4"), D("-0.2"))]
    result = charge("graduated", TWO, "4.8", 2, full_units=D(0), prorated_entries=entries)
    assert (result.amount, result.unit_amount) == (0, 0)


def test_negative_totals_6_1() -> None:
    assert charge("standard", {"amount": "3"}, "-2", full_units=D(1)) == NOTHING
    assert charge("standard", {"amount": "3"}, "2", full_units=D(-1)) == NOTHING


@given(st.lists(st.integers(1, 40), max_size=8), st.integers(1, 31))
def test_a_full_period_costs_the_unprorated_price(values: list[int], duration: int) -> None:
    """Units added on the first day are prorated by D/D: same amount as without proration."""
    entries: list[ProratedEntry] = [(D(v), Fraction(v * duration, duration)) for v in values]
    assert graduated(THREE, entries) == charge("graduated", THREE, sum(values)).amount
