"""The amounts of a credit note from its items (spec 05 C2). Pure; minor units, rates in percent.

Discounts are not given back: each item carries its fee's share of coupons and progressive credits. The note that leaves
nothing to credit takes what rounding left over, so that the notes of an invoice add up to it, tax included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from billwright.billing.kernel.money import round_down, round_half_up

PLACES = 5
"""Decimals of stored precise values."""


@dataclass(frozen=True, slots=True)
class NoteTax:
    """A tax as it was applied to a fee of the invoice; hashable, equal when it is the same tax at the same rate."""

    id: UUID | None
    code: str
    name: str
    description: str | None
    rate: Decimal


@dataclass(frozen=True, slots=True)
class CreditedFee:
    """A fee of the invoice. ``discount``: its share of credits before taxes; ``credited_cents``: all items ever issued
    on it, those of voided notes included.
    """

    id: UUID
    amount_cents: int
    discount: Decimal
    taxes: tuple[NoteTax, ...]
    credited_cents: int = 0

    @property
    def creditable_cents(self) -> int:
        """What items may still be issued on the fee, excluding taxes and before discounts."""
        return max(self.amount_cents - self.credited_cents, 0)

    @property
    def taxes_rate(self) -> Decimal:
        return sum((tax.rate for tax in self.taxes), Decimal(0))


@dataclass(frozen=True, slots=True)
class NoteItem:
    """What is given back of a fee, excluding taxes and before discounts; up to 5 decimals for automatic notes."""

    fee: CreditedFee
    amount: Decimal

    @property
    def amount_cents(self) -> int:
        """The whole amount shown, never more than the fee's creditable rest."""
        return min(int(round_half_up(self.amount)), self.fee.creditable_cents)

    @property
    def share(self) -> Fraction:
        """The part of the fee that is given back."""
        return Fraction(self.amount) / self.fee.amount_cents if self.fee.amount_cents else Fraction(0)


@dataclass(frozen=True, slots=True)
class Rest:
    """What earlier notes (of any status but deleted) leave of an invoice.

    ``rounding``: by how much their whole taxes exceed their precise taxes. ``sub_total_cents`` and ``taxes_cents`` are
    the invoice's amounts less the notes'.
    """

    sub_total_cents: int
    taxes_cents: int
    rounding: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class AppliedNoteTax:
    """A tax of the note with its base."""

    tax: NoteTax
    base_amount_cents: int
    amount_cents: int


@dataclass(frozen=True, slots=True)
class NoteAmounts:
    """``expected_cents``: the total before the rounding rule, against which requested parts are checked;
    ``total_cents``: subtotal plus taxes, what the note is worth.
    """

    precise_coupons_adjustment: Decimal
    coupons_adjustment_cents: int
    precise_taxes: Decimal
    taxes_cents: int
    taxes_rate: Decimal
    sub_total_cents: int
    precise_total: Decimal
    expected_cents: int
    applied: tuple[AppliedNoteTax, ...]

    @property
    def total_cents(self) -> int:
        return self.sub_total_cents + self.taxes_cents


def leaves_nothing(items: Sequence[NoteItem], fees: Sequence[CreditedFee]) -> bool:
    """Whether after ``items`` nothing on the invoice remains creditable; what coupons paid in full never is."""
    taken: dict[UUID, int] = {}
    for item in items:
        taken[item.fee.id] = taken.get(item.fee.id, 0) + item.amount_cents
    return not _is_worth_something(
        NoteItem(fee, Decimal(max(fee.creditable_cents - taken.get(fee.id, 0), 0))) for fee in fees
    )


def _is_worth_something(items: Iterable[NoteItem]) -> bool:
    """Whether the items, discounts taken off, or their taxes come to a whole minor unit."""
    bases = [(Fraction(item.amount) - Fraction(item.fee.discount) * item.share, item.fee.taxes_rate) for item in items]
    net = sum((base for base, _ in bases), Fraction(0))
    taxes = sum((base * Fraction(rate) / 100 for base, rate in bases), Fraction(0))
    return _whole(net) > 0 or _whole(taxes) > 0


def amounts_of(items: Sequence[NoteItem], fees: Sequence[CreditedFee], rest: Rest) -> NoteAmounts:
    """The note's amounts. ``fees``: all of the invoice's.

    A note never is worth more than ``rest``; the last one is worth exactly that.
    """
    amount, adjustment = sum_of(items)
    bases = _bases(items)
    taxes = sum((base * Fraction(tax.rate) / 100 for tax, base in bases.items()), Fraction(0))
    precise_taxes = round_half_up(taxes, PLACES)
    net = amount - adjustment
    last = leaves_nothing(items, fees)
    if last:
        precise_taxes = round_half_up(taxes - Fraction(rest.rounding), PLACES)
        sub_total_cents, taxes_cents = rest.sub_total_cents, rest.taxes_cents
        expected = sub_total_cents + taxes_cents
    else:
        sub_total_cents = min(_whole(net), rest.sub_total_cents)
        taxes_cents = min(_whole(precise_taxes), rest.taxes_cents)
        expected = min(_whole(net + Fraction(precise_taxes)), rest.sub_total_cents + rest.taxes_cents)
    rate = sum((Fraction(tax.rate) * base for tax, base in bases.items()), Fraction(0)) / net if net else Fraction(0)
    return NoteAmounts(
        precise_coupons_adjustment=round_half_up(adjustment, PLACES),
        coupons_adjustment_cents=_whole(adjustment),
        precise_taxes=precise_taxes,
        taxes_cents=taxes_cents,
        taxes_rate=round_half_up(rate, PLACES),
        sub_total_cents=sub_total_cents,
        precise_total=round_half_up(net + Fraction(precise_taxes), PLACES),
        expected_cents=expected,
        applied=tuple(
            AppliedNoteTax(tax, _whole(base), _whole(base * Fraction(tax.rate) / 100)) for tax, base in bases.items()
        ),
    )


def sum_of(items: Sequence[NoteItem]) -> tuple[Fraction, Fraction]:
    """The items' amounts and the discounts that they carry, exact."""
    amount = sum((Fraction(item.amount) for item in items), Fraction(0))
    adjustment = sum((Fraction(item.fee.discount) * item.share for item in items), Fraction(0))
    return amount, adjustment


def value_of(items: Sequence[NoteItem]) -> Fraction:
    """What the items are worth, discounts taken off and taxes added, exact."""
    amount, adjustment = sum_of(items)
    taxes = sum((base * Fraction(tax.rate) / 100 for tax, base in _bases(items).items()), Fraction(0))
    return amount - adjustment + taxes


def creditable_of(fees: Sequence[CreditedFee], rest: Rest) -> int:
    """What can still be credited on an issued invoice, taxes included: what one note of everything left would be worth.

    The notes of an invoice add up to it, so that is all that earlier ones leave (spec 05 C2, adr/0010).
    """
    if not _is_worth_something(NoteItem(fee, Decimal(fee.creditable_cents)) for fee in fees):
        return 0
    return rest.sub_total_cents + rest.taxes_cents


def truncated(amount: Fraction) -> Decimal:
    """``amount`` cut to 5 decimals, as automatic items are (amounts are not negative)."""
    return round_down(amount, PLACES)


def _bases(items: Sequence[NoteItem]) -> dict[NoteTax, Fraction]:
    bases: dict[NoteTax, Fraction] = {}
    for item in items:
        base = Fraction(item.amount) - Fraction(item.fee.discount) * item.share
        for tax in item.fee.taxes:
            bases[tax] = bases.get(tax, Fraction(0)) + base
    return bases


def _whole(value: Fraction | Decimal) -> int:
    return int(round_half_up(value))
