"""The official Python client, which no one here wrote, against a real server on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models import Organization, OrganizationBillingConfiguration
from lago_python_client.models.tax import Tax

from tests.server.rest.client import RestClient
from tests.support.serving import ask, official_client


@pytest.fixture
async def lago(rest: RestClient) -> AsyncIterator[Client]:
    async with official_client(rest) as client:
        yield client


async def test_taxes(lago: Client) -> None:
    created = await ask(lago.taxes.create, Tax(name="VAT", code="vat.fr/20", rate=20.0, description="TVA"))
    assert (created.code, created.rate, created.applied_to_organization) == ("vat.fr/20", 20.0, False)
    assert (await ask(lago.taxes.find, "vat.fr/20")).lago_id == created.lago_id
    changed = await ask(lago.taxes.update, Tax(rate=5.5, applied_to_organization=True), "vat.fr/20")
    assert (changed.rate, changed.name, changed.applied_to_billing_entities_codes) == (5.5, "VAT", ["hooli"])
    listed = await ask(lago.taxes.find_all, {"per_page": 2, "page": 1})
    assert [tax.code for tax in listed["taxes"]] == ["vat.fr/20"]
    assert listed["meta"]["total_count"] == 1
    assert (await ask(lago.taxes.destroy, "vat.fr/20")).code == "vat.fr/20"
    assert (await ask(lago.taxes.find_all))["taxes"] == []


async def test_errors(lago: Client) -> None:
    with pytest.raises(LagoApiError) as missing:
        await ask(lago.taxes.find, "nope")
    assert (missing.value.status_code, missing.value.response["code"]) == (404, "tax_not_found")
    with pytest.raises(LagoApiError) as refused:
        await ask(lago.taxes.create, Tax(name="VAT", code="c", rate=-1))
    assert (refused.value.status_code, refused.value.response["error_details"]) == (422, {"rate": ["value_is_invalid"]})
    with pytest.raises(LagoApiError) as empty:
        await ask(lago.taxes.create, Tax())
    assert empty.value.status_code == 400
    lago.api_key = "wrong"
    with pytest.raises(LagoApiError) as stranger:
        await ask(Client(api_key="wrong", api_url=lago.base_api_url.removesuffix("/api/v1/")).taxes.find_all)
    assert stranger.value.status_code == 401


async def test_organizations(lago: Client) -> None:
    changed = await ask(
        lago.organizations.update,
        Organization(
            default_currency="EUR",
            timezone="Europe/Paris",
            country="FR",
            legal_name="Hooli SARL",
            net_payment_term=30,
            email_settings=["invoice.finalized"],
            billing_configuration=OrganizationBillingConfiguration(invoice_grace_period=3, document_locale="fr"),
        ),
    )
    assert (changed.name, changed.timezone, changed.country) == ("Hooli", "Europe/Paris", "FR")
    assert (changed.net_payment_term, changed.email_settings) == (30, ["invoice.finalized"])
    assert changed.billing_configuration.invoice_grace_period == 3
    with pytest.raises(LagoApiError) as refused:
        await ask(lago.organizations.update, Organization(default_currency="EUR", timezone="Mars"))
    assert refused.value.response["error_details"] == {"timezone": ["invalid_timezone"]}
