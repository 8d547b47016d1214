"""Sample data of the gallery: customers. Development only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from billwright.ui.filters import read_filters
from billwright.ui.gallery_samples import BASE, CLOCK, NAMES, calls, frame, invoice_rows, page, revenue, uid, usage
from billwright.ui.rendering import render
from billwright.ui.views import customer_form as fields
from billwright.ui.views.customer_list import filters as customer_filters
from billwright.ui.views.customer_overview import time_line
from billwright.ui.views.customers import TABS

Data = dict[str, Any]


def customers() -> list[Data]:
    return [
        {
            "id": uid(at), "href": f"{BASE}/customer/1/overview", "name": name, "external_id": external, "email": None,
            "country": None, "currency": currency, "active_subscriptions": count,
            "overdue": [{"amount_cents": overdue, "currency": currency}] if overdue else [],
            "gross": [{"amount_cents": gross, "currency": currency}] if gross else [], "provider": provider, "created_at": f"2024-0{1 + at % 3}-1{at % 9}T15:30:00Z",
        }
        for at, (name, external, currency, count, overdue, gross, provider) in enumerate(NAMES)
    ]  # fmt: skip


def customer_list(url: str, *, empty: bool = False, search: str = "") -> Data:
    rows = [] if empty else [row for row in customers() if search.lower() in row["name"].lower()]
    return {
        "title": "Customers", "frame": frame("customers", CLOCK), "can": {"create": True, "edit": True, "delete": True},
        "search": search, "filters": read_filters(url, customer_filters()).bar,
        "customers": rows, "page": page(1204, url),
        "api": calls("POST", "/customers", "query Customers($searchTerm: String) {\n  customers(searchTerm: $searchTerm, "
                     "limit: 20) {\n    collection { id displayName externalId activeSubscriptionsCount }\n  }\n}",
                     {"customer": {"external_id": "acme-001", "name": "Acme Corporation", "currency": "USD"}}),
    }  # fmt: skip


def customer_page(url: str, tab: str, *, empty: bool = False) -> Data:
    href = f"{BASE}/customer/1"
    counts = {"invoices": 41, "coupons": 1, "wallets": 1}
    return {
        "title": "Acme Corporation", "frame": frame("customers", CLOCK), "tab": tab,
        "tab_template": "customers/usage_list.html" if tab == "usage" else f"customers/tabs/{tab}.html",
        "htmx_parts": {"usage": f"customers/{'usage_list' if tab == 'usage' else 'bars'}.html", "results": "customers/invoice_results.html"},
        "customer": {
            "id": uid(1), "href": href, "name": "Acme Corporation", "external_id": "acme-001", "type": "company",
            "email": "billing@acme.example", "timezone": "Asia/Tokyo", "currency": "USD", "created_at": "2024-01-15T23:30:00Z",
            "consequences": ["2 active subscriptions end now and are billed.", "1 draft invoice is finalized in five minutes."],
            "facts": [{"label": "Legal name", "value": "Acme Corporation Inc."}, {"label": "Tax ID", "value": "US-84-1234567"},
                      {"label": "Currency", "value": "USD"}, {"label": "Time zone", "value": "Asia/Tokyo"},
                      {"label": "Payments by", "value": "Stripe"}, {"label": "Payment term", "value": "30 days, from organization"},
                      {"label": "Grace period", "value": "3 days"}, {"label": "Taxes", "value": "VAT 20%"}],
            "metadata": [{"label": "segment", "value": "enterprise"}, {"label": "csm", "value": "Rui"}]},
        "can": {"edit": True, "subscribe": True, "coupons": True, "wallets": True, "wallets_full": False, "invoice": True, "request_payment": True,
                "portal": True, "delete": True},
        "figures": [
            {"label": "Gross revenue", "amount_cents": 94_105_500, "currency": "USD", "note": "41 invoices", "tone": None},
            {"label": "Overdue", "amount_cents": 120_400, "currency": "USD", "note": "1 invoice, 12 days", "tone": "negative"},
            {"label": "Active subscriptions", "currency": None, "text": "2", "note": None, "tone": None}],
        "tabs": [{"label": each.label, "href": f"{href}/{each.key}", "current": each.key == tab,
                  **({"count": counts[each.key]} if each.key in counts else {})} for each in TABS],
        "api": calls("GET", "/customers/acme-001/current_usage?external_subscription_id=sub_1",
                     'query Usage {\n  customerUsage(customerId: "…", subscriptionId: "…") {\n    amountCents\n  }\n}'),
        **(_CONTENTS[tab](url, empty) if tab in _CONTENTS else {}),
    }  # fmt: skip


def _subscription(number: int, name: str, status: str, external: str, **changes: Any) -> Data:
    item = {"id": uid(number), "name": name, "externalId": external, "status": status, "startedAt": None, "endingAt": None,
            "subscriptionAt": "2024-01-15T23:30:00Z", "terminatedAt": None, "downgradePlanDate": None, "nextSubscription": None,
            "previousSubscription": None, "applicableTimezone": "Asia/Tokyo", "plan": {"name": "Scale"}}  # fmt: skip
    return {**item, **changes}


def _overview(url: str, empty: bool) -> Data:
    held = [] if empty else [
        _subscription(3, "Production search", "active", "prod", startedAt="2023-09-03T00:00:00Z", downgradePlanDate="2024-04-01",
                      nextSubscription={"status": "pending", "plan": {"name": "Team"}}),
        _subscription(5, "Production search", "terminated", "prod", startedAt="2023-01-15T00:00:00Z",
                      terminatedAt="2023-09-03T00:00:00Z", plan={"name": "Starter"}),
        _subscription(6, "Production search", "pending", "prod", previousSubscription={"downgradePlanDate": "2024-04-01"},
                      plan={"name": "Team"}),
        _subscription(4, "Staging", "active", "staging", startedAt="2023-12-01T00:00:00Z", endingAt="2024-05-31T00:00:00Z",
                      plan={"name": "Team"})]  # fmt: skip
    current: Data = {**usage()[0], "fee_cents": 99_000, "passed": 48.2, "bars": [
        {"percent": 69.6, "label": "Fee and usage", "text": "$4,472.18 of the minimum commitment of $6,000.00, fee included", "tone": "accent"},
        {"percent": 100, "label": "All", "text": "$18,482.18 since the beginning, all thresholds passed", "tone": "accent"}]}  # fmt: skip
    return {
        "usage": [] if empty else [current], "next_href": None if empty else f"{BASE}/customer/1/next-invoices",
        "line": time_line(held, "2024-03-15T14:00:00Z"),
        "subscriptions": [
            {"id": item["id"], "href": f"{BASE}/subscription/1", "name": item["name"], "plan": item["plan"]["name"],
             "status": item["status"], "overridden": item["id"] == uid(3), "interval": "Monthly", "started_at": item["startedAt"],
             "ending_at": item["terminatedAt"] or item["endingAt"], "amount_cents": 99_000, "currency": "USD",
             "next_plan": {"name": "Team", "on": "2024-04-01"} if item["nextSubscription"] else None} for item in held],
        "coupons": [] if empty else [COUPON],
        "wallet": None if empty else {"name": "Prepaid", "href": f"{BASE}/wallet/1", "balance_cents": 429_468, "ongoing_cents": 81_250,
                   "currency": "USD", "credits": "4294.68", "rate": "1", "note": "about $91.00 a day"},
    }  # fmt: skip


async def next_invoices(request: Request) -> Response:
    """What the overview loads after itself."""
    document = {"title": "Production search", "at": "Apr 1, 2024", "currency": "USD",
                "rows": [{"label": "Subscription fee", "days": "Apr 1 – Apr 30, 2024, 30 days", "amount_cents": 99_000},
                         {"label": "Search requests", "days": "usage so far", "amount_cents": 274_130}],
                "sums": [{"label": "Taxes", "amount_cents": 74_626}], "total": {"label": "Total as of now", "amount_cents": 447_756}}  # fmt: skip
    return render(request, "customers/next_invoices.html", {"documents": [document]})


COUPON: Data = {"id": uid(8), "status": "active", "name": "Launch", "code": "launch", "coupon_id": uid(9), "caption": "10% off during 3 invoices",
          "left": "2 invoices", "at": "2024-02-01T00:00:00Z", "ended_at": None, "elsewhere": None}  # fmt: skip


def _coupons(url: str, empty: bool) -> Data:
    names = ("coupon", "amount", "currency", "rate", "frequency", "duration")
    values = {**dict.fromkeys(names, ""), "coupon": uid(9), "amount": "20.00", "currency": "EUR", "frequency": "once"}
    given: Data = {**COUPON, "id": uid(7), "status": "terminated", "name": "Welcome", "left": "—", "elsewhere": "EUR"}
    return {
        "applied": [] if empty else [COUPON, given], "may": {"apply": True, "remove": True, "make": True},
        "errors": {**dict.fromkeys(names), "amount": "This is not an amount of this currency."}, "error": None,
        "form": {"href": f"{BASE}/customer/1/coupons", "chosen": None, "type": "fixed_amount", "values": values,
                 "coupons": [{"value": uid(9), "label": "Twenty · €20.00 off once"}], "currencies": [{"value": "EUR", "label": "EUR"}],
                 "often": [{"value": "once", "label": "Once"}, {"value": "recurring", "label": "On several invoices"}],
                 "warning": "USD is the currency of this customer: the coupon reduces only invoices in EUR."},
    }  # fmt: skip


def _invoices(url: str, empty: bool) -> Data:
    rows = invoice_rows()
    return {
        "search": "",
        "searched": False,
        "drafts": rows[:1],
        "invoices": [rows[1], rows[2], rows[9]],
        "page": page(41, url),
    }


def _payments(url: str, empty: bool) -> Data:
    row = {"id": uid(2), "status": "succeeded", "invoices": [{"number": "NOR-001-040", "href": f"{BASE}/invoice/1"}],
           "customer": {"name": "Acme Corporation", "href": "#"}, "reference": "Bank transfer 42", "amount_cents": 412_365,
           "method": "Recorded by hand", "href": f"{BASE}/payment/1",
           "currency": "USD", "at": "2024-03-01T10:00:00Z"}  # fmt: skip
    both = {**row, "invoices": [*row["invoices"], {"number": "NOR-001-041", "href": f"{BASE}/invoice/1"}]}
    due = [{"id": uid(1), "number": "NOR-001-041", "href": f"{BASE}/invoice/1#record-payment", "due": "$1,204.00"}]
    return {"payments": [] if empty else [row, both], "page": page(2, url), "due": [] if empty else due}


def _analytics(url: str, empty: bool) -> Data:
    periods = [{"label": "12 months", "href": url, "current": True, "count": None}]
    chart = {
        "currency": "USD",
        "total_cents": 94_105_500,
        "note": "across 41 invoices",
        "chart": revenue(),
        "empty": False,
    }
    return {"periods": periods, "revenues": [] if empty else [chart]}


def _information(url: str, empty: bool) -> Data:
    facts = [{"label": "Name", "value": "Acme Corporation", "copy": False}, {"label": "External id", "value": "acme-001", "copy": True},
             {"label": "Phone", "value": None, "copy": False}]  # fmt: skip
    return {"groups": [{"title": title, "facts": facts} for title in ("Identity", "Billing", "Billing address", "Shipping address")],
            "metadata": [{"key": "tier", "value": "gold", "displayInInvoice": True}],
            "dates": {"created": "2024-01-15T23:30:00Z", "updated": "2024-03-01T23:30:00Z"}}  # fmt: skip


def _settings(url: str, empty: bool) -> Data:
    blank = {"own": None, "error": None, "options": [], "filled": "3", "hint": "Invoices stay drafts for so long."}
    return {"may_change": True, "href": f"{BASE}/customer/1/settings", "row": None, "settings": [
        {**blank, "key": "locale", "kind": "select", "label": "Language of documents", "own": "French", "inherited": "English",
         "filled": "fr", "options": [{"value": "en", "label": "English"}, {"value": "fr", "label": "French"}]},
        {**blank, "key": "grace", "kind": "days", "label": "Days as draft", "inherited": "3 days", "error": "This is not a valid value."},
        {**blank, "key": "taxes", "kind": "taxes", "label": "Taxes", "inherited": "VAT 20%",
         "options": [{"value": "vat", "label": "VAT", "rate": "20%", "on": True}]}]}  # fmt: skip


_CONTENTS: dict[str, Callable[[str, bool], Data]] = {
    "overview": _overview,
    "usage": lambda url, empty: {"usage": [] if empty else usage(), "subscribed": not empty},
    "coupons": _coupons,
    "invoices": _invoices,
    "payments": _payments,
    "analytics": _analytics,
    "information": _information,
    "settings": _settings,
}


def customer_form(refused: bool = False) -> Data:
    names = (*fields.FIELDS.values(), *fields.SHIPPING.values())
    values = {**dict.fromkeys(names, ""), "same": "" if refused else "yes"}
    if refused:
        values |= {
            "name": "Acme Corporation",
            "external_id": "acme-001",
            "email": "billing@",
            "country": "DE",
            "city": "Köln",
        }
    words = {"external_id": "This external id is taken. Choose another one.",
             "email": "Write one address, or several separated by commas."} if refused else {}  # fmt: skip
    empty = {"id": "", "key": "", "value": "", "shown": False, "key_error": None, "value_error": None}
    row = {**empty, "key": "tier", "value": "", "value_error": "This cannot be empty."} if refused else empty
    return {
        "title": "New customer", "frame": frame("customers", CLOCK), "heading": "New customer", "action": f"{BASE}/create/customer",
        "back": f"{BASE}/customers", "back_label": "Customers", "submit": "Create customer", "is_new": True, "locked": False,
        "values": values, "errors": {name: words.get(name) for name in values}, "error": None,
        "currencies": [{"value": "", "label": "Set by the first plan"}, {"value": "USD", "label": "USD · US Dollar"}],
        "timezones": [{"value": "", "label": "The organization's: UTC"}, {"value": "Asia/Tokyo", "label": "Asia/Tokyo"}],
        "countries": [{"value": "", "label": "None"}, {"value": "DE", "label": "Germany"}],
        "types": [{"value": "", "label": "Not set"}, {"value": "company", "label": "Company"}],
        "taxes": [{"code": "vat", "name": "VAT", "rate": "20.0", "on": refused}], "metadata": [row, *[empty] * 4],
    }  # fmt: skip


def _list(url: str) -> Data:
    return customer_list(url, search=url.partition("search=")[2].partition("&")[0])


def _tab(name: str, tab: str, **changes: Any) -> tuple[str, str, Any]:
    return name, "customers/page.html", lambda url: customer_page(url, tab, **changes)


CUSTOMER_PAGES: dict[str, tuple[str, str, Any]] = {
    "/acme/customers": ("Customers", "customers/list.html", _list),
    "/acme/customers/empty": ("Customers, none", "customers/list.html", lambda url: customer_list(url, empty=True)),
    "/acme/customers/none-found": (
        "Customers, nothing found", "customers/list.html", lambda url: customer_list(url, empty=True, search="zebra")
    ),
    "/acme/customer/1/overview": _tab("Customer", "overview"),
    **{f"/acme/customer/1/{tab}": _tab(f"Customer, {tab}", tab) for tab in _CONTENTS if tab != "overview"},
    **{f"/acme/customer/2/{tab}": _tab(f"Customer, no {tab}", tab, empty=True) for tab in ("usage", "coupons", "payments", "analytics")},
    "/acme/customer/2/overview": _tab("Customer, no usage", "overview", empty=True),
    "/acme/create/customer": ("New customer", "customers/form.html", lambda url: customer_form()),
    "/acme/create/customer/refused": (
        "New customer, refused", "customers/form.html", lambda url: customer_form(refused=True)
    ),
}  # fmt: skip
