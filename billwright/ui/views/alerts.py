"""Alerts as the pages of subscriptions and wallets list them (spec 07 §9.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from billwright.billing.kernel.money import exponent
from billwright.ui import formatting
from billwright.ui.views.support import View

Data = Mapping[str, Any]

ON_SUBSCRIPTION = {
    "current_usage_amount": "Usage of the period",
    "billable_metric_current_usage_amount": "Cost of a metric in the period",
    "billable_metric_current_usage_units": "Units of a metric in the period",
    "lifetime_usage_amount": "Usage since the beginning",
}
ON_WALLET = {
    "wallet_ongoing_balance_amount": "Ongoing balance",
    "wallet_credits_ongoing_balance": "Ongoing balance in credits",
    "wallet_balance_amount": "Balance",
    "wallet_credits_balance": "Balance in credits",
}
OF_METRIC = {"billable_metric_current_usage_amount": "Cost of {}", "billable_metric_current_usage_units": "Units of {}"}
UNITS, CREDITS = "units", "credits"


def is_money(alert_type: str) -> bool:
    """Whether its values are minor units; else units or credits."""
    return alert_type.endswith("_amount")


def figure(value: str, alert_type: str, currency: str) -> str:
    """A value of an alert for people: money with its currency, units, credits."""
    if not is_money(alert_type):
        noun = UNITS if alert_type in OF_METRIC else CREDITS
        shown = formatting.units(value)
        return f"{shown} {noun.removesuffix('s') if shown == '1' else noun}"
    number = Decimal(value)
    if number == number.to_integral_value():
        return formatting.money_with_currency(int(number), currency)
    return formatting.unit_price(number.scaleb(-exponent(currency)), currency)


def watched(item: Data) -> str:
    """What it watches."""
    kind = item["alertType"]
    if kind in OF_METRIC and item["billableMetric"]:
        return OF_METRIC[kind].format(item["billableMetric"]["name"])
    return {**ON_SUBSCRIPTION, **ON_WALLET}[kind]


def shown_alerts(
    view: View, alerts: Sequence[Data], currency: str, *, href: str, rest: str, editable: bool
) -> dict[str, Any]:
    """The section: its rows, the form of a new one (if ``editable``), and the call that makes one at ``rest``."""
    is_wallet = rest.startswith("/customers/")
    example = {
        "alert_type": "wallet_ongoing_balance_amount" if is_wallet else "current_usage_amount",
        "code": "low" if is_wallet else "spend",
        "thresholds": [{"value": "2000"}] if is_wallet else [{"value": "10000"}, {"value": "5000", "recurring": True}],
    }
    return {
        "create_href": f"{href}/alerts/create" if editable else None,
        "is_wallet": is_wallet,
        "call": formatting.curl("POST", f"{view.settings.api_url}/api/v1{rest}", {"alert": example}),
        "rows": [_row(view, item, currency, editable=editable) for item in alerts],
    }


def _row(view: View, item: Data, currency: str, *, editable: bool) -> dict[str, Any]:
    kind, last = item["alertType"], item["lastTrigger"]
    return {
        "name": item["name"] or item["code"],
        "href": f"{view.base}/alert/{item['id']}/edit" if editable else None,
        "watches": watched(item),
        "thresholds": ", ".join(
            ("then every " if each["recurring"] else "") + figure(each["value"], kind, currency)
            for each in item["thresholds"]
        ),
        "now": figure(item["previousValue"], kind, currency) if item["lastProcessedAt"] else None,
        "told_at": last["triggeredAt"] if last else None,
        "told": figure(last["crossedThresholds"][0 if kind in ON_WALLET else -1]["value"], kind, currency)
        if last
        else None,
    }
