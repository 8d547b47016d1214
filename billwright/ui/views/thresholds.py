"""Usage thresholds and lifetime usage as pages show them (spec 07 §7.6, §7.7, §7.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from billwright.ui import formatting


def shown_thresholds(thresholds: Sequence[Mapping[str, Any]], currency: str) -> list[dict[str, str]]:
    """One fact per threshold: its name or kind, and its amount."""
    return [{"label": _name(item), "value": _amount(item, currency)} for item in thresholds]


def passed_facts(invoice: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Why a progressive invoice was made; nothing on others."""
    applied = invoice["appliedUsageThresholds"]
    if not applied:
        return []
    currency = invoice["currency"]
    passed = ", ".join(_amount(item["usageThreshold"], currency) for item in applied)
    usage = formatting.money_with_currency(applied[-1]["lifetimeUsageAmountCents"], currency)
    return [("Thresholds passed", passed), ("Lifetime usage then", usage)]


def shown_lifetime(subscription: Mapping[str, Any]) -> dict[str, Any] | None:
    """Lifetime usage on the way to the next threshold; ``None`` without thresholds."""
    usage = subscription["lifetimeUsage"]
    if usage is None or not usage["usageThresholds"]:
        return None
    currency = subscription["plan"]["amountCurrency"]
    total = int(usage["totalUsageAmountCents"])
    on_the_way = usage["usageThresholds"]
    reached = [item for item in on_the_way if float(item["completionRatio"]) >= 1]
    ahead = [item for item in on_the_way if float(item["completionRatio"]) < 1]
    last = formatting.money_with_currency(reached[-1]["amountCents"], currency) if reached else None
    answer: dict[str, Any] = {"total_cents": total, "currency": currency, "last": last, "next": None, "percent": 100}
    if ahead:
        following = int(ahead[0]["amountCents"])
        answer |= {
            "percent": float(ahead[0]["completionRatio"]) * 100,
            "next": formatting.money_with_currency(following, currency),
            "remaining": formatting.money_with_currency(following - total, currency),
        }
    answer["label"] = f"{answer['percent']:.0f}% of the way" if ahead else "All thresholds are passed"
    answer["parts"] = [
        {"label": label, "value": formatting.money_with_currency(usage[name], currency)}
        for label, name in (
            ("From before", "externalHistoricalUsageAmountCents"),
            ("Invoiced", "invoicedUsageAmountCents"),
            ("This period", "currentUsageAmountCents"),
        )
    ]
    return answer


def _name(threshold: Mapping[str, Any]) -> str:
    return threshold["thresholdDisplayName"] or ("Then each time" if threshold["recurring"] else "Step")


def _amount(threshold: Mapping[str, Any], currency: str) -> str:
    amount = formatting.money_with_currency(threshold["amountCents"], currency)
    return f"every {amount}" if threshold["recurring"] else amount
