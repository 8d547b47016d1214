"""Credit notes over GraphQL (spec 07 §6.2, 05 C2, C3, C5)."""

from __future__ import annotations

from typing import Any

from tests.graphql.support import Statements, World, make_customers, make_plan

CREATE = """mutation($i: CreateCreditNoteInput!) { createCreditNote(input: $i) { id number reason creditStatus
    refundStatus totalAmountCents creditAmountCents refundAmountCents offsetAmountCents balanceAmountCents canBeVoided
    metadata items { amountCents amountCurrency fee { feeType creditableAmountCents } }
    invoice { number creditableAmountCents refundableAmountCents } customer { externalId } } }"""
ESTIMATE = """query($id: ID!, $items: [CreditNoteItemInput!]!) { creditNoteEstimate(invoiceId: $id, items: $items) {
    currency maxCreditableAmountCents maxRefundableAmountCents maxOffsettableAmountCents
    subTotalExcludingTaxesAmountCents taxesAmountCents couponsAdjustmentAmountCents
    items { feeId amountCents } appliedTaxes { taxCode } } }"""
VOID = "mutation($i: VoidCreditNoteInput!) { voidCreditNote(input: $i) { creditStatus balanceAmountCents voidedAt } }"
UPDATE = "mutation($i: UpdateCreditNoteInput!) { updateCreditNote(input: $i) { refundStatus refundedAt metadata } }"
PAY = """mutation($i: CreatePaymentInput!) { createPayment(input: $i) { id } }"""
INVOICES = """{ invoices { collection { id number creditableAmountCents refundableAmountCents offsettableAmountCents
    fees { id creditableAmountCents } } } }"""


async def issued(world: World, customers: int = 1) -> list[Any]:
    """Invoices of 17.00 each: 31.00 a month in advance from January 15."""
    await make_customers(world, await make_plan(world), customers)
    return (await world.data(INVOICES))["invoices"]["collection"]


def asked(invoice: Any, cents: int, **parts: str) -> dict[str, Any]:
    items = [{"feeId": invoice["fees"][0]["id"], "amountCents": str(cents)}]
    return {"invoiceId": invoice["id"], "reason": "order_change", "items": items, **parts}


async def test_from_estimate_to_void(world: World) -> None:
    [invoice] = await issued(world)
    assert invoice["creditableAmountCents"] == "1700"
    assert (invoice["refundableAmountCents"], invoice["offsettableAmountCents"]) == ("0", "1700")
    assert invoice["fees"][0]["creditableAmountCents"] == "1700"
    await world.data(PAY, i={"invoiceId": invoice["id"], "amountCents": "1000", "reference": "wire",
                             "createdAt": "2024-01-15T10:00:00Z"})  # fmt: skip
    items = asked(invoice, 700)["items"]
    found = await world.data(ESTIMATE, role="finance", id=invoice["id"], items=items)
    assert found["creditNoteEstimate"] == {
        "currency": "EUR",
        "maxCreditableAmountCents": "700",
        "maxRefundableAmountCents": "700",
        "maxOffsettableAmountCents": "700",
        "subTotalExcludingTaxesAmountCents": "700",
        "taxesAmountCents": "0",
        "couponsAdjustmentAmountCents": "0",
        "items": items,
        "appliedTaxes": [],
    }
    parts = {"creditAmountCents": "300", "refundAmountCents": "400", "metadata": {"ticket": "4711"}}
    made = (await world.data(CREATE, role="manager", i=asked(invoice, 700, **parts)))["createCreditNote"]
    note_id = made.pop("id")
    assert made == {
        "number": f"{invoice['number']}-CN001",
        "reason": "order_change",
        "creditStatus": "available",
        "refundStatus": "pending",
        "totalAmountCents": "700",
        "creditAmountCents": "300",
        "refundAmountCents": "400",
        "offsetAmountCents": "0",
        "balanceAmountCents": "300",
        "canBeVoided": True,
        "metadata": {"ticket": "4711"},
        "items": [
            {
                "amountCents": "700",
                "amountCurrency": "EUR",
                "fee": {"feeType": "subscription", "creditableAmountCents": "1000"},
            }
        ],
        "invoice": {"number": invoice["number"], "creditableAmountCents": "1000", "refundableAmountCents": "600"},
        "customer": {"externalId": "c0"},
    }
    told = await world.data(UPDATE, i={"id": note_id, "refundStatus": "succeeded", "metadata": {"by": "bank"}})
    assert told["updateCreditNote"] == {
        "refundStatus": "succeeded",
        "refundedAt": "2024-01-15T10:00:00.000Z",
        "metadata": {"by": "bank"},
    }
    cleared = await world.data(UPDATE, i={"id": note_id, "metadata": None})
    assert cleared["updateCreditNote"]["metadata"] is None
    voided = (await world.data(VOID, i={"id": note_id}))["voidCreditNote"]
    assert (voided["creditStatus"], voided["balanceAmountCents"]) == ("voided", "0")
    again = await world.error(VOID, i={"id": note_id})
    assert (again["extensions"]["status"], again["extensions"]["code"]) == (405, "no_voidable_amount")


async def test_refusals_name_their_fields(world: World) -> None:
    [invoice] = await issued(world)
    beyond = await world.error(CREATE, i=asked(invoice, 1701, creditAmountCents="1701"))
    assert beyond["extensions"]["details"] == {"amountCents": ["higher_than_remaining_fee_amount"]}
    unpaid = await world.error(CREATE, i=asked(invoice, 700, refundAmountCents="700"))
    assert unpaid["extensions"]["details"] == {"refundAmountCents": ["cannot_refund_unpaid_invoice"]}
    other = await world.error(CREATE, i=asked(invoice, 700, creditAmountCents="600"))
    assert other["extensions"]["details"] == {"base": ["does_not_match_item_amounts"]}
    for query, variables in (
        (UPDATE, {"i": {"id": "x"}}),
        (VOID, {"i": {"id": "x"}}),
        ('{ creditNote(id: "x") { id } }', {}),
        ('{ invoiceCreditNotes(invoiceId: "x") { collection { id } } }', {}),
        (ESTIMATE, {"id": "x", "items": []}),
    ):
        assert (await world.error(query, **variables))["extensions"]["status"] == 404, query
    assert (await world.error("{ creditNotes { collection { id } } }", None))["extensions"]["status"] == 401


async def test_lists_filter_and_cost_the_same(world: World) -> None:
    invoices = await issued(world, 8)
    for invoice in invoices[:3]:
        await world.data(CREATE, i=asked(invoice, 100, creditAmountCents="100"))
    for invoice in invoices[3:]:
        await world.data(CREATE, i={**asked(invoice, 200, offsetAmountCents="200"), "reason": "other"})
    numbers = "collection { number } metadata { totalCount }"

    async def found(arguments: str) -> int:
        answer = await world.data(f"{{ creditNotes({arguments}) {{ {numbers} }} }}")
        return answer["creditNotes"]["metadata"]["totalCount"]

    for arguments, count in (
        ("reason: [order_change]", 3),
        ("reason: [order_change, other]", 8),
        ("creditStatus: [voided]", 0),
        ("refundStatus: [pending]", 0),
        ('currency: "eur", amountFrom: 150', 5),
        ("amountTo: 150", 3),
        ('issuingDateFrom: "2024-01-16"', 0),
        ('issuingDateTo: "2024-01-15"', 8),
        ('customerExternalId: "c1"', 1),
        ('customerId: "nonsense"', 0),
        (f'invoiceNumber: "{invoices[0]["number"]}"', 1),
        (f'searchTerm: "{invoices[0]["number"]}-cn"', 1),
        ('searchTerm: "Customer c2"', 1),
    ):
        assert await found(arguments) == count, arguments
    of_one = await world.data(f'{{ invoiceCreditNotes(invoiceId: "{invoices[0]["id"]}") {{ {numbers} }} }}')
    assert of_one["invoiceCreditNotes"]["metadata"]["totalCount"] == 1
    query = """{ creditNotes(limit: %d) { collection { number fileUrl items { fee { creditableAmountCents } }
        appliedTaxes { taxCode } invoice { number creditableAmountCents } customer { displayName } } } }"""
    counts: list[int] = []
    for limit in (2, 8):
        with Statements(world.runtime) as seen:
            assert len((await world.data(query % limit))["creditNotes"]["collection"]) == limit
        counts.append(len(seen.texts))
    assert counts[0] == counts[1]


async def test_the_document(world: World) -> None:
    [invoice] = await issued(world)
    made = (await world.data(CREATE, i=asked(invoice, 700, creditAmountCents="700")))["createCreditNote"]
    download = 'mutation {{ downloadCreditNote(input: {{id: "{}"}}) {{ fileUrl }} }}'.format(made["id"])
    first = (await world.data(download))["downloadCreditNote"]["fileUrl"]
    assert first.startswith("http://127.0.0.1:8000/files/")
    assert (await world.data(download))["downloadCreditNote"]["fileUrl"] == first
