"""Which charge models, metrics and options go together (spec 02 §2.2, §3)."""

from __future__ import annotations

from dataclasses import dataclass

from billwright.billing.kernel.errors import Problems
from billwright.billing.pricing import vocabulary as v

IN_ADVANCE_AGGREGATIONS = frozenset({v.COUNT, v.SUM, v.UNIQUE_COUNT, v.CUSTOM_AGGREGATION})
PRORATED_AGGREGATIONS = frozenset({v.SUM, v.UNIQUE_COUNT})
REGROUP_INVOICE = "invoice"


@dataclass(frozen=True, slots=True)
class ChargeTraits:
    """A charge's attributes together with its metric's. ``charge_model`` ``None`` = missing."""

    charge_model: str | None
    aggregation_type: str
    recurring: bool = False
    pay_in_advance: bool = False
    invoiceable: bool = True
    regroup_paid_fees: str | None = None
    prorated: bool = False
    min_amount_cents: int = 0


def supports(charge_model: str, aggregation_type: str, *, pay_in_advance: bool = False) -> bool:
    """One cell of the matrix of spec 02 §3."""
    if charge_model not in v.CHARGE_MODELS or aggregation_type not in v.AGGREGATION_TYPES:
        return False
    if charge_model == v.DYNAMIC and aggregation_type != v.SUM:
        return False
    if charge_model == v.CUSTOM and aggregation_type != v.CUSTOM_AGGREGATION:
        return False
    if charge_model in (v.PERCENTAGE, v.GRADUATED_PERCENTAGE) and aggregation_type == v.LATEST:
        return False
    return not pay_in_advance or (charge_model != v.VOLUME and aggregation_type in IN_ADVANCE_AGGREGATIONS)


def supports_proration(charge: ChargeTraits) -> bool:
    """Recurring sum or unique count, in arrears with standard, volume or graduated, in advance with standard."""
    if not charge.recurring or charge.aggregation_type not in PRORATED_AGGREGATIONS:
        return False
    models = (v.STANDARD,) if charge.pay_in_advance else (v.STANDARD, v.VOLUME, v.GRADUATED)
    return charge.charge_model in models


def validate_charge(charge: ChargeTraits, problems: Problems) -> None:
    """Cross-field rules of spec 02 §2.2 (``properties`` are validated by ``properties.validate_properties``)."""
    model = charge.charge_model
    if model is None or not model.strip():
        problems.add("charge_model", "value_is_mandatory")
    elif model not in v.CHARGE_MODELS:
        problems.add("charge_model", "value_is_invalid")
    if not charge.invoiceable and not charge.pay_in_advance:
        problems.add("invoiceable", "must_be_true_unless_pay_in_advance")
    if charge.regroup_paid_fees is not None:
        if charge.regroup_paid_fees != REGROUP_INVOICE:
            problems.add("regroup_paid_fees", "value_is_invalid")
        elif not charge.pay_in_advance or charge.invoiceable:
            problems.add("regroup_paid_fees", "only_compatible_with_pay_in_advance_and_non_invoiceable")
    if charge.pay_in_advance:
        if model == v.VOLUME or charge.aggregation_type not in IN_ADVANCE_AGGREGATIONS:
            problems.add("pay_in_advance", "invalid_aggregation_type_or_charge_model")
        if charge.min_amount_cents > 0:
            problems.add("min_amount_cents", "not_compatible_with_pay_in_advance")
    if charge.min_amount_cents < 0:
        problems.add("min_amount_cents", "value_is_out_of_range")
    if (model == v.DYNAMIC and charge.aggregation_type != v.SUM) or (
        model == v.CUSTOM and charge.aggregation_type != v.CUSTOM_AGGREGATION
    ):
        problems.add("charge_model", "invalid_aggregation_type_or_charge_model")
    if charge.prorated and not supports_proration(charge):
        problems.add("prorated", "invalid_billable_metric_or_charge_model")
