"""Dynamic: the events bring their own price (spec 02 §5.7)."""

from __future__ import annotations

from billwright.billing.kernel.money import exponent
from billwright.billing.pricing.exact import ZERO, exact, quotient
from billwright.billing.pricing.usage import Price, Usage


@exact
def price_dynamic(usage: Usage, currency: str) -> Price:
    """The sum of the events' ``precise_total_amount_cents``, in currency units; 0 when there are no units."""
    amount = usage.precise_total_amount_cents.scaleb(-exponent(currency)) if usage.units else ZERO
    return Price(usage.units, amount, quotient(amount, usage.units))
