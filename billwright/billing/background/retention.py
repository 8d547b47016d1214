"""Deleting what a log keeps no longer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped

from billwright.billing.kernel.db import Database

BATCH = 1000


async def discard_before(database: Database, model: Any, moment: Mapped[Any], limit: Any) -> int:
    """Delete the rows of ``model`` whose ``moment`` is before ``limit``, a thousand in a transaction; returns how many.

    ``moment``: a column of instants, or of ids, which tell one.

    Rows under somebody's lock are left for the next time.
    """
    done = 0
    while True:
        async with database.transaction() as session:
            found = select(model.id).where(moment < limit).order_by(moment).limit(BATCH)
            ids = (await session.scalars(found.with_for_update(skip_locked=True))).all()
            if ids:
                await session.execute(delete(model).where(model.id.in_(ids)))
        done += len(ids)
        if len(ids) < BATCH:
            return done
