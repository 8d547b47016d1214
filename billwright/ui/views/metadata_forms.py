"""The dialog in which keys and values of an object are written (spec 07 §7.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from billwright.ui.views.support import View

FORM = "invoices/metadata_form.html"
MOST_ROWS = 50
Row = dict[str, str]


def form_of(action: str, target: str, rows: Sequence[Row], *, most: int, hint: str | None = None) -> dict[str, Any]:
    """What the form begins with: the rows that are there, and empty ones up to ``most``, three at a time."""
    shown = [*rows, *({"id": "", "key": "", "value": ""} for _ in range(min(3, most - len(rows))))]
    return {"action": action, "target": target, "rows": shown, "hint": hint}


def form_of_pairs(action: str, target: str, pairs: Mapping[str, Any]) -> dict[str, Any]:
    """The same for an object that keeps its metadata as one mapping."""
    rows = [
        {"id": "", "key": key, "value": "" if value is None else str(value)} for key, value in sorted(pairs.items())
    ]
    return form_of(action, target, rows, most=MOST_ROWS)


def posted(view: View) -> list[Row]:
    """The rows that were sent, without empty ones, in order."""
    found: list[Row] = []
    for index in range(MOST_ROWS + 3):
        row = {name: view.posted(f"{name}-{index}") for name in ("id", "key", "value")}
        if row["key"] or row["value"]:
            found.append(row)
    return found


def repeated(rows: Sequence[Row]) -> str | None:
    """What is wrong with the keys alone: one that is missing, or written twice."""
    keys = [row["key"] for row in rows]
    if "" in keys:
        return "Every value needs a key."
    twice = next((key for key in keys if keys.count(key) > 1), None)
    return f"The key “{twice}” stands there twice." if twice else None


async def answer(view: View, active: str, form: Mapping[str, Any]) -> Response:
    """The form of the dialog alone."""
    return await view.page(FORM, active, {"url": view.url, "metadata": form, "error": None}, "metadata_form")


async def refused(view: View, active: str, action: str, target: str, rows: Sequence[Row], problem: str) -> Response:
    """The form again with what was typed, and why it was not taken."""
    content = {
        "url": view.url,
        "metadata": form_of(action, target, rows, most=max(len(rows), 5)),
        "error": problem,
    }
    response = await view.page(FORM, active, content, "metadata_form", status_code=422)
    response.headers["HX-Retarget"] = "#metadata-form"
    return response
