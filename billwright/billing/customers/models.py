"""Customers: who is billed, and the settings they override (spec 03 §1)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field

from billwright.billing.kernel.records import Record, Table, contains_index, instant, jsonb, key

LIVE = text("deleted_at is null")


class Customer(Record, table=True):
    """A buyer. Null settings inherit the organization's; 0 is a value (spec 04 §24)."""

    __tablename__ = "customers"
    __table_args__ = (
        Index("uq_customers_external_id", "organization_id", "external_id", unique=True, postgresql_where=LIVE),
        Index("uq_customers_sequential_id", "organization_id", "sequential_id", unique=True),
        Index("ix_customers_external_id", "organization_id", "external_id"),
        contains_index("ix_customers_search", "name", "firstname", "lastname", "legal_name", "external_id", "email"),
        Index("ix_customers_list", "organization_id", text("created_at desc"), "id", postgresql_where=LIVE),
    )

    organization_id: uuid.UUID = key("organizations.id")
    external_id: str
    sequential_id: int
    slug: str
    name: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    customer_type: str | None = None
    email: str | None = None
    legal_name: str | None = None
    legal_number: str | None = None
    tax_identification_number: str | None = None
    phone: str | None = None
    url: str | None = None
    logo_url: str | None = None
    external_salesforce_id: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state: str | None = None
    zipcode: str | None = None
    country: str | None = None
    shipping_address: dict[str, str | None] = jsonb()
    currency: str | None = None
    timezone: str | None = None
    net_payment_term: int | None = None
    invoice_grace_period: int | None = None
    document_locale: str | None = None
    finalize_zero_amount_invoice: str = "inherit"
    subscription_invoice_issuing_date_anchor: str | None = None
    subscription_invoice_issuing_date_adjustment: str | None = None
    skip_invoice_custom_sections: bool = False
    payment_provider: dict[str, Any] | None = jsonb(nullable=True)
    invoice_sequence: int = 0
    deleted_at: datetime | None = instant(nullable=True)


class CustomerMetadata(Record, table=True):
    """A key and value of a customer, optionally printed on documents (spec 03 §1.3)."""

    __tablename__ = "customer_metadata"
    __table_args__ = (Index("uq_customer_metadata_key", "customer_id", "key", unique=True),)

    customer_id: uuid.UUID = key("customers.id")
    key: str
    value: str
    display_in_invoice: bool = False


class CustomerTax(Table, table=True):
    """A tax of a customer (spec 05 A2)."""

    __tablename__ = "customers_taxes"

    customer_id: uuid.UUID = Field(foreign_key="customers.id", primary_key=True)
    tax_id: uuid.UUID = Field(foreign_key="taxes.id", primary_key=True, index=True)
