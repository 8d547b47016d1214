"""Worked examples and price curves of charges that are being written (spec 07 §7.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billwright.billing.kernel.errors import Problems
from billwright.billing.pricing.properties import default_properties, validate_properties
from billwright.billing.pricing.trial import MAX_UNITS, try_price
from billwright.billing.pricing.vocabulary import CHARGE_MODELS

TIERS = [
    {"from_value": 0, "to_value": 10, "per_unit_amount": "2", "flat_amount": "1"},
    {"from_value": 11, "to_value": None, "per_unit_amount": "1", "flat_amount": "5"},
]


def cents(model: str, properties: Any, units: str, kind: str = "sum_agg", events: int | None = None) -> int | None:
    trial = try_price(model, properties, Decimal(units), "USD", aggregation_type=kind, events_count=events)
    return trial.fee.amount_cents if trial else None


@pytest.mark.parametrize(
    ("model", "properties", "units", "expected"),
    [
        ("standard", {"amount": "0.05"}, "1000", 5000),
        ("package", {"amount": "1.50", "package_size": 1000, "free_units": 10000}, "10000", 0),
        ("package", {"amount": "1.50", "package_size": 1000, "free_units": 10000}, "10001", 150),
        ("package", {"amount": "1.50", "package_size": 1000, "free_units": 10000}, "37500", 4200),
        ("graduated", {"graduated_ranges": TIERS}, "12", 2800),
        ("volume", {"volume_ranges": TIERS}, "12", 1700),
        ("graduated_percentage", {"graduated_percentage_ranges": [
            {"from_value": 0, "to_value": None, "rate": "1.5", "flat_amount": "2"}]}, "1000", 1700),
    ],
)  # fmt: skip
def test_units_cost_what_a_fee_would(model: str, properties: Any, units: str, expected: int) -> None:
    assert cents(model, properties, units) == expected


def test_percentages_come_in_events_of_one_size() -> None:
    price = {"rate": "1", "fixed_amount": "0.10", "free_units_per_events": 2, "per_transaction_min_amount": "0.50"}
    assert cents("percentage", price, "1000", events=10) == 8 * 110
    assert cents("percentage", price, "100", events=10) == 8 * 50, "1% of 10 and 0.10 are less than the minimum"
    assert cents("percentage", price, "10", "count_agg", events=3) == 8 * 50, "each unit of a count is an event"
    assert cents("percentage", {"rate": "0", "fixed_amount": "1"}, "3.5", events=10**8) == 10**10


@pytest.mark.parametrize("model", CHARGE_MODELS)
def test_the_curve_ascends_and_passes_through_the_example(model: str) -> None:
    trial = try_price(model, default_properties(model), Decimal(1000), "USD", aggregation_type="sum_agg")
    if model in ("dynamic", "custom"):
        assert trial is None
        return
    assert trial is not None
    places = [point.units for point in trial.curve]
    assert places == sorted(set(places))
    assert places[0] == 0
    assert Decimal(1000) in places
    assert places[-1] > 1000


def test_the_curve_shows_jumps() -> None:
    trial = try_price("volume", {"volume_ranges": TIERS}, Decimal(5), "USD", aggregation_type="sum_agg")
    assert trial is not None
    amounts = {point.units: point.amount for point in trial.curve}
    assert amounts[Decimal(10)] == 21
    after = min(units for units in amounts if units > 10)
    assert amounts[after] < 16
    packages = {"amount": "3", "package_size": 10, "free_units": 5}
    trial = try_price("package", packages, Decimal(20), "USD", aggregation_type="sum_agg")
    assert trial is not None
    assert {point.amount for point in trial.curve} >= {Decimal(each) for each in (0, 3, 6, 9)}
    trial = try_price("package", {**packages, "package_size": 1}, Decimal(1000), "USD", aggregation_type="sum_agg")
    assert trial is not None
    beyond = [point for point in trial.curve if point.units > 5]
    assert len(beyond) < 40
    assert all(point.amount == 3 * (point.units - 5) for point in beyond), "a line through the corners"


@pytest.mark.parametrize(
    ("properties", "units", "events"),
    [
        ({"amount": "x"}, "1", None),
        ({"amount": "1"}, "-1", None),
        ({"amount": "1"}, str(MAX_UNITS + 1), None),
        ({"amount": "999999999999999"}, "1000000", None),
        ({"amount": "1"}, "1", -1),
    ],
)
def test_nothing_is_said_of_what_cannot_be_priced(properties: Any, units: str, events: int | None) -> None:
    assert cents("standard", properties, units, events=events) is None


def places(model: str, properties: Any) -> dict[str, list[str]]:
    problems = Problems()
    validate_properties(model, properties, problems, aggregation_type="sum_agg")
    return problems.places


def test_mistakes_are_placed() -> None:
    assert places("standard", {"amount": "x"}) == {"properties.amount": ["invalid_amount"]}
    rows = [{**TIERS[0], "flat_amount": None}, {**TIERS[0], "from_value": 11, "to_value": 11}, {**TIERS[1]}]
    assert places("graduated", {"graduated_ranges": rows}) == {
        "properties.graduated_ranges.0.flat_amount": ["invalid_amount"],
        "properties.graduated_ranges.1.to_value": ["invalid_graduated_ranges"],
    }
    closed = [{**TIERS[1], "from_value": 0, "to_value": 4}]
    assert places("volume", {"volume_ranges": closed}) == {
        "properties.volume_ranges.0.to_value": ["invalid_volume_ranges"]
    }
    price = {"rate": "", "per_transaction_min_amount": "2", "per_transaction_max_amount": "1"}
    assert places("percentage", price) == {
        "properties.rate": ["invalid_rate"],
        "properties.per_transaction_max_amount": ["per_transaction_max_lower_than_per_transaction_min"],
    }
