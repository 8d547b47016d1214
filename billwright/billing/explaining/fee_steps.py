"""Steps of fees that are no usage: subscriptions, commitments, true-ups, add-ons, purchased credits; and taxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from billwright.billing.explaining.lines import ChargeLine, tier_path, window_inputs
from billwright.billing.explaining.pricing_steps import convert, price_steps
from billwright.billing.explaining.steps import CONVERSION, Explanation
from billwright.billing.invoicing.models import Fee, FeeTax
from billwright.billing.kernel.money import exponent, from_minor_units

NOT_STORED = "The figures behind this amount were not stored with this fee: it was made by an earlier version."


def window_step(x: Explanation, fee: Fee, *, charges: bool) -> None:
    """The period that the fee is about."""
    since = fee.charges_from_datetime if charges else fee.from_datetime
    until = fee.charges_to_datetime if charges else fee.to_datetime
    days = fee.charges_duration if charges else fee.explanation.get("period_days")
    inputs = window_inputs(since, until, fee.explanation.get("timezone"), days)
    paid = fee.item.get("paid_period")
    if paid:
        inputs["paid_period"] = dict(paid)
    x.add("window", "Days of the whole period", "days", "days", **inputs)


def subscription_steps(x: Explanation, fee: Fee) -> None:
    """The plan's amount for the days of the window (spec 03 §4.1)."""
    facts = fee.explanation
    window_step(x, fee, charges=False)
    if "days" not in facts:
        stored_steps(x, fee)
        return
    inputs = {
        "plan_amount_cents": facts["plan_amount_cents"],
        "days": facts["days"],
        "period_days": facts["period_days"],
    }
    formula = "plan_amount_cents * days / period_days"
    x.add("proration", "Plan amount for the billed days", formula, "cents", **inputs, trial_end=facts.get("trial_end"))
    x.settle(x.add(CONVERSION, "Rounded to minor units", f"round({formula})", "cents", **inputs))


def true_up_steps(x: Explanation, fee: Fee) -> None:
    """What is missing to a charge's spending minimum (spec 02 §9)."""
    facts = fee.explanation
    window_step(x, fee, charges=True)
    if "charged_cents" not in facts:
        stored_steps(x, fee)
        return
    inputs = {"minimum_cents": facts["minimum"], "days": facts["days"], "period_days": facts["period_days"]}
    formula = "minimum_cents * days / period_days"
    x.add("minimum", "Spending minimum for the billed days", formula, "cents", **inputs)
    missing = f"round({formula} - charged_cents)"
    x.settle(
        x.add("minimum", "Missing to the minimum", missing, "cents", **inputs, charged_cents=facts["charged_cents"])
    )


def commitment_steps(x: Explanation, fee: Fee) -> None:
    """What is missing to the plan's minimum commitment (spec 02 §12)."""
    facts = fee.explanation
    window_step(x, fee, charges=False)
    due = x.add(
        "minimum",
        "Commitment for the active days",
        "round(commitment_cents * days / period_days)",
        "cents",
        commitment_cents=facts["commitment_amount_cents"],
        days=facts["days"],
        period_days=facts["period_days"],
    )
    x.settle(
        x.add(
            "minimum",
            "Missing to the commitment",
            "due_cents - counted_cents",
            "cents",
            due_cents=due,
            counted_cents=facts["counted_cents"],
        )
    )


def add_on_steps(x: Explanation, fee: Fee) -> None:
    """Units at their price (spec 04 §14)."""
    unit_cents = fee.explanation.get("unit_amount_cents")
    price = fee.precise_unit_amount if unit_cents is None else from_minor_units(unit_cents, fee.currency)
    convert(x, x.add("pricing", "Price per unit", "units * amount", fee.currency, units=fee.units, amount=price))


def credit_steps(x: Explanation, fee: Fee) -> None:
    """Credits at the wallet's rate (spec 05 D4)."""
    rate = Decimal(str(fee.explanation.get("rate_amount", fee.precise_unit_amount)))
    convert(x, x.add("pricing", "Price of a credit", "credits * rate", fee.currency, credits=fee.units, rate=rate))


def adjusted_amount_steps(x: Explanation, fee: Fee) -> None:
    """Units and price that were set by hand on the draft (spec 02 §14)."""
    amount = x.add(
        "adjustment",
        "Units and price set by hand",
        "units * unit_amount",
        fee.currency,
        units=fee.units,
        unit_amount=fee.precise_unit_amount,
    )
    convert(x, amount)


def adjusted_units_steps(x: Explanation, fee: Fee) -> None:
    """Units that were set by hand: priced by the charge's model without any event, or times the subscription fee."""
    charged = fee.fee_type == "charge"
    window_step(x, fee, charges=charged)
    units = x.add("adjustment", "Units set by hand", "units", "units", units=fee.units)
    if not charged:
        amount = x.add(
            "pricing",
            "Subscription fee of the window",
            "units * unit_amount",
            fee.currency,
            units=units,
            unit_amount=fee.precise_unit_amount,
        )
        convert(x, amount)
        return
    line = ChargeLine.of_fee(fee)
    facts: dict[str, Any] = {"figures": {"units": units, "shown": units, "amount": "0"}, "window": {"days": 1}}
    if line.prorated and line.charge_model == "graduated":
        facts["path"] = tier_path(line.properties, (), 1)
    price_steps(x, replace(line, facts=facts, event=None, renewed=False, priced_units=fee.units))


def stored_steps(x: Explanation, fee: Fee) -> None:
    """What is left where the figures behind an amount were not stored: the unrounded amount itself."""
    x.notes.append(NOT_STORED)
    amount = fee.precise_amount_cents.scaleb(-exponent(fee.currency))
    convert(x, x.add("pricing", "Stored amount", "amount", fee.currency, amount=amount))


def tax_steps(x: Explanation, fee: Fee, taxes: Sequence[FeeTax]) -> None:
    """One step per tax: each is rounded for itself (spec 05 A3)."""
    for tax in taxes:
        x.add(
            "tax",
            f"{tax.tax_name} ({tax.tax_code})",
            "round((amount_cents - discount_cents) * rate / 100)",
            "cents",
            amount_cents=fee.amount_cents,
            discount_cents=fee.precise_coupons_amount_cents,
            rate=tax.tax_rate,
        )
