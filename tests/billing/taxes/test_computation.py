"""Tax amounts: the worked examples of spec 05 A2-A4, and what must hold of any fees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.taxes.computation import (
    PaidFeeTax,
    TaxableFee,
    fee_taxes,
    invoice_taxes,
    regrouped_taxes,
)
from billwright.billing.taxes.resolution import first_level, one_off_taxes, taxes_of_fee


@dataclass(frozen=True)
class Rate:
    id: UUID
    code: str
    name: str
    description: str | None
    rate: Decimal


def tax(rate: str | int, code: str | None = None) -> Rate:
    chosen = code or f"vat{rate}"
    return Rate(uuid5(UUID(int=0), chosen), chosen, chosen, None, Decimal(rate))


def fee(amount: int, *taxes: Rate, discount: str = "0", precise: str | None = None) -> TaxableFee:
    return TaxableFee(amount, Decimal(precise or amount), Decimal(discount), taxes)


def test_a3_two_taxes_on_one_fee() -> None:
    found = fee_taxes(fee(1044, tax(10), tax(5)))
    assert [applied.amount_cents for applied in found.applied] == [104, 52]
    assert [applied.precise_amount_cents for applied in found.applied] == [Decimal("104.4"), Decimal("52.2")]
    assert (found.taxes_amount_cents, found.taxes_precise_amount_cents, found.taxes_rate) == (157, Decimal("156.6"), 15)


def test_a3_rounding() -> None:
    assert fee_taxes(fee(1033, tax(20))).taxes_amount_cents == 207


def test_a3_precise_amounts_start_from_the_unrounded_fee() -> None:
    found = fee_taxes(fee(1033, tax(20), precise="1032.6", discount="0.4"))
    assert found.taxes_precise_amount_cents == Decimal("206.44")
    assert found.taxes_amount_cents == 207  # (1033 - 0.4) * 20 % = 206.52


A4 = [
    ("rounding", [fee(1033, tax(20)), fee(1033, tax(20))], 2066, 413, "20", [(2066, 413)]),
    (
        "two rates",
        [fee(10000, tax(20)), fee(5000, tax(10))],
        15000,
        2500,
        "16.66667",
        [(10000, 2000), (5000, 500)],
    ),
    ("one fee untaxed", [fee(10000, tax(20)), fee(5000)], 15000, 2000, "13.33333", [(10000, 2000)]),
    ("two taxes on one fee", [fee(1044, tax(10), tax(5))], 1044, 157, "15", [(1044, 104), (1044, 52)]),
    (
        "zero invoice",
        [fee(0, tax(20)), fee(0, tax(10)), fee(0, tax(10))],
        0,
        0,
        "13.33333",
        [(0, 0), (0, 0)],
    ),
    ("no tax at all", [fee(10000)], 10000, 0, "0", []),
    ("a tax of 0 %", [fee(10000, tax(0))], 10000, 0, "0", [(10000, 0)]),
    ("no fee", [], 0, 0, "0", []),
]


@pytest.mark.parametrize(
    ("fees", "sub_total", "taxes", "rate", "applied"), [case[1:] for case in A4], ids=[case[0] for case in A4]
)
def test_a4_examples(
    fees: list[TaxableFee], sub_total: int, taxes: int, rate: str, applied: list[tuple[int, int]]
) -> None:
    found = invoice_taxes(fees, sub_total)
    assert (found.taxes_amount_cents, found.taxes_rate) == (taxes, Decimal(rate))
    assert [(each.fees_amount_cents, each.amount_cents) for each in found.applied] == applied


def test_a4_with_a_coupon() -> None:
    vat20, vat0 = tax(20), tax(0)
    fees = [
        fee(9900, vat20, discount="1243.32810"),
        fee(4525, vat20, discount="568.28885"),
        fee(1500, vat0, discount="188.38305"),
    ]
    assert [each.base for each in fees] == [Decimal("8656.67190"), Decimal("3956.71115"), Decimal("1311.61695")]
    assert [fee_taxes(each).taxes_amount_cents for each in fees] == [1731, 791, 0]
    found = invoice_taxes(fees, 13925)
    assert (found.taxes_amount_cents, found.taxes_rate) == (2523, Decimal("18.11617"))
    assert [(each.tax.code, each.fees_amount_cents, each.amount_cents) for each in found.applied] == [
        ("vat20", 12613, 2523),
        ("vat0", 1312, 0),
    ]
    assert 13925 + found.taxes_amount_cents == 16448


def test_a4_advance_charges_sum_what_the_fees_paid() -> None:
    vat = tax(20)
    rows = [PaidFeeTax(vat, Decimal(1033), 207), PaidFeeTax(vat, Decimal(1033), 207)]
    found = regrouped_taxes(rows, 414, 2066)
    assert (found.taxes_amount_cents, found.taxes_rate) == (414, Decimal("20.04"))
    assert [(each.fees_amount_cents, each.amount_cents) for each in found.applied] == [(2066, 414)]
    assert regrouped_taxes([], 0, 0).taxes_rate == 0


def test_a_negative_base_rounds_away_from_zero() -> None:
    found = fee_taxes(fee(0, tax(50), discount="1"))
    assert found.taxes_amount_cents == -1


RATES = st.decimals(0, 100, places=4).map(lambda rate: tax(str(rate)))
FEES = st.builds(
    lambda amount, taxes, share: TaxableFee(amount, Decimal(amount), (amount * share).quantize(Decimal("1e-5")), taxes),
    st.integers(0, 10**12),
    st.lists(RATES, max_size=3, unique=True),
    st.decimals(0, 1, places=3),
)


@given(st.lists(FEES, max_size=6))
def test_invoice_taxes_never_drift_from_the_exact_sum(fees: Sequence[TaxableFee]) -> None:
    exact = sum(
        (Fraction(each.base) * Fraction(applied.rate) / 100 for each in fees for applied in each.taxes), Fraction(0)
    )
    found = invoice_taxes(fees, sum(each.amount_cents for each in fees))
    assert abs(found.taxes_amount_cents - exact) <= Fraction(1, 2)
    assert {each.tax for each in found.applied} == {applied for each in fees for applied in each.taxes}
    for each in fees:
        single = fee_taxes(each)
        assert abs(single.taxes_amount_cents - single.taxes_precise_amount_cents) <= Decimal("0.5")
        assert single.taxes_rate == sum((applied.rate for applied in each.taxes), Decimal(0))


@given(st.lists(FEES, min_size=1, max_size=6), st.randoms())
def test_the_order_of_fees_does_not_matter(fees: list[TaxableFee], chance: object) -> None:
    shuffled = list(fees)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    total = sum(each.amount_cents for each in fees)
    one, other = invoice_taxes(fees, total), invoice_taxes(shuffled, total)
    assert (one.taxes_amount_cents, one.taxes_rate) == (other.taxes_amount_cents, other.taxes_rate)
    assert set(one.applied) == set(other.applied)


OWN, PLAN, CUSTOMER, ENTITY = (tax(1, "own"),), (tax(2, "plan"),), (tax(3, "customer"),), (tax(4, "entity"),)


@pytest.mark.parametrize(
    ("fee_type", "order"),
    [
        ("charge", [OWN, PLAN, CUSTOMER, ENTITY]),
        ("fixed_charge", [OWN, PLAN, CUSTOMER, ENTITY]),
        ("subscription", [PLAN, CUSTOMER, ENTITY]),
        ("commitment", [OWN, PLAN, CUSTOMER, ENTITY]),
        ("add_on", [OWN, CUSTOMER, ENTITY]),
        ("credit", []),
    ],
)
def test_a2_first_level_wins(fee_type: str, order: list[tuple[Rate, ...]]) -> None:
    levels = {"own": OWN, "plan": PLAN, "customer": CUSTOMER, "organization": ENTITY}
    for expected in order:
        assert taxes_of_fee(fee_type, **levels) == expected
        levels = {name: () if level == expected else level for name, level in levels.items()}
    assert taxes_of_fee(fee_type, **levels) == ()


def test_a2_several_taxes_of_a_level_all_apply() -> None:
    assert first_level((), (tax(1), tax(2)), ENTITY) == (tax(1), tax(2))


def test_a2_one_off_codes() -> None:
    known = (tax(1, "a"), tax(2, "b"))
    assert one_off_taxes(["b", "unknown", "b"], known) == (known[1],)
    assert one_off_taxes([], known) == one_off_taxes(None, known) == one_off_taxes(["unknown"], known) == ()
