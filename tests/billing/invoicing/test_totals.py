"""Totals of an invoice (spec 04 §3.2, the examples without credits)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.catalog.snapshot import TaxRate
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.totals import Totals, totals_of
from billwright.billing.kernel.ids import new_id
from billwright.billing.subscriptions.models import Subscription

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def tax(code: str, rate: str) -> TaxRate:
    return TaxRate(new_id(), code, code.upper(), None, Decimal(rate))


def fee(amount_cents: int, *taxes: TaxRate, discount: str = "0") -> FeeDraft:
    return FeeDraft(
        fee_type="charge",
        subscription=Subscription(id=new_id()),
        amount_cents=amount_cents,
        precise_amount_cents=Decimal(amount_cents),
        units=Decimal(1),
        precise_unit_amount=Decimal(amount_cents) / 100,
        from_datetime=NOW,
        to_datetime=NOW,
        charges_from_datetime=NOW,
        charges_to_datetime=NOW,
        charges_duration=31,
        timestamp=NOW,
        item={},
        taxes=taxes,
        discount=Decimal(discount),
    )


def applied(totals: Totals) -> dict[str, tuple[int, int]]:
    return {item.tax.code: (item.fees_amount_cents, item.amount_cents) for item in totals.taxes.applied}


def test_04_3_2_a_before_credit_notes_and_wallets() -> None:
    vat, local = tax("vat", "20"), tax("local", "5")
    totals = totals_of(
        [
            fee(10_000, vat, discount="999.79069"),
            fee(5_000, vat, discount="3199.95814"),
            fee(2_333, vat, local, discount="233.25117"),
        ],
        progressive_credit_cents=3_000,
        coupons_cents=1_433,
    )
    assert totals.fees_amount_cents == 17_333
    assert totals.sub_total_excluding_taxes_amount_cents == 12_900
    assert [item.taxes_amount_cents for item in totals.fee_taxes] == [1_800, 360, 525]
    assert applied(totals) == {"vat": (12_900, 2_580), "local": (2_100, 105)}
    assert (totals.taxes_amount_cents, totals.taxes.taxes_rate) == (2_685, Decimal("20.81386"))
    assert totals.sub_total_including_taxes_amount_cents == 15_585
    assert totals.total_amount_cents == 15_585


def test_04_3_2_b_invoice_tax_is_not_the_sum_of_fee_taxes() -> None:
    ten = tax("ten", "10")
    totals = totals_of([fee(33, ten), fee(33, ten), fee(33, ten)])
    assert [item.taxes_amount_cents for item in totals.fee_taxes] == [3, 3, 3]
    assert (totals.taxes_amount_cents, totals.total_amount_cents) == (10, 109)


def test_04_3_2_c_nor_the_sum_of_its_applied_taxes() -> None:
    totals = totals_of([fee(50, tax("a", "5"), tax("b", "5"))])
    assert applied(totals) == {"a": (50, 3), "b": (50, 3)}
    assert (totals.taxes_amount_cents, totals.total_amount_cents) == (5, 55)


def test_04_3_2_d_uneven_taxes() -> None:
    one, two = tax("tax1", "10"), tax("tax2", "12")
    totals = totals_of([fee(1_000, one), fee(2_000, one, two)])
    assert applied(totals) == {"tax1": (3_000, 300), "tax2": (2_000, 240)}
    assert (totals.taxes_amount_cents, totals.taxes.taxes_rate) == (540, Decimal(18))


def test_04_3_2_e_coupon_larger_than_the_subtotal() -> None:
    totals = totals_of([fee(800, tax("vat", "20"), discount="800")], coupons_cents=800)
    assert (totals.fees_amount_cents, totals.coupons_amount_cents) == (800, 800)
    assert totals.sub_total_excluding_taxes_amount_cents == 0
    assert (totals.taxes_amount_cents, totals.total_amount_cents, totals.payment_status) == (0, 0, "succeeded")


def test_04_3_1_without_discount_the_rate_weighs_by_fees() -> None:
    """A sub-total of 0: the weight is (number of fees with the tax / number of fees)."""
    totals = totals_of([fee(0, tax("a", "10")), fee(0)])
    assert totals.taxes.taxes_rate == Decimal(5)


def test_no_fee_is_nothing_owed() -> None:
    totals = totals_of([])
    assert (totals.fees_amount_cents, totals.total_amount_cents, totals.payment_status) == (0, 0, "succeeded")


@given(st.lists(st.tuples(st.integers(0, 10**9), st.booleans()), max_size=20), st.decimals(0, 50, places=3))
def test_parts_add_up(amounts: list[tuple[int, bool]], rate: Decimal) -> None:
    vat = tax("vat", str(rate))
    totals = totals_of([fee(amount, vat) if taxed else fee(amount) for amount, taxed in amounts])
    assert totals.fees_amount_cents == sum(amount for amount, _ in amounts)
    assert totals.total_amount_cents == totals.fees_amount_cents + totals.taxes_amount_cents
    base = sum(amount for amount, taxed in amounts if taxed)
    assert abs(totals.taxes_amount_cents - base * rate / 100) <= Decimal("0.5")
