"""The customer row lock: serialises everything that changes one customer's subscriptions or invoices (00 rule 18).

It is ``for no key update``: rows that refer to the customer can be written meanwhile. ``for update`` would make their
foreign keys wait for it, also those of a wallet's second update in one transaction that holds the wallets' lock.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.loading import column_count, columns_of, objects_of
from billwright.billing.kernel.statements import fetch


async def lock_customer(ctx: Context, customer_id: UUID, *, skip_locked: bool = False) -> Customer | None:
    """The customer, locked to the end of the transaction and read afresh.

    ``None`` if it does not exist in this organization, or, with ``skip_locked``, if somebody else holds it.
    """
    statement = (
        select(Customer)
        .where(col(Customer.id) == customer_id, col(Customer.organization_id) == ctx.organization_id)
        .with_for_update(key_share=True, skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    )
    return (await ctx.session.scalars(statement)).first()


_DUE_LOCK = f"""
select {columns_of(Customer, "c")}, {columns_of(Organization, "o")}
from customers c join organizations o on o.id = c.organization_id
where c.id = $1 and c.organization_id = $2 for no key update of c
"""  # noqa: S608 - names of the models' columns; every value is a parameter


async def lock_customer_with_organization(
    session: Session, organization_id: UUID, customer_id: UUID, *, skip_locked: bool = False
) -> tuple[Customer, Organization] | None:
    """The same with the customer's organization, in one statement: how due work begins."""
    statement = f"{_DUE_LOCK} skip locked" if skip_locked else _DUE_LOCK
    rows = await fetch(session, statement, customer_id, organization_id)
    if not rows:
        return None
    [customer] = objects_of(session, Customer, rows)
    [organization] = objects_of(session, Organization, rows, start=column_count(Customer))
    return customer, organization


Scope = Literal["coupon", "credit_note", "prepaid_credit"]


async def lock_scope(ctx: Context, scope: Scope, customer_id: UUID) -> None:
    """One of the three advisory locks per customer, held to the end of the transaction (spec 05, conventions).

    Taken after the customer's row, in the order coupon, credit note, prepaid credit; rows are read afresh after it.
    """
    await fetch(ctx.session, "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"{scope}:{customer_id}")
