"""``/taxes`` (spec 05 A1)."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from billwright.billing.access.models import Organization
from tests.server.rest.client import RestClient, validation

VAT = {"name": "VAT", "code": "vat_20", "rate": "20.0"}


async def test_create_show_and_list_by_name(rest: RestClient) -> None:
    answer = await rest.post("taxes", {"tax": {**VAT, "description": "TVA"}})
    assert answer.status_code == 200
    tax = answer.json()["tax"]
    assert tax.pop("lago_id")
    assert tax.pop("created_at").endswith("Z")
    assert tax == {
        "name": "VAT",
        "code": "vat_20",
        "rate": 20,
        "description": "TVA",
        "applied_to_organization": False,
        "add_ons_count": 0,
        "customers_count": 0,
        "plans_count": 0,
        "charges_count": 0,
        "commitments_count": 0,
        "applied_to_billing_entities_codes": [],
    }
    await rest.post("taxes", {"tax": {"name": "eco", "code": "eco", "rate": 0.5}})
    listed = (await rest.get("taxes")).json()
    assert [each["name"] for each in listed["taxes"]] == ["eco", "VAT"]
    assert listed["meta"] == {
        "current_page": 1,
        "next_page": None,
        "prev_page": None,
        "total_pages": 1,
        "total_count": 2,
    }
    assert (await rest.get("taxes/eco")).json()["tax"]["rate"] == 0.5


@pytest.mark.parametrize("missing", ["name", "code", "rate"])
@pytest.mark.parametrize("how", ["absent", "null", "blank"])
async def test_mandatory_attributes(rest: RestClient, missing: str, how: str) -> None:
    body = {**VAT, missing: None if how == "null" else "" if how == "blank" else 0}
    if how == "absent":
        del body[missing]
    answer = await rest.post("taxes", {"tax": body})
    assert (answer.status_code, answer.json()) == (422, validation(**{missing: "value_is_mandatory"}))


@pytest.mark.parametrize("rate", [-1, "-0.01", "abc", "1e400", True, [1], {"a": 1}, "NaN", "1000001", "0." + "1" * 30])
async def test_bad_rates(rest: RestClient, rate: object) -> None:
    answer = await rest.post("taxes", {"tax": {**VAT, "rate": rate}})
    assert (answer.status_code, answer.json()) == (422, validation(rate="value_is_invalid"))


async def test_codes_are_unique_among_live_taxes_of_an_organization(rest: RestClient) -> None:
    await rest.post("taxes", {"tax": VAT})
    await rest.post("taxes", {"tax": {**VAT, "code": "other"}})
    assert (await rest.post("taxes", {"tax": VAT})).json() == validation(code="value_already_exist")
    taken = await rest.put("taxes/other", {"tax": {"code": "vat_20"}})
    assert (taken.status_code, taken.json()) == (422, validation(code="value_already_exist"))
    same = await rest.put("taxes/vat_20", {"tax": {"code": "vat_20"}})
    assert same.status_code == 200
    neighbour = await rest.another()
    assert (await neighbour.post("taxes", {"tax": VAT})).status_code == 200
    assert (await rest.delete("taxes/vat_20")).status_code == 200
    assert (await rest.post("taxes", {"tax": VAT})).status_code == 200


async def test_update_changes_only_what_is_sent(rest: RestClient) -> None:
    await rest.post("taxes", {"tax": {**VAT, "description": "TVA", "applied_to_organization": True}})
    changed = (await rest.put("taxes/vat_20", {"tax": {"rate": "21.50", "code": "vat_21"}})).json()["tax"]
    assert (changed["rate"], changed["code"], changed["name"]) == (21.5, "vat_21", "VAT")
    assert (changed["description"], changed["applied_to_organization"]) == ("TVA", True)
    assert changed["applied_to_billing_entities_codes"] == ["hooli"]
    cleared = (await rest.put("taxes/vat_21", {"tax": {"description": None}})).json()["tax"]
    assert cleared["description"] is None
    detached = (await rest.put("taxes/vat_21", {"tax": {"applied_to_organization": False}})).json()["tax"]
    assert (detached["applied_to_organization"], detached["applied_to_billing_entities_codes"]) == (False, [])
    refused = await rest.put("taxes/vat_21", {"tax": {"name": None}})
    assert refused.json() == validation(name="value_is_mandatory")


async def test_delete_twice_is_404(rest: RestClient) -> None:
    await rest.post("taxes", {"tax": {**VAT, "applied_to_organization": True}})
    gone = await rest.delete("taxes/vat_20")
    assert gone.json()["tax"]["code"] == "vat_20"
    again = await rest.delete("taxes/vat_20")
    assert again.json() == {"status": 404, "error": "Not Found", "code": "tax_not_found"}
    assert (await rest.get("organizations")).json()["organization"]["taxes"] == []
    assert (await rest.get("taxes")).json()["meta"]["current_page"] == 0


@pytest.mark.parametrize("code", ["pro.v2", "a/b", "a@b:c+d", "ä ö", "50%", "x.json", "taxes", "a//b", "…/.hidden"])
async def test_any_code_can_be_addressed(rest: RestClient, code: str) -> None:
    await rest.post("taxes", {"tax": {**VAT, "code": code}})
    path = f"taxes/{quote(code, safe='')}"
    assert (await rest.get(path)).json()["tax"]["code"] == code
    assert (await rest.put(path, {"tax": {"name": "New"}})).json()["tax"]["name"] == "New"
    if "%" not in code:
        assert (await rest.get(f"taxes/{quote(code, safe='/')}")).status_code == 200
    assert (await rest.delete(path)).status_code == 200


async def test_unknown_tax_is_404_before_the_body_is_422(rest: RestClient) -> None:
    unknown = await rest.put("taxes/nope", {"tax": {"rate": -1}})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "tax_not_found")
    empty = await rest.put("taxes/nope", {"tax": {}})
    assert empty.status_code == 400
    for path in ("taxes/%00", "taxes/%FF"):
        assert (await rest.get(path)).json()["code"] == "tax_not_found"
        assert (await rest.put(path, {"tax": {"rate": -1}})).json()["code"] == "tax_not_found"


async def test_taxes_of_another_organization_do_not_exist(rest: RestClient) -> None:
    await rest.post("taxes", {"tax": {**VAT, "applied_to_organization": True}})
    neighbour = await rest.another()
    assert (await neighbour.get("taxes/vat_20")).status_code == 404
    assert (await neighbour.put("taxes/vat_20", {"tax": {"rate": 1}})).status_code == 404
    assert (await neighbour.delete("taxes/vat_20")).status_code == 404
    assert (await neighbour.get("taxes")).json()["taxes"] == []
    assert (await neighbour.get("organizations")).json()["organization"]["taxes"] == []


async def test_every_write_raises_the_catalog_revision(rest: RestClient) -> None:
    async def revision() -> int:
        async with rest.database.reading() as session:
            return (await session.get_one(Organization, rest.organization.id)).catalog_revision

    seen = [await revision()]
    for call in (
        rest.post("taxes", {"tax": VAT}),
        rest.put("taxes/vat_20", {"tax": {"rate": 5}}),
        rest.delete("taxes/vat_20"),
    ):
        assert (await call).status_code == 200
        seen.append(await revision())
    assert seen == [0, 1, 2, 3]
    await rest.delete("taxes/vat_20")
    assert await revision() == 3


async def test_rates_are_exact(rest: RestClient) -> None:
    for rate, shown in (("8.875", "8.875"), ("100", "100"), ("0", "0"), ("0.1000000000000000055", None)):
        answer = await rest.post("taxes", f'{{"tax":{{"name":"n","code":"c{rate}","rate":{rate}}}}}'.encode())
        assert answer.status_code == 200
        assert f'"rate":{shown or rate},' in answer.text
