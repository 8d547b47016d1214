"""Coupons on an invoice (spec 05 B3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from tests.simulation.checker.model import Customer, Fee, Invoice
from tests.simulation.checker.money import ZERO, half_up


@dataclass(eq=False)
class Coupon:
    code: str
    plans: list[str]
    metrics: list[str]
    deleted: bool = False


@dataclass(eq=False)
class Application:
    """A coupon at a customer; ``rate`` in percent, else ``amount`` cents of ``currency``."""

    coupon: Coupon
    customer: Customer
    order: int
    frequency: str
    rate: Fraction | None
    amount: int
    currency: str | None
    periods: int
    active: bool = True
    consumed: bool = False
    uses: list[tuple[Invoice, int]] = field(default_factory=list)

    @property
    def rank(self) -> int:
        return 0 if self.coupon.metrics else 1 if self.coupon.plans else 2

    @property
    def remaining(self) -> int:
        return self.amount - sum(used for invoice, used in self.uses if not invoice.voided)


def apply(invoice: Invoice, applications: Iterable[Application]) -> None:
    if invoice.fees_amount <= 0:
        return
    mine = [item for item in applications if item.active and item.customer is invoice.customer]
    for application in sorted(mine, key=lambda item: (item.rank, item.order)):
        if invoice.subtotal <= 0:
            return
        _use(invoice, application)


def _eligible(invoice: Invoice, coupon: Coupon) -> list[Fee]:
    if coupon.metrics:
        return [fee for fee in invoice.fees if fee.charge and fee.charge.metric.code in coupon.metrics]
    if coupon.plans:
        return [fee for fee in invoice.fees if fee.subscription and fee.subscription.plan.code in coupon.plans]
    return list(invoice.fees)


def _use(invoice: Invoice, application: Application) -> None:
    fees = _eligible(invoice, application.coupon)
    if not fees or (application.rate is None and application.currency != invoice.currency):
        return
    left = sum((fee.amount - fee.discount for fee in fees), ZERO)
    cap = left if application.rank < 2 else Fraction(invoice.subtotal)
    if application.rate is not None:
        exact = cap * application.rate / 100
        value = cap if exact >= cap else min(half_up(exact), cap)
    elif application.frequency == "once":
        value = min(Fraction(application.remaining), cap)
    else:
        value = min(Fraction(application.amount), cap)
    amount = int(value)
    _spread(fees, amount, cap)
    application.uses.append((invoice, amount))
    invoice.coupons.append((application, amount))
    invoice.coupons_amount += amount
    invoice.subtotal -= amount
    _consume(application)


def _spread(fees: list[Fee], amount: int, cap: Fraction) -> None:
    if not cap:
        return
    shares = [min(half_up(amount * (fee.amount - fee.discount) / cap, 5), fee.amount - fee.discount) for fee in fees]
    for fee, share in zip(fees, shares, strict=True):
        fee.discount += share
    largest = max(fees, key=lambda fee: fee.amount)
    largest.discount = min(largest.discount + amount - sum(shares, ZERO), Fraction(largest.amount))


def _consume(application: Application) -> None:
    if application.frequency == "recurring":
        application.periods -= 1
        ended = application.periods <= 0
    elif application.frequency == "once":
        ended = application.rate is not None or application.remaining <= 0
    else:
        ended = False
    if ended:
        application.active, application.consumed = False, True


def give_back(invoice: Invoice) -> None:
    """After voiding (``invoice.voided`` is set): periods and ended applications return."""
    for application, _ in invoice.coupons:
        if application.frequency == "recurring":
            application.periods += 1
        if application.consumed and application.frequency != "forever" and not application.coupon.deleted:
            application.active, application.consumed = True, False
