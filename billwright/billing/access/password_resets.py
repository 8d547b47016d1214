"""Setting a new password by a token that was mailed (spec 07 §3.5). All instants are system time."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlmodel import col

from billwright.billing.access.models import Membership, Organization, PasswordReset, User, UserSession
from billwright.billing.access.passwords import check_password_rules, hash_password
from billwright.billing.access.service import find_user
from billwright.billing.access.sessions import EMAIL_PASSWORD, open_session, revoke_all_sessions
from billwright.billing.access.throttling import AttemptCounter, count_reset_request
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.validators import is_email, normal_email
from billwright.billing.mailing.service import queue_email

LIFETIME = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class RequestedReset:
    """A token to be mailed to ``user``; it is readable only here."""

    user: User
    token: str


@dataclass(frozen=True, slots=True)
class CompletedReset:
    """A user with a new password; ``session`` is ``None`` when no organization lets them in by password."""

    user: User
    session: UserSession | None


async def request_password_reset(
    session: Session, email: str, *, ip: str, attempts: AttemptCounter
) -> RequestedReset | None:
    """A token of 40 hex characters, valid 30 minutes; ``None`` for an unknown e-mail.

    The caller answers success in both cases. Users of single sign-on get one too. Raises ``RateLimited``.
    """
    await count_reset_request(attempts, ip, email)
    user = await find_user(session, email) if is_email(normal_email(email)) else None
    if user is None:
        return None
    now = system_now()
    token = secrets.token_hex(20)
    session.add(
        PasswordReset(
            id=new_id(),
            user_id=user.id,
            digest=_digest(token),
            expires_at=now + LIFETIME,
            created_at=now,
            updated_at=now,
        )
    )
    await session.flush()
    return RequestedReset(user, token)


async def mail_password_reset(
    session: Session, box: SecretBox, email: str, *, app_url: str, ip: str, attempts: AttemptCounter
) -> None:
    """Mail the link to a known address, do nothing for an unknown one. Raises ``RateLimited``."""
    requested = await request_password_reset(session, email, ip=ip, attempts=attempts)
    if requested is None:
        return
    await queue_email(
        session,
        "password_reset",
        subject="Set a new password for Billwright",
        text="Somebody, hopefully you, asked for a new password for your account.\n\n"
        "Set it here within 30 minutes:\n{link}\n\nIf it was not you, ignore this e-mail: nothing has changed.\n",
        to=[requested.user.email],
        user_id=requested.user.id,
        link=(box, f"{app_url}/reset-password/{requested.token}"),
    )


async def find_reset_email(session: Session, token: str) -> str:
    """Whose password the token sets. Raises ``NotFound("password_reset")``."""
    found = await _find(session, token, lock=False)
    user = await session.get(User, found.user_id) if found is not None else None
    if user is None:
        raise NotFound("password_reset")
    return user.email


async def is_usable(session: Session, token: str) -> bool:
    """Whether the token still sets a password."""
    return await _find(session, token, lock=False) is not None


async def reset_password(session: Session, token: str | None, new_password: str | None) -> CompletedReset:
    """Set the password, end every session and every other token of the user, then sign in.

    Raises ``ValidationFailed`` (``new_password: missing_password``, ``token: missing_token``, password rules) and
    ``NotFound("password_reset")``.
    """
    if not new_password:
        raise ValidationFailed({"new_password": ["missing_password"]})
    if not token:
        raise ValidationFailed({"token": ["missing_token"]})
    found = await _find(session, token, lock=True)
    if found is None:
        raise NotFound("password_reset")
    check_password_rules(new_password)
    user = await session.get_one(User, found.user_id, with_for_update=True)
    user.password_hash = await hash_password(new_password)
    now = system_now()
    await session.flush()
    await session.execute(
        update(PasswordReset)
        .where(col(PasswordReset.user_id) == user.id, col(PasswordReset.used_at).is_(None))
        .values(used_at=now, updated_at=now)
    )
    await revoke_all_sessions(session, user.id)
    await session.refresh(user)
    methods = await session.scalars(
        select(col(Organization.authentication_methods))
        .join(Membership, col(Membership.organization_id) == col(Organization.id))
        .where(col(Membership.user_id) == user.id, col(Membership.status) == "active")
    )
    allowed = any(EMAIL_PASSWORD in each for each in methods)
    return CompletedReset(user, await open_session(session, user, EMAIL_PASSWORD) if allowed else None)


async def _find(session: Session, token: str, *, lock: bool) -> PasswordReset | None:
    statement = select(PasswordReset).where(
        col(PasswordReset.digest) == _digest(token),
        col(PasswordReset.used_at).is_(None),
        col(PasswordReset.expires_at) > system_now(),
    )
    return await session.scalar(statement.with_for_update() if lock else statement)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
