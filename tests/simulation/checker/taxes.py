"""Taxes of fees and invoices (spec 05 A2-A4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from tests.simulation.checker.model import Customer, Fee, Invoice
from tests.simulation.checker.money import ZERO, cents, half_up


def applicable(
    fee: Fee, customer: Customer, rates: Mapping[str, Fraction], defaults: Sequence[str], own: Sequence[str] = ()
) -> list[tuple[str, Fraction]]:
    """The first level that has any; ``own``: of the add-on or of the one-off's fee."""
    levels: list[Sequence[str]] = [own]
    if fee.kind == "credit":
        return []
    if fee.subscription:
        plan = fee.subscription.plan
        if fee.charge:
            levels.append(fee.charge.taxes)
        if fee.kind == "commitment":
            levels.append(plan.commitment_taxes)
        levels.append(plan.taxes)
    levels += [customer.taxes, defaults]
    codes = next((level for level in levels if level), ())
    return [(code, rates[code]) for code in codes]


def tax_fee(fee: Fee) -> None:
    fee.tax = cents((fee.amount - fee.discount) * sum((rate for _, rate in fee.taxes), ZERO) / 100)


def tax_invoice(invoice: Invoice) -> None:
    """Fee taxes, applied taxes, and the invoice's taxes out of unrounded sums."""
    bases: dict[str, Fraction] = {}
    rates: dict[str, Fraction] = {}
    carrying: dict[str, int] = {}
    for fee in invoice.fees:
        tax_fee(fee)
        for code, rate in fee.taxes:
            bases[code] = bases.get(code, ZERO) + fee.amount - fee.discount
            rates[code] = rate
            carrying[code] = carrying.get(code, 0) + 1
    exact = {code: base * rates[code] / 100 for code, base in bases.items()}
    invoice.applied_taxes = {code: (cents(base), cents(exact[code])) for code, base in bases.items()}
    invoice.taxes_amount = cents(sum(exact.values(), ZERO))
    invoice.taxes_rate = half_up(
        sum(
            (
                rate
                * (bases[code] / invoice.subtotal if invoice.subtotal else Fraction(carrying[code], len(invoice.fees)))
                for code, rate in rates.items()
            ),
            ZERO,
        ),
        5,
    )


def tax_regrouped(invoice: Invoice) -> None:
    """Paid fees in advance keep the taxes they were paid with: sums of rounded ones (spec 05 A4)."""
    found: dict[str, tuple[int, int]] = {}
    for fee in invoice.fees:
        for code, rate in fee.taxes:
            base, amount = found.get(code, (0, 0))
            found[code] = (base + fee.amount, amount + cents(fee.amount * rate / 100))
    invoice.applied_taxes = found
    invoice.taxes_amount = sum(fee.tax for fee in invoice.fees)
    share = Fraction(invoice.taxes_amount * 100, invoice.fees_amount) if invoice.fees_amount else ZERO
    invoice.taxes_rate = half_up(share, 2)
