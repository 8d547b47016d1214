"""Inputs and wire output of customers (spec 03 §1)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from typing_extensions import TypedDict

from billwright.billing.access.models import Organization
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.customers.models import Customer, CustomerMetadata
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import CurrencyCode, Input, NonNegativeInteger, Text, refuse
from billwright.billing.kernel.outputs import Id, Instant
from billwright.billing.kernel.validators import CountryCode, DocumentLocale, TimeZoneName, is_email
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.schemas import TaxOut, tax_object


def _one_of(*allowed: str, code: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in allowed:
            raise refuse(code)
        return value

    return AfterValidator(check)


def _emails(value: str) -> str:
    """One or several addresses separated by commas, each trimmed."""
    addresses = [part.strip() for part in value.split(",") if part.strip()]
    if not addresses or not all(is_email(address) for address in addresses):
        raise refuse("invalid_email_format")
    return ",".join(addresses)


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _short(limit: int) -> AfterValidator:
    def check(value: str) -> str:
        if len(value) > limit:
            raise refuse("value_is_too_long")
        return value

    return AfterValidator(check)


EmailList = Annotated[Annotated[Text, AfterValidator(_emails)] | None, BeforeValidator(_blank_to_none)]
Country = Annotated[CountryCode | None, BeforeValidator(_blank_to_none)]
TimeZone = Annotated[TimeZoneName | None, BeforeValidator(_blank_to_none)]


class AddressInput(Input):
    """A shipping address; each absent key is left alone."""

    address_line1: Text | None = None
    address_line2: Text | None = None
    city: Text | None = None
    zipcode: Text | None = None
    state: Text | None = None
    country: Country = None


class BillingConfigurationInput(Input):
    """``billing_configuration`` of a customer (spec 03 §1.4)."""

    invoice_grace_period: NonNegativeInteger | None = None
    document_locale: DocumentLocale | None = None
    subscription_invoice_issuing_date_anchor: (
        Annotated[Text, _one_of("current_period_end", "next_period_start", code="value_is_invalid")] | None
    ) = None
    subscription_invoice_issuing_date_adjustment: (
        Annotated[Text, _one_of("keep_anchor", "align_with_finalization_date", code="value_is_invalid")] | None
    ) = None
    payment_provider: Annotated[Text, _one_of("stripe", "gocardless", "adyen", code="value_is_invalid")] | None = None
    payment_provider_code: Text | None = None
    provider_customer_id: Text | None = None
    sync: bool | None = None
    sync_with_provider: bool | None = None
    provider_payment_methods: list[Text] | None = None


class MetadataEntry(Input):
    """One entry of ``metadata``; with ``id`` an update, without a creation."""

    id: Text | None = None
    key: Text | None = None
    value: Text | None = None
    display_in_invoice: bool | None = None


class IntegrationCustomerInput(Input):
    """One entry of ``integration_customers`` (spec 08 A3). Entries of unknown integrations are ignored."""

    id: Text | None = None
    integration_type: Text | None = None
    integration_code: Text | None = None
    external_customer_id: Text | None = None
    sync_with_provider: bool | None = None
    subsidiary_id: Text | None = None
    targeted_object: Text | None = None
    code: Text | None = None


class CustomerInput(Input):
    """Body of ``POST /customers``: creates or updates by ``external_id`` (spec 03 §1.1)."""

    external_id: Text | None = None
    name: Annotated[Text, _short(255)] | None = None
    firstname: Text | None = None
    lastname: Text | None = None
    customer_type: Annotated[Text, _one_of("company", "individual", code="value_is_invalid")] | None = None
    email: EmailList = None
    legal_name: Text | None = None
    legal_number: Text | None = None
    tax_identification_number: Text | None = None
    phone: Text | None = None
    url: Text | None = None
    logo_url: Text | None = None
    external_salesforce_id: Text | None = None
    address_line1: Text | None = None
    address_line2: Text | None = None
    city: Text | None = None
    state: Text | None = None
    zipcode: Text | None = None
    country: Country = None
    shipping_address: AddressInput | None = None
    currency: CurrencyCode | None = None
    timezone: TimeZone = None
    net_payment_term: NonNegativeInteger | None = None
    finalize_zero_amount_invoice: (
        Annotated[Text, _one_of("inherit", "skip", "finalize", code="invalid_value")] | None
    ) = None
    tax_codes: list[Text] | None = None
    metadata: list[MetadataEntry] | None = None
    billing_configuration: BillingConfigurationInput | None = None
    skip_invoice_custom_sections: bool | None = None
    invoice_custom_section_codes: list[Text] | None = None
    billing_entity_code: Text | None = None
    integration_customers: list[IntegrationCustomerInput] | None = None


PLAIN_ATTRIBUTES = (
    "name",
    "firstname",
    "lastname",
    "customer_type",
    "email",
    "legal_name",
    "legal_number",
    "tax_identification_number",
    "phone",
    "url",
    "logo_url",
    "external_salesforce_id",
    "address_line1",
    "address_line2",
    "city",
    "state",
    "zipcode",
    "country",
    "timezone",
    "net_payment_term",
)
"""Attributes that are copied as they are sent, null included."""


class AddressOut(TypedDict):
    address_line1: str | None
    address_line2: str | None
    city: str | None
    zipcode: str | None
    state: str | None
    country: str | None


class CustomerMetadataOut(TypedDict):
    lago_id: Id
    key: str
    value: str
    display_in_invoice: bool
    created_at: Instant


class CustomerOut(TypedDict):
    """The ``customer`` object of the contract (CustomerObjectExtended)."""

    lago_id: Id
    external_id: str
    account_type: str
    name: str | None
    firstname: str | None
    lastname: str | None
    customer_type: str | None
    sequential_id: int
    slug: str
    created_at: Instant
    updated_at: Instant
    country: str | None
    address_line1: str | None
    address_line2: str | None
    state: str | None
    zipcode: str | None
    email: str | None
    city: str | None
    url: str | None
    phone: str | None
    logo_url: str | None
    legal_name: str | None
    legal_number: str | None
    currency: str | None
    tax_identification_number: str | None
    timezone: str | None
    applicable_timezone: str
    net_payment_term: int | None
    external_salesforce_id: str | None
    finalize_zero_amount_invoice: str
    skip_invoice_custom_sections: bool
    billing_entity_code: str
    billing_configuration: dict[str, Any]
    shipping_address: AddressOut
    metadata: list[CustomerMetadataOut]
    taxes: list[TaxOut]
    integration_customers: list[Any]
    applicable_invoice_custom_sections: list[Any]
    error_details: list[Any]


def customer_object(
    customer: Customer,
    organization: Organization,
    *,
    metadata: list[CustomerMetadata],
    taxes: list[Tax],
) -> CustomerOut:
    """A customer on the wire."""
    shipping = customer.shipping_address or {}
    return {
        "lago_id": customer.id,
        "external_id": customer.external_id,
        "account_type": "customer",
        "name": customer.name,
        "firstname": customer.firstname,
        "lastname": customer.lastname,
        "customer_type": customer.customer_type,
        "sequential_id": customer.sequential_id,
        "slug": customer.slug,
        "created_at": iso(customer.created_at) or "",
        "updated_at": iso(customer.updated_at) or "",
        "country": customer.country,
        "address_line1": customer.address_line1,
        "address_line2": customer.address_line2,
        "state": customer.state,
        "zipcode": customer.zipcode,
        "email": customer.email,
        "city": customer.city,
        "url": customer.url,
        "phone": customer.phone,
        "logo_url": customer.logo_url,
        "legal_name": customer.legal_name,
        "legal_number": customer.legal_number,
        "currency": customer.currency,
        "tax_identification_number": customer.tax_identification_number,
        "timezone": customer.timezone,
        "applicable_timezone": applicable_timezone(customer, organization),
        "net_payment_term": customer.net_payment_term,
        "external_salesforce_id": customer.external_salesforce_id,
        "finalize_zero_amount_invoice": customer.finalize_zero_amount_invoice,
        "skip_invoice_custom_sections": customer.skip_invoice_custom_sections,
        "billing_entity_code": billing_entity_code(organization),
        "billing_configuration": billing_configuration(customer),
        "shipping_address": {
            "address_line1": shipping.get("address_line1"),
            "address_line2": shipping.get("address_line2"),
            "city": shipping.get("city"),
            "zipcode": shipping.get("zipcode"),
            "state": shipping.get("state"),
            "country": shipping.get("country"),
        },
        "metadata": [metadata_object(item) for item in metadata],
        "taxes": [tax_object(tax) for tax in taxes],
        "integration_customers": [],
        "applicable_invoice_custom_sections": [],
        "error_details": [],
    }


def metadata_object(entry: CustomerMetadata) -> CustomerMetadataOut:
    """One metadata entry on the wire."""
    return {
        "lago_id": entry.id,
        "key": entry.key,
        "value": entry.value,
        "display_in_invoice": entry.display_in_invoice,
        "created_at": iso(entry.created_at) or "",
    }


def billing_configuration(customer: Customer) -> dict[str, Any]:
    """``billing_configuration``; provider keys only once a payment provider is linked."""
    answer: dict[str, Any] = {
        "invoice_grace_period": customer.invoice_grace_period,
        "document_locale": customer.document_locale,
        "subscription_invoice_issuing_date_anchor": customer.subscription_invoice_issuing_date_anchor,
        "subscription_invoice_issuing_date_adjustment": customer.subscription_invoice_issuing_date_adjustment,
        "payment_provider": None,
        "payment_provider_code": None,
    }
    if customer.payment_provider:
        answer.update(customer.payment_provider)
    return answer
