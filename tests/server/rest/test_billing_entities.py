"""``/billing_entities``: the organization's settings under the contract's names (spec 07 §9.6, 04 §24, 05 A5)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models.billing_entity import (
    BillingEntity,
    BillingEntityBillingConfiguration,
    BillingEntityUpdate,
)

from billwright.billing.access.logos import MAX_BYTES
from billwright.billing.access.models import Organization
from tests.server.rest.client import RestClient, rest, validation
from tests.support.serving import official_client

__all__ = ["rest"]

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100


def data_uri(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


async def entity(rest: RestClient) -> Any:
    answer = await rest.get("billing_entities/hooli")
    assert answer.status_code == 200, answer.text
    return answer.json()["billing_entity"]


async def stored(rest: RestClient) -> Organization:
    async with rest.context() as ctx:
        return ctx.organization


async def test_there_is_one_entity(rest: RestClient) -> None:
    answer = await rest.get("billing_entities")
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["billing_entities"]
    [shown] = body["billing_entities"]
    assert (shown["code"], shown["name"], shown["is_default"]) == ("hooli", "Hooli", True)
    assert (shown["document_numbering"], shown["eu_tax_management"]) == ("per_customer", False)
    assert "taxes" not in shown


async def test_one_entity_shows_its_taxes(rest: RestClient) -> None:
    tax = {"name": "VAT", "code": "vat", "rate": "20", "applied_to_organization": True}
    assert (await rest.post("taxes", {"tax": tax})).status_code == 200
    shown = await entity(rest)
    assert [item["code"] for item in shown["taxes"]] == ["vat"]
    assert shown["selected_invoice_custom_sections"] == []


async def test_other_codes_are_not_found(rest: RestClient) -> None:
    for answer in (await rest.get("billing_entities/nope"), await rest.put("billing_entities/nope", {"country": "XX"})):
        assert (answer.status_code, answer.json()["code"]) == (404, "billing_entity_not_found")


async def test_further_entities_are_refused(rest: RestClient) -> None:
    answer = await rest.post("billing_entities", {"billing_entity": {"code": "b", "name": "B"}})
    assert (answer.status_code, answer.json()["code"]) == (403, "feature_unavailable")


@pytest.mark.parametrize("root", [False, True])
async def test_settings_change_with_and_without_the_root_key(rest: RestClient, root: bool) -> None:
    change: dict[str, Any] = {
        "legal_name": "Hooli SAS",
        "country": "fr",
        "document_numbering": "per_billing_entity",
        "net_payment_term": 15,
        "webhook_url": "https://not.here",
        "billing_configuration": {
            "invoice_grace_period": 3,
            "document_locale": "fr",
            "invoice_footer": "Merci",
            "subscription_invoice_issuing_date_anchor": "current_period_end",
        },
    }
    answer = await rest.put("billing_entities/hooli", {"billing_entity": change} if root else change)
    assert answer.status_code == 200, answer.text
    assert answer.json()["billing_entity"] == await entity(rest)
    shown = answer.json()["billing_entity"]
    expected = {
        "name": "Hooli",
        "code": "hooli",
        "legal_name": "Hooli SAS",
        "country": "FR",
        "document_numbering": "per_billing_entity",
        "net_payment_term": 15,
        "invoice_grace_period": 3,
        "document_locale": "fr",
        "invoice_footer": "Merci",
        "subscription_invoice_issuing_date_anchor": "current_period_end",
    }
    assert {name: shown[name] for name in expected} == expected
    organization = (await rest.get("organizations")).json()["organization"]
    assert (organization["document_numbering"], organization["webhook_urls"]) == ("per_organization", [])


async def test_a_new_name_keeps_the_code(rest: RestClient) -> None:
    answer = await rest.put("billing_entities/hooli", {"name": "Pied Piper"})
    assert answer.status_code == 200, answer.text
    shown = await entity(rest)
    assert (shown["name"], shown["code"]) == ("Pied Piper", "hooli")
    assert (await rest.put("billing_entities/hooli", {"name": "Aviato"})).json()["billing_entity"]["code"] == "hooli"
    assert (await rest.get("organizations")).json()["organization"]["name"] == "Aviato"
    for name in (None, " "):
        answer = await rest.put("billing_entities/hooli", {"name": name})
        assert (answer.status_code, answer.json()) == (422, validation(name="value_is_mandatory"))


async def test_default_taxes_are_replaced(rest: RestClient) -> None:
    for code in ("Vat", "local"):
        assert (await rest.post("taxes", {"tax": {"name": code, "code": code, "rate": "5"}})).status_code == 200
    answer = await rest.put("billing_entities/hooli", {"tax_codes": ["VAT", "local", "vat"]})
    assert [tax["code"] for tax in answer.json()["billing_entity"]["taxes"]] == ["Vat", "local"]
    answer = await rest.put("billing_entities/hooli", {"tax_codes": ["nope"], "country": "FR"})
    assert (answer.status_code, answer.json()["code"]) == (404, "tax_not_found")
    assert "country" not in await entity(rest)
    assert (await rest.put("billing_entities/hooli", {"tax_codes": []})).json()["billing_entity"]["taxes"] == []


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"country": "XX"}, "country", "not_a_valid_country_code"),
        ({"timezone": "Mars/Base"}, "timezone", "invalid_timezone"),
        ({"document_numbering": "per_organization"}, "document_numbering", "value_is_invalid"),
        ({"logo": data_uri(b"GIF89a", "image/gif")}, "logo", "invalid_content_type"),
        ({"logo": data_uri(b"GIF89a", "image/png")}, "logo", "invalid_content_type"),
        ({"logo": "https://a.test/logo.png"}, "logo", "invalid_content_type"),
        ({"logo": "data:image/png;base64,%%%"}, "logo", "invalid_content_type"),
        ({"logo": data_uri(PNG + b"0" * MAX_BYTES)}, "logo", "invalid_size"),
        ({"eu_tax_management": True}, "eu_tax_management", "billing_entity_must_be_in_eu"),
        ({"eu_tax_management": True, "country": "US"}, "eu_tax_management", "billing_entity_must_be_in_eu"),
        ({"billing_configuration": {"invoice_grace_period": -1}}, "invoice_grace_period", "value_is_out_of_range"),
    ],
)
async def test_refusals(rest: RestClient, change: dict[str, Any], field: str, code: str) -> None:
    answer = await rest.put("billing_entities/hooli", change)
    assert (answer.status_code, answer.json()) == (422, validation(**{field: code}))
    assert (await stored(rest)).eu_tax_management is False


async def test_a_logo_is_kept_and_removed(rest: RestClient) -> None:
    assert (await rest.put("billing_entities/hooli", {"logo": data_uri(PNG)})).status_code == 200
    found = await stored(rest)
    assert (found.logo, found.logo_content_type) == (PNG, "image/png")
    address = f"/customer-portal/logos/{found.id}?v={hashlib.sha256(PNG).hexdigest()[:12]}"
    assert (await entity(rest))["logo_url"].endswith(address)
    assert (await rest.put("billing_entities/hooli", {"legal_name": "H"})).status_code == 200
    assert (await stored(rest)).logo == PNG
    assert (await rest.put("billing_entities/hooli", {"logo": None})).status_code == 200
    found = await stored(rest)
    assert (found.logo, found.logo_content_type) == (None, None)
    assert (await entity(rest))["logo_url"] is None


async def test_a_logo_of_exactly_the_limit(rest: RestClient) -> None:
    content = PNG + b"0" * (MAX_BYTES - len(PNG))
    answer = await rest.put("billing_entities/hooli", {"logo": data_uri(content)})
    assert answer.status_code == 200, answer.text
    assert len((await stored(rest)).logo or b"") == MAX_BYTES


async def test_eu_tax_management_makes_the_automatic_taxes(rest: RestClient) -> None:
    answer = await rest.put("billing_entities/hooli", {"eu_tax_management": True, "country": "FR"})
    assert answer.status_code == 200, answer.text
    shown = answer.json()["billing_entity"]
    assert (shown["eu_tax_management"], shown["country"], shown["taxes"]) == (True, "FR", [])
    taxes = (await rest.get("taxes?per_page=100")).json()["taxes"]
    assert len(taxes) == 47
    by_code = {tax["code"]: tax for tax in taxes}
    assert (by_code["lago_eu_fi_standard"]["name"], by_code["lago_eu_fi_standard"]["rate"]) == ("FI Standard", 25.5)
    assert by_code["lago_eu_fr_exception_reunion"]["name"] == "FR Reunion Standard"
    assert by_code["lago_eu_reverse_charge"]["name"] == "Reverse Charge"


async def test_organizations_do_not_take_the_flag(rest: RestClient) -> None:
    body = {"organization": {"country": "FR", "eu_tax_management": True}}
    assert (await rest.put("organizations", body)).status_code == 200
    assert (await stored(rest)).eu_tax_management is False


@pytest.fixture
async def lago(rest: RestClient) -> AsyncIterator[Client]:
    async with official_client(rest) as client:
        yield client


async def test_the_official_client(lago: Client) -> None:
    [shown] = (await asyncio.to_thread(lago.billing_entities.find_all))["billing_entities"]
    assert (shown.code, shown.is_default) == ("hooli", True)
    change = BillingEntityUpdate(
        name="Hooli",
        country="FR",
        eu_tax_management=True,
        billing_configuration=BillingEntityBillingConfiguration(invoice_grace_period=3, document_locale="fr"),
    )
    changed = await asyncio.to_thread(lago.billing_entities.update, change, "hooli")
    assert (changed.country, changed.eu_tax_management, changed.invoice_grace_period) == ("FR", True, 3)
    found = await asyncio.to_thread(lago.billing_entities.find, "hooli")
    assert found == changed
    new = BillingEntity(code="b", name="B")
    with pytest.raises(LagoApiError) as refused:
        await asyncio.to_thread(lago.billing_entities.create, new)
    assert refused.value.status_code == 403


async def test_keys_need_the_permission(rest: RestClient) -> None:
    reader = await rest.with_key({"billing_entity": ["read"]})
    assert (await reader.get("billing_entities/hooli")).status_code == 200
    answer = await reader.put("billing_entities/hooli", {"country": "FR"})
    assert (answer.status_code, answer.json()["code"]) == (403, "write_action_not_allowed_for_billing_entity")
