"""The form of a billable metric, with places to try its expression and its code (spec 07 §7.6)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from billwright.graphql.execution import run
from billwright.ui.views import aggregator_trials
from billwright.ui.views.metric_facts import AGGREGATIONS, ROUNDING, counting, expression_properties
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
    ("Scaled", "round(event.properties.value * 10)"),
    ("Rounded up", "ceil(event.properties.seconds / 60)"),
    ("Joined", "concat(event.properties.region, '-', event.properties.zone)"),
)
_CUSTOM = "custom_agg"


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
    values = {name: view.posted(name).replace("\r\n", "\n") for name in FIELDS.values()}
    rows = _rows(view)
    do, _, number = view.posted("do").partition(":")
    if do == "remove-filter" and number.isdigit():
        del rows[int(number) : int(number) + 1]
        return await _form(view, metric, values, rows, {})
    if do == "add-filter":
        return await _form(view, metric, values, rows, {}, more=True)
    if do == "test":
        return await _form(view, metric, values, rows, {}, trial=await _trial(view, values["expression"]))
    if do == "try":
        return await _form(
            view, metric, values, rows, {}, code_trial=await aggregator_trials.tried(view, values["source"])
        )
    sent: dict[str, Any] = {
        "name": values["name"],
        "description": values["description"] or None,
        "filters": [
            {"key": key, "values": [part.strip() for part in text.split(",") if part.strip()]}
            for key, text in rows
            if key or text
        ],
    }
    problems: dict[str, list[str]] = {}
    keys = [item["key"] for item in sent["filters"]]
    if len(set(keys)) < len(keys):
        problems["filters"] = ["value_is_duplicated"]
    lost = _lost(metric, sent["filters"]) if metric is not None and metric["plansCount"] else []
    if lost and view.posted("confirm") != "yes":
        problems["confirm"] = ["value_is_mandatory"]
    if metric is None or not metric["plansCount"]:
        aggregation = values["aggregation"] if values["aggregation"] in AGGREGATIONS else "count_agg"
        if values["precision"] and not re.fullmatch(r"[+-]?[0-9]{1,3}", values["precision"]):
            problems["roundingPrecision"] = ["value_is_invalid"]
        rounded = values["rounding"] in ROUNDING
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
        if aggregation == _CUSTOM:
            sent["customAggregator"] = values["source"]
    if problems:
        return await _form(view, metric, values, rows, problems, "value_is_invalid", lost=lost)
    if metric is None:
        outcome = await view.change("CreateBillableMetric", **sent)
    else:
        outcome = await view.change("UpdateBillableMetric", id=metric["id"], **sent)
    if not outcome.ok:
        wrong = outcome.fields.get("customAggregator") == ["invalid_custom_aggregator"]
        found = await aggregator_trials.problems_of(view, values["source"]) if wrong else ()
        code_trial = {**aggregator_trials.posted(view), "problems": found}
        return await _form(view, metric, values, rows, outcome.fields, outcome.code, code_trial=code_trial)
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
    """The filters as they were written: key and values separated by commas, empty rows too."""
    keys = [str(value).strip() for value in view.form.getlist("filter_key")]
    texts = [str(value).strip() for value in view.form.getlist("filter_values")]
    return list(zip(keys, texts, strict=False))


async def _trial(view: View, expression: str) -> dict[str, Any]:
    """What the expression makes of the sample event, or why not."""
    payload = _payload(view, expression)
    try:
        event: Any = json.loads(payload)
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


def _payload(view: View, expression: str) -> str:
    """The event that was written; while nobody wrote one, a sample with every property that the expression reads."""
    written = view.posted("payload")
    try:
        event: Any = json.loads(written or "null")
        untouched = event is None or (event["code"] == "sample" and set(event["properties"].values()) <= {1})
    except (ValueError, TypeError, KeyError, AttributeError):
        untouched = False
    names = expression_properties(expression) or {"value": 1}
    return json.dumps({"code": "sample", "properties": names}, indent=2) if untouched else written


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
    code_trial: Mapping[str, Any] | None = None,
    lost: Sequence[str] = (),
) -> Response:
    errors = field_errors(fields)
    locked = metric is not None and metric["plansCount"] > 0
    written = [row for row in rows if any(row)]
    source = values["source"] or ("" if values["aggregation"] == _CUSTOM else aggregator_trials.SOURCE)
    content = {
        "title": f"Edit {metric['name']}" if metric else "New billable metric",
        "url": view.url,
        "heading": f"Edit {metric['name']}" if metric else "New billable metric",
        "action": view.request.url.path,
        "back": _href(view, metric["id"]) if metric else f"{view.base}/billable-metrics",
        "submit": "Save" if metric else "Create metric",
        "is_new": metric is None,
        "fresh": not view.form,
        "added": more,
        "locked": locked,
        "plans": metric["plansCount"] if metric else 0,
        "facts": counting(metric) if metric and locked else [],
        "values": {**values, "source": source},
        "aggregations": [{"value": key, "label": label} for key, label in AGGREGATIONS.items()],
        "roundings": [{"value": "", "label": "Not at all"}]
        + [{"value": key, "label": label} for key, label in ROUNDING.items()],
        "filters": [*written, *([("", "")] if more or not written else [])],
        "examples": EXAMPLES,
        "trial": trial or {"payload": _payload(view, values["expression"]), "value": None, "error": None},
        "tried": trial is not None,
        "code_trial": code_trial or aggregator_trials.posted(view),
        "lost": lost,
        "errors": {form: errors.get(name) for name, form in FIELDS.items()},
        "error": next((text for name, text in errors.items() if name not in {*FIELDS, "confirm"}), None)
        or (in_words(code) if code and not errors else None),
    }
    return await view.page("catalogue/metric_form.html", "metrics", content, status_code=422 if code else 200)
