"""Usage of one plan: what it is, the way to the next threshold, the running period by charge (spec 07 §5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.portal.home import shown_plan
from billwright.ui.portal.visit import Visit
from billwright.ui.views.usage import Names, usage_parts


async def show_usage(visit: Visit) -> Response:
    """``GET /customer-portal/{token}/usage/{subscription}``; one that is not active is told apart."""
    subscription_id = visit.path("subscription")
    subscription = (await visit.ask("PortalSubscription", id=subscription_id))["customerPortalSubscription"]
    plan = shown_plan(visit, subscription)
    content: dict[str, Any] = {"title": plan["name"], "plan": plan, "active": subscription["status"] == "active"}
    if not content["active"]:
        return visit.show("usage", {**content, "lifetime": None, "usage": None})
    data = await visit.ask("PortalUsage", id=subscription_id)
    usage, lifetime = data["customerPortalCustomerUsage"], data["customerPortalSubscription"]["lifetimeUsage"]
    content |= {
        "lifetime": _lifetime(visit, lifetime, usage["currency"]) if lifetime else None,
        "usage": _usage(visit, usage),
    }
    return visit.show("usage", content)


def _lifetime(visit: Visit, lifetime: Mapping[str, Any], currency: str) -> dict[str, Any]:
    words = visit.words
    last, following = lifetime["lastThresholdAmountCents"], lifetime["nextThresholdAmountCents"]
    percent = Decimal(lifetime["nextThresholdRatio"]) * 100 if following else Decimal(100)
    return {
        "since": words.t("lifetime_usage", date=words.day(lifetime["totalUsageFromDatetime"])),
        "total": words.money(lifetime["totalUsageAmountCents"], currency),
        "last": words.money(last, currency) if last else None,
        "next": words.money(following, currency) if following else None,
        "percent": float(percent),
        "label": words.t("percent_consumed", percent=words.percent(percent / 100)),
    }


def _usage(visit: Visit, usage: Mapping[str, Any]) -> dict[str, Any]:
    words, currency = visit.words, usage["currency"]
    total = int(usage["amountCents"])
    used = any(Decimal(item["units"]) or int(item["amountCents"]) for item in usage["chargesUsage"])
    return {
        "period": f"{words.day(usage['fromDatetime'])} – {words.day(usage['toDatetime'])}",
        "as_of": words.t("as_of", moment=words.moment(usage["asOf"])),
        "total": words.money(total, currency),
        "charges": [_charge(visit, item, total, currency) for item in usage["chargesUsage"]] if used else [],
    }


def _charge(visit: Visit, item: Mapping[str, Any], total: int, currency: str) -> dict[str, Any]:
    words = visit.words
    percent = formatting.share(item["amountCents"], total)
    names = Names(words.t("usage_everything"), words.t("usage_others"), words.t("usage_none"), words.t("usage_either"))
    return {
        "id": item["id"],
        "name": item["name"],
        "units": words.number(item["units"]),
        "amount": words.money(item["amountCents"], currency),
        "percent": float(percent),
        "label": words.t("share_of_period", percent=words.percent(percent / 100)),
        "parts": [
            {**_line(visit, part, currency), "groups": [_line(visit, group, currency) for group in part["groups"]]}
            for part in usage_parts(item, names)
        ],
    }


def _line(visit: Visit, part: Mapping[str, Any], currency: str) -> dict[str, str]:
    words = visit.words
    return {
        "name": part["name"],
        "units": words.number(part["units"]),
        "amount": words.money(part["amount_cents"], currency),
    }
