"""Inputs and wire outputs of taxes (spec 05 A1)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from billwright.billing.access.models import Organization
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import Input, RequiredText, Text, refuse
from billwright.billing.kernel.money import parse_decimal
from billwright.billing.kernel.outputs import Id, Instant, JsonNumber, number
from billwright.billing.taxes.models import Tax

MAX_RATE = Decimal(1_000_000)
MAX_RATE_DECIMALS = 20


def _rate(value: Any) -> Any:
    """A percentage >= 0 as number or numeric text; anything else is ``value_is_invalid`` (spec 05 A1)."""
    if value is None or value == "":
        raise refuse("value_is_mandatory")
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise refuse("value_is_invalid")
    parsed = parse_decimal(str(value))
    if parsed is None or parsed < 0 or parsed > MAX_RATE:
        raise refuse("value_is_invalid")
    exponent = parsed.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MAX_RATE_DECIMALS:
        raise refuse("value_is_invalid")
    return number(parsed)


Rate = Annotated[
    Decimal,
    BeforeValidator(_rate),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}, {"type": "number", "minimum": 0}]}
    ),
]
"""Percent, exact."""
Name = Annotated[RequiredText, Field(max_length=255)]


class TaxCreate(Input):
    """A new tax; ``rate`` in percent."""

    name: Name
    code: Name
    rate: Rate
    description: Text | None = None
    applied_to_organization: bool = False


class TaxUpdate(Input):
    """Changes of a tax; absent attributes stay."""

    name: Name = ""
    code: Name = ""
    rate: Rate = Decimal(0)
    description: Text | None = None
    applied_to_organization: bool = False


class TaxOut(TypedDict):
    """A tax as it stands in other objects. ``rate`` in percent."""

    lago_id: Id
    name: str
    code: str
    description: str | None
    rate: JsonNumber
    applied_to_organization: bool
    created_at: Instant | None


class TaxDetailOut(TaxOut):
    """A tax with where it is used (spec 05 A1)."""

    add_ons_count: int
    customers_count: int
    plans_count: int
    charges_count: int
    commitments_count: int
    applied_to_billing_entities_codes: Sequence[str]


class TaxCounts(TypedDict):
    """How many live objects carry a tax."""

    add_ons_count: int
    customers_count: int
    plans_count: int
    charges_count: int


def tax_object(tax: Tax) -> TaxOut:
    """The wire form inside customers, plans, charges and organizations."""
    return {
        "lago_id": tax.id,
        "name": tax.name,
        "code": tax.code,
        "description": tax.description,
        "rate": number(tax.rate),
        "applied_to_organization": tax.applied_to_organization,
        "created_at": iso(tax.created_at),
    }


def tax_detail(organization: Organization, tax: Tax, counts: TaxCounts) -> TaxDetailOut:
    """The wire form of ``/taxes``."""
    return {
        **tax_object(tax),
        **counts,
        "commitments_count": 0,
        "applied_to_billing_entities_codes": (
            [billing_entity_code(organization)] if tax.applied_to_organization else []
        ),
    }
