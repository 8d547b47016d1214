"""Figures of spec 02 (pricing) that the tests beside the code do not assert, or not on the wire."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from babel.numbers import get_currency_precision

from billwright.billing.kernel.money import (
    CURRENCIES,
    exponent,
    from_minor_units,
    precise_minor_units,
    round_half_up,
    to_minor_units,
)
from tests.billing.metering.company import JULY, Company, at, charge
from tests.billing.pricing.cases import tiers
from tests.support.credits import apply, coupon, details
from tests.support.sandbox import Sandbox

EXPONENTS = {
    0: "BIF CLP DJF GNF HUF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD JOD KWD",
    4: "CLF",
}
ACCEPTED = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLF
CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF
IDR ILS INR IRR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP
MRO MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
SEK SGD SHP SLL SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER
ZAR ZMW
"""


def test_02_1_2_exponents_of_all_accepted_currencies() -> None:
    assert frozenset(ACCEPTED.split()) == CURRENCIES
    listed = {code: places for places, codes in EXPONENTS.items() for code in codes.split()}
    assert set(listed) <= CURRENCIES
    assert {code: exponent(code) for code in CURRENCIES} == {code: listed.get(code, 2) for code in CURRENCIES}


@pytest.mark.parametrize(
    ("codes", "ours", "babels"),
    [("AFN ALL IRR LAK LBP MMK MRO RSD SLL SOS STD YER", 2, 0), ("HUF", 0, 2)],
)
def test_02_1_2_exponents_are_not_those_of_cldr(codes: str, ours: int, babels: int) -> None:
    assert {exponent(code) for code in codes.split()} == {ours}
    assert {get_currency_precision(code) for code in codes.split()} == {babels}


@pytest.mark.parametrize(
    ("amount", "currency", "cents", "precise"),
    [
        ("0.125", "USD", 13, "12.5"),
        ("0.01005", "USD", 1, "1.005"),
        ("0.5", "JPY", 1, "0.5"),
        ("1.2345", "KWD", 1235, "1234.5"),
        ("-0.125", "USD", -13, "-12.5"),
        ("0.00005", "CLF", 1, "0.5"),
        ("0.1249999999999999999999999999", "USD", 12, "12.49999999999999999999999999"),
    ],
)
def test_02_1_2_amounts(amount: str, currency: str, cents: int, precise: str) -> None:
    assert to_minor_units(Decimal(amount), currency) == cents
    assert precise_minor_units(Decimal(amount), currency) == Decimal(precise)
    assert from_minor_units(Decimal(precise), currency) == Decimal(amount)


def test_02_1_2_half_away_from_zero() -> None:
    assert [round_half_up(Decimal(text)) for text in ("2.5", "-2.5", "0.5", "-0.5", "1.5")] == [3, -3, 1, -1, 2]
    assert str(round_half_up(Decimal("-0.4"))) == "0"


async def charges(sandbox: Sandbox) -> list[Any]:
    found = (await sandbox.call("GET", "fees", params={"fee_type": "charge"}))["fees"]
    return [fee for fee in found if fee["events_count"]]


async def test_02_5_1_precise_amounts_on_the_wire(sandbox: Sandbox) -> None:
    """3 x "0.00335" = 0.01005: 1 cent, with the precise amount beside it."""
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan, properties={"amount": "0.00335"})
    await sandbox.subscribe()
    await sandbox.send(("2024-01-20T00:00:00Z", 3))
    await sandbox.advance("2024-02-01")
    [fee] = await charges(sandbox)
    assert (fee["amount_cents"], fee["precise_amount"], fee["precise_unit_amount"]) == (1, "0.01005", "0.00335")


async def test_02_5_7_precise_amounts_on_the_wire(company: Company) -> None:
    """Amounts of events are minor units of the plan's currency, fractional ones too: 40.2 yen are 40."""
    await company.metric("gb", "sum_agg", field_name="n")
    await company.plan(charge("gb", "dynamic"), amount_currency="JPY")
    await company.subscribe()
    await company.send((at("2024-06-02"), {"n": 20}), precise_total_amount_cents="40.2")
    assert await company.both(JULY) == (("20.0", 40, 1), [40])
    [fee] = (await company.rest.get("fees?fee_type=charge")).json()["fees"]
    assert (fee["precise_amount"], fee["precise_unit_amount"]) == ("40.2", "2.01")


async def test_02_5_2_the_unit_amount_of_a_graduated_fee(company: Company) -> None:
    """u = 12: 115 over 12 units; stored with 15 decimals."""
    ranges = tiers((0, 10, "10", "2"), (11, 20, "5", "3"), (21, None, "5", "3"))
    await company.metric("gb", "sum_agg", field_name="n")
    await company.plan(charge("gb", "graduated", graduated_ranges=ranges))
    await company.subscribe()
    assert await company.shown() == ("0.0", 200, 0)
    await company.send((at("2024-06-02"), {"n": 12}))
    assert await company.both(JULY) == (("12.0", 11500, 1), [11500])
    [fee] = (await company.rest.get("fees?fee_type=charge")).json()["fees"]
    assert fee["precise_unit_amount"] == "9.583333333333333"
    first, second = fee["amount_details"]["graduated_ranges"]
    assert (first["total_with_flat_amount"], second["total_with_flat_amount"]) == ("102.0", "13.0")


async def test_02_7_what_is_stored(company: Company) -> None:
    """Nothing at all: no fee. Money without units, or events without units: a fee."""
    for code in ("nothing", "flat", "events"):
        await company.metric(code, "sum_agg", field_name="n")
    flat = charge("flat", "graduated", graduated_ranges=tiers((0, None, "1", "7")))
    await company.plan(charge("nothing", amount="1"), flat, charge("events", amount="1"))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"n": 2}), (at("2024-06-03"), {"n": -2}), code="events")
    assert len((await company.usage())["charges_usage"]) == 3
    bill = await company.bill(JULY)
    assert sorted((fee.code, fee.units, fee.amount_cents, fee.events_count) for fee in bill) == [
        ("events", "0.0", 0, 2),
        ("flat", "0.0", 700, 0),
    ]


async def test_02_7_invoice_taxes_are_computed_again(sandbox: Sandbox) -> None:
    """Three fees of 33 at 20 % have 7 each, the invoice 20."""
    await sandbox.tax("vat", "20")
    plan = await sandbox.plan("p", 33)
    for code in ("a", "b"):
        await sandbox.charge(plan, code, properties={"amount": "0.33"})
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    for code in ("a", "b"):
        await sandbox.send(("2024-01-20T00:00:00Z", 1), code=code)
    await sandbox.advance("2024-02-01")
    [invoice] = await details(sandbox)
    assert [(fee["amount_cents"], fee["taxes_amount_cents"]) for fee in invoice["fees"]] == [(33, 7)] * 3
    assert (invoice["taxes_amount_cents"], invoice["total_amount_cents"]) == (20, 119)


async def test_02_7_waterfall_identities_of_a_fee(sandbox: Sandbox) -> None:
    """Sub-total = precise amount - discount; total = amount + taxes; taxes on what the coupon leaves."""
    await sandbox.customer("c1")
    await sandbox.tax("vat", "20")
    plan = await sandbox.plan("p", 1000)
    await sandbox.charge(plan, "a", properties={"amount": "0.3333"})
    await coupon(sandbox, amount_cents=500)
    await apply(sandbox)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.send(("2024-01-20T00:00:00Z", 10), code="a")
    await sandbox.advance("2024-02-01")
    [invoice] = await details(sandbox)
    shares = {fee["item"]["type"]: Decimal(fee["precise_coupons_amount_cents"]) for fee in invoice["fees"]}
    assert shares == {"subscription": Decimal("375.09377"), "charge": Decimal("124.90623")}
    for fee in invoice["fees"]:
        rest = Decimal(fee["precise_amount"]) * 100 - Decimal(fee["precise_coupons_amount_cents"])
        assert Decimal(fee["sub_total_excluding_taxes_precise_amount_cents"]) == rest
        assert Decimal(fee["taxes_precise_amount"]) * 100 == rest / 5
        taxable = fee["amount_cents"] - Decimal(fee["precise_coupons_amount_cents"])
        assert fee["taxes_amount_cents"] == round_half_up(taxable / 5)
        assert fee["total_amount_cents"] == fee["amount_cents"] + fee["taxes_amount_cents"]
    assert (invoice["sub_total_excluding_taxes_amount_cents"], invoice["total_amount_cents"]) == (833, 1000)


async def test_02_8_charges_in_arrears(company: Company) -> None:
    """Periodic: the whole period. Upgrade: until then, the rest by the new plan. Downgrade: the full period."""
    await company.metric("calls", "count_agg")
    for code, cents, price in (("p", 200, "1"), ("dear", 300, "2"), ("cheap", 100, "3")):
        await company.plan(charge("calls", amount=price), code=code, amount_cents=cents)
    await company.subscribe()
    await company.send(*[(at(f"2024-06-{day}"), {}) for day in ("01", "10", "20", "30T23:59:59.999")])
    assert (await company.bill(JULY)).amounts == [400]
    await company.send(*[(at(f"2024-07-{day}"), {}) for day in ("01", "10", "20")])
    await company.to("2024-07-10T12:00:00")
    await company.subscribe(plan="dear")
    assert (await company.last_bill()).amounts == [200]
    await company.subscribe(plan="cheap")
    await company.send((at("2024-07-31T23:59:59.999"), {}), (at("2024-08-01"), {}))
    assert (await company.bill("2024-08-01")).amounts == [400]
    assert (await company.bill("2024-09-01")).amounts == [300]
