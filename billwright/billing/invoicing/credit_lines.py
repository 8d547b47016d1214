"""The ``credits`` of invoices and of applied coupons on the wire (spec 04 §1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col
from typing_extensions import TypedDict

from billwright.billing.access.context import Context
from billwright.billing.coupons.models import AppliedCoupon, Coupon
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.invoicing.models import Credit, Invoice
from billwright.billing.kernel.outputs import Id


class CreditItemOut(TypedDict):
    lago_item_id: Id
    type: str
    code: str
    name: str
    description: str | None


class CreditInvoiceOut(TypedDict):
    lago_id: Id
    payment_status: str


class CreditOut(TypedDict):
    """One reduction of an invoice. Coupons show their code and name, credit notes their number and their invoice's,
    progressive invoices their number twice.
    """

    lago_id: Id
    amount_cents: int
    amount_currency: str
    before_taxes: bool
    item: CreditItemOut
    invoice: CreditInvoiceOut


_Carrier = aliased(Invoice, name="carrier")
_Source = aliased(Invoice, name="source")


def _statement(ctx: Context) -> Select[Any]:
    return (
        select(Credit, _Carrier.payment_status, Coupon, CreditNote, _Source)  # pyright: ignore
        .join(_Carrier, col(_Carrier.id) == col(Credit.invoice_id))
        .outerjoin(AppliedCoupon, col(AppliedCoupon.id) == col(Credit.applied_coupon_id))
        .outerjoin(Coupon, col(Coupon.id) == col(AppliedCoupon.coupon_id))
        .outerjoin(CreditNote, col(CreditNote.id) == col(Credit.credit_note_id))
        .outerjoin(
            _Source,
            col(_Source.id) == func.coalesce(CreditNote.invoice_id, Credit.progressive_billing_invoice_id),
        )
        .where(col(Credit.organization_id) == ctx.organization_id)
    )


async def credits_of_invoice(ctx: Context, invoice_id: UUID) -> list[CreditOut]:
    """What reduced an invoice, in the order of use."""
    return (await credits_of_invoices(ctx, [invoice_id])).get(invoice_id, [])


async def credits_of_invoices(ctx: Context, invoice_ids: Sequence[UUID]) -> dict[UUID, list[CreditOut]]:
    """What reduced each invoice, in the order of use; without the invoices that nothing has reduced."""
    rows = await ctx.session.execute(
        _statement(ctx).where(col(Credit.invoice_id).in_(invoice_ids)).order_by(col(Credit.position), col(Credit.id))
    )
    found: dict[UUID, list[CreditOut]] = {}
    for row in rows:
        credit: Credit = row[0]
        found.setdefault(credit.invoice_id, []).append(_line(*row))
    return found


async def credits_of_coupons(ctx: Context, applied_ids: Sequence[UUID]) -> dict[UUID, list[CreditOut]]:
    """What applications gave, oldest first, on invoices that are visible."""
    if not applied_ids:
        return {}
    rows = await ctx.session.execute(
        _statement(ctx)
        .where(col(Credit.applied_coupon_id).in_(applied_ids), col(_Carrier.status).not_in(("closed", "deleted")))
        .order_by(col(Credit.created_at), col(Credit.id))
    )
    found: dict[UUID, list[CreditOut]] = {}
    for row in rows:
        credit: Credit = row[0]
        if credit.applied_coupon_id is not None:
            found.setdefault(credit.applied_coupon_id, []).append(_line(*row))
    return found


def _line(
    credit: Credit, payment_status: str, coupon: Coupon | None, note: CreditNote | None, source: Invoice | None
) -> CreditOut:
    return {
        "lago_id": credit.id,
        "amount_cents": credit.amount_cents,
        "amount_currency": credit.currency,
        "before_taxes": credit.before_taxes,
        "item": _item(coupon, note, source),
        "invoice": {"lago_id": credit.invoice_id, "payment_status": payment_status},
    }


def _item(coupon: Coupon | None, note: CreditNote | None, source: Invoice | None) -> CreditItemOut:
    if coupon is not None:
        return {
            "lago_item_id": coupon.id,
            "type": "coupon",
            "code": coupon.code,
            "name": coupon.name,
            "description": coupon.description,
        }
    assert source is not None
    if note is not None:
        return {
            "lago_item_id": note.id,
            "type": "credit_note",
            "code": note.number,
            "name": source.number,
            "description": note.description,
        }
    return {
        "lago_item_id": source.id,
        "type": "invoice",
        "code": source.number,
        "name": source.number,
        "description": None,
    }
