"""EU tax management of an organization: switching it, keeping its automatic taxes at the rates in force (spec 05 A5).

The only writer of the ``lago_eu_*`` taxes.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.revision import bump_catalog
from billwright.billing.activity_logs.service import record
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.taxes.eu_rates import EuTax, eu_rates, is_eu
from billwright.billing.taxes.eu_waiting import release_customer
from billwright.billing.taxes.models import Tax, ViesCheck
from billwright.billing.taxes.service import flag_drafts

DESCRIPTION = "Managed automatically by EU tax management; changes are overwritten."


async def follow_eu_tax_management(ctx: Context, *, code: str = "org_must_be_in_eu") -> None:
    """Bring the organization's taxes in line with its ``eu_tax_management``, which was just sent.

    On: all automatic taxes are there with the rates in force; nothing is attached to anybody. Raises
    ``ValidationFailed`` (``eu_tax_management: <code>``) outside the EU. Off: taxes and assignments stay, nobody waits
    for a check any more.
    """
    organization = ctx.organization
    if organization.eu_tax_management:
        if not is_eu(organization.country):
            raise ValidationFailed(eu_tax_management=code)
        await refresh_eu_taxes(ctx, ctx.now())
        return
    organization.eu_rates_due_at = None
    waiting = await ctx.session.scalars(
        delete(ViesCheck)
        .where(col(ViesCheck.organization_id) == ctx.organization_id)
        .returning(col(ViesCheck.customer_id))
    )
    for customer_id in waiting.all():
        await release_customer(ctx, customer_id)
    await ctx.session.flush()


async def refresh_eu_taxes(ctx: Context, now: datetime) -> int:
    """Make and correct the automatic taxes as of ``now``; returns how many changed. Drafts follow changed rates."""
    await bump_catalog(ctx)
    changed = await _upsert(ctx, eu_rates().taxes_at(now))
    ctx.organization.eu_rates_due_at = eu_rates().next_change(now)
    await ctx.session.flush()
    return changed


async def eu_tax(ctx: Context, code: str) -> Tax:
    """The automatic tax ``code``; one that was deleted comes back."""
    found = await _live(ctx, [code])
    if code not in found:
        await bump_catalog(ctx)
        await _upsert(ctx, [item for item in eu_rates().taxes_at(ctx.now()) if item.code == code])
        found = await _live(ctx, [code])
    return found[code]


async def _live(ctx: Context, codes: Collection[str]) -> dict[str, Tax]:
    rows = await ctx.session.scalars(
        select(Tax).where(
            col(Tax.organization_id) == ctx.organization_id, col(Tax.code).in_(codes), col(Tax.deleted_at).is_(None)
        )
    )
    return {tax.code: tax for tax in rows}


async def _upsert(ctx: Context, wanted: Collection[EuTax]) -> int:
    """Rows keep their ids. The organization's row is locked, so nobody else writes taxes meanwhile."""
    now = ctx.now()
    there = await _live(ctx, [item.code for item in wanted])
    changed = 0
    for item in wanted:
        tax = there.get(item.code)
        if tax is None:
            made = Tax(
                id=new_id(),
                created_at=now,
                updated_at=now,
                organization_id=ctx.organization_id,
                name=item.name,
                code=item.code,
                description=DESCRIPTION,
                rate=item.rate,
                auto_generated=True,
            )
            ctx.session.add(made)
            record(ctx, "tax.created", "tax", made.id)
        elif (tax.name, tax.rate, tax.auto_generated) != (item.name, item.rate, True):
            tax.name, tax.rate, tax.description, tax.auto_generated = item.name, item.rate, DESCRIPTION, True
            tax.updated_at = now
            record(ctx, "tax.updated", "tax", tax.id)
            await flag_drafts(ctx, tax)
        else:
            continue
        changed += 1
    await ctx.session.flush()
    return changed


async def refresh_due_rates(runtime: Runtime, until: datetime, organization_id: UUID | None = None) -> int:
    """Apply the rates that have come into force by ``until``: in one organization, or in all live ones; returns in how
    many (spec 03 §8.1 rank 0, exact)."""
    statement = select(col(Organization.id)).where(
        col(Organization.eu_rates_due_at) <= until,
        col(Organization.kind) == "live" if organization_id is None else col(Organization.id) == organization_id,
    )
    async with runtime.database.reading() as session:
        due = (await session.scalars(statement)).all()
    for found in due:
        await _refresh(runtime, found, until)
    return len(due)


async def refresh_all_rates(runtime: Runtime) -> int:
    """The daily pass, also at the start of a new version: every organization that has its taxes managed."""
    async with runtime.database.reading() as session:
        managed = (await session.scalars(select(col(Organization.id)).where(col(Organization.eu_tax_management)))).all()
    for organization_id in managed:
        await _refresh(runtime, organization_id, None)
    return len(managed)


async def _refresh(runtime: Runtime, organization_id: UUID, until: datetime | None) -> None:
    """Nothing is written where all rates are right: this runs at every start of every worker."""
    async with runtime.database.transaction() as session:
        organization = await session.get_one(Organization, organization_id)
        ctx = Context(session, organization)
        at = until or ctx.now()
        wanted = {(item.code, item.name, item.rate) for item in eu_rates().taxes_at(at)}
        there = {(tax.code, tax.name, tax.rate) for tax in (await _live(ctx, [code for code, *_ in wanted])).values()}
        due = eu_rates().next_change(at)
        if organization.eu_tax_management and (there != wanted or organization.eu_rates_due_at != due):
            await refresh_eu_taxes(ctx, at)
