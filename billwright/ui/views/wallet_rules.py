"""The top-up rule in the form of a wallet: what is typed, and what is sent of it (spec 05 D7)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billwright.billing.wallets.amounts import cents_of, read_credits
from billwright.ui.views.money import decimal_text
from billwright.ui.views.when import local_instant, local_text

Data = Mapping[str, Any]
RULE_NAMES = (
    "interval", "started", "threshold", "method", "rule_paid", "rule_granted", "target", "grants", "rule_until",
    "rule_name", "rule_requires", "rule_beyond",
)  # fmt: skip
"""Fields of the form; ``rule`` itself chooses the trigger."""


def rule_values(rule: Data | None, zone: str) -> dict[str, str]:
    """What the rule's fields begin with."""
    blank = {**dict.fromkeys(RULE_NAMES, ""), "rule": "", "interval": "monthly", "method": "fixed"}
    if rule is None:
        return blank

    def flag(name: str) -> str:
        return "yes" if rule[name] else ""

    def number(name: str) -> str:
        value = Decimal(rule[name] or 0)
        return f"{value.normalize():f}" if value else ""

    return {
        **blank,
        "rule": rule["trigger"],
        "interval": rule["interval"] or "monthly",
        "started": local_text(rule["startedAt"], zone, day=True),
        "threshold": "" if rule["thresholdCredits"] is None else number("thresholdCredits") or "0",
        "method": rule["method"],
        "rule_paid": number("paidCredits"),
        "rule_granted": number("grantedCredits"),
        "target": number("targetOngoingBalance"),
        "grants": flag("grantsTargetTopUp"),
        "rule_until": local_text(rule["expirationAt"], zone),
        "rule_name": rule["transactionName"] or "",
        "rule_requires": flag("invoiceRequiresSuccessfulPayment"),
        "rule_beyond": flag("ignorePaidTopUpLimits"),
    }


def read_rule(
    values: Data,
    zone: str,
    active: Data | None,
    problems: dict[str, list[str]],
    *,
    rate: str | None,
    currency: str,
    limits: tuple[str | None, str | None],
    now: str,
) -> dict[str, Any]:
    """The rule as it is sent: it changes ``active`` where that can be, else replaces it.

    ``problems`` gets what the server would refuse as a whole, by the field that has to be mended. ``limits``: the least
    and the greatest purchase in minor units.
    """
    before = rule_values(active, zone)
    fixed, interval = values["method"] != "target", values["rule"] == "interval"
    sent: dict[str, Any] = {
        "trigger": values["rule"],
        "method": "fixed" if fixed else "target",
        "interval": values["interval"] if interval else None,
        "grantsTargetTopUp": not fixed and values["grants"] == "yes",
        "invoiceRequiresSuccessfulPayment": values["rule_requires"] == "yes",
        "ignorePaidTopUpLimits": values["rule_beyond"] == "yes",
        "transactionName": values["rule_name"] or None,
    }
    if not interval:
        sent["thresholdCredits"] = _credits(values, "threshold", problems, needed=True)
    if fixed:
        sent["paidCredits"] = _credits(values, "rule_paid", problems) or "0"
        sent["grantedCredits"] = _credits(values, "rule_granted", problems) or "0"
        _check_purchase(sent, rate, currency, limits, problems)
    else:
        sent |= {"paidCredits": "0", "grantedCredits": "0"}
        sent["targetOngoingBalance"] = _credits(values, "target", problems, needed=True)
        threshold, target = sent.get("thresholdCredits"), sent["targetOngoingBalance"]
        if threshold and target and Decimal(target) < Decimal(threshold):
            problems["target"] = ["below_threshold"]
    _instants(values, before, zone, sent, problems, now)
    moved = interval and before["started"] and not values["started"]
    if active is not None and not moved:
        sent["lagoId"] = active["id"]
    return sent


def _credits(values: Data, name: str, problems: dict[str, list[str]], *, needed: bool = False) -> str | None:
    if not values[name]:
        if needed:
            problems[name] = ["value_is_mandatory"]
        return None
    credits = decimal_text(values[name])
    if read_credits(credits) is None:
        problems[name] = ["value_is_not_a_number"]
        return None
    return credits


def _check_purchase(
    sent: Data, rate: str | None, currency: str, limits: tuple[str | None, str | None], problems: dict[str, list[str]]
) -> None:
    paid = Decimal(sent["paidCredits"])
    if "rule_paid" in problems or "rule_granted" in problems:
        return
    if not paid and not Decimal(sent["grantedCredits"]):
        problems["rule_paid"] = ["value_is_mandatory"]
    if not paid or not rate or Decimal(rate) <= 0:
        return
    cents = cents_of(paid, Decimal(rate), currency)
    least, most = limits
    if not cents:
        problems["rule_paid"] = ["amount_rounds_to_zero"]
    elif sent["ignorePaidTopUpLimits"]:
        return
    elif least is not None and cents < int(least):
        problems["rule_paid"] = ["amount_below_minimum"]
    elif most is not None and cents > int(most):
        problems["rule_paid"] = ["amount_above_maximum"]


def _instants(
    values: Data, before: Data, zone: str, sent: dict[str, Any], problems: dict[str, list[str]], now: str
) -> None:
    """Start and end as far as they changed: what was typed has minutes only, what is stored is exact."""
    for name, key in (("started", "startedAt"), ("rule_until", "expirationAt")):
        if values[name] == before[name]:
            continue
        sent[key] = local_instant(values[name], zone) if values[name] else None
        ended = name == "rule_until" and (sent[key] or now) <= now
        if values[name] and (sent[key] is None or ended):
            problems[name] = ["invalid_date"]
