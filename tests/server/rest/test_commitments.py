"""``minimum_commitment`` of plans and overrides in wire format (spec 02 §12, 03 §2.2, §2.5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.rest.client import RestClient, validation
from tests.server.rest.test_plans import PLAN, create_plan

FLOOR = {"amount_cents": 50_000, "invoice_display_name": "Floor", "tax_codes": ["vat"]}


async def taxes(rest: RestClient) -> None:
    for code, rate in (("vat", "20"), ("gst", "5")):
        answer = await rest.post("taxes", {"tax": {"name": code.upper(), "code": code, "rate": rate}})
        assert answer.status_code == 200, answer.text


async def change(rest: RestClient, commitment: Any) -> Any:
    answer = await rest.put("plans/startup", {"plan": {"minimum_commitment": commitment}})
    assert answer.status_code == 200, answer.text
    return answer.json()["plan"].get("minimum_commitment")


def shown(commitment: Any) -> tuple[int, str | None, list[str]]:
    codes = [tax["code"] for tax in commitment["taxes"]]
    return commitment["amount_cents"], commitment["invoice_display_name"], codes


async def test_02_12_wire_form(rest: RestClient) -> None:
    await taxes(rest)
    plan = await create_plan(rest, minimum_commitment=FLOOR)
    made = plan["minimum_commitment"]
    assert set(made) == {
        "lago_id",
        "plan_code",
        "commitment_type",
        "amount_cents",
        "invoice_display_name",
        "interval",
        "taxes",
        "created_at",
        "updated_at",
    }
    assert (made["plan_code"], made["commitment_type"], made["interval"]) == (
        "startup",
        "minimum_commitment",
        "monthly",
    )
    assert shown(made) == (50_000, "Floor", ["vat"])
    assert (await rest.get("plans/startup")).json()["plan"]["minimum_commitment"] == made
    assert (await rest.get("plans")).json()["plans"][0]["minimum_commitment"] == made


async def test_02_12_plans_without_one_have_no_such_key(rest: RestClient) -> None:
    for number, empty in enumerate((None, {})):
        plan = await create_plan(rest, code=f"p{number}", minimum_commitment=empty)
        assert "minimum_commitment" not in plan


async def test_02_12_update_changes_the_given_keys(rest: RestClient) -> None:
    await taxes(rest)
    made = (await create_plan(rest, minimum_commitment=FLOOR))["minimum_commitment"]
    assert shown(await change(rest, {"amount_cents": 60_000})) == (60_000, "Floor", ["vat"])
    assert shown(await change(rest, {"invoice_display_name": "Base"})) == (60_000, "Base", ["vat"])
    assert shown(await change(rest, {"tax_codes": ["gst"]})) == (60_000, "Base", ["gst"])
    last = await change(rest, {"tax_codes": [], "invoice_display_name": None})
    assert (last["lago_id"], *shown(last)) == (made["lago_id"], 60_000, None, [])
    untouched = await rest.put("plans/startup", {"plan": {"name": "Start"}})
    assert shown(untouched.json()["plan"]["minimum_commitment"]) == (60_000, None, [])


@pytest.mark.parametrize("nothing", [{}, None])
async def test_02_12_update_removes_and_creates(rest: RestClient, nothing: Any) -> None:
    await taxes(rest)
    await create_plan(rest, minimum_commitment=FLOOR)
    assert await change(rest, nothing) is None
    assert await change(rest, nothing) is None
    assert shown(await change(rest, {"amount_cents": 1})) == (1, None, [])


async def test_02_12_refused(rest: RestClient) -> None:
    await create_plan(rest)
    for commitment, code in (
        ({"amount_cents": 0}, "value_is_out_of_range"),
        ({"amount_cents": -5}, "value_is_out_of_range"),
        ({"tax_codes": []}, "value_is_mandatory"),
    ):
        for answer in (
            await rest.post("plans", {"plan": {**PLAN, "code": "other", "minimum_commitment": commitment}}),
            await rest.put("plans/startup", {"plan": {"minimum_commitment": commitment}}),
        ):
            assert (answer.status_code, answer.json()) == (422, validation(amount_cents=code))
    unknown = {"amount_cents": 5, "tax_codes": ["nowhere"]}
    for answer in (
        await rest.post("plans", {"plan": {**PLAN, "code": "other", "minimum_commitment": unknown}}),
        await rest.put("plans/startup", {"plan": {"minimum_commitment": unknown}}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "tax_not_found")
    assert "minimum_commitment" not in (await rest.get("plans/startup")).json()["plan"]


async def test_05_a1_a_deleted_tax_leaves_the_commitment(rest: RestClient) -> None:
    await taxes(rest)
    await create_plan(rest, minimum_commitment=FLOOR)
    assert (await rest.delete("taxes/vat")).status_code == 200
    assert shown((await rest.get("plans/startup")).json()["plan"]["minimum_commitment"]) == (50_000, "Floor", [])


async def test_03_2_5_overrides(rest: RestClient) -> None:
    """Keys not given are the parent's; ``{}`` removes; the parent stays; a later one edits the child in place."""
    await taxes(rest)
    await create_plan(rest, minimum_commitment=FLOOR)

    async def subscribe(external_id: str, overrides: Any) -> Any:
        body = {"external_customer_id": "c", "plan_code": "startup", "external_id": external_id}
        answer = await rest.post("subscriptions", {"subscription": {**body, "plan_overrides": overrides}})
        assert answer.status_code == 200, answer.text
        return answer.json()["subscription"]["plan"].get("minimum_commitment")

    copied = await subscribe("copied", {"amount_cents": 1})
    assert (copied["plan_code"], *shown(copied)) == ("startup", 50_000, "Floor", ["vat"])
    assert shown(await subscribe("own", {"minimum_commitment": {"amount_cents": 7}})) == (7, "Floor", ["vat"])
    assert shown(await subscribe("taxed", {"minimum_commitment": {"tax_codes": ["gst"]}})) == (50_000, "Floor", ["gst"])
    assert await subscribe("without", {"minimum_commitment": {}}) is None
    for external_id, expected in (("own", (7, "Base", ["vat"])), ("copied", (50_000, "Base", ["vat"]))):
        body = {"plan_overrides": {"minimum_commitment": {"invoice_display_name": "Base"}}}
        answer = await rest.put(f"subscriptions/{external_id}", {"subscription": body})
        assert shown(answer.json()["subscription"]["plan"]["minimum_commitment"]) == expected
    parent = (await rest.get("plans/startup")).json()["plan"]["minimum_commitment"]
    assert shown(parent) == (50_000, "Floor", ["vat"])
    body = {"external_customer_id": "c", "plan_code": "startup", "external_id": "bad"}
    for commitment, status in (({"amount_cents": 0}, 422), ({"tax_codes": ["nowhere"]}, 404)):
        overrides = {"minimum_commitment": commitment}
        answer = await rest.post("subscriptions", {"subscription": {**body, "plan_overrides": overrides}})
        assert answer.status_code == status, answer.text
