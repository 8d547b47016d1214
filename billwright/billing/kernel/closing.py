"""What is noted on the way through a transaction and written by one statement right before its commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

Writer = Callable[[AsyncSession, list[Any]], Awaitable[None]]
_NOTES = "notes"


def note(session: AsyncSession, writer: Writer, item: Any) -> None:
    """Have ``writer`` called with ``item``, and with all others that it is to write, at the end of the transaction."""
    session.info.setdefault(_NOTES, []).append((writer, item))


def count_notes(session: AsyncSession) -> int:
    """How much is noted, for ``forget_notes``."""
    return len(session.info.get(_NOTES, ()))


def forget_notes(session: AsyncSession, count: int) -> None:
    """Drop what was noted after the first ``count`` notes: a savepoint that undid it was rolled back."""
    notes: list[tuple[Writer, Any]] = session.info.get(_NOTES, [])
    del notes[count:]


async def write_notes(session: AsyncSession) -> None:
    """Write what is noted, each writer once."""
    noted: list[tuple[Writer, Any]] = session.info.pop(_NOTES, [])
    by_writer: dict[Writer, list[Any]] = {}
    for writer, item in noted:
        by_writer.setdefault(writer, []).append(item)
    for writer, items in by_writer.items():
        await writer(session, items)
