"""Templates of plans: data files of metrics and one plan that a form begins with (spec 07 §7.6).

A plan that was made from a template keeps no link to it. The metrics that it needs are made with it, in one
transaction; one that is there already with the same code and type is used as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.catalog.metrics import create_metric
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.catalog.plans import create_plan
from billwright.billing.catalog.queries import PlanView, find_metric
from billwright.billing.catalog.schemas import MetricInput, PlanInput
from billwright.billing.kernel.errors import NotFound, Problems

_FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class PlanTemplate:
    """``metrics``: REST attributes of billable metrics. ``plan``: those of a plan whose charges name their metric by
    ``billable_metric_code``; amounts in minor units of its currency."""

    code: str
    name: str
    description: str
    metrics: tuple[Mapping[str, Any], ...]
    plan: Mapping[str, Any]


@cache
def plan_templates() -> Mapping[str, PlanTemplate]:
    """The shipped templates by code."""
    found: dict[str, PlanTemplate] = {}
    for file in sorted(_FOLDER.glob("*.json")):
        raw = json.loads(file.read_text(encoding="utf-8"))
        found[raw["code"]] = PlanTemplate(
            raw["code"], raw["name"], raw["description"], tuple(raw["metrics"]), raw["plan"]
        )
    return found


async def create_from_template(ctx: Context, template: str, inp: PlanInput) -> PlanView:
    """A plan whose charges may name metrics of a template by ``billable_metric_code`` instead of their id.

    Raises as ``create_plan`` does, ``NotFound("plan_template")``, and ``ValidationFailed``
    ``{code: [value_already_exist]}`` where a metric of the code has another type.
    """
    found = plan_templates().get(template)
    if found is None:
        raise NotFound("plan_template")
    named = {str(metric["code"]): metric for metric in found.metrics}
    charges: list[Any] = []
    for item in inp.charges or ():
        code = cast("dict[str, Any]", item).get("billable_metric_code") if isinstance(item, dict) else None
        if code in named:
            metric_id = await _metric(ctx, named[code])
            rest = {key: value for key, value in cast("dict[str, Any]", item).items() if key != "billable_metric_code"}
            item = {**rest, "billable_metric_id": str(metric_id)}
        charges.append(item)
    return await create_plan(ctx, inp.model_copy(update={"charges": charges}))


async def _metric(ctx: Context, wanted: Mapping[str, Any]) -> UUID:
    """The metric's id, made if there is none with the code."""
    try:
        metric = await find_metric(ctx, wanted["code"])
    except NotFound:
        return (await create_metric(ctx, MetricInput.parse(wanted))).metric.id
    if not _same_type(metric, wanted):
        problems = Problems()
        problems.add("code", "value_already_exist", at=f"metrics.{wanted['code']}.code")
        problems.raise_if_any()
    return metric.id


def _same_type(metric: BillableMetric, wanted: Mapping[str, Any]) -> bool:
    return metric.aggregation_type == wanted["aggregation_type"] and metric.recurring == bool(wanted.get("recurring"))
