"""Which metric expressions apply to an organization's events (spec 01 §3.5, §1.6)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.catalog.models import BillableMetric
from billwright.billing.kernel.db import Session
from billwright.billing.metering.expressions import Expression, ExpressionSyntaxError, parse

CACHE_SIZE = 2_000


@dataclass(frozen=True, slots=True)
class MetricExpression:
    """The expression of a metric and the property that its result overwrites."""

    expression: Expression
    field_name: str


_cache: OrderedDict[tuple[UUID, int], dict[str, MetricExpression]] = OrderedDict()


def cached_expressions(organization_id: UUID, catalog_revision: int) -> dict[str, MetricExpression] | None:
    """Expressions by metric code as of ``catalog_revision``; ``None`` when they must be loaded."""
    return _cache.get((organization_id, catalog_revision))


async def load_expressions(
    session: Session, organization_id: UUID, catalog_revision: int
) -> dict[str, MetricExpression]:
    """Load and remember them. Every catalogue write changes the revision, so a remembered "none" cannot go stale."""
    rows = await session.execute(
        select(col(BillableMetric.code), col(BillableMetric.expression), col(BillableMetric.field_name)).where(
            col(BillableMetric.organization_id) == organization_id,
            col(BillableMetric.deleted_at).is_(None),
            col(BillableMetric.expression).is_not(None),
            col(BillableMetric.field_name).is_not(None),
        )
    )
    found: dict[str, MetricExpression] = {}
    for code, text, field_name in rows:
        if text and text.strip() and field_name:
            try:
                found[code] = MetricExpression(parse(text), field_name)
            except ExpressionSyntaxError:
                continue
    _cache[organization_id, catalog_revision] = found
    while len(_cache) > CACHE_SIZE:
        _cache.popitem(last=False)
    return found
