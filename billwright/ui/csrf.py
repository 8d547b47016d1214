"""CSRF tokens: every unsafe request of a browser carries one that only a page of ours can know (spec 07 §3.5).

A token is a keyed digest of what the browser already holds in an ``HttpOnly`` cookie: the session once there is one,
a random value before.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from starlette.requests import Request
from starlette.responses import Response

from billwright.server.settings import Settings
from billwright.ui import sessions

FIELD = "csrf_token"
HEADER = "x-csrf-token"
VISITOR_COOKIE = "billwright_visitor"


def token_for(settings: Settings, holder: str) -> str:
    """The token that belongs to ``holder``, the value of the session's or visitor's cookie."""
    key = settings.secret_key.get_secret_value().encode()
    return hmac.new(key, b"billwright.csrf\x00" + holder.encode(), hashlib.sha256).hexdigest()


def holder_of(request: Request) -> str | None:
    """What this browser's tokens are made from: its session, else its visitor value."""
    return request.cookies.get(sessions.COOKIE) or request.cookies.get(VISITOR_COOKIE)


def is_valid(settings: Settings, holder: str | None, given: str | None) -> bool:
    """Whether ``given`` is the holder's token; compared in constant time."""
    if not holder or not given:
        return False
    return hmac.compare_digest(token_for(settings, holder).encode(), given.encode("utf-8", "replace"))


def new_visitor() -> str:
    """A random value for a browser without a session."""
    return secrets.token_urlsafe(24)


def set_visitor(response: Response, settings: Settings, visitor: str) -> None:
    """Keep the visitor's value until the browser closes."""
    secure = settings.app_url.startswith("https://")
    response.set_cookie(VISITOR_COOKIE, visitor, path="/", httponly=True, samesite="lax", secure=secure)
