"""Custom: the metric's own snippet computed the amount (spec 02 §5.8)."""

from __future__ import annotations

from billwright.billing.pricing.exact import exact, quotient
from billwright.billing.pricing.usage import Price, Usage


@exact
def price_custom(usage: Usage) -> Price:
    """The folded ``state.amount``; raises ``ValueError`` without one, it never prices as zero."""
    if usage.custom_amount is None:
        raise ValueError("custom pricing needs the folded amount")
    return Price(usage.units, usage.custom_amount, quotient(usage.custom_amount, usage.units))
