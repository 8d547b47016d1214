"""The signed form of a session's id: the back office's cookie and the bearer token of GraphQL (spec 07 §3.5)."""

from __future__ import annotations

from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.responses import Response

from billwright.billing.access.sessions import LIFETIME
from billwright.server.settings import Settings

COOKIE = "billwright_session"
BROWSER_COOKIE = "billwright_sign_in"
"""Binds a single sign-on under way to the browser that began it (spec 07 §4.3)."""
_SALT = "billwright.session"


def issue_token(settings: Settings, session_id: UUID) -> str:
    """The text that names a session; whether it is still valid is asked of the database on every request."""
    return _serializer(settings).dumps(session_id.hex)


def read_token(settings: Settings, token: str) -> UUID | None:
    """The session that ``token`` names, ``None`` for anything that this server did not sign."""
    try:
        return UUID(hex=_serializer(settings).loads(token))
    except (BadSignature, ValueError, TypeError, AttributeError):
        return None


def set_cookie(response: Response, settings: Settings, token: str) -> None:
    """``HttpOnly``, ``SameSite=Lax``, and ``Secure`` unless the front address is plain http."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings.app_url.startswith("https://"),
    )


def bind_browser(response: Response, settings: Settings, value: str) -> None:
    """Ten minutes, for the way to the provider and back: ``Lax``, because the way back is a navigation."""
    secure = settings.app_url.startswith("https://")
    response.set_cookie(BROWSER_COOKIE, value, max_age=600, path="/", httponly=True, samesite="lax", secure=secure)


def drop_cookie(response: Response) -> None:
    """Forget the session in the browser."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


def _serializer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key.get_secret_value(), salt=_SALT)
