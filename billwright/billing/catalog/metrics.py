"""Use cases of billable metrics: create and edit (spec 01 §1). Deletion is in ``metric_deletion.py``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.changes import publish
from billwright.billing.catalog.metric_deletion import finish_deletions
from billwright.billing.catalog.metric_filters import replace_filters, validated_filters
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.catalog.queries import MetricView, find_metric, is_metric_in_use, metric_views, plans_using
from billwright.billing.catalog.schemas import (
    AdministeredMetricInput,
    MetricFilterInput,
    MetricInput,
)
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering import expressions
from billwright.billing.metering.custom_aggregation.language.compiler import compile_source
from billwright.billing.metering.custom_aggregation.language.errors import InvalidSource
from billwright.billing.metering.rounding import ROUNDING_FUNCTIONS
from billwright.billing.notifications.service import emit
from billwright.billing.pricing import vocabulary as v

NEVER_RECURRING = (v.COUNT, v.MAX, v.LATEST)
WITHOUT_FIELD = (v.COUNT, v.CUSTOM_AGGREGATION)
WEIGHTED_INTERVALS = ("seconds",)
EDITABLE_IN_USE = ("name", "description")
MAX_CODE = 255
MAX_PRECISION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class _Attributes:
    """All attributes of a metric as they will be, before validation."""

    name: str | None = None
    code: str | None = None
    description: str | None = None
    aggregation_type: str | None = None
    field_name: str | None = None
    recurring: bool | None = False
    weighted_interval: str | None = None
    expression: str | None = None
    rounding_function: str | None = None
    rounding_precision: int | None = None
    custom_aggregator: str | None = None


_NAMES = tuple(_Attributes.__dataclass_fields__)


def _sent(inp: MetricInput) -> dict[str, Any]:
    names = _NAMES if isinstance(inp, AdministeredMetricInput) else _NAMES[:-1]
    return inp.given_values(*names)


async def create_metric(ctx: Context, inp: MetricInput) -> MetricView:
    """A new metric with its filters. Raises ``ValidationFailed`` with the codes of spec 01 §1.1 and §1.4."""
    problems = Problems()
    attributes = _validated(replace(_Attributes(), **_sent(inp)), problems)
    filters = validated_filters(inp.filters or (), problems)
    if attributes.code and await _code_taken(ctx, attributes.code):
        problems.add("code", "value_already_exist")
    problems.raise_if_any()
    now = ctx.now()
    metric = BillableMetric(
        id=new_id(), created_at=now, updated_at=now, organization_id=ctx.organization_id, **_columns(attributes)
    )
    try:
        async with ctx.session.begin_nested():
            ctx.session.add(metric)
    except IntegrityError:
        raise ValidationFailed(code="value_already_exist") from None
    await finish_deletions(ctx, metric.code)
    await replace_filters(ctx, metric, (), filters)
    await publish(ctx, metric_codes=[metric.code])
    await emit(ctx, "billable_metric.created", "billable_metric", metric.id)
    return await _view(ctx, metric)


async def update_metric(ctx: Context, code: str, inp: MetricInput) -> MetricView:
    """Change what was sent. While a live charge uses the metric only name, description and filters are applied, the
    rest is ignored without an error (spec 01 §1.3). Raises ``NotFound`` and ``ValidationFailed``.
    """
    metric = await find_metric(ctx, code, lock=True)
    plans = list((await ctx.session.scalars(plans_using(metric.id))).all())
    sent = _sent(inp)
    if plans:
        sent = {name: value for name, value in sent.items() if name in EDITABLE_IN_USE}
    before = _Attributes(**{name: getattr(metric, name) for name in _NAMES})
    problems = Problems()
    after = _validated(replace(before, **sent), problems)
    filters = validated_filters(inp.filters or (), problems)
    if after.code and after.code != before.code and await _code_taken(ctx, after.code):
        problems.add("code", "value_already_exist")
    problems.raise_if_any()
    try:
        async with ctx.session.begin_nested():
            for name, value in _columns(after).items():
                setattr(metric, name, value)
            metric.updated_at = ctx.now()
    except IntegrityError:
        raise ValidationFailed(code="value_already_exist") from None
    if after.code and after.code != before.code:
        await finish_deletions(ctx, after.code)
    view = await _view(ctx, metric)
    if inp.given("filters") and await replace_filters(ctx, metric, view.filters, filters):
        view = await _view(ctx, metric)
    await publish(ctx, metric_codes={metric.code, before.code or metric.code}, plan_ids=plans)
    await emit(ctx, "billable_metric.updated", "billable_metric", metric.id)
    return view


async def duplicate_input(ctx: Context, code: str) -> MetricInput:
    """What the creation form of a duplicate starts with: everything but name and code (spec 01 §1.2)."""
    view = await _view(ctx, await find_metric(ctx, code))
    copied = {name: getattr(view.metric, name) for name in _NAMES if name not in ("name", "code")}
    filters = [MetricFilterInput(key=item.key, values=[*item.values]) for item in view.filters]
    return AdministeredMetricInput(**copied, filters=filters)


async def is_in_use(ctx: Context, code: str) -> bool:
    """Whether most attributes of the metric are locked (spec 01 §1.3)."""
    return await is_metric_in_use(ctx, (await find_metric(ctx, code)).id)


async def _view(ctx: Context, metric: BillableMetric) -> MetricView:
    return (await metric_views(ctx, [metric]))[0]


async def _code_taken(ctx: Context, code: str) -> bool:
    statement = select(col(BillableMetric.id)).where(
        col(BillableMetric.organization_id) == ctx.organization_id,
        col(BillableMetric.code) == code,
        col(BillableMetric.deleted_at).is_(None),
    )
    return (await ctx.session.scalars(statement)).first() is not None


def _columns(attributes: _Attributes) -> dict[str, Any]:
    return {name: getattr(attributes, name) for name in _NAMES}


def _blank(text: str | None) -> bool:
    return text is None or not text.strip()


def _validated(given: _Attributes, problems: Problems) -> _Attributes:
    """``given`` in stored form; what is wrong goes to ``problems`` (spec 01 §1.1)."""
    kind = given.aggregation_type
    if _blank(given.name):
        problems.add("name", "value_is_mandatory")
    if _blank(given.code):
        problems.add("code", "value_is_mandatory")
    elif len(given.code or "") > MAX_CODE:
        problems.add("code", "value_is_too_long")
    if kind not in v.AGGREGATION_TYPES:
        problems.add("aggregation_type", "value_is_invalid")
    elif kind not in WITHOUT_FIELD and _blank(given.field_name):
        problems.add("field_name", "value_is_mandatory")
    if given.recurring and kind in NEVER_RECURRING:
        problems.add("recurring", "not_compatible_with_aggregation_type")
    if given.weighted_interval is not None and given.weighted_interval not in WEIGHTED_INTERVALS:
        problems.add("weighted_interval", "value_is_invalid")
    if given.rounding_function is not None and given.rounding_function not in ROUNDING_FUNCTIONS:
        problems.add("rounding_function", "value_is_invalid")
    if given.rounding_precision is not None and abs(given.rounding_precision) > MAX_PRECISION:
        problems.add("rounding_precision", "value_is_out_of_range")
    expression = None if _blank(given.expression) else given.expression
    if expression is not None and not is_expression(expression):
        problems.add("expression", "invalid_expression")
    aggregator = given.custom_aggregator if kind == v.CUSTOM_AGGREGATION else None
    if kind == v.CUSTOM_AGGREGATION:
        _check_aggregator(aggregator, problems)
    weighted = kind == v.WEIGHTED_SUM and given.weighted_interval is None
    return replace(
        given,
        field_name=None if kind == v.COUNT or _blank(given.field_name) else given.field_name,
        recurring=bool(given.recurring),
        weighted_interval=WEIGHTED_INTERVALS[0] if weighted else given.weighted_interval,
        expression=expression,
        custom_aggregator=aggregator,
    )


def is_expression(text: str) -> bool:
    """Whether ``text`` parses (spec 01 §3.1)."""
    try:
        expressions.parse(text)
    except expressions.ExpressionSyntaxError:
        return False
    return True


def _check_aggregator(source: str | None, problems: Problems) -> None:
    if source is None or not source.strip():
        problems.add("custom_aggregator", "value_is_mandatory")
        return
    try:
        compile_source(source)
    except InvalidSource:
        problems.add("custom_aggregator", "invalid_custom_aggregator")
