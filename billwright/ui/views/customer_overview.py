"""A customer at a glance: usage, what it will owe, subscriptions on a time line, coupons (spec 07 §7.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import RedirectResponse, Response

from billwright.ui import formatting
from billwright.ui.views.customer_coupons import shown_coupon
from billwright.ui.views.customers import present, tab_page
from billwright.ui.views.subscription_outlook import shown_next_invoice
from billwright.ui.views.support import Refused, View, load_frame
from billwright.ui.views.thresholds import shown_lifetime
from billwright.ui.views.usage import INTERVALS, shown_usage

Data = Mapping[str, Any]
LONGEST = timedelta(days=366 * 2)
"""How far back the time line goes; what began earlier is cut there."""
MOST_LINES = 8
STATES = {"active": "active", "pending": "next", "terminated": "past", "canceled": "past"}


async def overview(view: View) -> Response:
    """``GET /{slug}/customer/{id}[/overview]``."""
    from billwright.ui.views.wallets import overview_wallet  # it shows its tab with the page of customers

    customer = (await view.ask("CustomerOverview", id=view.path("customer")))["customer"]
    now = present(view, await load_frame(view))
    held: list[Data] = customer["subscriptions"] or []
    content = {
        "usage": [found for item in customer["active"] or [] if (found := _usage(item, view.base, now))],
        "subscriptions": [_subscription(view, item) for item in held],
        "line": time_line(held, now),
        "coupons": [shown_coupon(item, customer["currency"]) for item in customer["appliedCoupons"] or []],
        "wallet": await overview_wallet(view),
        "next_href": f"{view.base}/customer/{customer['id']}/next-invoices" if _may_foresee(view, held) else None,
    }
    api = view.api("CustomerOverview", "GET", f"/customers/{customer['externalId']}")
    if not held:
        first = {"external_customer_id": customer["externalId"], "plan_code": "team", "external_id": "sub-1"}
        api = view.api("CustomerOverview", "POST", "/subscriptions", {"subscription": first})
    parts = {"usage": "customers/bars.html"}
    return await tab_page(view, "overview", "customers/tabs/overview.html", content, api=api, parts=parts)


async def old_subscriptions(view: View) -> Response:
    """``GET /{slug}/customer/{id}/subscriptions``: they stand on the overview."""
    return RedirectResponse(f"{view.base}/customer/{view.path('customer')}/overview#subscriptions", status_code=303)


def _may_foresee(view: View, held: Sequence[Data]) -> bool:
    return view.may("invoices:view") and any(item["status"] == "active" for item in held)


async def next_invoices(view: View) -> Response:
    """``GET /{slug}/customer/{id}/next-invoices``: what would be billed next, loaded after the page."""
    outcome = await view.change("PreviewNextInvoices", customerId=view.path("customer"))
    if not outcome.ok:
        raise Refused(422, outcome.code)
    found = outcome.data["previewNextInvoices"]
    content = {
        "url": view.url,
        "documents": [
            shown_next_invoice(_name(item["subscription"]), item["invoice"], item["subscription"]["applicableTimezone"])
            for item in found
            if item["invoice"]
        ],
    }
    return await view.page("customers/next_invoices.html", "customers", content)


# --- what is used now ----------------------------------------------------------------------------------------------


def _name(subscription: Data) -> str:
    return subscription["name"] or subscription["externalId"]


def _usage(item: Data, base: str, now: str) -> dict[str, Any] | None:
    """One active subscription's usage as a line with bars; ``None`` for the others."""
    if item["currentUsage"] is None:
        return None
    usage = shown_usage({**item, "currentUsage": {**item["currentUsage"], "chargesUsage": []}}, base, now)
    if usage is None:
        return None
    bars = [bar for bar in (_commitment(item, usage), _lifetime(item)) if bar]
    return {**usage, "bars": bars, "fee_cents": int(item["plan"]["amountCents"]), "passed": _passed(usage, now)}


def _passed(usage: Data, now: str) -> float:
    """How much of the period has passed, in percent."""
    begin, end, present_at = (formatting.instant(value) for value in (usage["from"], usage["to"], now))
    share = (present_at - begin) / (end - begin) if end > begin else 1.0
    return round(min(max(share, 0.0), 1.0) * 100, 1)


def _commitment(item: Data, usage: Data) -> dict[str, Any] | None:
    """Fee and usage against the minimum, where usage is counted over the plan's whole interval (spec 02 §12)."""
    commitment, plan = item["plan"]["minimumCommitment"], item["plan"]
    if commitment is None or (plan["billChargesMonthly"] and plan["interval"] in ("yearly", "semiannual")):
        return None
    minimum = int(commitment["amountCents"])
    spent = int(plan["amountCents"]) + usage["total_cents"]
    percent = float(formatting.share(spent, minimum))
    currency = plan["amountCurrency"]
    shown, least = (formatting.money_with_currency(cents, currency) for cents in (spent, minimum))
    return {
        "percent": percent,
        "label": f"Fee and usage are {shown} of the minimum of {least}",
        "text": f"{shown} of the minimum commitment of {least}, fee included",
        "tone": "accent",
    }


def _lifetime(item: Data) -> dict[str, Any] | None:
    """Usage since the beginning on its way to the next threshold (spec 02 §13)."""
    lifetime = shown_lifetime(item)
    if lifetime is None:
        return None
    total = formatting.money_with_currency(lifetime["total_cents"], lifetime["currency"])
    ahead = (
        f"{lifetime['remaining']} to the threshold of {lifetime['next']}"
        if lifetime["next"]
        else "all thresholds passed"
    )
    return {
        "percent": lifetime["percent"],
        "label": lifetime["label"],
        "text": f"{total} since the beginning, {ahead}",
        "tone": "accent",
    }


# --- subscriptions -------------------------------------------------------------------------------------------------


def _subscription(view: View, item: Data) -> dict[str, Any]:
    plan = item["plan"]
    following = item["nextSubscription"]
    pending = following if following and following["status"] == "pending" and item["downgradePlanDate"] else None
    return {
        "id": item["id"],
        "href": f"{view.base}/subscription/{item['id']}",
        "name": _name(item),
        "plan": plan["name"],
        "status": item["status"],
        "overridden": plan["isOverridden"],
        "interval": INTERVALS[plan["interval"]],
        "started_at": item["startedAt"] or item["subscriptionAt"],
        "ending_at": item["terminatedAt"] or item["endingAt"],
        "amount_cents": int(plan["amountCents"]),
        "currency": plan["amountCurrency"],
        "next_plan": {"name": pending["plan"]["name"], "on": item["downgradePlanDate"]} if pending else None,
    }


def time_line(held: Sequence[Data], now: str) -> dict[str, Any] | None:
    """Subscriptions as bars on one axis of time, a line for each external id; ``None`` when none has a start.

    The axis ends today unless something is to come. Shares are percent of the width.
    A pending change of plan begins at its day and is open to the right.
    """
    today = formatting.instant(now)
    spans: dict[str, list[tuple[datetime, datetime | None, Data]]] = {}
    for item in held:
        begin = _begin(item)
        if begin is not None and item["status"] != "canceled":
            spans.setdefault(item["externalId"], []).append((begin, _end(item), item))
    if not spans:
        return None
    flat = [span for line in spans.values() for span in line]
    zone = flat[0][2]["applicableTimezone"]
    first = max(min(begin for begin, _, _ in flat), today - LONGEST)
    latest = max([today, *(begin for begin, _, _ in flat), *(end for _, end, _ in flat if end)])
    if latest > today:
        last = latest + max((latest - first) * 0.08, timedelta(days=3))
    else:
        last = max(latest, first + timedelta(days=1))
    width = last - first

    def at(moment: datetime) -> float:
        return round(min(max((moment - first) / width, 0.0), 1.0) * 100, 2)

    lines = [
        {
            "name": _name(line[0][2]),
            "parts": [
                {
                    "x": at(begin),
                    "width": max(round(at(end or last) - at(begin), 2), 0.6),
                    "plan": item["plan"]["name"],
                    "state": STATES[item["status"]],
                    "title": _title(begin, end, item),
                }
                for begin, end, item in sorted(line, key=lambda span: span[0])
                if (end or last) > first
            ],
        }
        for line in list(spans.values())[:MOST_LINES]
    ]
    return {
        "lines": [line for line in lines if line["parts"]],
        "today": at(today),
        "from": formatting.local_date(first, zone),
        "to": formatting.local_date(latest, zone) if latest > today + timedelta(days=2) else None,
    }


def _begin(item: Data) -> datetime | None:
    text = item["startedAt"]
    if text is None and item["status"] == "pending":
        previous = item["previousSubscription"]
        switch = previous["downgradePlanDate"] if previous else None
        text = f"{switch}T00:00:00+00:00" if switch else item["subscriptionAt"]
    return formatting.instant(text) if text else None


def _end(item: Data) -> datetime | None:
    text = item["terminatedAt"] or item["endingAt"]
    if text is None and item["downgradePlanDate"] and item["nextSubscription"]:
        text = f"{item['downgradePlanDate']}T00:00:00+00:00"
    return formatting.instant(text) if text else None


def _title(begin: datetime, end: datetime | None, item: Data) -> str:
    zone = item["applicableTimezone"]
    since = formatting.local_date(begin, zone)
    return (
        f"{item['plan']['name']}: {since} – {formatting.local_date(end, zone)}"
        if end
        else f"{item['plan']['name']}: from {since}"
    )
