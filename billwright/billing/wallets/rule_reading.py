"""Recurring top-up rules as callers send them (spec 05 D7): at most one entry, valid as a whole or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.errors import Problems
from billwright.billing.kernel.money import round_down
from billwright.billing.wallets.amounts import PLACES, Worth, fits, inflow_of, read_credits
from billwright.billing.wallets.metadata import MAX_PAIRS_OF_TOP_UPS, read_entries, read_name
from billwright.billing.wallets.models import Wallet, WalletRule
from billwright.billing.wallets.rule_calendar import EARLIEST_YEAR, INTERVALS, LAST_YEAR

FIELD = "recurring_transaction_rules"
_ZERO = Decimal(0)
_WORDS = {"trigger": ("interval", "threshold"), "method": ("fixed", "target"), "interval": INTERVALS}


@dataclass(frozen=True, slots=True)
class RuleValues:
    """The attributes of a ``WalletRule`` that callers decide about."""

    trigger: str = ""
    method: str = "fixed"
    interval: str | None = None
    threshold_credits: Decimal | None = None
    target_ongoing_balance: Decimal | None = None
    paid_credits: Decimal = _ZERO
    granted_credits: Decimal = _ZERO
    started_at: datetime | None = None
    expiration_at: datetime | None = None
    invoice_requires_successful_payment: bool = False
    ignore_paid_top_up_limits: bool = False
    grants_target_top_up: bool | None = None
    transaction_name: str | None = None
    entries: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, rule: WalletRule) -> RuleValues:
        """Those of a stored rule."""
        names = set(cls.__slots__) - {"entries"}
        return cls(**{name: getattr(rule, name) for name in names}, entries=tuple(rule.entries))


@dataclass(frozen=True, slots=True)
class RuleRequest:
    """What a request makes of the wallet's rules. ``keep``: nothing was sent. ``values``: the rule to be, ``None`` for
    none; ``changes`` the active rule if ``changes_active``, else it replaces it."""

    keep: bool = False
    values: RuleValues | None = None
    changes_active: bool = False


class _Invalid(Exception):
    """Some attribute is not as it may be."""


def read_rules(
    raw: Any,
    wallet: Wallet,
    now: datetime,
    problems: Problems,
    *,
    active: WalletRule | None = None,
    initial: tuple[Any, Any] = (None, None),
) -> RuleRequest:
    """Read ``recurring_transaction_rules``. ``initial``: the paid and granted credits of the wallet being created.

    Codes: ``invalid_number_of_recurring_rules``, ``invalid_recurring_rule``; ``unsupported_value`` for payment methods,
    custom sections and purchase orders that hold anything.
    """
    if raw is None:
        return RuleRequest(keep=True)
    if not isinstance(raw, list):
        problems.add(FIELD, "invalid_recurring_rule")
        return RuleRequest(keep=True)
    entries = cast("list[Any]", raw)
    if len(entries) > 1:
        problems.add(FIELD, "invalid_number_of_recurring_rules")
        return RuleRequest(keep=True)
    if not entries:
        return RuleRequest()
    sent = entries[0]
    if not isinstance(sent, dict):
        problems.add(FIELD, "invalid_recurring_rule")
        return RuleRequest(keep=True)
    given = cast("dict[str, Any]", sent)
    if _holds_unsupported(given):
        problems.add(FIELD, "unsupported_value")
    changes = active is not None and str(given.get("lago_id") or "").lower() == str(active.id)
    base = RuleValues.of(active) if active is not None and changes else _fresh(wallet)
    try:
        values = _assigned(base, given, now)
        if not changes:
            values = _with_initial(values, given, initial)
        return RuleRequest(values=_checked(values, wallet), changes_active=changes)
    except _Invalid:
        problems.add(FIELD, "invalid_recurring_rule")
        return RuleRequest(keep=True)


def _fresh(wallet: Wallet) -> RuleValues:
    return RuleValues(invoice_requires_successful_payment=wallet.invoice_requires_successful_payment)


def _holds_unsupported(given: Mapping[str, Any]) -> bool:
    section, method = given.get("invoice_custom_section"), given.get("payment_method")
    return bool(
        given.get("purchase_order_number")
        or (section and (not isinstance(section, dict) or any(cast("dict[str, Any]", section).values())))
        or (method and (not isinstance(method, dict) or cast("dict[str, Any]", method).get("payment_method_id")))
    )


def _assigned(base: RuleValues, given: Mapping[str, Any], now: datetime) -> RuleValues:
    """``base`` with what was sent. A null clears expiration and name, makes credits zero, and else leaves things."""
    found: dict[str, Any] = {}
    for name, known in (
        ("trigger", ("interval", "threshold")),
        ("method", ("fixed", "target")),
        ("interval", INTERVALS),
    ):
        if given.get(name) is not None:
            found[name] = _chosen(given[name], known)
    for name in ("threshold_credits", "target_ongoing_balance"):
        if given.get(name) is not None:
            found[name] = _credits(given[name])
    for name in ("paid_credits", "granted_credits"):
        if name in given:
            found[name] = _ZERO if given[name] is None else _credits(given[name])
    for name in ("invoice_requires_successful_payment", "ignore_paid_top_up_limits", "grants_target_top_up"):
        if given.get(name) is not None:
            found[name] = _switch(given[name])
    if given.get("started_at"):
        found["started_at"] = _instant(given["started_at"])
    if "expiration_at" in given:
        found["expiration_at"] = _instant(given["expiration_at"]) if given["expiration_at"] else None
        if found["expiration_at"] is not None and found["expiration_at"] <= now:
            raise _Invalid
    faults = Problems()
    if "transaction_name" in given:
        found["transaction_name"] = read_name(given["transaction_name"], faults)
    if given.get("transaction_metadata") is not None:
        found["entries"] = tuple(read_entries(given["transaction_metadata"], faults, most=MAX_PAIRS_OF_TOP_UPS))
    if faults.details:
        raise _Invalid
    return replace(base, **found)


def _with_initial(values: RuleValues, given: Mapping[str, Any], initial: tuple[Any, Any]) -> RuleValues:
    """A fixed rule that names no credits takes those of the wallet's creation."""
    if values.method != "fixed" or any(given.get(name) is not None for name in ("paid_credits", "granted_credits")):
        return values
    paid, granted = (read_credits(item) or _ZERO for item in initial)
    return replace(values, paid_credits=round_down(paid, PLACES), granted_credits=round_down(granted, PLACES))


def _checked(values: RuleValues, wallet: Wallet) -> RuleValues:
    """The values as one rule; what belongs to the other trigger or method is dropped."""
    threshold, target = values.threshold_credits, values.target_ongoing_balance
    if values.trigger == "interval":
        threshold = None
        if values.interval is None:
            raise _Invalid
    elif values.trigger != "threshold" or threshold is None:
        raise _Invalid
    if values.method == "fixed":
        target = None
        if values.grants_target_top_up:
            raise _Invalid
    elif target is None or (threshold is not None and target < threshold):
        raise _Invalid
    worths = [_worth(wallet, credits) for credits in (values.paid_credits, values.granted_credits)]
    if values.method == "fixed" and worths[0] is not None and not values.ignore_paid_top_up_limits:
        least, most = wallet.paid_top_up_min_amount_cents, wallet.paid_top_up_max_amount_cents
        cents = worths[0].amount_cents
        if (least is not None and cents < least) or (most is not None and cents > most):
            raise _Invalid
    return replace(
        values,
        interval=values.interval if values.trigger == "interval" else None,
        threshold_credits=threshold,
        target_ongoing_balance=target,
    )


def _worth(wallet: Wallet, credits: Decimal) -> Worth | None:
    if not credits:
        return None
    worth = inflow_of(credits, wallet.rate_amount, wallet.currency)
    if not worth.amount_cents or not fits(worth):
        raise _Invalid
    return worth


def _chosen(raw: Any, known: tuple[str, ...]) -> str:
    if raw not in known:
        raise _Invalid
    return raw


def _credits(raw: Any) -> Decimal:
    credits = read_credits(raw)
    if credits is None or credits >= Decimal(10) ** 30:
        raise _Invalid
    return round_down(credits, PLACES)


def _switch(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise _Invalid
    return raw


def _instant(raw: Any) -> datetime:
    found = parse_instant(raw) if isinstance(raw, str) else None
    if found is None or not EARLIEST_YEAR <= found.year <= LAST_YEAR:
        raise _Invalid
    return found
