"""Metadata of a customer: the sent list replaces the set (spec 03 §1.3)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer, CustomerMetadata
from billwright.billing.customers.schemas import MetadataEntry, parse_uuid
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id

MAX_ENTRIES = 5
MAX_KEY = 20
MAX_VALUE = 100


async def replace_metadata(ctx: Context, customer: Customer, entries: Sequence[MetadataEntry]) -> None:
    """Entries with a known id are updated, others created, missing ones deleted. Creation precedes deletion, so an
    existing key sent without its id is refused with ``value_already_exist``.
    """
    if len(entries) > MAX_ENTRIES:
        raise ValidationFailed(metadata="invalid_count")
    now = ctx.now()
    existing = {item.id: item for item in await metadata_of(ctx, customer)}
    problems = Problems()
    kept: dict[str, CustomerMetadata] = {}
    keys = {item.key for item in existing.values()}
    created: list[CustomerMetadata] = []
    for entry in entries:
        known = existing.get(parse_uuid(entry.id)) if entry.id else None  # pyright: ignore[reportArgumentType]
        key = entry.key if entry.key is not None or known is None else known.key
        value = entry.value if entry.value is not None or known is None else known.value
        _check(key, MAX_KEY, "key", problems)
        _check(value, MAX_VALUE, "value", problems)
        if problems:
            continue
        assert key is not None
        assert value is not None
        if known is not None:
            known.key, known.value, known.updated_at = key, value, now
            if entry.display_in_invoice is not None:
                known.display_in_invoice = entry.display_in_invoice
            kept[str(known.id)] = known
            continue
        if key in keys:
            problems.add("key", "value_already_exist")
            continue
        keys.add(key)
        created.append(
            CustomerMetadata(
                id=new_id(),
                created_at=now,
                updated_at=now,
                customer_id=customer.id,
                key=key,
                value=value,
                display_in_invoice=bool(entry.display_in_invoice),
            )
        )
    if len({item.key for item in kept.values()}) < len(kept):
        problems.add("key", "value_already_exist")
    problems.raise_if_any()
    dropped = [item_id for item_id in existing if str(item_id) not in kept]
    if dropped:
        await ctx.session.execute(delete(CustomerMetadata).where(col(CustomerMetadata.id).in_(dropped)))
    ctx.session.add_all(created)
    await ctx.session.flush()


def _check(text: str | None, limit: int, field: str, problems: Problems) -> None:
    if text is None or not text.strip():
        problems.add(field, "value_is_mandatory")
    elif len(text) > limit:
        problems.add(field, "value_is_too_long")


async def metadata_of(ctx: Context, customer: Customer) -> list[CustomerMetadata]:
    """A customer's metadata in creation order."""
    rows = await ctx.session.scalars(
        select(CustomerMetadata)
        .where(col(CustomerMetadata.customer_id) == customer.id)
        .order_by(col(CustomerMetadata.created_at), col(CustomerMetadata.id))
    )
    return list(rows.all())
