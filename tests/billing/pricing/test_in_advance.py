"""Charges paid in advance (spec 02 §10.2-10.7, 01 §7)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.pricing.fee_amounts import FeeAmounts
from billwright.billing.pricing.in_advance import InAdvanceEvent, custom_step, price_event
from billwright.billing.pricing.unit_state import (
    Step,
    UnitState,
    count_step,
    present_prorated_units,
    present_units,
    prorated_step,
    prorated_units,
    sum_step,
    unique_count_step,
)

from .cases import D, charge, checked, tiers
from .test_models import GRADUATED_PERCENTAGE


def sum_steps(values: Iterable[int | Decimal]) -> list[Step]:
    steps: list[Step] = []
    state: UnitState | None = None
    for value in values:
        steps.append(sum_step(state, D(value)))
        state = steps[-1].state
    return steps


def unique_steps(operations: str, carried: str = "") -> list[Step]:
    """``"+a -a"``: adds and removes; ``carried`` values are active before the period."""
    active = set(carried)
    state: UnitState | None = None
    steps: list[Step] = []
    for sign, value in operations.split():
        steps.append(unique_count_step(state, "add" if sign == "+" else "remove", value in active))
        state = steps[-1].state
        (active.add if sign == "+" else active.discard)(value)
    return steps


def bill(model: str, raw: Any, values: Iterable[int], carried: int = 0) -> list[FeeAmounts]:
    """Fees of the events of a sum metric, each priced in its turn."""
    properties = checked(model, raw)
    fees: list[FeeAmounts] = []
    earlier: list[Decimal] = []
    total = D(carried)
    for value, step in zip(values, sum_steps(values := list(values)), strict=True):
        total += value
        event = InAdvanceEvent(step, total, len(earlier), sum(earlier, D(0)), earlier)
        fees.append(price_event(model, properties, event, "USD", aggregation_type="sum_agg"))
        earlier = [*earlier, step.billable]
    return fees


def amounts(fees: list[FeeAmounts]) -> list[int]:
    return [fee.amount_cents for fee in fees]


def test_sum_state_10_2() -> None:
    steps = sum_steps([10, -4, 8, -10, 3, 20])
    assert [step.billable for step in steps] == [10, 0, 4, 0, 0, 13]
    assert [step.shown for step in steps] == [10, 0, 4, 0, 3, 13]
    assert [step.billable for step in sum_steps([-3, 8, 3])] == [0, 8, 0]
    assert [step.shown for step in sum_steps([-3, 8, 3])] == [0, 8, 3]


def test_sum_state_01_ex_15() -> None:
    steps = sum_steps([10, -4, 3, 5])
    assert [step.billable for step in steps] == [10, 0, 0, 4]
    states = [step.state for step in steps]
    assert [(s.current, s.maximum) for s in states if s] == [(10, 10), (6, 10), (9, 10), (14, 14)]
    present = present_units(D(9), states[2])
    assert (present.shown, present.priced) == (9, 10)
    assert [step.billable for step in sum_steps([-5, 10])] == [0, 10]


def test_unique_state_10_3() -> None:
    steps = unique_steps("+a -a +a +b +b +c -c")
    assert [step.billable for step in steps] == [1, 0, 0, 1, 0, 1, 0]
    assert [step.shown for step in steps] == [1, 0, 1, 1, 0, 1, 0]
    properties = checked("standard", {"amount": "12"})
    fees = [
        price_event("standard", properties, InAdvanceEvent(step, D(0)), "USD", aggregation_type="unique_count_agg")
        for step in steps
    ]
    assert amounts(fees) == [1200, 0, 0, 1200, 0, 1200, 0]
    first_remove = unique_steps("-a", carried="a")[0]
    assert first_remove.state == UnitState(D(0), D(0))
    ignored = unique_count_step(UnitState(D(1), D(2)), "rename", False)
    assert (ignored.billable, ignored.shown, ignored.state) == (0, 0, UnitState(D(1), D(2)))


def test_prorated_unique_01_ex_16() -> None:
    """Recurring, prorated, $30, June, A and B carried: +C, -A, +D, +E on 11, 16, 21, 26 June."""
    active, state = {"A", "B"}, None
    priced: list[Decimal] = []
    for operation, value, days in (("add", "C", 20), ("remove", "A", 15), ("add", "D", 10), ("add", "E", 5)):
        step = unique_count_step(state, operation, value in active)
        step, units = prorated_step(step, state, days, 30)
        (active.add if operation == "add" else active.discard)(value)
        state = step.state
        priced.append(units)
    assert priced == [D("0.66667"), 0, 0, D("0.16667")]
    assert state is not None
    present = present_prorated_units(D(4), state)
    assert (present.shown, present.priced) == (4, D("2.83334"))
    assert charge("standard", {"amount": "30"}, present.priced, full_units=present.shown).amount == D("85.0002")


def test_present_prorated_units_01_7() -> None:
    state = UnitState(D(2), D(2), D("0.5"))
    assert present_prorated_units(D(4), None).priced == 4
    assert present_prorated_units(D(4), None, carried_ratio=Fraction(1, 2), prorated_total=D("1.5")).priced == D("1.5")
    assert present_prorated_units(D(4), state, carried_ratio=Fraction(1, 3)).priced == D("0.66667") + D("0.5")
    assert present_prorated_units(D(-4), UnitState(D(-4), D(0))).priced == 0
    assert present_units(D(-3), None).priced == 0


def test_prorated_standard_10_4() -> None:
    """Five seats at $30 added on 11..15 June; and two on 12 July (10.6)."""
    properties = checked("standard", {"amount": "30"})

    def fee(days: int, duration: int) -> FeeAmounts:
        event = InAdvanceEvent(Step(D(1), D(1)), D(1), proration=(days, duration))
        return price_event("standard", properties, event, "USD", aggregation_type="unique_count_agg")

    fees = [fee(days, 30) for days in (20, 19, 18, 17, 16)]
    assert amounts(fees) == [2000, 1900, 1800, 1700, 1600]
    assert [seat.units for seat in fees] == [1] * 5
    assert fee(20, 31).amount_cents == 1936
    assert prorated_units(D(1), -2, 30) == 0
    event = InAdvanceEvent(Step(D(1), D(1)), D(1), proration=(1, 2))
    with pytest.raises(ValueError, match="cannot be prorated"):
        price_event("package", {}, event, "USD", aggregation_type="sum_agg")


PERCENTAGE_LIMITS = {
    "rate": "1",
    "fixed_amount": ".5",
    "per_transaction_min_amount": "1.75",
    "per_transaction_max_amount": "2",
}


@pytest.mark.parametrize(
    ("model", "raw", "values", "cents"),
    [
        ("standard", {"amount": "1"}, [10, -4, 8], [1000, 0, 400]),
        ("package", {"amount": "100", "package_size": 2, "free_units": 3}, [3, 1, 2], [0, 10000, 10000]),
        (
            "graduated",
            {"graduated_ranges": tiers((0, 5, ".02", ".01"), (6, None, ".01", ".01"))},
            [3, 1, 2],
            [7, 2, 4],
        ),
        ("percentage", {"rate": "5", "fixed_amount": "1", "free_units_per_events": 2}, [8, 5, 3], [0, 0, 115]),
        (
            "percentage",
            {"rate": "5", "fixed_amount": "1", "free_units_per_total_aggregation": "120"},
            [100, 10, 20, 20],
            [0, 0, 150, 200],
        ),
        (
            "percentage",
            {"rate": "5", "fixed_amount": "1", "free_units_per_total_aggregation": "3"},
            [5, 1],
            [110, 105],
        ),
        ("percentage", PERCENTAGE_LIMITS, [100, 1000, 10000], [175, 200, 200]),
        ("graduated_percentage", GRADUATED_PERCENTAGE, [500, 550, 4000], [20500, 30600, 8000]),
    ],
)
def test_amounts_10_3(model: str, raw: Any, values: list[int], cents: list[int]) -> None:
    assert amounts(bill(model, raw, values)) == cents


def test_three_events_of_one_second_10_1() -> None:
    raw = {"graduated_ranges": tiers((0, 2, "0", "0"), (3, None, "2", "0"))}
    properties = checked("graduated", raw, "count_agg")
    events = [InAdvanceEvent(count_step(), D(position)) for position in (1, 2, 3)]
    fees = [price_event("graduated", properties, event, "USD", aggregation_type="count_agg") for event in events]
    assert amounts(fees) == [0, 0, 200]


def test_percentage_details_10_3() -> None:
    raw = {"rate": "5", "fixed_amount": "1", "free_units_per_total_aggregation": "120"}
    assert bill("percentage", raw, [100, 10, 20])[2].amount_details == {
        "units": "20.0",
        "free_units": "10.0",
        "paid_units": "10.0",
        "free_events": "0.0",
        "paid_events": "1.0",
        "rate": "5.0",
        "per_unit_total_amount": "0.5",
        "fixed_fee_unit_amount": "1.0",
        "fixed_fee_total_amount": "1.0",
        "min_max_adjustment_total_amount": "0.0",
    }
    limited = bill("percentage", PERCENTAGE_LIMITS, [100, 1000, 10000])
    assert [fee.amount_details["min_max_adjustment_total_amount"] for fee in limited] == ["0.25", "-8.5", "-98.5"]


def test_graduated_percentage_details_10_3() -> None:
    fee = bill("graduated_percentage", GRADUATED_PERCENTAGE, [500, 550])[1]
    first, second = fee.amount_details["graduated_percentage_ranges"]
    assert (first["units"], first["flat_unit_amount"], first["total_with_flat_amount"]) == ("500.0", "0.0", "5.0")
    assert first["per_unit_total_amount"] == "0.01"
    assert (second["units"], second["flat_unit_amount"], second["total_with_flat_amount"]) == ("50.0", "300.0", "301.0")
    assert second["per_unit_total_amount"] == "6.02"
    untouched = bill("graduated_percentage", GRADUATED_PERCENTAGE, [1000, 50])[1]
    assert untouched.amount_details["graduated_percentage_ranges"][0]["per_unit_total_amount"] == "0.0"


def test_percentage_counts_decreases_as_events_of_value_0_10_3() -> None:
    fees = bill("percentage", {"rate": "10", "fixed_amount": "1"}, [50, -20, 30])
    assert amounts(fees) == [600, 100, 200]
    assert [fee.units for fee in fees] == [50, 0, 10]
    minimum = {"rate": "10", "per_transaction_min_amount": "2"}
    assert amounts(bill("percentage", minimum, [50, -20])) == [500, 200]


def test_percentage_on_count_needs_no_values() -> None:
    raw = {"rate": "10", "fixed_amount": "1", "free_units_per_events": 1000}
    properties = checked("percentage", raw, "count_agg")
    for earlier, cents in ((999, 0), (1000, 110)):
        event = InAdvanceEvent(count_step(), D(earlier + 1), earlier)
        assert price_event("percentage", properties, event, "USD", aggregation_type="count_agg").amount_cents == cents
    event = InAdvanceEvent(Step(D(1), D(1)), D(5), 4, D(4), ())
    with pytest.raises(ValueError, match="0 event values of 4"):
        price_event("percentage", properties, event, "USD", aggregation_type="sum_agg")


def test_dynamic_and_custom_10_3() -> None:
    event = InAdvanceEvent(Step(D(7), D(7)), D(7), precise_total_amount_cents=D("70.35"))
    fee = price_event("dynamic", {}, event, "USD", aggregation_type="sum_agg")
    assert (fee.amount_cents, fee.precise_amount_cents, fee.precise_unit_amount) == (70, D("70.35"), D("0.1"))
    step = custom_step(D(14), D(30))
    event = InAdvanceEvent(step, D(30), custom_amount=D("4.20"))
    fee = price_event("custom", {}, event, "USD", aggregation_type="custom_agg")
    assert (fee.amount_cents, fee.units) == (420, 16)
    assert custom_step(D(30), D(14)).shown == 0
    with pytest.raises(ValueError, match="folded amount"):
        price_event("custom", {}, InAdvanceEvent(step, D(30)), "USD", aggregation_type="custom_agg")
    with pytest.raises(ValueError, match="cannot be paid in advance"):
        price_event("volume", {}, InAdvanceEvent(step, D(30)), "USD", aggregation_type="sum_agg")


def test_recurring_tiers_continue_10_3() -> None:
    raw = {"graduated_ranges": tiers((0, 5, "2", "1"), (6, None, "1", "1"))}
    assert amounts(bill("graduated", raw, [3], carried=4)) == [200 + 2 * 100 + 100]
    assert amounts(bill("graduated", raw, [3], carried=10)) == [300]


def test_the_first_flat_amount_is_due_once() -> None:
    """Trap 3: from the first unit on; an event of value 0 or below brings no flat amount."""
    raw = {"graduated_ranges": tiers((0, None, "1", "5"))}
    assert amounts(bill("graduated", raw, [0, 2, 3])) == [0, 700, 300]
    assert amounts(bill("graduated", raw, [-3, 8, 3])) == [0, 1300, 0]


def test_unit_amount_is_the_rounded_delta_per_shown_unit_10_3() -> None:
    fee = bill("standard", {"amount": "0.005"}, [3])[0]
    assert (fee.amount_cents, fee.precise_amount_cents) == (2, D("1.5"))
    assert fee.precise_unit_amount == pytest.approx(D("0.02") / 3)
    shown_free = bill("standard", {"amount": "1"}, [10, -10, 3])[2]
    assert (shown_free.units, shown_free.precise_unit_amount, shown_free.amount_cents) == (3, 0, 0)


STEPS = st.lists(st.integers(-20, 20), min_size=1, max_size=12)
MODELS: list[tuple[str, Any]] = [
    ("standard", {"amount": "3"}),
    ("graduated", {"graduated_ranges": tiers((0, 5, "2", "1"), (6, 20, "1", "4"), (21, None, "3", "0"))}),
    ("package", {"amount": "7", "package_size": 4, "free_units": 3}),
    ("graduated_percentage", GRADUATED_PERCENTAGE),
]


@pytest.mark.parametrize(("model", "raw"), MODELS)
@given(values=STEPS)
def test_the_fees_add_up_to_the_price_of_the_maximum(model: str, raw: Any, values: list[int]) -> None:
    """Every new maximum is billed once: the deltas telescope to the model's price at the high-water mark."""
    totals = [sum(values[: index + 1]) for index in range(len(values))]
    if min(totals) < 0:
        values = [abs(value) for value in values]
        totals = [sum(values[: index + 1]) for index in range(len(values))]
    mark = max(totals)
    expected = charge(model, raw, mark).amount if mark else 0
    assert sum(fee.precise_amount_cents for fee in bill(model, raw, values)) == expected * 100


@given(values=STEPS)
def test_the_mark_never_falls_and_bills_its_rise(values: list[int]) -> None:
    steps = sum_steps(values)
    marks = [step.state.maximum for step in steps if step.state]
    assert marks == sorted(marks)
    assert all(step.billable >= 0 and step.shown >= 0 for step in steps)
    if values[0] >= 0:
        assert sum(step.billable for step in steps) == marks[-1]


@given(st.integers(0, 1000), st.integers(0, 31))
def test_prorated_units_round_up_at_the_fifth_decimal(billable: int, days: int) -> None:
    exact = Fraction(billable * days, 31)
    units = Fraction(prorated_units(D(billable), days, 31))
    assert 0 <= units - exact < Fraction(1, 10**5)
