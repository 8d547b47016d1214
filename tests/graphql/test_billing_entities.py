"""The organization's billing entity over GraphQL, by the patterns of the others (spec 07 §6.2, §9.6)."""

from __future__ import annotations

from typing import Any

from tests.graphql.support import World

SHOWN = """code name isDefault documentNumbering legalName country defaultCurrency netPaymentTerm emailSettings logoUrl
  taxes { code } billingConfiguration { invoiceFooter invoiceGracePeriod documentLocale
    subscriptionInvoiceIssuingDateAnchor subscriptionInvoiceIssuingDateAdjustment }"""
ONE = f"query($c: String!) {{ billingEntity(code: $c) {{ {SHOWN} }} }}"
CHANGE = f"mutation($i: UpdateBillingEntityInput!) {{ updateBillingEntity(input: $i) {{ {SHOWN} }} }}"
DATES = {
    "subscriptionInvoiceIssuingDateAnchor": "current_period_end",
    "subscriptionInvoiceIssuingDateAdjustment": "keep_anchor",
}


async def entity(world: World, role: str = "admin") -> Any:
    return (await world.data(ONE, role, c="acme_search"))["billingEntity"]


async def test_there_is_one_and_it_is_the_organization(world: World) -> None:
    query = "query($p: Int) { billingEntities(page: $p) { collection { id code isDefault } metadata { totalCount } } }"
    found = (await world.data(query, "manager"))["billingEntities"]
    assert found == {
        "collection": [{"id": str(world.organization.id), "code": "acme_search", "isDefault": True}],
        "metadata": {"totalCount": 1},
    }
    assert (await world.data(query, p=2))["billingEntities"] == {"collection": [], "metadata": {"totalCount": 1}}
    error = await world.error(ONE, c="another")
    assert error["extensions"]["details"] == {"billingEntity": ["not_found"]}
    refused = await world.error(CHANGE, i={"code": "another", "legalName": "X"})
    assert refused["extensions"]["details"] == {"billingEntity": ["not_found"]}


async def test_its_settings_are_the_organizations(world: World) -> None:
    await world.data('mutation { createTax(input: {name: "VAT", code: "vat", rate: "20"}) { id } }')
    changes = {
        "code": "acme_search", "name": "Acme", "legalName": "Acme SAS", "country": "fr", "netPaymentTerm": 15,
        "documentNumbering": "per_billing_entity", "taxCodes": ["vat"],
        "billingConfiguration": {"invoiceGracePeriod": 3, **DATES},
    }  # fmt: skip
    changed = (await world.data(CHANGE, i=changes))["updateBillingEntity"]
    assert changed == await entity(world)
    assert changed["billingConfiguration"] == {
        "invoiceFooter": None, "invoiceGracePeriod": 3, "documentLocale": "en", **DATES,
    }  # fmt: skip
    assert (changed["code"], changed["name"], changed["country"]) == ("acme_search", "Acme", "FR")
    assert (changed["documentNumbering"], changed["taxes"]) == ("per_billing_entity", [{"code": "vat"}])
    organization = "{ organization { name legalName netPaymentTerm documentNumbering } }"
    assert (await world.data(organization))["organization"] == {
        "name": "Acme", "legalName": "Acme SAS", "netPaymentTerm": 15, "documentNumbering": "per_organization",
    }  # fmt: skip
    wrong = await world.error(CHANGE, i={"code": "acme_search", "country": "XX", "taxCodes": ["vat"]})
    assert wrong["extensions"]["details"] == {"country": ["not_a_valid_country_code"]}


async def test_dates_of_invoices_are_settings_of_the_organization_too(world: World) -> None:
    """Spec 04 §24."""
    change = """mutation($i: UpdateOrganizationInput!) { updateOrganization(input: $i) { billingConfiguration {
      subscriptionInvoiceIssuingDateAnchor subscriptionInvoiceIssuingDateAdjustment } } }"""
    changed = await world.data(change, i={"billingConfiguration": DATES})
    assert changed["updateOrganization"]["billingConfiguration"] == DATES
    odd = {"subscriptionInvoiceIssuingDateAnchor": "someday"}
    error = await world.error(change, i={"billingConfiguration": odd})
    assert list(error["extensions"]["details"]) == ["subscriptionInvoiceIssuingDateAnchor"]


async def test_who_sees_and_sets_what(world: World) -> None:
    """Spec 07 §6.1: what the roles do not show is null, what they do not let one set is an error."""
    assert (await entity(world, "finance"))["emailSettings"] is None
    manager = await entity(world, "manager")
    assert (manager["billingConfiguration"], manager["taxes"]) == (None, None)
    await world.data(CHANGE, "finance", i={"code": "acme_search", "netPaymentTerm": 7})
    for change, needed in (
        ({"taxCodes": []}, "organization:taxes:update"),
        ({"euTaxManagement": True}, "organization:taxes:update"),
        ({"emailSettings": []}, "organization:emails:update"),
    ):
        error = await world.error(CHANGE, "finance", i={"code": "acme_search", **change})
        assert error["extensions"]["requiredPermissions"] == [needed]
    error = await world.error(CHANGE, "manager", i={"code": "acme_search", "netPaymentTerm": 1})
    assert error["extensions"]["requiredPermissions"] == ["billing_entities:update"]
