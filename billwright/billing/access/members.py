"""Members of an organization: their roles, and the admin that every organization keeps (spec 07 §3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.changes import lock_organization
from billwright.billing.access.context import Context
from billwright.billing.access.models import Membership, User
from billwright.billing.access.permissions import ROLES
from billwright.billing.activity_logs.service import record
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import Forbidden, NotAllowed, NotFound
from billwright.billing.kernel.inputs import as_list
from billwright.billing.kernel.pagination import Page, PageRequest
from billwright.billing.kernel.validators import normal_email

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Member:
    """An active membership with its user."""

    membership: Membership
    user: User


def may_grant(roles: list[str], granted_by: list[str]) -> None:
    """Only an admin makes admins: 403 ``cannot_grant_admin``."""
    if ADMIN in roles and ADMIN not in granted_by:
        raise Forbidden("cannot_grant_admin")


async def list_members(
    ctx: Context, request: PageRequest, *, search: str | None = None, role: str | None = None
) -> Page[Member]:
    """Active members by e-mail address; ``search`` is a part of it."""
    statement = (
        select(Membership, User)
        .join(User, col(User.id) == col(Membership.user_id))
        .where(col(Membership.organization_id) == ctx.organization_id, col(Membership.status) == "active")
    )
    if search:
        statement = statement.where(col(User.email).contains(normal_email(search), autoescape=True))
    if role:
        statement = statement.where(col(Membership.roles).contains([role]))
    total = await ctx.session.scalar(select(func.count()).select_from(statement.subquery()))
    rows = await ctx.session.execute(statement.order_by(col(User.email)).limit(request.per_page).offset(request.offset))
    return Page([Member(row[0], row[1]) for row in rows], total or 0, request)


async def members_per_role(ctx: Context) -> dict[str, int]:
    """How many active members hold each role."""
    counts = dict.fromkeys(ROLES, 0)
    rows = await ctx.session.execute(
        select(func.jsonb_array_elements_text(col(Membership.roles)).label("role"), func.count())
        .where(col(Membership.organization_id) == ctx.organization_id, col(Membership.status) == "active")
        .group_by("role")
    )
    return counts | {row[0]: row[1] for row in rows}


async def update_member(ctx: Context, membership_id: UUID | None, roles: Any, *, granted_by: list[str]) -> Member:
    """Give a member other roles.

    Raises ``NotFound`` (``membership``, ``role``), ``Forbidden("cannot_grant_admin")`` and, when nobody would be admin
    any more, ``NotAllowed("last_admin")``.
    """
    await lock_organization(ctx)
    member = await _find(ctx, membership_id)
    given = as_list(roles)
    if not given or any(role not in ROLES for role in given):
        raise NotFound("role")
    wanted = [role for role in ROLES if role in given]
    had = member.membership.roles
    if ADMIN not in had:
        may_grant(wanted, granted_by)
    if ADMIN in had and ADMIN not in wanted:
        await _keep_an_admin(ctx, member)
    member.membership.roles = wanted
    member.membership.updated_at = system_now()
    await ctx.session.flush()
    record(ctx, "member.updated", "member", member.membership.id)
    return member


async def revoke_member(ctx: Context, membership_id: UUID | None, *, acting_user_id: UUID) -> Member:
    """End a membership; open sessions lose this organization with their next request.

    Raises ``NotFound("membership")``, ``NotAllowed`` (``cannot_revoke_own_membership``, ``last_admin``).
    """
    await lock_organization(ctx)
    member = await _find(ctx, membership_id)
    if member.user.id == acting_user_id:
        raise NotAllowed("cannot_revoke_own_membership")
    if ADMIN in member.membership.roles:
        await _keep_an_admin(ctx, member)
    now = system_now()
    member.membership.status = "revoked"
    member.membership.revoked_at = member.membership.updated_at = now
    await ctx.session.flush()
    record(ctx, "member.deleted", "member", member.membership.id)
    return member


async def admins_of(session: Session, organization_id: UUID) -> list[str]:
    """E-mail addresses of all active admins."""
    rows = await session.scalars(
        select(col(User.email))
        .join(Membership, col(Membership.user_id) == col(User.id))
        .where(
            col(Membership.organization_id) == organization_id,
            col(Membership.status) == "active",
            col(Membership.roles).contains([ADMIN]),
        )
        .order_by(col(User.email))
    )
    return list(rows)


async def _keep_an_admin(ctx: Context, leaving: Member) -> None:
    """405 ``last_admin`` unless somebody else is admin; the organization's row is locked."""
    others = await ctx.session.scalar(
        select(func.count())
        .select_from(Membership)
        .where(
            col(Membership.organization_id) == ctx.organization_id,
            col(Membership.status) == "active",
            col(Membership.id) != leaving.membership.id,
            col(Membership.roles).contains([ADMIN]),
        )
    )
    if not others:
        raise NotAllowed("last_admin")


async def _find(ctx: Context, membership_id: UUID | None) -> Member:
    row = (
        await ctx.session.execute(
            select(Membership, User)
            .join(User, col(User.id) == col(Membership.user_id))
            .where(
                col(Membership.id) == membership_id,
                col(Membership.organization_id) == ctx.organization_id,
                col(Membership.status) == "active",
            )
            .execution_options(populate_existing=True)
        )
    ).first()
    if row is None:
        raise NotFound("membership")
    return Member(row[0], row[1])
