"""API keys: shown once, stored hashed, scoped by resource (spec 07 §2)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import ApiKey, Organization
from billwright.billing.access.permissions import all_api_permissions, check_api_permissions
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import ACCESS_CHANGED, Session
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.ids import new_id

ACCESS_CHANNEL = "billwright_access"
"""PostgreSQL notification channel: its payload is the id of an organization whose keys or settings changed."""


def digest_of(value: str) -> bytes:
    """SHA-256 of a key's value: how keys are stored and found."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def masked(key: ApiKey) -> str:
    """Eight bullets and the last three characters."""
    return "•" * 8 + key.hint


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key with its value, which is readable only here."""

    key: ApiKey
    value: str


async def find_active(session: Session, value: str) -> tuple[ApiKey, Organization] | None:
    """The key that ``value`` opens with its organization; ``None`` if unknown or expired (system clock)."""
    row = (
        await session.execute(
            select(ApiKey, Organization)
            .join(Organization, col(Organization.id) == col(ApiKey.organization_id))
            .where(col(ApiKey.digest) == digest_of(value), _active(system_now()))
        )
    ).first()
    return (row[0], row[1]) if row else None


async def list_api_keys(ctx: Context) -> list[ApiKey]:
    """Active keys, oldest first."""
    rows = await ctx.session.scalars(
        select(ApiKey)
        .where(col(ApiKey.organization_id) == ctx.organization_id, _active(system_now()))
        .order_by(col(ApiKey.created_at), col(ApiKey.id))
    )
    return list(rows)


async def create_api_key(ctx: Context, name: str | None = None, permissions: Any = None) -> NewApiKey:
    """A new key; without ``permissions`` it may do everything."""
    granted = all_api_permissions() if permissions is None else check_api_permissions(permissions)
    return await _insert(ctx, name, granted)


async def update_api_key(ctx: Context, key_id: UUID, changes: Mapping[str, Any]) -> ApiKey:
    """Change ``name`` and ``permissions`` where given; given permissions replace the whole map."""
    key = await _mine(ctx, key_id)
    if "permissions" in changes:
        key.permissions = check_api_permissions(changes["permissions"])
    if "name" in changes:
        key.name = changes["name"]
    key.updated_at = system_now()
    await ctx.session.flush()
    await announce_access_change(ctx)
    return key


async def rotate_api_key(
    ctx: Context, key_id: UUID, *, name: str | None = None, expires_at: datetime | None = None
) -> NewApiKey:
    """Replace a key: the new one has the old one's permissions and never expires, the old one ends at ``expires_at``.

    Without ``expires_at``, or with one in the past, the old key ends now (spec 07 §2.2).
    """
    await lock_organization(ctx)
    old = await _mine(ctx, key_id)
    now = system_now()
    old.expires_at = max(expires_at, now) if expires_at else now
    old.updated_at = now
    created = await _insert(ctx, name or old.name, dict(old.permissions))
    await announce_access_change(ctx)
    return created


async def delete_api_key(ctx: Context, key_id: UUID) -> ApiKey:
    """End a key now; ``base: last_non_expiring_api_key`` unless another non-expiring key remains (spec 07 §2.2)."""
    await lock_organization(ctx)
    key = await _mine(ctx, key_id)
    others = await ctx.session.scalar(
        select(func.count())
        .select_from(ApiKey)
        .where(
            col(ApiKey.organization_id) == ctx.organization_id,
            col(ApiKey.expires_at).is_(None),
            col(ApiKey.id) != key.id,
        )
    )
    if not others:
        raise ValidationFailed(base="last_non_expiring_api_key")
    key.expires_at = key.updated_at = system_now()
    await ctx.session.flush()
    await announce_access_change(ctx)
    return key


async def store_last_use(session: Session, used: Mapping[UUID, datetime]) -> None:
    """Copy instants of last use to the keys, never backwards (spec 07 §2.5)."""
    for key_id, instant in sorted(used.items()):
        await session.execute(
            update(ApiKey)
            .where(
                col(ApiKey.id) == key_id, or_(col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) < instant)
            )
            .values(last_used_at=instant)
        )


async def lock_organization(ctx: Context) -> None:
    """Serialize rules that hold over all keys or members of the organization."""
    await ctx.session.execute(
        select(col(Organization.id)).where(col(Organization.id) == ctx.organization_id).with_for_update()
    )


async def announce_access_change(ctx: Context) -> None:
    """Tell every process, at commit, to forget what it remembers of the organization's keys and settings."""
    await ctx.session.execute(select(func.pg_notify(ACCESS_CHANNEL, str(ctx.organization_id))))
    ctx.session.info.setdefault(ACCESS_CHANGED, set()).add(ctx.organization_id)


def _active(now: datetime) -> Any:
    return or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > now)


async def _mine(ctx: Context, key_id: UUID) -> ApiKey:
    key = await ctx.session.scalar(
        select(ApiKey)
        .where(
            and_(col(ApiKey.id) == key_id, col(ApiKey.organization_id) == ctx.organization_id, _active(system_now()))
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if key is None:
        raise NotFound("api_key")
    return key


async def _insert(ctx: Context, name: str | None, permissions: dict[str, list[str]]) -> NewApiKey:
    value = str(uuid.uuid4())
    now = system_now()
    key = ApiKey(
        id=new_id(),
        organization_id=ctx.organization_id,
        name=name,
        digest=digest_of(value),
        hint=value[-3:],
        permissions=permissions,
        created_at=now,
        updated_at=now,
    )
    ctx.session.add(key)
    await ctx.session.flush()
    return NewApiKey(key, value)
