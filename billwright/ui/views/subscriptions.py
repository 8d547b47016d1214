"""Subscriptions: list, page with its tabs, terminating (spec 07 §7.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.components import status_of
from billwright.ui.filters import YES_OR_NO, Filter, read_filters
from billwright.ui.views.alerts import shown_alerts
from billwright.ui.views.customers import customer_href, load_frame, present, shown_name
from billwright.ui.views.entitlements import shown_grants
from billwright.ui.views.subscription_outlook import shown_outlook
from billwright.ui.views.subscription_terms import effective_charges, effective_terms
from billwright.ui.views.support import Refused, View
from billwright.ui.views.thresholds import shown_lifetime, shown_thresholds
from billwright.ui.views.usage import INTERVALS, shown_past_usage, shown_usage
from billwright.ui.views.words import toast_words

Data = Mapping[str, Any]
STATUSES = ("active", "pending", "terminated", "canceled")
RUNNING = STATUSES[:2]
FILTERS = (
    Filter(
        "status", "Status", "choices", [(each, status_of("subscription", each).word) for each in STATUSES], quick=True
    ),
    Filter("plan", "Plan code", "text", quick=True),
    Filter("customer", "Customer's external id", "text"),
    Filter("external_id", "External id", "text"),
    Filter("overridden", "Prices of its own", "choice", YES_OR_NO),
)
QUICK = (("Current", ()), ("Ended", ("terminated", "canceled")), ("All", STATUSES))
"""Quick filters: without any status the list has those that are active or pending (spec 07 §7.5)."""
CREDIT_NOTES = ("credit", "refund", "offset", "skip")
_REASONS: Mapping[str, str] = {
    "subscription_starting": "Start",
    "subscription_periodic": "Period",
    "subscription_terminating": "End",
    "progressive_billing": "Threshold",
    "in_advance_charge": "Event",
    "in_advance_charge_periodic": "Paid events",
}


def subscription_href(view: View, item: Data) -> str:
    return f"{view.base}/subscription/{item['id']}"


def subscription_name(item: Data) -> str:
    """Its name, else its external id."""
    return item["name"] or item["externalId"]


# --- list ------------------------------------------------------------------------------------------------------------


async def subscription_list(view: View) -> Response:
    """``GET /{slug}/subscriptions``: active and pending ones unless told."""
    filters = read_filters(view.url, FILTERS)
    data = await view.ask(
        "SubscriptionList",
        **view.paging(),
        searchTerm=view.search or None,
        status=filters.many("status"),
        planCode=filters.one("plan"),
        externalCustomerId=filters.one("customer"),
        externalId=filters.one("external_id"),
        overriden=filters.flag("overridden"),
    )
    found = data["subscriptions"]
    content = {
        "title": "Subscriptions",
        "url": view.url,
        "search": view.query("search"),
        "quick": [
            {
                "label": label,
                "href": formatting.url_with(view.url, status=statuses or None, page=None),
                "current": set(filters.many("status") or ()) == set(statuses),
                "count": None,
            }
            for label, statuses in QUICK
        ],
        "filters": filters.bar,
        "filtered": bool(filters) or bool(view.search),
        "subscriptions": [_row(view, item) for item in found["collection"]],
        "page": view.pager(found["metadata"]),
        "api": view.api(
            "SubscriptionList", "POST", "/subscriptions",
            {"subscription": {"external_customer_id": "acme-001", "plan_code": "team", "external_id": "sub-1"}},
        ),
    }  # fmt: skip
    return await view.page("subscriptions/list.html", "subscriptions", content)


def _row(view: View, item: Data) -> dict[str, Any]:
    plan = item["plan"]
    return {
        "id": item["id"],
        "href": subscription_href(view, item),
        "name": subscription_name(item),
        "external_id": item["externalId"],
        "named": bool(item["name"]),
        "status": item["status"],
        "can_edit": item["status"] in RUNNING and view.may("subscriptions:update"),
        "customer": {"name": shown_name(item["customer"]), "href": customer_href(view, item["customer"])},
        "plan": plan["name"],
        "next_plan": _waiting(item),
        "overridden": plan["isOverridden"],
        "amount_cents": int(plan["amountCents"]),
        "currency": plan["amountCurrency"],
        "interval": INTERVALS[plan["interval"]],
        "started_at": item["startedAt"] or item["subscriptionAt"],
        "ending_at": item["terminatedAt"] or item["canceledAt"] or item["endingAt"],
    }


def _waiting(item: Data) -> str | None:
    """The plan of a downgrade that waits, with its day."""
    later = item["nextSubscription"]
    if later is None or later["status"] != "pending" or not item["downgradePlanDate"]:
        return None
    return f"{later['plan']['name']} from {formatting.plain_date(item['downgradePlanDate'])}"


# --- page ------------------------------------------------------------------------------------------------------------


async def subscription_page(view: View) -> Response:
    """``GET /{slug}/subscription/{id}``: what it is and what it pays."""
    item = (await view.ask("SubscriptionPage", id=view.path("subscription")))["subscription"]
    plan = item["plan"]
    thresholds = shown_thresholds(item["applicableUsageThresholds"], plan["amountCurrency"])
    content = {
        "terms": effective_terms(plan),
        "charges": effective_charges(plan, view.base),
        "thresholds": thresholds,
        "facts": _facts(item),
        "trial": item["trialEndedAt"] or item["trialEndsAt"],
        "periods": None if item["billedPeriods"] is None else [_period(view, each) for each in item["billedPeriods"]],
    }
    api = view.api("SubscriptionPage", "GET", f"/subscriptions/{item['externalId']}")
    return await _page(view, item, "overview", content, api)


async def usage_page(view: View) -> Response:
    """``GET /{slug}/subscription/{id}/usage``: the running period live, lifetime usage, and what was invoiced."""
    data = await view.ask("SubscriptionUsage", id=view.path("subscription"), **{**view.paging(), "limit": 12})
    item = data["subscription"]
    now = present(view, await load_frame(view))
    usage, past = shown_usage(item, view.base, now), item["pastUsage"]
    content = {
        "usage": [{**usage, "name": "This period"}] if usage else [],
        "lifetime": shown_lifetime(item),
        "past": [shown_past_usage(each, view.base) for each in past["collection"]] if past else [],
        "past_page": view.pager(past["metadata"]) if past and past["metadata"]["totalPages"] > 1 else None,
        "alerts": shown_alerts(
            view, item["alerts"], item["plan"]["amountCurrency"], href=subscription_href(view, item),
            rest=f"/subscriptions/{item['externalId']}/alerts",
            editable=view.may("subscriptions:update") and item["status"] in ("active", "pending"),
        ),
    }  # fmt: skip
    customer = item["customer"]["externalId"]
    path = f"/customers/{customer}/current_usage?external_subscription_id={item['externalId']}"
    return await _page(view, item, "usage", content, view.api("SubscriptionUsage", "GET", path))


async def entitlements_page(view: View) -> Response:
    """``GET /{slug}/subscription/{id}/entitlements``: what it is entitled to, and what it goes without."""
    item = (await view.ask("SubscriptionEntitlements", id=view.path("subscription")))["subscription"]
    grants = shown_grants(view, item["entitlements"])
    kept = {grant["code"] for grant in grants}
    content = {
        "grants": grants,
        "removed": [
            {**grant, "whole": grant["code"] not in kept} for grant in shown_grants(view, item["removedEntitlements"])
        ],
        "entitled": {"change": view.may("subscriptions:update")},
    }
    api = view.api("SubscriptionEntitlements", "GET", f"/subscriptions/{item['externalId']}/entitlements")
    return await _page(view, item, "entitlements", content, api)


async def _page(view: View, item: Data, tab: str, content: Data, api: list[dict[str, str]]) -> Response:
    plan, href = item["plan"], subscription_href(view, item)
    running = item["status"] in RUNNING
    changes = view.may("subscriptions:create") and running and not _follows(item)
    full = {
        "title": subscription_name(item),
        "url": view.url,
        "tab": tab,
        "tabs": [
            {"label": "Overview", "href": href, "current": tab == "overview"},
            {"label": "Usage", "href": f"{href}/usage", "current": tab == "usage"},
            {"label": "Entitlements", "href": f"{href}/entitlements", "current": tab == "entitlements"},
        ],
        "subscription": {
            "id": item["id"],
            "href": href,
            "name": subscription_name(item),
            "external_id": item["externalId"],
            "status": item["status"],
            "timezone": item["applicableTimezone"],
            "started_at": item["startedAt"],
            "subscription_at": item["subscriptionAt"],
            "ending_at": item["terminatedAt"] or item["canceledAt"] or item["endingAt"],
            "ended": item["terminatedAt"] is not None or item["canceledAt"] is not None,
            "period_start": item["currentBillingPeriodStartedAt"],
            "period_end": item["currentBillingPeriodEndingAt"],
            "next_billing_at": item["nextBillingAt"],
            "plan": plan["name"],
            "plan_href": f"{view.base}/plan/{_ordinary(plan)}",
            "overridden": plan["isOverridden"],
            "fee": formatting.money_with_currency(plan["amountCents"], plan["amountCurrency"]),
            "interval": INTERVALS[plan["interval"]].lower(),
        },
        "banner": _banner(view, item),
        "customer": {
            "name": shown_name(item["customer"]),
            "href": customer_href(view, item["customer"]),
            "timezone": item["applicableTimezone"],
        },
        "can": {
            "edit": view.may("subscriptions:update") and running,
            "change": changes,
            "terminate": view.may("subscriptions:update") and running,
        },
        "api": api,
        **content,
    }
    return await view.page("subscriptions/page.html", "subscriptions", full)


def _ordinary(plan: Data) -> str:
    parent: Data | None = plan.get("parent")
    return str(parent["id"] if parent else plan["id"])


def _follows(item: Data) -> bool:
    """Whether it is a downgrade that waits: the running subscription's plan is what can be changed."""
    return item["status"] == "pending" and item["previousSubscription"] is not None


def _banner(view: View, item: Data) -> dict[str, Any] | None:
    """What comes, or what came instead."""
    later, before = item["nextSubscription"], item["previousSubscription"]
    if later is not None and later["status"] == "pending" and item["downgradePlanDate"]:
        day = formatting.plain_date(item["downgradePlanDate"])
        fee = formatting.money_with_currency(later["plan"]["amountCents"], later["plan"]["amountCurrency"])
        text = f"Changes to {later['plan']['name']} ({fee}) on {day}, when its period has ended."
        return {"text": text, "action": {"label": "See it", "href": subscription_href(view, later)}}
    if later is not None and item["status"] == "terminated":
        text = f"Went on as {later['plan']['name']}."
        return {"text": text, "action": {"label": "To the subscription now", "href": subscription_href(view, later)}}
    if _follows(item):
        text = f"Takes over from {before['plan']['name']} when that period has ended."
        return {"text": text, "action": {"label": "To the running one", "href": subscription_href(view, before)}}
    return None


def _facts(item: Data) -> list[dict[str, str]]:
    plan = item["plan"]
    facts = [
        {"label": "Fee billed", "value": "In advance" if plan["payInAdvance"] else "In arrears"},
        {"label": "Periods", "value": "Calendar" if item["billingTime"] == "calendar" else "Anniversary of the start"},
        {"label": "Time zone", "value": item["applicableTimezone"].replace("_", " ")},
    ]
    if plan["billChargesMonthly"]:
        facts.insert(1, {"label": "Usage billed", "value": "Monthly"})
    if item["onTerminationInvoice"] == "skip":
        facts.append({"label": "At its end", "value": "No final invoice"})
    if item["progressiveBillingDisabled"]:
        facts.append({"label": "Thresholds", "value": "Turned off"})
    return facts


def _period(view: View, row: Data) -> dict[str, Any]:
    invoice = row["invoice"]
    return {
        "reason": _REASONS.get(row["invoicingReason"], row["invoicingReason"]),
        "from": row["fromDatetime"],
        "to": row["toDatetime"],
        "charges_from": row["chargesFromDatetime"],
        "charges_to": row["chargesToDatetime"],
        "number": invoice["number"],
        "href": f"{view.base}/invoice/{invoice['id']}",
        "status": invoice["status"],
        "total_cents": int(invoice["totalAmountCents"]),
        "currency": invoice["currency"],
    }


# --- ending ----------------------------------------------------------------------------------------------------------


async def terminate_form(view: View) -> Response:
    """``GET /{slug}/subscription/{id}/terminate``: the dialog's form with what each choice would do, in figures.

    ``?credit_note=`` and ``?invoice=`` choose; the page's dialog asks for its block.
    """
    item = (await view.ask("TerminateForm", id=view.path("subscription")))["subscription"]
    if item["status"] not in ("active", "pending"):
        raise Refused(404, "subscription_not_found")
    active = item["status"] == "active"
    advance = active and item["plan"]["payInAdvance"]
    chosen = {
        "credit_note": view.query("credit_note") if view.query("credit_note") in CREDIT_NOTES else "credit",
        "invoice": "skip" if view.query("invoice") == "skip" else "generate",
    }
    options = {"onTerminationInvoice": chosen["invoice"]} if active else {}
    if advance:
        options["onTerminationCreditNote"] = chosen["credit_note"]
    outcome = await view.change("PreviewSubscriptionTermination", id=item["id"], **options)
    content = {
        "title": f"{'Terminate' if active else 'Cancel'} {subscription_name(item)}?",
        "url": view.url,
        "subscription": {
            "href": subscription_href(view, item),
            "name": subscription_name(item),
            "active": active,
            "advance": advance,
        },
        "chosen": chosen,
        "outlook": shown_outlook(outcome.data["preview"]) if outcome.ok else None,
        "outlook_hint": "" if outcome.ok else toast_words(outcome.code, outcome.fields),
    }
    return await view.page("subscriptions/terminate.html", "subscriptions", content)


async def terminate(view: View) -> Response:
    """``POST /{slug}/subscription/{id}/terminate``."""
    options: dict[str, Any] = {"id": view.path("subscription")}
    if view.posted("credit_note") in CREDIT_NOTES:
        options["onTerminationCreditNote"] = view.posted("credit_note")
    if view.posted("invoice") in ("generate", "skip"):
        options["onTerminationInvoice"] = view.posted("invoice")
    outcome = await view.change("TerminateSubscription", **options)
    address = f"{view.base}/subscription/{view.path('subscription')}"
    if not outcome.ok:
        return view.redirect(address, ("negative", toast_words(outcome.code, outcome.fields)))
    status = outcome.data["terminateSubscription"]["status"]
    return view.redirect(
        address, ("positive", "Subscription canceled" if status == "canceled" else "Subscription ended")
    )
