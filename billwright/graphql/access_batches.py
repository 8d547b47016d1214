"""DataLoaders of who may do what; see ``graphql.batches``."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.api_keys import masked
from billwright.billing.access.context import Context
from billwright.billing.access.models import ApiKey


async def api_key_labels(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Names of API keys, ended ones included; of those without one, what can be seen of their value."""
    rows = await ctx.session.scalars(
        select(ApiKey).where(col(ApiKey.organization_id) == ctx.organization_id, col(ApiKey.id).in_(ids))
    )
    return {key.id: key.name or masked(key) for key in rows}
