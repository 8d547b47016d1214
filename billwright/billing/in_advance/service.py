"""What callers may do to standalone fees: report their payment, delete them (spec 02 §11.2)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.in_advance.schemas import FeeUpdate
from billwright.billing.invoicing.fee_queries import PAYMENT_STATUSES, find_fee
from billwright.billing.invoicing.models import Fee
from billwright.billing.kernel.errors import NotAllowed, NotFound, ValidationFailed

_STAMPS = {"succeeded": "succeeded_at", "failed": "failed_at", "refunded": "refunded_at"}


async def update_fee(ctx: Context, fee_id: UUID, inp: FeeUpdate) -> Fee:
    """Set the payment status: its instant becomes now, the others are cleared; any status may follow any other.

    Without a status nothing changes. Raises ``NotFound("fee")``, ``NotAllowed("invoiced_fee")``,
    ``ValidationFailed(payment_status="value_is_invalid")``.
    """
    fee = await _standalone(ctx, fee_id)
    if not inp.given("payment_status"):
        return fee
    if inp.payment_status not in PAYMENT_STATUSES:
        raise ValidationFailed(payment_status="value_is_invalid")
    now = ctx.now()
    fee.payment_status = inp.payment_status
    for status, stamp in _STAMPS.items():
        setattr(fee, stamp, now if status == inp.payment_status else None)
    fee.updated_at = now
    return fee


async def delete_fee(ctx: Context, fee_id: UUID) -> Fee:
    """Delete a standalone fee; its event is never billed again. Raises as ``update_fee`` does."""
    fee = await _standalone(ctx, fee_id)
    fee.deleted_at = fee.updated_at = ctx.now()
    return fee


async def _standalone(ctx: Context, fee_id: UUID) -> Fee:
    """The fee, locked: no regrouped invoice can take it meanwhile."""
    await find_fee(ctx, fee_id)
    statement = (
        select(Fee)
        .where(col(Fee.id) == fee_id, col(Fee.organization_id) == ctx.organization_id, col(Fee.deleted_at).is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    fee = (await ctx.session.scalars(statement)).first()
    if fee is None:
        raise NotFound("fee")
    if fee.invoice_id is not None:
        raise NotAllowed("invoiced_fee")
    return fee
