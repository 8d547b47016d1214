"""Renewal of recurring charges paid in advance that are never on a periodic invoice (spec 02 §10.6, 01 §6.5).

Those that are invoiced are fees of the periodic invoice like others: see ``invoicing.charge_fees``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.in_advance.standalone import store_standalone
from billwright.billing.invoicing.charge_fees import renewal_fees, renews
from billwright.billing.invoicing.computing import taxes_of_customer
from billwright.billing.invoicing.models import Fee
from billwright.billing.invoicing.rows import Row


async def renew_standalone(ctx: Context, customer: Customer, rows: Sequence[Row]) -> None:
    """Bill the units still active when the periods of ``rows`` closed, for the periods that open, on standalone fees.

    One fee per bucket and group, in full, also when it is zero. A charge that has fees of the same window already,
    deleted ones included, gets none: running it again changes nothing. ``customer`` must be locked.
    """
    for row in rows:
        charges = [charge for charge in row.plan.charges if renews(charge, row) and not charge.invoiceable]
        if not charges or not row.windows.bills_charges:
            continue
        renewed = await _renewed(ctx, row)
        customer_taxes = await taxes_of_customer(ctx, customer)
        for charge in charges:
            if charge.id in renewed:
                continue
            drafts = await renewal_fees(ctx, row, charge, charge.taxes or row.plan.taxes or customer_taxes)
            fees = [replace(draft, pay_in_advance=True) for draft in drafts]
            await store_standalone(ctx, customer, fees, row.plan.amount_currency, ctx.now())


async def _renewed(ctx: Context, row: Row) -> set[UUID | None]:
    found = await ctx.session.scalars(
        select(col(Fee.charge_id)).where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.subscription_id) == row.subscription.id,
            col(Fee.fee_type) == "charge",
            col(Fee.pay_in_advance).is_(True),
            col(Fee.event_transaction_id).is_(None),
            col(Fee.charges_from_datetime) == row.windows.charges_from_datetime,
        )
    )
    return set(found.all())
