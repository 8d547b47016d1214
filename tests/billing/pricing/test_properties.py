"""Validation, stored form and wire form of ``properties`` (spec 02 §1.1, §2.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billwright.billing.kernel.errors import Problems
from billwright.billing.pricing.properties import (
    default_properties,
    pricing_group_keys,
    same_properties,
    validate_properties,
    wire_properties,
)
from billwright.billing.pricing.vocabulary import CHARGE_MODELS

from .cases import checked, tiers


def codes(model: str, raw: Any, aggregation_type: str = "sum_agg", **options: bool) -> list[str]:
    problems = Problems()
    validate_properties(model, raw, problems, aggregation_type=aggregation_type, **options)
    assert set(problems.details) <= {"properties"}
    return problems.details.get("properties", [])


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("0.05", "0.05"),
        ("1.50", "1.50"),
        ("0.000000000000001", "0.000000000000001"),
        ("1e-3", "0.001"),
        ("2.5E2", "250"),
        (" 7 ", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+5", "5"),
        ("-0", "0"),
        ("0", "0"),
    ],
)
def test_amount_texts(given: str, stored: str) -> None:
    assert checked("standard", {"amount": given}) == {"amount": stored}


@pytest.mark.parametrize(
    "given",
    [None, "", " ", 5, 0.5, Decimal("0.5"), True, "NaN", "Infinity", "-1", "abc", "1,5", "1e15", "1e-41", [], {}],
)
def test_refused_amounts(given: Any) -> None:
    assert codes("standard", {"amount": given}) == ["invalid_amount"]


def test_defaults() -> None:
    for model in CHARGE_MODELS:
        assert checked(model, None) == checked(model, {}) == default_properties(model)
    assert default_properties("standard") == {"amount": "0"}
    assert default_properties("package") == {"amount": "0", "package_size": 1, "free_units": 0}
    assert default_properties("percentage") == {"rate": "0"}
    assert default_properties("graduated_percentage") == {
        "graduated_percentage_ranges": [{"from_value": 0, "to_value": None, "rate": "0", "flat_amount": "0"}]
    }
    assert default_properties("dynamic") == default_properties("custom") == {}
    changed = default_properties("volume")
    changed["volume_ranges"][0]["per_unit_amount"] = "9"
    assert default_properties("volume")["volume_ranges"][0]["per_unit_amount"] == "0"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("standard", ["invalid_amount"]),
        ("graduated", ["missing_graduated_ranges"]),
        ("package", ["invalid_amount", "invalid_package_size", "invalid_free_units"]),
        ("percentage", ["invalid_rate"]),
        ("volume", ["missing_volume_ranges"]),
        ("graduated_percentage", ["missing_graduated_percentage_ranges"]),
        ("dynamic", []),
        ("custom", []),
    ],
)
def test_a_blank_price_on_a_filter_is_an_error_4_1(model: str, expected: list[str]) -> None:
    assert codes(model, {}, default_when_empty=False) == expected
    assert codes(model, None, default_when_empty=False) == expected


def test_foreign_keys_are_dropped() -> None:
    raw = {"amount": "1", "rate": "2", "volume_ranges": [], "presentation_group_keys": [{"value": "x"}], "x": 1}
    assert checked("standard", raw) == {"amount": "1"}
    assert checked("dynamic", raw) == {}
    assert codes("standard", ["amount"]) == ["invalid_type"]


RANGE_MODELS = [
    ("graduated", "graduated_ranges", "per_unit_amount", "invalid_amount"),
    ("volume", "volume_ranges", "per_unit_amount", "invalid_amount"),
    ("graduated_percentage", "graduated_percentage_ranges", "rate", "invalid_rate"),
]


@pytest.mark.parametrize(("model", "key", "price_key", "price_code"), RANGE_MODELS)
def test_bounds(model: str, key: str, price_key: str, price_code: str) -> None:
    def of(*bounds: tuple[Any, Any], price: Any = "1", flat: Any = "0") -> list[str]:
        return codes(
            model, {key: [{"from_value": a, "to_value": b, price_key: price, "flat_amount": flat} for a, b in bounds]}
        )

    for good in (
        [(0, None)],
        [(1, None)],
        [(0, 10), (11, None)],
        [(0, 10), (10, 20), (21, None)],
        [(1, 10), (11, None)],
        [(0, Decimal("0.1")), (Decimal("0.1"), 1), (1, None)],
        [(0, 0.5), (1.5, None)],
    ):
        assert of(*good) == [], good
    for bad in (
        [(2, None)],
        [(0, 10)],
        [(0, None), (11, None)],
        [(0, 10), (12, None)],
        [(0, 10), (9, None)],
        [(0, 0), (1, None)],
        [(0, 10), (11, 11), (12, None)],
        [(0, 10), (11, 5), (6, None)],
        [("0", None)],
        [(0, "10"), (11, None)],
        [(None, None)],
        [(-1, None)],
        [(0, True), (1, None)],
        [(0, float("inf")), (1, None)],
        [(0, 10**2000), (1, None)],
    ):
        assert of(*bad) == [f"invalid_{key}"], bad
    assert of((0, None), price="-1") == [price_code]
    assert of((0, None), flat=None) == ["invalid_amount"]
    assert set(of((0, 10), (12, None), price="x", flat=3)) == {f"invalid_{key}", price_code, "invalid_amount"}
    assert codes(model, {key: None}) == codes(model, {key: []}) == codes(model, {"x": 1}) == [f"missing_{key}"]
    assert codes(model, {key: ["x"]}) == codes(model, {key: "x"}) == [f"invalid_{key}"]


def test_package() -> None:
    good = {"amount": "5", "package_size": 100, "free_units": 0}
    assert checked("package", good) == good
    assert checked("package", {**good, "package_size": "10"})["package_size"] == 10
    for size in (0, -1, 1.5, None, "x", True):
        assert codes("package", {**good, "package_size": size}) == ["invalid_package_size"]
    for free in (-1, 0.5, None, "x"):
        assert codes("package", {**good, "free_units": free}) == ["invalid_free_units"]


def test_percentage() -> None:
    full = {
        "rate": "120.5",
        "fixed_amount": "0.3",
        "free_units_per_events": 3,
        "free_units_per_total_aggregation": "1e20",
        "per_transaction_min_amount": "1",
        "per_transaction_max_amount": "1.0",
    }
    assert checked("percentage", full) == {**full, "free_units_per_total_aggregation": "1" + "0" * 20}
    assert checked("percentage", {**dict.fromkeys(full), "rate": "1"}) == {"rate": "1"}
    for key, value, code in (
        ("rate", 1, "invalid_rate"),
        ("fixed_amount", 1, "invalid_fixed_amount"),
        ("free_units_per_events", 0, "invalid_free_units_per_events"),
        ("free_units_per_events", 1.5, "invalid_free_units_per_events"),
        ("free_units_per_total_aggregation", 5, "invalid_free_units_per_total_aggregation"),
        ("per_transaction_min_amount", "-1", "invalid_amount"),
        ("per_transaction_max_amount", "x", "invalid_amount"),
        ("per_transaction_max_amount", "0.99", "per_transaction_max_lower_than_per_transaction_min"),
    ):
        assert codes("percentage", {**full, key: value}) == [code], key
    assert codes("percentage", {"rate": "x"}, "latest_agg") == ["invalid_rate", "invalid_value"]
    assert codes("graduated_percentage", {}, "latest_agg") == ["invalid_value"]
    assert codes("standard", {"amount": "1"}, "latest_agg") == []


def test_custom_properties() -> None:
    def custom(raw: Any, model: str = "custom", aggregation_type: str = "custom_agg") -> Any:
        return checked(model, {"amount": "1", "custom_properties": raw}, aggregation_type).get("custom_properties")

    assert custom({"ranges": [{"to": None}]}) == {"ranges": [{"to": None}]}
    assert custom('{"price": 0.10, "n": 1}') == {"price": Decimal("0.10"), "n": 1}
    assert custom({"a": 1}, "standard") == {"a": 1}
    assert custom({"a": 1}, "standard", "sum_agg") is None
    for broken in ("{", "", "NaN", '{"a": 1e99999}', '"\\u0000"', "[" * 5000, "1" * 5000, None):
        assert custom(broken) == {}, broken


def test_pricing_group_keys() -> None:
    assert checked("package", {**default_properties("package"), "pricing_group_keys": ["a", "", "b", "a"]}) == {
        **default_properties("package"),
        "pricing_group_keys": ["a", "b"],
    }
    assert checked("standard", {"amount": "1", "grouped_by": ["x"]})["pricing_group_keys"] == ["x"]
    both = checked("standard", {"amount": "1", "grouped_by": ["x"], "pricing_group_keys": ["y"]})
    assert both["pricing_group_keys"] == ["y"]
    for nothing in (None, [], [""]):
        stored = checked("standard", {"amount": "1", "pricing_group_keys": nothing})
        assert stored == {"amount": "1"}
        assert wire_properties("standard", stored) == {"amount": "1"}
    for wrong in ("x", {"a": 1}, [1], [None], ["a\x00"]):
        assert codes("standard", {"amount": "1", "pricing_group_keys": wrong}) == ["invalid_type"]
    wire = wire_properties("standard", both)
    assert wire == {"amount": "1", "pricing_group_keys": ["y"], "grouped_by": ["y"]}
    assert pricing_group_keys(both) == ("y",)
    assert pricing_group_keys({"amount": "1"}) == ()


def test_wire_bounds_are_json_numbers() -> None:
    raw = {"volume_ranges": tiers((0, Decimal("0.10"), "1", "0"), (Decimal("0.1"), 3.0, "1", "0"), (3, None, "1", "0"))}
    wire = wire_properties("volume", checked("volume", raw))["volume_ranges"]
    assert [(row["from_value"], row["to_value"]) for row in wire] == [(0, 0.1), (0.1, 3), (3, None)]
    assert [type(row["from_value"]) for row in wire] == [int, float, int]


def test_same_properties_03_2_6() -> None:
    assert same_properties(
        {"amount": "1", "r": [{"from_value": 0}]}, {"amount": "1.0", "r": [{"from_value": Decimal(0)}]}
    )
    assert not same_properties({"amount": "1"}, {"amount": "1.01"})
    assert not same_properties({"amount": "1"}, {"amount": "1", "x": None})
    assert not same_properties({"a": [1]}, {"a": [1, 2]})
    assert not same_properties({"a": True}, {"a": 1})
    assert not same_properties({"a": None}, {"a": "0"})
    assert same_properties({"keys": ["eu"], "n": None}, {"keys": ["eu"], "n": None})
