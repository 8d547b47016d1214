"""The figures that alerts watch (spec 07 §9.4)."""

from __future__ import annotations

from typing import Final, Literal

from billwright.billing.alerts.crossing import Direction

AlertOwner = Literal["subscription", "wallet"]

CURRENT_USAGE: Final = "current_usage_amount"
METRIC_AMOUNT: Final = "billable_metric_current_usage_amount"
METRIC_UNITS: Final = "billable_metric_current_usage_units"
LIFETIME_USAGE: Final = "lifetime_usage_amount"
WALLET_BALANCE: Final = "wallet_balance_amount"
WALLET_CREDITS: Final = "wallet_credits_balance"
WALLET_ONGOING: Final = "wallet_ongoing_balance_amount"
WALLET_ONGOING_CREDITS: Final = "wallet_credits_ongoing_balance"

OF_METRIC: Final = frozenset({METRIC_AMOUNT, METRIC_UNITS})
OF_PERIOD: Final = frozenset({CURRENT_USAGE, METRIC_AMOUNT, METRIC_UNITS})
"""Figures that start at 0 in each charges period."""
MOVED_AT_ONCE: Final = frozenset({WALLET_BALANCE, WALLET_CREDITS})
"""Figures of a wallet that are right as soon as its balance has moved; ongoing balances are after a refresh."""

TYPES: Final[dict[AlertOwner, tuple[str, ...]]] = {
    "subscription": (CURRENT_USAGE, METRIC_AMOUNT, METRIC_UNITS, LIFETIME_USAGE),
    "wallet": (WALLET_BALANCE, WALLET_CREDITS, WALLET_ONGOING, WALLET_ONGOING_CREDITS),
}


def direction_of(alert_type: str) -> Direction:
    """Usage rises to a threshold, what is prepaid falls to it."""
    return "decreasing" if alert_type in TYPES["wallet"] else "increasing"
