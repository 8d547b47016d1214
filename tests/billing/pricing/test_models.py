"""Worked examples of the charge models (spec 02 §5, §4.2 groups, §7)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from billwright.billing.kernel.errors import Unprocessable
from billwright.billing.pricing.fee_amounts import adjusted_amounts, fee_amounts
from billwright.billing.pricing.models import price, requirements
from billwright.billing.pricing.percentage_fold import PercentageFold, PercentageTerms
from billwright.billing.pricing.usage import NOTHING, Price, Usage

from .cases import D, charge, charge_events, checked, tiers

GRADUATED = {"graduated_ranges": tiers((0, 10, "10", "2"), (11, 20, "5", "3"), (21, None, "5", "3"))}
VOLUME = {
    "volume_ranges": tiers(
        (0, 10000, "0.0010", "10"),
        (10001, 50000, "0.0008", "10"),
        (50001, 100000, "0.0006", "10"),
        (100001, None, "0.0004", "10"),
    )
}
GRADUATED_PERCENTAGE = {
    "graduated_percentage_ranges": tiers(
        (0, 1000, "1", "200"), (1001, 10000, "2", "300"), (10001, None, "3", "400"), price_key="rate"
    )
}


@pytest.mark.parametrize(
    ("amount", "currency", "cents"),
    [("0.125", "USD", 13), ("0.01005", "USD", 1), ("0.5", "JPY", 1), ("1.2345", "KWD", 1235), ("0.5", "HUF", 1)],
)
def test_rounding_to_minor_units_1_2(amount: str, currency: str, cents: int) -> None:
    assert fee_amounts(Price(D(1), D(amount), D(amount)), currency).amount_cents == cents


def test_standard_5_1() -> None:
    assert charge("standard", {"amount": "0.05"}, 1000).amount == 50
    fee = fee_amounts(charge("standard", {"amount": "0.00335"}, 3), "USD")
    assert (fee.amount_cents, fee.precise_amount_cents, fee.precise_unit_amount) == (1, D("1.005"), D("0.00335"))
    assert charge("standard", {"amount": "3"}, 0) == Price(D(0), D(0), D(0))


@pytest.mark.parametrize(
    ("units", "amount"),
    [("0", "2"), ("1", "12"), ("10", "102"), ("10.5", "107.5"), ("11", "110"), ("12", "115"), ("21", "163")],
)
def test_graduated_5_2(units: str, amount: str) -> None:
    assert charge("graduated", GRADUATED, units).amount == D(amount)


def test_graduated_details_5_2() -> None:
    result = charge("graduated", GRADUATED, 12)
    assert str(result.unit_amount).startswith("9.58333333333333333333333333333333333333333")
    first, second = result.amount_details["graduated_ranges"]
    assert first == {
        "from_value": 0,
        "to_value": 10,
        "units": "10.0",
        "per_unit_amount": "10.0",
        "per_unit_total_amount": "100.0",
        "flat_unit_amount": "2.0",
        "total_with_flat_amount": "102.0",
    }
    assert (second["units"], second["per_unit_total_amount"], second["flat_unit_amount"]) == ("2.0", "10.0", "3.0")
    (zero,) = charge("graduated", GRADUATED, 0).amount_details["graduated_ranges"]
    assert (zero["units"], zero["per_unit_amount"], zero["total_with_flat_amount"]) == ("0.0", "0.0", "2.0")


@pytest.mark.parametrize(
    ("units", "amount"), [("0.05", "0.5"), ("0.1", "1"), ("0.55", "3.25"), ("1", "5.5"), ("3", "9.5")]
)
def test_graduated_decimal_tiers_5_2(units: str, amount: str) -> None:
    ranges = tiers((0, D("0.1"), "10", "0"), (0.1, 1, "5", "0"), (1, None, "2", "0"))
    result = charge("graduated", {"graduated_ranges": ranges}, units)
    assert result.amount == D(amount)
    assert result.amount_details["graduated_ranges"][0]["to_value"] == 0.1


def test_groups_are_priced_on_their_own_4_2() -> None:
    """Spec 02 §4.2 and 01 Ex 5: tiers restart in each group."""
    ranges = {"graduated_ranges": tiers((0, 10, "1", "0"), (11, None, "0.5", "0"))}
    eu, us, none, ungrouped = (charge("graduated", ranges, units).amount for units in (10, 15, 2, 25))
    assert (eu, us, eu + us, ungrouped) == (10, D("12.5"), D("22.5"), D("17.5"))
    assert none == 2
    assert charge("graduated", ranges, 27).amount == D("18.5")


@pytest.mark.parametrize(
    ("units", "amount", "paid"),
    [
        ("0", "0", "0.0"),
        ("100", "0", "0.0"),
        ("100.5", "5", "0.5"),
        ("200", "5", "100.0"),
        ("201", "10", "101.0"),
        ("100.0000000000000000000000000000000000000000000001", "5", "0.0000000000000000000000000000000000000000000001"),
    ],
)
def test_package_5_3(units: str, amount: str, paid: str) -> None:
    result = charge("package", {"amount": "5", "package_size": 100, "free_units": 100}, units)
    assert result.amount == D(amount)
    assert result.amount_details["paid_units"] == paid


def test_package_details_5_3() -> None:
    raw = {"amount": "5", "package_size": 100, "free_units": 100}
    result = charge("package", raw, 201)
    assert str(result.unit_amount).startswith("0.0990099009900990099009900990099009900990")
    assert result.amount_details == {
        "free_units": "100.0",
        "paid_units": "101.0",
        "per_package_size": 100,
        "per_package_unit_amount": "5.0",
    }
    assert charge("package", raw, 0).amount_details == {
        "free_units": "0.0",
        "paid_units": "0.0",
        "per_package_size": 0,
        "per_package_unit_amount": "0.0",
    }


LIMITS = {"rate": "2.99", "per_transaction_min_amount": "1.75", "per_transaction_max_amount": "12"}


@pytest.mark.parametrize(
    ("values", "raw", "amount", "free_units", "free_events"),
    [
        (
            (200, 100, 100, 50),
            {
                "rate": "1.2",
                "fixed_amount": "0.10",
                "free_units_per_events": 3,
                "free_units_per_total_aggregation": "500",
            },
            "0.70",
            "400.0",
            3,
        ),
        (
            (50, 100, 250, 400),
            {"rate": "1.3", "fixed_amount": "2", "free_units_per_events": 3, "free_units_per_total_aggregation": "250"},
            "11.15",
            "250.0",
            2,
        ),
        (
            (50, 100, 250, 400),
            {"rate": "1.3", "fixed_amount": "2", "free_units_per_events": 3},
            "7.20",
            "400.0",
            3,
        ),
        (
            (100, 10, 20, 20),
            {"rate": "5", "fixed_amount": "1", "free_units_per_total_aggregation": "120"},
            "3.50",
            "120.0",
            2,
        ),
        (
            (200, 300, 50),
            {"rate": "5", "fixed_amount": "1", "free_units_per_total_aggregation": "500"},
            "4.50",
            "500.0",
            1,
        ),
        ((10, 80, 10000), LIMITS, "16.142", "0.0", 0),
        ((10, 80, 10000), {**LIMITS, "fixed_amount": "2"}, "18.691", "0.0", 0),
        ((10, 80, 10000), {**LIMITS, "free_units_per_total_aggregation": "30"}, "13.794", "30.0", 1),
        ((10, 80, 10000), {**LIMITS, "free_units_per_events": 2}, "12", "90.0", 2),
        (
            (10, 80, 10000),
            {**LIMITS, "free_units_per_events": 3, "free_units_per_total_aggregation": "10000"},
            "2.691",
            "10000.0",
            2,
        ),
        ((), {"rate": "5", "fixed_amount": "1"}, "0", "0.0", 0),
    ],
)
def test_percentage_table_5_4(
    values: tuple[int, ...], raw: dict[str, object], amount: str, free_units: str, free_events: int
) -> None:
    result = charge_events(raw, values)
    assert result.amount == D(amount)
    assert result.amount_details["free_units"] == free_units
    assert result.amount_details["free_events"] == free_events
    assert result.amount_details["paid_events"] == len(values) - free_events


def test_percentage_details_5_4() -> None:
    details = charge_events(LIMITS, (10, 80, 10000)).amount_details
    assert details == {
        "units": "10090.0",
        "free_units": "0.0",
        "free_events": 0,
        "paid_units": "10090.0",
        "rate": "2.99",
        "per_unit_total_amount": "301.691",
        "paid_events": 3,
        "fixed_fee_unit_amount": "0.0",
        "fixed_fee_total_amount": "0.0",
        "min_max_adjustment_total_amount": "-285.549",
    }
    free = charge_events({"rate": "1", "fixed_amount": "2", "free_units_per_events": 5}, (10, 20)).amount_details
    assert (free["fixed_fee_unit_amount"], free["paid_units"], free["paid_events"]) == ("0.0", "0.0", 0)


def test_percentage_edges_5_4() -> None:
    fixed = {"rate": "5", "fixed_amount": "1"}
    assert charge_events(fixed, (5, -5)).amount == 0, "no units: the fixed part is 0"
    assert charge_events({**fixed, "per_transaction_min_amount": "3"}, (0, 0)).amount == 6
    overdrawn = {"rate": "10", "fixed_amount": "1", "free_units_per_events": 1}
    result = charge_events(overdrawn, (100, -40))
    assert (result.units, result.amount) == (60, 1), "100 free of 60 units: the percentage part is 0"
    assert charge_events({**overdrawn, "per_transaction_max_amount": "999999"}, (100, -40)).amount == 1
    assert charge_events({**overdrawn, "free_units_per_total_aggregation": "0"}, (100, 50)).amount == 17
    assert charge_events({"rate": "250"}, (10,)).amount == 25, "rates above 100 are legal"


def test_percentage_free_units_stay_unavailable_5_4() -> None:
    """A negative event after the free amount was used up must not reopen it."""
    result = charge_events({"rate": "10", "free_units_per_total_aggregation": "100"}, (100, -50, 60, 40))
    assert result.amount_details["free_units"] == "100.0"
    assert result.amount == 5


def test_percentage_on_count_and_on_other_metrics_5_4_and_3() -> None:
    raw = {"rate": "10", "fixed_amount": "1", "free_units_per_events": 2}
    counted = charge("percentage", raw, 5, 5, aggregation_type="count_agg")
    assert (counted.amount, counted.amount_details["free_events"]) == (D("3.3"), 2)
    landing = {"rate": "10", "fixed_amount": "1", "free_units_per_total_aggregation": "2.5"}
    unique = charge("percentage", landing, 5, 5, aggregation_type="unique_count_agg")
    assert (unique.amount, unique.amount_details["free_events"]) == (D("3.25"), 2)
    ignored = {**raw, "per_transaction_min_amount": "100"}
    assert charge("percentage", ignored, 40, 3, aggregation_type="max_agg").amount == 7


@pytest.mark.parametrize(
    ("units", "amount"), [("0", "10"), ("10000", "20"), ("10000.5", "18.0004"), ("65000", "49"), ("100001", "50.0004")]
)
def test_volume_5_5(units: str, amount: str) -> None:
    assert charge("volume", VOLUME, units).amount == D(amount)


def test_volume_details_5_5() -> None:
    assert charge("volume", VOLUME, 65000).amount_details == {
        "flat_unit_amount": "10.0",
        "per_unit_amount": "0.0006",
        "per_unit_total_amount": "39.0",
    }
    assert charge("volume", VOLUME, 0).amount_details["per_unit_amount"] == "0.0"
    two = {"volume_ranges": tiers((0, 100, "1", "0"), (101, 200, "2", "0"), (201, None, "3", "0"))}
    assert charge("volume", two, "100.5").amount == 201


@pytest.mark.parametrize(
    ("units", "amount"), [("0", "200"), ("500", "205"), ("1000", "210"), ("1050", "511"), ("12000", "1150")]
)
def test_graduated_percentage_5_6(units: str, amount: str) -> None:
    assert charge("graduated_percentage", GRADUATED_PERCENTAGE, units).amount == D(amount)


def test_graduated_percentage_details_5_6() -> None:
    details = charge("graduated_percentage", GRADUATED_PERCENTAGE, 12000).amount_details["graduated_percentage_ranges"]
    assert [tier["total_with_flat_amount"] for tier in details] == ["210.0", "480.0", "460.0"]
    assert details[2] == {
        "from_value": 10001,
        "to_value": None,
        "units": "2000.0",
        "rate": "3.0",
        "per_unit_total_amount": "60.0",
        "flat_unit_amount": "400.0",
        "total_with_flat_amount": "460.0",
    }


def test_dynamic_5_7() -> None:
    result = charge("dynamic", {}, 22, 3, precise_total_amount_cents=D(345))
    assert (result.amount, result.units) == (D("3.45"), 22)
    assert str(result.unit_amount).startswith("0.1568181818181818")
    fee = fee_amounts(charge("dynamic", {}, 20, 2, precise_total_amount_cents=D("40.2")), "USD")
    assert (fee.amount_cents, fee.precise_amount_cents) == (40, D("40.2"))
    assert charge("dynamic", {}, 0, 2, precise_total_amount_cents=D(99)).amount == 0
    assert charge("dynamic", {}, 1, 1, currency="JPY", precise_total_amount_cents=D(99)).amount == 99


def test_custom_5_8() -> None:
    result = charge("custom", {}, 46, 3, aggregation_type="custom_agg", custom_amount=D("9.90"))
    assert (result.amount, result.units) == (D("9.9"), 46)
    with pytest.raises(ValueError, match="folded amount"):
        charge("custom", {}, 46, 3, aggregation_type="custom_agg")
    assert charge("standard", {"amount": "2"}, 30, aggregation_type="custom_agg", custom_amount=D("5.4")).amount == 60


@pytest.mark.parametrize("model", ["standard", "graduated", "package", "volume", "graduated_percentage", "dynamic"])
def test_negative_units_price_as_nothing_5(model: str) -> None:
    raw = {**GRADUATED, **VOLUME, **GRADUATED_PERCENTAGE, "amount": "5", "package_size": 1, "free_units": 0}
    assert charge(model, raw, "-1", 3, precise_total_amount_cents=D(500)) == NOTHING


def test_negative_amounts_price_as_nothing_5() -> None:
    assert charge("dynamic", {}, 5, 1, precise_total_amount_cents=D(-10)) == NOTHING
    assert charge("custom", {}, 5, 1, aggregation_type="custom_agg", custom_amount=D(-1)) == NOTHING


def test_empty_properties_use_the_zero_default_2_3() -> None:
    for model in ("standard", "graduated", "package", "percentage", "volume", "graduated_percentage"):
        usage = Usage(D(12), 1)
        assert price(model, {}, usage, "USD", aggregation_type="sum_agg").amount == 0


def test_nothing_is_rounded_before_the_fee() -> None:
    units, amount = D("123456789012345678901234567890.123456789"), D("0.123456789012345")
    result = charge("standard", {"amount": str(amount)}, units)
    assert Fraction(result.amount) == Fraction(units) * Fraction(amount)


def test_amounts_beyond_every_column_fail_loudly() -> None:
    with pytest.raises(Unprocessable):
        fee_amounts(Price(D(1), D(10) ** 18, D(10) ** 18), "USD")


def test_requirements_3() -> None:
    percentage = checked(
        "percentage", {"rate": "1", "free_units_per_events": 3, "free_units_per_total_aggregation": "9"}
    )
    need = requirements("percentage", percentage, "sum_agg")
    assert (need.event_values, need.max_events, need.until_total) == ("prefix", 3, D(9))
    assert requirements("percentage", percentage, "count_agg").event_values == "none"
    assert requirements("percentage", percentage, "max_agg").event_values == "none"
    assert requirements("percentage", checked("percentage", LIMITS), "sum_agg").event_values == "all"
    assert requirements("percentage", {"rate": "1", "fixed_amount": "2"}, "sum_agg").event_values == "none"
    assert requirements("dynamic", {}, "sum_agg").precise_amount
    assert requirements("custom", {}, "custom_agg").custom_fold
    assert not requirements("standard", {}, "custom_agg").custom_fold
    assert requirements("graduated", {}, "sum_agg", prorated=True).prorated_entries
    assert not requirements("graduated", {}, "sum_agg").prorated_entries
    assert requirements("volume", {}, "sum_agg", prorated=True).full_units


def test_percentage_refuses_too_few_values() -> None:
    raw = {"rate": "1", "free_units_per_events": 3}
    with pytest.raises(ValueError, match="2 event values of 4"):
        charge("percentage", raw, 100, 4, event_values=[D(10), D(20)])
    with pytest.raises(ValueError, match="0 event values of 4"):
        charge("percentage", raw, 100, 4)
    with pytest.raises(ValueError, match="2 event values of 4"):
        charge("percentage", LIMITS, 100, 4, event_values=[D(10), D(20)])
    assert charge("percentage", raw, 100, 4, event_values=iter([D(10), D(20), D(30)])).amount == D("0.4")


def test_percentage_takes_a_fold_fed_in_batches() -> None:
    properties = checked("percentage", {**LIMITS, "free_units_per_total_aggregation": "30"})
    fold = PercentageFold(PercentageTerms.of(properties, "sum_agg"))
    for batch in ([D(10)], [D(80), D(10000)]):
        fold.extend(batch)
    fold.add(D(80), 1000)
    result = charge("percentage", properties, D(90090), 1003, event_values=fold)
    assert result.amount == D("13.794") + 1000 * D("2.392")


def test_pricing_needs_what_it_asked_for() -> None:
    with pytest.raises(ValueError, match="unknown charge model"):
        price("magic", {"a": 1}, Usage(D(1), 1), "USD", aggregation_type="sum_agg")
    with pytest.raises(ValueError, match="full units"):
        price("standard", {"amount": "1"}, Usage(D(1), 1), "USD", aggregation_type="sum_agg", prorated=True)
    usage = Usage(D(1), 1, full_units=D(1))
    with pytest.raises(ValueError, match="cannot be prorated"):
        price("package", {}, usage, "USD", aggregation_type="sum_agg", prorated=True)


def test_adjusted_fees_14() -> None:
    assert fee_amounts(charge("standard", {"amount": "5"}, 3, 0), "USD").amount_cents == 1500
    assert adjusted_amounts(D(3), D("150.00"), "USD").amount_cents == 45000
    package = charge("package", {"amount": "5", "package_size": 100, "free_units": 100}, 201, 0)
    assert fee_amounts(package, "USD").amount_cents == 1000
    assert charge("dynamic", {}, 4, 0).amount == 0


def test_filter_example_4_2() -> None:
    """Charge $2, filter A $1, filter B $0.5: 1.00, 0.50, and 2 units in the default bucket."""
    amounts = [charge("standard", {"amount": text}, units).amount for text, units in (("1", 1), ("0.5", 1), ("2", 2))]
    assert amounts == [Decimal(1), D("0.5"), 4]


def test_weighted_sum_priced_as_it_comes() -> None:
    """Spec 01 Ex 10."""
    fee = fee_amounts(charge("standard", {"amount": "1"}, "2177.41935483870967741936"), "USD")
    assert fee.amount_cents == 217742
