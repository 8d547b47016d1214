"""Documents that exercise every block: small builders and a gallery for tests, the benchmark and the eye."""

from __future__ import annotations

import struct
import zlib
from datetime import date
from decimal import Decimal
from typing import Any

from billwright.billing.documents.credit_note_document import (
    CreditedFee,
    CreditedSubscription,
    CreditNoteDocument,
)
from billwright.billing.documents.invoice_document import (
    AddOnLine,
    Address,
    AppliedTax,
    CouponCredit,
    CreditPurchase,
    FeeKind,
    FeeLine,
    FeeTax,
    FilterLabel,
    InvoiceDocument,
    InvoiceTotals,
    InvoiceType,
    Party,
    PassedThreshold,
    RecurringBreakdown,
    SubscriptionSection,
    TrueUp,
    UnitChange,
)

JAN, JAN_END = date(2025, 1, 1), date(2025, 1, 31)
FEB, FEB_END = date(2025, 2, 1), date(2025, 2, 28)
VAT20 = FeeTax(name="VAT", rate=Decimal(20))

SELLER = Party(
    name="Hooli",
    legal_name="Hooli Metrics SAS",
    legal_number="RCS Paris 912 345 678",
    tax_identification_number="FR12912345678",
    emails=("billing@hooli.example",),
    address=Address(line1="18 rue de la Paix", zipcode="75002", city="Paris", country="FR"),
)
CUSTOMER = Party(
    name="Northwind",
    legal_name="Northwind Traders Inc.",
    first_name="Jane",
    last_name="Doe",
    legal_number="EIN 12-3456789",
    tax_identification_number="US123456",
    emails=("ap@northwind.example", "jane@northwind.example"),
    address=Address(
        line1="500 Market Street", line2="Suite 1200", zipcode="94105", city="San Francisco", state="CA", country="US"
    ),
)


def png(width: int = 420, height: int = 120) -> bytes:
    """A small valid PNG: a dark bar with a light mark."""
    rows = b"".join(
        b"\0" + b"".join(b"\x16\x4e\x63\xff" if (x // 30 + y // 30) % 3 else b"\xe8\x5d\x2f\xff" for x in range(width))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def totals(excluding: int, taxes: int = 0, total: int | None = None, **more: Any) -> InvoiceTotals:
    return InvoiceTotals(
        sub_total_excluding_taxes_amount_cents=excluding,
        sub_total_including_taxes_amount_cents=excluding + taxes,
        total_amount_cents=excluding + taxes if total is None else total,
        **more,
    )


def invoice(**changes: Any) -> InvoiceDocument:
    """A finalized monthly subscription invoice of 3 February 2025, due 30 days later, in euro."""
    values: dict[str, Any] = {
        "number": "HOO-A1B2-001-042",
        "issuing_date": date(2025, 2, 3),
        "payment_due_date": date(2025, 3, 5),
        "net_payment_term": 30,
        "currency": "EUR",
        "seller": SELLER,
        "customer": CUSTOMER,
        "invoice_type": InvoiceType.SUBSCRIPTION,
        "totals": totals(10000),
        "subscriptions": (section(subscription_fee(10000)),),
    }
    return InvoiceDocument(**{**values, **changes})


def section(*fees: FeeLine, **changes: Any) -> SubscriptionSection:
    values: dict[str, Any] = {"plan_name": "Premium", "plan_interval": "monthly", "fees": fees}
    return SubscriptionSection(**{**values, **changes})


def subscription_fee(amount_cents: int, **changes: Any) -> FeeLine:
    return fee(FeeKind.SUBSCRIPTION, amount_cents, **changes)


def commitment_fee(amount_cents: int, **changes: Any) -> FeeLine:
    return fee(FeeKind.COMMITMENT, amount_cents, **changes)


def charge(name: str, amount_cents: int, units: str | int = 1, **changes: Any) -> FeeLine:
    values: dict[str, Any] = {"item_name": name, "units": Decimal(units), "charge_model": "standard"}
    if Decimal(units):
        values["precise_unit_amount"] = Decimal(amount_cents) / 100 / Decimal(units)
    return fee(FeeKind.CHARGE, amount_cents, **{**values, **changes})


def fee(kind: FeeKind, amount_cents: int, **changes: Any) -> FeeLine:
    values: dict[str, Any] = {"kind": kind, "amount_cents": amount_cents, "from_date": JAN, "to_date": JAN_END}
    return FeeLine(**{**values, **changes})


GRADUATED_15: dict[str, Any] = {
    "graduated_ranges": [
        {
            "from_value": 0,
            "to_value": 10,
            "units": "10.0",
            "per_unit_amount": "1.0",
            "per_unit_total_amount": "10.0",
            "flat_unit_amount": "0.0",
            "total_with_flat_amount": "10.0",
        },
        {
            "from_value": 11,
            "to_value": None,
            "units": "5.0",
            "per_unit_amount": "0.5",
            "per_unit_total_amount": "2.5",
            "flat_unit_amount": "5.0",
            "total_with_flat_amount": "7.5",
        },
    ]
}
"""Spec 04 §19.4: 0-10 at $1; 11 and above at $0.50 plus flat $5; 15 units."""

PERCENTAGE: dict[str, Any] = {
    "units": "550.0",
    "free_units": "400.0",
    "free_events": 3,
    "paid_units": "150.0",
    "rate": "1.2",
    "per_unit_total_amount": "1.8",
    "paid_events": 1,
    "fixed_fee_unit_amount": "0.1",
    "fixed_fee_total_amount": "0.1",
    "min_max_adjustment_total_amount": "-0.4",
}
PACKAGE: dict[str, Any] = {
    "free_units": "100.0",
    "paid_units": "101.0",
    "per_package_size": 100,
    "per_package_unit_amount": "5.0",
}
VOLUME: dict[str, Any] = {"flat_unit_amount": "10.0", "per_unit_amount": "0.0006", "per_unit_total_amount": "39.0"}
GRADUATED_PERCENTAGE: dict[str, Any] = {
    "graduated_percentage_ranges": [
        {
            "from_value": 0,
            "to_value": 1000,
            "units": "1000.0",
            "rate": "1.0",
            "per_unit_total_amount": "10.0",
            "flat_unit_amount": "200.0",
        },
        {
            "from_value": 1001,
            "to_value": 10000,
            "units": "50.0",
            "rate": "2.0",
            "per_unit_total_amount": "1.0",
            "flat_unit_amount": "300.0",
        },
    ]
}


def models_section(**changes: Any) -> SubscriptionSection:
    """Every charge model, a true-up, a filter, groups, a prorated and a weighted-sum charge, a commitment."""
    taxes = (VAT20,)
    fees = (
        subscription_fee(9900, from_date=FEB, to_date=FEB_END, taxes=taxes),
        charge("API calls", 1750, 15, charge_model="graduated", amount_details=GRADUATED_15, taxes=taxes),
        charge(
            "Card payments",
            150,
            550,
            charge_model="percentage",
            amount_details=PERCENTAGE,
            events_count=4,
            taxes=(VAT20, FeeTax(name="Local", rate=Decimal("5.5"))),
        ),
        charge("Messages", 1000, 201, charge_model="package", amount_details=PACKAGE, taxes=taxes),
        charge("Requests", 4900, 65000, charge_model="volume", amount_details=VOLUME, taxes=taxes),
        charge(
            "Transfers",
            51100,
            1050,
            charge_model="graduated_percentage",
            amount_details=GRADUATED_PERCENTAGE,
            taxes=taxes,
        ),
        charge(
            "Storage",
            3500,
            "123.0000456789",
            group_values=("eu-west-1", "team-a"),
            filter=FilterLabel(values={"tier": ("hot", "cold"), "zone": ("__ALL_FILTER_VALUES__",)}),
            aggregation_type="weighted_sum_agg",
            taxes=taxes,
        ),
        charge(
            "Seats",
            9645,
            29,
            prorated=True,
            precise_unit_amount=Decimal("3.325920689655"),
            recurring=RecurringBreakdown(
                metric_name="seats",
                prorated=True,
                changes=(
                    UnitChange(day=JAN, units=Decimal(5), days_used=31, days_total=31),
                    UnitChange(day=date(2025, 1, 26), units=Decimal(24), days_used=6, days_total=31),
                    UnitChange(day=date(2025, 1, 28), units=Decimal(-2), days_used=4, days_total=31),
                ),
            ),
            taxes=taxes,
        ),
        charge(
            "Support",
            7000,
            2,
            true_up=TrueUp(amount_cents=1929, minimum_amount_cents=10000, prorated=True, taxes=taxes),
            taxes=taxes,
        ),
        commitment_fee(5000, taxes=taxes),
    )
    return section(*fees, **changes)


def example_a(**changes: Any) -> InvoiceDocument:
    """Spec 04 §3.2 A: everything at once."""
    local = FeeTax(name="LOCAL", rate=Decimal(5))
    fees = (
        subscription_fee(10000, taxes=(VAT20,)),
        charge("Events", 5000, 5000, taxes=(VAT20,)),
        charge("Alerts", 2333, 10, taxes=(VAT20, local)),
    )
    values: dict[str, Any] = {
        "subscriptions": (section(*fees, progressive_credit_cents=3000),),
        "coupons": (CouponCredit(name="Welcome", amount_cents=1433, percentage_rate=Decimal(10)),),
        "applied_taxes": (
            AppliedTax(code="local", name="LOCAL", rate=Decimal(5), base_amount_cents=2100, amount_cents=105),
            AppliedTax(code="vat", name="VAT", rate=Decimal(20), base_amount_cents=12900, amount_cents=2580),
        ),
        "totals": totals(
            12900,
            2685,
            8785,
            progressive_billing_credit_amount_cents=3000,
            credit_notes_amount_cents=1800,
            prepaid_credit_amount_cents=5000,
        ),
    }
    return invoice(**{**values, **changes})


def credit_note(**changes: Any) -> CreditNoteDocument:
    """Half of a subscription and of a grouped charge with its true-up, credited and refunded."""
    values: dict[str, Any] = {
        "number": "HOO-A1B2-001-042-CN001",
        "invoice_number": "HOO-A1B2-001-042",
        "issuing_date": date(2025, 2, 10),
        "currency": "EUR",
        "seller": SELLER,
        "customer": CUSTOMER,
        "subscriptions": (
            CreditedSubscription(
                name="Production",
                items=(
                    CreditedFee(
                        kind=FeeKind.CHARGE,
                        amount_cents=2000,
                        item_name="Storage",
                        group_values=("eu",),
                        filter=FilterLabel(display_name="Hot"),
                        taxes=(VAT20,),
                        true_up_amount_cents=500,
                        true_up_taxes=(VAT20,),
                    ),
                    CreditedFee(kind=FeeKind.SUBSCRIPTION, amount_cents=5000, taxes=(VAT20,)),
                    CreditedFee(kind=FeeKind.CHARGE, amount_cents=0, item_name="API calls"),
                ),
            ),
        ),
        "applied_taxes": (
            AppliedTax(code="vat", name="VAT", rate=Decimal(20), base_amount_cents=6750, amount_cents=1350),
        ),
        "coupons_adjustment_amount_cents": 750,
        "sub_total_excluding_taxes_amount_cents": 6750,
        "credit_amount_cents": 6100,
        "refund_amount_cents": 2000,
        "total_amount_cents": 8100,
    }
    return CreditNoteDocument(**{**values, **changes})


LONG = "Enterprise observability platform with extended retention, anomaly detection and dedicated regional ingestion"


def gallery() -> dict[str, InvoiceDocument]:
    """Documents to look at: ``python -m tests.billing.documents.gallery FOLDER``."""
    many = tuple(charge(f"Endpoint {n:03}", 100 + n, n + 1, taxes=(VAT20,)) for n in range(200))
    german = Party(
        name="Müller & Söhne GmbH",
        emails=("rechnung@mueller.example",),
        tax_identification_number="DE123456789",
        address=Address(line1="Lindenstraße 12", zipcode="10969", city="Berlin", country="DE"),
    )
    footer = "Hooli Metrics SAS, capital 50 000 €\n\nIBAN FR76 3000 6000 0112 3456 7890 189 - BIC AGRIFRPP\nThank you."
    australian = Party(name="Koala Cloud Pty Ltd", address=Address(city="Sydney", state="NSW", country="AU"))
    return {
        "simple": invoice(logo=png(), footer=footer),
        "models": invoice(
            subscriptions=(models_section(name="Production"),),
            metadata=(("PO number", "PO-2025-0099"), ("Cost center", "R&D 42")),
            applied_taxes=(
                AppliedTax(code="vat", name="VAT", rate=Decimal(20), base_amount_cents=95874, amount_cents=19175),
                AppliedTax(code="l", name="Local", rate=Decimal("5.5"), base_amount_cents=150, amount_cents=8),
            ),
            totals=totals(95874, 19183),
            logo=png(120, 120),
            currency="USD",
        ),
        "everything_fr": example_a(locale="fr", customer=german, logo=png(), footer=footer),
        "german": example_a(locale="de", customer=german, seller=german, currency="CHF"),
        "several": invoice(
            subscriptions=(
                models_section(name="Production", progressive_credit_cents=2000),
                section(subscription_fee(4900), charge("Builds", 1234, 12), name="Acceptance"),
                section(subscription_fee(0), commitment_fee(5000), plan_display_name="Sandbox"),
            ),
            totals=totals(105008, 0),
            footer=footer,
        ),
        "many_lines": invoice(subscriptions=(section(*many),), totals=totals(39900)),
        "long_names": invoice(
            customer=Party(name=LONG, emails=("x" * 90 + "@example.com",), address=Address(line1=LONG, country="IN")),
            subscriptions=(
                section(
                    subscription_fee(123456789012, invoice_display_name=LONG + " " + LONG),
                    charge("A" * 120, 5, "0.0000000009", precise_unit_amount=Decimal("0.000000012345")),
                    charge(LONG, 1750, 15, charge_model="graduated", amount_details=GRADUATED_15),
                    name=LONG,
                ),
            ),
            metadata=(("Reference", "PROJECT-2025-" + "0123456789" * 8),),
            coupons=(CouponCredit(name=LONG, amount_cents=100, fixed_amount_cents=100),),
            totals=totals(123456790767),
            currency="IDR",
        ),
        "zero": invoice(subscriptions=(section(subscription_fee(0)),), totals=totals(0), net_payment_term=0),
        "tax_invoice_au": invoice(seller=australian, currency="AUD", metadata=(("ABN", "51 824 753 556"),)),
        "one_off": invoice(
            invoice_type=InvoiceType.ONE_OFF,
            subscriptions=(),
            add_ons=(
                AddOnLine(
                    name="Onboarding workshop",
                    description="Two days on site.\nTravel included.",
                    units=Decimal(2),
                    precise_unit_amount=Decimal(1200),
                    amount_cents=240000,
                    from_date=FEB,
                    to_date=date(2025, 2, 2),
                    taxes=(VAT20,),
                ),
            ),
            totals=totals(240000, 48000),
            applied_taxes=(
                AppliedTax(code="vat", name="VAT", rate=Decimal(20), base_amount_cents=240000, amount_cents=48000),
            ),
        ),
        "credit": invoice(
            invoice_type=InvoiceType.CREDIT,
            subscriptions=(),
            credit_purchase=CreditPurchase(
                credits=Decimal("150.5"), unit_price=Decimal("0.5"), amount_cents=7525, wallet_name="Main wallet"
            ),
            totals=totals(7525),
        ),
        "progressive": example_a(
            invoice_type=InvoiceType.PROGRESSIVE_BILLING,
            subscriptions=(section(charge("Events", 20000, 1000000, charge_model="standard"), charges_from=JAN),),
            threshold=PassedThreshold(usage_amount_cents=20000, threshold_amount_cents=18000),
            applied_taxes=(
                AppliedTax(
                    code="lago_eu_tax_exempt", name="VAT", rate=Decimal(0), base_amount_cents=20000, amount_cents=0
                ),
            ),
            eu_tax_management=True,
        ),
        "chinese": example_a(locale="zh-TW", currency="TWD"),
    }
