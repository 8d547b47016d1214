"""Passes that act on an organization as a whole, not on one customer: coupons, wallets that expire (spec 03 §8.1)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.runtime import Runtime
from billwright.billing.coupons.service import expire_coupons
from billwright.billing.wallets.service import expire_wallets

_DUE = text(
    """
    select distinct organization_id from coupons
     where expiration_due_at is not null and expiration_due_at <= :now and live
    union
    select distinct organization_id from wallets
     where expiration_due_at is not null and expiration_due_at <= :now and live
    """
)


async def expire_live(runtime: Runtime, now: datetime) -> int:
    """Everything that has expired in live organizations; returns how many objects."""
    async with runtime.database.reading() as session:
        organizations = (await session.scalars(_DUE, {"now": now})).all()
    return sum([await expire_in(runtime, organization_id, now) for organization_id in organizations])


async def expire_in(runtime: Runtime, organization_id: UUID, until: datetime) -> int:
    """The same in one organization, up to an instant of its clock."""
    async with runtime.database.transaction() as session:
        organization = await session.get_one(Organization, organization_id)
        ctx = Context(session, organization)
        return await expire_coupons(ctx, until) + await expire_wallets(ctx, until)
