"""Metadata of a customer: the sent list replaces the set (spec 03 §1.3)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer, CustomerMetadata
from billwright.billing.customers.schemas import MetadataEntry
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.replacement import replacement

MAX_VALUE = 100


async def replace_metadata(ctx: Context, customer: Customer, entries: Sequence[MetadataEntry]) -> None:
    """Make ``entries`` the customer's metadata; refuses as ``kernel.replacement`` says."""
    changes = replacement(await metadata_of(ctx, customer), entries, max_value=MAX_VALUE)
    now = ctx.now()
    for stored, key, value, entry in changes.updated:
        stored.key, stored.value, stored.updated_at = key, value, now
        if entry.display_in_invoice is not None:
            stored.display_in_invoice = entry.display_in_invoice
        await ctx.session.flush()
    if changes.dropped:
        dropped = [entry.id for entry in changes.dropped]
        await ctx.session.execute(delete(CustomerMetadata).where(col(CustomerMetadata.id).in_(dropped)))
    ctx.session.add_all(
        CustomerMetadata(
            id=new_id(),
            created_at=now,
            updated_at=now,
            customer_id=customer.id,
            key=key,
            value=value,
            display_in_invoice=bool(entry.display_in_invoice),
        )
        for key, value, entry in changes.created
    )
    await ctx.session.flush()


async def metadata_of(ctx: Context, customer: Customer) -> list[CustomerMetadata]:
    """A customer's metadata in creation order."""
    rows = await ctx.session.scalars(
        select(CustomerMetadata)
        .where(col(CustomerMetadata.customer_id) == customer.id)
        .order_by(col(CustomerMetadata.created_at), col(CustomerMetadata.id))
    )
    return list(rows.all())
