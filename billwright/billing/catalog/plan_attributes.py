"""Attributes of a plan: what is mandatory and what is allowed (spec 03 §2.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from billwright.billing.catalog.models import Plan
from billwright.billing.kernel.errors import Problems
from billwright.billing.kernel.money import CURRENCIES

INTERVALS = ("weekly", "monthly", "quarterly", "semiannual", "yearly")
MONTHLY_CHARGES = ("semiannual", "yearly")
"""Intervals whose charges may be billed monthly."""
MAX_CODE = 255
MAX_TRIAL_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class PlanAttributes:
    """All attributes of a plan as they will be, before validation. ``None`` for a mandatory one means missing."""

    name: str | None = None
    invoice_display_name: str | None = None
    code: str | None = None
    description: str | None = None
    interval: str | None = None
    amount_cents: int | None = None
    amount_currency: str | None = None
    pay_in_advance: bool | None = None
    trial_period: Decimal | None = None
    bill_charges_monthly: bool | None = None
    bill_fixed_charges_monthly: bool | None = None


NAMES = tuple(PlanAttributes.__dataclass_fields__)


def columns(attributes: PlanAttributes) -> dict[str, Any]:
    """Column values."""
    return {name: getattr(attributes, name) for name in NAMES}


def attributes_of(plan: Plan) -> PlanAttributes:
    """The attributes of a stored plan."""
    return PlanAttributes(**{name: getattr(plan, name) for name in NAMES})


def validated(given: PlanAttributes, problems: Problems) -> PlanAttributes:
    """``given`` in stored form; what is wrong goes to ``problems`` (spec 03 §2.1)."""
    for name in ("name", "code"):
        text: str | None = getattr(given, name)
        if text is None or not text.strip():
            problems.add(name, "value_is_mandatory")
    if len(given.code or "") > MAX_CODE:
        problems.add("code", "value_is_too_long")
    if given.interval not in INTERVALS:
        problems.add("interval", "value_is_invalid")
    if given.amount_cents is None:
        problems.add("amount_cents", "value_is_mandatory")
    elif given.amount_cents < 0:
        problems.add("amount_cents", "value_is_out_of_range")
    currency = (given.amount_currency or "").upper()
    if currency not in CURRENCIES:
        problems.add("amount_currency", "value_is_invalid")
    if given.pay_in_advance is None:
        problems.add("pay_in_advance", "value_is_invalid")
    trial = given.trial_period
    if trial is not None and not 0 <= trial <= MAX_TRIAL_DAYS:
        problems.add("trial_period", "value_is_out_of_range")
    long = given.interval in MONTHLY_CHARGES
    return replace(
        given,
        invoice_display_name=given.invoice_display_name or None,
        amount_currency=currency,
        bill_charges_monthly=bool(given.bill_charges_monthly) if long else None,
        bill_fixed_charges_monthly=bool(given.bill_fixed_charges_monthly) if long else None,
    )
