"""Buckets of charges paid in advance at nothing (spec 02 §10.3, trap 3)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from billwright.billing.invoicing.charge_usage import PricedBucket
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.usage import Price

_WITH_FLAT_AMOUNTS = (v.GRADUATED, v.GRADUATED_PERCENTAGE)


def unused_is_free(bucket: PricedBucket) -> PricedBucket:
    """A bucket without units costs nothing: in advance the first unit brings the first flat amount."""
    if bucket.price.units or bucket.charge.charge_model not in _WITH_FLAT_AMOUNTS:
        return bucket
    zero = Decimal(0)
    return replace(bucket, price=Price(zero, zero, zero), amount_cents=0, precise_amount_cents=zero)
