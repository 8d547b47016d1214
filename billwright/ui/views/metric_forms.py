"""The form of a billable metric, with a place to try its expression (spec 07 §7.6)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from billwright.graphql.execution import run
from billwright.ui.views.catalogue import AGGREGATIONS
from billwright.ui.views.support import View
from billwright.ui.views.words import field_errors, in_words, toast_words

FIELDS = {
    "name": "name",
    "code": "code",
    "description": "description",
    "aggregationType": "aggregation",
    "recurring": "type",
    "fieldName": "field",
    "expression": "expression",
    "roundingFunction": "rounding",
    "roundingPrecision": "precision",
    "weightedInterval": "interval",
    "customAggregator": "source",
    "filters": "filters",
}
EXAMPLES = (
    ("Scaled", "event.properties.value * 10"),
    ("Rounded up", "ceil(event.properties.seconds / 60)"),
    ("Joined", "concat(event.properties.region, '-', event.properties.zone)"),
)
_PROPERTY = re.compile(r"event\.properties\.([A-Za-z_][A-Za-z0-9_]*)")
_ROUNDING = ("round", "ceil", "floor")


def _href(view: View, metric: str) -> str:
    return f"{view.base}/billable-metric/{metric}"


async def new_metric(view: View) -> Response:
    """``GET /{slug}/create/billable-metric``; ``?copy=`` begins with another metric's settings."""
    values = {**dict.fromkeys(FIELDS.values(), ""), "aggregation": "count_agg", "type": "metered"}
    rows: list[tuple[str, str]] = []
    if view.query("copy"):
        metric = (await view.ask("MetricForm", id=view.query("copy")))["billableMetric"]
        values, rows = _values(metric)
        values["name"] = values["code"] = ""
    return await _form(view, None, values, rows, {})


async def edit_metric(view: View) -> Response:
    """``GET /{slug}/billable-metric/{id}/edit``."""
    metric = (await view.ask("MetricForm", id=view.path("metric")))["billableMetric"]
    values, rows = _values(metric)
    return await _form(view, metric, values, rows, {})


def _values(metric: Mapping[str, Any]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    values = {form: str(metric.get(name) or "") for name, form in FIELDS.items() if name != "filters"}
    values["type"] = "recurring" if metric["recurring"] else "metered"
    precision = metric["roundingPrecision"]
    values["precision"] = "" if precision is None else str(precision)
    return {**values, "filters": ""}, [(row["key"], ", ".join(row["values"])) for row in metric["filters"] or []]


async def create(view: View) -> Response:
    """``POST /{slug}/create/billable-metric``."""
    return await _save(view, None)


async def change(view: View) -> Response:
    """``POST /{slug}/billable-metric/{id}/edit``."""
    return await _save(view, (await view.ask("MetricForm", id=view.path("metric")))["billableMetric"])


async def delete(view: View) -> Response:
    """``POST /{slug}/billable-metric/{id}/delete``."""
    outcome = await view.change("DestroyBillableMetric", id=view.path("metric"))
    if not outcome.ok:
        return view.redirect(_href(view, view.path("metric")), ("negative", toast_words(outcome.code, outcome.fields)))
    return view.redirect(f"{view.base}/billable-metrics", ("positive", "Metric deleted"))


async def _save(view: View, metric: Mapping[str, Any] | None) -> Response:
    values = {name: view.posted(name) for name in FIELDS.values()}
    rows = _rows(view)
    if view.posted("do") == "add-filter":
        return await _form(view, metric, values, rows, {}, more=True)
    if view.posted("do") == "test":
        return await _form(view, metric, values, rows, {}, trial=await _trial(view, values["expression"]))
    sent: dict[str, Any] = {
        "name": values["name"],
        "description": values["description"] or None,
        "filters": [
            {"key": key.strip(), "values": [part.strip() for part in text.split(",") if part.strip()]}
            for key, text in rows
        ],
    }
    problems: dict[str, list[str]] = {}
    keys = [key for key, _ in rows]
    if len(set(keys)) < len(keys):
        problems["filters"] = ["value_is_duplicated"]
    lost = _lost(metric, sent["filters"]) if metric is not None and metric["plansCount"] else []
    if lost and view.posted("confirm") != "yes":
        problems["confirm"] = ["value_is_mandatory"]
    if metric is None or not metric["plansCount"]:
        aggregation = values["aggregation"] if values["aggregation"] in AGGREGATIONS else "count_agg"
        if values["precision"] and not re.fullmatch(r"[+-]?[0-9]{1,3}", values["precision"]):
            problems["roundingPrecision"] = ["value_is_invalid"]
        rounded = values["rounding"] in _ROUNDING
        sent |= {
            "code": values["code"],
            "aggregationType": aggregation,
            "recurring": values["type"] == "recurring",
            "fieldName": values["field"] or None,
            "expression": values["expression"] or None,
            "roundingFunction": values["rounding"] if rounded else None,
            "roundingPrecision": int(values["precision"]) if rounded and values["precision"] and not problems else None,
            "weightedInterval": "seconds" if aggregation == "weighted_sum_agg" else None,
        }
        if aggregation == "custom_agg":
            sent["customAggregator"] = values["source"]
    if problems:
        return await _form(view, metric, values, rows, problems, "value_is_invalid", lost=lost)
    if metric is None:
        outcome = await view.change("CreateBillableMetric", **sent)
    else:
        outcome = await view.change("UpdateBillableMetric", id=metric["id"], **sent)
    if not outcome.ok:
        return await _form(view, metric, values, rows, outcome.fields, outcome.code)
    made = outcome.data["createBillableMetric" if metric is None else "updateBillableMetric"]
    return view.redirect(
        _href(view, made["id"]), ("positive", f"{made['name']} created" if metric is None else "Saved")
    )


def _lost(metric: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> list[str]:
    """Filter values that go: ``region: eu``. Charges that price them lose them (spec 01 §1.4)."""
    kept = {row["key"]: set(row["values"]) for row in wanted}
    return [
        f"{row['key']}: {value}"
        for row in metric["filters"] or []
        for value in row["values"]
        if value not in kept.get(row["key"], set())
    ]


def _rows(view: View) -> list[tuple[str, str]]:
    """The filters that were written: key and values separated by commas; empty rows are left out."""
    keys = [str(value).strip() for value in view.form.getlist("filter_key")]
    texts = [str(value).strip() for value in view.form.getlist("filter_values")]
    return [(key, text) for key, text in zip(keys, texts, strict=False) if key or text]


async def _trial(view: View, expression: str) -> dict[str, Any]:
    """What the expression makes of the sample event, or why not."""
    payload = view.posted("payload")
    try:
        event: Any = json.loads(payload or "{}")
    except ValueError:
        return {"payload": payload, "value": None, "error": "The event is not JSON."}
    if not isinstance(event, dict):
        return {"payload": payload, "value": None, "error": "The event is not a JSON object."}
    known = {key: event[key] for key in ("code", "timestamp", "properties") if key in event}
    if "timestamp" in known:
        known["timestamp"] = str(known["timestamp"])
    answer = await run(view.context, "EvaluateExpression", {"expression": expression, "event": known})
    if answer.errors or answer.data is None:
        details = answer.errors[0].get("extensions", {}).get("details") or {}
        said = "; ".join(str(code) for codes in details.values() for code in codes)
        return {"payload": payload, "value": None, "error": in_words(said) if said else "This cannot be evaluated."}
    return {"payload": payload, "value": answer.data["evaluateBillableMetricExpression"]["value"], "error": None}


def _sample(expression: str) -> str:
    """An event with every property that the expression reads."""
    names = list(dict.fromkeys(_PROPERTY.findall(expression))) or ["value"]
    return json.dumps({"code": "sample", "properties": dict.fromkeys(names, 1)}, indent=2)


async def _form(
    view: View,
    metric: Mapping[str, Any] | None,
    values: Mapping[str, str],
    rows: Sequence[tuple[str, str]],
    fields: Mapping[str, list[str]],
    code: str | None = None,
    *,
    more: bool = False,
    trial: Mapping[str, Any] | None = None,
    lost: Sequence[str] = (),
) -> Response:
    errors = field_errors(fields)
    locked = metric is not None and metric["plansCount"] > 0
    content = {
        "title": f"Edit {metric['name']}" if metric else "New billable metric",
        "url": view.url,
        "heading": f"Edit {metric['name']}" if metric else "New billable metric",
        "action": view.request.url.path,
        "back": _href(view, metric["id"]) if metric else f"{view.base}/billable-metrics",
        "submit": "Save" if metric else "Create metric",
        "is_new": metric is None,
        "locked": locked,
        "plans": metric["plansCount"] if metric else 0,
        "values": values,
        "aggregations": [
            {"value": key, "label": label}
            for key, label in AGGREGATIONS.items()
            if key != "custom_agg" or values["aggregation"] == "custom_agg" or values["source"]
        ],
        "filters": [*rows, *([("", "")] if more or not rows else [])],
        "examples": EXAMPLES,
        "trial": trial or {"payload": _sample(values["expression"]), "value": None, "error": None},
        "tried": trial is not None,
        "lost": lost,
        "errors": {form: errors.get(name) for name, form in FIELDS.items()},
        "error": next((text for name, text in errors.items() if name not in {*FIELDS, "confirm"}), None)
        or (in_words(code) if code and not errors else None),
    }
    return await view.page("catalogue/metric_form.html", "metrics", content, status_code=422 if code else 200)
