"""Payments on the wire (spec 06 §12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import Input, Text
from billwright.billing.kernel.outputs import Id, Instant
from billwright.billing.payments.models import Payment


class PaymentInput(Input):
    """Body of ``POST /payments``: ``amount_cents`` in minor units of the invoice's currency, ``paid_at`` an ISO 8601
    date or instant. The service checks the values, in the order that spec 06 §12 gives."""

    invoice_id: Any = None
    amount_cents: Any = None
    reference: Text | None = None
    paid_at: Any = None


class PaymentOut(TypedDict):
    """``payment`` of the contract. What a provider knows is null for a manual payment; ``reference`` never is."""

    lago_id: Id
    lago_customer_id: Id
    external_customer_id: str
    invoice_ids: list[Id]
    invoice_numbers: list[str]
    lago_payable_id: Id
    payable_type: str
    amount_cents: int
    amount_currency: str
    status: str
    payment_status: str
    type: str
    reference: str
    payment_provider_code: str | None
    payment_provider_type: str | None
    external_payment_id: str | None
    provider_payment_id: str | None
    provider_customer_id: str | None
    payment_method_id: Id | None
    next_action: dict[str, Any]
    created_at: Instant | None


def payment_object(payment: Payment, *, external_customer_id: str, invoices: Sequence[tuple[UUID, str]]) -> PaymentOut:
    """A payment with the ids and numbers of the ``invoices`` that it pays."""
    return {
        "lago_id": payment.id,
        "lago_customer_id": payment.customer_id,
        "external_customer_id": external_customer_id,
        "invoice_ids": [invoice_id for invoice_id, _ in invoices],
        "invoice_numbers": [number for _, number in invoices],
        "lago_payable_id": payment.payable_id,
        "payable_type": payment.payable_type,
        "amount_cents": payment.amount_cents,
        "amount_currency": payment.currency,
        "status": payment.status,
        "payment_status": payment.payable_payment_status,
        "type": payment.payment_type,
        "reference": payment.reference or "",
        "payment_provider_code": None,
        "payment_provider_type": None,
        "external_payment_id": None,
        "provider_payment_id": None,
        "provider_customer_id": None,
        "payment_method_id": None,
        "next_action": {},
        "created_at": iso(payment.created_at),
    }
