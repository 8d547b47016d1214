"""Payment status, metadata, void and lost dispute over GraphQL (spec 04 §9, §12, §13)."""

from __future__ import annotations

from typing import Any

from tests.graphql.support import World, make_customers, make_plan

UPDATE = "mutation($i: UpdateInvoiceInput!) { updateInvoice(input: $i) { paymentStatus totalPaidAmountCents } }"
VOID = "mutation($i: VoidInvoiceInput!) { voidInvoice(input: $i) { status voidedAt totalDueAmountCents } }"
LOSE = "mutation($i: LoseInvoiceDisputeInput!) { loseInvoiceDispute(input: $i) { paymentDisputeLostAt } }"


async def issued(world: World) -> Any:
    await make_customers(world, await make_plan(world), 1)
    found = await world.data("{ invoices { collection { id } } }")
    return found["invoices"]["collection"][0]["id"]


async def test_status_and_metadata(world: World) -> None:
    lago_id = await issued(world)
    paid = await world.data(UPDATE, role="finance", i={"id": lago_id, "paymentStatus": "succeeded"})
    assert paid["updateInvoice"] == {"paymentStatus": "succeeded", "totalPaidAmountCents": "0"}
    await world.data(UPDATE, i={"id": lago_id, "metadata": [{"key": "deal", "value": "42"}]})
    too_many = [{"key": f"k{number}", "value": "v"} for number in range(6)]
    refused = await world.error(UPDATE, i={"id": lago_id, "metadata": too_many})
    assert refused["extensions"]["details"] == {"metadata": ["invalid_count"]}
    assert (await world.error(UPDATE, i={"id": "x"}))["extensions"]["status"] == 404


async def test_void_with_a_credit_note(world: World) -> None:
    lago_id = await issued(world)
    beyond = {"id": lago_id, "generateCreditNote": True, "creditAmount": "1701"}
    refused = await world.error(VOID, i=beyond)
    assert refused["extensions"]["details"] == {"creditRefundAmount": ["total_amount_exceeds_invoice_amount"]}
    voided = await world.data(VOID, i={**beyond, "creditAmount": "300"})
    assert voided["voidInvoice"] == {
        "status": "voided",
        "voidedAt": "2024-01-15T10:00:00.000Z",
        "totalDueAmountCents": "0",
    }
    again = await world.error(VOID, i={"id": lago_id})
    assert (again["extensions"]["status"], again["extensions"]["code"]) == (405, "not_voidable")


async def test_a_lost_dispute(world: World) -> None:
    lago_id = await issued(world)
    lost = await world.data(LOSE, i={"id": lago_id})
    assert lost["loseInvoiceDispute"]["paymentDisputeLostAt"] == "2024-01-15T10:00:00.000Z"
    assert (await world.error(VOID, i={"id": lago_id}))["extensions"]["code"] == "not_voidable"
