"""Invitations: made and withdrawn by admins, shared as a link by hand, accepted once (spec 07 §3.4)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.changes import lock_organization
from billwright.billing.access.context import Context
from billwright.billing.access.members import may_grant
from billwright.billing.access.models import Invite, Membership, Organization, User
from billwright.billing.access.passwords import check_password_rules, hash_password, verify_password
from billwright.billing.access.permissions import check_roles
from billwright.billing.access.service import add_membership, find_user, lock_person
from billwright.billing.access.sessions import EMAIL_PASSWORD, SignedIn, method_opens, open_session
from billwright.billing.access.throttling import AttemptCounter, count_login, login_succeeded
from billwright.billing.activity_logs.service import record
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.kernel.errors import Forbidden, NotFound, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.pagination import Page, PageRequest, paginate
from billwright.billing.kernel.validators import is_email, normal_email


@dataclass(frozen=True, slots=True)
class OpenInvite:
    """A pending invitation with its organization."""

    invite: Invite
    organization: Organization


async def create_invite(ctx: Context, box: SecretBox, email: str, roles: Any, *, granted_by: list[str]) -> Invite:
    """A pending invitation.

    Raises ``ValidationFailed`` (``email``: ``invalid_email_format``, ``email_already_used``; ``roles: invalid_role``;
    ``invite: invite_already_exists``) and ``Forbidden("cannot_grant_admin")``.
    """
    address = normal_email(email)
    if not is_email(address):
        raise ValidationFailed(email="invalid_email_format")
    wanted = check_roles(roles)
    may_grant(wanted, granted_by)
    await lock_organization(ctx)
    if await _pending_for(ctx, address) is not None:
        raise ValidationFailed(invite="invite_already_exists")
    if await _is_member(ctx.session, ctx.organization_id, address):
        raise ValidationFailed(email="email_already_used")
    token = secrets.token_hex(20)
    now = system_now()
    invite = Invite(
        id=new_id(),
        organization_id=ctx.organization_id,
        email=address,
        roles=wanted,
        digest=_digest(token),
        sealed_token=box.seal(token),
        created_at=now,
        updated_at=now,
    )
    ctx.session.add(invite)
    await ctx.session.flush()
    record(ctx, "invite.created", "invite", invite.id)
    return invite


def invite_url(box: SecretBox, app_url: str, invite: Invite) -> str:
    """The link that is copied and shared: ``<app url>/invitation/<40 hex characters>``."""
    return f"{app_url}/invitation/{box.open(invite.sealed_token)}"


async def list_invites(ctx: Context, request: PageRequest, *, search: str | None = None) -> Page[Invite]:
    """Pending invitations, newest first."""
    statement = select(Invite).where(
        col(Invite.organization_id) == ctx.organization_id, col(Invite.status) == "pending"
    )
    if search:
        statement = statement.where(col(Invite.email).contains(normal_email(search), autoescape=True))
    return await paginate(ctx.session, statement.order_by(col(Invite.created_at).desc(), col(Invite.id)), request)


async def update_invite(ctx: Context, invite_id: UUID | None, roles: Any, *, granted_by: list[str]) -> Invite:
    """Other roles for a pending invitation.

    Raises ``NotFound("invite")``, ``Forbidden`` (``cannot_update_accepted_invite``, ``cannot_update_revoked_invite``,
    ``cannot_grant_admin``) and ``ValidationFailed`` (``roles: invalid_role``).
    """
    invite = await _mine(ctx, invite_id)
    if invite.status != "pending":
        raise Forbidden(f"cannot_update_{invite.status}_invite")
    wanted = check_roles(roles)
    if "admin" not in invite.roles:
        may_grant(wanted, granted_by)
    invite.roles = wanted
    invite.updated_at = system_now()
    await ctx.session.flush()
    record(ctx, "invite.updated", "invite", invite.id)
    return invite


async def revoke_invite(ctx: Context, invite_id: UUID | None) -> Invite:
    """Withdraw a pending invitation; any other is ``NotFound("invite")``."""
    invite = await _mine(ctx, invite_id)
    if invite.status != "pending":
        raise NotFound("invite")
    invite.status = "revoked"
    invite.revoked_at = invite.updated_at = system_now()
    await ctx.session.flush()
    record(ctx, "invite.deleted", "invite", invite.id)
    return invite


async def find_invite(session: Session, token: str, *, lock: bool = False) -> OpenInvite:
    """The pending invitation that ``token`` opens, ``lock``: as it is now; otherwise ``NotFound("invite")``."""
    statement = (
        select(Invite, Organization)
        .join(Organization, col(Organization.id) == col(Invite.organization_id))
        .where(col(Invite.digest) == _digest(token), col(Invite.status) == "pending")
    )
    if lock:
        statement = statement.with_for_update(of=Invite).execution_options(populate_existing=True)
    row = (await session.execute(statement)).first()
    if row is None:
        raise NotFound("invite")
    return OpenInvite(row[0], row[1])


def joins_without_password(found: OpenInvite, signed_in: SignedIn | None) -> bool:
    """Whether a session proves the person invited: it is theirs, and its way to sign in opens the organization.

    A session of another organization's Okta does not: its administrator decides there who somebody is (spec 07 §4.2).
    """
    return (
        signed_in is not None
        and signed_in.user.email == found.invite.email
        and method_opens(found.organization, signed_in.session)
    )


async def accept_by_password(
    session: Session,
    token: str,
    password: str,
    *,
    ip: str,
    attempts: AttemptCounter,
    signed_in: SignedIn | None = None,
) -> SignedIn:
    """Join with a password: a new one for an unknown e-mail, the present one of a known user.

    Nobody takes over an account by the link alone: a known user proves the password, or is signed in already (see
    ``joins_without_password``), and then goes on in the way that they signed in. Raises ``NotFound("invite")``,
    ``ValidationFailed`` (password rules, ``base: incorrect_login_or_password``, ``email_password:
    login_method_not_authorized``) and ``RateLimited``.
    """
    email = (await find_invite(session, token)).invite.email
    await count_login(attempts, ip, email)
    found = await find_invite(session, token, lock=True)
    if EMAIL_PASSWORD not in found.organization.authentication_methods:
        raise ValidationFailed({"email_password": ["login_method_not_authorized"]})
    await lock_person(session, email)
    user = await find_user(session, email)
    method, bound = EMAIL_PASSWORD, None
    if user is None:
        check_password_rules(password)
        user = await create_user(session, email, await hash_password(password))
    elif signed_in is not None and joins_without_password(found, signed_in):
        method, bound = signed_in.session.login_method, signed_in.session.provider_organization_id
    elif not await verify_password(user.password_hash, password):
        raise ValidationFailed(base="incorrect_login_or_password")
    await login_succeeded(attempts, ip, email)
    await join(session, found, user)
    return SignedIn(await open_session(session, user, method, provider_organization_id=bound), user)


async def create_user(session: Session, email: str, password_hash: str | None) -> User:
    """A new person."""
    now = system_now()
    user = User(id=new_id(), email=email, password_hash=password_hash, created_at=now, updated_at=now)
    session.add(user)
    await session.flush()
    return user


async def join(session: Session, found: OpenInvite, user: User) -> Membership:
    """Make ``user`` a member with the invitation's roles; the invitation is used up. A present member stays as is."""
    membership = await session.scalar(
        select(Membership).where(
            col(Membership.user_id) == user.id,
            col(Membership.organization_id) == found.organization.id,
            col(Membership.status) == "active",
        )
    )
    if membership is None:
        membership = await add_membership(session, user.id, found.organization.id, list(found.invite.roles))
    now = system_now()
    found.invite.status = "accepted"
    found.invite.accepted_at = found.invite.updated_at = now
    found.invite.membership_id = membership.id
    await session.flush()
    return membership


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


async def _pending_for(ctx: Context, email: str) -> Invite | None:
    return await ctx.session.scalar(
        select(Invite).where(
            col(Invite.organization_id) == ctx.organization_id,
            col(Invite.email) == email,
            col(Invite.status) == "pending",
        )
    )


async def _is_member(session: Session, organization_id: UUID, email: str) -> bool:
    found = await session.scalar(
        select(col(Membership.id))
        .join(User, col(User.id) == col(Membership.user_id))
        .where(
            col(Membership.organization_id) == organization_id,
            col(Membership.status) == "active",
            col(User.email) == email,
        )
    )
    return found is not None


async def _mine(ctx: Context, invite_id: UUID | None) -> Invite:
    found = await ctx.session.scalar(
        select(Invite)
        .where(col(Invite.id) == invite_id, col(Invite.organization_id) == ctx.organization_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("invite")
    return found
