"""``/plans`` and their metadata in wire format (spec 03 §2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.rest.client import RestClient, validation

PLAN = {
    "name": "Startup",
    "code": "startup",
    "interval": "monthly",
    "amount_cents": 10000,
    "amount_currency": "USD",
    "pay_in_advance": True,
}


async def create_metric(rest: RestClient, code: str = "storage", **attributes: Any) -> str:
    body = {"name": code, "code": code, "aggregation_type": "sum_agg", "field_name": "gb", **attributes}
    answer = await rest.post("billable_metrics", {"billable_metric": body})
    assert answer.status_code == 200, answer.text
    return answer.json()["billable_metric"]["lago_id"]


async def create_plan(rest: RestClient, *charges: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    answer = await rest.post("plans", {"plan": {**PLAN, "charges": list(charges), **attributes}})
    assert answer.status_code == 200, answer.text
    return answer.json()["plan"]


async def test_create_and_show(rest: RestClient) -> None:
    metric = await create_metric(rest, filters=[{"key": "region", "values": ["eu", "us"]}])
    await rest.post("taxes", {"tax": {"name": "VAT", "code": "vat", "rate": "20"}})
    plan = await create_plan(
        rest,
        {
            "billable_metric_id": metric,
            "charge_model": "graduated",
            "invoice_display_name": "Disk",
            "min_amount_cents": 500,
            "tax_codes": ["vat"],
            "properties": {
                "graduated_ranges": [
                    {"from_value": 0, "to_value": 10.5, "per_unit_amount": "1.50", "flat_amount": "0"},
                    {"from_value": 11.5, "to_value": None, "per_unit_amount": "0.5", "flat_amount": "1"},
                ]
            },
            "filters": [
                {
                    "values": {"region": ["__ALL_FILTER_VALUES__"]},
                    "properties": {
                        "graduated_ranges": [
                            {"from_value": 0, "to_value": None, "per_unit_amount": "2", "flat_amount": "0"}
                        ]
                    },
                }
            ],
            "accepts_target_wallet": None,
            "applied_pricing_unit": None,
        },
        description="For a start",
        trial_period=2.50,
        tax_codes=["vat"],
        metadata={"segment": "smb"},
        cascade_updates=None,
    )
    assert (await rest.get("plans/startup")).json() == {"plan": plan}
    (tax,) = plan.pop("taxes")
    assert (tax["code"], tax["rate"]) == ("vat", 20)
    (charge,) = plan.pop("charges")
    for shown in (plan, charge):
        assert shown.pop("lago_id")
        assert shown.pop("created_at").endswith("Z")
    assert plan == {
        "name": "Startup",
        "invoice_display_name": None,
        "code": "startup",
        "interval": "monthly",
        "description": "For a start",
        "amount_cents": 10000,
        "amount_currency": "USD",
        "trial_period": 2.5,
        "pay_in_advance": True,
        "bill_charges_monthly": None,
        "bill_fixed_charges_monthly": None,
        "parent_id": None,
        "pending_deletion": False,
        "fixed_charges": [],
        "usage_thresholds": [],
        "applicable_usage_thresholds": [],
        "entitlements": [],
        "metadata": {"segment": "smb"},
    }
    (own,) = charge.pop("filters")
    assert [item["code"] for item in charge.pop("taxes")] == ["vat"]
    assert charge == {
        "lago_billable_metric_id": metric,
        "lago_parent_id": None,
        "billable_metric_code": "storage",
        "code": "storage",
        "invoice_display_name": "Disk",
        "charge_model": "graduated",
        "pay_in_advance": False,
        "invoiceable": True,
        "regroup_paid_fees": None,
        "prorated": False,
        "min_amount_cents": 500,
        "properties": {
            "graduated_ranges": [
                {"from_value": 0, "to_value": 10.5, "per_unit_amount": "1.50", "flat_amount": "0"},
                {"from_value": 11.5, "to_value": None, "per_unit_amount": "0.5", "flat_amount": "1"},
            ]
        },
        "applied_pricing_unit": None,
        "accepts_target_wallet": False,
    }
    assert own["values"] == {"region": ["__ALL_FILTER_VALUES__"]}
    assert (own["charge_code"], own["invoice_display_name"]) == ("storage", None)


async def test_list(rest: RestClient) -> None:
    metric = await create_metric(rest)
    assert (await rest.get("plans")).json()["plans"] == []
    for code in ("a", "b"):
        await create_plan(rest, {"billable_metric_id": metric, "charge_model": "standard"}, code=code)
    listed = (await rest.get("plans?per_page=1&page=2")).json()
    assert [(plan["code"], len(plan["charges"])) for plan in listed["plans"]] == [("a", 1)]
    assert listed["meta"] == {
        "current_page": 2,
        "next_page": None,
        "prev_page": 1,
        "total_pages": 2,
        "total_count": 2,
    }


async def test_update(rest: RestClient) -> None:
    metric = await create_metric(rest)
    plan = await create_plan(rest, {"billable_metric_id": metric, "charge_model": "standard"}, description="d")
    changed = (await rest.put("plans/startup", {"plan": {"code": "pro.v2/x", "description": None}})).json()["plan"]
    assert changed == {**plan, "code": "pro.v2/x", "description": None}
    emptied = await rest.put("plans/pro.v2%2Fx", {"plan": {"charges": [], "interval": "yearly"}})
    assert (emptied.json()["plan"]["charges"], emptied.json()["plan"]["bill_charges_monthly"]) == ([], False)


async def test_delete(rest: RestClient) -> None:
    plan = await create_plan(rest)
    gone = await rest.delete("plans/startup")
    assert (gone.status_code, gone.json()) == (200, {"plan": {**plan, "pending_deletion": True}})
    assert (await rest.get("plans/startup")).json()["plan"]["pending_deletion"]


async def test_unknown(rest: RestClient) -> None:
    for answer in (
        await rest.get("plans/nope"),
        await rest.delete("plans/nope"),
        await rest.put("plans/nope", {"plan": {"amount_cents": "x"}}),
        await rest.post("plans/nope/metadata", {"metadata": {}}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "plan_not_found")
    body = {"plan": {**PLAN, "charges": [{"billable_metric_id": PLAN["code"], "charge_model": "standard"}]}}
    answer = await rest.post("plans", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "billable_metrics_not_found")
    answer = await rest.post("plans", {"plan": {**PLAN, "tax_codes": ["nope"]}})
    assert (answer.status_code, answer.json()["code"]) == (404, "tax_not_found")


async def test_refused(rest: RestClient) -> None:
    assert (await rest.post("plans", {"plan": {}})).status_code == 400
    answer = await rest.post("plans", {"plan": {"description": "d"}})
    assert (answer.status_code, answer.json()) == (
        422,
        validation(
            name="value_is_mandatory",
            code="value_is_mandatory",
            interval="value_is_invalid",
            amount_cents="value_is_mandatory",
            amount_currency="value_is_invalid",
            pay_in_advance="value_is_invalid",
        ),
    )
    answer = await rest.post("plans", {"plan": {**PLAN, "usage_thresholds": [{"recurring": True}]}})
    assert (answer.status_code, answer.json()) == (422, validation(usage_thresholds="missing_amount_cents"))


async def test_permissions_and_other_organizations(rest: RestClient) -> None:
    await create_plan(rest)
    reader = await rest.with_key({"plan": ["read"]})
    assert (await reader.get("plans/startup")).status_code == 200
    for answer in (
        await reader.delete("plans/startup"),
        await reader.post("plans/startup/charges", {"charge": {"a": 1}}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "write_action_not_allowed_for_plan")
    stranger = await rest.another()
    for answer in (
        await stranger.get("plans/startup"),
        await stranger.put("plans/startup", {"plan": {"name": "Mine"}}),
        await stranger.delete("plans/startup"),
        await stranger.get("plans/startup/charges"),
        await stranger.delete("plans/startup/metadata"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "plan_not_found")
    metric = await create_metric(stranger)
    body = {"plan": {**PLAN, "code": "x", "charges": [{"billable_metric_id": metric, "charge_model": "standard"}]}}
    assert (await rest.post("plans", body)).json()["code"] == "billable_metrics_not_found"


async def test_metadata(rest: RestClient) -> None:
    await create_plan(rest)
    path = "plans/startup/metadata"
    assert (await rest.post(path, {"metadata": {"a": "1", "b": None}})).json() == {"metadata": {"a": "1", "b": None}}
    assert (await rest.patch(path, {"metadata": {"b": "2", "c": "3"}})).json() == {
        "metadata": {"a": "1", "b": "2", "c": "3"}
    }
    assert (await rest.delete(f"{path}/a")).json() == {"metadata": {"b": "2", "c": "3"}}
    missing = await rest.delete(f"{path}/a")
    assert (missing.status_code, missing.json()["code"]) == (404, "metadata_not_found")
    refused = await rest.patch(path, {"metadata": {"d": 5}})
    assert (refused.status_code, refused.json()) == (422, validation(metadata="invalid_type"))
    assert (await rest.get("plans/startup")).json()["plan"]["metadata"] == {"b": "2", "c": "3"}
    assert (await rest.post(path, {"metadata": {"z": "z"}})).json() == {"metadata": {"z": "z"}}
    assert (await rest.delete(path)).json() == {"metadata": None}


@pytest.mark.parametrize("value", ["5", 5])
async def test_integers_may_be_texts(rest: RestClient, value: Any) -> None:
    assert (await create_plan(rest, amount_cents=value))["amount_cents"] == 5
