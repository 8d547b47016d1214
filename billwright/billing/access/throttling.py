"""Limits of sign-in attempts, always on, on the system clock (spec 07 §3.5)."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Protocol

from billwright.billing.kernel.errors import RateLimited
from billwright.billing.kernel.validators import normal_email

LOGIN_WINDOW = timedelta(minutes=15)
FAILED_LOGINS = 10
LOGINS_PER_ADDRESS = 100
RESET_WINDOW = timedelta(hours=1)
RESET_REQUESTS = 5


class AttemptCounter(Protocol):
    """Counts events per name; a name is forgotten when its window, begun by the first event, has passed."""

    async def add(self, name: str, window: timedelta) -> int:
        """Count one more; returns how many there are in the window, this one included."""
        ...

    async def clear(self, name: str) -> None:
        """Forget the name's events."""
        ...


def _name(kind: str, *parts: str) -> str:
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"attempts:{kind}:{digest}"


async def count_login(counter: AttemptCounter, ip: str, email: str) -> None:
    """Count an attempt before it is judged, so that parallel ones cannot slip through. Raises ``RateLimited``."""
    over = await counter.add(_name("login-ip", ip), LOGIN_WINDOW) > LOGINS_PER_ADDRESS
    over |= await counter.add(_name("login", ip, normal_email(email)), LOGIN_WINDOW) > FAILED_LOGINS
    if over:
        raise RateLimited


async def login_succeeded(counter: AttemptCounter, ip: str, email: str) -> None:
    """Only failures count towards the limit of a person."""
    await counter.clear(_name("login", ip, normal_email(email)))


async def count_reset_request(counter: AttemptCounter, ip: str, email: str) -> None:
    """Raises ``RateLimited`` beyond five requests an hour."""
    if await counter.add(_name("reset", ip, normal_email(email)), RESET_WINDOW) > RESET_REQUESTS:
        raise RateLimited


async def count_sign_up(counter: AttemptCounter, ip: str) -> None:
    """Sign-ups count among an address's attempts to log in. Raises ``RateLimited``."""
    if await counter.add(_name("login-ip", ip), LOGIN_WINDOW) > LOGINS_PER_ADDRESS:
        raise RateLimited
