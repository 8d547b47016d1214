"""Features, and what plans and subscriptions are entitled to, over GraphQL (spec 07 §9.3)."""

from __future__ import annotations

from typing import Any

from tests.graphql.support import World, make_customers, make_plan

FEATURE = """id code name description plansCount subscriptionsCount
  privileges { code name valueType selectOptions }"""
CREATE = f"mutation($i: CreateFeatureInput!) {{ createFeature(input: $i) {{ {FEATURE} }} }}"
UPDATE = f"mutation($i: UpdateFeatureInput!) {{ updateFeature(input: $i) {{ {FEATURE} }} }}"
GRANTS = "entitlements { feature { code } privileges { privilege { code } value } }"
PLAN = f"mutation($i: ReplacePlanEntitlementsInput!) {{ replacePlanEntitlements(input: $i) {{ {GRANTS} }} }}"
SETS = """entitlements { feature { code } grantedByPlan
    privileges { privilege { code } value planValue overrideValue } }
  removedEntitlements { feature { code } privileges { privilege { code } value } }"""
OVERRIDE = f"""mutation($i: OverrideSubscriptionEntitlementsInput!) {{
  overrideSubscriptionEntitlements(input: $i) {{ {SETS} }} }}"""
REMOVE = f"""mutation($i: RemoveSubscriptionEntitlementInput!) {{
  removeSubscriptionEntitlement(input: $i) {{ {SETS} }} }}"""
SEATS: dict[str, Any] = {
    "code": "seats",
    "name": "Seats",
    "privileges": [
        {"code": "max", "valueType": "integer"},
        {"code": "method", "valueType": "select", "selectOptions": ["password", "okta"]},
    ],
}


def plain(shown: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Entitlements and removed ones: feature -> privilege -> value."""

    def part(name: str) -> dict[str, Any]:
        return {
            item["feature"]["code"]: {one["privilege"]["code"]: one["value"] for one in item["privileges"]}
            for item in shown[name]
        }

    return part("entitlements"), part("removedEntitlements")


async def test_life_of_a_feature(world: World) -> None:
    made = (await world.data(CREATE, i=SEATS))["createFeature"]
    assert made["privileges"][1] == {
        "code": "method",
        "name": None,
        "valueType": "select",
        "selectOptions": ["password", "okta"],
    }
    changes = {"id": made["id"], "privileges": [{"code": "method", "selectOptions": ["saml"]}, {"code": "note"}]}
    changed = (await world.data(UPDATE, i=changes))["updateFeature"]
    assert [item["code"] for item in changed["privileges"]] == ["max", "method", "note"]
    assert changed["privileges"][1]["selectOptions"] == ["password", "okta", "saml"]
    gone = "mutation($i: DestroyPrivilegeInput!) { destroyPrivilege(input: $i) { privileges { code } } }"
    left = (await world.data(gone, i={"featureId": made["id"], "code": "note"}))["destroyPrivilege"]
    assert [item["code"] for item in left["privileges"]] == ["max", "method"]
    refused = await world.error(CREATE, i={"code": "api", "privileges": [{"code": "a", "valueType": "select"}]})
    assert refused["extensions"]["details"] == {"privilege.config": ["invalid_format"]}
    assert (await world.error(CREATE, i=SEATS))["extensions"]["details"] == {"code": ["value_already_exist"]}
    destroy = "mutation($i: DestroyFeatureInput!) { destroyFeature(input: $i) { id } }"
    assert (await world.data(destroy, i={"id": made["id"]}))["destroyFeature"] == {"id": made["id"]}
    shown = await world.error("query($id: ID!) { feature(id: $id) { code } }", id=made["id"])
    assert shown["extensions"]["code"] == "not_found"


async def test_sets_of_plans_and_subscriptions(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 2)
    seats = (await world.data(CREATE, i=SEATS))["createFeature"]
    await world.data(CREATE, i={"code": "api"})
    found = (await world.data("{ subscriptions { collection { id externalId } } }"))["subscriptions"]["collection"]
    first = {item["externalId"]: item["id"] for item in found}["sub_c0"]

    grants = [{"featureCode": "api"}, {"featureCode": "seats", "privileges": [{"code": "max", "value": "10"}]}]
    granted = (await world.data(PLAN, i={"planId": str(plan.id), "entitlements": grants}))["replacePlanEntitlements"]
    assert granted["entitlements"] == [
        {"feature": {"code": "api"}, "privileges": []},
        {"feature": {"code": "seats"}, "privileges": [{"privilege": {"code": "max"}, "value": "10"}]},
    ]
    twice = await world.error(PLAN, i={"planId": str(plan.id), "entitlements": [*grants, {"featureCode": "api"}]})
    assert twice["extensions"]["details"] == {"entitlements": ["value_is_duplicated"]}

    own = [
        {"featureCode": "seats", "privileges": [{"code": "max", "value": "50"}, {"code": "method", "value": "okta"}]}
    ]
    changed = await world.data(OVERRIDE, role="manager", i={"subscriptionId": first, "entitlements": own})
    assert changed["overrideSubscriptionEntitlements"]["entitlements"][1] == {
        "feature": {"code": "seats"},
        "grantedByPlan": True,
        "privileges": [
            {"privilege": {"code": "max"}, "value": "50", "planValue": "10", "overrideValue": "50"},
            {"privilege": {"code": "method"}, "value": "okta", "planValue": None, "overrideValue": "okta"},
        ],
    }
    await world.data(REMOVE, i={"subscriptionId": first, "featureCode": "api"})
    left = await world.data(REMOVE, i={"subscriptionId": first, "featureCode": "seats", "privilegeCode": "max"})
    assert plain(left["removeSubscriptionEntitlement"]) == (
        {"seats": {"method": "okta"}},
        {"api": {}, "seats": {"max": "10"}},
    )
    wrong = {"subscriptionId": first, "entitlements": [{"featureCode": "seats", "privileges": [
        {"code": "max", "value": "many"}]}]}  # fmt: skip
    assert (await world.error(OVERRIDE, i=wrong))["extensions"]["details"] == {
        "maxPrivilegeValue": ["value_is_invalid"]
    }
    shown = (await world.data(f"query($id: ID!) {{ feature(id: $id) {{ {FEATURE} }} }}", id=seats["id"]))["feature"]
    assert (shown["plansCount"], shown["subscriptionsCount"]) == (1, 1)
    listed = f"{{ subscriptions {{ collection {{ externalId {SETS} }} }} }}"
    sets = {item["externalId"]: plain(item) for item in (await world.data(listed))["subscriptions"]["collection"]}
    assert sets["sub_c1"] == ({"api": {}, "seats": {"max": "10"}}, {}), "other subscriptions keep the plan's"


async def test_managers_see_features_to_choose_from(world: World) -> None:
    await world.data(CREATE, i=SEATS)
    listed = '{ features(searchTerm: "sea") { collection { code } metadata { totalCount } } }'
    assert (await world.data(listed, role="manager"))["features"]["metadata"]["totalCount"] == 1
    assert (await world.error(listed, role="finance"))["extensions"]["code"] == "forbidden"
    assert (await world.error(CREATE, role="manager", i=SEATS))["extensions"]["code"] == "forbidden"
