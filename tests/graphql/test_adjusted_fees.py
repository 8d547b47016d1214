"""Setting fees of a draft by hand over GraphQL (spec 02 §14, 07 §6.2)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from billwright.billing.taxes.schemas import TaxCreate
from billwright.billing.taxes.service import create_tax
from tests.graphql.support import World, make_customers, make_plan, send_usage

FEE = """id feeType amountCents taxesAmountCents units preciseUnitAmount invoiceDisplayName adjustedFee adjustedFeeType
  appliedTaxes { taxRate amountCents }"""
CREATE = f"mutation($i: CreateAdjustedFeeInput!) {{ createAdjustedFee(input: $i) {{ {FEE} }} }}"
PREVIEW = f"mutation($i: PreviewAdjustedFeeInput!) {{ previewAdjustedFee(input: $i) {{ {FEE} }} }}"
DESTROY = f"mutation($i: DestroyAdjustedFeeInput!) {{ destroyAdjustedFee(input: $i) {{ {FEE} }} }}"
INVOICE = f"query($id: ID!) {{ invoice(id: $id) {{ id feesAmountCents fees {{ {FEE} subscriptionId chargeId }} }} }}"


async def draft(world: World, usage: int = 12) -> Any:
    """A draft of January: 17.00 of 31.00 and 0.05 a call."""
    async with world.runtime.database.transaction() as session:
        await session.execute(
            text("update organizations set invoice_grace_period = 3 where id = :id"), {"id": world.organization.id}
        )
    await make_customers(world, await make_plan(world, pay_in_advance=False), 1)
    if usage:
        await send_usage(world, "sub_c0", usage)
    await world.data('mutation { advanceTestClock(input: {now: "2024-02-01T02:00:00Z"}) { now } }')
    found = await world.data("{ invoices(status: [draft]) { collection { id } } }")
    [item] = found["invoices"]["collection"]
    return (await world.data(INVOICE, id=item["id"]))["invoice"]


async def charge_fee(world: World, invoice: Any) -> Any:
    shown = (await world.data(INVOICE, id=invoice["id"]))["invoice"]
    return next((fee for fee in shown["fees"] if fee["feeType"] == "charge"), None)


async def test_preview_create_and_destroy(world: World) -> None:
    invoice = await draft(world)
    async with world.runtime.database.transaction() as session:
        vat = {"name": "VAT", "code": "vat", "rate": "20", "applied_to_organization": True}
        await create_tax(await world.fresh(session), TaxCreate.parse(vat))
    fee = await charge_fee(world, invoice)
    assert (fee["amountCents"], fee["adjustedFee"], fee["adjustedFeeType"]) == ("60", False, None)
    wanted = {"invoiceId": invoice["id"], "feeId": fee["id"], "units": "40", "invoiceDisplayName": "Calls, corrected"}
    shown = (await world.data(PREVIEW, role="finance", i=wanted))["previewAdjustedFee"]
    assert shown == {
        "id": shown["id"],
        "feeType": "charge",
        "amountCents": "200",
        "taxesAmountCents": "40",
        "units": "40.0",
        "preciseUnitAmount": "0.05",
        "invoiceDisplayName": "Calls, corrected",
        "adjustedFee": True,
        "adjustedFeeType": "adjusted_units",
        "appliedTaxes": [{"taxRate": "20.0", "amountCents": "40"}],
    }
    assert (await charge_fee(world, invoice))["amountCents"] == "60", "a preview stores nothing"
    made = (await world.data(CREATE, i=wanted))["createAdjustedFee"]
    assert {**made, "id": None} == {**shown, "id": None}
    assert made["id"] == (await charge_fee(world, invoice))["id"]
    again = await world.error(CREATE, i={**wanted, "feeId": made["id"]})
    assert again["extensions"]["details"] == {"adjustedFee": ["already_exists"]}
    other = {"invoiceId": invoice["id"], "feeId": made["id"], "units": "2", "unitPreciseAmount": "1.005"}
    previewed = (await world.data(PREVIEW, i=other))["previewAdjustedFee"]
    assert (previewed["amountCents"], previewed["adjustedFeeType"]) == ("201", "adjusted_amount")
    back = (await world.data(DESTROY, i={"invoiceId": invoice["id"], "feeId": made["id"]}))["destroyAdjustedFee"]
    assert (back["amountCents"], back["adjustedFee"], back["invoiceDisplayName"]) == ("60", False, None)
    gone = await world.error(DESTROY, i={"invoiceId": invoice["id"], "feeId": back["id"]})
    assert gone["extensions"]["status"] == 404


async def test_adding_a_fee_and_the_name_alone(world: World) -> None:
    invoice = await draft(world, usage=0)
    assert await charge_fee(world, invoice) is None
    [subscription] = [fee["subscriptionId"] for fee in invoice["fees"]]
    plans = (await world.data("{ plans { collection { charges { id } } } }"))["plans"]["collection"]
    target = {"invoiceId": invoice["id"], "chargeId": plans[0]["charges"][0]["id"], "units": "3"}
    previewed = await world.data(PREVIEW, i={**target, "invoiceSubscriptionId": subscription})
    assert previewed["previewAdjustedFee"]["amountCents"] == "15"
    named_alike = await world.data(PREVIEW, i={**target, "subscriptionId": subscription})
    assert named_alike["previewAdjustedFee"]["amountCents"] == "15", "the arguments of createAdjustedFee"
    made = (await world.data(CREATE, i={**target, "subscriptionId": subscription}))["createAdjustedFee"]
    assert (made["amountCents"], made["adjustedFeeType"]) == ("15", "adjusted_units")
    gone = await world.data(DESTROY, i={"invoiceId": invoice["id"], "feeId": made["id"]})
    assert gone["destroyAdjustedFee"] is None
    renamed = {"invoiceId": invoice["id"], "feeId": (await fees(world, invoice))[0]["id"], "invoiceDisplayName": "Base"}
    shown = (await world.data(CREATE, i=renamed))["createAdjustedFee"]
    assert (shown["invoiceDisplayName"], shown["adjustedFee"], shown["adjustedFeeType"]) == ("Base", True, None)


async def fees(world: World, invoice: Any) -> list[Any]:
    return (await world.data(INVOICE, id=invoice["id"]))["invoice"]["fees"]


async def test_who_may(world: World) -> None:
    invoice = await draft(world)
    wanted = {"invoiceId": invoice["id"], "feeId": invoice["fees"][0]["id"], "units": "1"}
    for query in (CREATE, PREVIEW):
        refused = await world.error(query, i={**wanted, "feeId": "x"})
        assert refused["extensions"]["status"] == 404
    async with world.client("stranger", world.other.id) as stranger:
        answer = (await stranger.post("/graphql", json={"query": CREATE, "variables": {"i": wanted}})).json()
    assert answer["errors"][0]["extensions"]["status"] == 404
    await world.data("mutation($id: ID!) { finalizeInvoice(input: {id: $id}) { id } }", id=invoice["id"])
    late = await world.error(CREATE, i={**wanted, "feeId": (await fees(world, invoice))[0]["id"]})
    assert (late["extensions"]["status"], late["extensions"]["code"]) == (403, "feature_unavailable")
