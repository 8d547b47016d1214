"""Amounts of credit notes: the worked examples of spec 05 C2-C4 and the invariants of an invoice's notes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.coupons.deduction import spread
from billwright.billing.credit_notes.amounts import (
    CreditedFee,
    NoteAmounts,
    NoteItem,
    NoteTax,
    Rest,
    amounts_of,
    creditable_of,
    truncated,
)
from billwright.billing.kernel.money import round_half_up

SPACE = UUID(int=7)


def tax(rate: str, code: str = "vat") -> NoteTax:
    return NoteTax(uuid5(SPACE, code), code, code, None, Decimal(rate))


VAT = tax("20")


def fee(amount_cents: int, taxes: tuple[NoteTax, ...] = (VAT,), discount: str = "0") -> CreditedFee:
    return CreditedFee(uuid4(), amount_cents, Decimal(discount), taxes)


@dataclass
class Bill:
    """An invoice with the notes issued on it so far."""

    fees: list[CreditedFee]
    sub_total: int
    taxes: int
    rounding: Decimal = Decimal(0)
    credited_sub_total: int = 0
    credited_taxes: int = 0

    @classmethod
    def of(cls, fees: list[CreditedFee]) -> Bill:
        bases = [Fraction(item.amount_cents) - Fraction(item.discount) for item in fees]
        taxes = sum(
            (base * Fraction(item.taxes_rate) / 100 for base, item in zip(bases, fees, strict=True)), Fraction()
        )
        return cls(fees, int(round_half_up(sum(bases, Fraction()))), int(round_half_up(taxes)))

    @property
    def rest(self) -> Rest:
        return Rest(self.sub_total - self.credited_sub_total, self.taxes - self.credited_taxes, self.rounding)

    def note(self, *items: tuple[int, Decimal | int]) -> NoteAmounts:
        """Issue a note on fees by index."""
        made = [NoteItem(self.fees[index], Decimal(amount)) for index, amount in items]
        amounts = amounts_of(made, self.fees, self.rest)
        for item in made:
            index = next(index for index, known in enumerate(self.fees) if known.id == item.fee.id)
            known = self.fees[index]
            self.fees[index] = replace(known, credited_cents=known.credited_cents + item.amount_cents)
        self.rounding += amounts.taxes_cents - amounts.precise_taxes
        self.credited_sub_total += amounts.sub_total_cents
        self.credited_taxes += amounts.taxes_cents
        return amounts


def figures(amounts: NoteAmounts) -> tuple[int, int, int]:
    return amounts.sub_total_cents, amounts.taxes_cents, amounts.total_cents


def invoice_of_A4() -> Bill:
    zero = (tax("0", "vat0"),)
    return Bill.of([fee(9900, (VAT,), "1243.32810"), fee(4525, (VAT,), "568.28885"), fee(1500, zero, "188.38305")])


def test_05_C3_example_1() -> None:
    made = invoice_of_A4().note((1, 2000))
    assert made.precise_coupons_adjustment == Decimal("251.17739")
    assert made.coupons_adjustment_cents == 251
    assert made.precise_taxes == Decimal("349.76452")
    assert figures(made) == (1749, 350, 2099)
    assert made.expected_cents == 2099
    assert [(item.base_amount_cents, item.amount_cents) for item in made.applied] == [(1749, 350)]
    assert made.taxes_rate == 20


def test_05_C3_example_1_in_full() -> None:
    invoice = invoice_of_A4()
    made = invoice.note((0, 9900), (1, 4525), (2, 1500))
    assert made.coupons_adjustment_cents == 2000
    assert figures(made) == (13925, 2523, 16448)


def test_05_C3_example_2_the_last_takes_the_rounding() -> None:
    invoice = Bill.of([fee(1033), fee(1033)])
    assert invoice.taxes == 413
    first = invoice.note((0, 1033))
    assert (first.precise_taxes, *figures(first)) == (Decimal("206.6"), 1033, 207, 1240)
    last = invoice.note((1, 1033))
    assert (last.precise_taxes, *figures(last)) == (Decimal("206.2"), 1033, 206, 1239)


def test_05_C3_example_3() -> None:
    lines = [Line(1999), Line(6833), Line(20033)]
    spread(lines, 1000, Decimal(28865))
    invoice = Bill.of([fee(line.amount_cents, (VAT,), str(line.discount)) for line in lines])
    notes = [invoice.note((index, line.amount_cents)) for index, line in enumerate(lines)]
    assert [figures(note) for note in notes] == [(1930, 386, 2316), (6596, 1319, 7915), (19339, 3868, 23207)]
    assert notes[-1].precise_taxes == Decimal("3868.00001")
    assert sum(note.total_cents for note in notes) == 33438


@dataclass
class Line:
    amount_cents: int
    discount: Decimal = Decimal(0)


@pytest.mark.parametrize(
    ("price", "rate", "unused", "period", "item", "result", "rounded"),
    [
        (20000, "25", 29, 30, "19333.33333", (19333, 4833, 24166), 24167),
        (16000, "25", 29, 30, "15466.66666", (15467, 3867, 19334), 19333),
        (2999, "23.33", 6, 7, "2570.57142", (2571, 600, 3171), 3170),
        (4990, "20", 24, 31, "3863.22580", (3863, 773, 4636), 4636),
        (3000, "20", 20, 30, "2000.00000", (2000, 400, 2400), 2400),
        (3000, "20", 21, 30, "2100.00000", (2100, 420, 2520), 2520),
    ],
)
def test_05_C4_rounding(
    price: int, rate: str, unused: int, period: int, item: str, result: tuple[int, int, int], rounded: int
) -> None:
    amount = truncated(Fraction(price * unused, period))
    assert f"{amount:.5f}" == item
    made = Bill.of([fee(price, (tax(rate),))]).note((0, amount))
    assert (made.expected_cents, figures(made)) == (rounded, result)


def test_05_C4_with_a_coupon() -> None:
    made = Bill.of([fee(3000, (VAT,), "500")]).note((0, 2000))
    assert made.coupons_adjustment_cents == 333
    assert figures(made) == (1667, 333, 2000)


def test_02_13_5_an_item_grossed_up_by_its_discounts() -> None:
    made = Bill.of([fee(20000, (VAT,), "2000")]).note((0, 10000))
    assert (made.coupons_adjustment_cents, *figures(made)) == (1000, 9000, 1800, 10800)


def test_discounts_that_leave_nothing_are_not_given_back() -> None:
    made = Bill.of([fee(1000, (VAT,), "1000")]).note((0, 400))
    assert (made.coupons_adjustment_cents, *figures(made)) == (400, 0, 0, 0)
    assert made.taxes_rate == 0


def test_creditable_is_what_full_notes_would_give() -> None:
    invoice = invoice_of_A4()
    assert creditable_of(invoice.fees, invoice.rest) == 16448
    invoice.note((1, 2000))
    assert creditable_of(invoice.fees, invoice.rest) == 16448 - 2099
    invoice.note((0, 9900), (1, 2525), (2, 1500))
    assert creditable_of(invoice.fees, invoice.rest) == 0


def test_creditable_is_what_was_invoiced_when_a_coupon_is_limited_to_some_fees() -> None:
    """Spread evenly, the coupon would take 1000 off a base of 2000 and leave 1100."""
    invoice = Bill.of([fee(1000), fee(1000, (tax("0", "vat0"),), "1000")])
    assert creditable_of(invoice.fees, invoice.rest) == 1200


def test_the_last_note_takes_the_rounding_of_subtotals_too() -> None:
    """Items that round up in the first note: 23578.58750 and 41771 of 65349 (adr/0010)."""
    other = (tax("7.77", "t3"),)
    paid = [fee(amount, (VAT,), str(amount)) for amount in (663, 180, 45, 14499)]
    invoice = Bill.of([*paid, fee(10680), fee(54669, other)])
    assert (invoice.sub_total, invoice.taxes) == (65349, 6384)
    first = invoice.note(
        *enumerate(map(Decimal, ("239.21718", "64.94584", "16.23646", "5231.38747", "3853.45322", "19725.13428")))
    )
    assert figures(first) == (23579, 2303, 25882)
    assert creditable_of(invoice.fees, invoice.rest) == 45851
    last = invoice.note(*((index, known.creditable_cents) for index, known in enumerate(invoice.fees)))
    assert (last.precise_taxes, *figures(last)) == (Decimal("4080.88238"), 41770, 4081, 45851)
    assert creditable_of(invoice.fees, invoice.rest) == 0


def test_a_note_is_the_last_when_only_fees_are_left_that_coupons_paid() -> None:
    """Thirds of a cent that were rounded down in two notes come with the third, not with a note of nothing."""
    invoice = Bill.of([fee(1000, (VAT,), "1000"), *(fee(3, (VAT,), "1.66667") for _ in range(3))])
    assert (invoice.sub_total, invoice.taxes) == (4, 1)
    assert [figures(invoice.note((index, 3))) for index in (1, 2, 3)] == [(1, 0, 1), (1, 0, 1), (2, 1, 3)]
    assert creditable_of(invoice.fees, invoice.rest) == 0


rates = st.sampled_from(["0", "5", "5.5", "7.7", "20", "23.33", "25.5"])
bills = st.lists(st.tuples(st.integers(0, 50_000), st.lists(rates, max_size=2, unique=True)), min_size=1, max_size=6)


@given(lines=bills, data=st.data())
def test_notes_of_an_invoice_never_exceed_it_and_sum_to_it(
    lines: list[tuple[int, list[str]]], data: st.DataObject
) -> None:
    amounts = [Line(amount) for amount, _ in lines]
    total = sum(line.amount_cents for line in amounts)
    coupon = data.draw(st.integers(0, total)) if total else 0
    spread(amounts, coupon, Decimal(total))
    invoice = Bill.of(
        [
            fee(line.amount_cents, tuple(tax(rate, f"t{rate}") for rate in codes), str(line.discount))
            for line, (_, codes) in zip(amounts, lines, strict=True)
        ]
    )
    assert invoice.sub_total == total - coupon
    notes: list[NoteAmounts] = []
    while any(known.creditable_cents for known in invoice.fees):
        chosen = [
            (index, data.draw(st.integers(1, known.creditable_cents)))
            for index, known in enumerate(invoice.fees)
            if known.creditable_cents
        ]
        if len(notes) >= 4:
            chosen = [(index, known.creditable_cents) for index, known in enumerate(invoice.fees)]
        notes.append(invoice.note(*chosen))
        assert notes[-1].sub_total_cents >= 0
        assert notes[-1].taxes_cents >= 0
        assert sum(note.total_cents for note in notes) <= invoice.sub_total + invoice.taxes
    if notes:
        assert sum(note.sub_total_cents for note in notes) == invoice.sub_total
        assert sum(note.taxes_cents for note in notes) == invoice.taxes
