"""Settings in the activity log: no business objects, so only the back office shows them (spec 07 §9.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import ApiKey, Invite, Membership, OktaConnection, User
from billwright.billing.activity_logs.subjects import Builder, Fresh, Subject, rows_of, subject_of
from billwright.billing.add_ons.models import AddOn
from billwright.billing.add_ons.queries import add_on_objects
from billwright.billing.kernel.clock import iso
from billwright.billing.notifications.models import WebhookEndpoint
from billwright.billing.notifications.schemas import endpoint_object
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.schemas import tax_object


def _of_rows(model: Any, resource_type: str, show: Callable[[Any], Mapping[str, Any]]) -> Builder:
    """A builder for rows that show themselves."""

    async def build(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
        return {row.id: Subject(show(row), resource_type, row.id) for row in await rows_of(ctx, model, ids)}

    return build


def _api_key(key: ApiKey) -> dict[str, Any]:
    """Neither the value nor its digest."""
    return {
        "lago_id": key.id,
        "name": key.name,
        "ends_with": key.hint,
        "permissions": key.permissions,
        "expires_at": iso(key.expires_at),
        "created_at": iso(key.created_at),
    }


def _invite(invite: Invite) -> dict[str, Any]:
    """Without the token."""
    return {"lago_id": invite.id, "email": invite.email, "roles": invite.roles, "status": invite.status}


def _okta(connection: OktaConnection) -> dict[str, Any]:
    """Of the secret its last characters, as the screen shows them: so that a new one is a change."""
    return {
        "lago_id": connection.id,
        "type": "okta",
        "domain": connection.domain,
        "client_id": connection.client_id,
        "client_secret_ends_with": connection.secret_hint,
        "organization_name": connection.organization_name,
        "host": connection.host,
        "default_role": connection.default_role,
    }


subject_of("api_key")(_of_rows(ApiKey, "ApiKey", _api_key))
subject_of("webhook_endpoint")(_of_rows(WebhookEndpoint, "WebhookEndpoint", endpoint_object))
subject_of("authentication_method")(_of_rows(OktaConnection, "AuthenticationMethod", _okta))
subject_of("invite")(_of_rows(Invite, "Invite", _invite))
subject_of("tax")(_of_rows(Tax, "Tax", tax_object))


@subject_of("member")
async def _members(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    rows = await ctx.session.execute(
        select(Membership, col(User.email))
        .join(User, col(User.id) == col(Membership.user_id))
        .where(col(Membership.organization_id) == ctx.organization_id, col(Membership.id).in_(ids))
    )
    return {
        member.id: Subject(
            {"lago_id": member.id, "email": email, "roles": member.roles, "status": member.status}, "Member", member.id
        )
        for member, email in rows
    }


@subject_of("add_on")
async def _add_ons(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    shown = await add_on_objects(ctx, await rows_of(ctx, AddOn, ids))
    return {item["lago_id"]: Subject(item, "AddOn", item["lago_id"]) for item in shown}
