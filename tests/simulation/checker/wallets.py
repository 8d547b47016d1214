"""Prepaid credits: buying, giving, and paying invoices with them (spec 05 D)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from tests.simulation.checker.model import Customer, Fee, Invoice
from tests.simulation.checker.money import ZERO, cents, exponent, floored, half_up


@dataclass(eq=False)
class Inflow:
    kind: str
    """granted or purchased"""
    amount: int
    rest: int
    priority: int
    order: int


@dataclass(eq=False)
class Wallet:
    name: str
    customer: Customer
    currency: str
    rate: Fraction
    priority: int
    order: int
    fee_types: list[str]
    metrics: list[str]
    expires: datetime | None
    active: bool = True
    balance: int = 0
    inflows: list[Inflow] = field(default_factory=list)

    def take(self, kind: str, amount: int, order: int, priority: int = 50) -> None:
        self.inflows.append(Inflow(kind, amount, amount, priority, order))
        self.balance += amount

    def draw(self, amount: int) -> dict[str, int]:
        """Cents by the kind of credits that pay."""
        self.balance -= amount
        drawn = {"granted": 0, "purchased": 0}
        order = sorted(self.inflows, key=lambda item: (item.priority, item.kind != "granted", item.order))
        for inflow in order:
            part = min(inflow.rest, amount)
            inflow.rest -= part
            amount -= part
            drawn[inflow.kind] += part
        return drawn

    def pays(self, fee_type: str, metric: str) -> bool:
        if not self.fee_types and not self.metrics:
            return True
        return fee_type in self.fee_types or (fee_type == "charge" and metric in self.metrics)


def worth(credits: str, rate: Fraction, currency: str) -> int:
    """Cents of so many credits (spec 05 D2)."""
    digits = exponent(currency)
    return int(half_up(floored(Fraction(credits)) * rate, digits) * 10**digits)


def use(invoice: Invoice, wallets: Iterable[Wallet]) -> None:
    """Spec 05 D5."""
    if invoice.total <= 0:
        return
    buckets = _buckets(invoice)
    if not buckets:
        return
    allocated, paid = ZERO, 0
    mine = [
        wallet
        for wallet in wallets
        if wallet.active
        and wallet.customer is invoice.customer
        and wallet.balance > 0
        and wallet.currency == invoice.currency
    ]
    rest = Fraction(invoice.total)
    for wallet in sorted(mine, key=lambda item: (item.priority, item.order)):
        own = Fraction(wallet.balance)
        for key, cap in buckets.items():
            if wallet.pays(*key):
                part = max(min(cap, own, rest), ZERO)
                buckets[key] -= part
                own -= part
                rest -= part
                allocated += part
        amount = min(cents(allocated) - paid, wallet.balance, invoice.total)
        if amount <= 0:
            continue
        paid += amount
        drawn = wallet.draw(amount)
        invoice.prepaid_granted += drawn["granted"]
        invoice.prepaid_purchased += drawn["purchased"]
        invoice.wallets_used.append((wallet, amount))
        invoice.prepaid_amount += amount
        invoice.total -= amount


def _buckets(invoice: Invoice) -> dict[tuple[str, str], Fraction]:
    caps: dict[tuple[str, str], Fraction] = {}
    for fee in invoice.fees:
        key = (fee.kind, fee.charge.metric.code if fee.charge else "")
        value = _payable(fee)
        if value > 0:
            caps[key] = caps.get(key, ZERO) + value
    ordered = dict(sorted(caps.items(), key=lambda item: -item[1]))
    missing = invoice.total - sum(ordered.values(), ZERO)
    if ordered and missing > 0:
        ordered[next(iter(ordered))] += missing
    return ordered


def _payable(fee: Fee) -> Fraction:
    base = fee.amount - fee.discount
    if not base:
        return ZERO
    precise_tax = (fee.precise - fee.discount) * sum((rate for _, rate in fee.taxes), ZERO) / 100
    return base + precise_tax - fee.after_tax_credit
