"""The outbox as people see it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Membership
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.pagination import Page, PageRequest, paginate
from billwright.billing.mailing.models import Email


async def list_emails(ctx: Context, viewer_id: UUID, request: PageRequest) -> Page[Email]:
    """Messages of the organization, newest first, and those that concern its members.

    A message to a person may open that person's account. It shows only to a viewer who is admin of every organization
    that the account opens.
    """
    return await paginate(ctx.session, _visible(ctx, viewer_id), request)


async def find_email(ctx: Context, viewer_id: UUID, email_id: UUID) -> Email:
    """One of them. Raises ``NotFound("email")``."""
    return await find(ctx.session, _visible(ctx, viewer_id).where(col(Email.id) == email_id), "email")


def _visible(ctx: Context, viewer_id: UUID):
    theirs, mine, anywhere = aliased(Membership), aliased(Membership), aliased(Membership)
    here = exists().where(
        col(theirs.user_id) == col(Email.user_id),
        col(theirs.organization_id) == ctx.organization_id,
        col(theirs.status) == "active",
    )
    viewer_is_admin = exists().where(
        col(mine.user_id) == viewer_id,
        col(mine.organization_id) == col(anywhere.organization_id),
        col(mine.status) == "active",
        col(mine.roles).contains(["admin"]),
    )
    opens_more = exists().where(
        col(anywhere.user_id) == col(Email.user_id),
        col(anywhere.status) == "active",
        ~viewer_is_admin,
    )
    return (
        select(Email)
        .where(
            or_(
                col(Email.organization_id) == ctx.organization_id,
                and_(col(Email.organization_id).is_(None), here, ~opens_more),
            )
        )
        .order_by(col(Email.created_at).desc(), col(Email.id).desc())
    )
