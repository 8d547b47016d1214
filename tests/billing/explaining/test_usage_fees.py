"""Explanations of usage fees over REST (spec 09 §2), on invoices and of current usage."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.billing.explaining.calculator import check, steps
from tests.billing.in_advance.shop import Shop
from tests.billing.metering.company import JULY, Company, at, charge
from tests.billing.metering.test_custom_examples import EX_18, RANGES

TIERS = [
    {"from_value": 0, "to_value": 10, "per_unit_amount": "2", "flat_amount": "1"},
    {"from_value": 11, "to_value": None, "per_unit_amount": "1", "flat_amount": "3"},
]
RATES = [
    {"from_value": 0, "to_value": 10, "rate": "2", "flat_amount": "1"},
    {"from_value": 11, "to_value": None, "rate": "1.5", "flat_amount": "3"},
]
MODELS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("standard", {"amount": "0.333"}, {}),
    ("graduated", {"graduated_ranges": TIERS}, {}),
    ("volume", {"volume_ranges": TIERS}, {}),
    ("graduated_percentage", {"graduated_percentage_ranges": RATES}, {}),
    ("package", {"amount": "5", "package_size": 4, "free_units": 3}, {}),
    ("percentage", {"rate": "2.5", "fixed_amount": "0.3"}, {}),
    (
        "percentage",
        {
            "rate": "2.5",
            "fixed_amount": "0.3",
            "free_units_per_total_aggregation": "3",
            "per_transaction_min_amount": "0.5",
            "per_transaction_max_amount": "0.75",
        },
        {},
    ),
    ("dynamic", {}, {"precise_total_amount_cents": "12.345"}),
    ("standard", {"amount": "2"}, {"_prorated": True}),
    ("volume", {"volume_ranges": TIERS}, {"_prorated": True}),
    ("graduated", {"graduated_ranges": TIERS}, {"_prorated": True}),
]


async def explained(company: Company, fee_id: object) -> dict[str, Any]:
    answer = await company.rest.get(f"fees/{fee_id}/explain")
    assert answer.status_code == 200, answer.text
    explanation = answer.json()["explanation"]
    check(explanation)
    assert explanation["fee_id"] == str(fee_id)
    return explanation


@pytest.mark.parametrize(("model", "properties", "more"), MODELS)
async def test_every_charge_model_in_buckets_and_groups(
    company: Company, model: str, properties: dict[str, Any], more: dict[str, Any]
) -> None:
    """An invoiced fee per filter and group: matches, and so does current usage before it."""
    prorated = more.get("_prorated", False)
    events = {name: value for name, value in more.items() if name != "_prorated"}
    await company.metric(
        "gb", "sum_agg", field_name="v", recurring=prorated, filters={"region": ["eu", "us"], "kind": ["a", "b"]}
    )
    grouped = {**properties, "pricing_group_keys": ["team"]}
    filters = [
        {"values": {"region": ["eu"]}, "properties": grouped},
        {"values": {"kind": ["a", "b"]}, "properties": properties},
    ]
    await company.plan(charge("gb", model, filters=filters, _prorated=prorated, **grouped))
    await company.subscribe()
    await company.send(
        (at("2024-06-02"), {"v": 12, "region": "eu", "team": "x", "kind": "a"}),
        (at("2024-06-09"), {"v": 7, "region": "eu"}),
        (at("2024-06-11"), {"v": 5, "kind": "b"}),
        (at("2024-06-12"), {"v": 31, "team": "y"}),
        (at("2024-06-12"), {"v": 1, "team": "z", "kind": "c"}),
        **events,
    )
    entry = await company.charge_usage(explain="true")
    check(entry["explanation"])
    assert entry["explanation"]["matches"] is True
    assert entry["explanation"]["recomputed_amount_cents"] == entry["amount_cents"] > 0
    assert {step["part"] for step in steps(entry["explanation"], "events")} == {
        "eu, team: x", "eu, team: none", "a, b", "team: y", "team: z",
    }  # fmt: skip
    bill = await company.bill(JULY)
    assert len(bill) == 5
    for fee in bill:
        explanation = await explained(company, fee.row.id)
        assert explanation["matches"] is True, explanation
        assert explanation["recomputed_amount_cents"] == explanation["amount_cents"] == fee.amount_cents
        assert explanation["notes"] == []
        [events_step] = steps(explanation, "events")
        assert events_step["inputs"]["code"] == "gb"
        assert events_step["inputs"]["group"] == fee.grouped_by
        assert events_step["inputs"]["first_event"] is not None
        [window] = steps(explanation, "window")
        assert window["inputs"]["from"] == "2024-06-01T00:00:00Z"
        assert (window["inputs"]["timezone"], window["result"]) == ("UTC", "30")


@pytest.mark.parametrize(
    ("aggregation", "more"),
    [
        ("count_agg", {"field_name": None}),
        ("max_agg", {}),
        ("latest_agg", {}),
        ("unique_count_agg", {}),
        ("unique_count_agg", {"recurring": True}),
        ("weighted_sum_agg", {"weighted_interval": "seconds"}),
        ("weighted_sum_agg", {"weighted_interval": "seconds", "recurring": True}),
        ("sum_agg", {"recurring": True}),
        ("sum_agg", {"rounding_function": "ceil", "rounding_precision": 1}),
    ],
)
async def test_every_aggregation(company: Company, aggregation: str, more: dict[str, Any]) -> None:
    await company.metric("m", aggregation, **{"field_name": "v", **more})
    await company.plan(charge("m", amount="0.07"))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"v": "3.14"}), (at("2024-06-17T08:11:13"), {"v": "2.72"}))
    [fee] = await company.bill(JULY)
    explanation = await explained(company, fee.row.id)
    assert (explanation["matches"], explanation["notes"]) == (True, [])
    assert steps(explanation, "aggregation")[0]["inputs"]["type"] == aggregation
    rounded = steps(explanation, "rounding")
    assert [step["result"] for step in rounded] == (["5.9"] if "rounding_function" in more else [])
    await company.send((at("2024-07-02"), {"v": "9"}))
    [fee] = await company.bill("2024-08-01")
    assert (await explained(company, fee.row.id))["matches"] is True


@pytest.mark.parametrize("aggregation", ["sum_agg", "unique_count_agg"])
async def test_prorated_units_show_days(company: Company, aggregation: str) -> None:
    """Spec 01 §6: 11 of 30 days for what came on June 20th."""
    await company.metric("seats", aggregation, field_name="v", recurring=True)
    await company.plan(charge("seats", amount="30", _prorated=True))
    await company.subscribe()
    await company.send((at("2024-06-20"), {"v": 1}))
    [fee] = await company.bill(JULY)
    explanation = await explained(company, fee.row.id)
    [proration] = steps(explanation, "proration")
    assert proration["inputs"]["period_days"] == "30"
    assert "11" in proration["inputs"].values()
    assert proration["result"] == "0.36667"
    assert explanation["matches"] is True


async def test_custom_aggregation(company: Company) -> None:
    await company.custom_metric("traffic", EX_18)
    await company.plan(charge("traffic", "custom", custom_properties=RANGES))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"gb": 12, "zone": "eu"}))
    [fee] = await company.bill(JULY)
    assert (await explained(company, fee.row.id))["matches"] is True
    await company.send((at("2024-06-03"), {"gb": 12, "zone": "eu"}))
    late = await explained(company, fee.row.id)
    assert late["matches"] is False
    assert steps(late, "drift")[0]["inputs"]["events_now"] == "2"
    assert late["notes"]


async def test_drift_says_by_how_much(company: Company) -> None:
    """Spec 09 §2: events that changed after the fee. The catalogue's own changes are none."""
    await company.metric("gb", "sum_agg", field_name="v", filters={"region": ["eu", "us"]})
    filters = [{"values": {"region": ["eu"]}, "properties": {"amount": "3"}}]
    plan = await company.plan(charge("gb", amount="2", filters=filters))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"v": 10}), (at("2024-06-02"), {"v": 1, "region": "eu"}))
    bill = {fee.amount_cents: fee.row.id for fee in await company.bill(JULY)}
    assert set(bill) == {2000, 300}
    changed = {"id": plan["charges"][0]["lago_id"], "billable_metric_id": company.metrics["gb"]}
    await company.edit_plan(
        "p", charges=[{**changed, "charge_model": "standard", "properties": {"amount": "9"}, "filters": []}]
    )
    for fee_id in bill.values():
        assert (await explained(company, fee_id))["matches"] is True
    await company.send((at("2024-06-03"), {"v": 4}))
    late = await explained(company, bill[2000])
    assert (late["matches"], late["amount_cents"], late["recomputed_amount_cents"]) == (False, 2000, 2800)
    [drift] = steps(late, "drift")
    assert drift["result"] == "800"
    assert drift["inputs"] == {
        "billed_amount_cents": "2000", "amount_now_cents": "2800", "billed_units": "10", "units_now": "14",
        "billed_events": "1", "events_now": "2",
    }  # fmt: skip
    assert (await explained(company, bill[300]))["matches"] is True


async def test_a_fee_of_an_earlier_version_is_explained_as_far_as_it_goes(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="v")
    await company.plan(charge("gb", "graduated", graduated_ranges=TIERS))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"v": 12}))
    [fee] = await company.bill(JULY)
    async with company.context() as ctx:
        await ctx.session.execute(text("update fees set explanation = explanation - '{window,bucket,figures}'::text[]"))
    explanation = await explained(company, fee.row.id)
    assert explanation["matches"] is True
    assert explanation["recomputed_amount_cents"] == 2600
    [note] = explanation["notes"]
    assert "not stored" in note


async def test_true_up_and_minimum(company: Company) -> None:
    """Spec 02 §9: half a month at a minimum of 100.00, 6.00 used."""
    await company.metric("gb", "sum_agg", field_name="v")
    await company.plan(charge("gb", amount="2", _min_amount_cents=10000))
    await company.subscribe(since="2024-06-16T00:00:00Z")
    await company.to("2024-06-17")
    await company.send((at("2024-06-18"), {"v": 3}))
    bill = await company.bill(JULY)
    parent, true_up = bill
    assert (parent.amount_cents, true_up.amount_cents) == (600, 4400)
    explanation = await explained(company, true_up.row.id)
    due, missing = steps(explanation, "minimum")
    assert (due["result"], missing["result"], explanation["matches"]) == ("5000", "4400", True)
    assert missing["inputs"]["charged_cents"] == "600"


async def test_negative_usage(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="v")
    await company.plan(charge("gb", "volume", volume_ranges=TIERS))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"v": -2}))
    entry = await company.charge_usage(explain="true")
    check(entry["explanation"])
    assert entry["explanation"]["matches"] is True
    assert entry["explanation"]["recomputed_amount_cents"] == 0


async def test_without_asking_there_is_no_explanation(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="v")
    await company.plan(charge("gb", amount="2"))
    await company.subscribe()
    assert "explanation" not in await company.charge_usage()


ADVANCE: list[tuple[str, dict[str, Any]]] = [
    ("standard", {"amount": "1.5"}),
    ("graduated", {"graduated_ranges": TIERS}),
    ("graduated_percentage", {"graduated_percentage_ranges": RATES}),
    ("package", {"amount": "5", "package_size": 4, "free_units": 3}),
    ("percentage", {"rate": "5", "fixed_amount": "0.3", "free_units_per_events": 1}),
]


@pytest.mark.parametrize(("model", "properties"), ADVANCE)
@pytest.mark.parametrize("invoiceable", [True, False])
async def test_fees_in_advance(shop: Shop, model: str, properties: dict[str, Any], invoiceable: bool) -> None:
    """Invoiced and standalone; what the event raises is explained by the units before it."""
    await shop.sell("sum_agg", model, charge_options={"invoiceable": invoiceable}, **properties)
    fees = await shop.bill_events({"v": 8}, {"v": -3}, {"v": 3}, {"v": 6, "_id": "last"})
    assert len(fees) == 4
    for fee in fees:
        explanation = await explained(shop.company, fee.id)
        assert explanation["matches"] is True, explanation
        assert explanation["recomputed_amount_cents"] == fee.amount_cents
    [event] = steps(explanation, "events")
    assert (event["result"], event["inputs"]["transaction_id"]) == ("1", "last")
    entry = await shop.company.charge_usage(explain="true")
    check(entry["explanation"])
    assert entry["explanation"]["recomputed_amount_cents"] == entry["amount_cents"]


async def test_dynamic_fee_in_advance(shop: Shop) -> None:
    await shop.sell("sum_agg", "dynamic")
    [fee] = await shop.bill_events({"v": 8, "_cents": "123.456"})
    explanation = await explained(shop.company, fee.id)
    assert (explanation["matches"], explanation["recomputed_amount_cents"]) == (True, 123)


async def test_an_event_that_is_gone(shop: Shop) -> None:
    """Its metric was deleted, and its events with it; the amount is still explained by what was stored."""
    await shop.sell("sum_agg", "standard", charge_options={"invoiceable": False}, amount="2")
    [fee] = await shop.bill_events({"v": 8, "_id": "only"})
    async with shop.company.context() as ctx:
        await ctx.session.execute(text("update events set deleted_at = now() where transaction_id = 'only'"))
    explanation = await explained(shop.company, fee.id)
    assert explanation["matches"] is False
    assert explanation["amount_cents"] == explanation["recomputed_amount_cents"] == 1600
    assert steps(explanation, "drift")[0]["result"] == "-1"


async def test_prorated_fee_in_advance_and_its_renewal(shop: Shop) -> None:
    await shop.sell("unique_count_agg", charge_options={"prorated": True}, metric={"recurring": True}, amount="30")
    [fee] = await shop.bill_events({"v": "a"}, when="2024-06-16")
    explanation = await explained(shop.company, fee.id)
    assert (explanation["matches"], explanation["recomputed_amount_cents"]) == (True, 1500)
    [renewal] = await shop.company.bill(JULY)
    explanation = await explained(shop.company, renewal.row.id)
    assert (explanation["matches"], explanation["recomputed_amount_cents"]) == (True, 3000)
    assert steps(explanation, "window")[0]["inputs"]["paid_period"] == {"from": "2024-07-01", "to": "2024-07-31"}
