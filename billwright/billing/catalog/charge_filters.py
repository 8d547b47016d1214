"""Charge filters: validation against metric and model, a charge's list as a whole, and single ones (spec 02 §4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric, ChargeFilter
from billwright.billing.catalog.queries import ChargeView, MetricView
from billwright.billing.catalog.schemas import ChargeFilterInput
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.pricing.filters import same_values, validate_filter_values
from billwright.billing.pricing.properties import validate_properties


@dataclass(frozen=True, slots=True)
class FilterEntry:
    """A validated charge filter, in stored form."""

    values: dict[str, list[str]]
    properties: dict[str, Any]
    invoice_display_name: str | None


def validated_entries(
    raw: Sequence[Any], metric: MetricView, charge_model: str, problems: Problems
) -> list[FilterEntry]:
    """The stored forms of a charge's ``filters``; what is wrong goes to ``problems`` under the entry's field."""
    entries: list[FilterEntry] = []
    for index, item in enumerate(raw):
        if not isinstance(item, dict):
            problems.add("filters", "value_is_invalid")
            continue
        with problems.inside("filters", index):
            try:
                inp = ChargeFilterInput.parse(item)
            except ValidationFailed as failure:
                add_all(problems, failure)
                continue
            entries.append(
                FilterEntry(
                    validate_filter_values(inp.values, metric.filter_values, problems),
                    _properties(charge_model, inp.properties, metric.metric, problems),
                    inp.invoice_display_name or None,
                )
            )
    return entries


def add_all(problems: Problems, failure: ValidationFailed) -> None:
    """Take over the codes of a nested failure."""
    details: Mapping[str, list[str]] = failure.details
    for field, codes in details.items():
        for code in codes:
            problems.add(field, code)


def _properties(charge_model: str, raw: Any, metric: BillableMetric, problems: Problems) -> dict[str, Any]:
    return validate_properties(
        charge_model, raw, problems, aggregation_type=metric.aggregation_type, default_when_empty=False
    )


def check_kept(filters: Sequence[ChargeFilter], charge_model: str, metric: BillableMetric, problems: Problems) -> None:
    """Filters that stay while the charge's model changes must carry a price of the new model."""
    for item in filters:
        _properties(charge_model, item.properties, metric, problems)


def arrange(ctx: Context, charge_id: UUID, current: Sequence[ChargeFilter], entries: Sequence[FilterEntry]) -> None:
    """Make ``entries`` the charge's filters: the same ``values`` map updates in place, new ones are inserted, missing
    ones deleted; their order is the order sent (spec 02 §4.1)."""
    now = ctx.now()
    left = list(current)
    for position, entry in enumerate(entries):
        known = next((item for item in left if same_values(item.values, entry.values)), None)
        if known is None:
            ctx.session.add(filter_row(ctx, charge_id, entry, position))
            continue
        left.remove(known)
        after = (entry.values, entry.properties, entry.invoice_display_name, position)
        if list(known.values) != list(entry.values) or after != (
            known.values,
            known.properties,
            known.invoice_display_name,
            known.position,
        ):
            known.values, known.properties, known.invoice_display_name, known.position = after
            known.updated_at = now
    for item in left:
        item.deleted_at = item.updated_at = now


def filter_row(ctx: Context, charge_id: UUID, entry: FilterEntry, position: int) -> ChargeFilter:
    """A new filter of a charge, not stored yet."""
    now = ctx.now()
    return ChargeFilter(
        id=new_id(),
        created_at=now,
        updated_at=now,
        charge_id=charge_id,
        values=entry.values,
        properties=entry.properties,
        invoice_display_name=entry.invoice_display_name,
        position=position,
    )


def add_filter(ctx: Context, view: ChargeView, metric: MetricView, inp: ChargeFilterInput) -> ChargeFilter:
    """Append a filter to a charge; ``ValidationFailed`` on ``values``, ``billable_metric_filter``, ``properties``."""
    problems = Problems()
    values = validate_filter_values(inp.values, metric.filter_values, problems)
    properties = _properties(view.charge.charge_model, inp.properties, metric.metric, problems)
    problems.raise_if_any()
    position = max((item.position for item in view.filters), default=-1) + 1
    made = filter_row(ctx, view.charge.id, FilterEntry(values, properties, inp.invoice_display_name or None), position)
    ctx.session.add(made)
    return made


def change_filter(
    ctx: Context, view: ChargeView, metric: MetricView, found: ChargeFilter, inp: ChargeFilterInput
) -> None:
    """Change the sent attributes of one of the charge's filters. Raises as ``add_filter``."""
    problems = Problems()
    values, properties = found.values, found.properties
    if inp.given("values"):
        values = validate_filter_values(inp.values, metric.filter_values, problems)
    if inp.given("properties"):
        properties = _properties(view.charge.charge_model, inp.properties, metric.metric, problems)
    problems.raise_if_any()
    found.values, found.properties = values, properties
    if inp.given("invoice_display_name"):
        found.invoice_display_name = inp.invoice_display_name or None
    found.updated_at = ctx.now()


def remove_filter(ctx: Context, found: ChargeFilter) -> None:
    """Soft-delete a filter; its events fall into the buckets that are left."""
    found.deleted_at = found.updated_at = ctx.now()
