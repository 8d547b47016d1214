"""One object by its statement, or the error that it does not exist."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Select

from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import NotFound

Model = TypeVar("Model")


async def find(session: Session, statement: Select[Model], kind: str, *, lock: bool = False) -> Model:
    """The first object of ``statement``; raises ``NotFound(kind)``. ``lock`` reloads it under its row's lock."""
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    item: Any = (await session.scalars(statement)).first()
    if item is None:
        raise NotFound(kind)
    return item
