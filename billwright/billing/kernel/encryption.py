"""Encryption of stored secrets with the installation's key (design §9)."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SecretBox:
    """Encrypts with ``key`` (32 bytes in URL-safe base64); also opens what ``previous`` encrypted.

    Made without a key it can neither seal nor open: both raise ``RuntimeError``.
    """

    def __init__(self, key: str = "", previous: str = "") -> None:
        keys = [Fernet(text) for text in (key, previous) if text]
        self._fernet = MultiFernet(keys) if keys else None

    def __repr__(self) -> str:
        return "SecretBox()"

    def seal(self, text: str) -> bytes:
        """Encrypt; two calls give different bytes."""
        return self._keys().encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """The text that was sealed. Raises ``ValueError`` for another key's or damaged bytes."""
        try:
            return self._keys().decrypt(sealed).decode()
        except InvalidToken:
            raise ValueError("sealed with another key, or damaged") from None

    def _keys(self) -> MultiFernet:
        if self._fernet is None:
            raise RuntimeError("no encryption key is set")
        return self._fernet
