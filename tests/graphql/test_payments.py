"""Payments over GraphQL (spec 07 §6.2): recording, lists, search, permissions."""

from __future__ import annotations

from typing import Any

from tests.graphql.support import World, make_customers, make_plan

CREATE = "mutation($i: CreatePaymentInput!) { createPayment(input: $i) { id amountCents amountCurrency reference status payablePaymentStatus paymentType payableType createdAt customer { externalId } invoices { id paymentStatus totalDueAmountCents payments { id } } } }"  # noqa: E501
LIST = """query($s: String, $i: ID, $c: String) { payments(searchTerm: $s, invoiceId: $i, externalCustomerId: $c) {
  collection { id } metadata { totalCount } } }"""


async def invoices(world: World) -> list[Any]:
    """Two customers' invoices of 17.00 EUR."""
    await make_customers(world, await make_plan(world), 2)
    found = await world.data("{ invoices { collection { id number customer { externalId } } } }")
    return sorted(found["invoices"]["collection"], key=lambda item: item["customer"]["externalId"])


def received(invoice: Any, cents: int, reference: str = "wire 7", **more: Any) -> dict[str, Any]:
    return {
        "invoiceId": invoice["id"],
        "amountCents": str(cents),
        "reference": reference,
        "createdAt": "2024-01-14",
        **more,
    }


async def test_recording_and_finding(world: World) -> None:
    first, second = await invoices(world)
    made = (await world.data(CREATE, role="finance", i=received(first, 700)))["createPayment"]
    assert made == {
        "id": made["id"],
        "amountCents": "700",
        "amountCurrency": "EUR",
        "reference": "wire 7",
        "status": "succeeded",
        "payablePaymentStatus": "succeeded",
        "paymentType": "manual",
        "payableType": "Invoice",
        "createdAt": "2024-01-14T00:00:00.000Z",
        "customer": {"externalId": "c0"},
        "invoices": [
            {"id": first["id"], "paymentStatus": "pending", "totalDueAmountCents": "1000",
             "payments": [{"id": made["id"]}]}
        ],
    }  # fmt: skip
    other = (await world.data(CREATE, i=received(second, 1700, "100%")))["createPayment"]
    assert other["invoices"][0]["paymentStatus"] == "succeeded"

    async def found(**variables: Any) -> list[str]:
        listed = (await world.data(LIST, **variables))["payments"]
        assert listed["metadata"]["totalCount"] == len(listed["collection"])
        return [item["id"] for item in listed["collection"]]

    assert await found() == [other["id"], made["id"]]
    assert await found(i=first["id"]) == [made["id"]]
    assert await found(c="c1") == [other["id"]]
    assert await found(s="WIRE") == [made["id"]]
    assert await found(s="0%") == [other["id"]], "a percent sign is no wildcard"
    assert await found(s=second["number"]) == [other["id"]]
    assert await found(s="customer c0") == [made["id"]]
    assert await found(s=made["id"]) == [made["id"]]
    one = await world.data("query($id: ID!) { payment(id: $id) { reference } }", id=made["id"])
    assert one["payment"]["reference"] == "wire 7"


async def test_refusals(world: World) -> None:
    first, _ = await invoices(world)
    refused = await world.error(CREATE, i=received(first, 1701))
    assert refused["extensions"]["details"] == {"amountCents": ["value_is_out_of_range"]}
    blank = await world.error(CREATE, i=received(first, 1, " "))
    assert blank["extensions"]["details"] == {"reference": ["value_is_mandatory"]}
    unknown = await world.error(CREATE, i={**received(first, 1), "invoiceId": "x"})
    assert unknown["extensions"]["status"] == 404
    assert (await world.error('{ payment(id: "x") { id } }'))["extensions"]["status"] == 404
    made = (await world.data(CREATE, i=received(first, 1)))["createPayment"]
    async with world.client("stranger", world.other.id) as stranger:
        query = {"query": f'{{ payment(id: "{made["id"]}") {{ id }} payments {{ collection {{ id }} }} }}'}
        answer = (await stranger.post("/graphql", json=query)).json()
        assert answer["errors"][0]["extensions"]["status"] == 404
        listed = (await stranger.post("/graphql", json={"query": "{ payments { collection { id } } }"})).json()
        assert listed["data"]["payments"]["collection"] == []
