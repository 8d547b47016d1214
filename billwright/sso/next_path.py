"""Where somebody goes on to after signing in: a path of this server, or home (spec 07 §4.3)."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote, urlsplit

MAX_LENGTH = 2000


def safe_next(text: str) -> str:
    """``text`` if a path of this server, else empty: no ``//evil``, ``/\\evil``, ``%2F%2Fevil``, control characters."""
    path = unquote(unquote(text))
    if not path.startswith("/") or path.startswith("//") or "\\" in path or len(text) > MAX_LENGTH:
        return ""
    if any(unicodedata.category(char) == "Cc" for char in path) or urlsplit(path).netloc or urlsplit(path).scheme:
        return ""
    return text if text.startswith("/") else ""
