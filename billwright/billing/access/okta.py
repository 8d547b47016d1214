"""Okta connections: one of an organization, found by e-mail domain (spec 07 §4.2)."""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field
from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.announcements import tell_admins_of_methods
from billwright.billing.access.changes import announce_access_change, lock_organization
from billwright.billing.access.context import Context
from billwright.billing.access.models import OktaConnection
from billwright.billing.access.permissions import ROLES
from billwright.billing.access.sessions import OKTA
from billwright.billing.activity_logs.service import record
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.kernel.errors import NotAllowed, NotFound, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.inputs import Input, RequiredText, Text, refuse

__all__ = [
    "OktaConnection",
    "OktaInput",
    "connection_by_id",
    "connection_for",
    "connection_of",
    "create_connection",
    "delete_connection",
    "update_connection",
]
_DOMAIN = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
_HOST = re.compile(r"^(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$")
_TENANT = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")


def _domain(value: str) -> str:
    text = value.strip().lower()
    if not _DOMAIN.match(text):
        raise refuse("value_is_invalid")
    return text


def _tenant(value: str) -> str:
    if not _TENANT.match(value.strip().lower()):
        raise refuse("value_is_invalid")
    return value.strip()


def _host(value: str) -> str:
    text = value.strip().lower()
    if text and not _HOST.match(text):
        raise refuse("host_invalid")
    return text


def _role(value: str) -> str:
    if value and value not in ROLES:
        raise refuse("invalid_role")
    return value


class OktaInput(Input):
    """A connection. ``host`` is a bare host; without one it is ``<organization_name>.okta.com``."""

    domain: Annotated[RequiredText, AfterValidator(_domain)]
    client_id: Annotated[RequiredText, Field(max_length=255)]
    client_secret: Annotated[RequiredText, Field(max_length=1000)]
    organization_name: Annotated[RequiredText, AfterValidator(_tenant)]
    host: Annotated[Text, AfterValidator(_host)] | None = None
    default_role: Annotated[Text, AfterValidator(_role)] | None = None


async def connection_of(ctx: Context) -> OktaConnection | None:
    """The organization's connection."""
    return await ctx.session.scalar(
        select(OktaConnection).where(col(OktaConnection.organization_id) == ctx.organization_id)
    )


async def connection_for(session: Session, email: str) -> OktaConnection | None:
    """The connection of an e-mail address's domain."""
    domain = email.rpartition("@")[2]
    return await session.scalar(select(OktaConnection).where(col(OktaConnection.domain) == domain)) if domain else None


async def connection_by_id(session: Session, connection_id: UUID) -> OktaConnection | None:
    """A connection, whosever it is: for the callback of a flow that began with it."""
    return await session.get(OktaConnection, connection_id)


async def create_connection(ctx: Context, box: SecretBox, given: dict[str, Any]) -> OktaConnection:
    """Connect the organization, and let its members sign in by Okta.

    Raises ``ValidationFailed`` (``domain: domain_not_unique``, ``host: host_invalid``, ``base: value_already_exist``).
    """
    inp = OktaInput.parse(given)
    await lock_organization(ctx)
    if await connection_of(ctx) is not None:
        raise ValidationFailed(base="value_already_exist")
    await _check_domain(ctx, inp.domain)
    now = system_now()
    connection = OktaConnection(
        id=new_id(),
        organization_id=ctx.organization_id,
        domain=inp.domain,
        client_id=inp.client_id,
        sealed_secret=box.seal(inp.client_secret),
        secret_hint=inp.client_secret[-3:],
        organization_name=inp.organization_name,
        host=inp.host or None,
        default_role=inp.default_role or None,
        created_at=now,
        updated_at=now,
    )
    ctx.session.add(connection)
    await ctx.session.flush()
    await _allow(ctx, True)
    record(ctx, "authentication_method.created", "authentication_method", connection.id)
    return connection


async def update_connection(ctx: Context, box: SecretBox, given: dict[str, Any]) -> OktaConnection:
    """Change what is given; an absent or blank secret stays. Raises ``NotFound("okta_integration")``."""
    await lock_organization(ctx)
    connection = await connection_of(ctx)
    if connection is None:
        raise NotFound("okta_integration")
    sent = {name: value for name, value in given.items() if name != "client_secret" or value}
    now = {
        "domain": connection.domain,
        "client_id": connection.client_id,
        "client_secret": "unchanged",
        "organization_name": connection.organization_name,
        "host": connection.host,
        "default_role": connection.default_role,
    }
    inp = OktaInput.parse({**now, **sent})
    await _check_domain(ctx, inp.domain, but=connection.id)
    connection.domain, connection.client_id = inp.domain, inp.client_id
    connection.organization_name, connection.host = inp.organization_name, inp.host or None
    connection.default_role = inp.default_role or None
    if "client_secret" in sent:
        connection.sealed_secret, connection.secret_hint = box.seal(inp.client_secret), inp.client_secret[-3:]
    connection.updated_at = system_now()
    await ctx.session.flush()
    record(ctx, "authentication_method.updated", "authentication_method", connection.id)
    return connection


async def delete_connection(ctx: Context) -> OktaConnection:
    """Take it away, and the method with it.

    Raises ``NotFound("okta_integration")``, ``NotAllowed("enabled_authentication_methods_required")`` without another.
    """
    await lock_organization(ctx)
    connection = await connection_of(ctx)
    if connection is None:
        raise NotFound("okta_integration")
    await ctx.session.refresh(ctx.organization)
    if not [method for method in ctx.organization.authentication_methods if method != OKTA]:
        raise NotAllowed("enabled_authentication_methods_required")
    await ctx.session.delete(connection)
    await ctx.session.flush()
    await _allow(ctx, False)
    record(ctx, "authentication_method.deleted", "authentication_method", connection.id)
    return connection


async def _check_domain(ctx: Context, domain: str, but: UUID | None = None) -> None:
    await ctx.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("okta:" + domain, 0))))
    taken = await ctx.session.scalar(select(col(OktaConnection.id)).where(col(OktaConnection.domain) == domain))
    if taken is not None and taken != but:
        raise ValidationFailed(domain="domain_not_unique")


async def _allow(ctx: Context, allowed: bool) -> None:
    organization = ctx.organization
    await ctx.session.refresh(organization)
    before = list(organization.authentication_methods)
    after = [method for method in before if method != OKTA] + ([OKTA] if allowed else [])
    if after != before:
        organization.authentication_methods = after
        organization.updated_at = ctx.now()
        await ctx.session.flush()
        await tell_admins_of_methods(ctx, [OKTA] if allowed else [], [] if allowed else [OKTA])
        await announce_access_change(ctx)
