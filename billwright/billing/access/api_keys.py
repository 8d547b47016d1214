"""API keys: shown once, stored hashed, scoped by resource (spec 07 §2)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, TIMESTAMP, Uuid, and_, cast, func, or_, select, update
from sqlmodel import col

from billwright.billing.access.announcements import tell_admins_of_key
from billwright.billing.access.changes import announce_access_change, lock_organization
from billwright.billing.access.context import Context
from billwright.billing.access.models import ApiKey, Organization
from billwright.billing.access.permissions import all_api_permissions, check_api_permissions
from billwright.billing.activity_logs.service import record
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.ids import new_id

EVERYTHING: Final = object()
"""In place of a permission map: whatever keys may do."""


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


async def find_api_key(ctx: Context, key_id: UUID | None) -> ApiKey:
    """An active key. Raises ``NotFound("api_key")``."""
    return await _mine(ctx, key_id, lock=False)


async def create_api_key(ctx: Context, name: Any = None, permissions: Any = EVERYTHING) -> NewApiKey:
    """A new key; without ``permissions`` it may do everything. The admins are told.

    An empty map or ``None`` is a mistake, not everything: ``permissions: value_is_mandatory`` (spec 07 §2.3).
    """
    granted = all_api_permissions() if permissions is EVERYTHING else check_api_permissions(permissions)
    created = await _insert(ctx, checked_name(name), granted)
    await tell_admins_of_key(ctx, created.key, "created")
    return created


async def create_first_api_key(ctx: Context) -> NewApiKey:
    """The key that an organization begins with: unnamed, everything, no end (spec 07 §2.1)."""
    return await _insert(ctx, None, all_api_permissions())


def checked_name(name: Any) -> str | None:
    """A label of at most 255 characters, ``None`` for a blank one: ``name: value_is_too_long``."""
    text = str(name).strip() if name is not None else ""
    if len(text) > 255 or "\x00" in text:
        raise ValidationFailed(name="value_is_too_long" if len(text) > 255 else "value_is_invalid")
    return text or None


async def update_api_key(ctx: Context, key_id: UUID | None, changes: Mapping[str, Any]) -> ApiKey:
    """Change ``name`` and ``permissions`` where given; given permissions replace the whole map."""
    key = await _mine(ctx, key_id)
    if "permissions" in changes:
        key.permissions = check_api_permissions(changes["permissions"])
    if "name" in changes:
        key.name = checked_name(changes["name"])
    key.updated_at = system_now()
    await ctx.session.flush()
    await announce_access_change(ctx)
    record(ctx, "api_key.updated", "api_key", key.id)
    return key


async def rotate_api_key(
    ctx: Context, key_id: UUID | None, *, name: str | None = None, expires_at: datetime | None = None
) -> NewApiKey:
    """Replace a key: the new one has the old one's permissions and never expires, the old one ends at ``expires_at``.

    Without ``expires_at``, or with one in the past, the old key ends now (spec 07 §2.2).
    """
    await lock_organization(ctx)
    old = await _mine(ctx, key_id)
    now = system_now()
    old.expires_at = max(expires_at, now) if expires_at else now
    old.updated_at = now
    record(ctx, "api_key.updated", "api_key", old.id)
    created = await _insert(ctx, checked_name(name) or old.name, dict(old.permissions))
    await tell_admins_of_key(ctx, created.key, "rotated")
    await announce_access_change(ctx)
    return created


async def delete_api_key(ctx: Context, key_id: UUID | None) -> ApiKey:
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
    await tell_admins_of_key(ctx, key, "deleted")
    await announce_access_change(ctx)
    record(ctx, "api_key.deleted", "api_key", key.id)
    return key


async def store_last_use(session: Session, used: Mapping[UUID, datetime]) -> None:
    """Copy instants of last use to the keys, never backwards (spec 07 §2.5)."""
    if not used:
        return
    noted = (
        func.unnest(cast([*used.keys()], ARRAY(Uuid())), cast([*used.values()], ARRAY(TIMESTAMP(timezone=True))))
        .table_valued("id", "instant")
        .render_derived("noted")
    )
    ends = or_(col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) < noted.c.instant)
    await session.execute(
        update(ApiKey)
        .where(col(ApiKey.id) == noted.c.id, ends)
        .values(last_used_at=noted.c.instant)
        .execution_options(synchronize_session=False)
    )


def _active(now: datetime) -> Any:
    return or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > now)


async def _mine(ctx: Context, key_id: UUID | None, *, lock: bool = True) -> ApiKey:
    statement = select(ApiKey).where(
        and_(col(ApiKey.id) == key_id, col(ApiKey.organization_id) == ctx.organization_id, _active(system_now()))
    )
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    key = await ctx.session.scalar(statement)
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
    record(ctx, "api_key.created", "api_key", key.id)
    return NewApiKey(key, value)
