"""Current usage as ``customers/usage.html`` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billwright.ui import formatting

MODELS: Mapping[str, str] = {
    "standard": "Standard",
    "graduated": "Graduated",
    "graduated_percentage": "Graduated percentage",
    "package": "Package",
    "percentage": "Percentage",
    "volume": "Volume",
    "dynamic": "Dynamic",
    "custom": "Custom",
}
INTERVALS: Mapping[str, str] = {
    "weekly": "Weekly",
    "monthly": "Monthly",
    "quarterly": "Quarterly",
    "semiannual": "Twice a year",
    "yearly": "Yearly",
}


@dataclass(frozen=True, slots=True)
class Names:
    """Words for buckets and groups without a name of their own."""

    everything: str = "All"
    others: str = "All other values"
    none: str = "none"
    either: str = "or"


ENGLISH = Names()


def shown_usage(subscription: Mapping[str, Any], base: str, now: str) -> dict[str, Any] | None:
    """One subscription's usage, ``None`` without any. ``now`` is the organization's present."""
    usage = subscription["currentUsage"]
    if usage is None:
        return None
    total = int(usage["amountCents"])
    plan = subscription["plan"]
    return {
        "id": subscription["id"],
        "name": subscription["name"] or subscription["externalId"],
        "href": f"{base}/subscription/{subscription['id']}",
        "plan": f"{plan['name']}, {INTERVALS[plan['interval']].lower()}",
        "currency": usage["currency"],
        "from": usage["fromDatetime"],
        "to": usage["toDatetime"],
        "left": _left(usage["toDatetime"], now),
        "as_of": now,
        "total_cents": total,
        "projected_cents": _projected(usage, now),
        "measure": None,
        "charges": [
            {
                **_charge(item, total, f"{base}/subscription/{subscription['id']}"),
                "projected_cents": _projected_charge(usage, item, now),
            }
            for item in usage["chargesUsage"]
        ],
    }


def shown_past_usage(period: Mapping[str, Any], base: str) -> dict[str, Any]:
    """One invoiced period of ``pastUsage``."""
    return {
        "from": period["fromDatetime"],
        "to": period["toDatetime"],
        "currency": period["currency"],
        "total_cents": int(period["amountCents"]),
        "href": f"{base}/invoice/{period['invoiceId']}",
        "charges": [
            {
                "name": item["charge"]["invoiceDisplayName"] or item["billableMetric"]["name"],
                "units": item["units"],
                "amount_cents": int(item["amountCents"]),
                "parts": usage_parts(item),
            }
            for item in period["chargesUsage"]
        ],
    }


def _left(end: str, now: str) -> str:
    days = (datetime.fromisoformat(end) - datetime.fromisoformat(now)).total_seconds() / 86400
    if days < 0:
        return "ended"
    whole = int(days)
    return "less than a day left" if whole < 1 else f"{whole} day{'' if whole == 1 else 's'} left"


def _projected(usage: Mapping[str, Any], now: str) -> int | None:
    """The total at the end of the period, if usage goes on like this; none before a tenth of the period has passed."""
    projected = int(usage["projectedAmountCents"])
    return None if _is_early(usage, now) or projected == int(usage["amountCents"]) else projected


def _projected_charge(usage: Mapping[str, Any], item: Mapping[str, Any], now: str) -> int | None:
    """The same of one charge, where it was asked for."""
    projected = item.get("projectedAmountCents")
    if projected is None or _is_early(usage, now) or int(projected) == int(item["amountCents"]):
        return None
    return int(projected)


def _is_early(usage: Mapping[str, Any], now: str) -> bool:
    begin, finish, present = (
        datetime.fromisoformat(text) for text in (usage["fromDatetime"], usage["toDatetime"], now)
    )
    return (present - begin).total_seconds() <= (finish - begin).total_seconds() / 10


def _charge(item: Mapping[str, Any], total: int, href: str) -> dict[str, Any]:
    amount = int(item["amountCents"])
    percent = formatting.share(amount, total)
    charge, metric = item["charge"], item["billableMetric"]
    return {
        "id": charge["id"],
        "name": charge["invoiceDisplayName"] or metric["name"],
        "code": metric["code"],
        "model": MODELS.get(charge["chargeModel"], charge["chargeModel"]),
        "units": item["units"],
        "amount_cents": amount,
        "measure": {
            "percent": float(percent),
            "label": f"{percent}% of this period's usage" if amount else "Nothing used",
            "over": False,
        },
        "filters": usage_parts(item),
        "explain_url": f"{href}/charge/{charge['id']}/explain",
    }


def usage_parts(item: Mapping[str, Any], names: Names = ENGLISH) -> list[dict[str, Any]]:
    """By filter, or by group where there are no filters; groups of a filter stand below it."""
    groups: list[Mapping[str, Any]] = item["groupedUsage"]
    if not item["filters"]:
        return [
            {
                "name": group_name(group["groupedBy"], names),
                "units": group["units"],
                "amount_cents": int(group["amountCents"]),
                "groups": [],
            }
            for group in groups
        ]
    parts: list[dict[str, Any]] = []
    for index, part in enumerate(item["filters"]):
        parts.append(
            {
                "name": filter_name(part, names),
                "units": part["units"],
                "amount_cents": int(part["amountCents"]),
                "groups": [
                    {
                        "name": group_name(group["groupedBy"], names),
                        "units": group["filters"][index]["units"],
                        "amount_cents": int(group["filters"][index]["amountCents"]),
                    }
                    for group in groups
                    if index < len(group["filters"])
                ],
            }
        )
    return parts


def group_name(values: Mapping[str, str | None], names: Names = ENGLISH) -> str:
    """``region: eu, model: none``."""
    shown = (f"{key}: {value if value not in (None, '') else names.none}" for key, value in values.items())
    return ", ".join(shown) or names.everything


def filter_name(part: Mapping[str, Any], names: Names = ENGLISH) -> str:
    """The bucket's own name, else its values."""
    if part["values"] is None:
        return names.others
    if part["invoiceDisplayName"]:
        return part["invoiceDisplayName"]
    return ", ".join(f"{key}: {f' {names.either} '.join(values)}" for key, values in part["values"].items())
