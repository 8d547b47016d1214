"""Signing in by password, sessions, and who acts in which organization (spec 07 §3.1, §3.5, §3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from billwright.billing.access.context import Actor, Context
from billwright.billing.access.models import Membership, Organization, User, UserSession
from billwright.billing.access.passwords import hash_password, needs_rehash, verify_password
from billwright.billing.access.permissions import permissions_of
from billwright.billing.access.service import find_user
from billwright.billing.access.throttling import AttemptCounter, count_login, login_succeeded
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import Forbidden, Unauthorized, ValidationFailed
from billwright.billing.kernel.ids import new_id

LIFETIME = timedelta(hours=3)
REFRESH_BELOW = timedelta(hours=1)
EMAIL_PASSWORD, GOOGLE, OKTA = "email_password", "google_oauth", "okta"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A valid session and its user."""

    session: UserSession
    user: User


@dataclass(frozen=True, slots=True)
class Principal:
    """A user acting in an organization, with the union of the roles' permissions."""

    user: User
    session: UserSession
    organization: Organization
    membership: Membership
    permissions: frozenset[str]

    def context(self, session: Session, request_id: str | None = None) -> Context:
        """The use cases' context of this person."""
        return Context(
            session, self.organization, actor=Actor("user", self.user.id, self.user.email), request_id=request_id
        )


@dataclass(frozen=True, slots=True)
class OrganizationChoice:
    """An entry of the organization switcher; ``accessible`` says whether the session's method opens it."""

    organization: Organization
    membership: Membership
    accessible: bool


async def login(session: Session, email: str, password: str, *, ip: str, attempts: AttemptCounter) -> SignedIn:
    """Sign in by password.

    Wrong e-mail, wrong password, unusable text and no active membership are all ``base:
    incorrect_login_or_password``, in the same time. Raises ``ValidationFailed`` (also ``email_password:
    login_method_not_authorized``) and ``RateLimited``.
    """
    await count_login(attempts, ip, email)
    readable = "\x00" not in email and len(email) <= 320
    user = await find_user(session, email.encode("utf-8", "replace").decode()) if readable else None
    correct = await verify_password(user.password_hash if user else None, password)
    choices: Sequence[tuple[Organization, Membership]] = ()
    if user is not None:
        choices = await _memberships(session, user.id)
    if user is None or not correct or not choices:
        raise ValidationFailed(base="incorrect_login_or_password")
    if not any(EMAIL_PASSWORD in organization.authentication_methods for organization, _ in choices):
        raise ValidationFailed({"email_password": ["login_method_not_authorized"]})
    if user.password_hash is not None and needs_rehash(user.password_hash):
        user.password_hash = await hash_password(password)
    await login_succeeded(attempts, ip, email)
    return SignedIn(await open_session(session, user, EMAIL_PASSWORD), user)


async def open_session(
    session: Session, user: User, login_method: str, *, provider_organization_id: UUID | None = None
) -> UserSession:
    """A new session of ``user``; an Okta session is bound to its provider's organization (spec 07 §4.2)."""
    now = system_now()
    opened = UserSession(
        id=new_id(),
        user_id=user.id,
        login_method=login_method,
        provider_organization_id=provider_organization_id,
        session_version=user.session_version,
        expires_at=now + LIFETIME,
        created_at=now,
        updated_at=now,
    )
    session.add(opened)
    await session.flush()
    return opened


async def load_session(session: Session, session_id: UUID) -> SignedIn:
    """The session, if it is neither expired nor revoked nor outdated by a new password; else ``Unauthorized``."""
    row = (
        await session.execute(
            select(UserSession, User)
            .join(User, col(User.id) == col(UserSession.user_id))
            .where(
                col(UserSession.id) == session_id,
                col(UserSession.revoked_at).is_(None),
                col(UserSession.expires_at) > system_now(),
                col(UserSession.session_version) == col(User.session_version),
            )
        )
    ).first()
    if row is None:
        raise Unauthorized
    return SignedIn(row[0], row[1])


def needs_refresh(opened: UserSession) -> bool:
    """Whether less than an hour is left."""
    return opened.expires_at - system_now() < REFRESH_BELOW


async def refresh_session(session: Session, opened: UserSession) -> datetime:
    """Slide the end to three hours from now, unless it was revoked meanwhile; returns the end in force."""
    now = system_now()
    slid = await session.scalar(
        update(UserSession)
        .where(col(UserSession.id) == opened.id, col(UserSession.revoked_at).is_(None))
        .values(expires_at=now + LIFETIME, updated_at=now)
        .returning(col(UserSession.expires_at))
        .execution_options(synchronize_session=False)
    )
    return slid or opened.expires_at


async def revoke_session(session: Session, session_id: UUID) -> None:
    """Log out."""
    now = system_now()
    await session.execute(
        update(UserSession)
        .where(col(UserSession.id) == session_id, col(UserSession.revoked_at).is_(None))
        .values(revoked_at=now, updated_at=now)
    )


async def log_out_everywhere(session: Session, signed_in: SignedIn) -> None:
    """End all sessions of the person. One by an organization's Okta ends those of that Okta only: it speaks for nobody
    elsewhere (spec 07 §4.2)."""
    bound = signed_in.session.provider_organization_id
    if bound is None:
        await revoke_all_sessions(session, signed_in.user.id)
        return
    now = system_now()
    await session.execute(
        update(UserSession)
        .where(
            col(UserSession.user_id) == signed_in.user.id,
            col(UserSession.provider_organization_id) == bound,
            col(UserSession.revoked_at).is_(None),
        )
        .values(revoked_at=now, updated_at=now)
    )


async def revoke_all_sessions(session: Session, user_id: UUID) -> None:
    """Every session of the user ends, those of tokens not yet seen included."""
    now = system_now()
    await session.execute(
        update(User)
        .where(col(User.id) == user_id)
        .values(session_version=col(User.session_version) + 1, updated_at=now)
        .execution_options(synchronize_session="fetch")
    )
    await session.execute(
        update(UserSession)
        .where(col(UserSession.user_id) == user_id, col(UserSession.revoked_at).is_(None))
        .values(revoked_at=now, updated_at=now)
    )


async def organizations_of(session: Session, signed_in: SignedIn) -> list[OrganizationChoice]:
    """All memberships of the user, accessible ones first, then by name (spec 07 §3.6)."""
    choices = [
        OrganizationChoice(organization, membership, method_opens(organization, signed_in.session))
        for organization, membership in await _memberships(session, signed_in.user.id)
    ]
    return sorted(choices, key=lambda choice: (not choice.accessible, choice.organization.name.lower()))


async def load_principal(
    session: Session, session_id: UUID, *, organization_id: UUID | None = None, slug: str | None = None
) -> Principal:
    """The user of a session in one organization, chosen by id or slug; checked anew on every request.

    Raises ``Unauthorized``, ``Forbidden("not_organization_member")``, ``Forbidden("login_method_not_authorized")``.
    """
    signed_in = await load_session(session, session_id)
    if (organization_id is None) == (slug is None):
        raise Forbidden("not_organization_member")
    chosen = col(Organization.slug) == slug if slug is not None else col(Organization.id) == organization_id
    row = (
        await session.execute(
            select(Organization, Membership)
            .join(Membership, col(Membership.organization_id) == col(Organization.id))
            .where(chosen, col(Membership.user_id) == signed_in.user.id, col(Membership.status) == "active")
        )
    ).first()
    if row is None:
        raise Forbidden("not_organization_member")
    organization, membership = row[0], row[1]
    if not method_opens(organization, signed_in.session):
        raise Forbidden("login_method_not_authorized")
    return Principal(signed_in.user, signed_in.session, organization, membership, permissions_of(membership.roles))


def method_opens(organization: Organization, opened: UserSession) -> bool:
    """Whether the session's login method is allowed in the organization, and its provider is the organization's own."""
    if opened.provider_organization_id is not None and opened.provider_organization_id != organization.id:
        return False
    return opened.login_method in organization.authentication_methods


async def _memberships(session: Session, user_id: UUID) -> Sequence[tuple[Organization, Membership]]:
    rows = await session.execute(
        select(Organization, Membership)
        .join(Membership, col(Membership.organization_id) == col(Organization.id))
        .where(col(Membership.user_id) == user_id, col(Membership.status) == "active")
        .order_by(col(Organization.name), col(Organization.id))
    )
    return [(row[0], row[1]) for row in rows]
