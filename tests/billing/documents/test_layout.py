"""Which blocks an invoice has, in which order, with which wording (spec 04 §19, 02 §15)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from billwright.billing.documents.blocks import Header, Heading, Layout, Note, PageBreak, Row, Table, Totals
from billwright.billing.documents.invoice_document import (
    AddOnLine,
    Address,
    AppliedTax,
    CouponCredit,
    CreditPurchase,
    FeeLine,
    FeeTax,
    FilterLabel,
    InvoiceDocument,
    InvoiceType,
    Party,
    PassedThreshold,
    RecurringBreakdown,
    TrueUp,
    UnitChange,
)
from billwright.billing.documents.layout import lay_out_invoice
from tests.billing.documents.fixtures import (
    FEB,
    FEB_END,
    GRADUATED_15,
    GRADUATED_PERCENTAGE,
    JAN,
    JAN_END,
    PACKAGE,
    PERCENTAGE,
    VAT20,
    VOLUME,
    charge,
    commitment_fee,
    example_a,
    invoice,
    models_section,
    section,
    subscription_fee,
    totals,
)


def tables(layout: Layout) -> list[Table]:
    return [block for block in layout.blocks if isinstance(block, Table)]


def header(document: InvoiceDocument) -> Header:
    first = lay_out_invoice(document).blocks[0]
    assert isinstance(first, Header)
    return first


def totals_rows(layout: Layout, index: int = 0) -> list[tuple[str, str | None]]:
    block = [block for block in layout.blocks if isinstance(block, Totals)][index]
    return [(row.label, row.amount) for row in block.rows]


def flat(row: Row) -> tuple[str, ...]:
    """Label and cells on one line, for comparison."""
    return (row.label, *(", ".join(cell) for cell in row.cells))


def rows_of(*fees: FeeLine, **changes: Any) -> list[Row]:
    layout = lay_out_invoice(invoice(currency="USD", subscriptions=(section(*fees, **changes),)))
    return [row for table in tables(layout) for row in table.rows]


def labels(*fees: FeeLine, **changes: Any) -> list[str]:
    return [row.label for row in rows_of(*fees, **changes)]


class TestTitle:
    """Spec 04 §19.1."""

    @pytest.mark.parametrize(
        ("country", "invoice_type", "title"),
        [
            ("AU", InvoiceType.CREDIT, "Advance invoice"),
            ("FR", InvoiceType.CREDIT, "Advance invoice"),
            *((code, InvoiceType.ADVANCE_CHARGES, "Paid tax invoice") for code in ("AU", "AE", "NZ", "ID", "SG")),
            *((code, InvoiceType.SUBSCRIPTION, "Tax invoice") for code in ("AU", "AE", "NZ", "ID", "SG")),
            ("FR", InvoiceType.ADVANCE_CHARGES, "Paid invoice"),
            ("FR", InvoiceType.SUBSCRIPTION, "Invoice"),
            (None, InvoiceType.SUBSCRIPTION, "Invoice"),
        ],
    )
    def test_first_matching_row(self, country: str | None, invoice_type: InvoiceType, title: str) -> None:
        seller = Party(name="Seller", address=Address(country=country))
        document = invoice(
            seller=seller,
            invoice_type=invoice_type,
            credit_purchase=CreditPurchase(credits=Decimal(1), unit_price=Decimal(1), amount_cents=100),
        )
        assert header(document).title == title

    def test_the_customers_country_does_not_matter(self) -> None:
        customer = Party(name="Customer", address=Address(country="AU"))
        assert header(invoice(customer=customer)).title == "Invoice"


class TestHeader:
    """Spec 04 §19.2."""

    def test_facts_and_metadata(self) -> None:
        block = header(invoice(metadata=(("PO", "7"), ("A", "b"))))
        assert block.facts == (
            ("Invoice number", "HOO-A1B2-001-042"),
            ("Issue date", "Feb 03, 2025"),
            ("Payment term", "30 days"),
        )
        assert block.metadata == (("PO", "7"), ("A", "b"))
        assert header(invoice(net_payment_term=0)).facts[2] == ("Payment term", "0 days")
        assert header(invoice(net_payment_term=1)).facts[2] == ("Payment term", "1 day")

    def test_from(self) -> None:
        seller = Party(
            name="Hooli",
            legal_number="RCS 1",
            tax_identification_number="FR1",
            emails=("b@hooli.example",),
            address=Address(line1="1 rue A", line2="", zipcode="75002", city="Paris", state="IDF", country="FR"),
        )
        block = header(invoice(seller=seller)).seller
        assert (block.label, block.name) == ("From", "Hooli")
        assert block.lines == ("RCS 1", "1 rue A", "75002, Paris", "IDF", "France", "b@hooli.example", "Tax ID: FR1")

    def test_bill_to(self) -> None:
        block = header(invoice()).customer
        assert (block.label, block.name) == ("Bill to", "Northwind Traders Inc. - Jane Doe")
        assert block.lines == (
            "EIN 12-3456789",
            "500 Market Street",
            "Suite 1200",
            "San Francisco, CA 94105",
            "United States",
            "ap@northwind.example",
            "jane@northwind.example",
            "Tax ID: US123456",
        )

    def test_empty_values_print_no_line(self) -> None:
        block = header(invoice(customer=Party(name="Solo", last_name="Doe"))).customer
        assert (block.name, block.lines) == ("Solo - Doe", ())

    @pytest.mark.parametrize(
        ("country", "lines"),
        [
            ("DE", ("1 Main", "10969 Town", "ST", "Germany")),
            ("GB", ("1 Main", "Town", "ST", "10969", "United Kingdom")),
            ("US", ("1 Main", "Town, ST 10969", "United States")),
            ("CA", ("1 Main", "Town ST 10969", "Canada")),
            ("BR", ("1 Main", "Town-ST", "10969", "Brazil")),
            ("IT", ("1 Main", "10969 Town ST", "Italy")),
            ("HU", ("Town", "1 Main", "10969", "ST", "Hungary")),
            (None, ("1 Main", "10969 Town", "ST")),
        ],
    )
    def test_address_layout_of_the_customers_country(self, country: str | None, lines: tuple[str, ...]) -> None:
        address = Address(line1="1 Main", zipcode="10969", city="Town", state="ST", country=country)
        assert header(invoice(customer=Party(name="C", address=address))).customer.lines == lines

    def test_a_missing_part_leaves_no_separator(self) -> None:
        address = Address(line1="1 | Main", zipcode="94105", city="Town", country="US")
        assert header(invoice(customer=Party(name="C", address=address))).customer.lines[:2] == (
            "1 | Main",
            "Town 94105",
        )

    def test_amount_and_due_date(self) -> None:
        block = header(invoice())
        assert (block.amount, block.amount_notes) == ("€100.00", ("Due Mar 05, 2025",))
        assert header(invoice(invoice_type=InvoiceType.ADVANCE_CHARGES)).amount_notes == ("Already paid",)

    def test_paper_follows_the_customer(self) -> None:
        assert lay_out_invoice(invoice()).paper == "us-letter"
        assert lay_out_invoice(invoice(customer=Party(name="C"))).paper == "a4"


class TestZeroSubscriptionFee:
    """Spec 04 §19.4 and 02 §15: hidden next to other amounts of its subscription."""

    def test_zero_and_usage_is_hidden(self) -> None:
        assert labels(subscription_fee(0), charge("API", 1000, 10)) == ["API"]

    def test_zero_and_no_usage_is_shown(self) -> None:
        assert labels(subscription_fee(0), charge("API", 0, 0)) == ["Monthly subscription - Premium"]

    def test_zero_and_unpriced_usage_is_shown(self) -> None:
        assert labels(subscription_fee(0), charge("API", 0, 5)) == ["Monthly subscription - Premium", "API"]

    def test_zero_and_a_commitment_true_up_is_hidden(self) -> None:
        assert labels(subscription_fee(0), commitment_fee(5000)) == ["Minimum commitment"]

    def test_zero_and_a_charge_true_up_is_hidden(self) -> None:
        true_up = TrueUp(amount_cents=100, minimum_amount_cents=100)
        assert labels(subscription_fee(0), charge("API", 0, 0, true_up=true_up)) == ["API", "API - true-up"]

    def test_above_zero_is_shown(self) -> None:
        assert labels(subscription_fee(1), charge("API", 1000)) == ["Monthly subscription - Premium", "API"]

    def test_the_other_amount_must_be_of_the_same_subscription(self) -> None:
        document = invoice(
            subscriptions=(section(subscription_fee(0), name="A"), section(charge("API", 100), name="B"))
        )
        assert [row.label for table in tables(lay_out_invoice(document))[1:] for row in table.rows] == [
            "Monthly subscription - Premium",
            "API",
        ]

    def test_never_on_progressive_invoices(self) -> None:
        document = invoice(
            invoice_type=InvoiceType.PROGRESSIVE_BILLING,
            subscriptions=(section(subscription_fee(500), charge("API", 100), charges_from=JAN),),
        )
        assert [row.label for row in tables(lay_out_invoice(document))[0].rows] == ["API"]


class TestFeeTables:
    """Spec 04 §19.4."""

    def test_one_table_per_period_in_order(self) -> None:
        fees = (subscription_fee(9900, from_date=FEB, to_date=FEB_END), charge("API", 1000))
        found = tables(lay_out_invoice(invoice(subscriptions=(section(*fees),))))
        assert [table.caption for table in found] == [
            "Fees from Jan 01, 2025 to Jan 31, 2025",
            "Fees from Feb 01, 2025 to Feb 28, 2025",
        ]
        assert found[0].columns == ("Item", "Units", "Unit price", "Tax rate", "Amount (excl. tax)")

    def test_order_inside_a_table(self) -> None:
        fees = (
            commitment_fee(1),
            charge("beta", 1),
            charge("Alpha", 1, group_values=("z",)),
            charge("alpha", 1, group_values=("B",)),
            subscription_fee(1),
        )
        assert labels(*fees) == [
            "Monthly subscription - Premium",
            "alpha • B",
            "Alpha • z",
            "beta",
            "Minimum commitment",
        ]

    def test_charges_without_units_and_amount_are_left_out(self) -> None:
        fees = (charge("Zero", 0, 0), charge("Units", 0, 1), charge("Flat", 200, 0))
        assert labels(*fees) == ["Flat", "Units"]

    def test_names(self) -> None:
        assert labels(subscription_fee(1, invoice_display_name="Base")) == ["Base"]
        assert labels(subscription_fee(1), plan_interval="yearly", plan_display_name="Gold") == [
            "Yearly subscription - Gold"
        ]
        assert labels(commitment_fee(1, item_name="Floor")) == ["Floor"]
        assert labels(charge("Metric", 1, invoice_display_name="Mine", group_values=("eu", "a"))) == ["Mine • eu • a"]

    @pytest.mark.parametrize(
        ("label", "name"),
        [
            (FilterLabel(display_name="Hot"), "M • Hot"),
            (FilterLabel(values={"tier": ("hot", "cold"), "zone": ("eu",)}), "M • hot • cold • eu"),
            (FilterLabel(values={"zone": ("__ALL_FILTER_VALUES__",)}), "M • zone"),
        ],
    )
    def test_filter_names(self, label: FilterLabel, name: str) -> None:
        assert labels(charge("M", 1, filter=label)) == [name]

    def test_notes(self) -> None:
        def notes(fee: FeeLine, **changes: Any) -> tuple[str, ...]:
            return rows_of(fee, **changes)[0].notes

        assert notes(charge("M", 1, charge_model="percentage", events_count=4)) == ("Total events: 4",)
        assert notes(charge("M", 1, prorated=True)) == ("Prorated, unit price is an average",)
        weighted = charge("M", 1, aggregation_type="weighted_sum_agg")
        words = {
            "weekly": "week",
            "monthly": "month",
            "quarterly": "quarter",
            "semiannual": "half-year",
            "yearly": "year",
        }
        for interval, word in words.items():
            assert notes(weighted, plan_interval=interval) == (f"Units prorated per second per {word}",)
        monthly = notes(weighted, plan_interval="yearly", charges_interval="monthly")
        assert monthly == ("Units prorated per second per month",)

    def test_tax_cell(self) -> None:
        taxes = (FeeTax(name="Local", rate=Decimal("5.5")), VAT20)
        assert rows_of(charge("M", 1, taxes=taxes))[0].cells[2] == ("20.0%", "5.5%")
        assert rows_of(charge("M", 1))[0].cells[2] == ("0.0%",)

    def test_true_up_and_commitment_rows(self) -> None:
        true_up = TrueUp(amount_cents=1929, minimum_amount_cents=10000, prorated=True, taxes=(VAT20,))
        rows = rows_of(charge("API", 7000, 2, true_up=true_up), commitment_fee(5000))
        assert [flat(row) for row in rows] == [
            ("API", "2", "$35.00", "0.0%", "$70.00"),
            ("API - true-up", "1", "$19.29", "20.0%", "$19.29"),
            ("Minimum commitment", "1", "$50.00", "0.0%", "$50.00"),
        ]
        assert rows[1].notes == ("Minimum: $100.00, prorated on days of usage",)


class TestChargeDetails:
    """Spec 04 §19.4, detail rows from ``amount_details``."""

    def test_graduated_15_units(self) -> None:
        """Spec 04 §19.4: 0-10 at $1; 11 and above at $0.50 plus flat $5."""
        rows = rows_of(charge("API", 1750, 15, charge_model="graduated", amount_details=GRADUATED_15, taxes=(VAT20,)))
        assert [(row.style, *flat(row)) for row in rows] == [
            ("group", "API", "", "", "", ""),
            ("detail", "First 10", "10", "$1.00", "", "$10.00"),
            ("detail", "11 and above", "5", "$0.50", "", "$2.50"),
            ("detail", "Flat fee, 11 and above", "1", "$5.00", "", "$5.00"),
            ("subtotal", "Subtotal", "", "", "20.0%", "$17.50"),
        ]

    def test_middle_tier(self) -> None:
        tier = {"from_value": 11, "to_value": 20, "units": "2.0", "per_unit_amount": "5.0", "flat_unit_amount": "3.0"}
        first = {"from_value": 0, "to_value": 10, "units": "10.0", "per_unit_amount": "10.0", "flat_unit_amount": "2.0"}
        details = {"graduated_ranges": [first, {**tier, "per_unit_total_amount": "10.0"}]}
        rows = rows_of(charge("API", 11500, 12, charge_model="graduated", amount_details=details))
        assert [row.label for row in rows[1:-1]] == [
            "First 10",
            "Next 11 to 20",
            "Flat fee, first 10",
            "Flat fee, next 11 to 20",
        ]

    def test_graduated_percentage(self) -> None:
        rows = rows_of(
            charge("T", 51100, 1050, charge_model="graduated_percentage", amount_details=GRADUATED_PERCENTAGE)
        )
        assert [flat(row) for row in rows[1:]] == [
            ("First 1000", "1000", "1%", "", "$10.00"),
            ("Next 1001 to 10000", "50", "2%", "", "$1.00"),
            ("Flat fee, first 1000", "1", "$200.00", "", "$200.00"),
            ("Flat fee, next 1001 to 10000", "1", "$300.00", "", "$300.00"),
            ("Subtotal", "", "", "0.0%", "$511.00"),
        ]

    def test_volume(self) -> None:
        rows = rows_of(charge("V", 4900, 65000, charge_model="volume", amount_details=VOLUME))
        assert [flat(row) for row in rows[1:]] == [
            ("Fee per unit", "65000", "$0.0006", "", "$39.00"),
            ("Flat fee for all units", "1", "$10.00", "", "$10.00"),
            ("Subtotal", "", "", "0.0%", "$49.00"),
        ]

    def test_package(self) -> None:
        rows = rows_of(charge("P", 1000, 201, charge_model="package", amount_details=PACKAGE))
        assert [flat(row) for row in rows[1:]] == [
            ("Free units", "100", "$0.00", "", "$0.00"),
            ("Fee per package", "101", "$5.00 per 100", "", "$10.00"),
            ("Subtotal", "", "", "0.0%", "$10.00"),
        ]
        without_free = {**PACKAGE, "free_units": "0.0"}
        rows = rows_of(charge("P", 1000, 101, charge_model="package", amount_details=without_free))
        assert [row.label for row in rows] == ["P", "Fee per package", "Subtotal"]

    def test_percentage(self) -> None:
        rows = rows_of(charge("C", 150, 550, charge_model="percentage", amount_details=PERCENTAGE))
        assert [flat(row) for row in rows[1:]] == [
            ("Free units for 3 transactions", "400", "$0.00", "", "$0.00"),
            ("Rate on the amount", "150", "1.2%", "", "$1.80"),
            ("Fixed fee per transaction", "1", "$0.10", "", "$0.10"),
            ("Adjustment for minimum and maximum per transaction", "1", "-$0.40", "", "-$0.40"),
            ("Subtotal", "", "", "0.0%", "$1.50"),
        ]

    def test_percentage_prints_no_empty_parts(self) -> None:
        bare = {
            **PERCENTAGE,
            "free_units": "0.0",
            "free_events": "0.0",
            "paid_events": 0,
            "fixed_fee_unit_amount": "0.0",
            "min_max_adjustment_total_amount": "0.0",
        }
        rows = rows_of(charge("C", 180, 150, charge_model="percentage", amount_details=bare))
        assert [row.label for row in rows] == ["C", "Rate on the amount", "Subtotal"]

    @pytest.mark.parametrize(
        "fee",
        [
            charge("X", 1750, 15, charge_model="graduated", amount_details={}),
            charge("X", 0, 15, charge_model="graduated", amount_details=GRADUATED_15),
            charge("X", 1750, 15, charge_model="standard", amount_details=GRADUATED_15),
            charge("X", 1750, 15, charge_model="dynamic", amount_details=GRADUATED_15),
        ],
    )
    def test_default_row(self, fee: FeeLine) -> None:
        assert [(row.style, row.label) for row in rows_of(fee)] == [("item", "X")]

    def test_a_zero_amount_with_a_filter_keeps_its_details(self) -> None:
        label = FilterLabel(display_name="eu")
        fee = charge("X", 0, 15, charge_model="graduated", amount_details=GRADUATED_15, filter=label)
        assert len(rows_of(fee)) == 5


class TestTotals:
    """Spec 04 §19.5."""

    def test_example_a_of_3_2_in_order(self) -> None:
        assert totals_rows(lay_out_invoice(example_a())) == [
            ("Usage already billed", "-€30.00"),
            ("Welcome (10.00%)", "-€14.33"),
            ("Subtotal (excl. tax)", "€129.00"),
            ("VAT (20.0% on €129.00)", "€25.80"),
            ("LOCAL (5.0% on €21.00)", "€1.05"),
            ("Subtotal (incl. tax)", "€155.85"),
            ("Credit notes", "-€18.00"),
            ("Prepaid credits", "-€50.00"),
            ("Total", "€87.85"),
        ]

    def test_the_smallest_block(self) -> None:
        assert totals_rows(lay_out_invoice(invoice())) == [
            ("Subtotal (excl. tax)", "€100.00"),
            ("Tax (0%)", "€0.00"),
            ("Subtotal (incl. tax)", "€100.00"),
            ("Total", "€100.00"),
        ]

    def test_fixed_coupons_in_order_of_application(self) -> None:
        coupons = (
            CouponCredit(name="Second", amount_cents=800, fixed_amount_cents=1000),
            CouponCredit(name="First", amount_cents=1, percentage_rate=Decimal("12.345")),
        )
        assert totals_rows(lay_out_invoice(invoice(coupons=coupons)))[:2] == [
            ("Second (€10.00)", "-€8.00"),
            ("First (12.35%)", "-€0.01"),
        ]

    @pytest.mark.parametrize(
        "code",
        "not_collecting juris_not_taxed reverse_charge customer_exempt transaction_exempt juris_has_no_tax "
        "unknown_taxation".split(),
    )
    def test_provider_codes_print_a_label_only(self, code: str) -> None:
        tax = AppliedTax(code=code, name="X", rate=Decimal(0), base_amount_cents=1, amount_cents=0)
        label, amount = totals_rows(lay_out_invoice(invoice(applied_taxes=(tax,))))[1]
        assert amount is None
        assert "0%" not in label
        assert "X" not in label.split()

    def test_prepaid_credits(self) -> None:
        def rows(**more: Any) -> list[tuple[str, str | None]]:
            changes = more.pop("changes", {})
            return totals_rows(lay_out_invoice(invoice(totals=totals(100, **more), **changes)))[3:-1]

        assert rows() == []
        assert rows(prepaid_credit_amount_cents=30) == [("Prepaid credits", "-€0.30")]
        assert rows(
            prepaid_credit_amount_cents=30,
            prepaid_granted_credit_amount_cents=10,
            prepaid_purchased_credit_amount_cents=20,
        ) == [("Free credits", "-€0.10"), ("Prepaid credits", "-€0.20")]
        assert rows(prepaid_credit_amount_cents=30, prepaid_granted_credit_amount_cents=30) == [
            ("Free credits", "-€0.30")
        ]
        assert rows(prepaid_credit_amount_cents=30, changes={"invoice_type": InvoiceType.ONE_OFF}) == []

    def test_paid_invoices_say_so(self) -> None:
        layout = lay_out_invoice(invoice(invoice_type=InvoiceType.ADVANCE_CHARGES))
        assert totals_rows(layout)[-1] == ("Already paid", "€100.00")


class TestLayouts:
    """Spec 04 §19.3."""

    def test_credit(self) -> None:
        def layout(**names: str) -> Layout:
            purchase = CreditPurchase(credits=Decimal("15.5"), unit_price=Decimal(2), amount_cents=3100, **names)
            return lay_out_invoice(
                invoice(invoice_type=InvoiceType.CREDIT, credit_purchase=purchase, totals=totals(3100))
            )

        assert tables(layout())[0].columns == ("Item", "Units", "Unit price", "Amount")
        assert flat(tables(layout())[0].rows[0]) == ("Prepaid credits", "15.5", "€2.00", "€31.00")
        assert tables(layout(wallet_name="Main"))[0].rows[0].label == "Prepaid credits - Main"
        assert tables(layout(wallet_name="Main", transaction_name="Promo"))[0].rows[0].label == "Promo"
        assert totals_rows(layout()) == [("Total", "€31.00")]

    def test_one_off(self) -> None:
        def line(name: str, start: date, end: date, **more: Any) -> AddOnLine:
            return AddOnLine(
                name=name,
                units=Decimal(2),
                precise_unit_amount=Decimal(5),
                amount_cents=1000,
                from_date=start,
                to_date=end,
                **more,
            )

        add_ons = (
            line("C", FEB, FEB_END),
            line("B", JAN, JAN_END, description="Two\n\nlines", taxes=(VAT20,)),
            line("A", JAN, JAN),
        )
        layout = lay_out_invoice(invoice(invoice_type=InvoiceType.ONE_OFF, subscriptions=(), add_ons=add_ons))
        rows = tables(layout)[0].rows
        assert [row.label for row in rows] == ["A", "B", "C"]
        assert rows[1].notes == ("Two", "lines", "From Jan 01, 2025 to Jan 31, 2025")
        assert flat(rows[1]) == ("B", "2", "€5.00", "20.0%", "€10.00")

    def test_in_advance_charges(self) -> None:
        at = datetime(2025, 1, 9, tzinfo=UTC)
        fees = (
            charge("Third", 1, pay_in_advance=True, succeeded_at=at.replace(day=11), created_at=at),
            charge("Second", 1, pay_in_advance=True, succeeded_at=at, created_at=at.replace(hour=2)),
            charge(
                "First",
                1,
                pay_in_advance=True,
                succeeded_at=at,
                created_at=at,
                paid_on=date(2025, 1, 9),
                prorated=True,
                days_used=23,
                days_total=31,
            ),
        )
        for kind in (InvoiceType.ADVANCE_CHARGES, InvoiceType.SUBSCRIPTION):
            layout = lay_out_invoice(invoice(invoice_type=kind, subscriptions=(section(*fees, name="Prod"),)))
            table = tables(layout)[0]
            assert layout.blocks[1] == Heading(text="Prod details")
            assert table.caption is None
            assert [row.label for row in table.rows] == ["First", "Second", "Third"]
            assert table.rows[0].notes == ("Paid on Jan 09, 2025", "Used 23 of 31 days")

    def test_progressive(self) -> None:
        document = invoice(
            invoice_type=InvoiceType.PROGRESSIVE_BILLING,
            subscriptions=(section(charge("API", 20000, 10), charges_from=JAN, name="Prod"),),
            threshold=PassedThreshold(usage_amount_cents=21000, threshold_amount_cents=20000),
        )
        layout = lay_out_invoice(document)
        assert [type(block) for block in layout.blocks] == [Header, Heading, Table, Totals, Note]
        assert tables(layout)[0].caption == "Fees from Jan 01, 2025 to Feb 03, 2025"
        note = layout.blocks[-1]
        assert isinstance(note, Note)
        assert "€210.00" in note.text
        assert "€200.00" in note.text

    def test_one_subscription(self) -> None:
        layout = lay_out_invoice(invoice())
        assert [type(block) for block in layout.blocks] == [Header, Heading, Table, Totals]
        assert layout.blocks[1] == Heading(text="Premium details")

    @pytest.mark.parametrize("count", [1, 2])
    def test_no_heading_stands_above_nothing(self, count: int) -> None:
        """Spec 04 §7, §19.3: an empty invoice that is issued all the same has no fees to detail."""
        empty = tuple(section(name=f"s{number}") for number in range(count))
        blocks = lay_out_invoice(invoice(currency="USD", subscriptions=empty)).blocks
        assert not any(isinstance(block, Heading) and "details" in block.text for block in blocks)
        assert not any(isinstance(block, PageBreak) for block in blocks)
        assert any(isinstance(block, Totals) for block in blocks)

    def test_several_subscriptions(self) -> None:
        document = invoice(
            subscriptions=(
                section(
                    subscription_fee(1000),
                    charge("API", 500, true_up=TrueUp(amount_cents=50, minimum_amount_cents=100)),
                    commitment_fee(300),
                    name="zeta",
                    progressive_credit_cents=200,
                ),
                section(subscription_fee(700), plan_display_name="Alpha"),
            ),
            footer="Bye",
        )
        layout = lay_out_invoice(document)
        kinds = [Header, Heading, Table, Totals, Note]
        kinds += [PageBreak, Heading, Table, Totals, PageBreak, Heading, Table, Totals]
        assert [type(block) for block in layout.blocks] == kinds
        assert [flat(row) for row in tables(layout)[0].rows] == [
            ("Alpha", "€7.00"),
            ("zeta", "€15.50"),
            ("zeta - Minimum commitment", "€3.00"),
        ]
        assert totals_rows(layout, 1) == [("Total", "€7.00")]
        assert totals_rows(layout, 2) == [("Usage already billed", "-€2.00"), ("Total", "€16.50")]

    def test_recurring_breakdown(self) -> None:
        def breakdown(prorated: bool) -> list[Any]:
            changes = (
                UnitChange(day=JAN, units=Decimal(5), days_used=31, days_total=31),
                UnitChange(day=date(2025, 1, 26), units=Decimal("-2.5"), days_used=6, days_total=31),
            )
            recurring = RecurringBreakdown(metric_name="seats", prorated=prorated, changes=changes)
            fees = (charge("Seats", 100, 3, recurring=recurring), charge("None", 0, 0, recurring=recurring))
            return list(lay_out_invoice(invoice(subscriptions=(section(*fees),))).blocks[-4:])

        page_break, heading, table, note = breakdown(prorated=True)
        assert isinstance(page_break, PageBreak)
        assert heading == Heading(text="Seats: changes of the period")
        assert [flat(row) for row in table.rows] == [
            ("Jan 01, 2025", "Used 31 out of 31 days", "+5 seats"),
            ("Jan 26, 2025", "Used 6 out of 31 days", "-2.5 seats"),
        ]
        assert "days" in note.text
        assert "without proration" in breakdown(prorated=False)[-1].text

    def test_missing_parts_are_refused(self) -> None:
        with pytest.raises(ValueError, match="credit_purchase"):
            lay_out_invoice(invoice(invoice_type=InvoiceType.CREDIT))
        with pytest.raises(ValueError, match="charges_from"):
            lay_out_invoice(invoice(invoice_type=InvoiceType.PROGRESSIVE_BILLING))


class TestNotes:
    """Spec 04 §19.6."""

    @staticmethod
    def notes(**changes: Any) -> list[Note]:
        return [block for block in lay_out_invoice(invoice(**changes)).blocks if isinstance(block, Note)]

    @pytest.mark.parametrize(
        ("code", "country", "words"),
        [
            ("lago_eu_tax_exempt", "FR", "259-1"),
            ("lago_eu_tax_exempt", "DE", "VAT exempt"),
            ("lago_eu_reverse_charge", "FR", "Reverse charge"),
        ],
    )
    def test_eu_mention(self, code: str, country: str, words: str) -> None:
        tax = AppliedTax(code=code, name="VAT", rate=Decimal(0), base_amount_cents=1, amount_cents=0)
        seller = Party(name="S", address=Address(country=country))
        (note,) = self.notes(applied_taxes=(tax,), eu_tax_management=True, seller=seller)
        assert words in note.text
        assert ("259-1" in note.text) == (words == "259-1")
        assert self.notes(applied_taxes=(tax,), eu_tax_management=False, seller=seller) == []

    def test_custom_sections_and_footer(self) -> None:
        custom, footer = self.notes(custom_sections=(("Bank", "IBAN 1\nBIC 2"),), footer="One\n\n  \r\nTwo\n")
        assert (custom.title, custom.text) == ("Bank", "IBAN 1\nBIC 2")
        assert (footer.text, footer.footer) == ("One\nTwo", True)


@pytest.mark.parametrize("code", ["fr", "de", "it", "es", "sv", "nb", "pt-BR", "zh-TW"])
def test_every_language_lays_out_every_model(code: str) -> None:
    layout = lay_out_invoice(invoice(locale=code, subscriptions=(models_section(name="Prod"),)))
    assert layout.language == code
    assert len(tables(layout)) == 3
