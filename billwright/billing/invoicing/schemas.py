"""Invoices and fees on the wire (spec 02 §11, 04 §1)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, NotRequired

from typing_extensions import TypedDict

from billwright.billing.invoicing.models import (
    Fee,
    FeeTax,
    Invoice,
    InvoiceError,
    InvoiceMetadata,
    InvoiceSubscription,
    InvoiceTax,
)
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import Input, Text
from billwright.billing.kernel.money import decimal_string, exponent
from billwright.billing.kernel.outputs import Day, DecimalText, Id, Instant, JsonNumber, number
from billwright.billing.progressive.schemas import AppliedUsageThresholdOut
from billwright.billing.subscriptions.calendar.timezones import local_date

VERSION_NUMBER = 4


class InvoiceMetadataEntry(Input):
    """One entry of an invoice's ``metadata``; with ``id`` an update."""

    id: Text | None = None
    key: Text | None = None
    value: Text | None = None


class InvoiceUpdate(Input):
    """Body of ``PUT /invoices/{lago_id}`` (spec 04 §12)."""

    payment_status: Text | None = None
    metadata: list[InvoiceMetadataEntry] | None = None


class AppliedTaxOut(TypedDict):
    lago_id: Id
    lago_fee_id: NotRequired[Id]
    lago_invoice_id: NotRequired[Id]
    lago_tax_id: Id | None
    tax_name: str
    tax_code: str
    tax_rate: JsonNumber
    tax_description: str | None
    amount_cents: int
    amount_currency: str
    fees_amount_cents: NotRequired[int]
    created_at: Instant


class FeeItemOut(TypedDict):
    type: str
    code: str
    name: str
    description: str | None
    invoice_display_name: str
    filters: dict[str, list[str]] | None
    filter_invoice_display_name: str | None
    lago_item_id: str
    item_type: str
    grouped_by: dict[str, str]


class FeeOut(TypedDict):
    """The ``fee`` object of the contract."""

    lago_id: Id
    lago_charge_id: Id | None
    lago_charge_filter_id: Id | None
    lago_fixed_charge_id: None
    lago_invoice_id: Id | None
    lago_true_up_fee_id: Id | None
    lago_true_up_parent_fee_id: Id | None
    lago_original_fee_id: None
    lago_subscription_id: Id | None
    lago_customer_id: Id
    external_customer_id: str
    external_subscription_id: str | None
    amount_cents: int
    precise_amount: DecimalText
    precise_total_amount: DecimalText
    amount_currency: str
    taxes_amount_cents: int
    taxes_precise_amount: DecimalText
    taxes_rate: JsonNumber
    total_amount_cents: int
    total_amount_currency: str
    units: DecimalText
    total_aggregated_units: DecimalText | None
    precise_unit_amount: DecimalText
    precise_coupons_amount_cents: DecimalText
    sub_total_excluding_taxes_amount_cents: int
    sub_total_excluding_taxes_precise_amount_cents: DecimalText
    events_count: int | None
    pay_in_advance: bool
    invoiceable: bool
    self_billed: bool
    from_date: str | None
    to_date: str | None
    payment_status: str
    created_at: Instant
    succeeded_at: Instant | None
    failed_at: Instant | None
    refunded_at: Instant | None
    event_transaction_id: NotRequired[str]
    description: str | None
    amount_details: dict[str, Any]
    item: FeeItemOut
    pricing_unit_details: None
    presentation_breakdowns: list[Any]
    applied_taxes: NotRequired[list[AppliedTaxOut]]


class BillingPeriodOut(TypedDict):
    lago_subscription_id: Id
    external_subscription_id: str
    lago_plan_id: Id
    subscription_from_datetime: Instant
    subscription_to_datetime: Instant
    charges_from_datetime: Instant
    charges_to_datetime: Instant
    invoicing_reason: str


class InvoiceMetadataOut(TypedDict):
    lago_id: Id
    key: str
    value: str
    created_at: Instant


class InvoiceOut(TypedDict):
    """The ``invoice`` object of the contract; lists leave out what is marked NotRequired (spec 04 §1.3)."""

    lago_id: Id
    billing_entity_code: str
    sequential_id: int | None
    number: str
    issuing_date: Day
    payment_dispute_lost_at: Instant | None
    payment_due_date: Day
    payment_overdue: bool
    net_payment_term: int
    invoice_type: str
    status: str
    payment_status: str
    currency: str
    fees_amount_cents: int
    coupons_amount_cents: int
    credit_notes_amount_cents: int
    sub_total_excluding_taxes_amount_cents: int
    taxes_amount_cents: int
    sub_total_including_taxes_amount_cents: int
    prepaid_credit_amount_cents: int
    prepaid_granted_credit_amount_cents: int | None
    prepaid_purchased_credit_amount_cents: int | None
    progressive_billing_credit_amount_cents: int
    total_amount_cents: int
    total_paid_amount_cents: int
    total_due_amount_cents: int
    total_offsetted_credit_note_amount_cents: int
    version_number: int
    self_billed: bool
    purchase_order_number: str | None
    file_url: str | None
    xml_url: None
    web_url: str | None
    voided_at: Instant | None
    created_at: Instant
    updated_at: Instant
    customer: NotRequired[Any]
    metadata: NotRequired[list[InvoiceMetadataOut]]
    applied_taxes: NotRequired[list[AppliedTaxOut]]
    billing_periods: NotRequired[list[BillingPeriodOut]]
    subscriptions: NotRequired[list[Any]]
    fees: NotRequired[list[FeeOut]]
    credits: NotRequired[list[Any]]
    error_details: NotRequired[list[Any]]
    applied_invoice_custom_sections: NotRequired[list[Any]]
    applied_usage_thresholds: NotRequired[list[AppliedUsageThresholdOut]]


def applied_fee_tax(row: FeeTax) -> AppliedTaxOut:
    """A tax of a fee."""
    return {
        "lago_id": row.id,
        "lago_fee_id": row.fee_id,
        "lago_tax_id": row.tax_id,
        "tax_name": row.tax_name,
        "tax_code": row.tax_code,
        "tax_rate": number(row.tax_rate),
        "tax_description": row.tax_description,
        "amount_cents": row.amount_cents,
        "amount_currency": row.currency,
        "created_at": iso(row.created_at) or "",
    }


def applied_invoice_tax(row: InvoiceTax) -> AppliedTaxOut:
    """A tax of an invoice with its base."""
    return {
        "lago_id": row.id,
        "lago_invoice_id": row.invoice_id,
        "lago_tax_id": row.tax_id,
        "tax_name": row.tax_name,
        "tax_code": row.tax_code,
        "tax_rate": number(row.tax_rate),
        "tax_description": row.tax_description,
        "amount_cents": row.amount_cents,
        "amount_currency": row.currency,
        "fees_amount_cents": row.fees_amount_cents,
        "created_at": iso(row.created_at) or "",
    }


def _day_text(instant: datetime | None, tz: str, clock: str) -> str | None:
    """``from_date`` and ``to_date`` are days of zone ``tz`` written with ``+00:00`` (spec 02 §11.1)."""
    return None if instant is None else f"{local_date(instant, tz).isoformat()}T{clock}+00:00"


def _paid_text(fee: Fee, side: str, clock: str) -> str | None:
    """A renewal reports the period it pays for, not the one whose units it bills (spec 02 §10.6)."""
    period: dict[str, str] | None = fee.item.get("paid_period")
    return None if period is None else f"{period[side]}T{clock}+00:00"


def fee_period(fee: Fee, tz: str) -> tuple[str | None, str | None]:
    """``from_date`` and ``to_date`` of a fee: local days as instants, UTC days for add-ons."""
    is_charge = fee.fee_type == "charge"
    zone = "UTC" if fee.fee_type == "add_on" else tz
    since = fee.charges_from_datetime if is_charge else fee.from_datetime
    until = fee.charges_to_datetime if is_charge else fee.to_datetime
    return (
        _paid_text(fee, "from", "00:00:00") or _day_text(since, zone, "00:00:00"),
        _paid_text(fee, "to", "23:59:59") or _day_text(until, zone, "23:59:59"),
    )


def fee_object(
    fee: Fee,
    *,
    tz: str,
    external_customer_id: str,
    true_up_fee_id: Any = None,
    taxes: list[FeeTax] | None = None,
) -> FeeOut:
    """A fee on the wire. ``tz``: the zone of its invoice, or the customer's for standalone fees."""
    places = exponent(fee.currency)
    from_date, to_date = fee_period(fee, tz)
    net = fee.precise_amount_cents - fee.precise_coupons_amount_cents
    answer: FeeOut = {
        "lago_id": fee.id,
        "lago_charge_id": fee.charge_id,
        "lago_charge_filter_id": fee.charge_filter_id,
        "lago_fixed_charge_id": None,
        "lago_invoice_id": fee.invoice_id,
        "lago_true_up_fee_id": true_up_fee_id,
        "lago_true_up_parent_fee_id": fee.true_up_parent_fee_id,
        "lago_original_fee_id": None,
        "lago_subscription_id": fee.subscription_id,
        "lago_customer_id": fee.customer_id,
        "external_customer_id": external_customer_id,
        "external_subscription_id": fee.external_subscription_id,
        "amount_cents": fee.amount_cents,
        "precise_amount": decimal_string(fee.precise_amount_cents.scaleb(-places)),
        "precise_total_amount": decimal_string(
            (fee.precise_amount_cents + fee.taxes_precise_amount_cents).scaleb(-places)
        ),
        "amount_currency": fee.currency,
        "taxes_amount_cents": fee.taxes_amount_cents,
        "taxes_precise_amount": decimal_string(fee.taxes_precise_amount_cents.scaleb(-places)),
        "taxes_rate": number(fee.taxes_rate),
        "total_amount_cents": fee.amount_cents + fee.taxes_amount_cents,
        "total_amount_currency": fee.currency,
        "units": decimal_string(fee.units),
        "total_aggregated_units": None
        if fee.total_aggregated_units is None
        else decimal_string(fee.total_aggregated_units),
        "precise_unit_amount": decimal_string(fee.precise_unit_amount),
        "precise_coupons_amount_cents": decimal_string(fee.precise_coupons_amount_cents),
        "sub_total_excluding_taxes_amount_cents": int(
            (Decimal(fee.amount_cents) - fee.precise_coupons_amount_cents).to_integral_value(rounding="ROUND_HALF_UP")
        ),
        "sub_total_excluding_taxes_precise_amount_cents": decimal_string(net),
        "events_count": fee.events_count,
        "pay_in_advance": fee.pay_in_advance,
        "invoiceable": fee.invoiceable,
        "self_billed": False,
        "from_date": from_date,
        "to_date": to_date,
        "payment_status": fee.payment_status,
        "created_at": iso(fee.created_at) or "",
        "succeeded_at": iso(fee.succeeded_at),
        "failed_at": iso(fee.failed_at),
        "refunded_at": iso(fee.refunded_at),
        "description": fee.description,
        "amount_details": fee.amount_details,
        "item": {
            "type": fee.item.get("type", fee.fee_type),
            "code": fee.item.get("code") or "",
            "name": fee.item.get("name") or "",
            "description": fee.item.get("description"),
            "invoice_display_name": fee.invoice_display_name or fee.item.get("invoice_display_name") or "",
            "filters": fee.item.get("filters"),
            "filter_invoice_display_name": fee.item.get("filter_invoice_display_name"),
            "lago_item_id": str(fee.item.get("id") or ""),
            "item_type": fee.item.get("item_type") or "",
            "grouped_by": fee.grouped_by,
        },
        "pricing_unit_details": None,
        "presentation_breakdowns": [],
    }
    if fee.event_transaction_id is not None:
        answer["event_transaction_id"] = fee.event_transaction_id
    if taxes is not None:
        answer["applied_taxes"] = [applied_fee_tax(row) for row in taxes]
    return answer


def invoice_object(
    invoice: Invoice, *, billing_entity_code: str, file_url: str | None, web_url: str | None
) -> InvoiceOut:
    """The invoice's own fields; nested objects are added by ``presenting``."""
    return {
        "lago_id": invoice.id,
        "billing_entity_code": billing_entity_code,
        "sequential_id": invoice.sequential_id,
        "number": invoice.number,
        "issuing_date": invoice.issuing_date,
        "payment_dispute_lost_at": iso(invoice.payment_dispute_lost_at),
        "payment_due_date": invoice.payment_due_date,
        "payment_overdue": invoice.payment_overdue,
        "net_payment_term": invoice.net_payment_term,
        "invoice_type": invoice.invoice_type,
        "status": invoice.status,
        "payment_status": invoice.payment_status,
        "currency": invoice.currency,
        "fees_amount_cents": invoice.fees_amount_cents,
        "coupons_amount_cents": invoice.coupons_amount_cents,
        "credit_notes_amount_cents": invoice.credit_notes_amount_cents,
        "sub_total_excluding_taxes_amount_cents": invoice.sub_total_excluding_taxes_amount_cents,
        "taxes_amount_cents": invoice.taxes_amount_cents,
        "sub_total_including_taxes_amount_cents": invoice.sub_total_including_taxes_amount_cents,
        "prepaid_credit_amount_cents": invoice.prepaid_credit_amount_cents,
        "prepaid_granted_credit_amount_cents": invoice.prepaid_granted_credit_amount_cents,
        "prepaid_purchased_credit_amount_cents": invoice.prepaid_purchased_credit_amount_cents,
        "progressive_billing_credit_amount_cents": invoice.progressive_billing_credit_amount_cents,
        "total_amount_cents": invoice.total_amount_cents,
        "total_paid_amount_cents": invoice.total_paid_amount_cents,
        "total_due_amount_cents": invoice.total_due_amount_cents,
        "total_offsetted_credit_note_amount_cents": invoice.offset_amount_cents,
        "version_number": VERSION_NUMBER,
        "self_billed": False,
        "purchase_order_number": None,
        "file_url": file_url,
        "xml_url": None,
        "web_url": web_url,
        "voided_at": iso(invoice.voided_at),
        "created_at": iso(invoice.created_at) or "",
        "updated_at": iso(invoice.updated_at) or "",
    }


def billing_period_object(row: InvoiceSubscription, external_id: str, plan_id: Any) -> BillingPeriodOut:
    """A subscription's windows on the invoice."""
    return {
        "lago_subscription_id": row.subscription_id,
        "external_subscription_id": external_id,
        "lago_plan_id": plan_id,
        "subscription_from_datetime": iso(row.from_datetime) or "",
        "subscription_to_datetime": iso(row.to_datetime) or "",
        "charges_from_datetime": iso(row.charges_from_datetime) or "",
        "charges_to_datetime": iso(row.charges_to_datetime) or "",
        "invoicing_reason": row.invoicing_reason,
    }


def invoice_metadata_object(row: InvoiceMetadata) -> InvoiceMetadataOut:
    return {"lago_id": row.id, "key": row.key, "value": row.value, "created_at": iso(row.created_at) or ""}


def error_detail_object(row: InvoiceError) -> dict[str, Any]:
    return {"lago_id": row.id, "error_code": row.error_code, "details": row.details}
