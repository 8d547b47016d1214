"""Plans and billable metrics: lists and pages (spec 07 §7.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.billing.pricing.vocabulary import ALL_FILTER_VALUES
from billwright.ui import formatting
from billwright.ui.views.customers import shown_name
from billwright.ui.views.entitlements import shown_grants
from billwright.ui.views.metric_facts import AGGREGATIONS, counting, event_properties
from billwright.ui.views.prices import shown_price
from billwright.ui.views.support import View
from billwright.ui.views.thresholds import shown_thresholds
from billwright.ui.views.usage import INTERVALS, MODELS

_STATUSES = ["active", "pending", "terminated", "canceled"]


async def plan_list(view: View) -> Response:
    """``GET /{slug}/plans``."""
    found = (await view.ask("PlanList", **view.paging(), searchTerm=view.search or None))["plans"]
    can = view.may_change("plans")
    templates = (await view.ask("PlanTemplates"))["planTemplates"] if can["create"] and not view.is_htmx else []
    content = {
        "title": "Plans",
        "url": view.url,
        "can": can,
        "templates": [
            {"href": f"{view.base}/create/plan?template={item['code']}", "name": item["name"],
             "description": item["description"]}
            for item in templates
        ],
        "search": view.query("search"),
        "page": view.pager(found["metadata"]),
        "plans": [
            {
                "id": item["id"],
                "href": f"{view.base}/plan/{item['id']}",
                "name": item["name"],
                "code": item["code"],
                "amount_cents": int(item["amountCents"]),
                "currency": item["amountCurrency"],
                "interval": INTERVALS[item["interval"]],
                "subscriptions": item["activeSubscriptionsCount"],
                "charges": item["chargesCount"],
                "deleting": item["pendingDeletion"],
                "created_at": item["createdAt"],
            }
            for item in found["collection"]
        ],
        "api": view.api(
            "PlanList", "POST", "/plans",
            {"plan": {"name": "Team", "code": "team", "interval": "monthly", "amount_cents": 4900,
                      "amount_currency": "USD", "pay_in_advance": False}},
        ),
    }  # fmt: skip
    return await view.page("catalogue/plans.html", "plans", content)


async def plan_page(view: View) -> Response:
    """``GET /{slug}/plan/{id}``: the settings, and every price."""
    plan = (await view.ask("PlanPage", id=view.path("plan")))["plan"]
    return await view.page("catalogue/plan.html", "plans", {**_plan(view, plan, "overview"), "tab": "overview"})


async def plan_subscriptions(view: View) -> Response:
    """``GET /{slug}/plan/{id}/subscriptions``: who is on the plan, with its prices or their own."""
    plan = (await view.ask("PlanPage", id=view.path("plan")))["plan"]
    found = (await view.ask("PlanSubscriptions", **view.paging(), code=plan["code"], status=_STATUSES))["subscriptions"]
    content = {
        **_plan(view, plan, "subscriptions"),
        "tab": "subscriptions",
        "subscriptions": [
            {
                "id": item["id"],
                "href": f"{view.base}/subscription/{item['id']}",
                "customer": shown_name(item["customer"]),
                "customer_href": f"{view.base}/customer/{item['customer']['id']}",
                "name": item["name"] or item["externalId"],
                "status": item["status"],
                "overridden": item["plan"]["isOverridden"],
                "start": item["startedAt"] or item["subscriptionAt"],
                "end": item["terminatedAt"] or item["endingAt"],
            }
            for item in found["collection"]
        ],
        "page": view.pager(found["metadata"]),
        "assign": formatting.curl(
            "POST",
            f"{view.settings.api_url}/api/v1/subscriptions",
            {"subscription": {"external_customer_id": "acme-001", "plan_code": plan["code"], "external_id": "sub-1"}},
        ),
    }
    return await view.page("catalogue/plan.html", "plans", content)


def _plan(view: View, plan: Mapping[str, Any], tab: str) -> dict[str, Any]:
    currency, fee = plan["amountCurrency"], int(plan["amountCents"])
    base = f"{view.base}/plan/{plan['id']}"
    own = not plan["isOverridden"] and not plan["pendingDeletion"]
    return {
        "title": plan["name"],
        "url": view.url,
        "plan": {
            "id": plan["id"],
            "href": base,
            "name": plan["name"],
            "code": plan["code"],
            "description": plan["description"],
            "overridden": plan["isOverridden"],
            "deleting": plan["pendingDeletion"],
            "currency": currency,
            "facts": _facts(plan),
        },
        "figures": [
            {
                "label": "Fee",
                "value": formatting.money_with_currency(fee, currency),
                "note": f"{INTERVALS[plan['interval']]}, {'in advance' if plan['payInAdvance'] else 'in arrears'}",
            },
            {"label": "Active subscriptions", "value": f"{plan['activeSubscriptionsCount']:,}"},
            {"label": "Customers", "value": f"{plan['customersCount']:,}"},
            {"label": "Draft invoices", "value": f"{plan['draftInvoicesCount']:,}"},
        ],
        "charges": [_charge(view, charge, currency) for charge in plan["charges"]],
        "thresholds": shown_thresholds(plan["applicableUsageThresholds"], currency),
        "commitment": _commitment(plan, currency),
        "entitlements": shown_grants(view, plan["entitlements"]),
        "tabs": [
            {"label": "Overview", "href": base, "current": tab == "overview"},
            *(
                {"label": "Subscriptions", "href": href, "current": tab == "subscriptions", "count": count}
                for href, count in [(f"{base}/subscriptions", plan["activeSubscriptionsCount"])]
                if view.may("subscriptions:view")
            ),
        ],
        "can": {
            "create": view.may("plans:create"),
            "edit": own and view.may("plans:update"),
            "delete": own and view.may("plans:delete"),
        },
        "affected": {"subscriptions": plan["activeSubscriptionsCount"], "drafts": plan["draftInvoicesCount"]},
        "api": view.api("PlanPage", "GET", f"/plans/{plan['code']}"),
    }


def _commitment(plan: Mapping[str, Any], currency: str) -> list[dict[str, str]]:
    found = plan["minimumCommitment"]
    if not found:
        return []
    taxes = ", ".join(f"{tax['name']} {formatting.rate(tax['rate'])}" for tax in found["taxes"])
    facts = [
        ("At least", f"{formatting.money_with_currency(found['amountCents'], currency)} per interval"),
        ("Name on invoices", found["invoiceDisplayName"] or "Minimum commitment"),
        ("Taxes", taxes or "Of the plan"),
    ]
    return [{"label": label, "value": value} for label, value in facts]


def _facts(plan: Mapping[str, Any]) -> list[dict[str, str]]:
    trial = plan["trialPeriod"]
    facts = [
        ("Interval", INTERVALS[plan["interval"]]),
        ("Billed", "In advance" if plan["payInAdvance"] else "In arrears"),
        ("Usage billed", "Monthly" if plan["billChargesMonthly"] else "With the fee's interval"),
        ("Trial", f"{formatting.units(trial)} days" if trial and float(trial) else "None"),
        ("Currency", plan["amountCurrency"]),
        ("Name on invoices", plan["invoiceDisplayName"] or plan["name"]),
        ("Taxes", formatting.tax_names(plan["taxes"]) or "Of the customer"),
    ]
    return [{"label": label, "value": value} for label, value in facts]


def _charge(view: View, charge: Mapping[str, Any], currency: str) -> dict[str, Any]:
    metric = charge["billableMetric"]
    notes = [MODELS.get(charge["chargeModel"], charge["chargeModel"])]
    notes.append("billed at each event" if charge["payInAdvance"] else "in arrears")
    if charge["prorated"]:
        notes.append("prorated")
    if not charge["invoiceable"]:
        notes.append("without an invoice")
    if int(charge["minAmountCents"]):
        notes.append(f"at least {formatting.money_with_currency(charge['minAmountCents'], currency)}")
    if charge["taxes"]:
        notes.append(", ".join(f"{tax['name']} {formatting.rate(tax['rate'])}" for tax in charge["taxes"]))
    prices = [{"name": None, "rows": shown_price(charge["chargeModel"], charge["properties"], currency)}]
    for part in charge["filters"]:
        words = part["invoiceDisplayName"] or ", ".join(
            f"{key}: {'all values' if values == [ALL_FILTER_VALUES] else ' or '.join(values)}"
            for key, values in part["values"].items()
        )
        prices.append({"name": words, "rows": shown_price(charge["chargeModel"], part["properties"], currency)})
    return {
        "id": charge["id"],
        "name": charge["invoiceDisplayName"] or metric["name"],
        "code": charge["code"],
        "metric": {"name": metric["name"], "href": f"{view.base}/billable-metric/{metric['id']}"},
        "notes": ", ".join(notes),
        "prices": prices,
    }


async def metric_list(view: View) -> Response:
    """``GET /{slug}/billable-metrics``."""
    found = (await view.ask("MetricList", **view.paging(), searchTerm=view.search or None))["billableMetrics"]
    content = {
        "title": "Billable metrics",
        "url": view.url,
        "can": view.may_change("billable_metrics"),
        "search": view.query("search"),
        "page": view.pager(found["metadata"]),
        "metrics": [
            {
                "id": item["id"],
                "href": f"{view.base}/billable-metric/{item['id']}",
                "name": item["name"],
                "code": item["code"],
                "aggregation": AGGREGATIONS.get(item["aggregationType"], item["aggregationType"]),
                "field": item["expression"] or item["fieldName"],
                "recurring": item["recurring"],
                "plans": item["plansCount"],
                "created_at": item["createdAt"],
            }
            for item in found["collection"]
        ],
        "api": view.api(
            "MetricList", "POST", "/billable_metrics",
            {"billable_metric": {"name": "API calls", "code": "api_calls", "aggregation_type": "count_agg"}},
        ),
    }  # fmt: skip
    return await view.page("catalogue/metrics.html", "metrics", content)


async def metric_page(view: View) -> Response:
    """``GET /{slug}/billable-metric/{id}``, with the event that feeds it."""
    metric = (await view.ask("MetricPage", id=view.path("metric")))["billableMetric"]
    event: dict[str, Any] = {
        "transaction_id": "a-unique-id",
        "external_subscription_id": "your-subscription",
        "code": metric["code"],
    }
    properties = event_properties(metric)
    if properties:
        event["properties"] = properties
    content = {
        "title": metric["name"],
        "url": view.url,
        "metric": {
            "id": metric["id"],
            "name": metric["name"],
            "code": metric["code"],
            "description": metric["description"],
            "created_at": metric["createdAt"],
            "facts": [
                *counting(metric),
                *({"label": f"Filter {row['key']}", "value": ", ".join(row["values"])} for row in metric["filters"]),
                {"label": "On plans", "value": f"{metric['plansCount']:,}"},
            ],
            "source": metric["customAggregator"],
        },
        "can": view.may_change("billable_metrics"),
        "affected": {
            "plans": metric["plansCount"],
            "subscriptions": metric["activeSubscriptionsCount"],
            "drafts": metric["draftInvoicesCount"],
        },
        "sample": formatting.curl("POST", f"{view.settings.api_url}/api/v1/events", {"event": event}),
        "api": view.api("MetricPage", "GET", f"/billable_metrics/{metric['code']}"),
    }
    return await view.page("catalogue/metric.html", "metrics", content)
