"""Input of invoice previews (spec 04 §15). Nulls count as absent at every depth (spec 00 rule 33)."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Field

from billwright.billing.customers.schemas import AddressInput, Country, TimeZone
from billwright.billing.kernel.errors import BillingError, ValidationFailed
from billwright.billing.kernel.inputs import CurrencyCode, Input, Text

MAX_COUPONS = 100


class MalformedPreview(BillingError):
    """A part of the body has the wrong shape: 400 whose ``error`` is the bare code (spec 07 §1.4)."""

    status, code = 400, None

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class PreviewCustomer(Input):
    """The stored customer with ``external_id``, or a transient one; the other attributes override the stored ones."""

    external_id: Text | None = None
    name: Text | None = None
    currency: CurrencyCode | None = None
    timezone: TimeZone = None
    tax_identification_number: Text | None = None
    address_line1: Text | None = None
    address_line2: Text | None = None
    city: Text | None = None
    state: Text | None = None
    zipcode: Text | None = None
    country: Country = None
    shipping_address: AddressInput | None = None


OVERRIDES = (
    "name",
    "currency",
    "timezone",
    "tax_identification_number",
    "address_line1",
    "address_line2",
    "city",
    "state",
    "zipcode",
    "country",
)
"""Attributes of the customer that a preview may change in memory."""


class PreviewSubscriptions(Input):
    """Existing subscriptions by external id, and what is to happen to one of them."""

    external_ids: Annotated[list[Text], Field(max_length=1000)] | None = None
    plan_code: Text | None = None
    terminated_at: Text | None = None


class PreviewInput(Input):
    """Body of ``POST /invoices/preview``, without a root. ``coupons`` and ``subscriptions`` are checked by shape first:
    a wrong one is a 400 (``MalformedPreview``)."""

    customer: PreviewCustomer | None = None
    plan_code: Text | None = None
    subscription_at: Text | None = None
    billing_time: Text | None = None
    coupons: Any = None
    subscriptions: Any = None
    billing_entity_code: Text | None = None

    def chosen(self) -> PreviewSubscriptions | None:
        """The ``subscriptions`` part. Raises ``MalformedPreview``, ``ValidationFailed``."""
        sent: object = self.subscriptions
        if sent is None:
            return None
        if not isinstance(sent, dict):
            raise MalformedPreview("subscriptions_must_be_an_object")
        return PreviewSubscriptions.parse(sent)

    def described_coupons(self) -> list[Any]:
        """The ``coupons`` part. Raises ``MalformedPreview``, ``ValidationFailed``."""
        sent: object = self.coupons
        if sent is None:
            return []
        if not isinstance(sent, list):
            raise MalformedPreview("coupons_must_be_an_array")
        if len(cast("list[Any]", sent)) > MAX_COUPONS:
            raise ValidationFailed(coupons="value_is_too_long")
        return cast("list[Any]", sent)
