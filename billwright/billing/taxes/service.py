"""Use cases of taxes (spec 05 A1): the only writers of taxes and of the organization's default taxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.revision import bump_catalog
from billwright.billing.activity_logs.service import record
from billwright.billing.add_ons.models import AddOnTax
from billwright.billing.catalog.models import ChargeTax, CommitmentTax, PlanTax
from billwright.billing.customers.models import Customer, CustomerTax
from billwright.billing.invoicing.drafts import mark_drafts_stale
from billwright.billing.invoicing.models import Fee, FeeTax, Invoice, InvoiceTax
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.taxes.models import LIVE, Tax
from billwright.billing.taxes.queries import find_tax, taxes_by_codes
from billwright.billing.taxes.schemas import TaxCreate, TaxUpdate

ASSIGNMENTS: tuple[Any, ...] = (CustomerTax, PlanTax, ChargeTax, CommitmentTax, AddOnTax)
"""Tables that assign taxes to objects; deleting a tax empties them of it."""


async def create_tax(ctx: Context, inp: TaxCreate) -> Tax:
    """A new tax; raises ``ValidationFailed`` (``code: value_already_exist``)."""
    await bump_catalog(ctx)
    now = ctx.now()
    tax_id = new_id()
    inserted = await ctx.session.scalar(
        insert(Tax)
        .values(
            id=tax_id,
            organization_id=ctx.organization_id,
            name=inp.name,
            code=inp.code,
            rate=inp.rate,
            description=inp.description,
            applied_to_organization=inp.applied_to_organization,
            auto_generated=False,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing(index_elements=["organization_id", "code"], index_where=LIVE)
        .returning(col(Tax.id))
    )
    if inserted is None:
        raise ValidationFailed(code="value_already_exist")
    tax = await ctx.session.get_one(Tax, tax_id)
    if tax.applied_to_organization:
        await flag_drafts(ctx, tax)
    record(ctx, "tax.created", "tax", tax.id)
    return tax


async def update_tax(ctx: Context, code: str, inp: TaxUpdate) -> Tax:
    """Change the sent attributes, also of a tax in use: drafts follow, finalized documents keep their copies.

    Raises ``NotFound("tax")``, ``ValidationFailed`` (``code: value_already_exist``).
    """
    await bump_catalog(ctx)
    tax = await find_tax(ctx, code, lock=True)
    if inp.given("code") and inp.code != tax.code:
        await _check_code_is_free(ctx, inp.code)
    await flag_drafts(ctx, tax)
    for name, value in inp.given_values("name", "code", "rate", "description", "applied_to_organization").items():
        setattr(tax, name, value)
    tax.updated_at = ctx.now()
    await ctx.session.flush()
    await flag_drafts(ctx, tax)
    record(ctx, "tax.updated", "tax", tax.id)
    return tax


async def delete_tax(ctx: Context, code: str) -> Tax:
    """Delete softly: the code is free, assignments and the rows on drafts go, finalized documents keep theirs."""
    await bump_catalog(ctx)
    tax = await find_tax(ctx, code, lock=True)
    await flag_drafts(ctx, tax)
    for table in ASSIGNMENTS:
        await ctx.session.execute(delete(table).where(col(table.tax_id) == tax.id))
    await _remove_from_drafts(ctx, tax.id)
    tax.deleted_at = tax.updated_at = ctx.now()
    await ctx.session.flush()
    record(ctx, "tax.deleted", "tax", tax.id)
    return tax


async def replace_default_taxes(ctx: Context, codes: Sequence[str]) -> list[Tax]:
    """Make the named taxes, and only them, the organization's defaults; the case of codes does not matter.

    Raises ``NotFound("tax")``.
    """
    await bump_catalog(ctx)
    wanted = await taxes_by_codes(ctx, codes, any_case=True)
    ids = [tax.id for tax in wanted]
    await ctx.session.execute(
        update(Tax)
        .where(col(Tax.organization_id) == ctx.organization_id, col(Tax.deleted_at).is_(None))
        .values(applied_to_organization=col(Tax.id).in_(ids))
        .execution_options(synchronize_session=False)
    )
    for tax in wanted:
        await ctx.session.refresh(tax)
    await mark_drafts_stale(ctx)
    record(ctx, "billing_entities.updated", "billing_entity", ctx.organization_id)
    return wanted


async def _check_code_is_free(ctx: Context, code: str) -> None:
    """Writers of taxes hold the organization's row, so that nobody can take the code meanwhile."""
    taken = await ctx.session.scalar(
        select(col(Tax.id)).where(
            col(Tax.organization_id) == ctx.organization_id, col(Tax.code) == code, col(Tax.deleted_at).is_(None)
        )
    )
    if taken is not None:
        raise ValidationFailed(code="value_already_exist")


async def flag_drafts(ctx: Context, tax: Tax) -> None:
    """Flag the drafts that the tax concerns as it stands now (spec 05 A1): called before and after a change.

    Those of customers who have it, of customers without own taxes while it is a default, and those that carry it.
    """
    has_it = select(col(CustomerTax.customer_id)).where(col(CustomerTax.tax_id) == tax.id)
    concerned = [
        col(Invoice.customer_id).in_(has_it),
        col(Invoice.id).in_(select(col(InvoiceTax.invoice_id)).where(col(InvoiceTax.tax_id) == tax.id)),
        col(Invoice.id).in_(
            select(col(Fee.invoice_id))
            .join(FeeTax, col(FeeTax.fee_id) == col(Fee.id))
            .where(col(FeeTax.tax_id) == tax.id, col(Fee.invoice_id).is_not(None))
        ),
    ]
    if tax.applied_to_organization:
        with_own = select(col(CustomerTax.customer_id)).where(col(CustomerTax.customer_id) == col(Customer.id))
        inheriting = select(col(Customer.id)).where(
            col(Customer.organization_id) == ctx.organization_id, ~with_own.exists()
        )
        concerned.append(col(Invoice.customer_id).in_(inheriting))
    await ctx.session.execute(
        update(Invoice)
        .where(col(Invoice.organization_id) == ctx.organization_id, col(Invoice.status) == "draft", or_(*concerned))
        .values(ready_to_be_refreshed=True)
        .execution_options(synchronize_session=False)
    )


async def _remove_from_drafts(ctx: Context, tax_id: UUID) -> None:
    drafts = select(col(Invoice.id)).where(
        col(Invoice.organization_id) == ctx.organization_id, col(Invoice.status) == "draft"
    )
    await ctx.session.execute(
        delete(FeeTax).where(
            col(FeeTax.tax_id) == tax_id,
            col(FeeTax.fee_id).in_(select(col(Fee.id)).where(col(Fee.invoice_id).in_(drafts))),
        )
    )
    await ctx.session.execute(
        delete(InvoiceTax).where(col(InvoiceTax.tax_id) == tax_id, col(InvoiceTax.invoice_id).in_(drafts))
    )
