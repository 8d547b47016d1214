"""A draft of January with charges of every model, and setting its fees."""

from __future__ import annotations

from typing import Any

from billwright.billing.adjusted_fees.schemas import FeeAdjustment, FeeTarget
from billwright.billing.adjusted_fees.service import create_adjusted_fee, destroy_adjusted_fee, preview_adjusted_fee
from tests.support.sandbox import Sandbox

JANUARY = "2024-01-01T00:00:00Z"
NEXT = "2024-02-01T00:00:00Z"


async def customer(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 5})


async def draft(sandbox: Sandbox) -> Any:
    """The draft of January 1 to 31."""
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    return await sandbox.invoice(found["lago_id"])


def charge_fee(invoice: Any, code: str = "calls", **wanted: Any) -> Any:
    """The fee of a charge that is no true-up."""
    [found] = [
        fee
        for fee in invoice["fees"]
        if fee["item"]["code"] == code
        and fee["item"]["type"] == "charge"
        and not fee["lago_true_up_parent_fee_id"]
        and all(fee["item"].get(name, fee.get(name)) == value for name, value in wanted.items())
    ]
    return found


def subscription_fee(invoice: Any) -> Any:
    [found] = [fee for fee in invoice["fees"] if fee["item"]["type"] == "subscription"]
    return found


async def adjust(sandbox: Sandbox, invoice: Any, **values: Any) -> Any:
    """Set a fee; the invoice as it is then."""
    async with sandbox.context() as ctx:
        await create_adjusted_fee(ctx, FeeAdjustment.parse({"invoice_id": invoice["lago_id"], **values}))
    return await sandbox.invoice(invoice["lago_id"])


async def preview(sandbox: Sandbox, invoice: Any, **values: Any) -> Any:
    """Amount, taxes and units that setting it would give."""
    async with sandbox.context() as ctx:
        found = await preview_adjusted_fee(ctx, FeeAdjustment.parse({"invoice_id": invoice["lago_id"], **values}))
        return found.fee.amount_cents, found.fee.taxes_amount_cents, [row.amount_cents for row in found.taxes]


async def revert(sandbox: Sandbox, invoice: Any, **values: Any) -> Any:
    async with sandbox.context() as ctx:
        await destroy_adjusted_fee(ctx, FeeTarget.parse({"invoice_id": invoice["lago_id"], **values}))
    return await sandbox.invoice(invoice["lago_id"])


async def refresh(sandbox: Sandbox, invoice: Any) -> Any:
    return (await sandbox.call("PUT", f"invoices/{invoice['lago_id']}/refresh"))["invoice"]


async def finalize(sandbox: Sandbox, invoice: Any) -> Any:
    return (await sandbox.call("PUT", f"invoices/{invoice['lago_id']}/finalize"))["invoice"]
