"""Short ways to write prices, tiers and usage in the tests of the pricing engine."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from billwright.billing.kernel.errors import Problems
from billwright.billing.pricing.models import price
from billwright.billing.pricing.properties import validate_properties
from billwright.billing.pricing.usage import Price, Usage

D = Decimal


def tiers(*rows: tuple[Any, Any, str, str], price_key: str = "per_unit_amount") -> list[dict[str, Any]]:
    return [{"from_value": a, "to_value": b, price_key: c, "flat_amount": d} for a, b, c, d in rows]


def checked(model: str, raw: Any, aggregation_type: str = "sum_agg") -> dict[str, Any]:
    """Properties that went through validation, as the engine gets them."""
    problems = Problems()
    stored = validate_properties(model, raw, problems, aggregation_type=aggregation_type)
    assert problems.details == {}
    return stored


def charge(
    model: str,
    raw: Any,
    units: str | int | Decimal,
    events_count: int = 1,
    *,
    aggregation_type: str = "sum_agg",
    currency: str = "USD",
    **usage: Any,
) -> Price:
    prorated = usage.get("full_units") is not None
    return price(
        model,
        checked(model, raw, aggregation_type),
        Usage(D(units), events_count, **usage),
        currency,
        aggregation_type=aggregation_type,
        prorated=prorated,
    )


def charge_events(raw: Any, values: Sequence[int | str | Decimal], **options: Any) -> Price:
    """A percentage charge over the values of a sum metric."""
    numbers = [D(value) for value in values]
    return charge("percentage", raw, sum(numbers, D(0)), len(numbers), event_values=numbers, **options)
