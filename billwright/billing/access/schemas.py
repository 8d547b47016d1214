"""Inputs and wire outputs of organizations (spec 04 §24)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from billwright.billing.access.models import Organization
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.inputs import (
    CurrencyCode,
    Input,
    NonNegativeInteger,
    RequiredText,
    Text,
    as_list,
    as_mapping,
    refuse,
)
from billwright.billing.kernel.outputs import Id, Instant
from billwright.billing.kernel.validators import CountryCode, DocumentLocale, EmailAddress, TimeZoneName, WebAddress

EMAIL_SETTINGS = ("invoice.finalized", "credit_note.created", "payment_receipt.created")
MAX_DAYS = 36_500


def _days(value: int) -> int:
    if value > MAX_DAYS:
        raise refuse("value_is_out_of_range")
    return value


Days = Annotated[
    NonNegativeInteger, AfterValidator(_days), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_DAYS})
]
"""A number of days, at most a hundred years (``value_is_out_of_range``)."""


def _blank_is_null(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _not_blank(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise refuse("value_is_mandatory")
    return value


def _prefix(value: str) -> str:
    text = value.strip().upper()
    if not text:
        raise refuse("value_is_too_short")
    if len(text) > 10:
        raise refuse("value_is_too_long")
    return text


def _email_settings(value: Any) -> Any:
    if value is None:
        return []
    given = as_list(value)
    if given is None:
        raise refuse("must_be_an_array")
    if any(item not in EMAIL_SETTINGS for item in given):
        raise refuse("unsupported_value")
    return [item for item in EMAIL_SETTINGS if item in given]


NullableCountry = Annotated[CountryCode | None, BeforeValidator(_blank_is_null)]
NullableEmail = Annotated[EmailAddress | None, BeforeValidator(_blank_is_null)]
RequiredUrl = Annotated[WebAddress, BeforeValidator(_not_blank)]
Prefix = Annotated[Text, AfterValidator(_prefix), Field(json_schema_extra={"minLength": 1, "maxLength": 10})]
EmailSettings = Annotated[
    list[str],
    BeforeValidator(_email_settings),
    WithJsonSchema({"type": "array", "items": {"type": "string", "enum": list(EMAIL_SETTINGS)}}),
]


class OrganizationBillingConfiguration(Input):
    """Settings of documents and drafts; absent ones stay."""

    invoice_footer: Annotated[Text | None, Field(max_length=600)] = None
    invoice_grace_period: Days = 0
    document_locale: DocumentLocale = "en"


class OrganizationUpdate(Input):
    """Changes of an organization's settings; absent ones stay, null clears what may be null. The name stays."""

    legal_name: Text | None = None
    legal_number: Text | None = None
    tax_identification_number: Text | None = None
    email: NullableEmail = None
    address_line1: Text | None = None
    address_line2: Text | None = None
    zipcode: Text | None = None
    city: Text | None = None
    state: Text | None = None
    country: NullableCountry = None
    timezone: TimeZoneName = "UTC"
    default_currency: CurrencyCode = "USD"
    document_numbering: Literal["per_customer", "per_organization"] = "per_customer"
    document_number_prefix: Prefix = "-"
    net_payment_term: Days = 0
    finalize_zero_amount_invoice: bool = True
    subscription_invoice_issuing_date_anchor: Literal["next_period_start", "current_period_end"] = "next_period_start"
    subscription_invoice_issuing_date_adjustment: Literal["align_with_finalization_date", "keep_anchor"] = (
        "align_with_finalization_date"
    )
    email_settings: EmailSettings = []
    webhook_url: RequiredUrl = ""
    billing_configuration: OrganizationBillingConfiguration | None = None

    @classmethod
    def parse(cls, raw: Any) -> Self:
        """As ``Input.parse``; problems of the billing configuration carry the names of its own attributes."""
        problems = Problems()
        given = dict(as_mapping(raw) or {})
        nested = given.pop("billing_configuration", None)
        configuration = _collect(problems, OrganizationBillingConfiguration, nested) if nested is not None else None
        found = _collect(problems, super(), given if isinstance(raw, dict) else raw)
        problems.raise_if_any()
        assert found is not None
        if configuration is not None:
            found.billing_configuration = configuration
        return found

    def settings(self) -> dict[str, Any]:
        """The sent values by attribute of ``Organization``; ``webhook_url`` is not one of them."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        sent.pop("billing_configuration", None)
        sent.pop("webhook_url", None)
        if self.billing_configuration is not None:
            configuration = self.billing_configuration
            sent.update({name: getattr(configuration, name) for name in configuration.model_fields_set})
        return sent


def _collect(problems: Problems, model: Any, raw: Any) -> Any:
    try:
        return model.parse(raw)
    except ValidationFailed as failure:
        for name, codes in failure.details.items():
            for code in codes:
                problems.add(name, code)
        return None


class NewOrganization(Input):
    """What an organization begins with. ``kind`` is fixed for ever."""

    name: Annotated[RequiredText, Field(max_length=255)]
    kind: Literal["live", "sandbox"] = "live"


class BillingConfigurationOut(TypedDict):
    """Settings of documents and drafts."""

    invoice_footer: str | None
    invoice_grace_period: int
    document_locale: str


class OrganizationOut(TypedDict):
    """An organization with its settings."""

    lago_id: Id
    name: str
    created_at: Instant | None
    webhook_url: str | None
    webhook_urls: Sequence[str]
    country: str | None
    default_currency: str
    address_line1: str | None
    address_line2: str | None
    state: str | None
    zipcode: str | None
    email: str | None
    city: str | None
    legal_name: str | None
    legal_number: str | None
    document_numbering: str
    document_number_prefix: str
    net_payment_term: int
    tax_identification_number: str | None
    timezone: str
    email_settings: Sequence[str]
    finalize_zero_amount_invoice: bool
    subscription_invoice_issuing_date_anchor: str
    subscription_invoice_issuing_date_adjustment: str
    events_store: str
    billing_configuration: BillingConfigurationOut


EVENTS_STORE = "postgres"
"""Of the contract's names, where events are kept."""


def organization_object(organization: Organization, webhook_urls: Sequence[str] = ()) -> OrganizationOut:
    """The wire form without taxes; ``webhook_urls`` oldest first."""
    return {
        "lago_id": organization.id,
        "name": organization.name,
        "created_at": iso(organization.created_at),
        "webhook_url": webhook_urls[0] if webhook_urls else None,
        "webhook_urls": list(webhook_urls),
        "country": organization.country,
        "default_currency": organization.default_currency,
        "address_line1": organization.address_line1,
        "address_line2": organization.address_line2,
        "state": organization.state,
        "zipcode": organization.zipcode,
        "email": organization.email,
        "city": organization.city,
        "legal_name": organization.legal_name,
        "legal_number": organization.legal_number,
        "document_numbering": organization.document_numbering,
        "document_number_prefix": organization.document_number_prefix,
        "net_payment_term": organization.net_payment_term,
        "tax_identification_number": organization.tax_identification_number,
        "timezone": organization.timezone,
        "email_settings": organization.email_settings,
        "finalize_zero_amount_invoice": organization.finalize_zero_amount_invoice,
        "subscription_invoice_issuing_date_anchor": organization.subscription_invoice_issuing_date_anchor,
        "subscription_invoice_issuing_date_adjustment": organization.subscription_invoice_issuing_date_adjustment,
        "events_store": EVENTS_STORE,
        "billing_configuration": {
            "invoice_footer": organization.invoice_footer,
            "invoice_grace_period": organization.invoice_grace_period,
            "document_locale": organization.document_locale,
        },
    }
