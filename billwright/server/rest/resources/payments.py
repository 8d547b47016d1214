"""``/payments``: money received by hand, and every payment made (spec 06 §12)."""

from __future__ import annotations

from uuid import UUID

from billwright.billing.customers.queries import get_customer
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page
from billwright.billing.payments.queries import PaymentFilters, find_payment, list_payments, payment_objects
from billwright.billing.payments.schemas import PaymentInput, PaymentOut
from billwright.billing.payments.service import create_manual_payment
from billwright.server.rest.envelope import many, one
from billwright.server.rest.filters import PAGES
from billwright.server.rest.operations import Call, Parameter, operation


async def create_payment(call: Call, inp: PaymentInput) -> PaymentOut:
    payment = await create_manual_payment(call.context, inp)
    return (await payment_objects(call.context, [payment]))[0]


async def find_all_payments(call: Call) -> Page[PaymentOut]:
    return await _page(call, customer_id=None)


async def find_customer_payments(call: Call, external_id: str) -> Page[PaymentOut]:
    customer = await get_customer(call.context, external_id)
    return await _page(call, customer_id=customer.id)


async def _page(call: Call, *, customer_id: UUID | None) -> Page[PaymentOut]:
    filters = PaymentFilters(
        invoice_id=_invoice_id(call),
        customer_id=customer_id,
        external_customer_id=call.query.text("external_customer_id") if customer_id is None else None,
    )
    page = await list_payments(call.context, filters, call.page)
    return Page(await payment_objects(call.context, page.items), page.total_count, page.request)


def _invoice_id(call: Call) -> UUID | None:
    text = call.query.text("invoice_id")
    if text is None:
        return None
    invoice_id = parse_id(text)
    if invoice_id is None:
        raise ValidationFailed(invoice_id="value_is_invalid")
    return invoice_id


async def find_one_payment(call: Call, lago_id: str) -> PaymentOut:
    payment = await find_payment(call.context, parse_id(lago_id) or UUID(int=0))
    return (await payment_objects(call.context, [payment]))[0]


_ONE = one("payment", PaymentOut)
_MANY = many("payments", PaymentOut)
_INVOICE = Parameter("invoice_id", "Only payments of this invoice.", "uuid")

OPERATIONS = [
    operation(
        "POST",
        "/payments",
        permission="payment:write",
        body=PaymentInput,
        root="payment",
        nulls="drop",
        answer=_ONE,
        summary="Record a payment",
        description="Money that reached you outside of a payment provider, for a finalized invoice: all that is due, "
        "or a part of it. Once nothing is due the invoice's payment has succeeded. `paid_at` is the day on which it "
        "was received; today when left out.",
        example={
            "invoice_id": "1a901a90-1a90-1a90-1a90-1a901a901a90",
            "amount_cents": 5000,
            "reference": "Bank transfer 2041",
            "paid_at": "2026-02-03",
        },
    )(create_payment),
    operation(
        "GET",
        "/payments",
        permission="payment:read",
        answer=_MANY,
        summary="List payments, newest first",
        parameters=(*PAGES, Parameter("external_customer_id"), _INVOICE),
    )(find_all_payments),
    operation("GET", "/payments/{lago_id}", permission="payment:read", answer=_ONE, summary="Show a payment")(
        find_one_payment
    ),
    operation(
        "GET",
        "/customers/{external_id}/payments",
        permission="payment:read",
        answer=_MANY,
        summary="List a customer's payments",
        parameters=(*PAGES, _INVOICE),
    )(find_customer_payments),
]
