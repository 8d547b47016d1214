"""Pages far behind in a long list: what stands before them is counted, not walked through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Date,
    DateTime,
    Select,
    asc,
    desc,
    func,
    literal_column,
    nulls_first,
    nulls_last,
    select,
)
from sqlalchemy.sql import operators

from billwright.billing.kernel.db import Session
from billwright.billing.kernel.statements import plan_by_values

FAR = 100_000
"""Until this row a walk is cheap."""
NEAR = 20_000
"""So many rows are walked in the end."""
_TRIES = 8
_WRAPPED = (operators.asc_op, operators.desc_op, operators.nulls_first_op, operators.nulls_last_op)
_ONE: ColumnElement[int] = literal_column("1")


def order_of(statement: Select[Any]) -> tuple[Any, ...]:
    return statement._order_by_clauses  # pyright: ignore[reportPrivateUsage] -- there is no public reading of it


def first_key(statement: Select[Any]) -> tuple[Any, bool]:
    """What ``statement`` is ordered by first, and whether the largest come first."""
    key, falls = order_of(statement)[0], False
    while getattr(key, "modifier", None) in _WRAPPED:
        falls = falls or key.modifier is operators.desc_op
        key = key.element
    return key, falls


def _turned(clause: Any) -> Any:
    """The other way round."""
    modifier = getattr(clause, "modifier", None)
    if modifier is operators.nulls_last_op:
        return nulls_first(_turned(clause.element))
    if modifier is operators.nulls_first_op:
        return nulls_last(_turned(clause.element))
    if modifier is operators.desc_op:
        return asc(clause.element)
    return desc(clause.element if modifier is operators.asc_op else clause)


@dataclass(frozen=True, slots=True)
class _List:
    """Ordered by the day or instant ``key`` first; ``falls``: from the last one to the first."""

    statement: Select[Any]
    key: Any
    falls: bool

    def behind(self, moment: date | datetime) -> Any:
        """This moment and those that the list has behind it."""
        return self.key <= moment if self.falls else self.key >= moment

    def before(self, moment: date | datetime) -> Any:
        return self.key > moment if self.falls else self.key < moment

    async def ends(self, session: Session) -> tuple[Any, Any]:
        """The first moment and the last; nothing where the list is empty. Ordered as the list's index is."""
        keys = self.statement.with_only_columns(self.key, maintain_column_froms=True).limit(1)
        forth = order_of(self.statement)[0]
        first, last = [await session.scalar(keys.order_by(None).order_by(end)) for end in (forth, _turned(forth))]
        return first, last

    async def count(self, session: Session, first: date | datetime, end: date | datetime) -> int:
        """Rows from ``first`` on and before ``end``."""
        rows = self.statement.order_by(None).where(self.behind(first), self.before(end))
        ones = rows.with_only_columns(_ONE, maintain_column_froms=True).subquery()
        return int((await session.scalars(select(func.count()).select_from(ones))).one())


async def from_nearby(session: Session, statement: Select[Any], offset: int, total: int) -> tuple[Select[Any], int]:
    """``statement`` without the rows before one that stands shortly before ``offset``, and the offset from there.

    For lists ordered by a day or an instant first; any other is returned as it is. A day or instant whose rows stand
    near is found by counting the rows before some, each a better guess than the one before. To count them reads an
    index of this key alone, which is several times smaller than one of the list's whole order. ``total`` may be old.
    """
    key, falls = first_key(statement)
    kind: Any = getattr(key, "type", None)
    if not isinstance(key, Column) or key.nullable or not isinstance(kind, (Date, DateTime)):
        return statement, offset
    rows = _List(statement, key, falls)
    await plan_by_values(session)
    low, high = await rows.ends(session)
    if low is None:
        return statement, offset
    low_before, high_before, counted = 0, total, False
    for _ in range(_TRIES):
        share = (offset - NEAR / 2 - low_before) / max(high_before - low_before, 1)
        guess = low + (high - low) * min(max(share, 0.0), 1.0)
        if guess in (low, high):
            break
        if counted and share > 0.5:
            found = high_before - await rows.count(session, guess, high)
        else:
            found = low_before + await rows.count(session, low, guess)
        if found > offset:
            high, high_before, counted = guess, found, True
            continue
        low, low_before = guess, found
        if offset - found <= NEAR:
            break
    return statement.where(rows.behind(low)), offset - low_before
