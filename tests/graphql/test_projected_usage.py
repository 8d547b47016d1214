"""What current usage comes to by the period's end, over GraphQL and on the page (spec 01 §10.7, §10.9)."""

from __future__ import annotations

from tests.graphql.support import World, make_customers, make_plan, send_usage

USAGE = """query($id: ID!) { customerUsage(subscriptionId: $id) { amountCents projectedAmountCents
  chargesUsage { units projectedUnits amountCents projectedAmountCents } } }"""


async def test_the_projection_of_a_subscription(world: World) -> None:
    """Started on January 15: on the 19th, 5 of 17 days have begun; 12 calls become 40.8, 0.60 become 2.04."""
    await make_customers(world, await make_plan(world), 1)
    await send_usage(world, "sub_c0", 12)
    await world.data('mutation { advanceTestClock(input: {now: "2024-01-19T12:00:00Z"}) { now } }')
    [item] = (await world.data("{ subscriptions { collection { id currentUsage { projectedAmountCents } } } }"))[
        "subscriptions"
    ]["collection"]
    assert item["currentUsage"]["projectedAmountCents"] == "204"
    usage = (await world.data(USAGE, id=item["id"]))["customerUsage"]
    assert usage == {
        "amountCents": "60",
        "projectedAmountCents": "204",
        "chargesUsage": [
            {"units": "12.0", "projectedUnits": "40.8", "amountCents": "60", "projectedAmountCents": "204"}
        ],
    }
