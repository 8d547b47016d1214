"""The checker itself: it knows nothing of the product, it follows the specification's tables, and it does notice."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from billwright.billing.kernel.db import Database
from tests.simulation import checker, running
from tests.simulation.checker.calendar import end_of_day, period, start_of_day
from tests.simulation.checker.money import half_up, rounded_units
from tests.simulation.checker.prices import graduated_by_days, price
from tests.simulation.plan import Step, plan_life
from tests.simulation.running import PLAIN


def test_the_checker_imports_nothing_of_the_product() -> None:
    for path in Path(checker.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "billwright"], path


def test_lives_are_the_same_for_the_same_seed() -> None:
    assert plan_life(7) == plan_life(7)
    assert plan_life(7) != plan_life(8)


def test_each_feature_is_in_several_lives_of_the_plain_run() -> None:
    found = Counter(mark for seed in PLAIN for mark in _marks(plan_life(seed).steps))
    expected = {f"{kind} step" for kind in _KINDS} | {f"{name} charge" for name in _MODELS}
    expected |= {f"{name} metric" for name in _AGGREGATIONS} | {f"{name} plan" for name in _INTERVALS}
    expected |= {f"{name} in {kind}" for kind, names in _OPTIONS.items() for name in names}
    enough = {mark: 1 if mark == "weekly plan" else 2 for mark in expected}  # a week each: by far the longest lives
    assert {mark: found[mark] for mark in expected if found[mark] < enough[mark]} == {}


_KINDS = (
    "organization tax metric add_on plan coupon customer subscribe events one_off pay pay_fees credit_note void "
    "void_with_note finalize refresh terminate cancel_pending apply_coupon delete_coupon wallet top_up price"
).split()
_MODELS = "standard graduated package percentage graduated_percentage volume dynamic".split()
_AGGREGATIONS = "count_agg sum_agg max_agg latest_agg unique_count_agg weighted_sum_agg".split()
_INTERVALS = "weekly monthly quarterly semiannual yearly".split()
_OPTIONS = {
    "organization": ("document_numbering", "finalize_zero_amount_invoice", "billing_configuration"),
    "metric": ("rounding_function", "recurring", "filters"),
    "plan": (
        "pay_in_advance",
        "trial_period",
        "minimum_commitment",
        "bill_charges_monthly",
        "tax_codes",
        "usage_thresholds",
    ),
    "charge": ("prorated", "pay_in_advance", "min_amount_cents", "filters", "tax_codes", "regroup_paid_fees"),
    "subscribe": ("plan_overrides", "subscription_at", "ending_at"),
    "terminate": ("on_termination_credit_note", "on_termination_invoice"),
    "wallet": ("applies_to", "expiration_at", "paid_credits", "granted_credits"),
    "coupon": ("applies_to", "frequency_duration", "percentage_rate", "amount_cents"),
    "customer": ("timezone", "net_payment_term", "finalize_zero_amount_invoice", "billing_configuration", "tax_codes"),
}


def _marks(steps: Sequence[Step]) -> set[str]:
    """What a life has, in words."""
    charges = [charge for step in steps if step.kind == "plan" for charge in step.body["charges"]]
    bodies = [(step.kind, step.body) for step in steps] + [("charge", charge) for charge in charges]
    found = {f"{step.kind} step" for step in steps} | {f"{charge['charge_model']} charge" for charge in charges}
    for kind, body in bodies:
        found |= {f"{name} in {kind}" for name, value in body.items() if value not in (None, [], {})}
        found |= {f"{body[name]} {kind}" for name in ("aggregation_type", "interval") if name in body}
    return found


async def test_a_wrong_price_is_noticed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checker is told of a dearer plan than the product: it must disagree."""

    class Misled(running.Books):
        def _plan(self, body: dict) -> None:
            super()._plan({**body, "amount_cents": body["amount_cents"] + 100})

    monkeypatch.setattr(running, "Books", Misled)
    _, wrong, _ = await running.simulate(database, 3, features=())
    assert any("fees_amount_cents" in line for line in wrong)


@pytest.mark.parametrize(
    ("units", "amount"), [("0", 2), ("1", 12), ("10", 102), ("10.5", 107.5), ("11", 110), ("12", 115), ("21", 163)]
)
def test_02_5_2_graduated(units: str, amount: float) -> None:
    tiers = [
        {"from_value": 0, "to_value": 10, "per_unit_amount": "10", "flat_amount": "2"},
        {"from_value": 11, "to_value": 20, "per_unit_amount": "5", "flat_amount": "3"},
        {"from_value": 21, "to_value": None, "per_unit_amount": "5", "flat_amount": "3"},
    ]
    assert price("graduated", {"graduated_ranges": tiers}, Fraction(units)) == Fraction(amount)


@pytest.mark.parametrize(
    ("values", "properties", "amount"),
    [
        ([200, 100, 100, 50], {"rate": "1.2", "fixed_amount": "0.10", "free_units_per_events": 3}, "0.70"),
        ([50, 100, 250, 400], {"rate": "1.3", "fixed_amount": "2", "free_units_per_events": 3}, "7.20"),
        ([200, 300, 50], {"rate": "5", "fixed_amount": "1", "free_units_per_total_aggregation": "500"}, "4.50"),
        (
            [10, 80, 10000],
            {"rate": "2.99", "per_transaction_min_amount": "1.75", "per_transaction_max_amount": "12"},
            "16.142",
        ),
    ],
)
def test_02_5_4_percentage(values: list[int], properties: dict, amount: str) -> None:
    exact = [Fraction(value) for value in values]
    found = price("percentage", properties, sum(exact, Fraction()), events=len(exact), values=exact, limited=True)
    assert found == Fraction(amount)


def test_02_6_3_prorated_graduated() -> None:
    tiers = [
        {"from_value": 0, "to_value": 5, "per_unit_amount": "10", "flat_amount": "100"},
        {"from_value": 6, "to_value": 15, "per_unit_amount": "5", "flat_amount": "50"},
        {"from_value": 16, "to_value": None, "per_unit_amount": "2", "flat_amount": "0"},
    ]
    days = [(2, 21), (5, 15), (-6, 11), (10, 6), (4, 5), (60, 1)]
    amounts = []
    for number in range(1, len(days) + 1):
        steps = [(Fraction(value), Fraction(value * left, 30)) for value, left in days[:number]]
        amounts.append(half_up(graduated_by_days(tiers, steps, sum((p for _, p in steps), Fraction())), 2))
    assert amounts == [Fraction(text) for text in ("114", "184", "165.67", "179.67", "183", "187")]


def test_03_3_periods() -> None:
    found = period("monthly", "anniversary", date(2024, 1, 31), date(2024, 3, 1))
    assert (found.start, found.end, found.days) == (date(2024, 2, 29), date(2024, 3, 30), 31)
    found = period("yearly", "anniversary", date(2024, 2, 29), date(2027, 12, 1))
    assert (found.start, found.days) == (date(2027, 2, 28), 366)
    assert f"{end_of_day(date(2024, 10, 31), 'Africa/Cairo'):%H:%M:%S}" == "21:59:59"
    assert f"{start_of_day(date(2024, 9, 8), 'America/Santiago'):%H:%M}" == "04:00"


def test_01_8_rounding_of_units() -> None:
    found = [rounded_units(Fraction("-123.4567"), name, digits) for name in ("ceil", "floor") for digits in (0, 2, -1)]
    assert found == [Fraction(text) for text in ("-123", "-123.45", "-120", "-124", "-123.46", "-130")]
