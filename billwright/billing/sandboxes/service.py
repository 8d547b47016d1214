"""Use cases of sandbox organizations: create, reset, destroy (spec 09 §1, 07 §6.2).

A live organization cannot be reset or destroyed: every step asks again, under the lock of the organization's row,
whether it is a sandbox. Only an admin may, who types its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlmodel import col

from billwright.billing.access.changes import announce_access_change
from billwright.billing.access.context import Actor, Context
from billwright.billing.access.models import Membership, Organization
from billwright.billing.access.service import add_membership, bump_catalog, create_organization
from billwright.billing.access.sessions import Principal, load_principal, load_session
from billwright.billing.background.jobs import is_running_any
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.models import BillableMetric, Plan
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import Forbidden, NotAllowed, NotFound, ValidationFailed
from billwright.billing.sandboxes.belongings import deleted_rows, owned_by
from billwright.billing.sandboxes.copying import copy_catalogue
from billwright.billing.scheduling.test_clock import LEASE, is_held, kept_lease, sandbox
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.tables import metadata
from billwright.billing.taxes.eu_management import refresh_eu_taxes

ADMIN = "admin"
_PATIENCE_SECONDS = 20.0
_POLL_SECONDS = 0.1


async def create_sandbox(
    session: Session, session_id: UUID, name: str, *, clock: datetime | None = None, source_id: UUID | None = None
) -> Organization:
    """A sandbox whose admin is the person signed in by ``session_id``, empty or with the catalogue of ``source_id``.

    ``clock``: its first instant (default: system time). Raises ``Unauthorized``, ``ValidationFailed`` (``name``) and
    ``Forbidden`` unless the person is an admin of the source.
    """
    signed_in = await load_session(session, session_id)
    source = None
    if source_id is not None:
        source = _admin(await load_principal(session, session_id, organization_id=source_id))
    made = (await create_organization(session, name, kind="sandbox", clock=clock)).organization
    await add_membership(session, signed_in.user.id, made.id, [ADMIN])
    if source is not None:
        founder = Actor("user", signed_in.user.id, signed_in.user.email)
        await copy_catalogue(Context(session, made, founder), source.organization.id)
    return made


def _admin(principal: Principal) -> Principal:
    if ADMIN not in principal.membership.roles:
        raise Forbidden("forbidden")
    return principal


async def contents(ctx: Context) -> dict[str, int]:
    """What a reset deletes, in figures: ``customers``, ``subscriptions``, ``invoices``.

    Raises ``Forbidden("not_a_sandbox")``.
    """
    sandbox(ctx.organization)
    found: dict[str, int] = {}
    for name, model in (("customers", Customer), ("subscriptions", Subscription), ("invoices", Invoice)):
        statement = select(func.count()).where(col(model.organization_id) == ctx.organization_id)
        found[name] = await ctx.session.scalar(statement) or 0
    return found


async def reset_sandbox(
    runtime: Runtime, organization_id: UUID, user_id: UUID, *, confirm_name: str, clock: datetime | None = None
) -> Organization:
    """Delete customers and all that hangs on them, events included, and set the clock (default: system time).

    Catalogue, settings, members and API keys stay. Raises ``Forbidden`` (``not_a_sandbox``, ``forbidden``),
    ``NotAllowed("clock_is_advancing")`` and ``ValidationFailed(confirm_name=...)``.
    """
    begin = clock.astimezone(UTC) if clock is not None else system_now()
    async with _claimed(runtime, organization_id, user_id, confirm_name):
        await runtime.event_store.purge(organization_id)
        async with runtime.database.transaction() as session:
            organization = await _locked(session, organization_id)
            for table in reversed(metadata().sorted_tables):
                doomed = deleted_rows(table, organization_id)
                if doomed is not None:
                    await session.execute(delete(table).where(doomed))
            organization.clock_now = begin
            organization.clock_target = organization.clock_lease_until = None
            organization.customer_sequence = organization.invoice_sequence = 0
            organization.updated_at = begin
            await session.execute(
                update(Plan)
                .where(col(Plan.organization_id) == organization_id, col(Plan.pending_deletion))
                .values(pending_deletion=False, deleted_at=begin)
                .execution_options(synchronize_session=False)
            )
            ctx = Context(session, organization, Actor("user", user_id), event_store=runtime.event_store)
            if organization.eu_tax_management:
                await refresh_eu_taxes(ctx, begin)
            await bump_catalog(ctx)
        return organization


async def destroy_sandbox(runtime: Runtime, organization_id: UUID, user_id: UUID, *, confirm_name: str) -> None:
    """Delete the organization with everything in it; people stay. Raises as ``reset_sandbox``."""
    async with _claimed(runtime, organization_id, user_id, confirm_name):
        store = runtime.event_store
        async with runtime.database.reading() as session:
            codes = (
                await session.scalars(
                    select(col(BillableMetric.code)).where(col(BillableMetric.organization_id) == organization_id)
                )
            ).all()
        await store.purge(organization_id)
        for code in set(codes):
            await store.undefine(organization_id, code)
        async with runtime.database.transaction() as session:
            organization = await _locked(session, organization_id)
            await announce_access_change(Context(session, organization))
            session.expunge_all()
            for table in reversed(metadata().sorted_tables):
                owned = owned_by(table, organization_id)
                if owned is not None:
                    await session.execute(delete(table).where(owned))


@asynccontextmanager
async def _claimed(runtime: Runtime, organization_id: UUID, user_id: UUID, confirm_name: str) -> AsyncGenerator[None]:
    """Have a sandbox to oneself: its clock counts as advancing, and no job of it runs."""
    async with runtime.database.transaction() as session:
        organization = await _locked(session, organization_id)
        await _check_admin(session, organization_id, user_id)
        if confirm_name.strip() != organization.name:
            raise ValidationFailed(confirm_name="value_is_invalid" if confirm_name.strip() else "value_is_mandatory")
        if organization.clock_target is not None and is_held(organization):
            raise NotAllowed("clock_is_advancing")
        organization.clock_target = organization.clock_now
        organization.clock_lease_until = system_now() + LEASE
    try:
        async with kept_lease(runtime, organization_id):
            await _until_idle(runtime, organization_id)
            yield
    except BaseException:
        await asyncio.shield(_release(runtime, organization_id))
        raise


async def _until_idle(runtime: Runtime, organization_id: UUID) -> None:
    for _ in range(int(_PATIENCE_SECONDS / _POLL_SECONDS)):
        if not await is_running_any(runtime.database, organization_id):
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise NotAllowed("clock_is_advancing")


async def _release(runtime: Runtime, organization_id: UUID) -> None:
    async with runtime.database.transaction() as session:
        await session.execute(
            update(Organization)
            .where(col(Organization.id) == organization_id, col(Organization.kind) == "sandbox")
            .values(clock_target=None, clock_lease_until=None)
            .execution_options(synchronize_session=False)
        )


async def _locked(session: Session, organization_id: UUID) -> Organization:
    """The sandbox's row under its lock: whoever adds something to the organization waits."""
    found = await session.scalar(
        select(Organization)
        .where(col(Organization.id) == organization_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("organization")
    return sandbox(found)


async def _check_admin(session: Session, organization_id: UUID, user_id: UUID) -> None:
    roles = await session.scalar(
        select(col(Membership.roles)).where(
            col(Membership.organization_id) == organization_id,
            col(Membership.user_id) == user_id,
            col(Membership.status) == "active",
        )
    )
    if ADMIN not in (roles or ()):
        raise Forbidden("forbidden")
