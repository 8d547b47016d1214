"""The customer row lock: serialises everything that changes one customer's subscriptions or invoices (00 rule 18)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer


async def lock_customer(ctx: Context, customer_id: UUID, *, skip_locked: bool = False) -> Customer | None:
    """The customer, locked to the end of the transaction and read afresh.

    ``None`` if it does not exist in this organization, or, with ``skip_locked``, if somebody else holds it.
    """
    statement = (
        select(Customer)
        .where(col(Customer.id) == customer_id, col(Customer.organization_id) == ctx.organization_id)
        .with_for_update(skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    )
    return (await ctx.session.scalars(statement)).first()
