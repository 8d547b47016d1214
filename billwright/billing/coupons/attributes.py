"""Checking a coupon's values, new or changed (spec 05 B1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from billwright.billing.coupons.schemas import CouponInput
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.errors import Problems
from billwright.billing.kernel.money import CURRENCIES

COUPON_TYPES = ("fixed_amount", "percentage")
FREQUENCIES = ("once", "recurring", "forever")
EXPIRATIONS = ("no_expiration", "time_limit")
MAX_TEXT = 255
MAX_RATE_DECIMALS = 20
EXPIRY_MINUTE = 30
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CouponValues:
    """All values of a coupon as they will be, before they are checked; ``None`` for a mandatory one means missing."""

    name: str | None = None
    code: str | None = None
    description: str | None = None
    coupon_type: str | None = None
    amount_cents: int | None = None
    amount_currency: str | None = None
    percentage_rate: Decimal | None = None
    frequency: str | None = None
    frequency_duration: int | None = None
    expiration: str | None = None
    expiration_at: datetime | None = None
    reusable: bool = True


NAMES = tuple(CouponValues.__dataclass_fields__)
MANDATORY = ("name", "code", "coupon_type", "frequency", "expiration")
_CLEARABLE = ("description", "expiration_at")
EDITABLE_WHEN_APPLIED = ("name", "description", "expiration", "expiration_at")


def changes_of(inp: CouponInput, now: datetime, problems: Problems, *, applied: bool) -> dict[str, Any]:
    """The sent values as they are stored. A null clears only what may be absent, else it counts as not sent.

    ``applied``: values that are fixed once the coupon was applied are left out without an error.
    """
    values = inp.given_values(*(EDITABLE_WHEN_APPLIED if applied else NAMES))
    values = {name: value for name, value in values.items() if value is not None or name in _CLEARABLE}
    text = values.get("expiration_at")
    if text is not None:
        instant = parse_instant(str(text))
        if instant is None or instant <= now:
            problems.add("expiration_at", "invalid_date")
            instant = None
        values["expiration_at"] = instant
    return values


def columns_of(values: CouponValues, problems: Problems) -> dict[str, Any]:
    """Checked columns of the coupon; values that its type or frequency has no use for become null."""
    for name in MANDATORY:
        text: str | None = getattr(values, name)
        if text is None or not text.strip():
            problems.add(name, "value_is_mandatory")
        elif len(text) > MAX_TEXT:
            problems.add(name, "value_is_too_long")
    for name, allowed in (("coupon_type", COUPON_TYPES), ("frequency", FREQUENCIES), ("expiration", EXPIRATIONS)):
        chosen = getattr(values, name)
        if chosen and chosen.strip() and chosen not in allowed:
            problems.add(name, "value_is_invalid")
    fixed, recurring = values.coupon_type == "fixed_amount", values.frequency == "recurring"
    if fixed:
        check_amount(values.amount_cents, values.amount_currency, problems, minimum=1)
    elif values.coupon_type == "percentage":
        check_rate(values.percentage_rate, problems)
    if recurring:
        check_duration(values.frequency_duration, problems)
    return {
        "name": values.name,
        "code": values.code,
        "description": values.description,
        "coupon_type": values.coupon_type,
        "amount_cents": values.amount_cents if fixed else None,
        "amount_currency": values.amount_currency.upper() if fixed and values.amount_currency else None,
        "percentage_rate": None if fixed else values.percentage_rate,
        "frequency": values.frequency,
        "frequency_duration": values.frequency_duration if recurring else None,
        "expiration": values.expiration,
        "expiration_at": values.expiration_at,
        "reusable": values.reusable,
    }


def check_amount(amount_cents: int | None, currency: str | None, problems: Problems, *, minimum: int) -> None:
    """A fixed amount in minor units with its currency."""
    if amount_cents is None:
        problems.add("amount_cents", "value_is_mandatory")
    elif amount_cents < minimum:
        problems.add("amount_cents", "value_is_out_of_range")
    if currency is None or not currency.strip():
        problems.add("amount_currency", "value_is_mandatory")
    elif currency.upper() not in CURRENCIES:
        problems.add("amount_currency", "value_is_invalid")


def check_rate(rate: Decimal | None, problems: Problems) -> None:
    """A percentage above 0; more than 100 is capped at use."""
    if rate is None:
        problems.add("percentage_rate", "value_is_mandatory")
        return
    exponent = rate.as_tuple().exponent
    if rate <= 0:
        problems.add("percentage_rate", "value_is_out_of_range")
    elif not isinstance(exponent, int) or exponent < -MAX_RATE_DECIMALS or rate.adjusted() > MAX_RATE_DECIMALS:
        problems.add("percentage_rate", "value_is_invalid")


def check_duration(duration: int | None, problems: Problems) -> None:
    """The number of invoices of a recurring coupon."""
    if duration is None:
        problems.add("frequency_duration", "value_is_mandatory")
    elif duration <= 0:
        problems.add("frequency_duration", "value_is_out_of_range")


def expiration_due(status: str, expiration: str | None, expiration_at: datetime | None) -> datetime | None:
    """The first :30 slot at which the coupon's time is over (spec 03 §8.1); null if nothing ends it."""
    if status != "active" or expiration != "time_limit" or expiration_at is None:
        return None
    slot = expiration_at.astimezone(UTC).replace(minute=EXPIRY_MINUTE, second=0, microsecond=0)
    return slot if slot > expiration_at else slot + _HOUR
