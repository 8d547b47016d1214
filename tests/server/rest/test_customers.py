"""``/customers`` on the wire (spec 03 §1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.rest.client import RestClient, validation
from tests.server.rest.contract import problems, unknown_keys

FULL = {
    "external_id": "hooli.com/1",
    "name": "Gavin",
    "firstname": "Gavin",
    "lastname": "Belson",
    "customer_type": "company",
    "email": "a@hooli.test",
    "legal_name": "Hooli Inc.",
    "legal_number": "123",
    "tax_identification_number": "FR1",
    "phone": "+1",
    "url": "https://hooli.test",
    "logo_url": "https://hooli.test/logo.png",
    "external_salesforce_id": "sf",
    "address_line1": "1 Road",
    "address_line2": "2nd floor",
    "city": "Paris",
    "state": "IDF",
    "zipcode": "75002",
    "country": "fr",
    "currency": "eur",
    "timezone": "Europe/Paris",
    "net_payment_term": 30,
    "finalize_zero_amount_invoice": "skip",
    "shipping_address": {"city": "Lyon", "country": "FR"},
    "metadata": [{"key": "po", "value": "42", "display_in_invoice": True}],
    "billing_configuration": {"invoice_grace_period": 3, "document_locale": "fr"},
}


async def post(rest: RestClient, **attributes: Any) -> Any:
    return await rest.post("customers", {"customer": {"external_id": "c1", **attributes}})


async def customer(rest: RestClient, **attributes: Any) -> Any:
    answer = await post(rest, **attributes)
    assert answer.status_code == 200, answer.text
    return answer.json()["customer"]


async def test_03_1_1_everything_sent_comes_back(rest: RestClient) -> None:
    answer = await rest.post("customers", {"customer": FULL})
    assert answer.status_code == 200
    body = answer.json()
    assert problems("Customer", body) == []
    shown = body["customer"]
    expected = {key: value for key, value in FULL.items() if isinstance(value, str | int)}
    expected |= {"country": "FR", "currency": "EUR"}
    assert {key: shown[key] for key in expected} == expected
    assert shown["shipping_address"] == {
        "address_line1": None,
        "address_line2": None,
        "city": "Lyon",
        "zipcode": None,
        "state": None,
        "country": "FR",
    }
    assert [(item["key"], item["value"], item["display_in_invoice"]) for item in shown["metadata"]] == [
        ("po", "42", True)
    ]
    assert shown["billing_configuration"]["invoice_grace_period"] == 3
    assert shown["billing_configuration"]["document_locale"] == "fr"
    assert (shown["sequential_id"], shown["account_type"]) == (1, "customer")
    assert shown["slug"] == f"{rest.organization.document_number_prefix}-001"
    assert shown["billing_entity_code"] == "hooli"


async def test_a_bare_customer_has_every_key(rest: RestClient) -> None:
    shown = await customer(rest)
    assert problems("Customer", {"customer": shown}) == []
    assert unknown_keys("CustomerObjectExtended", shown) <= {"external_salesforce_id"}
    assert (shown["applicable_timezone"], shown["timezone"], shown["currency"]) == ("UTC", None, None)
    assert shown["finalize_zero_amount_invoice"] == "inherit"
    assert (shown["taxes"], shown["metadata"], shown["integration_customers"], shown["error_details"]) == (
        [],
        [],
        [],
        [],
    )


async def test_03_1_1_the_same_external_id_updates(rest: RestClient) -> None:
    first = await customer(rest, name="A", city="Paris")
    second = await customer(rest, name="B")
    assert (second["lago_id"], second["name"], second["city"]) == (first["lago_id"], "B", "Paris")
    cleared = await customer(rest, city=None)
    assert (cleared["name"], cleared["city"]) == ("B", None)


async def test_external_ids_are_trimmed_and_may_hold_anything(rest: RestClient) -> None:
    shown = await customer(rest, external_id="  a.b@c+d/é ")
    assert shown["external_id"] == "a.b@c+d/é"
    assert (await rest.get("customers/a.b%40c%2Bd%2F%C3%A9")).json()["customer"]["lago_id"] == shown["lago_id"]


@pytest.mark.parametrize(
    ("attributes", "field", "code"),
    [
        ({"external_id": None}, "external_id", "value_is_mandatory"),
        ({"external_id": "  "}, "external_id", "value_is_mandatory"),
        ({"external_id": "x" * 256}, "external_id", "value_is_too_long"),
        ({"name": "x" * 256}, "name", "value_is_too_long"),
        ({"customer_type": "robot"}, "customer_type", "value_is_invalid"),
        ({"email": "a@b.test, nope"}, "email", "invalid_email_format"),
        ({"country": "ZZ"}, "country", "not_a_valid_country_code"),
        ({"shipping_address": {"country": "ZZ"}}, "shipping_address", "not_a_valid_country_code"),
        ({"currency": "ABC"}, "currency", "value_is_invalid"),
        ({"timezone": "Mars/Base"}, "timezone", "invalid_timezone"),
        ({"net_payment_term": -1}, "net_payment_term", "value_is_out_of_range"),
        ({"finalize_zero_amount_invoice": "maybe"}, "finalize_zero_amount_invoice", "invalid_value"),
        ({"billing_configuration": {"document_locale": "xx"}}, "document_locale", "not_a_valid_language_code"),
        ({"billing_configuration": {"invoice_grace_period": -1}}, "invoice_grace_period", "value_is_out_of_range"),
        ({"billing_configuration": "fr"}, "billing_configuration", "value_is_invalid"),
        (
            {"skip_invoice_custom_sections": True, "invoice_custom_section_codes": ["a"]},
            "invoice_custom_sections",
            "skip_sections_and_selected_ids_sent_together",
        ),
    ],
)
async def test_03_1_1_refusals(rest: RestClient, attributes: dict[str, Any], field: str, code: str) -> None:
    answer = await post(rest, **attributes)
    assert (answer.status_code, answer.json()) == (422, validation(**{field: code}))
    assert (await rest.get("customers")).json()["meta"]["total_count"] == 0


async def test_several_addresses_are_all_kept(rest: RestClient) -> None:
    assert (await customer(rest, email=" a@b.test , c@d.test"))["email"] == "a@b.test,c@d.test"


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"tax_codes": ["nope"]}, "tax_not_found"),
        ({"billing_entity_code": "nope"}, "billing_entity_not_found"),
    ],
)
async def test_unknown_references(rest: RestClient, attributes: dict[str, Any], code: str) -> None:
    answer = await post(rest, **attributes)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_the_only_billing_entity_is_accepted(rest: RestClient) -> None:
    assert (await customer(rest, billing_entity_code="hooli"))["billing_entity_code"] == "hooli"


async def test_tax_codes_replace_the_taxes(rest: RestClient) -> None:
    for code in ("a", "b"):
        await rest.post("taxes", {"tax": {"name": code, "code": code, "rate": "10"}})
    assert [tax["code"] for tax in (await customer(rest, tax_codes=["a", "b"]))["taxes"]] == ["a", "b"]
    assert [tax["code"] for tax in (await customer(rest, tax_codes=["b"]))["taxes"]] == ["b"]
    assert (await customer(rest, name="x"))["taxes"][0]["code"] == "b"
    assert (await customer(rest, tax_codes=[]))["taxes"] == []


async def test_root_key_and_method(rest: RestClient) -> None:
    assert (await rest.post("customers", {"external_id": "c1"})).status_code == 400
    assert (await rest.put("customers/c1", {"customer": {"name": "x"}})).status_code == 404


async def test_show_and_delete(rest: RestClient) -> None:
    await customer(rest)
    assert problems("Customer", (await rest.get("customers/c1")).json()) == []
    deleted = await rest.delete("customers/c1")
    assert (deleted.status_code, deleted.json()["customer"]["external_id"]) == (200, "c1")
    for answer in (await rest.get("customers/c1"), await rest.delete("customers/c1")):
        assert (answer.status_code, answer.json()) == (
            404,
            {"status": 404, "error": "Not Found", "code": "customer_not_found"},
        )
    again = await customer(rest)
    assert again["sequential_id"] == 2
    assert again["lago_id"] != deleted.json()["customer"]["lago_id"]


async def test_another_organization_sees_nothing(rest: RestClient) -> None:
    await customer(rest)
    other = await rest.another()
    assert (await other.get("customers/c1")).status_code == 404
    assert (await other.get("customers/c1/subscriptions")).status_code == 404
    assert (await other.get("customers/c1/invoices")).status_code == 404
    assert (await other.get("customers")).json()["customers"] == []
    assert (await other.delete("customers/c1")).status_code == 404
    assert (await rest.get("customers/c1")).status_code == 200


async def test_permissions(rest: RestClient) -> None:
    reader = await rest.with_key({"customer": ["read"]})
    assert (await reader.get("customers")).status_code == 200
    answer = await post(reader)
    assert (answer.status_code, answer.json()["code"]) == (403, "write_action_not_allowed_for_customer")


async def test_03_1_6_newest_first_in_pages(rest: RestClient) -> None:
    for number in range(5):
        await customer(rest, external_id=f"c{number}")
    body = (await rest.get("customers", params={"per_page": 2, "page": 2})).json()
    assert problems("CustomersPaginated", body) == []
    assert [item["external_id"] for item in body["customers"]] == ["c2", "c1"]
    assert body["meta"] == {
        "current_page": 2,
        "next_page": 3,
        "prev_page": 1,
        "total_pages": 3,
        "total_count": 5,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search_term=belson", ["a"]),
        ("search_term=A@HOOLI", ["a"]),
        ("search_term=%25", []),
        ("search_term=b", ["b", "a"]),
        ("external_id=b", ["b"]),
        ("countries[]=fr&countries[]=DE", ["b", "a"]),
        ("countries[]=FR", ["a"]),
        ("states[]=IDF", ["a"]),
        ("zipcodes[]=75002", ["a"]),
        ("currencies[]=EUR", ["a"]),
        ("has_tax_identification_number=true", ["a"]),
        ("has_tax_identification_number=false", ["b"]),
        ("customer_type=company", ["a"]),
        ("has_customer_type=false", ["b"]),
        ("metadata[po]=42", ["a"]),
        ("metadata[po]=43", []),
        ("metadata[po]=", ["b"]),
        ("account_type[]=customer", ["b", "a"]),
        ("account_type[]=partner", []),
        ("billing_entity_codes[]=hooli", ["b", "a"]),
        ("countries[]=FR&currencies[]=USD", []),
    ],
)
async def test_03_1_6_filters(rest: RestClient, query: str, found: list[str]) -> None:
    await customer(rest, **{**FULL, "external_id": "a"})
    await customer(rest, external_id="b", country="DE", currency="USD")
    answer = await rest.get(f"customers?{query}")
    assert [item["external_id"] for item in answer.json()["customers"]] == found


async def test_an_unknown_billing_entity_is_a_404(rest: RestClient) -> None:
    answer = await rest.get("customers?billing_entity_codes[]=nope")
    assert (answer.status_code, answer.json()["code"]) == (404, "billing_entity_not_found")


async def test_03_1_3_metadata(rest: RestClient) -> None:
    first = await customer(rest, metadata=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    a, b = first["metadata"]
    assert (a["key"], b["key"], a["display_in_invoice"]) == ("a", "b", False)
    kept = await customer(rest, metadata=[{"id": b["lago_id"], "value": "3"}, {"key": "c", "value": "4"}])
    assert [(item["key"], item["value"]) for item in kept["metadata"]] == [("b", "3"), ("c", "4")]
    assert kept["metadata"][0]["lago_id"] == b["lago_id"]
    for metadata, details in (
        ([{"key": "b", "value": "x"}], {"key": "value_already_exist"}),
        ([{"key": "x" * 21, "value": "x"}], {"key": "value_is_too_long"}),
        ([{"key": "x", "value": "x" * 101}], {"value": "value_is_too_long"}),
        ([{"key": "", "value": "x"}], {"key": "value_is_mandatory"}),
        ([{"key": "x"}], {"value": "value_is_mandatory"}),
        ([{"key": str(number), "value": "x"} for number in range(6)], {"metadata": "invalid_count"}),
        ([{"key": "n", "value": "x"}, {"key": "n", "value": "y"}], {"key": "value_already_exist"}),
        ([{"id": b["lago_id"], "key": "c", "value": "x"}], {"key": "value_already_exist"}),
    ):
        answer = await post(rest, metadata=metadata)
        assert (answer.status_code, answer.json()) == (422, validation(**details))
    assert [(item["key"], item["value"]) for item in (await customer(rest))["metadata"]] == [("b", "3"), ("c", "4")]
    assert (await customer(rest, metadata=[]))["metadata"] == []


async def test_metadata_of_another_customer_is_not_touched(rest: RestClient) -> None:
    foreign = (await customer(rest, external_id="c2", metadata=[{"key": "a", "value": "1"}]))["metadata"][0]
    mine = await customer(rest, metadata=[{"id": foreign["lago_id"], "key": "a", "value": "9"}])
    assert mine["metadata"][0]["lago_id"] != foreign["lago_id"]
    assert (await rest.get("customers/c2")).json()["customer"]["metadata"][0]["value"] == "1"


async def test_03_1_4_payment_provider_link(rest: RestClient) -> None:
    linked = await customer(
        rest,
        billing_configuration={
            "payment_provider": "stripe",
            "payment_provider_code": "stripe-eu",
            "provider_customer_id": "cus_1",
            "sync": True,
            "sync_with_provider": False,
            "provider_payment_methods": ["card"],
        },
    )
    assert problems("Customer", {"customer": linked}) == []
    assert linked["billing_configuration"]["provider_customer_id"] == "cus_1"
    assert linked["billing_configuration"]["provider_payment_methods"] == ["card"]
    removed = await customer(rest, billing_configuration={"payment_provider": None})
    assert removed["billing_configuration"]["payment_provider"] is None
    assert "provider_customer_id" not in removed["billing_configuration"]


async def test_08_a3_integration_customers(rest: RestClient) -> None:
    """At most one per type; no integration can be connected yet, and entries of unknown ones are ignored."""
    entry = {"integration_type": "netsuite", "integration_code": "ns", "sync_with_provider": True}
    other = {"integration_type": "hubspot", "integration_code": "hs", "external_customer_id": "7"}
    body = {"external_id": "linked", "integration_customers": [entry, {**entry, "integration_code": "ns2"}]}
    answer = await rest.post("customers", {"customer": body})
    assert answer.json() == validation(integration_customers="invalid_count_per_integration_type")
    assert (await rest.get("customers/linked")).status_code == 404
    answer = await rest.post("customers", {"customer": {**body, "integration_customers": "ns"}})
    assert answer.json() == validation(integration_customers="value_is_invalid")
    assert (await customer(rest, integration_customers=[entry, other]))["integration_customers"] == []
