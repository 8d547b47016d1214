"""Inputs about fees, and estimated fees on the wire (spec 02 §10.8, §11.2; 01 §11)."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from billwright.billing.catalog.snapshot import ChargeSnapshot
from billwright.billing.customers.models import Customer
from billwright.billing.in_advance.measuring import Place
from billwright.billing.invoicing.fee_drafts import wire_groups
from billwright.billing.invoicing.models import Fee
from billwright.billing.invoicing.schemas import FeeItemOut, FeeOut, fee_object
from billwright.billing.kernel.inputs import Input, Text
from billwright.billing.kernel.money import decimal_string
from billwright.billing.kernel.outputs import DecimalText, Id
from billwright.billing.pricing.filters import filter_display_name
from billwright.billing.pricing.instant_estimate import InstantEstimate
from billwright.billing.subscriptions.models import Subscription


class FeeUpdate(Input):
    """Body of ``PUT /fees/{lago_id}``."""

    payment_status: Text | None = None


class EstimateInput(Input):
    """One event to be estimated. Documents the shape; estimates read it loosely, as ingestion does."""

    code: str
    external_subscription_id: str
    properties: dict[str, Any] | None = None
    precise_total_amount_cents: str | None = None
    transaction_id: str | None = None


class FeeEstimateOut(TypedDict):
    """The ``FeeEstimateObject`` of the contract; decimals are wire strings (spec 01 §11.2)."""

    lago_id: None
    lago_charge_id: Id
    lago_charge_filter_id: Id | None
    lago_invoice_id: None
    lago_true_up_fee_id: None
    lago_true_up_parent_fee_id: None
    lago_subscription_id: Id
    lago_customer_id: Id
    external_customer_id: str
    external_subscription_id: str
    amount_cents: int
    precise_amount: DecimalText
    precise_total_amount: DecimalText
    amount_currency: str
    taxes_amount_cents: int
    taxes_precise_amount: DecimalText
    taxes_rate: int
    units: DecimalText
    description: None
    precise_unit_amount: DecimalText
    precise_coupons_amount_cents: DecimalText
    total_amount_cents: int
    total_amount_currency: str
    events_count: int
    pay_in_advance: bool
    invoiceable: bool
    payment_status: str
    created_at: None
    succeeded_at: None
    failed_at: None
    refunded_at: None
    event_transaction_id: str
    amount_details: None
    item: FeeItemOut


def estimated_fee(fee: Fee, tz: str, external_customer_id: str) -> FeeOut:
    """A fee that is not stored: a fee object without id and creation."""
    shown: dict[str, Any] = dict(fee_object(fee, tz=tz, external_customer_id=external_customer_id))
    return {**shown, "lago_id": None, "created_at": None}  # pyright: ignore[reportReturnType]


def instant_fee(
    charge: ChargeSnapshot,
    place: Place,
    estimate: InstantEstimate,
    currency: str,
    transaction_id: str,
    subscription: Subscription,
    customer: Customer,
) -> FeeEstimateOut:
    """A plain object; ``precise_unit_amount`` is in minor units."""
    metric, chosen = charge.metric, place.filter
    return {
        "lago_id": None,
        "lago_charge_id": charge.id,
        "lago_charge_filter_id": place.filter_id,
        "lago_invoice_id": None,
        "lago_true_up_fee_id": None,
        "lago_true_up_parent_fee_id": None,
        "lago_subscription_id": subscription.id,
        "lago_customer_id": customer.id,
        "external_customer_id": customer.external_id,
        "external_subscription_id": subscription.external_id,
        "amount_cents": estimate.amount_cents,
        "precise_amount": decimal_string(estimate.precise_amount),
        "precise_total_amount": decimal_string(estimate.precise_amount),
        "amount_currency": currency,
        "taxes_amount_cents": 0,
        "taxes_precise_amount": "0.0",
        "taxes_rate": 0,
        "units": decimal_string(estimate.units),
        "description": None,
        "precise_unit_amount": decimal_string(estimate.precise_unit_amount),
        "precise_coupons_amount_cents": "0.0",
        "total_amount_cents": estimate.amount_cents,
        "total_amount_currency": currency,
        "events_count": 1,
        "pay_in_advance": True,
        "invoiceable": charge.invoiceable,
        "payment_status": "pending",
        "created_at": None,
        "succeeded_at": None,
        "failed_at": None,
        "refunded_at": None,
        "event_transaction_id": transaction_id,
        "amount_details": None,
        "item": {
            "type": "charge",
            "code": metric.code,
            "name": metric.name,
            "description": metric.description or "",
            "invoice_display_name": charge.invoice_display_name or metric.name,
            "filters": chosen.values if chosen else None,
            "filter_invoice_display_name": filter_display_name(chosen.values, chosen.invoice_display_name)
            if chosen
            else None,
            "lago_item_id": str(metric.id),
            "item_type": "BillableMetric",
            "grouped_by": wire_groups(place.grouped_by),
        },
    }
