"""Filters of billable metrics, and what their change does to charge filters (spec 01 §1.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric, BillableMetricFilter, Charge, ChargeFilter
from billwright.billing.catalog.schemas import MetricFilterInput
from billwright.billing.kernel.errors import Problems
from billwright.billing.kernel.ids import new_id
from billwright.billing.pricing.filters import after_metric_change
from billwright.billing.pricing.text_form import text_form
from billwright.billing.pricing.vocabulary import ALL_FILTER_VALUES


def validated_filters(entries: Sequence[MetricFilterInput], problems: Problems) -> dict[str, list[str]]:
    """Key -> values, each once; of two entries with one key the later wins.

    Codes: ``key: value_is_mandatory``, ``values: value_is_mandatory`` (none that is not blank),
    ``values: value_is_invalid`` (not text or a number, or the reserved all-values word).
    """
    result: dict[str, list[str]] = {}
    for entry in entries:
        if entry.key is None or not entry.key.strip():
            problems.add("key", "value_is_mandatory")
            continue
        values = [_text(value) for value in entry.values or ()]
        if None in values or ALL_FILTER_VALUES in values:
            problems.add("values", "value_is_invalid")
            continue
        kept = [value for value in dict.fromkeys(cast("list[str]", values)) if value.strip()]
        if not kept:
            problems.add("values", "value_is_mandatory")
            continue
        result[entry.key] = kept
    return result


def _text(value: Any) -> str | None:
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        return text_form(value)
    return None


async def replace_filters(
    ctx: Context, metric: BillableMetric, current: Sequence[BillableMetricFilter], wanted: Mapping[str, list[str]]
) -> bool:
    """Make ``wanted`` the metric's filters and adapt the charge filters of all its charges; whether anything changed.

    ``metric`` must be locked. New keys and values reach no charge filter; what is gone makes them broader or deletes
    them (spec 01 §1.4, effects 1-5).
    """
    now = ctx.now()
    kept = {item.key: item for item in current}
    changed = False
    for item in current:
        if item.key not in wanted:
            item.deleted_at = item.updated_at = now
            changed = True
    for key, values in wanted.items():
        known = kept.get(key)
        if known is None:
            ctx.session.add(_row(ctx, metric.id, key, values))
            changed = True
        elif set(known.values) != set(values):
            known.values = values
            known.updated_at = now
            changed = True
    await ctx.session.flush()
    if changed and current:
        await _adapt_charge_filters(ctx, metric.id, wanted)
    return changed


def _row(ctx: Context, metric_id: UUID, key: str, values: list[str]) -> BillableMetricFilter:
    now = ctx.now()
    return BillableMetricFilter(
        id=new_id(), created_at=now, updated_at=now, billable_metric_id=metric_id, key=key, values=values
    )


async def _adapt_charge_filters(ctx: Context, metric_id: UUID, wanted: Mapping[str, list[str]]) -> None:
    rows = (
        await ctx.session.execute(
            select(col(ChargeFilter.id), col(ChargeFilter.values))
            .join(Charge, col(Charge.id) == col(ChargeFilter.charge_id))
            .where(
                col(Charge.billable_metric_id) == metric_id,
                col(Charge.deleted_at).is_(None),
                col(ChargeFilter.deleted_at).is_(None),
            )
            .order_by(col(ChargeFilter.id))
        )
    ).all()
    now = ctx.now()
    narrowed: list[dict[str, Any]] = []
    emptied: list[dict[str, Any]] = []
    for filter_id, values in rows:
        left = after_metric_change(values, wanted)
        if not left:
            emptied.append({"id": filter_id, "deleted_at": now, "updated_at": now})
        elif left != values:
            narrowed.append({"id": filter_id, "values": left, "updated_at": now})
    for rows_by_id in (narrowed, emptied):
        if rows_by_id:
            await ctx.session.execute(update(ChargeFilter), rows_by_id)
