"""Progressive billing: what has been used is invoiced as soon as it reaches a step (spec 02 §13)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from tests.simulation.checker.calendar import Period
from tests.simulation.checker.model import Fee, Invoice, Subscription
from tests.simulation.checker.money import ZERO, half_up

KIND = "progressive_billing"


def passes(thresholds: Sequence[tuple[int, bool]], before: int, current: int, billed: int) -> bool:
    """§13.3: ``before`` what was invoiced of the chain, ``billed`` by the period's latest progressive invoice."""
    steps = sorted(amount for amount, recurring in thresholds if not recurring)
    every = next((amount for amount, recurring in thresholds if recurring), 0)
    last = steps[-1] if steps else 0
    fresh = current - billed
    if fresh < 0:
        return False
    invoiced = before + billed
    total = invoiced + fresh
    if invoiced < last:
        return any(invoiced < step <= total for step in steps) or bool(every and total - last >= every)
    return bool(every) and (invoiced - last) % every + fresh >= every


def invoices_of(invoices: Iterable[Invoice], subscription: Subscription, period: Period) -> list[Invoice]:
    """The live progressive invoices of one period, oldest first."""
    return [
        invoice
        for invoice in invoices
        if invoice.kind == KIND and invoice.status == "finalized" and invoice.billed == (subscription, period)
    ]


def counted(fee: Fee) -> bool:
    """Only charges in arrears count."""
    return fee.kind == "charge" and fee.charge is not None and not fee.charge.pay_in_advance


def lifetime(invoices: Iterable[Invoice], chain: Sequence[Subscription]) -> int:
    """What subscription invoices have billed of the charges of a chain."""
    return sum(
        fee.amount
        for invoice in invoices
        if invoice.kind == "subscription" and not invoice.voided
        for fee in invoice.fees
        if counted(fee) and fee.subscription in chain
    )


def credit(invoice: Invoice, made: Sequence[Invoice], everything: Iterable[Invoice]) -> None:
    """Take off what the progressive invoices ``made`` in the window have billed; what is more is noted as excess."""
    if not made:
        return
    latest = made[-1]
    subscription = latest.billed[0]
    given = sum(
        amount
        for other in everything
        if not other.voided and other.status != "closed"
        for source, amount in other.credited
        if source is latest
    )
    noted = sum(
        (
            Fraction(note.subtotal * note.credit, note.total)
            for source in made
            for note in source.credit_notes
            if not note.voided and note.total and (source is latest or note.excess_of is latest)
        ),
        ZERO,
    )
    open_credit = latest.fees_amount - latest.coupons_amount - given - half_up(noted)
    if open_credit <= 0:
        return
    charges = {id(fee.charge) for fee in latest.fees}
    fees = [
        fee for fee in invoice.fees if counted(fee) and fee.subscription is subscription and id(fee.charge) in charges
    ]
    cap = sum(fee.amount for fee in fees)
    taken = int(min(open_credit, cap))
    if open_credit > taken:
        invoice.excesses.append((made, int(open_credit) - taken))
    if not taken:
        return
    _spread(fees, latest, taken, cap)
    invoice.credited.append((latest, taken))
    invoice.progressive_amount += taken
    invoice.subtotal -= taken


def _bucket(fee: Fee) -> tuple:
    return id(fee.charge), repr(fee.filter_values), tuple(sorted(fee.group.items(), key=repr))


def _spread(fees: Sequence[Fee], latest: Invoice, taken: int, cap: int) -> None:
    before = {_bucket(fee): fee.amount for fee in latest.fees}
    weights = [0 if fee.true_up else min(before.get(_bucket(fee), 0), fee.amount) for fee in fees]
    whole = sum(weights)
    shares: list[Fraction] = []
    for fee, weight in zip(fees, weights, strict=True):
        if taken <= whole:
            share = Fraction(taken * weight, whole)
        else:
            share = weight + Fraction((taken - whole) * (fee.amount - weight), cap - whole)
        shares.append(half_up(share, 5))
    for fee, share in zip(fees, shares, strict=True):
        fee.discount += share
    largest = max(fees, key=lambda fee: fee.amount)
    largest.discount += taken - sum(shares, ZERO)


def excess_items(invoice: Invoice, net: int) -> list[tuple[Fee, Fraction]]:
    """Items on the fees of ``invoice``, from the largest down, that are worth ``net`` less their discounts."""
    items: list[tuple[Fee, Fraction]] = []
    left = Fraction(net)
    for fee in sorted(invoice.fees, key=lambda fee: -fee.amount):
        worth = (fee.amount - fee.discount) / fee.amount if fee.amount else ZERO
        rest = fee.amount - fee.credited
        if left <= 0 or worth <= 0 or rest <= 0:
            continue
        item = min(left / worth, Fraction(rest))
        items.append((fee, half_up(item, 5)))
        left -= item * worth
    return items
