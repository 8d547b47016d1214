"""Explain this amount, as a calculation to read (spec 09 §2): the part below a line of an invoice or of usage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from billwright.billing.kernel.money import exponent
from billwright.ui import formatting
from billwright.ui.rendering import render
from billwright.ui.views.support import View

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FUNCTIONS = ("min", "max", "round", "ceil", "floor")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SHOWN_DECIMALS = 8


async def explain_fee(view: View) -> Response:
    """``GET /{slug}/fee/{id}/explain``."""
    return _answer(view, (await view.ask("FeeExplanation", id=view.path("fee")))["feeExplanation"])


async def explain_usage(view: View) -> Response:
    """``GET /{slug}/subscription/{id}/charge/{id}/explain``."""
    ids = {"subscription": view.path("subscription"), "charge": view.path("charge")}
    return _answer(view, (await view.ask("UsageExplanation", **ids))["usageExplanation"])


def _answer(view: View, data: Mapping[str, Any]) -> Response:
    return render(view.request, "invoices/explain.html", shown_explanation(data))


def shown_explanation(data: Mapping[str, Any]) -> dict[str, Any]:
    """Parts with their steps; what is no part of a bucket comes under no name."""
    parts: list[dict[str, Any]] = []
    for step in data["steps"]:
        if not parts or parts[-1]["name"] != step["part"]:
            parts.append({"name": step["part"], "steps": []})
        parts[-1]["steps"].append(_step(step, data["currency"]))
    return {"parts": parts, "matches": data["matches"], "notes": data["notes"]}


def _step(step: Mapping[str, Any], currency: str) -> dict[str, Any]:
    unit = step["unit"]
    if unit == "cents" and exponent(currency) != 2:
        unit = "minor units"
    return {
        "kind": step["kind"].replace(" ", "-"),
        "label": step["label"],
        "formula": readable(step["formula"], step["inputs"]),
        "detail": _detail(step["kind"], step["inputs"]),
        "result": figure(step["result"]),
        "unit": unit[:-1] if step["result"] == "1" and unit.endswith("s") else unit,
    }


def readable(formula: str, inputs: Mapping[str, Any]) -> str:
    """The formula with its figures: ``round(27.41 × 100)``; nothing where it only repeats an input."""
    if _NAME.fullmatch(formula) or _NUMBER.fullmatch(formula):
        return ""
    text = _NAME.sub(lambda name: name[0] if name[0] in _FUNCTIONS else _figure_of(inputs.get(name[0])), formula)
    return text.replace("*", "×").replace("/", "÷").replace(" - ", " − ")


def _figure_of(value: Any) -> str:
    return figure(value) if isinstance(value, str) else str(value)


def figure(text: str) -> str:
    """A number with its thousands apart, long decimals cut with a sign that they go on."""
    if not _NUMBER.fullmatch(text):
        return text
    whole, _, decimals = text.partition(".")
    grouped = f"{int(whole):,}" if int(whole) or not whole.startswith("-") else "-0"
    if len(decimals) > _SHOWN_DECIMALS:
        decimals = decimals[:_SHOWN_DECIMALS] + "…"
    return f"{grouped}.{decimals}" if decimals else grouped


def _detail(kind: str, inputs: Mapping[str, Any]) -> str:
    if kind == "window":
        return _window(inputs)
    if kind == "events":
        return _events(inputs)
    if kind == "drift":
        return ", ".join(
            f"{word} {figure(inputs[before])} → {figure(inputs[after])}"
            for word, before, after in (
                ("events", "billed_events", "events_now"),
                ("units", "billed_units", "units_now"),
            )
            if before in inputs and after in inputs
        )
    return ""


def _window(inputs: Mapping[str, Any]) -> str:
    zone = inputs.get("timezone")
    bounds = [_local(inputs.get(name), zone) for name in ("from", "to")]
    words = " – ".join(bound for bound in bounds if bound)
    return f"{words} ({zone})" if zone else words


def _local(instant: str | None, zone: str | None) -> str:
    if not instant:
        return ""
    moment = datetime.fromisoformat(instant)
    if zone:
        moment = moment.astimezone(ZoneInfo(zone))
    return f"{formatting.plain_date(moment.date().isoformat())} {moment:%H:%M:%S}"


def _events(inputs: Mapping[str, Any]) -> str:
    words = [f"code {inputs['code']}", f"subscription {inputs['external_subscription_id']}"]
    if inputs.get("transaction_id"):
        words.append(f"transaction {inputs['transaction_id']}")
    words += [f"{key}: {' or '.join(values)}" for key, values in (inputs.get("filters") or {}).items()]
    words += [f"{key}: {value or 'none'}" for key, value in (inputs.get("group") or {}).items()]
    others = inputs.get("not_in_filters") or []
    if others:
        words.append(f"in none of {len(others)} narrower filter{'' if len(others) == 1 else 's'}")
    first, last = inputs.get("first_event"), inputs.get("last_event")
    if first:
        same = first == last
        words.append(_local(first, None) + " UTC" if same else f"{_local(first, None)} to {_local(last, None)} UTC")
    return ", ".join(words)
