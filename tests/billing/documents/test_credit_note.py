"""Credit notes (spec 04 §21)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billwright.billing.documents.blocks import Header, Table, Totals
from billwright.billing.documents.credit_note_document import CreditedAddOn, CreditedPrepaid
from billwright.billing.documents.credit_note_layout import lay_out_credit_note
from billwright.billing.documents.invoice_document import Address, AppliedTax, Party
from tests.billing.documents.fixtures import VAT20, credit_note


def blocks(**changes: Any) -> tuple[Header, Table, Totals]:
    header, table, totals, *_ = lay_out_credit_note(credit_note(**changes)).blocks
    assert isinstance(header, Header)
    assert isinstance(table, Table)
    assert isinstance(totals, Totals)
    return header, table, totals


def test_header() -> None:
    header, *_ = blocks(seller=Party(name="S", address=Address(country="AU")))
    assert header.title == "Credit note"
    assert header.facts == (
        ("Credit note number", "HOO-A1B2-001-042-CN001"),
        ("Invoice number", "HOO-A1B2-001-042"),
        ("Issue date", "Feb 10, 2025"),
    )
    assert header.customer.label == "Credit to"
    assert header.amount == "€81.00"


@pytest.mark.parametrize(
    ("credit", "refund", "offset", "note"),
    [
        (0, 100, 0, "Refunded on Feb 10, 2025"),
        (100, 0, 0, "Credited on the customer's balance on Feb 10, 2025"),
        (50, 50, 0, "Issued on Feb 10, 2025"),
        (0, 0, 100, "Issued on Feb 10, 2025"),
        (50, 0, 50, "Issued on Feb 10, 2025"),
    ],
)
def test_what_became_of_the_amount(credit: int, refund: int, offset: int, note: str) -> None:
    header, *_ = blocks(credit_amount_cents=credit, refund_amount_cents=refund, offset_amount_cents=offset)
    assert header.amount_notes == (note,)


def test_items_and_totals() -> None:
    _, table, totals = blocks()
    assert table.columns == ("Item", "Tax rate", "Amount (excl. tax)")
    assert [(row.label, *row.cells) for row in table.rows] == [
        ("Subscription - Production", ("20.0%",), ("€50.00",)),
        ("Storage • eu • Hot", ("20.0%",), ("€20.00",)),
        ("Storage • eu • Hot - true-up", ("20.0%",), ("€5.00",)),
    ]
    assert [(row.label, row.amount) for row in totals.rows] == [
        ("Coupons", "-€7.50"),
        ("Subtotal (excl. tax)", "€67.50"),
        ("VAT (20.0% on €67.50)", "€13.50"),
        ("Credited on the customer's balance", "€61.00"),
        ("Refunded", "€20.00"),
        ("Total", "€81.00"),
    ]


def test_add_ons() -> None:
    add_on = CreditedAddOn(name="Setup", amount_cents=500, taxes=(VAT20,))
    _, table, totals = blocks(
        subscriptions=(),
        add_ons=(add_on,),
        coupons_adjustment_amount_cents=0,
        refund_amount_cents=0,
        credit_amount_cents=0,
        offset_amount_cents=600,
        applied_taxes=(AppliedTax(code="v", name="VAT", rate=Decimal(20), base_amount_cents=500, amount_cents=100),),
    )
    assert [(row.label, *row.cells) for row in table.rows] == [("Setup", ("20.0%",), ("€5.00",))]
    assert [row.label for row in totals.rows] == [
        "Subtotal (excl. tax)",
        "VAT (20.0% on €5.00)",
        "Offset on the invoice",
        "Total",
    ]


def test_prepaid_credits_have_no_tax_column() -> None:
    _, table, totals = blocks(
        subscriptions=(),
        prepaid=CreditedPrepaid(amount_cents=500, wallet_name="Main"),
        credit_amount_cents=0,
        refund_amount_cents=500,
        total_amount_cents=500,
    )
    assert table.columns == ("Item", "Amount")
    assert [(row.label, *row.cells) for row in table.rows] == [("Prepaid credits - Main", ("€5.00",))]
    assert [(row.label, row.amount) for row in totals.rows] == [("Refunded", "€5.00"), ("Total", "€5.00")]
