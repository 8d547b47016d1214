"""Who gets in once a provider has proven an e-mail address (spec 07 §4.1, §4.2)."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.invites import OpenInvite, create_user, find_invite, join
from billwright.billing.access.models import Membership, OktaConnection, Organization, User
from billwright.billing.access.service import (
    CreatedOrganization,
    add_membership,
    create_organization,
    find_user,
    lock_person,
)
from billwright.billing.access.sessions import GOOGLE, OKTA, SignedIn, open_session
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import NotFound, ValidationFailed


async def login_by_google(session: Session, email: str) -> SignedIn:
    """A known person with a membership that Google opens.

    Raises ``ValidationFailed`` (``base: user_does_not_exist``, ``google_oauth: login_method_not_authorized``).
    """
    user = await find_user(session, email)
    methods = await _methods(session, user) if user is not None else []
    if user is None or not methods:
        raise ValidationFailed(base="user_does_not_exist")
    if not any(GOOGLE in each for each in methods):
        raise ValidationFailed(google_oauth="login_method_not_authorized")
    return SignedIn(await open_session(session, user, GOOGLE), user)


async def register_by_google(
    session: Session, email: str, organization_name: str
) -> tuple[CreatedOrganization, SignedIn]:
    """A new organization with a new person as admin, without a password. ``email: user_already_exists``."""
    await lock_person(session, email)
    if await find_user(session, email) is not None:
        raise ValidationFailed(email="user_already_exists")
    created = await create_organization(session, organization_name, owner_email=email)
    assert created.owner is not None
    return created, SignedIn(await open_session(session, created.owner, GOOGLE), created.owner)


async def accept_by_google(session: Session, token: str, email: str) -> SignedIn:
    """Join by an invitation to the same e-mail address.

    Raises ``NotFound("invite")``, ``ValidationFailed`` (``base: invite_email_mistmatch``, ``google_oauth:
    login_method_not_authorized``).
    """
    found = await find_invite(session, token, lock=True)
    if found.invite.email != email:
        raise ValidationFailed(base="invite_email_mistmatch")
    if GOOGLE not in found.organization.authentication_methods:
        raise ValidationFailed(google_oauth="login_method_not_authorized")
    return await _join(session, found, email, GOOGLE)


async def check_invite(session: Session, token: str, email: str) -> None:
    """Before the flow begins: ``base: invite_not_found``, ``base: invite_email_mismatch``."""
    try:
        found = await find_invite(session, token)
    except NotFound:
        raise ValidationFailed(base="invite_not_found") from None
    if found.invite.email != email:
        raise ValidationFailed(base="invite_email_mismatch")


async def login_by_okta(session: Session, connection: OktaConnection, email: str) -> SignedIn:
    """Sign in to the connection's organization alone; a stranger becomes a member with its default role, or none.

    Raises ``ValidationFailed`` (``okta: login_method_not_authorized``, ``base: not_organization_member`` for a removed
    member).
    """
    organization = await session.get_one(Organization, connection.organization_id)
    if OKTA not in organization.authentication_methods:
        raise ValidationFailed(okta="login_method_not_authorized")
    user = await _person(session, email)
    statuses = set(
        await session.scalars(
            select(col(Membership.status)).where(
                col(Membership.user_id) == user.id, col(Membership.organization_id) == organization.id
            )
        )
    )
    if not statuses:
        role = connection.default_role
        await add_membership(session, user.id, organization.id, [role] if role else [])
    elif "active" not in statuses:
        raise ValidationFailed(base="not_organization_member")
    opened = await open_session(session, user, OKTA, provider_organization_id=organization.id)
    return SignedIn(opened, user)


async def accept_by_okta(session: Session, connection: OktaConnection, token: str, email: str) -> SignedIn:
    """Join the connection's organization by an invitation to the same e-mail address. Errors as for Google."""
    found = await find_invite(session, token, lock=True)
    if found.organization.id != connection.organization_id:
        raise NotFound("invite")
    if found.invite.email != email:
        raise ValidationFailed(base="invite_email_mismatch")
    if OKTA not in found.organization.authentication_methods:
        raise ValidationFailed(okta="login_method_not_authorized")
    return await _join(session, found, email, OKTA)


async def _join(session: Session, found: OpenInvite, email: str, method: str) -> SignedIn:
    user = await _person(session, email)
    await join(session, found, user)
    bound = found.organization.id if method == OKTA else None
    return SignedIn(await open_session(session, user, method, provider_organization_id=bound), user)


async def _person(session: Session, email: str) -> User:
    await lock_person(session, email)
    return await find_user(session, email) or await create_user(session, email, None)


async def _methods(session: Session, user: User) -> list[list[str]]:
    rows = await session.scalars(
        select(col(Organization.authentication_methods))
        .join(Membership, col(Membership.organization_id) == col(Organization.id))
        .where(col(Membership.user_id) == user.id, col(Membership.status) == "active")
    )
    return list(rows)
