"""Wallets and their transactions on the wire (spec 05 D1, D3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired

from typing_extensions import TypedDict

from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.errors import Problems
from billwright.billing.kernel.inputs import CurrencyCode, Input, Integer, Number, Text, as_mapping
from billwright.billing.kernel.money import decimal_string, from_minor_units
from billwright.billing.kernel.outputs import DecimalText, Id, Instant
from billwright.billing.wallets.amounts import credits_of
from billwright.billing.wallets.models import Wallet, WalletDraw, WalletRule, WalletTransaction
from billwright.billing.wallets.rule_schemas import WalletRuleOut, rule_object


class Unsupported(Input):
    """Keys of the contract whose features do not exist: refused (``unsupported_value``) when they hold anything."""

    billing_entity_code: Text | None = None
    purchase_order_number: Any = None
    invoice_custom_section: Any = None
    payment_method: Any = None

    def refuse_unsupported(self, problems: Problems) -> None:
        """Empty objects, the default payment method and false switches count as absent."""
        if self.purchase_order_number:
            problems.add("purchase_order_number", "unsupported_value")
        section = as_mapping(self.invoice_custom_section)
        if any(section.values()) if section is not None else self.invoice_custom_section:
            problems.add("invoice_custom_section", "unsupported_value")
        method = as_mapping(self.payment_method)
        if method.get("payment_method_id") if method is not None else self.payment_method:
            problems.add("payment_method", "unsupported_value")


class WalletInput(Unsupported):
    """Body of ``POST /wallets`` and ``PUT /wallets/{lago_id}``; which attributes count, the service says.

    ``rate_amount`` in currency units per credit, credits as decimal text, limits in minor units.
    """

    external_customer_id: Text | None = None
    rate_amount: Number | None = None
    currency: CurrencyCode | None = None
    name: Text | None = None
    code: Text | None = None
    priority: Integer | None = None
    expiration_at: Text | None = None
    paid_credits: Any = None
    granted_credits: Any = None
    invoice_requires_successful_payment: bool | None = None
    paid_top_up_min_amount_cents: Integer | None = None
    paid_top_up_max_amount_cents: Integer | None = None
    ignore_paid_top_up_limits_on_creation: bool | None = None
    applies_to: Any = None
    recurring_transaction_rules: Any = None
    transaction_metadata: Any = None
    transaction_name: Any = None
    transaction_priority: Integer | None = None
    metadata: Any = None


class WalletTransactionInput(Unsupported):
    """Body of ``POST /wallet_transactions``: credits as decimal text; null is absent."""

    wallet_id: Text | None = None
    paid_credits: Any = None
    granted_credits: Any = None
    voided_credits: Any = None
    invoice_requires_successful_payment: bool | None = None
    ignore_paid_top_up_limits: bool | None = None
    metadata: Any = None
    name: Any = None
    priority: Integer | None = None
    voided_transaction_id: Text | None = None


class WalletMetadataInput(Input):
    """Body of ``POST`` and ``PATCH`` on a wallet's metadata."""

    metadata: Any = None


class AppliesToOut(TypedDict):
    fee_types: Sequence[str]
    billable_metric_codes: Sequence[str]


class PaymentMethodOut(TypedDict):
    payment_method_id: Id | None
    payment_method_type: str


class WalletOut(TypedDict):
    """The ``wallet`` object of the contract."""

    lago_id: Id
    lago_customer_id: Id
    external_customer_id: str
    billing_entity_code: str
    status: str
    currency: str
    name: str | None
    code: str | None
    priority: int
    rate_amount: DecimalText
    credits_balance: DecimalText
    balance_cents: int
    consumed_credits: DecimalText
    created_at: Instant
    expiration_at: Instant | None
    last_balance_sync_at: Instant | None
    last_consumed_credit_at: Instant | None
    terminated_at: Instant | None
    invoice_requires_successful_payment: bool
    applies_to: AppliesToOut
    recurring_transaction_rules: Sequence[WalletRuleOut]
    ongoing_balance_cents: int
    ongoing_usage_balance_cents: int
    credits_ongoing_balance: DecimalText
    credits_ongoing_usage_balance: DecimalText
    paid_top_up_min_amount_cents: int | None
    paid_top_up_max_amount_cents: int | None
    applied_invoice_custom_sections: Sequence[Any]
    payment_method: PaymentMethodOut
    purchase_order_number: str | None
    metadata: Mapping[str, Any] | None


class MetadataPairOut(TypedDict):
    key: str
    value: str


class WalletTransactionOut(TypedDict):
    """The ``wallet_transaction`` object of the contract; ``wallet`` inside webhooks."""

    lago_id: Id
    lago_wallet_id: Id
    lago_invoice_id: Id | None
    lago_credit_note_id: Id | None
    lago_voided_invoice_id: Id | None
    status: str
    source: str
    transaction_status: str
    transaction_type: str
    amount: DecimalText
    credit_amount: DecimalText
    invoice_requires_successful_payment: bool
    metadata: Sequence[MetadataPairOut]
    remaining_amount_cents: int | None
    remaining_credit_amount: DecimalText | None
    priority: int
    settled_at: Instant | None
    failed_at: Instant | None
    created_at: Instant
    name: str | None
    applied_invoice_custom_sections: Sequence[Any]
    payment_method: PaymentMethodOut
    purchase_order_number: str | None
    wallet: NotRequired[WalletOut]


class WalletDrawOut(TypedDict):
    """A consumption of an inbound transaction, or a funding of an outbound one; the other side inside."""

    lago_id: Id
    amount_cents: int
    credit_amount: DecimalText
    created_at: Instant
    wallet_transaction: WalletTransactionOut


def _default_payment_method() -> PaymentMethodOut:
    return {"payment_method_id": None, "payment_method_type": "provider"}


def wallet_object(
    wallet: Wallet,
    *,
    external_customer_id: str,
    billing_entity_code: str,
    metric_codes: Sequence[str],
    rule: WalletRule | None = None,
) -> WalletOut:
    """A wallet on the wire; ``rule`` is its active one."""

    def credits(amount_cents: int) -> str:
        return decimal_string(credits_of(amount_cents, wallet.rate_amount, wallet.currency))

    return {
        "lago_id": wallet.id,
        "lago_customer_id": wallet.customer_id,
        "external_customer_id": external_customer_id,
        "billing_entity_code": billing_entity_code,
        "status": wallet.status,
        "currency": wallet.currency,
        "name": wallet.name,
        "code": wallet.code,
        "priority": wallet.priority,
        "rate_amount": decimal_string(wallet.rate_amount),
        "credits_balance": decimal_string(wallet.credits_balance),
        "balance_cents": wallet.balance_cents,
        "consumed_credits": decimal_string(wallet.consumed_credits),
        "created_at": iso(wallet.created_at) or "",
        "expiration_at": iso(wallet.expiration_at),
        "last_balance_sync_at": iso(wallet.last_balance_sync_at),
        "last_consumed_credit_at": iso(wallet.last_consumed_credit_at),
        "terminated_at": iso(wallet.terminated_at),
        "invoice_requires_successful_payment": wallet.invoice_requires_successful_payment,
        "applies_to": {"fee_types": wallet.allowed_fee_types, "billable_metric_codes": metric_codes},
        "recurring_transaction_rules": [] if rule is None else [rule_object(rule)],
        "ongoing_balance_cents": wallet.ongoing_balance_cents,
        "ongoing_usage_balance_cents": wallet.ongoing_usage_balance_cents,
        "credits_ongoing_balance": credits(wallet.ongoing_balance_cents),
        "credits_ongoing_usage_balance": credits(wallet.ongoing_usage_balance_cents),
        "paid_top_up_min_amount_cents": wallet.paid_top_up_min_amount_cents,
        "paid_top_up_max_amount_cents": wallet.paid_top_up_max_amount_cents,
        "applied_invoice_custom_sections": [],
        "payment_method": _default_payment_method(),
        "purchase_order_number": None,
        "metadata": wallet.custom_metadata,
    }


def transaction_object(transaction: WalletTransaction, wallet: Wallet) -> WalletTransactionOut:
    """A transaction on the wire; ``amount`` in currency units."""
    rest = transaction.remaining_amount_cents
    return {
        "lago_id": transaction.id,
        "lago_wallet_id": wallet.id,
        "lago_invoice_id": transaction.invoice_id,
        "lago_credit_note_id": transaction.credit_note_id,
        "lago_voided_invoice_id": transaction.voided_invoice_id,
        "status": transaction.status,
        "source": transaction.source,
        "transaction_status": transaction.transaction_status,
        "transaction_type": transaction.transaction_type,
        "amount": decimal_string(from_minor_units(transaction.amount_cents, wallet.currency)),
        "credit_amount": decimal_string(transaction.credit_amount),
        "invoice_requires_successful_payment": transaction.invoice_requires_successful_payment,
        "metadata": [{"key": pair["key"], "value": pair["value"]} for pair in transaction.entries],
        "remaining_amount_cents": rest,
        "remaining_credit_amount": None
        if rest is None
        else decimal_string(credits_of(rest, wallet.rate_amount, wallet.currency)),
        "priority": transaction.priority,
        "settled_at": iso(transaction.settled_at),
        "failed_at": iso(transaction.failed_at),
        "created_at": iso(transaction.created_at) or "",
        "name": transaction.name,
        "applied_invoice_custom_sections": [],
        "payment_method": _default_payment_method(),
        "purchase_order_number": None,
    }


def draw_object(draw: WalletDraw, other: WalletTransaction, wallet: Wallet) -> WalletDrawOut:
    """A draw seen from one side, with the transaction of the other side."""
    return {
        "lago_id": draw.id,
        "amount_cents": draw.amount_cents,
        "credit_amount": decimal_string(credits_of(draw.amount_cents, wallet.rate_amount, wallet.currency)),
        "created_at": iso(draw.created_at) or "",
        "wallet_transaction": transaction_object(other, wallet),
    }
