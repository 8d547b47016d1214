"""Input of one-off invoices (spec 04 §14). Nulls count as absent at every depth: the official client sends them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from billwright.billing.kernel.inputs import CurrencyCode, Input, NonNegativeInteger, Number, Text, refuse

MAX_FEES = 2_000
MAX_UNITS_EXPONENT = 30
"""Units from 10^-30 to 10^30; others are ``value_is_out_of_range``."""


def _units(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if not value.is_finite() or not isinstance(exponent, int):
        raise refuse("value_is_invalid")
    if value < 0 or value.adjusted() > MAX_UNITS_EXPONENT or exponent < -MAX_UNITS_EXPONENT:
        raise refuse("value_is_out_of_range")
    return value


Units = Annotated[Number, AfterValidator(_units)]
DisplayName = Annotated[Text, Field(max_length=255)]


class OneOffFeeInput(Input):
    """A line: an add-on, how much of it and at which price (minor units of the invoice's currency)."""

    add_on_code: Text | None = None
    invoice_display_name: DisplayName | None = None
    unit_amount_cents: NonNegativeInteger | None = None
    units: Units | None = None
    description: Text | None = None
    from_datetime: Text | None = None
    to_datetime: Text | None = None
    tax_codes: Annotated[list[Text], Field(max_length=100)] | None = None


class OneOffInvoiceCreate(Input):
    """Body of ``POST /invoices``; ``skip_psp``: no automatic payment."""

    external_customer_id: Text | None = None
    currency: CurrencyCode | None = None
    fees: Annotated[list[OneOffFeeInput], Field(max_length=MAX_FEES)] | None = None
    skip_psp: bool | None = None
    billing_entity_code: Text | None = None
    payment_method: dict[str, Any] | None = None
    invoice_custom_section: dict[str, Any] | None = None
