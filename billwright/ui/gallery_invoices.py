"""Samples of the gallery: an invoice's tabs, voiding, credit notes, one-off invoices. Development only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billwright.ui.filters import read_filters
from billwright.ui.gallery_samples import BASE, CLOCK, calls, frame, invoice_page, invoice_rows, page, total, uid
from billwright.ui.views.credit_notes import FILTERS

Data = dict[str, Any]
OPERATION = 'query One {\n  one(id: "…") {\n    id\n  }\n}'
_INVOICE = {"number": "NOR-0A1B-002-040", "href": f"{BASE}/invoice/1", "currency": "USD", "total_cents": 322_090}
_CUSTOMER = {"name": "Acme Corporation", "href": f"{BASE}/customer/1/overview"}


def note_row(at: int, credit: str | None, refund: str | None, cents: int, left: int, *, void: bool = False) -> Data:
    return {
        "id": uid(at), "href": f"{BASE}/credit-note/1", "number": f"NOR-0A1B-002-0{at}-CN001", "reason": "Product unsatisfactory",
        "credit": credit, "refund": refund, "total_cents": cents, "left_cents": left, "currency": "USD", "issuing_date": "2024-03-12",
        "invoice": _INVOICE, "customer": _CUSTOMER, "can_void": void,
    }  # fmt: skip


def note_list(url: str, *, empty: bool = False) -> Data:
    rows = [note_row(40, "available", "pending", 12_000, 6_000, void=True), note_row(38, "consumed", None, 4_900, 0),
            note_row(37, "voided", "succeeded", 99_000, 0), note_row(36, None, "failed", 1_250, 0), note_row(35, None, None, 300, 0)]  # fmt: skip
    return {
        "title": "Credit notes", "frame": frame("credit_notes", CLOCK), "search": "", "filters": read_filters(url, FILTERS).bar,
        "filtered": False, "credit_notes": [] if empty else rows, "page": page(5, url), "api": calls("GET", "/credit_notes", OPERATION),
        "export": {"what": "credit notes", "one": "credit note", "count": 5, "more": False, "email": "jana@northwind.example", "action": f"{BASE}/credit-notes/export",
                   "choices": [{"value": "credit_notes", "label": "Simple", "hint": "one row per credit note"},
                               {"value": "credit_note_items", "label": "Advanced", "hint": "one row per item"}]},
    }  # fmt: skip


def note_page() -> Data:
    document = invoice_page()["invoice"]
    return {
        "title": "NOR-0A1B-002-040-CN001", "frame": frame("credit_notes", CLOCK),
        "note": {
            **note_row(40, "available", "pending", 12_000, 6_000, void=True), "seller": document["seller"], "customer": document["customer"],
            "shown_metadata": document["shown_metadata"], "description": "Outage of March 9, agreed with Kim", "footer": document["footer"],
            "amount_note": "Issued on Mar 12, 2024", "metadata": [{"label": "ticket", "value": "4711"}],
            "lines": [{"name": "Production search", "items": [
                {"name": "Monthly subscription - Scale", "tax_rates": ["20"], "amount_cents": 8_000},
                {"name": "Search requests • EU", "tax_rates": ["20"], "amount_cents": 3_111}]}],
            "totals": [total("Items", 11_111), total("Coupons", -1_111), total("Subtotal, excl. tax", 10_000, "sum"),
                       total("VAT (20% on $100.00)", 2_000), total("Total", 12_000, "total")],
            "parts": [{"label": "Credited on the balance", "now": "Credited on the balance", "cents": 6_000},
                      {"label": "Refunded", "now": "To be refunded", "cents": 6_000}]},
        "events": [{"icon": "circle-check", "title": "Issued", "at": "2024-03-12T09:00:00Z", "note": None, "state": "done"},
                   {"icon": "clock", "title": "Refund to be made", "at": None, "note": None, "state": "next"}],
        "can": {"send": True, "void": True, "refund": True, "metadata": True}, "error": None,
        "send": {"action": f"{BASE}/credit-note/1/send", "number": "NOR-0A1B-002-040-CN001", "target": "#credit-note",
                 "filled": {"to": "billing@acme.example", "cc": "", "bcc": ""}}, "send_errors": dict.fromkeys(("to", "cc", "bcc")),
        "void": {"text": "$60.00 are left of its credit and can pay no invoice any more. This cannot be undone."},
        "metadata": {"action": f"{BASE}/credit-note/1/metadata", "target": "#credit-note", "hint": None,
                     "rows": [{"id": "", "key": "ticket", "value": "4711"}, {"id": "", "key": "", "value": ""}]},
        "api": calls("GET", f"/credit_notes/{uid(41)}", OPERATION),
    }  # fmt: skip


def note_form(*, refused: bool = False) -> Data:
    items = [{"field": f"amount-{uid(at)}", "name": name, "tax_rates": ["20"], "most_cents": cents, "most": f"{cents / 100:.2f}", "value": value,
              "error": problem}
             for at, name, cents, value, problem in (
                 (1, "Monthly subscription - Scale", 99_000, "80.00", None),
                 (2, "Search requests • EU", 274_130, "5000" if refused else "", "At most $2,741.30 can be credited." if refused else None))]  # fmt: skip
    return {
        "title": "Credit note on NOR-0A1B-002-040", "frame": frame("invoices", CLOCK), "invoice": _INVOICE, "customer": _CUSTOMER,
        "action": f"{BASE}/invoice/1/credit-notes/create", "estimate": f"{BASE}/invoice/1/credit-notes/estimate",
        "everything": f"{BASE}/invoice/1/credit-notes/create?all=1", "way": "split", "is_creditable": True,
        "groups": [{"name": "Production search", "items": items}], "most": {"refund": 100_000, "offset": 222_090},
        "values": {"reason": "other", "description": "", "refund": "40.00", "offset": ""}, "reasons": [{"value": "other", "label": "Other"}],
        "errors": dict.fromkeys(("reason", "description", "credit", "refund", "offset")), "error": None,
        "sum": None if refused else {
            "rows": [total("Items", 8_000), total("Share of coupons", -800), total("VAT (20% on $72.00)", 1_440), total("Worth", 8_640, "total")],
            "parts": [{"label": "Refunded", "cents": 4_000}, {"label": "Credit for later invoices", "cents": 4_640}],
            "refund_most": 8_640, "offset_most": 8_640},
        "api": calls("POST", "/credit_notes", OPERATION),
    }  # fmt: skip


def void_form() -> Data:
    return {
        "title": "Void NOR-0A1B-002-040", "frame": frame("invoices", CLOCK), "invoice": _INVOICE, "action": f"{BASE}/invoice/1/void",
        "consequences": ["$2,220.90 are not due any more.", "Number, document and amounts stay as they are.",
                         "$1,000.00 were paid. That money stays with you, unless you give it back below.", "This cannot be undone."],
        "creditable_cents": 322_090, "refundable_cents": 100_000, "errors": {"refund": None, "credit": None},
        "values": {"give_back": "yes", "refund": "1000.00", "credit": "2220.90"}, "api": calls("POST", "/invoices/1/void", OPERATION),
    }  # fmt: skip


def one_off() -> Data:
    defaults = {
        "price": "500.00",
        "description": "A day on site",
        "name": "Training",
        "taxes": "the customer's, else the organization's",
    }
    empty = dict.fromkeys(("add_on", "units", "price", "description", "name", "from", "to"), "")
    taxes = [{"code": "vat", "label": "VAT 20%", "on": True}, {"code": "low", "label": "Reduced 5%", "on": False}]
    return {
        "title": "One-off invoice", "frame": frame("customers", CLOCK), "customer": _CUSTOMER, "action": f"{BASE}/customer/1/one-off",
        "currency": "USD", "currencies": [{"value": "USD", "label": "USD"}], "can": {"create_add_on": True}, "error": None, "problem": None,
        "add_ons": [{"value": "", "label": "Choose an add-on"}, {"value": "1", "label": "Training · $500.00"}],
        "lines": [
            {**empty, "index": 0, "add_on": "1", "units": "2.5", "from": "2024-03-01", "to": "2024-03-02", "defaults": defaults, "taxes": taxes,
             "opened": True, "errors": {**empty, "price": "This is not an amount of this currency."}},
            {**empty, "index": 1, "units": "1", "defaults": dict.fromkeys(defaults, ""), "taxes": taxes, "opened": False, "errors": empty}],
        "sum": {"currency": "USD", "rows": [total("Training", 125_000), total("Subtotal, excl. tax", 125_000, "sum"),
                                            total("VAT (20% on $1,250.00)", 25_000), total("Total", 150_000, "total")]},
        "api": calls("POST", "/invoices", OPERATION),
    }  # fmt: skip


def payment_page() -> Data:
    return {
        "title": "Payment of $1,000.00", "frame": frame("payments", CLOCK), "customer": {**_CUSTOMER, "timezone": "Asia/Tokyo"},
        "payment": {"id": uid(9), "status": "succeeded", "shown": "$1,000.00", "method": "Recorded by hand", "reference": "Bank transfer 42",
                    "at": "2024-03-11T16:20:00Z"},
        "invoices": invoice_rows()[1:2], "api": calls("GET", f"/payments/{uid(9)}", OPERATION),
    }  # fmt: skip


INVOICE_PAGES: dict[str, tuple[str, str, Callable[[str], Data]]] = {
    "/acme/invoice/1/payments": ("Invoice, payments", "invoices/page.html", lambda url: invoice_page(tab="payments")),
    "/acme/invoice/1/credit-notes": ("Invoice, credit notes", "invoices/page.html", lambda url: invoice_page(tab="credit-notes")),
    "/acme/invoice/1/void": ("Voiding an invoice", "invoices/void.html", lambda url: void_form()),
    "/acme/invoice/1/credit-notes/create": ("Credit note form", "credit_notes/form.html", lambda url: note_form()),
    "/acme/invoice/2/credit-notes/create": (
        "Credit note form, refused", "credit_notes/form.html", lambda url: note_form(refused=True)),
    "/acme/customer/1/one-off": ("One-off invoice", "invoices/one_off.html", lambda url: one_off()),
    "/acme/credit-notes": ("Credit notes", "credit_notes/list.html", note_list),
    "/acme/credit-notes/empty": ("Credit notes, none", "credit_notes/list.html", lambda url: note_list(url, empty=True)),
    "/acme/payment/1": ("Payment", "payments/page.html", lambda url: payment_page()),
    "/acme/credit-note/1": ("Credit note", "credit_notes/page.html", lambda url: note_page()),
}  # fmt: skip
"""Address -> (label, template, context of an address)."""
