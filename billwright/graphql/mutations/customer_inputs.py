"""Inputs of customers (spec 03 §1, 07 §6.2)."""

from __future__ import annotations

import strawberry

from billwright.graphql.enums import CustomerCustomerTypeEnum
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m
from billwright.graphql.types.customers import CustomerPaymentProviderEnum


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
    subscription_invoice_issuing_date_anchor: str | None = i(
        "Day that invoices of subscriptions carry: current_period_end or next_period_start; null inherits."
    )
    subscription_invoice_issuing_date_adjustment: str | None = i(
        "What a grace period does to it: keep_anchor or align_with_finalization_date; null inherits."
    )


@strawberry.input(description="The customer at its payment provider.")
class ProviderCustomerInput:
    provider_customer_id: str | None = i("Its id there.")
    sync_with_provider: bool | None = i("Whether it is made there.")
    provider_payment_methods: list[str] | None = i("Payment methods that it may use there.")


@strawberry.input
class _CustomerAttributes:
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
    logo_url: str | None = i("Address of its logo.")
    external_salesforce_id: str | None = i("Its id at Salesforce.")
    address_line1: str | None = i("First line of the billing address.")
    address_line2: str | None = i("Second line of the billing address.")
    city: str | None = i("City.")
    zipcode: str | None = i("Postal code.")
    state: str | None = i("State or province.")
    country: str | None = i("Country (ISO 3166 alpha-2).")
    shipping_address: CustomerAddressInput | None = i("Shipping address; null removes it.")
    currency: str | None = i("Currency (ISO 4217); locked by the first subscription, invoice, coupon or wallet.")
    timezone: str | None = i("Time zone; null inherits the organization's.")
    net_payment_term: int | None = i("Days until an invoice is due; null inherits.")
    finalize_zero_amount_invoice: str | None = i("Whether empty invoices are issued: inherit, skip or finalize.")
    tax_codes: list[str] | None = i("Codes of the customer's own taxes.")
    metadata: list[CustomerMetadataInput] | None = i("Keys and values; replaces those that are there.")
    billing_configuration: CustomerBillingConfigurationInput | None = i("Settings of documents and drafts.")
    payment_provider: CustomerPaymentProviderEnum | None = i("Who collects its payments; null removes the link.")
    payment_provider_code: str | None = i("Code of the connection to the provider.")
    provider_customer: ProviderCustomerInput | None = i("The customer at its payment provider.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Attributes of a new customer.")
class CreateCustomerInput(_CustomerAttributes):
    external_id: str = m("Your id of the customer, unique in the organization.")


@strawberry.input(description="Attributes to change.")
class UpdateCustomerInput(_CustomerAttributes):
    id: strawberry.ID = m("Internal id of the customer.")
    external_id: str | None = i("Your id of the customer; locked like its currency.")


@strawberry.input(description="Days for which a customer's invoices stay drafts.")
class UpdateCustomerInvoiceGracePeriodInput:
    id: strawberry.ID = m("Internal id of the customer.")
    invoice_grace_period: int | None = m("Days; null inherits the organization's.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one customer.")
class DestroyCustomerInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one customer.")
class PreviewNextInvoicesInput:
    customer_id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)
