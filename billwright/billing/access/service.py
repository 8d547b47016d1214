"""Use cases of organizations: creation with first key and owner, settings (spec 07 §3.1, 04 §24)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.api_keys import create_first_api_key
from billwright.billing.access.changes import announce_access_change
from billwright.billing.access.context import Context
from billwright.billing.access.models import ApiKey, Membership, Organization, User
from billwright.billing.access.naming import billing_entity_code, check_slug, document_prefix, numbered_slug, slug_base
from billwright.billing.access.passwords import check_password_rules, hash_password
from billwright.billing.access.revision import bump_catalog
from billwright.billing.access.schemas import NewOrganization, OrganizationUpdate
from billwright.billing.activity_logs.service import record
from billwright.billing.invoicing.numbering import continue_organization_counter
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import NotAllowed, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.validators import is_email, normal_email

__all__ = [
    "CreatedOrganization",
    "OrganizationChange",
    "bump_catalog",
    "create_organization",
    "lock_person",
    "register_user",
    "rename",
    "rename_slug",
    "update_organization",
]

DRAFT_SETTINGS = frozenset(
    """invoice_grace_period net_payment_term subscription_invoice_issuing_date_anchor
    subscription_invoice_issuing_date_adjustment""".split()
)
"""Settings whose change moves the dates of drafts (spec 04 §5, §6)."""


@dataclass(frozen=True, slots=True)
class CreatedOrganization:
    """A new organization. ``api_key_value`` is readable only here; ``owner`` is its first admin, if there is one."""

    organization: Organization
    api_key: ApiKey
    api_key_value: str
    owner: User | None


@dataclass(frozen=True, slots=True)
class OrganizationChange:
    """What an update changed: attribute -> (old, new); unchanged values are left out."""

    organization: Organization
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict[str, tuple[Any, Any]])

    @property
    def moves_drafts(self) -> bool:
        """Whether the dates of drafts must follow: those of customers that inherit the setting."""
        return bool(DRAFT_SETTINGS & self.changed.keys())

    @property
    def moves_due_dates(self) -> bool:
        """Whether periods of customers without a zone of their own must be recomputed (spec 03 §8.2)."""
        return "timezone" in self.changed


async def create_organization(
    session: Session,
    name: str,
    *,
    kind: str = "live",
    clock: datetime | None = None,
    owner_email: str | None = None,
    owner_password: str | None = None,
) -> CreatedOrganization:
    """An organization with default settings, its first API key and, with ``owner_email``, its first admin.

    ``kind``: ``live`` or ``sandbox``; ``clock`` is a sandbox's first instant (default: system time). A known e-mail
    becomes admin as it is, its password stays; giving one for it is ``email: user_already_exists``. A new user without
    a password signs in by single sign-on or by resetting it. Raises ``ValidationFailed``.
    """
    inp = NewOrganization.parse({"name": name, "kind": kind})
    if clock is not None and inp.kind != "sandbox":
        raise ValidationFailed(clock="value_must_be_blank")
    begin = (clock.astimezone(UTC) if clock else system_now()) if inp.kind == "sandbox" else system_now()
    address = _checked_address(owner_email) if owner_email is not None else None
    if address is not None:
        await lock_person(session, address)
    organization_id = new_id()
    organization = Organization(
        id=organization_id,
        name=inp.name.strip(),
        slug=await _free_slug(session, slug_base(inp.name)),
        kind=inp.kind,
        clock_now=begin if inp.kind == "sandbox" else None,
        document_number_prefix=document_prefix(inp.name, organization_id),
        created_at=begin,
        updated_at=begin,
    )
    session.add(organization)
    await session.flush()
    owner = await _owner(session, organization, address, owner_password) if address is not None else None
    ctx = Context(session, organization)
    created = await create_first_api_key(ctx)
    record(ctx, "billing_entities.created", "billing_entity", organization.id)
    return CreatedOrganization(organization, created.key, created.value, owner)


async def register_user(
    session: Session, email: str, password: str, organization_name: str, *, signup_enabled: bool = True
) -> CreatedOrganization:
    """Sign-up: a new user as admin of a new organization (spec 07 §3.1).

    Raises ``NotAllowed("signup_disabled")``; ``ValidationFailed`` (``email: user_already_exists``, password rules).
    """
    if not signup_enabled:
        raise NotAllowed("signup_disabled")
    return await create_organization(session, organization_name, owner_email=email, owner_password=password)


async def update_organization(ctx: Context, inp: OrganizationUpdate) -> OrganizationChange:
    """Change the sent settings and say which really changed, so that drafts and due dates can follow."""
    organization = await _locked(ctx)
    changed: dict[str, tuple[Any, Any]] = {}
    for name, value in inp.settings().items():
        old = getattr(organization, name)
        if old != value:
            changed[name] = (old, value)
            setattr(organization, name, value)
    if changed:
        organization.updated_at = ctx.now()
        if changed.get("document_numbering", ("", ""))[1] == "per_organization":
            await continue_organization_counter(ctx)
        await ctx.session.flush()
        await announce_access_change(ctx)
        record(ctx, "billing_entities.updated", "billing_entity", organization.id)
    return OrganizationChange(organization, changed)


async def rename(ctx: Context, name: Any) -> Organization:
    """Give the organization another name: ``value_is_mandatory``, ``value_is_too_long``. Its slug and the code of its
    billing entity stay."""
    inp = NewOrganization.parse({"name": name})
    organization = await _locked(ctx)
    organization.entity_code = billing_entity_code(organization)
    if organization.name != inp.name.strip():
        record(ctx, "billing_entities.updated", "billing_entity", organization.id)
    organization.name = inp.name.strip()
    organization.updated_at = ctx.now()
    await ctx.session.flush()
    await announce_access_change(ctx)
    return organization


async def rename_slug(ctx: Context, slug: str) -> Organization:
    """Give the organization another slug: ``value_is_invalid``, ``value_is_reserved``, ``value_already_exist``."""
    wanted = check_slug(slug.strip().lower())
    organization = await _locked(ctx)
    await ctx.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("slug:" + wanted, 0))))
    taken = await ctx.session.scalar(
        select(col(Organization.id)).where(col(Organization.slug) == wanted, col(Organization.id) != organization.id)
    )
    if taken is not None:
        raise ValidationFailed(slug="value_already_exist")
    organization.slug = wanted
    organization.updated_at = ctx.now()
    await ctx.session.flush()
    await announce_access_change(ctx)
    return organization


async def _locked(ctx: Context) -> Organization:
    """The organization's row, reloaded under its lock; the context sees the same state."""
    found = await ctx.session.scalar(
        select(Organization)
        .where(col(Organization.id) == ctx.organization_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise LookupError(f"organization {ctx.organization_id} is gone")
    ctx.organization = found
    return found


async def _free_slug(session: Session, base: str) -> str:
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("slug:" + base, 0))))
    number = 1
    while True:
        slug = numbered_slug(base, number)
        if await session.scalar(select(col(Organization.id)).where(col(Organization.slug) == slug)) is None:
            return slug
        number += 1


def _checked_address(email: str) -> str:
    address = normal_email(email)
    if not is_email(address):
        raise ValidationFailed(email="invalid_email_format")
    return address


async def _owner(session: Session, organization: Organization, address: str, password: str | None) -> User:
    now = system_now()
    user = await find_user(session, address)
    if user is not None and password is not None:
        raise ValidationFailed(email="user_already_exists")
    if user is None:
        if password is not None:
            check_password_rules(password)
        user = User(
            id=new_id(),
            email=address,
            password_hash=await hash_password(password) if password is not None else None,
            created_at=now,
            updated_at=now,
        )
        session.add(user)
        await session.flush()
    await add_membership(session, user.id, organization.id, ["admin"])
    return user


async def lock_person(session: Session, address: str) -> None:
    """Whatever makes a user of ``address`` (as ``normal_email`` gives it) happens one at a time."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("user:" + address, 0))))


async def find_user(session: Session, email: str) -> User | None:
    """The user with this e-mail address, in whatever case it is written."""
    return await session.scalar(select(User).where(col(User.email) == normal_email(email)))


async def add_membership(session: Session, user_id: UUID, organization_id: UUID, roles: list[str]) -> Membership:
    """A new active membership."""
    now = system_now()
    membership = Membership(
        id=new_id(), user_id=user_id, organization_id=organization_id, roles=roles, created_at=now, updated_at=now
    )
    session.add(membership)
    await session.flush()
    return membership
