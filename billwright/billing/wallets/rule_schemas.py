"""Recurring top-up rules on the wire (spec 05 D7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typing_extensions import TypedDict

from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.money import decimal_string
from billwright.billing.kernel.outputs import DecimalText, Id, Instant
from billwright.billing.wallets.models import WalletRule


class RulePairOut(TypedDict):
    key: str
    value: str


class RulePaymentMethodOut(TypedDict):
    payment_method_id: Id | None
    payment_method_type: str


class WalletRuleOut(TypedDict):
    """A ``recurring_transaction_rules`` entry.

    The contract has no null for what belongs to the other trigger: a threshold rule shows ``weekly``, an interval rule
    a threshold of 0; neither means anything there.
    """

    lago_id: Id
    trigger: str
    method: str
    interval: str
    status: str
    threshold_credits: DecimalText
    paid_credits: DecimalText
    granted_credits: DecimalText
    grants_target_top_up: bool | None
    started_at: Instant | None
    target_ongoing_balance: DecimalText | None
    created_at: Instant
    expiration_at: Instant | None
    invoice_requires_successful_payment: bool
    transaction_metadata: Sequence[RulePairOut]
    transaction_name: str | None
    ignore_paid_top_up_limits: bool
    applied_invoice_custom_sections: Sequence[Any]
    payment_method: RulePaymentMethodOut
    purchase_order_number: str | None


def rule_object(rule: WalletRule) -> WalletRuleOut:
    """A rule on the wire."""
    target = rule.target_ongoing_balance
    return {
        "lago_id": rule.id,
        "trigger": rule.trigger,
        "method": rule.method,
        "interval": rule.interval or "weekly",
        "status": rule.status,
        "threshold_credits": decimal_string(rule.threshold_credits or 0),
        "paid_credits": decimal_string(rule.paid_credits),
        "granted_credits": decimal_string(rule.granted_credits),
        "grants_target_top_up": rule.grants_target_top_up,
        "started_at": iso(rule.started_at),
        "target_ongoing_balance": None if target is None else decimal_string(target),
        "created_at": iso(rule.created_at) or "",
        "expiration_at": iso(rule.expiration_at),
        "invoice_requires_successful_payment": rule.invoice_requires_successful_payment,
        "transaction_metadata": [{"key": pair["key"], "value": pair["value"]} for pair in rule.entries],
        "transaction_name": rule.transaction_name,
        "ignore_paid_top_up_limits": rule.ignore_paid_top_up_limits,
        "applied_invoice_custom_sections": [],
        "payment_method": {"payment_method_id": None, "payment_method_type": "provider"},
        "purchase_order_number": None,
    }
