"""EU tax management of one customer: which automatic tax it gets, at once or after a check (spec 05 A6)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer, CustomerTax
from billwright.billing.invoicing.drafts import mark_drafts_stale
from billwright.billing.taxes.eu_choice import Buyer, choose_at_once
from billwright.billing.taxes.eu_management import eu_tax
from billwright.billing.taxes.eu_rates import PREFIX, is_eu
from billwright.billing.taxes.eu_waiting import begin_check, end_check
from billwright.billing.taxes.models import Tax


def buyer_of(customer: Customer) -> Buyer:
    """What of a customer decides its tax; blank is absent."""
    values = (customer.country, customer.zipcode, customer.tax_identification_number)
    return Buyer(*((value or "").strip() or None for value in values))


async def automatic_tax(ctx: Context, customer: Customer, before: Buyer | None) -> Tax | None:
    """The automatic tax that a locked customer gets now that it was created (``before`` is ``None``) or changed.

    ``None`` leaves its taxes alone: taxes are not managed, nothing that decides has changed, or VIES is asked first
    (the check begins here). What was under way about earlier data is dropped.
    """
    seller = ctx.organization.country
    if not ctx.organization.eu_tax_management or seller is None or not is_eu(seller):
        return None
    buyer = buyer_of(customer)
    if before is not None and buyer == before and await has_automatic_tax(ctx, customer.id):
        return None
    code = choose_at_once(seller, buyer, ctx.now())
    if code is None:
        await begin_check(ctx, customer.id)
        return None
    await end_check(ctx, customer.id)
    return await eu_tax(ctx, code)


async def has_automatic_tax(ctx: Context, customer_id: UUID) -> bool:
    """Whether one of the customer's taxes is automatic."""
    found = await ctx.session.scalar(
        select(
            exists().where(
                col(CustomerTax.customer_id) == customer_id,
                col(CustomerTax.tax_id) == col(Tax.id),
                col(Tax.code).startswith(PREFIX, autoescape=True),
                col(Tax.deleted_at).is_(None),
            )
        )
    )
    return bool(found)


async def replace_customer_taxes(ctx: Context, customer: Customer, taxes: Sequence[Tax]) -> None:
    """Give a locked customer these taxes and no others; its drafts follow."""
    await ctx.session.execute(delete(CustomerTax).where(col(CustomerTax.customer_id) == customer.id))
    ids = dict.fromkeys(tax.id for tax in taxes)
    if ids:
        await ctx.session.execute(
            insert(CustomerTax), [{"customer_id": customer.id, "tax_id": tax_id} for tax_id in ids]
        )
    await mark_drafts_stale(ctx, customer_ids=[customer.id])
