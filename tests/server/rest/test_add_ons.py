"""``/add_ons`` (spec 04 §14, 00 rule 28)."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from tests.server.rest.client import RestClient, validation
from tests.server.rest.contract import problems, unknown_keys

SETUP = {"name": "Setup", "code": "setup", "amount_cents": 50000, "amount_currency": "EUR"}


async def _tax(rest: RestClient, code: str) -> None:
    assert (await rest.post("taxes", {"tax": {"name": code, "code": code, "rate": 20}})).status_code == 200


async def _create(rest: RestClient, **attributes: Any) -> Any:
    answer = await rest.post("add_ons", {"add_on": {**SETUP, **attributes}})
    assert answer.status_code == 200, answer.text
    return answer.json()["add_on"]


async def test_create_show_and_list_newest_first(rest: RestClient) -> None:
    await _tax(rest, "vat")
    body = {**SETUP, "description": "Onboarding", "invoice_display_name": "Set-up fee", "tax_codes": ["vat"]}
    answer = await rest.post("add_ons", {"add_on": body})
    assert answer.status_code == 200
    assert problems("AddOn", answer.json()) == []
    add_on = answer.json()["add_on"]
    assert unknown_keys("AddOnObject", add_on) == set()
    assert [tax["code"] for tax in add_on["taxes"]] == ["vat"]
    assert {key: add_on[key] for key in body if key != "tax_codes"} == {
        key: value for key, value in body.items() if key != "tax_codes"
    }
    await _create(rest, code="training")
    listed = (await rest.get("add_ons")).json()
    assert problems("AddOnsPaginated", listed) == []
    assert [item["code"] for item in listed["add_ons"]] == ["training", "setup"]
    assert listed["meta"]["total_count"] == 2
    assert (await rest.get("add_ons?search_term=TRAIN")).json()["meta"]["total_count"] == 1
    assert (await rest.get("add_ons/setup")).json()["add_on"] == add_on
    assert (await rest.get("taxes/vat")).json()["tax"]["add_ons_count"] == 1


@pytest.mark.parametrize(
    ("missing", "how"),
    [
        *((name, how) for name in ("name", "code", "amount_currency") for how in ("absent", "null", "blank")),
        *(("amount_cents", how) for how in ("absent", "null")),
    ],
)
async def test_mandatory_attributes(rest: RestClient, missing: str, how: str) -> None:
    body: dict[str, Any] = {**SETUP, missing: None if how == "null" else " "}
    if how == "absent":
        del body[missing]
    answer = await rest.post("add_ons", {"add_on": body})
    assert (answer.status_code, answer.json()) == (422, validation(**{missing: "value_is_mandatory"}))


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("amount_cents", 0, "value_is_out_of_range"),
        ("amount_cents", -1, "value_is_out_of_range"),
        ("amount_cents", 2**63, "value_is_out_of_range"),
        ("amount_cents", "ten", "value_is_invalid"),
        ("amount_cents", 1.5, "value_is_invalid"),
        ("amount_cents", True, "value_is_invalid"),
        ("amount_currency", "EURO", "value_is_invalid"),
        ("name", "x" * 256, "value_is_too_long"),
        ("code", "x" * 256, "value_is_too_long"),
        ("tax_codes", "vat", "value_is_invalid"),
    ],
)
async def test_bad_values(rest: RestClient, attribute: str, value: object, code: str) -> None:
    await _create(rest, code="there")
    for answer in (
        await rest.post("add_ons", {"add_on": {**SETUP, attribute: value}}),
        await rest.put("add_ons/there", {"add_on": {attribute: value}}),
    ):
        assert (answer.status_code, answer.json()) == (422, validation(**{attribute: code}))


async def test_codes_are_unique_among_the_living(rest: RestClient) -> None:
    first = await _create(rest)
    answer = await rest.post("add_ons", {"add_on": SETUP})
    assert (answer.status_code, answer.json()) == (422, validation(code="value_already_exist"))
    await _create(rest, code="other")
    answer = await rest.put("add_ons/other", {"add_on": {"code": "setup"}})
    assert (answer.status_code, answer.json()) == (422, validation(code="value_already_exist"))
    assert (await rest.get("add_ons/other")).status_code == 200
    deleted = await rest.delete("add_ons/setup")
    assert (deleted.status_code, deleted.json()["add_on"]["lago_id"]) == (200, first["lago_id"])
    for method in ("GET", "DELETE"):
        answer = await rest.request(method, "add_ons/setup")
        assert (answer.status_code, answer.json()["code"]) == (404, "add_on_not_found")
    assert (await _create(rest))["lago_id"] != first["lago_id"]


async def test_one_of_two_at_once_wins(rest: RestClient) -> None:
    answers = await asyncio.gather(*(rest.post("add_ons", {"add_on": SETUP}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]


async def test_update(rest: RestClient) -> None:
    await _tax(rest, "vat")
    await _tax(rest, "eco")
    await _create(rest, description="old", tax_codes=["vat"])
    changed = (await rest.put("add_ons/setup", {"add_on": {"amount_cents": 1, "description": None}})).json()["add_on"]
    assert (changed["amount_cents"], changed["description"], changed["name"]) == (1, None, "Setup")
    assert [tax["code"] for tax in changed["taxes"]] == ["vat"]
    changed = (await rest.put("add_ons/setup", {"add_on": {"tax_codes": ["eco"], "code": "a/b.c?"}})).json()["add_on"]
    assert [tax["code"] for tax in changed["taxes"]] == ["eco"]
    path = f"add_ons/{quote('a/b.c?', safe='')}"
    changed = (await rest.put(path, {"add_on": {"tax_codes": []}})).json()["add_on"]
    assert changed["taxes"] == []
    answer = await rest.put(path, {"add_on": {"tax_codes": ["nope"], "amount_cents": 7}})
    assert (answer.status_code, answer.json()["code"]) == (404, "tax_not_found")
    assert (await rest.get(path)).json()["add_on"]["amount_cents"] == 1
    answer = await rest.put("add_ons/nobody", {"add_on": {"amount_cents": -1}})
    assert (answer.status_code, answer.json()["code"]) == (404, "add_on_not_found")


async def test_an_unknown_tax_creates_nothing(rest: RestClient) -> None:
    answer = await rest.post("add_ons", {"add_on": {**SETUP, "tax_codes": ["nope"]}})
    assert (answer.status_code, answer.json()["code"]) == (404, "tax_not_found")
    assert (await rest.get("add_ons")).json()["add_ons"] == []


async def test_a_deleted_tax_leaves_its_add_ons(rest: RestClient) -> None:
    await _tax(rest, "vat")
    await _create(rest, tax_codes=["vat"])
    assert (await rest.delete("taxes/vat")).status_code == 200
    await _tax(rest, "vat")
    assert (await rest.get("add_ons/setup")).json()["add_on"]["taxes"] == []


async def test_permissions_and_other_organizations(rest: RestClient) -> None:
    await _create(rest)
    reader = await rest.with_key({"add_on": ["read"]})
    assert (await reader.get("add_ons")).status_code == 200
    assert (await reader.delete("add_ons/setup")).status_code == 403
    other = await rest.another()
    assert (await other.get("add_ons")).json()["add_ons"] == []
    for method, body in (("GET", None), ("PUT", {"add_on": {"amount_cents": 1}}), ("DELETE", None)):
        assert (await other.request(method, "add_ons/setup", body)).status_code == 404
