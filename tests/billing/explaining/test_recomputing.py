"""Spec 09 §2 "it must recompute": for every charge model, formulas applied to inputs give results and the amount."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, settings
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from billwright.billing.explaining.event_steps import event_price_steps
from billwright.billing.explaining.formula import FormulaError, evaluate
from billwright.billing.explaining.lines import ChargeLine, tier_path
from billwright.billing.explaining.pricing_steps import price_steps
from billwright.billing.explaining.steps import Explanation, step
from billwright.billing.explaining.usage_steps import usage_steps
from billwright.billing.kernel.money import decimal_string
from billwright.billing.metering.aggregation.final import ceil5
from billwright.billing.pricing.fee_amounts import fee_amounts
from billwright.billing.pricing.in_advance import InAdvanceEvent, price_event
from billwright.billing.pricing.models import price
from billwright.billing.pricing.unit_state import Step, prorated_units
from billwright.billing.pricing.usage import Usage
from tests.billing.explaining.calculator import calculate, check
from tests.billing.pricing.cases import checked
from tests.billing.pricing.test_price_properties import price_tiers


def given(*strategies: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Without a deadline: the first formula also makes the parser."""
    return lambda test: settings(deadline=None)(hypothesis_given(*strategies)(test))


AMOUNTS = st.decimals(0, 1000, places=4)
UNITS = st.decimals(-20, 500, places=3)
CURRENCIES = st.sampled_from(["USD", "JPY", "KWD"])


def line_of(model: str, raw: dict[str, Any], usage: Usage, currency: str, **more: Any) -> ChargeLine:
    kind = more.pop("aggregation_type", "sum_agg")
    prorated = usage.full_units is not None
    properties = checked(model, raw, kind)
    answer = price(model, properties, usage, currency, aggregation_type=kind, prorated=prorated)
    amounts = fee_amounts(answer, currency)
    return ChargeLine(
        currency=currency,
        charge_model=model,
        aggregation_type=kind,
        prorated=prorated,
        properties=properties,
        rounding_function=None,
        rounding_precision=None,
        field_name="v",
        recurring=False,
        units=answer.units,
        priced_units=usage.units,
        events_count=usage.events_count,
        grouped_by={},
        details=answer.amount_details,
        amount_cents=amounts.amount_cents,
        precise_amount_cents=amounts.precise_amount_cents,
        facts={"figures": {"units": str(usage.units)}, **more},
    )


def explained(line: ChargeLine) -> dict[str, Any]:
    x = Explanation(currency=line.currency, amount_cents=line.amount_cents)
    if not line.prorated:
        usage_steps(x, line)
    price_steps(x, line)
    wire: dict[str, Any] = dict(x.wire())
    check(wire)
    assert wire["recomputed_amount_cents"] == line.amount_cents, wire
    assert wire["matches"] is True
    assert wire["notes"] == []
    assert int(wire["steps"][-1]["result"]) == line.amount_cents
    return wire


@given(UNITS, AMOUNTS, CURRENCIES)
def test_standard(units: Decimal, amount: Decimal, currency: str) -> None:
    explained(line_of("standard", {"amount": str(amount)}, Usage(units, 1), currency))


@given(price_tiers(), UNITS, CURRENCIES)
def test_graduated(ranges: list[dict[str, Any]], units: Decimal, currency: str) -> None:
    explained(line_of("graduated", {"graduated_ranges": ranges}, Usage(units, 1), currency))


@given(price_tiers(price_key="rate"), UNITS, CURRENCIES)
def test_graduated_percentage(ranges: list[dict[str, Any]], units: Decimal, currency: str) -> None:
    explained(line_of("graduated_percentage", {"graduated_percentage_ranges": ranges}, Usage(units, 1), currency))


@given(price_tiers(), UNITS, CURRENCIES)
def test_volume(ranges: list[dict[str, Any]], units: Decimal, currency: str) -> None:
    explained(line_of("volume", {"volume_ranges": ranges}, Usage(units, 1), currency))


@given(price_tiers(), UNITS, st.integers(0, 31))
def test_prorated_volume(ranges: list[dict[str, Any]], units: Decimal, days: int) -> None:
    usage = Usage(units * days / 31, 1, full_units=units)
    figures = {"shown": format(units, "f")}
    explained(line_of("volume", {"volume_ranges": ranges}, usage, "USD", figures=figures))


@given(UNITS, st.integers(1, 50), st.integers(0, 50), AMOUNTS)
def test_package(units: Decimal, size: int, free: int, amount: Decimal) -> None:
    raw = {"amount": str(amount), "package_size": size, "free_units": free}
    explained(line_of("package", raw, Usage(units, 1), "USD"))


def percentage(rate: Decimal, fixed: Decimal, *optional: Decimal | int | None) -> dict[str, Any]:
    events, free, low, high = optional
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    return {
        "rate": str(rate),
        "fixed_amount": str(fixed),
        "free_units_per_events": events,
        "free_units_per_total_aggregation": None if free is None else str(free),
        "per_transaction_min_amount": None if low is None else str(low),
        "per_transaction_max_amount": None if high is None else str(high),
    }


MAYBE = st.one_of(st.none(), st.decimals(0, 40, places=1))
TERMS = st.builds(
    percentage,
    st.decimals(0, 90, places=2),
    st.decimals(0, 3, places=2),
    st.one_of(st.none(), st.integers(1, 6)),
    MAYBE,
    MAYBE,
    MAYBE,
)
VALUES = st.lists(st.decimals(-50, 200, places=2), max_size=8)


@given(TERMS, VALUES, CURRENCIES)
@example(percentage(Decimal(5), Decimal(0), None, None, None, Decimal(1)), [Decimal(-40), Decimal(50)], "USD")
def test_percentage(raw: dict[str, Any], values: list[Decimal], currency: str) -> None:
    usage = Usage(sum(values, Decimal(0)), len(values), event_values=values)
    explained(line_of("percentage", raw, usage, currency))


@given(st.decimals(-10, 10**6, places=9), UNITS, CURRENCIES)
def test_dynamic(total: Decimal, units: Decimal, currency: str) -> None:
    usage = Usage(units, 1, precise_total_amount_cents=total)
    figures = {"units": str(units), **({"event_amounts_cents": format(total, "f")} if total else {})}
    explained(line_of("dynamic", {}, usage, currency, figures=figures))


@given(st.decimals(-10, 10**6, places=6), UNITS)
def test_custom(amount: Decimal, units: Decimal) -> None:
    usage = Usage(units, 1, custom_amount=amount)
    figures = {"units": str(units), "amount": format(amount, "f")}
    explained(line_of("custom", {}, usage, "USD", aggregation_type="custom_agg", figures=figures))


@given(
    price_tiers(),
    st.lists(st.tuples(st.integers(-30, 60), st.integers(0, 30)), max_size=8),
    st.sampled_from([28, 29, 30, 31]),
)
def test_prorated_graduated(ranges: list[dict[str, Any]], moves: list[tuple[int, int]], days: int) -> None:
    """Days that do not divide: quotients never end, and the amount is still recomputed to the minor unit."""
    entries = [(Decimal(value), Fraction(value * min(lasted, days), days)) for value, lasted in moves]
    full = sum((value for value, _ in entries), Decimal(0))
    usage = Usage(
        ceil5(sum((share for _, share in entries), Fraction(0))), len(moves), full_units=full, prorated_entries=entries
    )
    properties = checked("graduated", {"graduated_ranges": ranges})
    facts = {"path": tier_path(properties, entries, days), "window": {"days": days}, "figures": {"shown": str(full)}}
    explained(line_of("graduated", {"graduated_ranges": ranges}, usage, "USD", **facts))


EVENT_MODELS = st.sampled_from(["standard", "graduated", "graduated_percentage", "package"])


@given(EVENT_MODELS, price_tiers(), price_tiers(price_key="rate"), AMOUNTS, UNITS, st.decimals(0, 90, places=2))
def test_one_event_in_advance(
    model: str, ranges: list[Any], rates: list[Any], amount: Decimal, before: Decimal, billable: Decimal
) -> None:
    raw = {
        "standard": {"amount": str(amount)},
        "graduated": {"graduated_ranges": ranges},
        "graduated_percentage": {"graduated_percentage_ranges": rates},
        "package": {"amount": str(amount), "package_size": 7, "free_units": 5},
    }[model]
    event = InAdvanceEvent(Step(billable, billable), before + billable)
    in_advance(model, raw, event)


@given(AMOUNTS, st.decimals(0, 90, places=2), st.integers(0, 31))
def test_one_prorated_event_in_advance(amount: Decimal, billable: Decimal, days: int) -> None:
    event = InAdvanceEvent(Step(billable, billable), billable, proration=(days, 31))
    in_advance("standard", {"amount": str(amount)}, event)


@given(TERMS, st.lists(st.decimals(0, 60, places=1), max_size=6), st.decimals(0, 90, places=2))
def test_one_event_of_a_percentage_in_advance(raw: dict[str, Any], earlier: list[Decimal], billable: Decimal) -> None:
    total = sum(earlier, Decimal(0))
    event = InAdvanceEvent(
        Step(billable, billable), total, earlier_count=len(earlier), earlier_units=total, earlier_values=earlier
    )
    in_advance("percentage", raw, event)


def in_advance(model: str, raw: dict[str, Any], event: InAdvanceEvent) -> None:
    properties = checked(model, raw)
    amounts = price_event(model, properties, event, "USD", aggregation_type="sum_agg")
    billable = event.step.billable
    line = ChargeLine(
        currency="USD",
        charge_model=model,
        aggregation_type="sum_agg",
        prorated=event.proration is not None,
        properties=properties,
        rounding_function=None,
        rounding_precision=None,
        field_name="v",
        recurring=False,
        units=amounts.units,
        priced_units=prorated_units(billable, *event.proration) if event.proration else billable,
        events_count=1,
        grouped_by={},
        details=amounts.amount_details,
        amount_cents=amounts.amount_cents,
        precise_amount_cents=amounts.precise_amount_cents,
        facts={},
        event={
            "aggregated_units": decimal_string(event.aggregated_units),
            "billable_units": decimal_string(billable),
            "days": event.proration or (None, None),
        },
    )
    x = Explanation(currency="USD", amount_cents=line.amount_cents)
    event_price_steps(x, line)
    wire = x.wire()
    check(wire)
    assert wire["recomputed_amount_cents"] == line.amount_cents, wire
    assert wire["matches"] is True


@given(
    st.recursive(
        st.one_of(st.sampled_from(["a", "b", "c"]), st.decimals(0, 99, places=2).map(str)),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda each: f"({each[0]} {each[1]} {each[2]})"),
            inner.map(lambda each: f"-{each}"),
            st.tuples(st.sampled_from(["round", "ceil", "floor"]), inner, st.integers(0, 3)).map(
                lambda each: f"{each[0]}({each[1]}, {each[2]})"
            ),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
                lambda each: f"{each[0]}({each[1]}, {each[2]})"
            ),
        ),
        max_leaves=8,
    )
)
def test_grammar_means_what_the_guide_says(formula: str) -> None:
    inputs = {"a": "3", "b": "-0.5", "c": "1234.56789"}
    try:
        expected = calculate(formula, inputs)
    except ZeroDivisionError:
        with pytest.raises(FormulaError):
            evaluate(formula, inputs)
        return
    assert evaluate(formula, inputs) == expected


@pytest.mark.parametrize("formula", ["", "a b", "a +", "open(a)", "round(a, 1, 2)", "a ** 2", "__import__", "unknown"])
def test_what_is_no_formula(formula: str) -> None:
    with pytest.raises(FormulaError):
        evaluate(formula, {"a": "1"})


def test_a_quotient_that_never_ends_says_that_it_is_rounded() -> None:
    made = step("proration", "x", "a / b", "cents", a=100, b=3)
    assert made.formula == "round(a / b, 20)"
    assert made.result == "33.33333333333333333333"
