"""Credit notes: amounts, the automatic ones at the end of plans in advance, and their use (spec 05 C)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from tests.simulation.checker.calendar import days_between, local_date
from tests.simulation.checker.model import Fee, Invoice, Subscription
from tests.simulation.checker.money import ZERO, cents, half_up, truncated
from tests.simulation.checker.windows import plan_period, zone_of


@dataclass(eq=False)
class CreditNote:
    invoice: Invoice
    items: list[tuple[Fee, Fraction]]
    reason: str
    issuing_date: date
    order: int
    number: str | None = None
    draft: bool = False
    total: int = 0
    subtotal: int = 0
    taxes: int = 0
    precise_taxes: Fraction = ZERO
    coupons: int = 0
    credit: int = 0
    refund: int = 0
    offset: int = 0
    balance: int = 0
    voided: bool = False
    excess_of: Invoice | None = None
    """The progressive invoice that had billed too much."""
    uses: list[tuple[Invoice, int]] = field(default_factory=list)


@dataclass
class Amounts:
    subtotal: int
    taxes: int
    precise_taxes: Fraction
    coupons: int
    total: int
    """As the items say, before it is adjusted."""


def amounts(items: Sequence[tuple[Fee, Fraction]]) -> Amounts:
    """Spec 05 C2."""
    coupons, taxes, whole = ZERO, ZERO, ZERO
    for fee, item in items:
        discount = fee.discount * item / fee.amount if fee.amount else ZERO
        coupons += discount
        whole += item
        taxes += sum(((item - discount) * rate / 100 for _, rate in fee.taxes), ZERO)
    taxes = half_up(taxes, 5)
    return Amounts(cents(whole - coupons), cents(taxes), taxes, cents(coupons), cents(whole - coupons + taxes))


def settle(note: CreditNote, parts: tuple[int, int, int] | None, earlier: Sequence[CreditNote]) -> None:
    """Compute the note's figures; ``parts``: credit, refund and offset as asked for (None: all credit).

    The notes of an invoice add up to it, before and after taxes (05 C2 "last CN absorbs rounding", adr/0010): none is
    worth more than the earlier ones leave, the last one exactly that.
    """
    found = amounts(note.items)
    precise, subtotal_left, taxes_left = found.precise_taxes, *left_by(note.invoice, earlier)
    note.coupons = found.coupons
    if worth_of_rest(note.invoice) <= 0:
        precise -= sum((other.taxes - other.precise_taxes for other in earlier), ZERO)
        note.subtotal, note.taxes = subtotal_left, taxes_left
    else:
        note.subtotal, note.taxes = min(found.subtotal, subtotal_left), min(cents(precise), taxes_left)
    note.precise_taxes = precise
    note.total = note.subtotal + note.taxes
    note.credit, note.refund, note.offset = parts or (note.total, 0, 0)
    change = note.total - note.credit - note.refund - note.offset
    if note.credit > 0:
        note.credit += change
    elif note.refund > 0:
        note.refund += change
    else:
        note.offset += change
    note.balance = note.credit


def left_by(invoice: Invoice, notes: Iterable[CreditNote]) -> tuple[int, int]:
    """What ``notes`` leave of the invoice: before taxes, and of its taxes."""
    return (
        invoice.subtotal - sum(note.subtotal for note in notes),
        invoice.taxes_amount - sum(note.taxes for note in notes),
    )


def _discount(fee: Fee, item: Fraction) -> Fraction:
    return fee.discount * item / fee.amount if fee.amount else ZERO


def creditable(invoice: Invoice) -> int:
    """What can still be credited (spec 05 C2): as the notes add up to the invoice, all that they leave."""
    issued = [note for note in invoice.credit_notes if not note.draft]
    return sum(left_by(invoice, issued)) if worth_of_rest(invoice) > 0 else 0


def worth_of_rest(invoice: Invoice) -> int:
    """What the invoice's fees have left, less discounts and with taxes (spec 05 C2)."""
    rest = {id(fee): fee.amount - fee.credited for fee in invoice.fees}
    whole = sum(rest.values(), ZERO)
    if not whole or invoice.status == "draft" or invoice.kind == "credit":
        return 0
    bases = {id(fee): rest[id(fee)] - _discount(fee, rest[id(fee)]) for fee in invoice.fees}
    taxes = sum((bases[id(fee)] * rate for fee in invoice.fees for _, rate in fee.taxes), ZERO)
    return cents(sum(bases.values(), ZERO)) + cents(taxes / 100)


def unused_item(subscription: Subscription, fee: Fee, *, upgrade: bool, trial_ends: date | None) -> Fraction:
    """What a plan in advance gives back when it ends now (spec 03 §6.7, 05 C4)."""
    zone = zone_of(subscription)
    assert subscription.terminated_at is not None
    ended = local_date(subscription.terminated_at, zone)
    period = plan_period(subscription, ended)
    if fee.fee_period != period:
        return ZERO
    first = ended if upgrade else ended + timedelta(days=1)
    if trial_ends is not None and trial_ends >= first - timedelta(days=1):
        first = trial_ends
    unused = max((period.end - first).days + 1, 0)
    value = min(Fraction(fee.plan_amount * unused, period.days), Fraction(fee.amount))
    return truncated(value - fee.credited)


def used_part(subscription: Subscription, fee: Fee) -> int:
    """Money for the days used, as the fee was discounted and taxed."""
    zone = zone_of(subscription)
    assert subscription.terminated_at is not None
    assert fee.fee_start is not None
    period = plan_period(subscription, local_date(subscription.terminated_at, zone))
    days = days_between(fee.fee_start, subscription.terminated_at, zone)
    return amounts([(fee, Fraction(fee.plan_amount * days, period.days))]).total


def use(invoice: Invoice, notes: Iterable[CreditNote]) -> None:
    """Pay the invoice with the customer's credit notes, oldest first (spec 05 C5)."""
    for note in sorted(notes, key=lambda item: item.order):
        if (
            note.invoice.customer is not invoice.customer
            or note.draft
            or note.invoice is invoice
            or note.invoice.currency != invoice.currency
        ):
            continue
        amount = min(note.balance, invoice.total)
        if amount <= 0:
            continue
        for fee in invoice.fees:
            after = fee.amount - fee.discount + fee.tax
            share = half_up(amount * (after - fee.after_tax_credit) / invoice.total, 5)
            fee.after_tax_credit = min(fee.after_tax_credit + share, after)
        note.balance -= amount
        note.uses.append((invoice, amount))
        invoice.notes_used.append((note, amount))
        invoice.notes_amount += amount
        invoice.total -= amount
