"""Properties that hold for every price list and every usage."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.pricing.percentage_fold import PercentageFold, PercentageTerms

from .cases import D, charge, charge_events

AMOUNTS = st.decimals(0, 1000, places=4)
UNITS = st.decimals(0, 500, places=3)
WIDTHS = st.lists(st.integers(1, 100), max_size=4)


@st.composite
def price_tiers(draw: st.DrawFn, price_key: str = "per_unit_amount", *, flats: bool = True) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    start = 0
    tops: list[int | None] = [*draw(WIDTHS), None]
    for width in tops:
        top = None if width is None else start + width
        gap = draw(st.integers(0, 1)) if rows else 0
        rows.append(
            {
                "from_value": start + gap,
                "to_value": top if top is None else top + 1,
                price_key: str(draw(AMOUNTS)),
                "flat_amount": str(draw(AMOUNTS)) if flats else "0",
            }
        )
        start = start if top is None else top + 1
    return rows


@given(price_tiers(flats=False), UNITS, UNITS)
def test_graduated_is_monotone(ranges: list[dict[str, Any]], one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    raw = {"graduated_ranges": ranges}
    assert charge("graduated", raw, low).amount <= charge("graduated", raw, high).amount


@given(price_tiers(flats=False))
def test_graduated_is_continuous_at_tier_edges(ranges: list[dict[str, Any]]) -> None:
    """Without flat amounts the price rises by at most step x the dearest unit across an edge."""
    step = D("0.000001")
    dearest = max(D(tier["per_unit_amount"]) for tier in ranges)
    for tier in ranges[:-1]:
        edge = D(tier["to_value"])
        below, at, above = (
            charge("graduated", {"graduated_ranges": ranges}, units).amount
            for units in (edge - step, edge, edge + step)
        )
        assert 0 <= at - below <= step * dearest
        assert 0 <= above - at <= step * dearest


@given(price_tiers(), UNITS)
def test_graduated_tiers_sum_to_the_amount(ranges: list[dict[str, Any]], units: Decimal) -> None:
    result = charge("graduated", {"graduated_ranges": ranges}, units)
    details = result.amount_details["graduated_ranges"]
    assert sum(D(tier["total_with_flat_amount"]) for tier in details) == result.amount
    assert sum(D(tier["units"]) for tier in details) == units
    assert all(D(tier["units"]) >= 0 for tier in details)


@given(price_tiers(price_key="rate"), UNITS)
def test_graduated_percentage_tiers_sum_to_the_amount(ranges: list[dict[str, Any]], units: Decimal) -> None:
    result = charge("graduated_percentage", {"graduated_percentage_ranges": ranges}, units)
    details = result.amount_details["graduated_percentage_ranges"]
    assert sum(D(tier["total_with_flat_amount"]) for tier in details) == result.amount
    as_graduated = [
        {**{k: v for k, v in tier.items() if k != "rate"}, "per_unit_amount": str(D(tier["rate"]).scaleb(-2))}
        for tier in ranges
    ]
    assert charge("graduated", {"graduated_ranges": as_graduated}, units).amount == result.amount


@given(price_tiers(), UNITS)
def test_volume_is_one_tier_for_all_units(ranges: list[dict[str, Any]], units: Decimal) -> None:
    chosen = next(tier for tier in ranges if tier["to_value"] is None or tier["to_value"] >= units)
    amount = charge("volume", {"volume_ranges": ranges}, units).amount
    assert amount == units * D(chosen["per_unit_amount"]) + D(chosen["flat_amount"])


@given(UNITS, st.integers(1, 50), st.integers(0, 50), AMOUNTS)
def test_package_steps(units: Decimal, size: int, free: int, amount: Decimal) -> None:
    raw = {"amount": str(amount), "package_size": size, "free_units": free}
    result = charge("package", raw, units)
    packages = 0
    while free + packages * size < units:
        packages += 1
    assert result.amount == packages * amount
    edge = D(free + packages * size)
    assert charge("package", raw, edge).amount == result.amount
    assert charge("package", raw, edge + D("0.000001")).amount == result.amount + amount


VALUES = st.lists(st.decimals(0, 300, places=2), max_size=12)
SIGNED = st.lists(st.decimals(-100, 300, places=2), max_size=12)
FREE_EVENTS = st.one_of(st.none(), st.integers(1, 8))
FREE_AMOUNT = st.one_of(st.none(), st.decimals(0, 800, places=1))
LIMIT = st.one_of(st.none(), st.decimals(0, 20, places=1))


def text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def terms(n: int | None, f: Decimal | None, low: Decimal | None = None, high: Decimal | None = None) -> dict[str, Any]:
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    return {
        "rate": "2.5",
        "fixed_amount": "0.3",
        "free_units_per_events": n,
        "free_units_per_total_aggregation": text(f),
        "per_transaction_min_amount": text(low),
        "per_transaction_max_amount": text(high),
    }


def by_the_book(raw: dict[str, Any], values: list[Decimal]) -> tuple[Fraction, Fraction, int]:
    """Spec 02 §5.4, rules 1-4, event by event."""
    n, limit = raw["free_units_per_events"], raw["free_units_per_total_aggregation"]
    low, high = raw["per_transaction_min_amount"], raw["per_transaction_max_amount"]
    available, cum, free_events, total = n is not None or limit is not None, Fraction(0), 0, Fraction(0)
    for position, value in enumerate(map(Fraction, values), 1):
        available = available and (n is None or position <= n) and (limit is None or cum < Fraction(limit))
        free = Fraction(0)
        if available:
            if limit is None or cum + value < Fraction(limit):
                cum += value
                free_events += 1
                continue
            free = Fraction(limit) - cum
            cum = Fraction(limit)
        cost = (value - free) * Fraction(raw["rate"]) / 100 + Fraction(raw["fixed_amount"])
        if low is not None:
            cost = max(cost, Fraction(low))
        if high is not None:
            cost = min(cost, Fraction(high))
        total += cost
    return total, cum, free_events


@given(VALUES, FREE_EVENTS, FREE_AMOUNT, LIMIT, LIMIT)
def test_percentage_equals_the_event_by_event_rule(
    values: list[Decimal], n: int | None, f: Decimal | None, low: Decimal | None, high: Decimal | None
) -> None:
    raw = terms(n, f, low, high)
    total, free_units, free_events = by_the_book(raw, values)
    result = charge_events(raw, values)
    limited = low is not None or high is not None
    if not any(values) and not limited:
        total = Fraction(0)
    assert Fraction(result.amount) == total
    assert Fraction(D(result.amount_details["free_units"])) == free_units
    assert result.amount_details["free_events"] == free_events
    parts = ("per_unit_total_amount", "fixed_fee_total_amount", "min_max_adjustment_total_amount")
    assert sum(D(result.amount_details[part]) for part in parts) == result.amount


@given(SIGNED, FREE_EVENTS, FREE_AMOUNT)
def test_percentage_needs_only_the_prefix_without_limits(
    values: list[Decimal], n: int | None, f: Decimal | None
) -> None:
    """Delivering what ``Requirements`` asks for gives the same price as delivering everything."""
    raw = terms(n, f)
    total = sum(values, D(0))
    prefix: list[Decimal] = []
    for value in values:
        if (n is None and f is None) or (n is not None and len(prefix) >= n) or (f is not None and sum(prefix) >= f):
            break
        prefix.append(value)
    everything = charge("percentage", raw, total, len(values), event_values=values)
    assert charge("percentage", raw, total, len(values), event_values=prefix) == everything


@given(SIGNED, FREE_EVENTS, FREE_AMOUNT)
def test_a_limit_that_never_binds_changes_nothing(values: list[Decimal], n: int | None, f: Decimal | None) -> None:
    if not sum(values):
        return
    free = charge_events(terms(n, f), values)
    assert charge_events(terms(n, f, None, D(10) ** 9), values).amount == free.amount


@given(st.decimals(-5, 50, places=1), st.integers(0, 60), FREE_EVENTS, FREE_AMOUNT, LIMIT, LIMIT)
def test_runs_of_equal_events_fold_like_single_ones(
    value: Decimal, count: int, n: int | None, f: Decimal | None, low: Decimal | None, high: Decimal | None
) -> None:
    one = PercentageFold(PercentageTerms(D("2.5"), D("0.3"), n, f, low, high))
    many = one.copy()
    one.add(value, count)
    many.extend([value] * count)
    assert (one.seen, one.free_units, one.free_events, one.cost, one.open) == (
        many.seen,
        many.free_units,
        many.free_events,
        many.cost,
        many.open,
    )


@given(st.lists(AMOUNTS, min_size=2, max_size=6))
def test_standard_is_linear(units: list[Decimal]) -> None:
    raw = {"amount": "0.123456789012345"}
    assert sum(charge("standard", raw, part).amount for part in units) == charge("standard", raw, sum(units)).amount


@given(price_tiers())
def test_tier_tops_are_inclusive(ranges: list[dict[str, Any]]) -> None:
    for tier, following in pairwise(ranges):
        top = D(tier["to_value"])
        assert (
            charge("graduated", {"graduated_ranges": ranges}, top).amount_details["graduated_ranges"][-1]["to_value"]
            == tier["to_value"]
        )
        above = charge("graduated", {"graduated_ranges": ranges}, top + D("0.001"))
        assert above.amount_details["graduated_ranges"][-1]["to_value"] == following["to_value"]
