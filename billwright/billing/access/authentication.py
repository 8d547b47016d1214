"""The ways to sign in that an organization allows (spec 07 §3.6)."""

from __future__ import annotations

from typing import Any

from billwright.billing.access.announcements import tell_admins_of_methods
from billwright.billing.access.changes import announce_access_change, lock_organization
from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.sessions import EMAIL_PASSWORD, GOOGLE, OKTA
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.inputs import as_list

METHODS = (EMAIL_PASSWORD, GOOGLE, OKTA)


async def change_authentication_methods(ctx: Context, methods: Any, *, has_okta: bool) -> Organization:
    """Allow exactly ``methods``; all admins are told what changed.

    Raises ``ValidationFailed`` on ``authentication_methods``: ``value_is_too_short`` for none, ``unsupported_value``,
    ``okta_integration_missing`` for Okta without a connection.
    """
    given = as_list(methods)
    if given is None or any(method not in METHODS for method in given):
        raise ValidationFailed(authentication_methods="unsupported_value")
    wanted = [method for method in METHODS if method in given]
    if not wanted:
        raise ValidationFailed(authentication_methods="value_is_too_short")
    await lock_organization(ctx)
    organization = ctx.organization
    await ctx.session.refresh(organization)
    before = list(organization.authentication_methods)
    if OKTA in wanted and OKTA not in before and not has_okta:
        raise ValidationFailed(authentication_methods="okta_integration_missing")
    added, removed = [m for m in wanted if m not in before], [m for m in before if m not in wanted]
    if added or removed:
        organization.authentication_methods = wanted
        organization.updated_at = ctx.now()
        await ctx.session.flush()
        await tell_admins_of_methods(ctx, added, removed)
        await announce_access_change(ctx)
    return organization
