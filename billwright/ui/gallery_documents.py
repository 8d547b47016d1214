"""Samples of exports and e-mails for the gallery. Development only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billwright.ui.gallery_samples import BASE, CLOCK, frame, page, uid

Data = dict[str, Any]


def exports(url: str, *, empty: bool = False) -> Data:
    rows = [("Invoices", "invoices", "processing", 412_000, 1_204_318, None), ("Fees of invoices", "invoice_fees", "pending", 0, None, None),
            ("Invoices", "invoices", "completed", 38, 38, "#"), ("Credit notes", "credit_notes", "failed", 0, 12, None),
            ("Items of credit notes", "credit_note_items", "expired", 6, 6, None)]  # fmt: skip
    return {
        "title": "Exports", "frame": frame(None, CLOCK), "page": page(5, url), "running": False,
        "lists": [{"label": "Invoices", "href": f"{BASE}/invoices"}],
        "exports": [] if empty else [
            {"id": uid(at), "name": name, "filename": f"20240302091{at}05_{kind}.csv", "status": status, "done": done, "total": total,
             "percent": None if not total else done * 100 // total, "at": "2024-03-02T09:10:05Z",
             "until": "2024-03-09T09:10:11Z" if href else None, "href": href}
            for at, (name, kind, status, done, total, href) in enumerate(rows)],
    }  # fmt: skip


def emails(url: str) -> Data:
    return {
        "title": "E-mails · Settings", "frame": frame("settings"), "may_change": True, "action": f"{BASE}/settings/emails",
        "warning": "Your organization has no e-mail address yet: set it under General.",
        "tabs": [{"label": "General", "href": "#", "current": False}, {"label": "E-mails", "href": "#", "current": True}],
        "choices": [{"value": "invoice.finalized", "label": "Invoice", "hint": "As soon as it is finalized.", "on": True},
                    {"value": "credit_note.created", "label": "Credit note", "hint": "When it is made.", "on": False}],
        "scenarios": [{"label": "Invoice", "href": "?scenario=1", "current": True, "count": None},
                      {"label": "Credit note", "href": "?scenario=2", "current": False, "count": None}],
        "devices": [{"label": "Desktop", "href": "?device=1", "current": True}, {"label": "Phone", "href": "?device=2", "current": False}],
        "languages": [{"value": "en", "label": "English"}, {"value": "fr", "label": "French"}], "language": "en",
        "scenario": "invoice.finalized", "device": "desktop", "subject": "Your invoice from Northwind #NOR-001-001",
        "preview": "about:blank",
    }  # fmt: skip


DOCUMENT_PAGES: dict[str, tuple[str, str, Callable[[str], Data]]] = {
    "/acme/exports": ("Exports", "exports/list.html", exports),
    "/acme/exports/empty": ("Exports, none", "exports/list.html", lambda url: exports(url, empty=True)),
    "/acme/settings/emails": ("Settings, e-mails", "settings/emails.html", emails),
}
"""Address -> (label, template, context of an address)."""
