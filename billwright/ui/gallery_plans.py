"""Sample plans of the gallery, their form built by the product's own code. Development only."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from billwright.billing.pricing.trial import try_price
from billwright.ui.gallery_entitlements import GRANTS
from billwright.ui.gallery_samples import BASE, CLOCK, calls, frame, page, uid
from billwright.ui.views import plan_charges, plan_examples, plan_prices, plan_values
from billwright.ui.views.plan_charges import ChargeDraft
from billwright.ui.views.plan_forms import FormState, form_content

Data = dict[str, Any]
OPERATION = 'query PlanPage {\n  plan(id: "…") {\n    id\n  }\n}'
_TAXES = [{"code": "vat", "name": "VAT", "rate": "20.0"}]
_SEARCH = {"id": uid(31), "code": "search", "name": "Search requests", "aggregationType": "sum_agg", "recurring": False,
           "filters": [{"key": "region", "values": ["eu", "us", "asia"]}, {"key": "tier", "values": ["small", "large"]}]}  # fmt: skip
_SEATS = {
    "id": uid(32),
    "code": "seats",
    "name": "Seats",
    "aggregationType": "unique_count_agg",
    "recurring": True,
    "filters": [],
}


def _tiers(*rows: tuple[int, int | None, str, str]) -> Data:
    return {"graduated_ranges": [{"from_value": start, "to_value": end, "per_unit_amount": price, "flat_amount": flat}
                                 for start, end, price, flat in rows]}  # fmt: skip


def _charge(metric: Data, model: str, properties: Data, filters: list[Data] | None = None) -> Data:
    return {"id": uid(40), "code": metric["code"], "chargeModel": model, "invoiceDisplayName": None, "payInAdvance": False,
            "invoiceable": True, "regroupPaidFees": None, "prorated": False, "minAmountCents": "0", "properties": properties,
            "taxes": [], "billableMetric": metric, "filters": filters or []}  # fmt: skip


_PLAN: Data = {
    "id": uid(5), "name": "Scale", "code": "scale", "description": "For teams in production", "interval": "monthly",
    "amountCents": "99000", "amountCurrency": "USD", "payInAdvance": True, "billChargesMonthly": None, "trialPeriod": "14.0",
    "invoiceDisplayName": None, "metadata": None, "taxes": [{"code": "vat"}], "isOverridden": False, "subscriptionsCount": 41,
    "activeSubscriptionsCount": 41, "overridesCount": 2,
    "minimumCommitment": {"amountCents": "150000", "invoiceDisplayName": None, "taxes": []},
    "usageThresholds": [{"amountCents": "100000", "thresholdDisplayName": "First thousand", "recurring": False},
                        {"amountCents": "250000", "thresholdDisplayName": None, "recurring": True}],
    "charges": [
        _charge(_SEARCH, "graduated", _tiers((0, 10_000, "0", "0"), (10_001, 1_000_000, "0.0015", "0"), (1_000_001, None, "0.0012", "256.26")),
                [{"values": {"region": ["eu"], "tier": ["__ALL_FILTER_VALUES__"]}, "invoiceDisplayName": "Europe",
                  "properties": _tiers((0, None, "0.002", "0"))}]),
        _charge(_SEATS, "package", {"amount": "49", "package_size": 5, "free_units": 0}),
    ],
}  # fmt: skip


def _example(draft: ChargeDraft, price: plan_prices.PriceDraft) -> Data:
    found = try_price(
        draft.model,
        plan_prices.properties(price, draft.model),
        Decimal(draft.units),
        "USD",
        aggregation_type=draft.kind,
    )
    if found is None:
        return plan_examples.shown(draft, None, "USD")
    trial = {
        "units": str(found.fee.units), "amountCents": found.fee.amount_cents, "preciseUnitAmount": str(found.fee.precise_unit_amount),
        "amountDetails": found.fee.amount_details,
        "curve": [{"units": str(point.units), "amount": str(point.amount)} for point in found.curve],
    }  # fmt: skip
    return plan_examples.shown(draft, trial, "USD")


def plan_form(*, edited: bool = False, refused: bool = False) -> Data:
    """The form: new and unfolded, or of a plan in use; ``refused`` with mistakes."""
    draft = plan_values.of_plan(_PLAN)
    cards = plan_charges.of_plan(_PLAN["charges"], "USD", copied=not edited)
    cards[0].units, cards[0].open, cards[1].removed = "50000", not edited, edited and not refused
    state = FormState(_PLAN if edited else None, draft, cards)
    if refused:
        cards[1].price.texts["amount"] = "cheap"
        state.errors = {"code": "This is taken already.", "c2-p-amount": "This is not a price: write a number such as 0.05.",
                        "cascade": "Choose one.", "threshold-0": "This is out of range."}  # fmt: skip
    examples = {price.prefix: _example(card, price) for card in cards for price in (card.price, *card.filters)}
    choices = {"taxes": {"collection": _TAXES}, "billableMetrics": {"collection": [_SEARCH, _SEATS]}}
    return {
        "frame": frame("plans"),
        "can_metrics": True,
        **form_content(BASE, f"{BASE}/create/plan", state, choices, examples),
    }


def plan_page(url: str, tab: str = "overview") -> Data:
    tiers = [{"label": "First 10,000", "value": "$0.00"}, {"label": "10,000 to 1,000,000", "value": "$0.0015"},
             {"label": "1,000,000 and above", "value": "$0.0012 + $256.26 flat"}]  # fmt: skip
    return {
        "title": "Scale", "frame": frame("plans", CLOCK), "url": url, "tab": tab, "page": page(2, url),
        "plan": {"id": uid(5), "href": f"{BASE}/plan/1", "name": "Scale", "code": "scale", "description": "For teams in production",
                 "overridden": False, "deleting": False, "currency": "USD",
                 "facts": [{"label": "Interval", "value": "Monthly"}, {"label": "Billed", "value": "In advance"}, {"label": "Trial", "value": "14 days"}]},
        "figures": [{"label": "Fee", "value": "$990.00", "note": "Monthly, in advance"}, {"label": "Active subscriptions", "value": "41"},
                    {"label": "Customers", "value": "38"}, {"label": "Draft invoices", "value": "0"}],
        "tabs": [{"label": "Overview", "href": f"{BASE}/plan/1", "current": tab == "overview"},
                 {"label": "Subscriptions", "href": f"{BASE}/plan/1/subscriptions", "current": tab == "subscriptions", "count": 41}],
        "can": {"create": True, "edit": True, "delete": True}, "affected": {"subscriptions": 41, "drafts": 3},
        "charges": [
            {"id": uid(1), "name": "Search requests", "code": "search", "metric": {"name": "Search requests", "href": f"{BASE}/billable-metric/1"},
             "notes": "Graduated, in arrears", "prices": [{"name": None, "rows": tiers}, {"name": "Region: EU", "rows": tiers[:1]}]},
            {"id": uid(2), "name": "Seats", "code": "seats", "metric": {"name": "Seats", "href": f"{BASE}/billable-metric/1"},
             "notes": "Package, in arrears, prorated", "prices": [{"name": None, "rows": [{"label": "Each package of 5", "value": "$49.00"}]}]}],
        "commitment": [{"label": "At least", "value": "$1,500.00 per interval"}],
        "entitlements": GRANTS,
        "thresholds": [{"label": "First thousand", "value": "$1,000.00"}, {"label": "Then each time", "value": "every $2,500.00"}],
        "subscriptions": [{"id": uid(at), "href": f"{BASE}/subscription/{at}", "customer": name, "customer_href": f"{BASE}/customer/{at}", "name": name.lower(),
                           "status": status, "overridden": at == 2, "start": "2024-01-15T23:30:00Z", "end": None}
                          for at, (name, status) in enumerate((("Northwind", "active"), ("Hooli", "pending"), ("Initech", "terminated")), 1)],
        "assign": "", "api": calls("GET", "/plans/scale", OPERATION),
    }  # fmt: skip


PLAN_PAGES: dict[str, tuple[str, str, Callable[[str], Data]]] = {
    "/acme/plan/1": ("Plan", "catalogue/plan.html", plan_page),
    "/acme/plan/1/subscriptions": ("Plan, subscriptions", "catalogue/plan.html", lambda url: plan_page(url, "subscriptions")),
    "/acme/create/plan": ("New plan", "catalogue/plan_form.html", lambda url: {**plan_form(), "url": url}),
    "/acme/create/plan/refused": ("New plan, refused", "catalogue/plan_form.html", lambda url: {**plan_form(refused=True), "url": url}),
    "/acme/plan/1/edit": ("Edit a plan in use", "catalogue/plan_form.html", lambda url: {**plan_form(edited=True), "url": url}),
}  # fmt: skip
"""Address -> (label, template, context of an address)."""
