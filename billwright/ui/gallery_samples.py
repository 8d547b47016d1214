"""Sample data of the gallery: what views hand to the templates, for one sandbox organization. Development only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from billwright.ui import components, formatting
from billwright.ui.filters import read_filters
from billwright.ui.views.invoices import FILTERS as INVOICE_FILTERS

Data = dict[str, Any]

BASE = "/acme"
API = "https://billing.example.com/api/v1"
ZONE = "America/New_York"
PERMISSIONS = {need for _, items in components.NAVIGATION for item in items for need in item.needs}

DEVELOPER_TABS = [
    {"label": "API keys", "href": "#", "current": False},
    {"label": "Jobs", "href": "#", "current": True},
    {"label": "API", "href": "#", "current": False},
]


CHANGES = {"create": True, "edit": True, "delete": True}


def frame(active: str | None, clock: Data | None = None, **changes: Any) -> Data:
    return {
        "base": BASE,
        "active": active,
        "organization": {"name": "Northwind Search", "slug": "acme", "logo_url": None, "timezone": ZONE},
        "organizations": [
            {"name": "Northwind Search", "href": "/acme", "sandbox": True, "current": True, "locked": None},
            {"name": "Northwind", "href": "/northwind", "sandbox": False, "current": False, "locked": None},
            {
                "name": "Okta only",
                "href": "/x",
                "sandbox": False,
                "current": False,
                "locked": "Log in with Okta to open it",
            },
        ],
        "user": {"name": "Jana Dvořák", "email": "jana@northwind.example", "initials": "JD"},
        "version": "0.1.0",
        "release_url": "https://github.com/billwright/billwright/releases/tag/v0.1.0",
        "navigation": components.navigation("acme", PERMISSIONS),
        "clock": clock,
        "csrf_token": "sample",
        "toasts": [],
        **changes,
    }


CLOCK: Data = {
    "now": "2024-03-15T14:00:00Z",
    "status": "ready",
    "target": None,
    "next_due_at": "2024-04-01T04:00:00Z",
    "period_end": "2024-03-31T23:59:59Z",
    "progress": None,
    "error": None,
    "can_advance": True,
}
ADVANCING: Data = {**CLOCK, "status": "advancing", "target": "2024-06-01T02:00:00Z", "progress": 42}


def calls(method: str, path: str, operation: str, body: Data | None = None) -> list[Data]:
    return [
        {"title": "GraphQL", "text": operation},
        {"title": "REST", "text": formatting.curl(method, API + path, body)},
    ]


def uid(number: int) -> str:
    return f"018e4b1c-7a2f-7c{number:02d}-9d1e-3f5a6b7c8d{number % 100:02d}"


# --- lists -------------------------------------------------------------------------------------------------------

NAMES = (
    ("Acme Corporation", "acme-001", "USD", 2, 120400, 94105500, "Stripe"),
    ("Blue Harbor Analytics GmbH", "cus_blueharbor", "EUR", 1, 0, 41230080, "GoCardless"),
    ("Cartwright & Sons", "cartwright.prod", "GBP", 3, 0, 18844010, "Stripe"),
    ("Delphi Data", "delphi@eu", "EUR", 1, 4599900, 212900044, "Adyen"),
    ("Ennoia", "018e4b1c-7a2f-7c01-9d1e-3f5a6b7c8d90", "USD", 0, 0, 0, None),
    ("Fjordline Systems AS", "fjordline", "NOK", 1, 0, 9911200, None),
    ("Gakushu KK", "gakushu-tokyo", "JPY", 1, 0, 1250000, "Stripe"),
    ("Halcyon Freight and Forwarding International Holdings", "halcyon", "USD", 4, 0, 7719925, "Stripe"),
    ("Isha Patel", "isha", "USD", 1, 1900, 22800, "Stripe"),
    ("Jolt Mobility", "jolt-1", "CHF", 2, 0, 3412075, None),
    ("Kestrel Labs", "kestrel", "USD", 1, 0, 880000, "Stripe"),
    ("Lumen & Co", "lumen", "EUR", 1, 0, 129900, "GoCardless"),
)


def page(total: int, url: str) -> Data:
    return {"first": 1, "last": min(20, total), "total": total, "cut": False, "per_page": 20, "previous": None,
            "next": formatting.url_with(url, page=2) if total > 20 else None}  # fmt: skip


INVOICE_ROWS = (
    ("NOR-0A1B-002-041", None, "draft", "pending", False, False, 348_218, 0, "USD", 0, "2024-04-01"),
    ("NOR-0A1B-002-040", None, "finalized", "pending", False, False, 412_365, 412_365, "USD", 0, "2024-03-01"),
    ("NOR-0A1B-007-012", "Top-up", "finalized", "succeeded", False, False, 50_000, 0, "USD", 7, "2024-02-27"),
    ("NOR-0A1B-004-003", None, "finalized", "failed", True, False, 4_599_900, 4_599_900, "EUR", 3, "2024-02-01"),
    (
        "NOR-0A1B-003-019",
        "One-off",
        "finalized",
        "partially_paid",
        False,
        False,
        120_400,
        60_200,
        "GBP",
        2,
        "2024-02-01",
    ),
    ("NOR-0A1B-006-001", None, "finalized", "succeeded", False, False, 1_250_000, 0, "JPY", 6, "2024-02-01"),
    ("NOR-0A1B-001-008", None, "voided", "pending", False, False, 9_900, 0, "EUR", 1, "2024-01-31"),
    ("NOR-0A1B-DRAFT", None, "failed", "pending", False, False, 21_450, 0, "USD", 8, "2024-01-31"),
    ("NOR-0A1B-009-002", "Progressive", "finalized", "succeeded", False, False, 1_000_000, 0, "CHF", 9, "2024-01-19"),
    ("NOR-0A1B-002-038", None, "finalized", "succeeded", False, True, 388_119, 388_119, "USD", 0, "2024-01-01"),
)


def invoice_rows() -> list[Data]:
    return [
        {
            "id": uid(at), "href": f"{BASE}/invoice/{'draft' if status == 'draft' else '1'}", "number": number,
            "type": kind, "status": status, "payment_status": payment if status == "finalized" else "none",
            "overdue": overdue, "disputed": disputed, "total_cents": total, "due_cents": due, "currency": currency,
            "customer": {"name": NAMES[who][0], "href": f"{BASE}/customer/1/overview"}, "issuing_date": issued,
            "due_date": issued,
            "can": dict.fromkeys(("record_payment", "status", "send", "collect", "metadata", "dispute", "void"), status == "finalized")
            | dict.fromkeys(("finalize", "refresh", "delete"), status == "draft")
            | {"download": status in ("finalized", "voided")},
        }
        for at, (number, kind, status, payment, overdue, disputed, total, due, currency, who, issued)
        in enumerate(INVOICE_ROWS)
    ]  # fmt: skip


def invoice_list(url: str, *, empty: bool = False) -> Data:
    quick = [("All", None), ("Draft", 12), ("Outstanding", 38), ("Overdue", 4), ("Succeeded", None), ("Voided", None),
             ("Disputed", 1)]  # fmt: skip
    return {
        "title": "Invoices", "frame": frame("invoices", CLOCK), "can": {"export": True}, "search": "",
        "bulk": [{"key": "collect", "label": "Resend all for collection", "icon": "send", "button": "Resend",
                  "text": "38 invoices with a pending or failed payment go to their payment provider once more."}],
        "quick": [{"label": label, "href": f"{BASE}/invoices?view={label.lower()}", "current": label == "All",
                   "count": count} for label, count in quick],
        "filters": read_filters("/acme/invoices" if empty else f"{BASE}/invoices?type=subscription", INVOICE_FILTERS).bar,
        "filtered": False,
        "page": page(1_204_318, url), "invoices": [] if empty else invoice_rows(),
        "export": {"what": "invoices", "one": "invoice", "count": 1_204_318, "more": False, "email": "jana@northwind.example",
                   "action": f"{BASE}/invoices/export",
                   "choices": [{"value": "invoices", "label": "Simple", "hint": "one row per invoice"},
                               {"value": "invoice_fees", "label": "Advanced", "hint": "one row per fee"}]},
        "api": calls("GET", "/invoices?per_page=20", "query Invoices {\n  invoices(limit: 20) {\n    collection "
                     "{ id number status totalAmountCents currency }\n  }\n}"),
    }  # fmt: skip


def plans(url: str, *, empty: bool = False) -> Data:
    rows = [("Pay as you go", "pay_as_you_go", 0, "USD", "Monthly", 812, 1), ("Team", "team", 49_00, "USD", "Monthly", 344, 4),
            ("Scale", "scale.v2", 990_00, "EUR", "Yearly", 41, 6), ("Enterprise", "enterprise", 1_200_000, "JPY", "Quarterly", 3, 9)]  # fmt: skip
    return {
        "title": "Plans", "frame": frame("plans"), "can": {"create": True, "edit": True, "delete": True}, "search": "",
        "page": page(4, url),
        "templates": [{"href": f"{BASE}/create/plan?template=pay_as_you_go", "name": "Pay as you go", "description": "A search API."}],
        "plans": [] if empty else [
            {"id": uid(at), "href": f"{BASE}/plan/{code}", "name": name, "code": code, "amount_cents": cents,
             "currency": currency, "interval": interval, "subscriptions": subscriptions, "charges": charges,
             "deleting": at == 3, "created_at": "2024-01-15T23:30:00Z"}
            for at, (name, code, cents, currency, interval, subscriptions, charges) in enumerate(rows)],
        "api": calls("POST", "/plans", "query Plans {\n  plans { collection { id name code } }\n}",
                     {"plan": {"name": "Team", "code": "team", "interval": "monthly", "amount_cents": 4900,
                               "amount_currency": "USD", "pay_in_advance": False}}),
    }  # fmt: skip


def metrics(url: str) -> Data:
    rows = [("Search requests", "search_requests", "Sum", "search_requests_volume", False, 2), ("Seats", "seats", "Unique count", "user_id", True, 3),
            ("Storage", "storage_gb", "Weighted sum", "gb", True, 1), ("API calls", "api_calls", "Count", None, False, 4)]  # fmt: skip
    return {
        "title": "Billable metrics", "frame": frame("metrics"), "can": {"create": True, "edit": True, "delete": True},
        "search": "", "page": page(4, url),
        "metrics": [{"id": uid(at), "href": f"{BASE}/billable-metric/{code}", "name": name, "code": code, "aggregation": how,
                     "field": field, "recurring": recurring, "plans": count, "created_at": "2024-01-15T23:30:00Z"}
                    for at, (name, code, how, field, recurring, count) in enumerate(rows)],
        "api": calls("POST", "/billable_metrics", "query Metrics {\n  billableMetrics { collection { id code } }\n}",
                     {"billable_metric": {"name": "API calls", "code": "api_calls", "aggregation_type": "count_agg"}}),
    }  # fmt: skip


def jobs(url: str) -> Data:
    rows = [("invoices.bill_subscription", "running", 1, "…", None), ("documents.render_invoice", "succeeded", 1, "38 ms", None),
            ("webhooks.deliver", "retrying", 2, "5.0 s", "HTTP 503 from https://hooks.example.com/billing"),
            ("payments.collect", "failed", 3, "1.2 s", "card_declined: the card has insufficient funds"),
            ("usage.rollup", "queued", 0, "—", None)]  # fmt: skip
    return {
        "title": "Jobs", "frame": frame("developers"), "tabs": DEVELOPER_TABS, "search": "", "running": False, "filtered": False,
        "quick": [{"label": label, "href": f"{BASE}/developers/jobs?status={label.lower()}", "current": label == "All",
                   "count": count} for label, count in (("All", None), ("Running", 1), ("Retrying", 1), ("Failed", 1))],
        "page": page(5, url),
        "jobs": [{"id": uid(at), "name": name, "subject": {"label": "NOR-0A1B-002-040", "title": uid(40), "href": f"{BASE}/invoice/1"} if at < 4 else None,
                  "status": status, "attempts": attempts, "queued_at": "2024-03-15T14:00:03Z", "ended_at": None, "took": took,
                  "error": error} for at, (name, status, attempts, took, error) in enumerate(rows)],
    }  # fmt: skip


def audit(url: str) -> Data:
    rows = [("invoice_totals", "An invoice's totals are the sums of their parts", "Invoice", "total_amount_cents 1000", "total_amount_cents 1001"),
            ("number_gap", "A customer's invoices are numbered without gaps, up to the customer's counter", "Customer",
             "every number up to 12", "numbers missing: 4-6, 9")]  # fmt: skip
    return {
        "title": "Audit", "frame": frame("developers"), "tabs": DEVELOPER_TABS, "resolved": False,
        "quick": [{"label": "Open", "href": f"{BASE}/developers/audit", "current": True, "count": 2},
                  {"label": "Resolved", "href": f"{BASE}/developers/audit?view=resolved", "current": False, "count": None}],
        "page": page(2, url),
        "findings": [{"code": code, "title": title, "object": f"{kind} {uid(at)[:8]}…", "object_id": uid(at), "href": f"{BASE}/invoice/1" if at == 0 else None,
                      "expected": expected, "found": found, "status": "open", "first_seen": "2024-03-15T02:00:03Z",
                      "last_seen": "2024-03-15T02:00:03Z"} for at, (code, title, kind, expected, found) in enumerate(rows)],
    }  # fmt: skip


def api_docs() -> Data:
    sample = formatting.curl("POST", API + "/events", {"event": {
        "transaction_id": "t-1", "external_subscription_id": "sub_acme", "code": "search_requests",
        "properties": {"search_requests_volume": 120}}})  # fmt: skip
    return {
        "title": "API", "frame": frame("developers"), "tabs": DEVELOPER_TABS, "api_url": API, "openapi_url": "/api/v1/openapi.json", "docs_url": "/api/v1/docs",
        "graphql_url": "https://billing.example.com/graphql",
        "groups": [
            {"name": "Events", "operations": [
                {"method": "POST", "path": "/events", "summary": "Send a usage event", "sample": sample},
                {"method": "POST", "path": "/events/batch", "summary": "Send up to 100 events", "sample": sample}]},
            {"name": "Customers", "operations": [
                {"method": "GET", "path": "/customers/{external_id}/current_usage", "summary": "Usage of the open period",
                 "sample": formatting.curl("GET", API + "/customers/acme-001/current_usage")}]},
        ],
    }  # fmt: skip


# --- customer ------------------------------------------------------------------------------------------------------


def revenue(months: int = 12) -> Data:
    starts = [datetime(2023 + (3 + at) // 12, (3 + at) % 12 + 1, 1, tzinfo=UTC) for at in range(months)]
    values = [
        412_000,
        455_500,
        471_280,
        390_015,
        620_440,
        688_900,
        702_125,
        655_310,
        810_460,
        905_900,
        388_119,
        941_055,
    ]
    return {
        "label": "Gross revenue by month", "kind": "area", "x": [int(start.timestamp()) for start in starts],
        "x_labels": [f"{start:%b %Y}" for start in starts], "axis": {"prefix": "$", "exponent": 2},
        "series": [{"label": "Gross revenue", "values": values[:months],
                    "display": [formatting.money_with_currency(value, "USD") for value in values[:months]]}],
    }  # fmt: skip


def usage() -> list[Data]:
    return [{
        "id": "s1", "name": "Production search", "href": f"{BASE}/subscription/1", "plan": "Scale, monthly", "currency": "USD",
        "from": "2024-03-01T05:00:00Z", "to": "2024-04-01T03:59:59Z", "left": "17 days left", "as_of": "2024-03-15T14:00:00Z",
        "total_cents": 348_218, "projected_cents": 719_650,
        "measure": {"percent": 69.6, "label": "$3,482.18 of the $5,000.00 threshold", "over": False, "marks": [
            {"percent": 20, "label": "Threshold", "amount_cents": 100_000, "reached": True},
            {"percent": 50, "label": "Commitment", "amount_cents": 250_000, "reached": True},
            {"percent": 100, "label": "Threshold", "amount_cents": 500_000, "reached": False}]},
        "charges": [
            {"id": "c1", "name": "Search requests", "code": "search_requests", "model": "Graduated · 10,000 free", "units": "1834200",
             "amount_cents": 274_130, "measure": {"percent": 79, "label": "79% of this period's usage", "over": False},
             "explain_url": f"{BASE}/fee/1/explain",
             "filters": [
                 {"name": "Region: EU", "units": "1204100", "amount_cents": 180_615, "groups": [
                     {"name": "model: neural", "units": "804100", "amount_cents": 120_615},
                     {"name": "model: keyword", "units": "400000", "amount_cents": 60_000}]},
                 {"name": "Region: US", "units": "600000", "amount_cents": 90_000, "groups": []},
                 {"name": "All other values", "units": "30100", "amount_cents": 3_515, "groups": []}]},
            {"id": "c2", "name": "Storage", "code": "storage_gb", "model": "Weighted sum · per GB and month", "units": "412.503871",
             "amount_cents": 61_876, "measure": {"percent": 18, "label": "18% of this period's usage", "over": False}, "explain_url": f"{BASE}/fee/1/explain", "filters": []},
            {"id": "c3", "name": "Seats", "code": "seats", "model": "Package · 5 per package", "units": "11", "amount_cents": 12_212,
             "measure": {"percent": 3.5, "label": "3.5% of this period's usage", "over": False}, "explain_url": f"{BASE}/fee/1/explain", "filters": []},
            {"id": "c4", "name": "Support calls", "code": "support", "model": "Percentage", "units": "0", "amount_cents": 0,
             "measure": {"percent": 0, "label": "Nothing used", "over": False}, "explain_url": f"{BASE}/fee/1/explain", "filters": []}],
    }]  # fmt: skip


# --- invoice -------------------------------------------------------------------------------------------------------


def fee(
    number: int, name: str, units: str, price: str, cents: int, steps: list[Data] | None = None, **more: Any
) -> Data:
    return {"id": f"f{number}", "name": name, "notes": [], "units": units, "unit_price": price, "tax_rates": ["20"],
            "amount_cents": cents, "edited": False, "editable": True, "steps": steps or [], "explain_url": f"{BASE}/fee/{number}/explain",
            **more}  # fmt: skip


def step(label: str, units: str, amount: str, price: str | None = None, rate: str | None = None) -> Data:
    return {"label": label, "units": units, "unit_price": price, "rate": rate, "amount": amount}


def total(label: str, cents: int, kind: str = "part") -> Data:
    return {"label": label, "cents": cents, "kind": kind}


def invoice_page(draft: bool = False, tab: str = "overview") -> Data:
    graduated = [step("First 10,000", "10000", "0", "0"), step("Next 990,000", "990000", "1485", "0.0015"),
                 step("1,000,001 and above", "834200", "1000.03896", "0.0011988"), step("Flat fee, 1,000,001 and above", "1", "256.26", "256.26")]  # fmt: skip
    percentage = [step("Free for 3 transactions", "120", "0"), step("Paid volume", "8000", "96", rate="1.2"),
                  step("Fixed fee", "12", "2.40", "0.20")]  # fmt: skip
    groups = [
        {"name": "Production search", "href": f"{BASE}/subscription/1", "periods": [
            {"label": "Fees from Mar 1, 2024 to Mar 31, 2024", "fees": [fee(1, "Monthly subscription - Scale", "1", "990", 99_000)]},
            {"label": "Fees from Feb 1, 2024 to Feb 29, 2024", "fees": [
                fee(2, "Search requests • EU", "1834200", "0.001494", 274_130, graduated),
                fee(3, "Storage", "412.503871", "0.15", 6_188, notes=["Units prorated per second per month"]),
                fee(4, "Payments handled", "8120", "0.012118", 9_840, percentage, notes=["Total events: 15"], edited=draft)]}]},
        {"name": "Staging", "href": f"{BASE}/subscription/2", "periods": [
            {"label": "Fees from Feb 1, 2024 to Feb 29, 2024", "fees": [
                fee(5, "Seats", "11", "4.454545", 4_900), fee(6, "Minimum commitment", "1", "51", 5_100)]}]},
    ]  # fmt: skip
    totals = [
        total("Fees", 399_158), total("Usage already billed", -50_000), total("Launch 10% (10.00%)", -34_916),
        total("Subtotal, excl. tax", 314_242, "sum"), total("VAT (20.0% on $3,142.42)", 62_848),
        total("Subtotal, incl. tax", 377_090, "sum"), total("Credit notes", -20_000),
        total("Prepaid credits", -35_000), total("Total", 322_090, "total"),
    ]  # fmt: skip
    number = "NOR-0A1B-002-041" if draft else "NOR-0A1B-002-040"
    return {
        "title": number, "frame": frame("invoices", CLOCK),
        "invoice": {
            "id": uid(40), "href": f"{BASE}/invoice/{'draft' if draft else '1'}", "number": number, "title": "Invoice",
            "status": "draft" if draft else "finalized", "payment_status": "partially_paid", "overdue": False, "disputed": False,
            "currency": "USD", "total_cents": 322_090, "due_cents": 0 if draft else 222_090, "issuing_date": "2024-03-01",
            "due_date": "2024-03-31", "term": "30 days", "due_note": "Due March 31, 2024, in 16 days",
            "seller": {"name": "Northwind Search Inc.", "logo_url": None,
                       "lines": ["500 Harbor Street", "94107, San Francisco", "California", "United States",
                                 "billing@northwind.example", "Tax ID: US-77-1122334"]},
            "customer": {"name": "Acme Corporation", "href": f"{BASE}/customer/1/overview", "timezone": "Asia/Tokyo",
                         "lines": ["1-2-3 Marunouchi, Chiyoda-ku", "Tokyo 100-0005", "Japan", "billing@acme.example"]},
            "shown_metadata": [{"label": "PO number", "value": "4500012345"}],
            "footer": "Payable by bank transfer or card.\nThank you for building with Northwind.",
            "finalizes_at": "2024-03-18T05:00:00Z" if draft else None, "problem": None, "waits": None, "paid_cents": 0 if draft else 100_000,
            "groups": groups, "totals": totals, "customer_metadata": [{"label": "tier", "value": "gold"}],
            "facts": [{"label": "Type", "value": "Subscription"}, {"label": "Due date", "value": "Mar 31, 2024"},
                      {"label": "Tax status", "value": "Succeeded"}, {"label": "NetSuite", "value": "Synced"}],
            "metadata": [{"label": "segment", "value": "enterprise"}]},
        "can": {"download": not draft, "finalize": draft, "refresh": draft, "edit": draft, "send": not draft, "collect": not draft,
                "record_payment": not draft, "status": not draft, "credit_note": not draft, "dispute": not draft, "void": not draft, "delete": draft,
                "retry": False, "metadata": not draft, "link": False},
        "tab": tab, "delete": {"text": "$3,220.90 are not billed, now or later. This cannot be undone."}, "no_credit_note": "None yet.",
        "tabs": [{"label": "Overview", "href": f"{BASE}/invoice/1", "current": tab == "overview"},
                 {"label": "Payments", "href": f"{BASE}/invoice/1/payments", "current": tab == "payments", "count": 0 if draft else 2},
                 {"label": "Credit notes", "href": f"{BASE}/invoice/1/credit-notes", "current": tab == "credit-notes", "count": 0 if draft else 1}],
        "send": {"action": f"{BASE}/invoice/1/send", "number": number, "target": "#invoice",
                 "filled": {"to": "billing@acme.example", "cc": "", "bcc": ""}}, "send_errors": dict.fromkeys(("to", "cc", "bcc")),
        "metadata": {"action": f"{BASE}/invoice/1/metadata", "target": "#invoice", "hint": "At most 5.",
                     "rows": [{"id": uid(7), "key": "segment", "value": "enterprise"}, {"id": "", "key": "", "value": ""}]},
        "finalize": {"text": "It gets its number, $3,220.90 become due on Mar 31, 2024, and the e-mail goes to billing@acme.example."},
        "events": [
            {"icon": "circle-check", "title": "Drafted", "at": "2024-03-01T05:00:12Z", "note": "6 fees", "state": "done"},
            *([{"icon": "clock", "title": "Finalizes", "at": "2024-03-18T05:00:00Z", "note": None, "state": "next"}] if draft else [
                {"icon": "circle-check", "title": "Finalized", "at": "2024-03-04T05:00:00Z", "note": None, "state": "done"},
                {"icon": "mail", "title": "Sent", "at": "2024-03-04T05:00:09Z", "note": "billing@acme.example", "state": "done"},
                {"icon": "triangle-alert", "title": "Card payment failed", "at": "2024-03-04T05:00:31Z", "note": "Insufficient funds",
                 "state": "failed"},
                {"icon": "contrast", "title": "Partly paid", "at": "2024-03-11T16:20:00Z", "note": "$1,000.00", "state": "now"},
                {"icon": "circle", "title": "Due", "at": None, "note": "Mar 31, 2024", "state": "next"}])],
        "payments": [] if draft else [
            {"status": "succeeded", "amount_cents": 100_000, "currency": "USD", "method": "Bank transfer", "href": f"{BASE}/payment/1", "at": "2024-03-11T16:20:00Z"},
            {"status": "failed", "amount_cents": 322_090, "currency": "USD", "method": "Visa •• 4242", "href": f"{BASE}/payment/1", "at": "2024-03-04T05:00:31Z"}],
        "no_payment": "No payment yet.", "error": None,
        "errors": {"amount": None, "paid_on": None, "reference": None},
        "payment": {"action": f"{BASE}/invoice/1/payments", "number": number, "currency": "USD", "due": "$2,220.90",
                    "filled": {"amount": "2220.90", "paid_on": "2024-03-15", "reference": ""}},
        "credit_notes": [] if draft else [
            {"id": uid(41), "href": f"{BASE}/credit-note/1", "number": "NOR-0A1B-002-040-CN001", "reason": "Product unsatisfactory",
             "credit": "available", "refund": "pending", "total_cents": 12_000, "left_cents": 6_000, "currency": "USD",
             "issuing_date": "2024-03-12", "invoice": {"number": number, "href": f"{BASE}/invoice/1"}, "customer": None, "can_void": True}],
        "api": calls("GET", f"/invoices/{uid(40)}", 'query Invoice {\n  invoice(id: "…") {\n    number\n    totalAmountCents\n  }\n}'),
    }  # fmt: skip


EXPLANATION: Data = {
    "matches": True,
    "notes": [],
    "parts": [{"name": None, "steps": [
        {"kind": "window", "label": "Days of the whole period", "formula": "", "detail": "Feb 1, 2024 00:00:00 – Feb 29, 2024 23:59:59 (Asia/Tokyo)", "result": "29", "unit": "days"},
        {"kind": "aggregation", "label": "Sum of search_requests_volume", "formula": "", "detail": "", "result": "1,834,200", "unit": "units"},
        {"kind": "pricing", "label": "Tier 1: above 0, up to 10,000", "formula": "(min(1,834,200, 10,000) − 0) × 0 + 0", "detail": "", "result": "0", "unit": "USD"},
        {"kind": "pricing", "label": "Tier 2: above 10,000, up to 1,000,000", "formula": "(min(1,834,200, 1,000,000) − 10,000) × 0.0015 + 0", "detail": "", "result": "1,485", "unit": "USD"},
        {"kind": "pricing", "label": "Tier 3: above 1,000,000", "formula": "(1,834,200 − 1,000,000) × 0.0011988 + 256.26", "detail": "", "result": "1,256.29896", "unit": "USD"},
        {"kind": "conversion-to-minor-units", "label": "Rounded to minor units", "formula": "round(2,741.29896 × 100)", "detail": "", "result": "274,130", "unit": "cents"},
    ]}],
}  # fmt: skip

SEARCH: list[Data] = [
    {"label": "Customers", "icon": "users", "more": f"{BASE}/customers?search=acme", "items": [
        {"name": "Acme Corporation", "detail": "acme-001", "code": True, "href": f"{BASE}/customer/1/overview", "status": None}]},
    {"label": "Invoices", "icon": "file-text", "more": f"{BASE}/invoices?search=acme", "items": [
        {"name": "NOR-0A1B-002-040", "detail": "Acme Corporation", "code": False, "href": f"{BASE}/invoice/1",
         "status": {"kind": "invoice", "code": "finalized"}}]},
]  # fmt: skip
