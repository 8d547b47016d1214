"""The compatibility matrix and the cross-field rules (spec 02 §2.2, §3)."""

from __future__ import annotations

from typing import Any

import pytest

from billwright.billing.kernel.errors import Problems
from billwright.billing.pricing.compatibility import ChargeTraits, supports, validate_charge
from billwright.billing.pricing.vocabulary import AGGREGATION_TYPES

METRICS = ("count_agg", "sum_agg", "unique_count_agg", "max_agg", "latest_agg", "weighted_sum_agg", "custom_agg")
MATRIX = {
    "standard": "AI AI AI A A A AI",
    "graduated": "AI AI AI A A A AI",
    "package": "AI AI AI A A A AI",
    "volume": "A A A A A A A",
    "percentage": "AI AI AI A - A AI",
    "graduated_percentage": "AI AI AI A - A AI",
    "dynamic": "- AI - - - - -",
    "custom": "- - - - - - AI",
}


def details(**traits: Any) -> dict[str, list[str]]:
    problems = Problems()
    validate_charge(ChargeTraits(**{"charge_model": "standard", "aggregation_type": "sum_agg", **traits}), problems)
    return problems.details


@pytest.mark.parametrize("model", MATRIX)
def test_matrix_3(model: str) -> None:
    assert set(METRICS) == set(AGGREGATION_TYPES)
    for metric, cell in zip(METRICS, MATRIX[model].split(), strict=True):
        assert supports(model, metric) == ("A" in cell), metric
        assert supports(model, metric, pay_in_advance=True) == ("I" in cell), metric
        if cell != "-":
            refused = details(charge_model=model, aggregation_type=metric, pay_in_advance=True)
            assert ("pay_in_advance" in refused) == ("I" not in cell)
            assert details(charge_model=model, aggregation_type=metric) == {}
    assert not supports("magic", "sum_agg")


def test_cross_field_rules_2_2() -> None:
    wrong_pair = {"charge_model": ["invalid_aggregation_type_or_charge_model"]}
    assert details() == {}
    assert details(charge_model=None) == details(charge_model=" ") == {"charge_model": ["value_is_mandatory"]}
    assert details(charge_model="magic") == {"charge_model": ["value_is_invalid"]}
    assert details(invoiceable=False) == {"invoiceable": ["must_be_true_unless_pay_in_advance"]}
    assert details(invoiceable=False, pay_in_advance=True) == {}
    assert details(invoiceable=False, pay_in_advance=True, regroup_paid_fees="invoice") == {}
    for traits in ({}, {"pay_in_advance": True}):
        assert details(regroup_paid_fees="invoice", **traits) == {
            "regroup_paid_fees": ["only_compatible_with_pay_in_advance_and_non_invoiceable"]
        }
    assert details(invoiceable=False, pay_in_advance=True, regroup_paid_fees="x") == {
        "regroup_paid_fees": ["value_is_invalid"]
    }
    for traits in ({"charge_model": "volume"}, {"aggregation_type": "max_agg"}, {"aggregation_type": "latest_agg"}):
        assert details(pay_in_advance=True, **traits) == {
            "pay_in_advance": ["invalid_aggregation_type_or_charge_model"]
        }
    assert details(pay_in_advance=True, min_amount_cents=1) == {
        "min_amount_cents": ["not_compatible_with_pay_in_advance"]
    }
    assert details(min_amount_cents=-1) == {"min_amount_cents": ["value_is_out_of_range"]}
    assert details(charge_model="dynamic", aggregation_type="count_agg") == wrong_pair
    assert details(charge_model="custom", aggregation_type="sum_agg") == wrong_pair


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("model", MATRIX)
@pytest.mark.parametrize("recurring", [True, False])
@pytest.mark.parametrize("pay_in_advance", [True, False])
def test_proration_3(metric: str, model: str, recurring: bool, pay_in_advance: bool) -> None:
    allowed = (
        recurring
        and metric in ("sum_agg", "unique_count_agg")
        and model in (("standard",) if pay_in_advance else ("standard", "volume", "graduated"))
    )
    found = details(
        charge_model=model, aggregation_type=metric, recurring=recurring, pay_in_advance=pay_in_advance, prorated=True
    )
    assert found.get("prorated", []) == ([] if allowed else ["invalid_billable_metric_or_charge_model"])
