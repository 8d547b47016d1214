"""The form of a plan, its page and its list (spec 07 §7.6)."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.catalog.plan_templates import plan_templates
from billwright.billing.kernel.errors import Problems
from billwright.billing.pricing.properties import validate_properties
from billwright.ui.views import plan_prices
from tests.graphql.support import World, make_customers, make_plan, send_usage
from tests.ui.plan_editor import Editor
from tests.ui.support import BASE, visitor, words

METRIC = "mutation($input: CreateBillableMetricInput!){ createBillableMetric(input:$input){ id } }"
PLANS = """query{ plans{ collection{ id name code interval amountCents amountCurrency payInAdvance billChargesMonthly
  trialPeriod invoiceDisplayName description metadata taxes{ code }
  usageThresholds{ amountCents thresholdDisplayName recurring }
  minimumCommitment{ amountCents invoiceDisplayName taxes{ code } }
  charges{ id code chargeModel invoiceDisplayName payInAdvance invoiceable regroupPaidFees prorated minAmountCents
    properties taxes{ code } billableMetric{ code } filters{ values properties invoiceDisplayName } } } } }"""
TIERS = [
    {"from_value": 0, "to_value": 100, "per_unit_amount": "0.10", "flat_amount": "0"},
    {"from_value": 101, "to_value": None, "per_unit_amount": "0.05", "flat_amount": "5"},
]


async def metric(world: World, code: str, kind: str = "sum_agg", **more: Any) -> None:
    given = {"name": code.title(), "code": code, "aggregationType": kind, "fieldName": "n", **more}
    if kind == "count_agg":
        del given["fieldName"]
    await world.data(METRIC, input=given)


async def stored(world: World, code: str) -> dict[str, Any]:
    plans = (await world.data(PLANS))["plans"]["collection"]
    return next(plan for plan in plans if plan["code"] == code)


async def test_a_plan_of_all_five_parts(world: World) -> None:
    await metric(
        world, "calls", filters=[{"key": "region", "values": ["eu", "us"]}, {"key": "tier", "values": ["s", "l"]}]
    )
    await world.data('mutation{ createTax(input:{ name:"VAT", code:"vat", rate:"20" }){ id } }')
    async with visitor(world) as admin:
        form = await Editor.at(admin, "/create/plan")
        form.fill(
            name="Team", code="team", amount="49,50", trial="14", commitment="100", recurring="75", interval="yearly"
        )
        form.choose("monthly", "yes").choose("timing", "advance").choose("tax", "vat")
        await form.add("calls")
        await form.fill(c1_model="graduated").press("show:c1")
        await form.fill(c1_p_price="0.10", c1_minimum="10").press("tier:c1-p")
        form.fill(c1_p_to="100", c1_p_price__1="0.05", c1_p_flat__1="5")
        await form.press("filter:c1")
        assert form.value("c1-f1-price") == "0.10", "a filter begins with the default price"
        form.choose("c1-f1-v-region", "eu").choose("c1-f1-v-tier", "__ALL_FILTER_VALUES__").fill(
            c1_f1_price="0.2", c1_f1_name="EU"
        )
        await form.choose("c1-tax", "vat").press("add-threshold")
        await form.fill(threshold="20", threshold_name="First").press("add-threshold")
        form.fill(threshold__1="50")
        page = await admin.page(BASE + await form.save())
    plan = await stored(world, "team")
    charge = plan.pop("charges")[0]
    assert {key: plan[key] for key in plan if key not in ("id", "description", "invoiceDisplayName", "metadata")} == {
        "name": "Team", "code": "team", "interval": "yearly", "amountCents": "4950", "amountCurrency": "USD",
        "payInAdvance": True, "billChargesMonthly": True, "trialPeriod": "14.0", "taxes": [{"code": "vat"}],
        "minimumCommitment": {"amountCents": "10000", "invoiceDisplayName": None, "taxes": []},
        "usageThresholds": [
            {"amountCents": "2000", "thresholdDisplayName": "First", "recurring": False},
            {"amountCents": "5000", "thresholdDisplayName": None, "recurring": False},
            {"amountCents": "7500", "thresholdDisplayName": None, "recurring": True},
        ],
    }  # fmt: skip
    assert charge["properties"] == {"graduated_ranges": TIERS}
    assert charge["minAmountCents"] == "1000"
    assert charge["taxes"] == [{"code": "vat"}]
    assert charge["filters"] == [
        {"values": {"region": ["eu"], "tier": ["__ALL_FILTER_VALUES__"]}, "invoiceDisplayName": "EU",
         "properties": {"graduated_ranges": [{**TIERS[0], "per_unit_amount": "0.2"}, TIERS[1]]}}
    ]  # fmt: skip
    said = words(page)
    assert "At least $100.00 per interval" in said
    assert "every $75.00" in said
    assert "at least $10.00, VAT 20%" in said


@pytest.mark.parametrize(
    ("model", "fields", "expected", "figure"),
    [
        ("standard", {"amount": "0,05"}, {"amount": "0.05"}, "$50.00"),
        ("package", {"amount": "1.50", "package_size": "100"},
         {"amount": "1.50", "package_size": 100, "free_units": 0}, "$15.00"),
        ("volume", {"price": "0.01"}, {"volume_ranges": [{"from_value": 0, "to_value": None, "per_unit_amount": "0.01",
                                                          "flat_amount": "0"}]}, "$10.00"),
        ("graduated_percentage", {"price": "2.5"}, {"graduated_percentage_ranges": [
            {"from_value": 0, "to_value": None, "rate": "2.5", "flat_amount": "0"}]}, "$25.00"),
        ("percentage",
         {"rate": "1", "fixed_amount": "0.10", "free_units_per_events": "2", "per_transaction_max_amount": "3"},
         {"rate": "1", "fixed_amount": "0.10", "free_units_per_events": 2, "per_transaction_max_amount": "3"}, "$8.80"),
        ("dynamic", {}, {}, None),
    ],
)  # fmt: skip
async def test_every_model_has_an_editor_and_an_example(
    world: World, model: str, fields: dict[str, str], expected: Any, figure: str | None
) -> None:
    await metric(world, "calls")
    async with visitor(world) as admin:
        form = await Editor.at(admin, "/create/plan")
        await form.fill(name="Team", code="team").add("calls")
        await form.fill(c1_model=model).press("show:c1")
        form.fill(**{f"c1_p_{name}": value for name, value in fields.items()})
        if model == "percentage":
            form.fill(c1_events="10")
        form.fill(c1_p_groups="cloud, zone , cloud")
        await form.press("preview", **{"hx-request": "true", "hx-target": "plan-summary"})
        assert form.answer is not None
        assert (figure or "Each event brings its own price") in words(form.answer.text)
        assert ("<svg" in form.answer.text) == (figure is not None)
        assert 'id="words-c1" hx-swap-oob="true"' in form.answer.text
        assert "<form" not in form.answer.text
    async with visitor(world) as admin:
        again = await Editor.at(admin, "/create/plan")
        await again.fill(name="Team", code="team").add("calls")
        await again.fill(c1_model=model).press("show:c1")
        again.fill(c1_p_groups="cloud, zone , cloud", **{f"c1_p_{name}": value for name, value in fields.items()})
        await again.save()
    charge = (await stored(world, "team"))["charges"][0]
    assert charge["chargeModel"] == model
    assert charge["properties"] == {**expected, "pricing_group_keys": ["cloud", "zone"]}


async def test_nothing_typed_is_lost_and_each_mistake_stands_at_its_field(world: World) -> None:
    await metric(world, "calls", filters=[{"key": "region", "values": ["eu", "us"]}])
    await metric(world, "peak", "max_agg")
    async with visitor(world) as admin:
        form = await Editor.at(admin, "/create/plan")
        form.fill(amount="many", commitment="x", recurring="-5", trial="soon")
        await form.add("calls")
        await form.add("peak")
        assert "Choose a metric" in words((await form.add("")).page)
        assert "No metric is called like this" in words((await form.add("zebra")).page)
        await form.fill(c1_model="volume").press("show:c1")
        await form.press("tier:c1-p")
        await form.press("filter:c1")
        await form.press("add-threshold")
        form.fill(c1_p_to="0", c1_p_price__1="cheap", c1_f1_price="1", c1_f1_to="100", c1_f1_price__1="1",
                  c2_p_amount="-1",
                  c2_minimum="least", threshold="nothing")  # fmt: skip
        kept = [pair for pair in form.fields if not pair[0].endswith(("do", "csrf_token", "-from"))]
        await form.press("save")
        assert form.answer is not None
        assert form.answer.status_code == 422
        after = [pair for pair in form.fields if not pair[0].endswith(("do", "csrf_token", "-from"))]
        assert sorted(after) == sorted(kept)
        said = {
            name: form.error(name)
            for name in (
                "name", "code", "amount", "commitment", "recurring", "trial", "threshold-0", "c1-p-to-0",
                "c1-p-price-0",
                "c1-p-price-1", "c1-f1-values", "c2-p-amount", "c2-minimum", "c1-f1-price-0",
            )
        }  # fmt: skip
        assert said == {
            "name": "This cannot be empty.",
            "code": "This cannot be empty.",
            "amount": "This is not an amount of this currency.",
            "commitment": "This is not an amount of this currency.",
            "recurring": "This is out of range.",
            "trial": "This is not a number.",
            "threshold-0": "This is not an amount of this currency.",
            "c1-p-to-0": "Each tier ends above the one before it.",
            "c1-p-price-0": "This is not a price: write a number such as 0.05.",
            "c1-p-price-1": "This is not a price: write a number such as 0.05.",
            "c1-f1-values": "Choose at least one value.",
            "c2-p-amount": "This is not a price: write a number such as 0.05.",
            "c2-minimum": "This is not an amount of this currency.",
            "c1-f1-price-0": "",
        }
        assert form.page.count("To mend") == 2
    assert (await world.data("query{ plans{ metadata{ totalCount } } }"))["plans"]["metadata"]["totalCount"] == 0


async def test_what_a_metric_does_not_allow_says_why(world: World) -> None:
    await metric(world, "peak", "max_agg")
    await metric(world, "seats", "sum_agg", recurring=True)
    async with visitor(world) as admin:
        form = await Editor.at(admin, "/create/plan")
        await form.add("peak")
        assert "A maximum is known only when the period ends." in words(form.page)
        assert 'value="dynamic"' not in form.page
        await form.add("seats")
        await form.choose("c2-timing", "advance").choose("c2-prorated", "yes").press("show:c2")
        assert "get an invoice for each event" in words(form.page)
        await form.fill(c2_model="graduated").press("show:c2")
        assert "Only sums and unique counts with standard prices are prorated." in words(form.page)
        await form.choose("c2-timing", "arrears").fill(c2_model="volume").press("show:c2")
        assert "A volume price is known only when the period ends." in words(form.page)
        await form.add("seats")
        assert words(form.page).count("the same events are billed twice") == 2


@pytest.mark.parametrize(("chosen", "invoiceable", "regroup"), [
    ("invoice", True, None), ("regroup", False, "invoice"), ("none", False, None)])  # fmt: skip
async def test_strategies_of_charges_in_advance(
    world: World, chosen: str, invoiceable: bool, regroup: str | None
) -> None:
    await metric(world, "calls", "count_agg")
    async with visitor(world) as admin:
        form = await Editor.at(admin, "/create/plan")
        await form.fill(name="Team", code="team").add("calls")
        form.fill(c1_p_amount="1", c1_minimum="5")
        await form.choose("c1-timing", "advance").press("show:c1")
        await form.choose("c1-invoicing", chosen).save()
    charge = (await stored(world, "team"))["charges"][0]
    assert (charge["payInAdvance"], charge["invoiceable"], charge["regroupPaidFees"]) == (True, invoiceable, regroup)
    assert charge["minAmountCents"] == "0", "a minimum is for charges in arrears"


async def test_a_custom_price_takes_json(world: World) -> None:
    source = 'def aggregate(event, state, properties):\n    return {"total_units": 1, "amount": 0}\n'
    await metric(world, "own", "custom_agg", customAggregator=source)
    async with visitor(world) as admin:
        form = await Editor.at(admin, "/create/plan")
        await form.fill(name="Team", code="team").add("own")
        assert form.value("c1-model") == "custom"
        assert "The metric's own code computes the amount." in words(form.page)
        await form.fill(c1_p_custom="{ranges").press("save")
        assert form.error("c1-p-custom") == "This is not a JSON object."
        assert (form.value("c1-p-custom"), form.error("amount")) == ("{ranges", "")
        await form.fill(c1_p_custom='{"ranges": [1, 2.5]}').save()
    charge = (await stored(world, "team"))["charges"][0]
    assert charge["properties"] == {"custom_properties": {"ranges": [1, 2.5]}}


async def test_every_combination_of_filter_values(world: World) -> None:
    await metric(
        world, "calls", filters=[{"key": "region", "values": ["eu", "us"]}, {"key": "tier", "values": ["s", "l"]}]
    )
    async with visitor(world) as admin:
        form = await Editor.at(admin, "/create/plan")
        await form.fill(name="Team", code="team").add("calls")
        form.fill(c1_p_amount="1")
        await form.press("filter:c1")
        form.choose("c1-f1-v-region", "us").choose("c1-f1-v-tier", "l")
        await form.press("matrix:c1")
        assert [value for name, value in form.fields if name == "c1-filter"] == ["c1-f1", "c1-f2", "c1-f3", "c1-f4"]
        await form.press("unfilter:c1-f2")
        await form.fill(c1_f3_amount="3").save()
    found = (await stored(world, "team"))["charges"][0]["filters"]
    assert len(found) == 3
    prices = {(*part["values"]["region"], *part["values"]["tier"]): part["properties"]["amount"] for part in found}
    assert prices == {("us", "l"): "1", ("eu", "l"): "3", ("us", "s"): "1"}


async def attached(world: World, *, overridden: bool = False) -> str:
    """A plan with two customers on it, perhaps one with a price of its own; its id."""
    plan = await make_plan(world)
    await make_customers(world, plan, 2)
    if overridden:
        update = "mutation($input: UpdateSubscriptionInput!){ updateSubscription(input:$input){ id } }"
        subscription = (await world.data("query{ subscriptions{ collection{ id } } }"))["subscriptions"]["collection"][
            0
        ]
        await world.data(update, input={"id": subscription["id"], "planOverrides": {"amountCents": "2000"}})
    return str(plan.id)


async def test_a_plan_in_use_keeps_what_cannot_change(world: World) -> None:
    plan = await attached(world)
    async with visitor(world) as admin:
        form = await Editor.at(admin, f"/plan/{plan}/edit")
        assert "This plan has subscriptions" in words(form.page)
        names = {name for name, _ in form.fields}
        assert not names & {"interval", "currency", "timing", "trial"}
        assert "readonly" in form.page
        form.choose("code", "other").choose("interval", "weekly").choose("currency", "USD").choose("timing", "arrears")
        form.choose("c1-model", "package").fill(name="Bigger", amount="32", c1_p_amount="0.06")
        await form.save()
        form = await Editor.at(admin, f"/plan/{plan}/edit")
        await form.press("remove:c1")
        assert "2 active subscriptions are no longer billed for it" in words(form.page)
        assert "goes when you save" in words(form.page)
        await form.press("restore:c1")
        assert "goes when you save" not in words(form.page)
        assert form.value("c1-p-amount") == "0.06"
        await (await form.press("remove:c1")).save()
    found = await stored(world, "scale")
    assert (found["name"], found["amountCents"], found["interval"], found["payInAdvance"]) == (
        "Bigger",
        "3200",
        "monthly",
        True,
    )
    assert found["amountCurrency"] == "EUR"
    assert found["charges"] == []


async def test_overridden_children_are_asked_about(world: World) -> None:
    plan = await attached(world, overridden=True)
    async with visitor(world) as admin:
        form = await Editor.at(admin, f"/plan/{plan}/edit")
        assert "1 subscription has prices that were made from this plan" in words(form.page)
        await form.fill(amount="40").press("save")
        assert form.error("cascade") == "Choose one."
        assert form.error("amount") == ""
        assert (await stored(world, "scale"))["amountCents"] == "3100"
        await form.choose("cascade", "yes").save()
    assert (await stored(world, "scale"))["amountCents"] == "4000"
    async with world.runtime.database.reading() as session:
        queued = await session.scalar(text("select count(*) from jobs where name = 'catalog.cascade'"))
    assert queued == 1


async def test_a_copy_is_a_plan_of_its_own(world: World) -> None:
    await metric(world, "calls", filters=[{"key": "region", "values": ["eu", "us"]}])
    async with visitor(world) as admin:
        form = await Editor.at(admin, "/create/plan")
        await form.fill(name="Team", code="team", commitment="10", recurring="5", display_name="For teams").add("calls")
        form.fill(c1_p_amount="1")
        await form.press("filter:c1")
        first = await form.choose("c1-f1-v-region", "eu").fill(c1_f1_amount="2").save()
        original = await stored(world, "team")
        form = await Editor.at(admin, f"/create/plan?copy={original['id']}")
        assert (form.value("name"), form.value("code")) == ("", "")
        await form.press("save")
        assert form.error("name") == form.error("code") == "This cannot be empty."
        second = await form.fill(name="Teams", code="teams").save()
        assert second != first
    copy = await stored(world, "teams")
    charge, twin = original["charges"][0], copy["charges"][0]
    assert charge["id"] != twin["id"]
    own = ("id", "name", "code", "charges")
    assert {key: copy[key] for key in copy if key not in own} == {
        key: original[key] for key in original if key not in own
    }
    assert {**twin, "id": ""} == {**charge, "id": ""}


@pytest.mark.parametrize(
    ("model", "stored"),
    [
        ("standard", {"amount": "0.000000012345", "pricing_group_keys": ["cloud", "a,b"]}),
        ("package", {"amount": "1.50", "package_size": 1000, "free_units": 10000}),
        ("percentage", {"rate": "1.20", "fixed_amount": "2", "free_units_per_events": 3,
                        "free_units_per_total_aggregation": "500", "per_transaction_min_amount": "1.75",
                        "per_transaction_max_amount": "20"}),
        ("graduated", {"graduated_ranges": TIERS}),
        ("graduated", {"graduated_ranges": [{**TIERS[0], "from_value": 1}, {**TIERS[1], "from_value": 100}]}),
        ("volume", {"volume_ranges": [{**TIERS[0], "to_value": Decimal("0.5")},
                                      {**TIERS[1], "from_value": Decimal("0.5")}]}),
        ("graduated_percentage", {"graduated_percentage_ranges": [
            {"from_value": 0, "to_value": None, "rate": "2.5", "flat_amount": "1"}]}),
        ("dynamic", {}),
        ("custom", {"custom_properties": {"ranges": [{"from": 0, "to": 10}], "name": "x"}}),
    ],
)  # fmt: skip
def test_a_price_that_nobody_touches_stays_as_it_is(model: str, stored: dict[str, Any]) -> None:
    kind = "custom_agg" if model == "custom" else "sum_agg"
    problems = Problems()
    sent = plan_prices.properties(plan_prices.of_properties("c1-p", model, stored), model)
    assert validate_properties(model, sent, problems, aggregation_type=kind) == stored
    assert not problems


async def test_saving_a_plan_as_it_is_changes_nothing(world: World) -> None:
    await metric(world, "calls", filters=[{"key": "region", "values": ["eu", "us"]}])
    await world.data('mutation{ createTax(input:{ name:"VAT", code:"vat", rate:"20" }){ id } }')
    found = (await world.data("query{ billableMetrics{ collection{ id } } }"))["billableMetrics"]["collection"]
    charge = {
        "billableMetricId": found[0]["id"], "code": "own", "chargeModel": "graduated", "minAmountCents": "1234",
        "properties": {"graduated_ranges": TIERS, "pricing_group_keys": ["cloud"]}, "taxCodes": ["vat"],
        "invoiceDisplayName": "Calls",
        "filters": [{"values": {"region": ["us", "eu"]}, "invoiceDisplayName": "Both",
                     "properties": {"graduated_ranges": [{**TIERS[1], "from_value": 0}]}}],
    }  # fmt: skip
    given = {
        "name": "Team", "code": "team", "interval": "semiannual", "amountCents": "4950", "amountCurrency": "JPY",
        "payInAdvance": True, "billChargesMonthly": True, "trialPeriod": "7.5", "taxCodes": ["vat"],
        "description": "All",
        "invoiceDisplayName": "For teams", "metadata": {"tier": "1"}, "charges": [charge],
        "minimumCommitment": {"amountCents": "9900", "invoiceDisplayName": "Least", "taxCodes": ["vat"]},
        "usageThresholds": [{"amountCents": "5", "thresholdDisplayName": "Five"},
                            {"amountCents": "7", "recurring": True}],
    }  # fmt: skip
    await world.data("mutation($input: CreatePlanInput!){ createPlan(input:$input){ id } }", input=given)
    before = await stored(world, "team")
    async with visitor(world) as admin:
        await (await Editor.at(admin, f"/plan/{before['id']}/edit")).save()
    after = await stored(world, "team")
    for plan in (before, after):
        plan["charges"][0]["filters"][0]["values"]["region"].sort()
    assert after == before


async def test_pay_as_you_go(world: World) -> None:
    async with visitor(world) as admin:
        page = await admin.page(f"{BASE}/plans")
        assert "Start from a template" in page
        assert "/create/plan?template=pay_as_you_go" in page
        form = await Editor.at(admin, "/create/plan?template=pay_as_you_go")
        assert "37,500 units = $42.00" in words(form.page)
        assert "Packages of 1,000 28 × $1.50 $42.00" in words(form.page)
        await form.save()
        await form.press("save")
        assert form.error("code") == "This is taken already."
        form.fill(code="second")
        await form.save()
        await admin.page(f"{BASE}/create/plan?template=unknown", 404)
    plan = await stored(world, "pay_as_you_go")
    assert (plan["amountCents"], plan["interval"], plan["payInAdvance"]) == ("0", "monthly", False)
    template = plan_templates()["pay_as_you_go"].plan["charges"][0]
    assert plan["charges"][0]["properties"] == template["properties"]
    metrics = (await world.data("query{ billableMetrics{ collection{ code fieldName aggregationType } } }"))[
        "billableMetrics"
    ]
    assert metrics["collection"] == [
        {"code": "search_requests", "fieldName": "search_requests_volume", "aggregationType": "sum_agg"}
    ], "the second plan uses the metric of the first"


async def test_a_template_whose_metric_counts_otherwise(world: World) -> None:
    await metric(world, "search_requests", "max_agg")
    async with visitor(world) as admin:
        form = await Editor.at(admin, "/create/plan?template=pay_as_you_go")
        await form.press("save")
        assert "search_requests exists already and counts in another way" in words(form.page)
        assert form.error("code") == ""
    create = "mutation($input: CreatePlanInput!){ createPlan(input:$input){ id } }"
    given = {
        "name": "P",
        "code": "p",
        "interval": "monthly",
        "amountCents": "0",
        "amountCurrency": "USD",
        "payInAdvance": False,
        "charges": [{"billableMetricCode": "search_requests", "chargeModel": "standard"}],
    }
    error = await world.error(create, input={**given, "template": "pay_as_you_go"})
    assert error["extensions"]["details"] == {"code": ["value_already_exist"]}
    error = await world.error(create, input={**given, "template": "none"})
    assert error["extensions"]["details"] == {"planTemplate": ["not_found"]}


async def test_page_list_and_deletion(world: World) -> None:
    plan = await attached(world, overridden=True)
    await send_usage(world, "sub_c0", 3)
    async with visitor(world) as admin:
        empty = str((await make_plan(world, code="empty")).id)
        page = await admin.page(f"{BASE}/plan/{empty}/subscriptions")
        assert "Nobody is on this plan" in page
        assert "&#34;plan_code&#34;: &#34;empty&#34;" in page
        rows = words(await admin.page(f"{BASE}/plans"))
        assert "€31.00 Monthly 2 1" in rows
        page = await admin.page(f"{BASE}/plan/{plan}")
        assert "2 active subscriptions end, with their final invoices." in words(page)
        tab = await admin.part(f"{BASE}/plan/{plan}/subscriptions", "tab")
        assert "<html" not in tab.text
        assert words(tab.text).count("Active") == 2
        assert "Overridden" in words(tab.text)
        assert "Default" in words(tab.text)
        assert tab.text in await admin.page(f"{BASE}/plan/{plan}/subscriptions")
        child = re.search(r'href="/acme-search/subscription/[^"]+"', tab.text)
        assert child is not None
        answer = await admin.submit(f"{BASE}/plan/{plan}/delete")
        assert answer.status_code == 303
        page = words(await admin.page(f"{BASE}/plan/{plan}"))
        assert "Being deleted" in page
        assert "Delete plan" not in page


async def test_roles_and_strangers(world: World) -> None:
    plan = str((await make_plan(world)).id)
    async with visitor(world, "manager") as manager:
        page = await manager.page(f"{BASE}/plans")
        assert "/create/plan" not in page
        await manager.page(f"{BASE}/create/plan", 403)
        await manager.page(f"{BASE}/plan/{plan}/edit", 403)
        assert "Edit" not in words((await manager.page(f"{BASE}/plan/{plan}")).partition("<main")[2])
    async with visitor(world) as admin:
        await admin.page(f"{BASE}/plan/018e4b1c-7a2f-7c77-9d1e-3f5a6b7c8d90/edit", 404)


async def test_forged_cards_change_nothing(world: World) -> None:
    await metric(world, "calls")
    async with visitor(world) as admin:
        form = await Editor.at(admin, "/create/plan")
        await form.add("calls")
        broken = [("charge", "c9"), ("c9-metric", "{"), ("charge", "x"), ("charge", "c1"), ("charge", "c2"),
                  ("c2-metric", unescape('{"id": "", "aggregationType": "no"}'))]  # fmt: skip
        form.fields += broken
        await form.press("show:c1")
        assert [value for name, value in form.fields if name == "charge"] == ["c1"]
