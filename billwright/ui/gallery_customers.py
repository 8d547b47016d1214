# ruff: noqa: E501
"""Sample data of the gallery: customers. Development only."""

from __future__ import annotations

from typing import Any

from billwright.ui.filters import read_filters
from billwright.ui.gallery_samples import BASE, CLOCK, NAMES, calls, frame, invoice_rows, page, revenue, uid, usage
from billwright.ui.views import customer_form as fields
from billwright.ui.views.customer_list import filters as customer_filters

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
    rows = invoice_rows()
    tabs = [("overview", "Overview"), ("subscriptions", "Subscriptions"), ("invoices", "Invoices"),
            ("wallets", "Wallets")]  # fmt: skip
    return {
        "title": "Acme Corporation", "frame": frame("customers", CLOCK), "tab": tab,
        "tab_template": f"customers/tabs/{tab}.html", "htmx_parts": {"usage": "customers/usage_list.html"},
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
            {"label": "Usage this period", "amount_cents": 348_218, "currency": "USD", "note": "2 subscriptions", "tone": None},
            {"label": "Wallet", "amount_cents": 81_250, "currency": "USD", "note": "about 9 days at this pace", "tone": None}],
        "tabs": [{"label": label, "href": f"{href}/{key}", "current": key == tab,
                  **({"count": 41} if key == "invoices" else {"count": 2} if key == "subscriptions" else {})}
                 for key, label in tabs],
        "usage": [] if empty else usage(), "revenue": None if empty else revenue(),
        "coupons": [{"name": "Launch 10%", "remaining": "2 of 3 periods left", "status": "active"}],
        "wallet": {"name": "Prepaid", "href": f"{href}/wallet/1", "balance_cents": 429_468, "ongoing_cents": 81_250,
                   "currency": "USD", "credits": "4294.68", "rate": "1", "note": "about $91.00 a day"},
        "subscriptions": [] if empty else [
            {"id": uid(3), "href": f"{BASE}/subscription/1", "name": "Production search", "plan": "Scale", "status": "active",
             "overridden": True, "interval": "Monthly", "started_at": "2024-01-15T23:30:00Z", "ending_at": None,
             "amount_cents": 99_000, "currency": "USD", "next_plan": {"name": "Team", "at": "2024-04-01T04:00:00Z"}},
            {"id": uid(4), "href": f"{BASE}/subscription/2", "name": "Staging", "plan": "Team", "status": "pending", "overridden": False,
             "interval": "Yearly", "started_at": None, "ending_at": "2025-01-31T00:00:00Z", "amount_cents": 4_900,
             "currency": "USD", "next_plan": None}],
        "drafts": [] if empty else rows[:1], "invoices": [] if empty else [rows[1], rows[2], rows[9]], "page": page(41, url),
        "api": calls("GET", "/customers/acme-001/current_usage?external_subscription_id=sub_1",
                     'query Usage {\n  customerUsage(customerId: "…", subscriptionId: "…") {\n    amountCents\n  }\n}'),
    }  # fmt: skip


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
    "/acme/customer/1/subscriptions": _tab("Customer, subscriptions", "subscriptions"),
    "/acme/customer/1/invoices": _tab("Customer, invoices", "invoices"),
    "/acme/customer/2/overview": _tab("Customer, no usage", "overview", empty=True),
    "/acme/create/customer": ("New customer", "customers/form.html", lambda url: customer_form()),
    "/acme/create/customer/refused": (
        "New customer, refused", "customers/form.html", lambda url: customer_form(refused=True)
    ),
}  # fmt: skip
