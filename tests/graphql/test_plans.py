"""Plans over GraphQL: everything that REST takes (spec 07 §6.2)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from tests.graphql.support import World, make_plan

CREATE = """mutation($input: CreatePlanInput!){ createPlan(input:$input){ id code chargesCount
  charges{ id code chargeModel properties filters{ values properties } minAmountCents }
  taxes{ code } usageThresholds{ amountCents } } }"""
UPDATE = (
    "mutation($input: UpdatePlanInput!){ updatePlan(input:$input){ name amountCents charges{ id code properties } } }"
)
DESTROY = "mutation($input: DestroyPlanInput!){ destroyPlan(input:$input){ id } }"
METRIC = """mutation{ createBillableMetric(input:{ name:"Calls", code:"calls", aggregationType: count_agg,
  filters:[{key:"region", values:["eu","us"]}] }){ id } }"""
PACKAGE = {"amount": "5", "package_size": 100, "free_units": 0}
TAX = 'mutation{ createTax(input:{ name:"VAT", code:"vat", rate:"20" }){ id } }'


async def plan_input(world: World, **more: Any) -> dict[str, Any]:
    metric = (await world.data(METRIC))["createBillableMetric"]["id"]
    await world.data(TAX)
    charge = {
        "billableMetricId": metric,
        "chargeModel": "package",
        "properties": PACKAGE,
        "minAmountCents": "1000",
        "filters": [{"values": {"region": ["eu"]}, "properties": {**PACKAGE, "amount": "7"}}],
        "taxCodes": ["vat"],
    }
    return {"name": "Team", "code": "team", "interval": "monthly", "amountCents": "4900", "amountCurrency": "EUR",
            "payInAdvance": True, "charges": [charge], "taxCodes": ["vat"], "trialPeriod": "14",
            "usageThresholds": [{"amountCents": "50000"}],
            "minimumCommitment": {"amountCents": "9900"}, **more}  # fmt: skip


async def test_a_plan_with_everything(world: World) -> None:
    given = await plan_input(world)
    made = (await world.data(CREATE, input=given))["createPlan"]
    assert made["chargesCount"] == 1
    (charge,) = made["charges"]
    assert charge["chargeModel"] == "package"
    assert charge["minAmountCents"] == "1000"
    assert charge["filters"][0]["values"] == {"region": ["eu"]}
    assert made["taxes"] == [{"code": "vat"}]
    assert made["usageThresholds"] == [{"amountCents": "50000"}]
    changed = {**given["charges"][0], "id": charge["id"], "properties": {**PACKAGE, "amount": "6"}}
    answer = (await world.data(UPDATE, input={"id": made["id"], "name": "Teams", "charges": [changed]}))["updatePlan"]
    assert answer["name"] == "Teams"
    assert answer["amountCents"] == "4900"
    assert answer["charges"][0]["id"] == charge["id"]
    assert answer["charges"][0]["properties"]["amount"] == "6"
    await world.data(DESTROY, input={"id": made["id"]})


async def test_mistakes_are_named(world: World) -> None:
    given = await plan_input(world)
    await world.data(CREATE, input=given)
    error = await world.error(CREATE, input=given)
    assert error["extensions"]["details"] == {"code": ["value_already_exist"]}
    charge = {**given["charges"][0], "properties": {"amount": "x"}}
    error = await world.error(CREATE, input={**given, "code": "other", "charges": [charge]})
    assert error["extensions"]["status"] == 422
    error = await world.error(UPDATE, input={"id": "018e4b1c-7a2f-7c77-9d1e-3f5a6b7c8d90", "name": "x"})
    assert error["extensions"]["details"] == {"plan": ["not_found"]}


async def test_mistakes_of_charges_have_places(world: World) -> None:
    """Two charges with a mistake each are told apart, and so are the amounts of fee, commitment and threshold."""
    given = await plan_input(world)
    good = given["charges"][0]
    bad = [
        {**good, "properties": {**PACKAGE, "package_size": 0}},
        {**good, "filters": [good["filters"][0], {"values": {"region": ["moon"]}, "properties": PACKAGE}]},
        {**good, "payInAdvance": True},
    ]
    more = {"minimumCommitment": {"amountCents": "0"}, "usageThresholds": [{"amountCents": "5"}, {"amountCents": "-5"}]}
    extensions = (await world.error(CREATE, input={**given, "charges": bad, **more}))["extensions"]
    assert extensions["places"] == {
        "charges.0.properties.package_size": ["invalid_package_size"],
        "charges.1.filters.1.values.region": ["value_is_invalid"],
        "charges.2.min_amount_cents": ["not_compatible_with_pay_in_advance"],
        "minimum_commitment.amount_cents": ["value_is_out_of_range"],
        "usage_thresholds.1.amount_cents": ["value_is_out_of_range"],
    }
    assert set(extensions["details"]) == {"properties", "values", "minAmountCents", "amountCents"}


async def test_prices_are_tried_without_being_stored(world: World) -> None:
    query = """query($prices: [PriceTrialInput!]!, $currency: String!){ priceTrials(currency:$currency, prices:$prices){
      units amountCents preciseUnitAmount amountDetails curve{ units amount } } }"""
    package = {"chargeModel": "package", "aggregationType": "sum_agg",
               "properties": {"amount": "1.50", "package_size": 1000, "free_units": 10000}}  # fmt: skip
    prices = [
        *({**package, "units": units} for units in ("10000", "10001", "37500")),
        {**package, "units": "1", "properties": {}},
        {**package, "units": "1", "properties": {"amount": "free"}},
        {"chargeModel": "dynamic", "aggregationType": "sum_agg", "units": "1"},
    ]
    found = (await world.data(query, "manager", currency="USD", prices=prices))["priceTrials"]
    assert [item and item["amountCents"] for item in found] == ["0", "150", "4200", "0", None, None]
    assert found[2]["amountDetails"]["paid_units"] == "27500.0"
    assert found[2]["curve"][0] == {"units": "0.0", "amount": "0.0"}
    error = await world.error(query, currency="XXX", prices=[])
    assert error["extensions"]["details"] == {"currency": ["value_is_invalid"]}
    error = await world.error(query, currency="USD", prices=[prices[0]] * 201)
    assert error["extensions"]["details"] == {"prices": ["value_is_too_long"]}


async def test_everything_that_a_copy_needs_is_read(world: World) -> None:
    made = (await world.data(CREATE, input=await plan_input(world, metadata={"tier": "1"})))["createPlan"]
    query = """query($id: ID!){ plan(id:$id){ metadata overridesCount subscriptionsCount
      minimumCommitment{ amountCents invoiceDisplayName taxes{ code } } charges{ regroupPaidFees taxes{ code } } } }"""
    assert (await world.data(query, id=made["id"]))["plan"] == {
        "metadata": {"tier": "1"}, "overridesCount": 0, "subscriptionsCount": 0,
        "minimumCommitment": {"amountCents": "9900", "invoiceDisplayName": None, "taxes": []},
        "charges": [{"regroupPaidFees": None, "taxes": [{"code": "vat"}]}],
    }  # fmt: skip


async def test_roles_and_other_organizations(world: World) -> None:
    plan = await make_plan(world)
    for role in ("manager", "finance"):
        error = await world.error(DESTROY, role, input={"id": str(plan.id)})
        assert error["extensions"]["requiredPermissions"] == ["plans:delete"]
    async with world.client("stranger", world.other.id) as client:
        sent = {"query": DESTROY, "variables": {"input": {"id": str(plan.id)}}}
        answer = (await client.post("/graphql", json=sent)).json()
    assert answer["errors"][0]["extensions"]["details"] == {"plan": ["not_found"]}


async def test_deleted_plans_are_listed_when_asked_for(world: World) -> None:
    plan = await make_plan(world)
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update plans set deleted_at = now() where id = :id"), {"id": plan.id})
    query = "query($all: Boolean){ plans(withDeleted:$all){ collection{ code } } }"
    assert (await world.data(query))["plans"]["collection"] == []
    assert (await world.data(query, all=True))["plans"]["collection"] == [{"code": "scale"}]
