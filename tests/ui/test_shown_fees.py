"""Which fees an invoice page lists, under which names and in which order (spec 02 §15)."""

from __future__ import annotations

from typing import Any

from billwright.ui.formatting import unit_price
from billwright.ui.views.fee_lines import groups, visible

PLAN = {"name": "Scale", "interval": "monthly", "invoiceDisplayName": None}


def fee(kind: str, cents: int, number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"f{number}",
        "feeType": kind,
        "subscriptionId": "s1",
        "amountCents": str(cents),
        "units": "1.0",
        "eventsCount": None,
        "preciseUnitAmount": "1.0",
        "amountDetails": {},
        "groupedBy": {},
        "invoiceDisplayName": None,
        "trueUpParentFeeId": None,
        "adjustedFee": False,
        "adjustedFeeType": None,
        "appliedTaxes": [],
        "item": {"name": "Calls"},
        "fromDatetime": "2024-01-01T00:00:00Z",
        "toDatetime": "2024-01-31T23:59:59Z",
        "lastDay": "2024-01-31",
        "chargesFromDatetime": "2024-01-01T00:00:00Z",
        "chargesToDatetime": "2024-01-31T23:59:59Z",
        "chargesDuration": 31,
        **more,
    }


def kinds(*fees: dict[str, Any], progressive: bool = False) -> list[str]:
    return [item["feeType"] for item in visible(fees, progressive=progressive)]


def lines(*fees: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of the only period of an invoice."""
    subscription = {"id": "s1", "name": None, "externalId": "sub", "plan": PLAN}
    invoice = {
        "invoiceType": "subscription",
        "fees": list(fees),
        "currency": "EUR",
        "timezone": "UTC",
        "invoiceSubscriptions": [{"subscription": subscription}],
    }
    [group] = groups(invoice, "/acme")
    [period] = group["periods"]
    return period["fees"]


def test_02_15_a_zero_subscription_fee() -> None:
    """0 and 10.00 of usage: hidden. 0 and nothing, or 0 of usage: shown. 0 and a commitment of 50.00: hidden."""
    zero = fee("subscription", 0)
    assert kinds(zero, fee("charge", 1000)) == ["charge"]
    assert kinds(zero) == ["subscription"]
    assert kinds(zero, fee("charge", 0, units="3.0")) == ["subscription", "charge"]
    assert kinds(zero, fee("commitment", 5000)) == ["commitment"]
    assert kinds(zero, fee("charge", 1000, subscriptionId="s2")) == ["subscription", "charge"], "another subscription's"
    assert kinds(fee("subscription", 100), fee("charge", 1000)) == ["subscription", "charge"]
    assert kinds(fee("subscription", 100), progressive=True) == []


def test_02_15_lists_show_fees_with_units() -> None:
    nothing = fee("charge", 0, units="0.0")
    base = fee("subscription", 100, 9)
    assert kinds(base, nothing) == ["subscription"]
    assert kinds(base, fee("charge", 500, units="0.0")) == ["subscription", "charge"], "a flat amount of no units"
    true_up = fee("charge", 5000, 2, trueUpParentFeeId="f1")
    assert kinds(base, nothing, true_up) == ["subscription", "charge", "charge"], "the true-up hangs on it"
    assert kinds(base, {**nothing, "adjustedFee": True}) == ["subscription", "charge"], "set by hand: can be reset"


def test_02_15_titles_and_order() -> None:
    """Name, group values, filter name, joined by a dot; by lower-case title."""
    regional = fee(
        "charge", 1, 2, groupedBy={"region": "eu", "zone": ""},
        item={"name": "api calls", "filters": {"cloud": ["aws", "gcp"]}, "filter_invoice_display_name": None},
    )  # fmt: skip
    named = fee("charge", 1, 3, item={"name": "B", "invoice_display_name": "Bandwidth"})
    everything = fee(
        "charge", 1, 4,
        item={"name": "Api", "filters": {"cloud": ["__ALL_FILTER_VALUES__"]}, "filter_invoice_display_name": None},
    )  # fmt: skip
    own = fee("charge", 1, 5, invoiceDisplayName="Zebra", item={"name": "A", "invoice_display_name": "A charge"})
    shown = lines(own, named, regional, everything, fee("commitment", 1, 6), fee("subscription", 1, 7))
    assert [line["name"] for line in shown] == [
        "Monthly subscription - Scale",
        "api calls • eu • aws • gcp",
        "Api • cloud",
        "Bandwidth",
        "Zebra",
        "Minimum commitment",
    ]


def test_02_15_a_true_up_names_its_minimum() -> None:
    parent = fee("charge", 100, 1)
    whole = fee("charge", 4900, 2, trueUpParentFeeId="f1", item={"name": "Calls", "min_amount_cents": 5000})
    assert [(line["name"], line["notes"]) for line in lines(parent, whole)] == [
        ("Calls", []),
        ("Calls - true-up", ["Minimum: €50.00"]),
    ]
    part = {"chargesFromDatetime": "2024-01-15T00:00:00Z"}
    notes = lines({**parent, **part}, {**whole, **part})[1]["notes"]
    assert notes == ["Minimum: €50.00, prorated on days of usage"]
    last_day = {**whole, "item": {**whole["item"], "min_prorated": True}}
    assert lines(parent, last_day)[1]["notes"] == notes, "an upgrade on the last day leaves one day out"


def test_02_15_unit_prices() -> None:
    """Up to 6 decimals; below 1, six significant digits."""
    assert unit_price("12.3456789", "EUR") == "€12.345679"
    assert unit_price("0.000012345678", "EUR") == "€0.0000123457"
    assert unit_price("5", "EUR") == "€5.00"
    assert unit_price("1700.5", "JPY") == "¥1,700.5"
