"""Use cases of add-ons (spec 04 §14): the only writers. Issued invoices are never touched by them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.activity_logs.service import record
from billwright.billing.add_ons.models import LIVE, AddOn, AddOnTax
from billwright.billing.add_ons.queries import find_add_on
from billwright.billing.add_ons.schemas import AddOnCreate, AddOnUpdate
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.queries import taxes_by_codes

_PLAIN = ("name", "code", "amount_cents", "amount_currency", "description", "invoice_display_name")


async def create_add_on(ctx: Context, inp: AddOnCreate) -> AddOn:
    """A new add-on with its taxes; raises ``NotFound("tax")``, ``ValidationFailed`` (``code: value_already_exist``)."""
    taxes = await taxes_by_codes(ctx, inp.tax_codes or ())
    now = ctx.now()
    inserted = await ctx.session.scalar(
        upsert(AddOn)
        .values(
            id=new_id(),
            organization_id=ctx.organization_id,
            created_at=now,
            updated_at=now,
            **{name: getattr(inp, name) for name in _PLAIN},
        )
        .on_conflict_do_nothing(index_elements=["organization_id", "code"], index_where=LIVE)
        .returning(col(AddOn.id))
    )
    if inserted is None:
        raise ValidationFailed(code="value_already_exist")
    await _replace_taxes(ctx, inserted, taxes)
    record(ctx, "add_on.created", "add_on", inserted)
    return await ctx.session.get_one(AddOn, inserted)


async def update_add_on(ctx: Context, code: str, inp: AddOnUpdate) -> AddOn:
    """Change what was sent; ``tax_codes`` replaces the set.

    Raises ``NotFound`` (``add_on``, ``tax``), ``ValidationFailed`` (``code: value_already_exist``).
    """
    taxes = await taxes_by_codes(ctx, inp.tax_codes or ())
    add_on = await find_add_on(ctx, code, lock=True)
    try:
        async with ctx.session.begin_nested():
            for name, value in inp.given_values(*_PLAIN).items():
                setattr(add_on, name, value)
            add_on.updated_at = ctx.now()
    except IntegrityError:
        raise ValidationFailed(code="value_already_exist") from None
    if inp.given("tax_codes"):
        await _replace_taxes(ctx, add_on.id, taxes)
    record(ctx, "add_on.updated", "add_on", add_on.id)
    return add_on


async def delete_add_on(ctx: Context, code: str) -> AddOn:
    """Hide it and free its code. Raises ``NotFound("add_on")``."""
    add_on = await find_add_on(ctx, code, lock=True)
    add_on.deleted_at = add_on.updated_at = ctx.now()
    await ctx.session.flush()
    record(ctx, "add_on.deleted", "add_on", add_on.id)
    return add_on


async def _replace_taxes(ctx: Context, add_on_id: UUID, taxes: Sequence[Tax]) -> None:
    await ctx.session.execute(delete(AddOnTax).where(col(AddOnTax.add_on_id) == add_on_id))
    if taxes:
        await ctx.session.execute(insert(AddOnTax), [{"add_on_id": add_on_id, "tax_id": tax.id} for tax in taxes])
