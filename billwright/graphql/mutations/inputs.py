"""Inputs of mutations. An attribute that is not sent is left alone, null clears it (spec 07 §6.3)."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry

from billwright.graphql.enums import (
    BillableMetricAggregationTypeEnum,
    CustomerCustomerTypeEnum,
)
from billwright.graphql.scalars import BigInt, ISO8601DateTime, JsonObject


def i(description: str) -> Any:
    """An attribute that may be left out."""
    return strawberry.field(description=description, default=strawberry.UNSET)


def m(description: str) -> Any:
    """A mandatory attribute."""
    return strawberry.field(description=description)


def sent(value: Any, *left_out: str) -> dict[str, Any]:
    """The attributes sent, by their REST name; nested inputs become dicts, enums their value, instants ISO text."""
    found: dict[str, Any] = {}
    for name in value.__annotations__:
        given = getattr(value, name)
        if given is not strawberry.UNSET and name not in ("client_mutation_id", *left_out):
            found[name] = _plain(given)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if hasattr(type(value), "__strawberry_definition__"):
        return sent(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


CLIENT_MUTATION_ID = "Text of your own; not looked at."


@strawberry.input(description="Signing in by password.")
class LoginUserInput:
    email: str = m("E-mail address.")
    password: str = m("Password.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Nothing is needed.")
class LogoutInput:
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class FinalizeInvoiceInput:
    id: strawberry.ID = m("Internal id of the draft.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class RefreshInvoiceInput:
    id: strawberry.ID = m("Internal id of the draft.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class DownloadInvoiceInput:
    id: strawberry.ID = m("Internal id of the invoice.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class RetryJobInput:
    id: strawberry.ID = m("Internal id of the job.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Where to advance a sandbox clock.")
class AdvanceTestClockInput:
    now: ISO8601DateTime = m("The instant to reach; forward only.")
    respond_async: bool | None = i("Answer at once with the clock advancing, instead of when it has arrived.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="An address.")
class CustomerAddressInput:
    address_line1: str | None = i("First line.")
    address_line2: str | None = i("Second line.")
    city: str | None = i("City.")
    zipcode: str | None = i("Postal code.")
    state: str | None = i("State or province.")
    country: str | None = i("Country (ISO 3166 alpha-2).")


@strawberry.input(description="A key and value of a customer.")
class CustomerMetadataInput:
    id: strawberry.ID | None = i("Entry to change; without it one is made.")
    key: str = m("Key, unique on the customer.")
    value: str = m("Value.")
    display_in_invoice: bool | None = i("Whether it is printed on invoices.")


@strawberry.input(description="Settings of the customer's documents and drafts.")
class CustomerBillingConfigurationInput:
    document_locale: str | None = i("Language of documents; null inherits.")
    invoice_grace_period: int | None = i("Days for which invoices stay drafts; null inherits.")


@strawberry.input(description="Attributes of a new customer.")
class CreateCustomerInput:
    external_id: str = m("Your id of the customer, unique in the organization.")
    name: str | None = i("Name.")
    firstname: str | None = i("First name.")
    lastname: str | None = i("Last name.")
    customer_type: CustomerCustomerTypeEnum | None = i("Company or individual.")
    email: str | None = i("E-mail addresses, separated by commas.")
    legal_name: str | None = i("Legal name.")
    legal_number: str | None = i("Registration number.")
    tax_identification_number: str | None = i("Tax id.")
    phone: str | None = i("Telephone number.")
    url: str | None = i("Web site.")
    address_line1: str | None = i("First line of the billing address.")
    address_line2: str | None = i("Second line of the billing address.")
    city: str | None = i("City.")
    zipcode: str | None = i("Postal code.")
    state: str | None = i("State or province.")
    country: str | None = i("Country (ISO 3166 alpha-2).")
    shipping_address: CustomerAddressInput | None = i("Shipping address.")
    currency: str | None = i("Currency (ISO 4217); locked by the first subscription.")
    timezone: str | None = i("Time zone; null inherits the organization's.")
    net_payment_term: int | None = i("Days until an invoice is due; null inherits.")
    finalize_zero_amount_invoice: str | None = i("Whether empty invoices are issued: inherit, skip or finalize.")
    tax_codes: list[str] | None = i("Codes of the customer's own taxes.")
    metadata: list[CustomerMetadataInput] | None = i("Keys and values; replaces those that are there.")
    billing_configuration: CustomerBillingConfigurationInput | None = i("Settings of documents and drafts.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Attributes to change.")
class UpdateCustomerInput:
    id: strawberry.ID = m("Internal id of the customer.")
    name: str | None = i("Name.")
    firstname: str | None = i("First name.")
    lastname: str | None = i("Last name.")
    customer_type: CustomerCustomerTypeEnum | None = i("Company or individual.")
    email: str | None = i("E-mail addresses, separated by commas.")
    legal_name: str | None = i("Legal name.")
    legal_number: str | None = i("Registration number.")
    tax_identification_number: str | None = i("Tax id.")
    phone: str | None = i("Telephone number.")
    url: str | None = i("Web site.")
    address_line1: str | None = i("First line of the billing address.")
    address_line2: str | None = i("Second line of the billing address.")
    city: str | None = i("City.")
    zipcode: str | None = i("Postal code.")
    state: str | None = i("State or province.")
    country: str | None = i("Country (ISO 3166 alpha-2).")
    shipping_address: CustomerAddressInput | None = i("Shipping address.")
    currency: str | None = i("Currency (ISO 4217); locked by the first subscription.")
    timezone: str | None = i("Time zone; null inherits the organization's.")
    net_payment_term: int | None = i("Days until an invoice is due; null inherits.")
    finalize_zero_amount_invoice: str | None = i("Whether empty invoices are issued: inherit, skip or finalize.")
    tax_codes: list[str] | None = i("Codes of the customer's own taxes.")
    metadata: list[CustomerMetadataInput] | None = i("Keys and values; replaces those that are there.")
    billing_configuration: CustomerBillingConfigurationInput | None = i("Settings of documents and drafts.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="A lifetime usage that makes an invoice when it is reached.")
class UsageThresholdInput:
    amount_cents: BigInt = m("Usage before taxes and discounts, in minor units of the plan's currency.")
    threshold_display_name: str | None = i("Name shown to people.")
    recurring: bool | None = i("Whether it is reached again each time usage grows by the amount after the last step.")


@strawberry.input(description="A property of events that charges may price separately.")
class BillableMetricFilterInput:
    key: str = m("Property of the events.")
    values: list[str] = m("Its values that can be priced.")


@strawberry.input(description="Attributes of a new billable metric.")
class CreateBillableMetricInput:
    name: str = m("Name shown to people.")
    code: str = m("Code that events carry, unique in the organization.")
    aggregation_type: BillableMetricAggregationTypeEnum = m("How events become units.")
    field_name: str | None = i("Property of the events that is aggregated.")
    description: str | None = i("What is measured.")
    expression: str | None = i("Expression that computes the property.")
    recurring: bool | None = i("Whether units are carried over into the next period.")
    rounding_function: str | None = i("How units are rounded: round, ceil, floor.")
    rounding_precision: int | None = i("Decimals that remain; may be negative.")
    weighted_interval: str | None = i("Interval of a weighted sum: seconds.")
    custom_aggregator: str | None = i("Source of a custom aggregation.")
    filters: list[BillableMetricFilterInput] | None = i("Properties that charges may price separately; replaces all.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(
    description="Attributes to change; while a charge uses the metric, only name, description and filters."
)
class UpdateBillableMetricInput:
    id: strawberry.ID = m("Internal id of the metric.")
    name: str | None = i("Name shown to people.")
    code: str | None = i("Code that events carry.")
    aggregation_type: BillableMetricAggregationTypeEnum | None = i("How events become units.")
    field_name: str | None = i("Property of the events that is aggregated.")
    description: str | None = i("What is measured.")
    expression: str | None = i("Expression that computes the property.")
    recurring: bool | None = i("Whether units are carried over into the next period.")
    rounding_function: str | None = i("How units are rounded: round, ceil, floor.")
    rounding_precision: int | None = i("Decimals that remain; may be negative.")
    weighted_interval: str | None = i("Interval of a weighted sum: seconds.")
    custom_aggregator: str | None = i("Source of a custom aggregation.")
    filters: list[BillableMetricFilterInput] | None = i("Properties that charges may price separately; replaces all.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class DestroyBillableMetricInput:
    id: strawberry.ID = m("Internal id of the metric; its charges go with it.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="An event that is not stored.")
class SampleEventInput:
    code: str | None = i("Code of the event.")
    timestamp: str | None = i("Unix seconds, with decimals if needed; now when left out.")
    properties: JsonObject | None = i("Properties of the event.")


@strawberry.input(description="A custom aggregator and what to try it on.")
class TestCustomAggregatorInput:
    custom_aggregator: str = m("The source.")
    events: list[SampleEventInput] = m("At most 100 events; they are folded in order of time.")
    custom_properties: JsonObject | None = i("What the charge would hand to the code.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)
