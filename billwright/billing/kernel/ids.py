"""Identifiers: time-ordered UUIDs (version 7), so that ids sort by creation."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final

import uuid_utils.compat


def new_id() -> uuid.UUID:
    """A fresh UUIDv7."""
    return uuid_utils.compat.uuid7()


def first_id_at(moment: datetime) -> uuid.UUID:
    """The smallest id that ``new_id`` may give at ``moment``: ids below it are older."""
    milliseconds = int(moment.timestamp() * 1000)
    return uuid.UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62))


def parse_id(text: str) -> uuid.UUID | None:
    """The UUID that ``text`` writes, or ``None`` if it writes none."""
    try:
        return uuid.UUID(text)
    except (ValueError, AttributeError, TypeError):
        return None


NOBODY: Final = uuid.UUID(int=0)
"""An id that no row has."""


def some_id(text: str) -> uuid.UUID:
    """The UUID that ``text`` writes, else ``NOBODY``: looking for it finds nothing, as for any unknown id."""
    return parse_id(text) or NOBODY
