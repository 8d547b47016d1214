"""Usage thresholds and lifetime usage over GraphQL (spec 02 §13, 07 §6.2)."""

from __future__ import annotations

from typing import Any

from tests.graphql.support import Statements, World, make_customers, make_plan, send_usage

THRESHOLDS = "{ amountCents thresholdDisplayName recurring }"
CREATE = """mutation($i: CreateSubscriptionInput!) { createSubscription(input: $i) {
    id externalId progressiveBillingDisabled applicableUsageThresholds %s
    plan { usageThresholds %s applicableUsageThresholds %s }
    lifetimeUsage { totalUsageAmountCents usageThresholds { amountCents completionRatio } } } }"""


async def subscribe(world: World, **more: Any) -> Any:
    plan = await make_plan(world)
    await make_customers(world, plan, 1)
    [customer] = (await world.data("{ customers { collection { id } } }"))["customers"]["collection"]
    query = CREATE % (THRESHOLDS, THRESHOLDS, THRESHOLDS)
    sent = {"customerId": customer["id"], "planId": str(plan.id), "billingTime": "calendar", **more}
    return (await world.data(query, i=sent))["createSubscription"]


async def test_a_subscription_with_thresholds_of_its_own(world: World) -> None:
    made = await subscribe(
        world,
        usageThresholds=[
            {"amountCents": "200", "recurring": True},
            {"amountCents": "1000", "thresholdDisplayName": "Ten euros"},
        ],
    )
    assert made["applicableUsageThresholds"] == [
        {"amountCents": "1000", "thresholdDisplayName": "Ten euros", "recurring": False},
        {"amountCents": "200", "thresholdDisplayName": None, "recurring": True},
    ]
    assert made["plan"] == {"usageThresholds": [], "applicableUsageThresholds": []}
    assert made["progressiveBillingDisabled"] is False
    await send_usage(world, made["externalId"], 50)
    usage = """query($id: ID!) { subscription(id: $id) { lifetimeUsage { totalUsageAmountCents
        invoicedUsageAmountCents externalHistoricalUsageAmountCents currentUsageAmountCents
        usageThresholds { amountCents completionRatio } } } }"""
    found = (await world.data(usage, id=made["id"]))["subscription"]["lifetimeUsage"]
    assert found == {
        "totalUsageAmountCents": "250",
        "invoicedUsageAmountCents": "0",
        "externalHistoricalUsageAmountCents": "0",
        "currentUsageAmountCents": "250",
        "usageThresholds": [
            {"amountCents": "1000", "completionRatio": "0.25"},
            {"amountCents": "1200", "completionRatio": "0.0"},
        ],
    }


async def test_lists_cost_the_same(world: World) -> None:
    await make_customers(world, await make_plan(world), 12)
    query = """{ subscriptions(limit: %d) { collection { applicableUsageThresholds { id }
        plan { usageThresholds { id } } } }
        invoices(limit: %d) { collection { appliedUsageThresholds { createdAt } } } }"""
    counts: list[int] = []
    for limit in (3, 12):
        with Statements(world.runtime) as seen:
            found = await world.data(query % (limit, limit))
        assert len(found["subscriptions"]["collection"]) == len(found["invoices"]["collection"]) == limit
        counts.append(len(seen.texts))
    assert counts[0] == counts[1]
