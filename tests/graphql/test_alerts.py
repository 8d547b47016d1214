"""Alerts over GraphQL: on subscriptions and wallets, their crossings, permissions (spec 07 §9.4)."""

from __future__ import annotations

from typing import Any

from billwright.billing.progressive.processing import check_marked
from tests.graphql.support import Statements, World, make_customers, make_plan, send_usage

ALERT = """id code name alertType direction previousValue externalSubscriptionId walletId lastProcessedAt
  thresholds { code value recurring } billableMetric { code }
  lastTrigger { previousValue currentValue triggeredAt crossedThresholds { value } }"""
CREATE = f"mutation($i: CreateSubscriptionAlertInput!) {{ createSubscriptionAlert(input: $i) {{ {ALERT} }} }}"
ON_WALLET = f"mutation($i: CreateCustomerWalletAlertInput!) {{ createCustomerWalletAlert(input: $i) {{ {ALERT} }} }}"
UPDATE = f"mutation($i: UpdateAlertInput!) {{ updateAlert(input: $i) {{ {ALERT} }} }}"
DESTROY = "mutation($i: DestroyAlertInput!) { destroyAlert(input: $i) { id } }"
ONE = f"query($id: ID!) {{ alert(id: $id) {{ {ALERT} }} }}"
LIST = f"{{ subscriptions {{ collection {{ externalId alerts {{ {ALERT} }} }} }} }}"


async def subscriptions(world: World, count: int = 1) -> list[Any]:
    await make_customers(world, await make_plan(world), count)
    found = await world.data("{ subscriptions { collection { id externalId customer { id } } } }")
    return found["subscriptions"]["collection"]


def spend(subscription: Any, **more: Any) -> dict[str, Any]:
    thresholds = [{"value": "100", "code": "warn"}, {"value": "50", "recurring": True}]
    sent = {"subscriptionId": subscription["id"], "alertType": "current_usage_amount", "code": "spend"}
    return {**sent, "thresholds": thresholds, **more}


async def test_an_alert_from_its_beginning_to_its_end(world: World) -> None:
    [subscription] = await subscriptions(world)
    made = (await world.data(CREATE, i=spend(subscription, name="Spend")))["createSubscriptionAlert"]
    assert (made["alertType"], made["direction"], made["previousValue"]) == (
        "current_usage_amount",
        "increasing",
        "0.0",
    )
    assert made["externalSubscriptionId"] == subscription["externalId"]
    assert made["thresholds"] == [
        {"code": "warn", "value": "100.0", "recurring": False},
        {"code": None, "value": "50.0", "recurring": True},
    ]
    await send_usage(world, subscription["externalId"], 42)
    assert await check_marked(world.runtime, world.organization.id) == 1
    shown = (await world.data(ONE, id=made["id"]))["alert"]
    assert (shown["previousValue"], shown["lastProcessedAt"]) == ("210.0", "2024-01-15T10:00:00.000Z")
    assert shown["lastTrigger"] == {
        "previousValue": "0.0",
        "currentValue": "210.0",
        "triggeredAt": "2024-01-15T10:00:00.000Z",
        "crossedThresholds": [{"value": "100.0"}, {"value": "150.0"}, {"value": "200.0"}],
    }
    [metric] = (await world.data("{ billableMetrics { collection { id } } }"))["billableMetrics"]["collection"]
    units = spend(subscription, code="units", alertType="billable_metric_current_usage_units")
    other = (await world.data(CREATE, i={**units, "billableMetricId": metric["id"]}))["createSubscriptionAlert"]
    assert other["billableMetric"] == {"code": "calls_scale"}
    changed = {"id": other["id"], "code": "calls", "name": None, "thresholds": [{"value": "1"}]}
    assert (await world.data(UPDATE, i=changed))["updateAlert"]["code"] == "calls"
    refused = await world.error(UPDATE, i={"id": other["id"], "thresholds": [{"value": "x"}]})
    assert refused["extensions"]["details"] == {"thresholds:value": ["value_is_invalid"]}
    await world.data(DESTROY, i={"id": made["id"]})
    [row] = (await world.data(LIST))["subscriptions"]["collection"]
    assert [alert["code"] for alert in row["alerts"]] == ["calls"]
    assert (await world.error(ONE, id=made["id"]))["extensions"]["status"] == 404


async def test_on_a_wallet(world: World) -> None:
    [subscription] = await subscriptions(world)
    wallet = {"customerId": subscription["customer"]["id"], "currency": "EUR", "rateAmount": "1"}
    create = "mutation($i: CreateCustomerWalletInput!) { createCustomerWallet(input: $i) { id } }"
    made = await world.data(create, i={**wallet, "paidCredits": "0", "grantedCredits": "0"})
    wallet_id = made["createCustomerWallet"]["id"]
    low = {"walletId": wallet_id, "alertType": "wallet_credits_balance", "code": "low", "thresholds": [{"value": "5"}]}
    alert = (await world.data(ON_WALLET, i=low))["createCustomerWalletAlert"]
    assert (alert["walletId"], alert["direction"], alert["lastTrigger"]) == (wallet_id, "decreasing", None)
    found = await world.data("query($id: ID!) { wallet(id: $id) { alerts { code } } }", id=wallet_id)
    assert found["wallet"]["alerts"] == [{"code": "low"}]
    refused = await world.error(ON_WALLET, i={**low, "alertType": "lifetime_usage_amount"})
    assert refused["extensions"]["details"] == {"alertType": ["invalid_type"]}


async def test_the_alerts_of_a_list_cost_the_same_for_few_and_many(world: World) -> None:
    rows = await subscriptions(world, 4)
    await world.data(CREATE, i=spend(rows[0]))
    counts: list[int] = []
    for subscription in (None, *rows[1:]):
        if subscription is not None:
            await world.data(CREATE, i=spend(subscription))
        with Statements(world.runtime) as seen:
            await world.data(LIST)
        counts.append(len(seen.texts))
    assert len(set(counts)) == 1


async def test_lists_of_alerts(world: World) -> None:
    """Spec 07 §6.2: a list with pages, as of every other object."""
    first, second = await subscriptions(world, 2)
    await world.data(CREATE, i=spend(first, code="one"))
    await world.data(CREATE, i=spend(second, code="two"))
    query = """query($p: Int, $s: String, $w: ID) {
      alerts(page: $p, limit: 1, subscriptionExternalId: $s, walletId: $w) {
      collection { code } metadata { totalCount totalPages } } }"""

    async def listed(**asked: Any) -> tuple[list[str], int]:
        found = (await world.data(query, "finance", **asked))["alerts"]
        return [alert["code"] for alert in found["collection"]], found["metadata"]["totalCount"]

    assert [await listed(), await listed(p=2)] == [(["two"], 2), (["one"], 2)]
    assert await listed(s=first["externalId"]) == (["one"], 1)
    assert await listed(s="unknown") == ([], 0)
    assert (await world.error(query, w="x"))["extensions"]["details"] == {"wallet": ["not_found"]}
