"""The steps behind a line of an invoice (spec 04 §19.4), from what the charge model really stores."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billwright.billing.kernel.money import to_minor_units
from billwright.billing.pricing.package import price_package
from billwright.billing.pricing.usage import Usage
from billwright.ui.views.fee_lines import shown_fee

PACKAGES = {"amount": "1.99", "package_size": 7, "free_units": 3}


def package_line(units: str, events: int = 3) -> dict[str, Any]:
    price = price_package(PACKAGES, Usage(units=Decimal(units), events_count=events))
    fee: dict[str, Any] = {
        "id": "1",
        "feeType": "charge",
        "itemName": "GB",
        "invoiceDisplayName": None,
        "invoiceName": None,
        "groupedBy": {},
        "trueUpParentFeeId": None,
        "units": units,
        "eventsCount": events,
        "preciseUnitAmount": str(price.unit_amount),
        "amountCents": str(to_minor_units(price.amount, "EUR")),
        "appliedTaxes": [],
        "item": {"name": "GB", "charge_model": "package"},
        "amountDetails": price.amount_details,
    }
    return shown_fee(fee, None, "EUR")


def test_a_started_package_is_shown_at_its_whole_price() -> None:
    free, packages = package_line("31.5")["steps"]  # 28.5 paid units start 5 packages
    assert (free["label"], free["units"], free["amount"]) == ("Free units", "3.0", "0")
    assert (packages["label"], packages["units"], packages["unit_price"]) == ("Packages of 7", "28.5", "1.99")
    assert Decimal(packages["amount"]) == Decimal("9.95")


def test_a_package_charge_without_usage_has_no_steps() -> None:
    assert package_line("0", events=0)["steps"] == []


def test_a_single_event_is_not_plural() -> None:
    assert package_line("4", events=1)["notes"] == ["1 event"]
    assert package_line("4", events=1200)["notes"] == ["1,200 events"]
