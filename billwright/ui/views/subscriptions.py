"""Subscriptions: list, page, assigning a plan, terminating (spec 07 §7.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.components import status_of
from billwright.ui.views.customers import customer_href, load_frame, present, shown_name
from billwright.ui.views.support import Refused, View
from billwright.ui.views.thresholds import shown_lifetime
from billwright.ui.views.usage import INTERVALS, shown_usage
from billwright.ui.views.when import local_instant
from billwright.ui.views.words import field_errors, in_words, toast_words

STATUSES = ("active", "pending", "terminated", "canceled")
FIELDS = {
    "planId": "plan",
    "externalId": "external_id",
    "name": "name",
    "billingTime": "billing_time",
    "subscriptionAt": "start",
}


def subscription_href(view: View, item: Mapping[str, Any]) -> str:
    return f"{view.base}/subscription/{item['id']}"


async def subscription_list(view: View) -> Response:
    """``GET /{slug}/subscriptions``: active and pending ones unless told."""
    statuses = [value for value in view.query_all("status") if value in STATUSES]
    plan = view.query("plan")
    data = await view.ask(
        "SubscriptionList",
        **view.paging(),
        searchTerm=view.search or None,
        status=statuses or None,
        planCode=plan or None,
    )
    found = data["subscriptions"]
    chips = [
        {"key": "status", "label": "Status", "value": value, "shown": status_of("subscription", value).word}
        for value in statuses
    ]
    if plan:
        chips.append({"key": "plan", "label": "Plan", "value": plan, "shown": plan})
    content = {
        "title": "Subscriptions",
        "url": view.url,
        "search": view.query("search"),
        "filters": [
            {"key": "status", "label": "Status", "type": "text",
             "options": [{"value": value, "label": status_of("subscription", value).word} for value in STATUSES]},
            {"key": "plan", "label": "Plan code", "type": "text", "options": None},
        ],
        "active_filters": chips,
        "subscriptions": [_row(view, item) for item in found["collection"]],
        "page": view.pager(found["metadata"]),
        "api": view.api(
            "SubscriptionList", "POST", "/subscriptions",
            {"subscription": {"external_customer_id": "acme-001", "plan_code": "team", "external_id": "sub-1"}},
        ),
    }  # fmt: skip
    return await view.page("subscriptions/list.html", "subscriptions", content)


def _row(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    plan = item["plan"]
    return {
        "id": item["id"],
        "href": subscription_href(view, item),
        "name": item["name"] or item["externalId"],
        "external_id": item["externalId"],
        "status": item["status"],
        "customer": {"name": shown_name(item["customer"]), "href": customer_href(view, item["customer"])},
        "plan": plan["name"],
        "overridden": plan["isOverridden"],
        "amount_cents": int(plan["amountCents"]),
        "currency": plan["amountCurrency"],
        "interval": INTERVALS[plan["interval"]],
        "started_at": item["startedAt"] or item["subscriptionAt"],
        "ending_at": item["endingAt"],
    }


async def subscription_page(view: View) -> Response:
    """``GET /{slug}/subscription/{id}``."""
    item = (await view.ask("SubscriptionPage", id=view.path("subscription")))["subscription"]
    now = present(view, await load_frame(view))
    plan, customer = item["plan"], item["customer"]
    usage = shown_usage(item, view.base, now)
    name = item["name"] or item["externalId"]
    fee = formatting.money_with_currency(plan["amountCents"], plan["amountCurrency"])
    content = {
        "title": name,
        "url": view.url,
        "subscription": {
            "id": item["id"],
            "href": subscription_href(view, item),
            "name": name,
            "external_id": item["externalId"],
            "status": item["status"],
            "timezone": item["applicableTimezone"],
            "started_at": item["startedAt"],
            "subscription_at": item["subscriptionAt"],
            "ending_at": item["terminatedAt"] or item["canceledAt"] or item["endingAt"],
            "period_start": item["currentBillingPeriodStartedAt"],
            "period_end": item["currentBillingPeriodEndingAt"],
            "plan": plan["name"],
            "plan_code": plan["code"],
            "overridden": plan["isOverridden"],
            "next_plan": item["nextPlanCode"],
            "next_plan_on": item["downgradePlanDate"],
            "facts": [
                {"label": "Plan", "value": plan["name"]},
                {"label": "Fee", "value": f"{fee}, {INTERVALS[plan['interval']].lower()}"},
                {"label": "Billed", "value": "In advance" if plan["payInAdvance"] else "In arrears"},
                {"label": "Periods", "value": "Calendar" if item["billingTime"] == "calendar" else "Anniversary"},
                {"label": "Time zone", "value": item["applicableTimezone"]},
            ],
        },
        "customer": {
            "name": shown_name(customer),
            "href": customer_href(view, customer),
            "timezone": item["applicableTimezone"],
        },
        "usage": [{**usage, "name": "Current usage"}] if usage else [],
        "lifetime": shown_lifetime(item),
        "can": {
            "terminate": view.may("subscriptions:update") and item["status"] in ("active", "pending"),
            "credit": plan["payInAdvance"] and item["status"] == "active",
        },
        "terminate": _consequence(item, usage),
        "api": view.api("SubscriptionPage", "GET", f"/subscriptions/{item['externalId']}"),
    }
    return await view.page("subscriptions/page.html", "subscriptions", content)


def _consequence(item: Mapping[str, Any], usage: Mapping[str, Any] | None) -> str:
    """What ending it does, in figures."""
    if item["status"] == "pending":
        return "It never starts, and nothing is billed."
    text = "It ends now, and events that arrive later are not billed."
    if usage is not None:
        amount = formatting.money_with_currency(usage["total_cents"], usage["currency"])
        text += f" The final invoice bills the usage so far, {amount} without taxes."
    return text + " This cannot be undone."


async def terminate(view: View) -> Response:
    """``POST /{slug}/subscription/{id}/terminate``."""
    options: dict[str, Any] = {"id": view.path("subscription")}
    if view.posted("credit_note") in ("credit", "refund", "skip"):
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


# --- assigning a plan ----------------------------------------------------------------------------------------------


async def assign_form(view: View) -> Response:
    """``GET /{slug}/customer/{id}/assign-plan``."""
    if not view.may("subscriptions:create"):
        raise Refused(403, "forbidden")
    data = await view.ask("AssignPlan", id=view.path("customer"))
    values = {**dict.fromkeys(FIELDS.values(), ""), "billing_time": "calendar", "plan": view.query("plan")}
    return await _form(view, data, values, {})


async def assign(view: View) -> Response:
    """``POST /{slug}/customer/{id}/assign-plan``."""
    data = await view.ask("AssignPlan", id=view.path("customer"))
    customer = data["customer"]
    values = {name: view.posted(name) for name in FIELDS.values()}
    problems: dict[str, list[str]] = {}
    if not values["plan"]:
        problems["planId"] = ["value_is_mandatory"]
    start = local_instant(values["start"], customer["applicableTimezone"])
    if values["start"] and start is None:
        problems["subscriptionAt"] = ["invalid_date"]
    if problems:
        return await _form(view, data, values, problems)
    outcome = await view.change(
        "CreateSubscription",
        customerId=customer["id"],
        planId=values["plan"],
        billingTime="anniversary" if values["billing_time"] == "anniversary" else "calendar",
        externalId=values["external_id"] or None,
        name=values["name"] or None,
        **({"subscriptionAt": start} if start else {}),
    )
    if not outcome.ok:
        return await _form(view, data, values, outcome.fields, code=outcome.code)
    made = outcome.data["createSubscription"]
    words = "Subscription started" if made["status"] == "active" else "Subscription scheduled"
    return view.redirect(f"{customer_href(view, customer)}/subscriptions", ("positive", words))


async def _form(
    view: View,
    data: Mapping[str, Any],
    values: Mapping[str, str],
    fields: Mapping[str, list[str]],
    code: str | None = None,
) -> Response:
    customer = data["customer"]
    errors = field_errors(fields)
    plans = [
        plan
        for plan in data["plans"]["collection"]
        if not plan["pendingDeletion"] and customer["currency"] in (None, plan["amountCurrency"])
    ]
    left_out = sum(customer["currency"] not in (None, plan["amountCurrency"]) for plan in data["plans"]["collection"])
    content = {
        "title": "Assign a plan",
        "url": view.url,
        "customer": {"name": shown_name(customer), "href": customer_href(view, customer)},
        "action": view.request.url.path,
        "values": values,
        "errors": {form: errors.get(name) for name, form in FIELDS.items()},
        "error": next((text for name, text in errors.items() if name not in FIELDS), None)
        or (in_words(code) if code and not errors else None),
        "plans": [
            {"value": "", "label": "Choose a plan"},
            *({"value": plan["id"], "label": _label(plan)} for plan in plans),
        ],
        "plan_hint": f"{left_out} plan{'' if left_out == 1 else 's'} in another currency left out."
        if left_out
        else None,
        "timezone": customer["applicableTimezone"],
    }
    return await view.page("subscriptions/form.html", "customers", content, status_code=422 if errors or code else 200)


def _label(plan: Mapping[str, Any]) -> str:
    fee = formatting.money_with_currency(plan["amountCents"], plan["amountCurrency"])
    return f"{plan['name']} · {fee} {INTERVALS[plan['interval']].lower()}"
