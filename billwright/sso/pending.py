"""Sign-ins under way: kept in Redis for ten minutes, bound to one browser, used once (spec 07 §4.3)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

import msgspec

from billwright.sso.next_path import safe_next

LIFETIME_SECONDS = 600
MODES = ("login", "signup", "invite")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a browser set out to do. ``connection`` is the Okta connection's id."""

    provider: str
    mode: str
    browser: str
    nonce: str
    verifier: str
    next: str = ""
    email: str = ""
    invite_token: str = ""
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Proven:
    """An identity that a provider proved for a browser that now names its organization."""

    email: str


class PendingSignIns:
    """Attempts by state, proven identities by browser."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    async def begin(
        self,
        provider: str,
        mode: str,
        browser: str,
        *,
        next: str = "",
        email: str = "",
        invite_token: str = "",
        connection: str = "",
    ) -> tuple[str, Attempt]:
        """A new attempt and its state, 256 random bits that begin with the mode for the page's convenience."""
        attempt = Attempt(
            provider=provider,
            mode=mode,
            browser=_digest(browser),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            next=safe_next(next),
            email=email,
            invite_token=invite_token,
            connection=connection,
        )
        state = f"{mode}.{secrets.token_urlsafe(32)}"
        await self._redis.set(_name("state", state), msgspec.json.encode(attempt), ex=LIFETIME_SECONDS)
        return state, attempt

    async def take(self, state: str, browser: str | None, provider: str) -> Attempt | None:
        """The attempt of ``state``, which is used up by asking; ``None`` for another browser or provider."""
        raw = await self._redis.getdel(_name("state", state))
        if raw is None or not browser:
            return None
        attempt = msgspec.json.decode(raw, type=Attempt)
        same = secrets.compare_digest(attempt.browser, _digest(browser))
        return attempt if same and attempt.provider == provider else None

    async def keep(self, browser: str, proven: Proven) -> None:
        """Remember who the browser's person is while the sign-up form is filled in."""
        await self._redis.set(_name("proven", browser), msgspec.json.encode(proven), ex=LIFETIME_SECONDS)

    async def proven(self, browser: str | None, *, take: bool = False) -> Proven | None:
        """Who the browser's person is; ``take`` uses it up."""
        if not browser:
            return None
        name = _name("proven", browser)
        raw = await (self._redis.getdel(name) if take else self._redis.get(name))
        return msgspec.json.decode(raw, type=Proven) if raw is not None else None


def _name(kind: str, secret: str) -> str:
    return f"sso:{kind}:{_digest(secret)}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
