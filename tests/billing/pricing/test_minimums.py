"""Spending minimum, commitment, instant estimates (spec 02 §9, §10.8, §12; 01 §11.2)."""

from __future__ import annotations

import pytest

from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.pricing.commitment import commitment_due, commitment_true_up
from billwright.billing.pricing.instant_estimate import instant_estimate, instant_units
from billwright.billing.pricing.true_up import Window, true_up

from .cases import D, checked


@pytest.mark.parametrize(
    ("minimum", "window", "used", "missing"),
    [
        (10000, Window(30, 30), [5000], 5000),
        (1000, Window(25, 28), [800], 93),
        (10000, Window(25, 28), [2000, 5000, 0], 1929),
        (10000, Window(24, 31), [3000], 4742),
        (1000, Window(25, 28, upgraded=True), [800], 57),
        (10000, Window(30, 30), [], 10000),
    ],
)
def test_true_up_9(minimum: int, window: Window, used: list[int], missing: int) -> None:
    result = true_up(minimum, window, used, [D(amount) for amount in used])
    assert result is not None
    assert result.amount_cents == missing
    assert abs(result.precise_amount_cents - missing) <= D("0.5")


def test_no_true_up_9() -> None:
    assert true_up(1000, Window(28, 28), [600, 400], []) is None
    assert true_up(1000, Window(28, 28), [1001], []) is None
    assert true_up(1000, Window(1, 28, upgraded=True), [], []) is None
    assert true_up(1000, Window(0, 28, upgraded=True), [], []) is None, "never below 0 days"
    assert true_up(100, Window(1, 3), [33], [D(33)]) is None, "a third of a cent is nothing to bill"


def test_true_up_precise_amount_9() -> None:
    result = true_up(1000, Window(25, 28), [800], [D("800.4")])
    assert result is not None
    assert str(result.precise_amount_cents).startswith("92.457142857142857142857142857142857142857")


@pytest.mark.parametrize(
    ("commitment", "active", "interval", "counted", "due", "missing"),
    [
        (1_000_000, 31, 31, [10_000], 1_000_000, 990_000),
        (1_000_000, 2, 29, [690, 2500, 3000, 1500], 68_966, 61_276),
        (1_000_000, 31, 31, [10_000, 1_500], 1_000_000, 988_500),
        (1_000_000, 302, 366, [8_251, 8_700, 100], 825_137, 808_086),
        (50_000, 15, 30, [5_000, 3_000], 25_000, 17_000),
    ],
)
def test_commitment_12(commitment: int, active: int, interval: int, counted: list[int], due: int, missing: int) -> None:
    assert commitment_due(commitment, active, interval) == due
    result = commitment_true_up(
        commitment,
        active_days=active,
        interval_days=interval,
        counted_cents=counted,
        precise_counted_cents=[D(amount) for amount in counted],
    )
    assert result is not None
    assert (result.due_cents, result.counted_cents, result.amount_cents) == (due, sum(counted), missing)
    assert abs(result.precise_amount_cents - missing) <= D("0.5")


def test_commitment_reached_12() -> None:
    for counted in (1000, 1001):
        assert (
            commitment_true_up(
                1000, active_days=30, interval_days=30, counted_cents=[counted], precise_counted_cents=[]
            )
            is None
        )


@pytest.mark.parametrize(
    ("raw", "units", "amount"),
    [
        ({"rate": "0.1", "fixed_amount": "0"}, "500", "0.50"),
        ({"rate": "10"}, "1", "0.10"),
        (
            {
                "rate": "1",
                "fixed_amount": "0.30",
                "per_transaction_min_amount": "0.50",
                "per_transaction_max_amount": "5",
            },
            "10",
            "0.50",
        ),
        (
            {
                "rate": "1",
                "fixed_amount": "0.30",
                "per_transaction_min_amount": "0.50",
                "per_transaction_max_amount": "5",
            },
            "100",
            "1.30",
        ),
        (
            {
                "rate": "1",
                "fixed_amount": "0.30",
                "per_transaction_min_amount": "0.50",
                "per_transaction_max_amount": "5",
            },
            "1000",
            "5.00",
        ),
        ({"rate": "1", "fixed_amount": "2", "free_units_per_events": 3}, "100", "3"),
        ({"rate": "1", "fixed_amount": "2"}, "-100", "0"),
    ],
)
def test_instant_percentage_01_ex_22(raw: dict[str, object], units: str, amount: str) -> None:
    assert instant_estimate("percentage", checked("percentage", raw), D(units), "USD").precise_amount == D(amount)


def test_instant_standard_01_11_2() -> None:
    estimate = instant_estimate("standard", {"amount": "0.00335"}, D(3), "USD")
    assert (estimate.amount_cents, estimate.precise_amount, estimate.precise_amount_cents) == (
        1,
        D("0.01005"),
        D("1.005"),
    )
    assert str(estimate.precise_unit_amount).startswith("0.3333333333")
    assert instant_estimate("standard", {"amount": "0"}, D(0), "USD").precise_unit_amount == 0
    assert instant_estimate("standard", {"amount": "3"}, D(-2), "JPY").amount_cents == 0
    with pytest.raises(ValueError, match="no instant estimate"):
        instant_estimate("package", {}, D(1), "USD")


def test_instant_units_01_11_2() -> None:
    assert instant_units({"v": "12.5"}, "v") == D("12.5")
    assert instant_units({}, "v") == 0
    assert instant_units({"v": None}, "v") == 0
    assert instant_units({"v": 7}, None) == 1
    with pytest.raises(ValidationFailed) as failure:
        instant_units({"v": "12 GB"}, "v")
    assert failure.value.details == {"properties": ["value_is_not_valid_number"]}
