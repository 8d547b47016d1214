"""Sample data of the screens of subscriptions and events for the gallery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billwright.ui import formatting
from billwright.ui.filters import read_filters
from billwright.ui.gallery_alerts import section
from billwright.ui.gallery_samples import BASE, CLOCK, calls, frame, page, uid, usage
from billwright.ui.views import plan_cards, plan_charges, plan_values
from billwright.ui.views.subscription_outlook import shown_outlook
from billwright.ui.views.subscription_terms import effective_charges, effective_terms
from billwright.ui.views.subscriptions import FILTERS

Data = dict[str, Any]
OPERATION = "query Subscriptions {\n  subscriptions(limit: 20) {\n    collection { id externalId status }\n  }\n}"
HREF = f"{BASE}/subscription/1"
CUSTOMER = {"name": "Acme Corporation", "href": f"{BASE}/customer/1", "timezone": "Asia/Tokyo"}


def _invoice(at: str, cents: int, credits: int = 0) -> Data:
    fee = {
        "feeType": "subscription",
        "name": "Scale",
        "amountCents": str(cents),
        "firstOn": "2024-02-12",
        "lastOn": "2024-02-29",
    }
    return {
        "at": at, "currency": "USD", "fees": [fee, {**fee, "feeType": "charge", "name": "Search requests", "amountCents": "1240"}],
        "couponsAmountCents": "0", "taxesAmountCents": "0", "creditNotesAmountCents": str(credits), "prepaidCreditAmountCents": "0",
        "totalAmountCents": str(cents + 1240 - credits),
    }  # fmt: skip


def outlook(outcome: str) -> Data:
    now = outcome in ("upgraded", "terminated")
    return shown_outlook({
        "outcome": outcome, "timezone": "Asia/Tokyo", "takesEffectAt": "2024-02-12T09:00:00.000Z", "planName": "Scale", "payInAdvance": True,
        "trialEndsAt": None, "endsAt": None, "invoices": [_invoice("2024-02-12T09:00:00.000Z", 18_000, 1_800)] if now else [],
        "creditNotes": [{"currency": "USD", "totalAmountCents": "1800", "creditAmountCents": "1800", "refundAmountCents": "0", "offsetAmountCents": "0"}] if now else [],
        "nextInvoice": None if outcome == "terminated" else _invoice("2024-02-29T15:00:00.000Z", 29_000),
    })  # fmt: skip


def subscription_list(url: str) -> Data:
    rows = [("Production search", "active", "Acme Corporation", "Scale", 99_000, "USD", None),
            ("Staging", "pending", "Acme Corporation", "Team", 4_900, "USD", "2025-01-31T00:00:00Z"),
            ("sub_delphi_eu", "active", "Delphi Data", "Enterprise", 1_200_000, "EUR", None)]  # fmt: skip
    found = read_filters(url, FILTERS)
    return {
        "title": "Subscriptions", "frame": frame("subscriptions", CLOCK), "search": "", "filters": found.bar, "filtered": bool(found),
        "page": page(3, url), "api": calls("POST", "/subscriptions", OPERATION),
        "quick": [{"label": "Current", "href": "#", "current": True, "count": None}, {"label": "All", "href": "#", "current": False, "count": None}],
        "subscriptions": [
            {"id": uid(at), "href": HREF, "name": name, "external_id": f"sub-{at}", "named": at < 2, "can_edit": True, "status": status,
             "customer": {"name": customer, "href": f"{BASE}/customer/1/overview"}, "plan": plan, "overridden": at == 0,
             "next_plan": "Team from Apr 1, 2024" if at == 2 else None, "amount_cents": cents, "currency": currency, "interval": "Monthly",
             "started_at": "2024-01-15T23:30:00Z", "ending_at": ending}
            for at, (name, status, customer, plan, cents, currency, ending) in enumerate(rows)],
    }  # fmt: skip


def _plan(amount: str, price: str, parent: Data | None = None) -> Data:
    charge = {
        "id": uid(8), "code": "search_requests", "chargeModel": "standard", "invoiceDisplayName": None, "payInAdvance": False, "prorated": False,
        "minAmountCents": "0", "properties": {"amount": price}, "billableMetric": {"id": uid(6), "name": "Search requests", "code": "search_requests"},
        "filters": [], "taxes": [],
    }  # fmt: skip
    return {
        "amountCents": amount, "amountCurrency": "USD", "trialPeriod": None, "invoiceDisplayName": None, "taxes": [{"name": "VAT", "rate": "20.0"}],
        "minimumCommitment": {"amountCents": "50000"}, "charges": [charge], "parent": parent,
    }  # fmt: skip


def _head(tab: str, pending: bool) -> Data:
    return {
        "title": "Production search", "frame": frame("subscriptions", CLOCK), "tab": tab,
        "tabs": [{"label": "Overview", "href": HREF, "current": tab == "overview"}, {"label": "Usage", "href": f"{HREF}/usage", "current": tab == "usage"},
                 {"label": "Entitlements", "href": f"{HREF}/entitlements", "current": tab == "entitlements"}],
        "banner": None if pending else {"text": "Changes to Team ($49.00) on Apr 1, 2024, when its period has ended.", "action": {"label": "See it", "href": HREF}},
        "subscription": {
            "id": uid(3), "href": HREF, "name": "Production search", "external_id": "sub_acme", "status": "pending" if pending else "active",
            "timezone": "Asia/Tokyo", "started_at": None if pending else "2024-01-15T23:30:00Z", "subscription_at": "2024-04-15T23:30:00Z",
            "ending_at": None, "ended": False, "period_start": None if pending else "2024-03-01T05:00:00Z", "period_end": "2024-04-01T03:59:59Z",
            "next_billing_at": None if pending else "2024-03-31T15:00:00Z", "plan": "Scale", "plan_href": f"{BASE}/plan/1", "overridden": True,
            "fee": "$990.00", "interval": "monthly"},
        "customer": CUSTOMER, "can": {"edit": True, "change": True, "terminate": True},
        "api": calls("GET", "/subscriptions/sub_acme", OPERATION),
    }  # fmt: skip


def entitled_head() -> Data:
    """The page around the tab of entitlements."""
    return _head("entitlements", False)


def overview(pending: bool = False) -> Data:
    plan = _plan("99000", "0.04", _plan("120000", "0.05"))
    row = {"reason": "Period", "from": "2024-02-29T15:00:00Z", "to": "2024-03-31T14:59:59Z", "charges_from": "2024-01-31T15:00:00Z",
           "charges_to": "2024-02-29T14:59:59Z", "number": "ACM-001-002", "href": f"{BASE}/invoice/1", "status": "finalized",
           "total_cents": 123_400, "currency": "USD"}  # fmt: skip
    return {
        **_head("overview", pending), "terms": effective_terms(plan), "charges": effective_charges(plan, BASE),
        "thresholds": [{"label": "Step", "value": "$5,000.00"}], "facts": [{"label": "Fee billed", "value": "In advance"}],
        "trial": None, "periods": [] if pending else [row, {**row, "charges_to": row["charges_from"], "reason": "Start", "status": "draft"}],
    }  # fmt: skip


def usage_tab(pending: bool = False) -> Data:
    charge = {"name": "Search requests", "units": "1240", "amount_cents": 1240,
              "parts": [{"name": "region: eu", "units": "1240", "amount_cents": 1240, "groups": [{"name": "model: large", "units": "1240", "amount_cents": 1240}]}]}  # fmt: skip
    past = {
        "from": "2024-01-31T15:00:00Z",
        "to": "2024-02-29T14:59:59Z",
        "currency": "USD",
        "total_cents": 1240,
        "href": f"{BASE}/invoice/1",
    }
    return {
        **_head("usage", pending), "usage": [] if pending else usage(), "past": [] if pending else [{**past, "charges": [charge]}, {**past, "charges": []}],
        "past_page": None, "alerts": section(is_wallet=False, empty=pending),
        "lifetime": None if pending else {
            "total_cents": 648218, "currency": "USD", "last": "$6,000.00", "next": "$8,500.00", "remaining": "$2,017.82", "percent": 19.3,
            "label": "19% of the way", "parts": [{"label": "Invoiced", "value": "$3,000.00"}, {"label": "This period", "value": "$3,482.18"}]},
    }  # fmt: skip


def _own_prices() -> Data:
    metric = {"id": uid(6), "code": "search_requests", "name": "Search requests", "aggregationType": "sum_agg", "recurring": False,
              "filters": [{"key": "region", "values": ["eu", "us"]}]}  # fmt: skip
    charge = {"id": uid(8), "code": "search_requests", "chargeModel": "standard", "invoiceDisplayName": None, "payInAdvance": False,
              "invoiceable": True, "regroupPaidFees": None, "prorated": False, "minAmountCents": "0", "properties": {"amount": "0.04"}, "taxes": [],
              "billableMetric": metric, "filters": [{"values": {"region": ["eu"]}, "properties": {"amount": "0.03"}, "invoiceDisplayName": None}]}  # fmt: skip
    cards = plan_charges.of_plan([charge], "USD")
    cards[0].open = True
    taxes = [{"code": "vat", "name": "VAT", "rate": "20.0", "on": True}]
    values = {**dict.fromkeys(plan_values.TEXTS, ""), "name": "Scale", "amount": "900.00", "commitment": "500.00"}
    errors = {"amount": "This is not an amount of this currency.", "c1-p-amount": "This is not a number."}
    return {
        "plan": uid(2), "values": values, "currency": "USD", "copied": False, "taxes": taxes, "commitment_taxes": taxes,
        "thresholds": [{"index": 0, "amount": "1000.00", "name": "First"}], "errors": errors,
        "cards": plan_cards.shown(cards, errors, {}, taxes, "USD", mode=plan_charges.OVERRIDE),
        "form": {"url": f"{HREF}/edit", "target": "plan-form", "focus": ""},
    }  # fmt: skip


def form(mode: str, refused: bool = False, own: bool = False) -> Data:
    values = {"plan": "1" if mode == "change" else "", "label": "Production search" if mode != "assign" else "", "external_id": "", "billing_time": "calendar",
              "start": "", "end": "", "own": "yes" if own else "", "whole": ""}  # fmt: skip
    new = mode == "assign"
    return {
        "title": "Assign a plan" if new else "Edit Production search" if mode == "edit" else "Upgrade or downgrade Production search",
        "frame": frame("subscriptions", CLOCK), "mode": mode, "scheduled": new, "customer": CUSTOMER,
        "back": {"name": "Acme Corporation" if new else "Production search", "href": f"{BASE}/customer/1" if new else HREF},
        "action": f"{BASE}/customer/1/assign-plan" if new else f"{HREF}/{'edit' if mode == 'edit' else 'change-plan'}",
        "typed": refused, "can_own": True, "own": _own_prices() if own else None, "submit": "Assign plan" if new else "Save" if mode == "edit" else "Change plan", "values": values,
        "errors": {**dict.fromkeys(values), **({"plan": "This cannot be empty.", "end": "This is not a date that can be used here."} if refused else {})},
        "error": None, "current": None if new else {"plan": "Team · $49.00 monthly in advance", "name": "Team"},
        "pending": "A change to Team waits for the end of the period. Another change of plan replaces it." if mode == "change" else None,
        "plans": [{"value": "", "label": "Choose a plan", "disabled": False}, {"value": "1", "label": "Scale · $990.00 monthly in advance", "disabled": False},
                  {"value": "2", "label": "Enterprise · €12,000.00 yearly in advance (the customer pays in USD)", "disabled": True}],
        "timezone": "Asia/Tokyo", "outlook": outlook("upgraded") if mode == "change" else None,
        "outlook_hint": "Choose a plan to see when the first invoice comes, and for which days.",
    }  # fmt: skip


def terminate() -> Data:
    return {
        "title": "Terminate Production search?", "frame": frame("subscriptions", CLOCK),
        "subscription": {"href": HREF, "name": "Production search", "active": True, "advance": True},
        "chosen": {"credit_note": "credit", "invoice": "generate"}, "outlook": outlook("terminated"), "outlook_hint": "",
    }  # fmt: skip


def _events(url: str, empty: bool = False) -> Data:
    rows = [
        ("search_requests", "tx-0003", None),
        ("serch_requests", "tx-0002", "Unknown code"),
        ("search_requests", "tx-0001", "Property missing"),
    ]
    event = {
        "event": {
            "transaction_id": "tx-1",
            "external_subscription_id": "sub_acme",
            "code": "search_requests",
            "properties": {"volume": 1},
        }
    }
    return {
        "title": "Events", "frame": frame("developers", CLOCK), "tabs": [{"label": "Events", "href": f"{BASE}/developers/events", "current": True}],
        "path": f"{BASE}/developers/events", "search": "", "filtered": False, "further": not empty,
        "events": [] if empty else [
            {"href": f"{BASE}/developers/event", "code": code, "metric": None if says == "Unknown code" else "Search requests", "transaction_id": key,
             "subscription": "sub_acme", "received_at": "2024-03-20T10:00:00Z", "warning": says} for code, key, says in rows],
        "older": None if empty else f"{BASE}/developers/events?after=1-2", "sample": formatting.curl("POST", "https://billing.example.com/api/v1/events", event),
        "api": calls("GET", "/events", OPERATION),
    }  # fmt: skip


def _event() -> Data:
    return {
        "title": "tx-0002", "frame": frame("developers", CLOCK), "back": f"{BASE}/developers/events", "api": calls("GET", "/events/tx-0002", OPERATION),
        "event": {"code": "serch_requests", "transaction_id": "tx-0002", "external_id": "sub_acme", "received_at": "2024-03-20T10:00:00Z",
                  "timestamp": "2024-03-20T09:59:58Z", "timezone": "Asia/Tokyo", "amount": "12.5", "ip": "198.51.100.7", "client": "curl/8.5.0", "source": None,
                  "payload": '{\n  "transaction_id": "tx-0002",\n  "properties": {\n    "volume": 1\n  }\n}'},
        "metric": None, "subscription": {"name": "Production search", "href": HREF}, "customer": CUSTOMER,
        "banner": {"text": "No billable metric has the code serch_requests: the event is kept, and nothing counts it.",
                   "action": {"label": "Create a metric", "href": f"{BASE}/create/billable-metric"}},
    }  # fmt: skip


SUBSCRIPTION_PAGES: dict[str, tuple[str, str, Callable[[str], Data]]] = {
    "/acme/subscriptions": ("Subscriptions", "subscriptions/list.html", subscription_list),
    "/acme/subscription/1": ("Subscription", "subscriptions/page.html", lambda _: overview()),
    "/acme/subscription/pending": ("Subscription that waits", "subscriptions/page.html", lambda _: overview(True)),
    "/acme/subscription/1/usage": ("Subscription's usage", "subscriptions/page.html", lambda _: usage_tab()),
    "/acme/customer/1/assign-plan": ("Assign a plan", "subscriptions/form.html", lambda _: form("assign")),
    "/acme/customer/1/assign-plan/refused": (
        "Assign a plan, refused",
        "subscriptions/form.html",
        lambda _: form("assign", True),
    ),
    "/acme/subscription/1/edit": ("Edit a subscription", "subscriptions/form.html", lambda _: form("edit")),
    "/acme/subscription/1/edit/prices": (
        "Edit a subscription's prices",
        "subscriptions/form.html",
        lambda _: form("edit", own=True),
    ),
    "/acme/subscription/1/change-plan": ("Change of plan", "subscriptions/form.html", lambda _: form("change")),
    "/acme/developers/events": ("Events", "developers/events.html", _events),
    "/acme/developers/events/empty": ("Events, none", "developers/events.html", lambda url: _events(url, empty=True)),
    "/acme/developers/event": ("Event", "developers/event.html", lambda _: _event()),
    "/acme/subscription/1/terminate": ("Ending a subscription", "subscriptions/terminate.html", lambda _: terminate()),
}
"""Address -> name, template and context, as in ``gallery.PAGES``."""
