"""Inputs and wire output of add-ons (spec 04 §14, 00 rule 28)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from typing_extensions import TypedDict

from billwright.billing.add_ons.models import AddOn
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import CurrencyCode, Input, Integer, RequiredText, Text, refuse
from billwright.billing.kernel.outputs import Id, Instant
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.schemas import TaxOut, tax_object


def _positive(value: int) -> int:
    if value <= 0:
        raise refuse("value_is_out_of_range")
    return value


def _blank_is_missing(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise refuse("value_is_mandatory")
    return value


Name = Annotated[RequiredText, Field(max_length=255)]
Amount = Annotated[Integer, AfterValidator(_positive)]
"""Minor units above 0 (``value_is_out_of_range``)."""
TaxCodes = Annotated[list[Text], Field(max_length=1000)]
Currency = Annotated[CurrencyCode, BeforeValidator(_blank_is_missing)]


class AddOnCreate(Input):
    """A new add-on; ``amount_cents`` in minor units of ``amount_currency``."""

    name: Name
    code: Name
    amount_cents: Amount
    amount_currency: Currency
    description: Text | None = None
    invoice_display_name: Annotated[Text, Field(max_length=255)] | None = None
    tax_codes: TaxCodes | None = None


class AddOnUpdate(Input):
    """Changes of an add-on; absent attributes stay, ``tax_codes`` replaces the whole set."""

    name: Name = ""
    code: Name = ""
    amount_cents: Amount = 0
    amount_currency: Currency = ""
    description: Text | None = None
    invoice_display_name: Annotated[Text, Field(max_length=255)] | None = None
    tax_codes: TaxCodes | None = None


class AddOnOut(TypedDict):
    """The ``add_on`` object of the contract."""

    lago_id: Id
    name: str
    invoice_display_name: str | None
    code: str
    amount_cents: int
    amount_currency: str
    description: str | None
    created_at: Instant
    taxes: list[TaxOut]


def add_on_object(add_on: AddOn, taxes: Sequence[Tax]) -> AddOnOut:
    """The wire form, with its own taxes."""
    return {
        "lago_id": add_on.id,
        "name": add_on.name,
        "invoice_display_name": add_on.invoice_display_name,
        "code": add_on.code,
        "amount_cents": add_on.amount_cents,
        "amount_currency": add_on.amount_currency,
        "description": add_on.description,
        "created_at": iso(add_on.created_at) or "",
        "taxes": [tax_object(tax) for tax in taxes],
    }
