"""The customer's automatic tax at creation and update (spec 05 A6), through REST, with a fake VIES."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.taxes.conftest import VALID, Seller

CASES: list[tuple[str, dict[str, Any], str, int]] = [
    ("US, no TIN", {"country": "US"}, "tax_exempt", 0),
    ("US, TIN not of the EU", {"country": "US", "tax_identification_number": "US-111"}, "tax_exempt", 0),
    ("no country, no TIN", {}, "fr_standard", 0),
    ("FR 75018, no TIN", {"country": "FR", "zipcode": "75018"}, "fr_standard", 0),
    (
        "FR 75018, valid FR TIN",
        {"country": "FR", "zipcode": "75018", "tax_identification_number": VALID},
        "fr_standard",
        1,
    ),
    ("FR 97412, no TIN", {"country": "FR", "zipcode": "97412"}, "fr_standard", 0),
    (
        "FR 97412, well-formed number",
        {"country": "FR", "zipcode": "97412", "tax_identification_number": "FR12345678901"},
        "fr_exception_reunion",
        0,
    ),
    (
        "FR 97100, INVALID123",
        {"country": "FR", "zipcode": "97100", "tax_identification_number": "INVALID123"},
        "fr_standard",
        0,
    ),
    ("IT, no TIN", {"country": "IT"}, "it_standard", 0),
    ("IT, malformed TIN", {"country": "IT", "tax_identification_number": "IT123"}, "it_standard", 0),
    ("IT, valid IT TIN", {"country": "IT", "tax_identification_number": "IT12345678901"}, "reverse_charge", 1),
    ("DE, valid FR TIN", {"country": "DE", "tax_identification_number": VALID}, "fr_standard", 1),
    ("FR, valid DE TIN", {"country": "FR", "tax_identification_number": "DE136695976"}, "reverse_charge", 1),
    ("ES 35001", {"country": "ES", "zipcode": "35001"}, "es_exception_canary_islands", 0),
    (
        "ES 35001, TIN",
        {"country": "ES", "zipcode": "35001", "tax_identification_number": "ESA12345678"},
        "es_exception_canary_islands",
        0,
    ),
    ("ES ' 35 001 '", {"country": "ES", "zipcode": " 35 001 "}, "es_exception_canary_islands", 0),
    ("no country, zip 35001", {"zipcode": "35001"}, "fr_standard", 0),
    ("GB, TIN of GB", {"country": "GB", "tax_identification_number": "GB123456789"}, "tax_exempt", 0),
]


async def test_decision_examples(managed: Seller) -> None:
    """All examples of spec 05 A6, entity in France."""
    for number in (VALID, "IT12345678901", "DE136695976"):
        managed.vies.know(number)
    found: dict[str, tuple[str, int]] = {}
    for position, (case, attributes, _, _) in enumerate(CASES):
        managed.vies.calls.clear()
        await managed.box.customer(f"c{position}", **attributes)
        await managed.jobs()
        [tax] = await managed.taxes(f"c{position}")
        found[case] = (tax, len(managed.vies.calls))
    assert found == {case: (tax, calls) for case, _, tax, calls in CASES}
    assert await managed.checks() == []


async def test_unmanaged_organizations_do_nothing(seller: Seller) -> None:
    await seller.box.customer(country="IT", tax_identification_number=VALID)
    await seller.jobs()
    assert await seller.taxes() == []
    assert (await seller.checks(), seller.vies.calls) == ([], [])


async def test_bare_customers_of_subscriptions_get_their_tax(managed: Seller) -> None:
    await managed.box.plan("p", 1000)
    await managed.box.subscribe(customer="new")
    assert await managed.taxes("new") == ["fr_standard"]


async def test_taxes_stay_while_a_check_is_under_way(managed: Seller) -> None:
    managed.vies.know("IT12345678901")
    await managed.box.customer(country="IT")
    await managed.box.customer(tax_identification_number="IT12345678901")
    assert await managed.taxes() == ["it_standard"]
    [check] = await managed.checks()
    assert (check["attempts_count"], check["last_error_type"]) == (0, None)
    await managed.jobs()
    assert (await managed.taxes(), await managed.checks()) == (["reverse_charge"], [])


async def test_a_new_customer_with_a_number_has_no_taxes_until_the_answer(managed: Seller) -> None:
    await managed.box.customer(country="IT", tax_identification_number="IT12345678901")
    assert await managed.taxes() == []
    await managed.jobs()
    assert await managed.taxes() == ["it_standard"]


async def test_nothing_changed_leaves_the_taxes_alone(managed: Seller) -> None:
    """A manual set replaces the automatic tax when no trigger changed; the next update brings it back (A6)."""
    await managed.box.tax("manual", "7", applied_to_organization=False)
    await managed.box.customer(country="IT")
    await managed.box.customer(country="it", name="Name")
    assert await managed.taxes() == ["it_standard"]
    await managed.box.customer(country="it", tax_codes=["manual"])
    assert await managed.taxes() == ["manual"]
    await managed.box.customer(name="Other")
    assert await managed.taxes() == ["it_standard"]


async def test_manual_taxes_survive_only_when_sent_together(managed: Seller) -> None:
    await managed.box.tax("manual", "7", applied_to_organization=False)
    await managed.box.customer(country="IT", tax_codes=["manual"])
    assert await managed.taxes() == ["it_standard", "manual"]
    await managed.box.customer(country="DE", tax_codes=["manual", "lago_eu_de_standard"])
    assert await managed.taxes() == ["de_standard", "manual"]
    await managed.box.customer(country="ES")
    assert await managed.taxes() == ["es_standard"]


async def test_an_unknown_code_saves_nothing(managed: Seller) -> None:
    await managed.box.customer(country="IT")
    answer = await managed.box.rest.post(
        "customers", {"customer": {"external_id": "c1", "country": "DE", "tax_codes": ["nope"]}}
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "tax_not_found")
    assert await managed.taxes() == ["it_standard"]


@pytest.mark.parametrize("change", [{"tax_identification_number": None}, {"country": "ES", "zipcode": "35001"}])
async def test_what_is_decided_at_once_drops_the_check(managed: Seller, change: dict[str, Any]) -> None:
    await managed.box.customer(country="IT", tax_identification_number="IT12345678901")
    await managed.box.customer(**change)
    assert await managed.checks() == []
    expected = ["it_standard"] if "country" not in change else ["es_exception_canary_islands"]
    assert await managed.taxes() == expected
    await managed.jobs()
    assert (await managed.taxes(), managed.vies.calls) == (expected, [])


async def test_a_seller_that_left_the_eu_decides_nothing(managed: Seller) -> None:
    await managed.box.call("PUT", "organizations", {"organization": {"country": "US"}})
    await managed.box.customer(country="IT", tax_identification_number="IT12345678901")
    assert (await managed.taxes(), await managed.checks()) == ([], [])


async def test_a_deleted_automatic_tax_comes_back(managed: Seller) -> None:
    await managed.box.call("DELETE", "taxes/lago_eu_it_standard")
    await managed.box.customer(country="IT")
    assert await managed.taxes() == ["it_standard"]


async def test_taxes_of_plans_override_the_customers(managed: Seller) -> None:
    await managed.box.tax("local", "10", applied_to_organization=False)
    plan = await managed.box.plan("p", 10000, pay_in_advance=True)
    await managed.run(
        "insert into plans_taxes (plan_id, tax_id) select :plan, id from taxes where code = 'local'", plan=plan.id
    )
    await managed.run("update organizations set catalog_revision = catalog_revision + 1")
    await managed.box.customer(country="IT")
    await managed.box.subscribe()
    [invoice] = await managed.box.invoices()
    assert [tax["tax_code"] for tax in invoice["applied_taxes"]] == ["local"]
