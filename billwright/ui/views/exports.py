"""CSV exports: the dialog of a list, and everyone's own files (spec 07 §7.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from billwright.ui.views.support import View, here, load_frame
from billwright.ui.views.words import toast_words

UNFINISHED = ("pending", "processing")
NAMES: Mapping[str, str] = {
    "invoices": "Invoices",
    "invoice_fees": "Fees of invoices",
    "credit_notes": "Credit notes",
    "credit_note_items": "Items of credit notes",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A list that can be exported: its words, its mutation, and its two files."""

    what: str
    path: str
    permission: str
    operation: str
    simple: tuple[str, str]
    advanced: tuple[str, str]

    @property
    def field(self) -> str:
        return self.operation[0].lower() + self.operation[1:]


INVOICES = Exported(
    "invoices",
    "invoices",
    "invoices:export",
    "CreateInvoicesDataExport",
    ("invoices", "one row per invoice"),
    ("invoice_fees", "one row per fee"),
)
CREDIT_NOTES = Exported(
    "credit notes",
    "credit-notes",
    "credit_notes:export",
    "CreateCreditNotesDataExport",
    ("credit_notes", "one row per credit note"),
    ("credit_note_items", "one row per item"),
)


async def export_dialog(view: View, exported: Exported, page: Mapping[str, Any]) -> dict[str, Any] | None:
    """What ``ui.export_dialog`` shows beside a list; ``None`` without the permission. ``page``: see ``View.pager``.

    The form is sent to the list's own address with its query, so that the file has what the list shows: all of it,
    where the list of a search stops.
    """
    if not view.may(exported.permission):
        return None
    query = urlsplit(view.url).query
    return {
        "what": exported.what,
        "one": exported.what.removesuffix("s"),
        "count": page["total"],
        "more": page["cut"],
        "email": (await load_frame(view))["currentUser"]["email"],
        "action": f"{view.base}/{exported.path}/export" + (f"?{query}" if query else ""),
        "choices": [
            {"value": exported.simple[0], "label": "Simple", "hint": exported.simple[1]},
            {"value": exported.advanced[0], "label": "Advanced", "hint": exported.advanced[1]},
        ],
    }


async def start_export(view: View, exported: Exported, filters: Mapping[str, Any]) -> Response:
    """Ask for the file that the dialog chose; ``filters`` are the variables of the list's query."""
    types = (exported.simple[0], exported.advanced[0])
    chosen = view.posted("type") if view.posted("type") in types else types[0]
    outcome = await view.change(exported.operation, format="csv", resourceType=chosen, filters=dict(filters))
    if not outcome.ok:
        return view.redirect(f"{view.base}/{exported.path}", ("negative", toast_words(outcome.code, outcome.fields)))
    return view.redirect(f"{view.base}/exports", ("info", "The file is being made. You get an e-mail with its link."))


async def export_list(view: View) -> Response:
    """``GET /{slug}/exports``: your own files; asks again by itself while one is being made."""
    found = (await view.ask("DataExportList", **view.paging()))["dataExports"]
    rows = [_row(view, item) for item in found["collection"]]
    content = {
        "title": "Exports",
        "url": view.url,
        "exports": rows,
        "running": any(row["status"] in UNFINISHED for row in rows),
        "page": view.pager(found["metadata"]),
        "lists": [
            {"label": label, "href": f"{view.base}/{each.path}"}
            for label, each in (("Invoices", INVOICES), ("Credit notes", CREDIT_NOTES))
            if view.may(each.permission)
        ],
    }
    return await view.page("exports/list.html", None, content)


def _row(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    total = item["rowsTotal"]
    return {
        "id": item["id"],
        "name": NAMES[item["resourceType"]],
        "filename": item["filename"],
        "status": "expired" if item["status"] == "completed" and item["fileUrl"] is None else item["status"],
        "done": item["rowsDone"],
        "total": total,
        "percent": None if not total else min(100, item["rowsDone"] * 100 // total),
        "at": item["createdAt"],
        "until": item["expiresAt"],
        "href": here(view, item["fileUrl"]) if item["fileUrl"] else None,
    }
