"""What coupons take and how it is spread: the worked examples of spec 05 B3 and 04 §3.2, and its invariants."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.coupons.deduction import Discount, cap_of, credit_of, rest_of, spread
from billwright.billing.taxes.computation import InvoiceTaxes, TaxableFee, fee_taxes, invoice_taxes

SPACE = UUID(int=5)


@dataclass(frozen=True)
class Rate:
    code: str
    rate: Decimal
    description: str | None = None

    @property
    def id(self) -> UUID:
        return uuid5(SPACE, self.code)

    @property
    def name(self) -> str:
        return self.code


@dataclass
class Line:
    amount_cents: int
    taxes: tuple[Rate, ...] = ()
    discount: Decimal = field(default_factory=lambda: Decimal(0))

    def taxable(self) -> TaxableFee:
        return TaxableFee(self.amount_cents, Decimal(self.amount_cents), self.discount, self.taxes)


VAT = (Rate("vat", Decimal(20)),)


def take(fees: list[Line], discount: Discount, cap: int | None = None) -> int:
    """Apply one coupon; ``cap`` is the subtotal of an unlimited one."""
    limit = cap_of(fees) if cap is None else Decimal(cap)
    credit = credit_of(discount, limit)
    spread(fees, credit, limit)
    return credit


def taxes_of(fees: list[Line], sub_total: int) -> InvoiceTaxes:
    return invoice_taxes([fee.taxable() for fee in fees], sub_total)


def shares(fees: list[Line]) -> list[str]:
    return [f"{fee.discount:.5f}" for fee in fees]


def test_05_A4_coupon_without_limits() -> None:
    zero = (Rate("vat0", Decimal(0)),)
    fees = [Line(9900, VAT), Line(4525, VAT), Line(1500, zero)]
    assert take(fees, Discount(amount_cents=2000), 15925) == 2000
    assert shares(fees) == ["1243.32810", "568.28885", "188.38305"]
    assert [fee_taxes(fee.taxable()).taxes_amount_cents for fee in fees] == [1731, 791, 0]
    taxes = taxes_of(fees, 13925)
    assert [(item.fees_amount_cents, item.amount_cents) for item in taxes.applied] == [(12613, 2523), (1312, 0)]
    assert (taxes.taxes_amount_cents, taxes.taxes_rate) == (2523, Decimal("18.11617"))


def test_05_B3_example_3_percentage() -> None:
    fees = [Line(4999, VAT), Line(1234, VAT)]
    assert take(fees, Discount(percentage_rate=Decimal("12.5")), 6233) == 779
    assert shares(fees) == ["624.77475", "154.22525"]
    taxes = taxes_of(fees, 5454)
    assert (taxes.taxes_amount_cents, 5454 + taxes.taxes_amount_cents) == (1091, 6545)


def test_05_B3_example_4_several() -> None:
    sub_a, api_b, _ = fees = [Line(5000, VAT), Line(3000, VAT), Line(2000, VAT)]
    assert take([api_b], Discount(percentage_rate=Decimal(50))) == 1500
    assert take([sub_a], Discount(amount_cents=2500)) == 2500
    assert shares(fees) == ["2500.00000", "1500.00000", "0.00000"]
    assert [fee_taxes(fee.taxable()).taxes_amount_cents for fee in fees] == [500, 300, 400]
    assert take(fees, Discount(amount_cents=3000), 6000) == 3000
    assert shares(fees) == ["3750.00000", "2250.00000", "1000.00000"]
    assert [fee_taxes(fee.taxable()).taxes_amount_cents for fee in fees] == [250, 150, 200]
    taxes = taxes_of(fees, 3000)
    assert (taxes.taxes_amount_cents, 3000 + taxes.taxes_amount_cents) == (600, 3600)
    assert take(fees, Discount(amount_cents=4000), 3000) == 3000
    assert shares(fees) == ["5000.00000", "3000.00000", "2000.00000"]
    assert taxes_of(fees, 0).taxes_amount_cents == 0


def test_05_B3_example_5_twice_the_same() -> None:
    ten = (Rate("ten", Decimal(10)),)
    fees = [Line(amount, ten) for amount in (99290, 299770, 3130, 6460, 3130, 1999)]
    total = sum(fee.amount_cents for fee in fees)
    assert take(fees, Discount(amount_cents=1000), total) == 1000
    assert take(fees, Discount(amount_cents=1000), total - 1000) == 1000
    # The example prints the largest share before it takes the 0.00002 that rounding left (spec 00 rule 13).
    assert shares(fees) == ["479.91802", "1448.93774", "15.12884", "31.22440", "15.12884", "9.66216"]
    assert sum(fee.discount for fee in fees) == 2000
    taxes = taxes_of(fees, total - 2000)
    assert (taxes.taxes_amount_cents, total - 2000 + taxes.taxes_amount_cents) == (41178, 452957)


def test_04_3_2_A_after_a_progressive_credit() -> None:
    fees = [Line(10000, VAT), Line(5000, VAT), Line(2333, (*VAT, Rate("local", Decimal(5))))]
    fees[1].discount = Decimal(3000)
    assert take(fees, Discount(percentage_rate=Decimal(10)), 14333) == 1433
    assert shares(fees) == ["999.79069", "3199.95814", "233.25117"]
    assert [fee_taxes(fee.taxable()).taxes_amount_cents for fee in fees] == [1800, 360, 525]
    taxes = taxes_of(fees, 12900)
    assert [(item.fees_amount_cents, item.amount_cents) for item in taxes.applied] == [(12900, 2580), (2100, 105)]
    assert (taxes.taxes_amount_cents, taxes.taxes_rate) == (2685, Decimal("20.81386"))


def test_04_3_2_E_more_than_the_subtotal() -> None:
    fees = [Line(800, VAT)]
    assert take(fees, Discount(amount_cents=1000), 800) == 800
    assert taxes_of(fees, 0).taxes_amount_cents == 0


@pytest.mark.parametrize(
    ("discount", "cap", "taken"),
    [
        (Discount(percentage_rate=Decimal(150)), "1000", 1000),
        (Discount(percentage_rate=Decimal("0.01")), "1000", 0),
        (Discount(percentage_rate=Decimal("0.05")), "1000", 1),
        # Limited coupons after another one meet fractions: the result is truncated before it is spread.
        (Discount(amount_cents=5000), "1756.71115", 1756),
        (Discount(percentage_rate=Decimal("99.99")), "10.40000", 10),
        (Discount(amount_cents=0), "1000", 0),
    ],
)
def test_05_B3_step_4(discount: Discount, cap: str, taken: int) -> None:
    assert credit_of(discount, Decimal(cap)) == taken


amounts = st.lists(st.integers(0, 10**9), min_size=1, max_size=12)
rates = st.decimals(Decimal("0.01"), Decimal(120), places=2)
discounts = st.one_of(
    st.builds(lambda cents: Discount(amount_cents=cents), st.integers(1, 10**9)),
    st.builds(lambda rate: Discount(percentage_rate=rate), rates),
)


@given(amounts=amounts, coupons=st.lists(discounts, min_size=1, max_size=6), picks=st.data())
def test_spread_adds_up_and_stays_below_each_fee(
    amounts: list[int], coupons: list[Discount], picks: st.DataObject
) -> None:
    fees = [Line(amount) for amount in amounts]
    sub_total = sum(amounts)
    for discount in coupons:
        limited = picks.draw(st.booleans())
        chosen = [fee for fee in fees if picks.draw(st.booleans())] if limited else fees
        if not chosen or not sub_total:
            continue
        credit = take(chosen, discount, None if limited else sub_total)
        sub_total -= credit
        assert credit >= 0
        assert sub_total >= 0
        assert all(0 <= fee.discount <= fee.amount_cents for fee in fees)
        assert all(fee.discount.as_tuple().exponent >= -5 for fee in fees if fee.discount)  # type: ignore[operator]
        assert sum((rest_of(fee) for fee in fees), Decimal(0)) == sub_total
