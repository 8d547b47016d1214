"""Secrets on their way to the page that shows them, once (spec 07 §2.1): sealed, for one session, gone by looking.

A form that makes a secret answers with a redirect, so that a reload makes no second one. Meanwhile it waits here.
"""

from __future__ import annotations

from typing import Any

import structlog
from redis.exceptions import RedisError

from billwright.ui.views.support import View

log = structlog.get_logger(__name__)
LIFETIME_SECONDS = 300


async def keep(view: View, name: str, secret: str) -> bool:
    """Have a page of this session ``take`` the secret; ``False`` while there is no place to keep it."""
    sealed = view.context.services.runtime.box.seal(secret)
    try:
        await _redis(view).set(_place(view, name), sealed, ex=LIFETIME_SECONDS)
    except (RedisError, OSError) as failure:
        log.warning("secret_not_kept", error=type(failure).__name__)
        return False
    return True


async def take(view: View, name: str) -> str | None:
    """The secret, for the first who asks in its session."""
    try:
        sealed: bytes | None = await _redis(view).getdel(_place(view, name))
    except (RedisError, OSError) as failure:
        log.warning("secret_not_found", error=type(failure).__name__)
        return None
    return view.context.services.runtime.box.open(sealed) if sealed is not None else None


def _redis(view: View) -> Any:
    return view.request.app.state.redis


def _place(view: View, name: str) -> str:
    return f"shown_once:{view.context.session_id}:{name}"
