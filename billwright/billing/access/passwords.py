"""Passwords: argon2id, and the rules that every path which sets one enforces (spec 07 §3.5)."""

from __future__ import annotations

import asyncio
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from billwright.billing.kernel.errors import ValidationFailed

MIN_LENGTH, MAX_LENGTH = 8, 128
_hasher = PasswordHasher()
_dummy: list[str] = []


def is_acceptable(password: str) -> bool:
    """8-128 characters with a lower-case letter, an upper-case letter, a digit and a special character."""
    return (
        MIN_LENGTH <= len(password) <= MAX_LENGTH
        and _storable(password)
        and any(c.islower() for c in password)
        and any(c.isupper() for c in password)
        and any(c.isdigit() for c in password)
        and any(not c.isalnum() and not c.isspace() for c in password)
    )


def check_password_rules(password: str, field: str = "password") -> None:
    """``value_is_invalid`` on ``field`` for a password that breaks the rules."""
    if not is_acceptable(password):
        raise ValidationFailed({field: ["value_is_invalid"]})


async def hash_password(password: str) -> str:
    """The argon2id hash, computed beside the event loop."""
    return await asyncio.to_thread(_hasher.hash, _canonical(password))


async def verify_password(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one hashed; takes as long without a stored hash as with one."""
    usable = len(password) <= MAX_LENGTH and _storable(password)
    if not _dummy:
        _dummy.append(await asyncio.to_thread(_hasher.hash, "no password has this hash"))
    matches = await asyncio.to_thread(_matches, stored or _dummy[0], _canonical(password) if usable else "-")
    return matches and usable and stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether ``stored`` was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False


def _storable(password: str) -> bool:
    return "\x00" not in password and not any(0xD800 <= ord(c) <= 0xDFFF for c in password)


def _canonical(password: str) -> str:
    """One form for characters that keyboards compose differently."""
    return unicodedata.normalize("NFC", password)
