"""Tax amounts of fees and invoices (spec 05 A3, A4). Pure; amounts in minor units, rates in percent.

Rates of one fee add up, they never compound. Sums are made of unrounded values and rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Protocol
from uuid import UUID

from billwright.billing.kernel.money import PRECISE, round_half_up


class TaxRate(Protocol):
    """A tax as it applies: hashable, equal when it is the same tax at the same rate."""

    @property
    def id(self) -> UUID: ...
    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str | None: ...
    @property
    def rate(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class TaxableFee:
    """What taxes need to know of a fee. ``discount_cents``: its share of coupons and progressive credits, unrounded."""

    amount_cents: int
    precise_amount_cents: Decimal
    discount_cents: Decimal
    taxes: Sequence[TaxRate]

    @property
    def base(self) -> Decimal:
        """Taxable amount in minor units, unrounded."""
        return PRECISE.subtract(Decimal(self.amount_cents), self.discount_cents)

    @property
    def precise_base(self) -> Decimal:
        """Taxable amount before the fee was rounded."""
        return PRECISE.subtract(self.precise_amount_cents, self.discount_cents)


@dataclass(frozen=True, slots=True)
class AppliedFeeTax:
    """One tax on one fee."""

    tax: TaxRate
    amount_cents: int
    precise_amount_cents: Decimal


@dataclass(frozen=True, slots=True)
class FeeTaxes:
    """All taxes of one fee; ``taxes_rate`` is their sum."""

    applied: tuple[AppliedFeeTax, ...]
    taxes_amount_cents: int
    taxes_precise_amount_cents: Decimal
    taxes_rate: Decimal


@dataclass(frozen=True, slots=True)
class AppliedInvoiceTax:
    """One tax on an invoice; ``fees_amount_cents`` is its rounded base, net of discounts."""

    tax: TaxRate
    fees_amount_cents: int
    amount_cents: int


@dataclass(frozen=True, slots=True)
class InvoiceTaxes:
    """All taxes of an invoice; ``taxes_rate`` weighs each by its share of the subtotal, 5 decimals."""

    applied: tuple[AppliedInvoiceTax, ...]
    taxes_amount_cents: int
    taxes_rate: Decimal


def percentage_of(base: Decimal, rate: Decimal) -> Decimal:
    """``base * rate / 100``, exact."""
    return PRECISE.multiply(base, rate).scaleb(-2, PRECISE)


def fee_taxes(fee: TaxableFee) -> FeeTaxes:
    """The taxes of one fee: each rounded for itself, their sum rounded once (spec 05 A3)."""
    applied: list[AppliedFeeTax] = []
    total = precise_total = rate = Decimal(0)
    for tax in fee.taxes:
        amount = percentage_of(fee.base, tax.rate)
        precise = percentage_of(fee.precise_base, tax.rate)
        applied.append(AppliedFeeTax(tax, int(round_half_up(amount)), precise))
        total = PRECISE.add(total, amount)
        precise_total = PRECISE.add(precise_total, precise)
        rate = PRECISE.add(rate, tax.rate)
    return FeeTaxes(tuple(applied), int(round_half_up(total)), precise_total, rate)


def invoice_taxes(fees: Sequence[TaxableFee], sub_total_excluding_taxes_cents: int) -> InvoiceTaxes:
    """The taxes of an invoice from its fees (spec 05 A4), in the order in which they first appear.

    Computed from unrounded values: never the sum of the fees' rounded taxes.
    """
    bases: dict[TaxRate, Decimal] = {}
    amounts: dict[TaxRate, Decimal] = {}
    carriers: dict[TaxRate, int] = {}
    for fee in fees:
        for tax in fee.taxes:
            bases[tax] = PRECISE.add(bases.get(tax, Decimal(0)), fee.base)
            amounts[tax] = PRECISE.add(amounts.get(tax, Decimal(0)), percentage_of(fee.base, tax.rate))
            carriers[tax] = carriers.get(tax, 0) + 1
    rate = Fraction(0)
    for tax, base in bases.items():
        if sub_total_excluding_taxes_cents > 0:
            share = Fraction(base) / sub_total_excluding_taxes_cents
        else:
            share = Fraction(carriers[tax], len(fees))
        rate += Fraction(tax.rate) * share
    total = Decimal(0)
    for amount in amounts.values():
        total = PRECISE.add(total, amount)
    return InvoiceTaxes(
        tuple(
            AppliedInvoiceTax(tax, int(round_half_up(base)), int(round_half_up(amounts[tax])))
            for tax, base in bases.items()
        ),
        int(round_half_up(total)),
        round_half_up(rate, 5),
    )


@dataclass(frozen=True, slots=True)
class PaidFeeTax:
    """A tax row of a fee that was taxed before: ``base_cents`` and ``amount_cents`` as stored."""

    tax: TaxRate
    base_cents: Decimal
    amount_cents: int


def regrouped_taxes(rows: Sequence[PaidFeeTax], taxes_amount_cents: int, fees_amount_cents: int) -> InvoiceTaxes:
    """Taxes of an ``advance_charges`` invoice: the sums of its paid fees' own taxes, grouped by tax (spec 05 A4).

    ``taxes_amount_cents`` is the sum of the fees' ``taxes_amount_cents``.
    """
    bases: dict[TaxRate, Decimal] = {}
    amounts: dict[TaxRate, int] = {}
    for row in rows:
        bases[row.tax] = PRECISE.add(bases.get(row.tax, Decimal(0)), row.base_cents)
        amounts[row.tax] = amounts.get(row.tax, 0) + row.amount_cents
    rate = Decimal(0)
    if fees_amount_cents:
        rate = round_half_up(Fraction(taxes_amount_cents * 100, fees_amount_cents), 2)
    return InvoiceTaxes(
        tuple(AppliedInvoiceTax(tax, int(round_half_up(base)), amounts[tax]) for tax, base in bases.items()),
        taxes_amount_cents,
        rate,
    )
