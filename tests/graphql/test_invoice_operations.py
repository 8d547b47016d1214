"""One-off invoices, collection and what is done with all drafts, over GraphQL (spec 07 §6.2, 04 §8, §13, §14)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from tests.graphql.support import World, make_customers, make_plan
from tests.graphql.test_wallets import run_jobs

ADD_ON = """mutation { createAddOn(input: {name: "Setup", code: "setup", amountCents: 333, amountCurrency: "EUR"}) {
    id } }"""
TAX = 'mutation { createTax(input: {name: "VAT", code: "vat", rate: "20", appliedToOrganization: true}) { id } }'
CREATE = """mutation($i: CreateInvoiceInput!) { createInvoice(input: $i) { id invoiceType status currency
    totalAmountCents fees { itemName units amountCents description fromDatetime } metadata { key } taxStatus } }"""
TAXES = """mutation($i: FetchDraftInvoiceTaxesInput!) { fetchDraftInvoiceTaxes(input: $i) { currency feesAmountCents
    taxesAmountCents totalAmountCents appliedTaxes { taxCode feesAmountCents amountCents }
    collection { itemName units amountCents taxesAmountCents taxesRate appliedTaxes { taxCode } } } }"""


async def customer(world: World) -> Any:
    made = await world.data('mutation { createCustomer(input: {externalId: "c9", currency: "EUR"}) { id } }')
    return made["createCustomer"]["id"]


async def test_a_one_off_invoice_and_its_estimate(world: World) -> None:
    """Spec 04 §14: 2.5 units at 333 are 833."""
    buyer = await customer(world)
    await world.data(TAX)
    add_on = (await world.data(ADD_ON))["createAddOn"]["id"]
    line = {"addOnId": add_on, "units": "2.5", "description": "In May"}
    free = {"addOnId": add_on, "unitAmountCents": "1000", "invoiceDisplayName": "Visit", "taxCodes": None,
            "fromDatetime": "2024-01-01T00:00:00Z", "toDatetime": "2024-01-02T00:00:00Z"}  # fmt: skip
    asked = {"customerId": buyer, "fees": [line, free]}
    found = (await world.data(TAXES, role="finance", i=asked))["fetchDraftInvoiceTaxes"]
    assert found == {
        "currency": "EUR",
        "feesAmountCents": "1833",
        "taxesAmountCents": "367",
        "totalAmountCents": "2200",
        "appliedTaxes": [{"taxCode": "vat", "feesAmountCents": "1833", "amountCents": "367"}],
        "collection": [
            {"itemName": "Setup", "units": "2.5", "amountCents": "833", "taxesAmountCents": "167", "taxesRate": "20.0",
             "appliedTaxes": [{"taxCode": "vat"}]},
            {"itemName": "Visit", "units": "1.0", "amountCents": "1000", "taxesAmountCents": "200",
             "taxesRate": "20.0", "appliedTaxes": [{"taxCode": "vat"}]},
        ],
    }  # fmt: skip
    assert (await world.data("{ invoices { metadata { totalCount } } }"))["invoices"]["metadata"]["totalCount"] == 0
    made = (await world.data(CREATE, i=asked))["createInvoice"]
    assert (made["invoiceType"], made["status"], made["totalAmountCents"]) == ("one_off", "finalized", "2200")
    assert [(fee["itemName"], fee["amountCents"]) for fee in made["fees"]] == [("Setup", "833"), ("Visit", "1000")]
    assert made["fees"][0]["description"] == "In May"
    assert made["fees"][1]["fromDatetime"] == "2024-01-01T00:00:00.000Z"
    listed = f'{{ customerInvoices(customerId: "{buyer}", status: [finalized]) {{ collection {{ id }} }} }}'
    assert (await world.data(listed))["customerInvoices"]["collection"] == [{"id": made["id"]}]


async def test_refusals_of_one_off_invoices(world: World) -> None:
    buyer = await customer(world)
    add_on = (await world.data(ADD_ON))["createAddOn"]["id"]
    for fees, details in (
        ([], {"fees": ["not_found"]}),
        ([{"addOnId": "nonsense"}], {"addOn": ["not_found"]}),
        ([{"addOnId": buyer}], {"addOn": ["not_found"]}),
        ([{"addOnId": add_on, "fromDatetime": "2024-01-01T00:00:00Z"}], {"boundaries": ["values_are_invalid"]}),
    ):
        for query in (CREATE, TAXES):
            refused = await world.error(query, i={"customerId": buyer, "fees": fees})
            assert refused["extensions"]["details"] == details
    gone = await world.error(CREATE, i={"customerId": "x", "fees": [{"addOnId": add_on}]})
    assert gone["extensions"]["details"] == {"customer": ["not_found"]}


async def issued(world: World) -> Any:
    await make_customers(world, await make_plan(world), 2)
    found = await world.data(
        "{ invoices(positiveDueAmount: true) { collection { id invoiceSubscriptions { subscription { id } } } } }"
    )
    return found["invoices"]["collection"]


async def test_collecting_answers_as_rest_does(world: World) -> None:
    """Spec 04 §13: without a payment provider the attempt is announced as a failure, and no link can be made."""
    [invoice, other] = await issued(world)
    retry = 'mutation {{ retryInvoicePayment(input: {{id: "{}"}}) {{ id paymentStatus }} }}'.format(invoice["id"])
    assert (await world.data(retry, role="manager"))["retryInvoicePayment"]["paymentStatus"] == "pending"
    everything = "mutation { retryAllInvoicePayments(input: {}) { id } }"
    assert len((await world.data(everything))["retryAllInvoicePayments"]) == 2
    link = 'mutation {{ generatePaymentUrl(input: {{invoiceId: "{}"}}) {{ paymentUrl }} }}'.format(invoice["id"])
    refused = await world.error(link)
    assert refused["extensions"]["details"] == {"base": ["no_linked_payment_provider"]}
    paid = 'mutation {{ updateInvoice(input: {{id: "{}", paymentStatus: succeeded}}) {{ id }} }}'.format(invoice["id"])
    await world.data(paid)
    assert (await world.error(retry))["extensions"]["code"] == "invalid_status"
    assert (await world.data(everything))["retryAllInvoicePayments"] == [{"id": other["id"]}]
    subscription = other["invoiceSubscriptions"][0]["subscription"]["id"]
    found = await world.data(f'{{ invoices(subscriptionId: "{subscription}") {{ collection {{ id }} }} }}')
    assert found["invoices"]["collection"] == [{"id": other["id"]}]


async def test_all_drafts_are_issued_in_the_background_and_one_is_deleted(world: World) -> None:
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update organizations set invoice_grace_period = 3 where slug = 'acme-search'"))
    drafts = [item["id"] for item in await issued(world)]
    delete = f'mutation {{ destroyInvoice(input: {{id: "{drafts[0]}"}}) {{ id }} }}'
    refused = await world.error(delete, role="finance")
    assert refused["extensions"]["requiredPermissions"] == ["invoices:delete"]
    assert (await world.data(delete))["destroyInvoice"] == {"id": drafts[0]}
    assert (await world.error(delete))["extensions"]["status"] == 404
    everything = "mutation { finalizeAllInvoices(input: {}) { id status } }"
    begun = await world.data(everything, role="finance")
    assert begun["finalizeAllInvoices"] == [{"id": drafts[1], "status": "draft"}]
    await run_jobs(world)
    found = (await world.data("{ invoices { collection { id status } } }"))["invoices"]["collection"]
    assert found == [{"id": drafts[1], "status": "finalized"}]
    assert (await world.data(everything))["finalizeAllInvoices"] == []
    late = await world.error(delete.replace(drafts[0], drafts[1]))
    assert late["extensions"]["code"] == "not_deletable"


async def test_a_fee_says_whether_it_was_billed_ahead_and_what_became_of_it(world: World) -> None:
    """Spec 02 §11.1: what the REST object says of a fee."""
    await make_customers(world, await make_plan(world), 1)
    fees = "totalAmountCents payInAdvance invoiceable paymentStatus eventTransactionId totalAggregatedUnits succeededAt"
    found = await world.data(f"{{ invoices {{ collection {{ fees {{ amountCents {fees} }} }} }} }}")
    [fee] = found["invoices"]["collection"][0]["fees"]
    assert fee == {
        "amountCents": "1700", "totalAmountCents": "1700", "payInAdvance": True, "invoiceable": True,
        "paymentStatus": "pending", "eventTransactionId": None, "totalAggregatedUnits": None, "succeededAt": None,
    }  # fmt: skip
