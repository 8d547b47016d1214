"""Wallets over GraphQL (spec 07 §6.2): making, changing, topping up and ending them, lists, permissions."""

from __future__ import annotations

from typing import Any

from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.background.registration import register_all
from tests.graphql.support import Statements, World, make_customers, make_plan

WALLET = """id code name status priority currency rateAmount balanceCents creditsBalance consumedAmountCents
  consumedCredits ongoingBalanceCents ongoingUsageBalanceCents creditsOngoingBalance creditsOngoingUsageBalance
  paidTopUpMinAmountCents expirationAt terminatedAt customer { externalId }
  appliesTo { feeTypes billableMetrics { code } }
  recurringTransactionRules { id trigger method interval thresholdCredits paidCredits grantedCredits
    targetOngoingBalance transactionName transactionMetadata { key value } }"""
LINE = """id transactionType transactionStatus status source amount amountCents creditAmount remainingAmountCents name
  metadata { key value } wallet { code } invoice { id }"""
CREATE = f"mutation($i: CreateCustomerWalletInput!) {{ createCustomerWallet(input: $i) {{ {WALLET} }} }}"
UPDATE = f"mutation($i: UpdateCustomerWalletInput!) {{ updateCustomerWallet(input: $i) {{ {WALLET} }} }}"
END = f"mutation($i: TerminateCustomerWalletInput!) {{ terminateCustomerWallet(input: $i) {{ {WALLET} }} }}"
TOP_UP = f"""mutation($i: CreateCustomerWalletTransactionInput!) {{
  createCustomerWalletTransaction(input: $i) {{ collection {{ {LINE} }} metadata {{ totalCount }} }} }}"""
ONE = f"query($id: ID!) {{ wallet(id: $id) {{ {WALLET} }} }}"
LIST = """query($c: ID!, $s: WalletStatusEnum) { wallets(customerId: $c, status: $s) {
  collection { code customer { externalId } appliesTo { billableMetrics { code } }
    recurringTransactionRules { trigger } }
  metadata { totalCount currentPage customerActiveWalletsCount } } }"""
LINES = f"""query($w: ID!, $s: WalletTransactionStatusEnum, $t: WalletTransactionTransactionTypeEnum) {{
  walletTransactions(walletId: $w, status: $s, transactionType: $t) {{ collection {{ {LINE} }} }} }}"""


async def customer(world: World) -> str:
    await make_customers(world, await make_plan(world), 1)
    found = await world.data("{ customers { collection { id } } }")
    return found["customers"]["collection"][0]["id"]


async def run_jobs(world: World) -> None:
    register_all()
    while ids := await due_jobs(world.runtime.database, organization_id=world.organization.id):
        for job_id in ids:
            await run_job(world.runtime, job_id, immediate=True)


def new(customer_id: str, **more: Any) -> dict[str, Any]:
    return {
        "customerId": customer_id,
        "currency": "EUR",
        "rateAmount": "0.5",
        "paidCredits": "0",
        "grantedCredits": "0",
        **more,
    }


async def test_a_wallet_from_its_beginning_to_its_end(world: World) -> None:
    who = await customer(world)
    metric = (await world.data("{ billableMetrics { collection { id code } } }"))["billableMetrics"]["collection"][0]
    rule = {
        "trigger": "threshold",
        "thresholdCredits": "10",
        "paidCredits": "30",
        "transactionName": "Refill",
        "transactionMetadata": [{"key": "k", "value": "v"}],
    }
    wanted = new(
        who,
        name="Main",
        grantedCredits="40",
        paidTopUpMinAmountCents="100",
        appliesTo={"feeTypes": ["charge"], "billableMetricIds": [metric["id"]]},
        recurringTransactionRules=[rule],
        expirationAt="2030-01-01",
    )
    made = (await world.data(CREATE, role="manager", i=wanted))["createCustomerWallet"]
    assert (made["code"], made["status"], made["priority"], made["rateAmount"]) == ("main", "active", 50, "0.5")
    assert made["customer"] == {"externalId": "c0"}
    assert made["appliesTo"] == {"feeTypes": ["charge"], "billableMetrics": [{"code": metric["code"]}]}
    assert made["expirationAt"] == "2030-01-01T00:00:00.000Z"
    [shown] = made["recurringTransactionRules"]
    assert (shown["trigger"], shown["interval"], shown["thresholdCredits"], shown["paidCredits"]) == (
        "threshold",
        None,
        "10.0",
        "30.0",
    )
    assert (shown["transactionName"], shown["transactionMetadata"]) == ("Refill", [{"key": "k", "value": "v"}])
    await run_jobs(world)
    now = (await world.data(ONE, role="finance", id=made["id"]))["wallet"]
    assert (now["balanceCents"], now["creditsBalance"], now["creditsOngoingBalance"]) == ("2000", "40.0", "40.0")

    change = {"lagoId": shown["id"], "paidCredits": "50"}
    kept = (await world.data(UPDATE, i={"id": made["id"], "recurringTransactionRules": [change], "priority": 3}))[
        "updateCustomerWallet"
    ]
    [changed] = kept["recurringTransactionRules"]
    assert (changed["id"], changed["paidCredits"], kept["priority"], kept["name"]) == (shown["id"], "50.0", 3, "Main")
    assert kept["expirationAt"] is not None
    kept = (await world.data(UPDATE, i={"id": made["id"], "recurringTransactionRules": [], "expirationAt": None}))[
        "updateCustomerWallet"
    ]
    assert (kept["recurringTransactionRules"], kept["expirationAt"]) == ([], None)

    order = {
        "walletId": made["id"],
        "paidCredits": "20",
        "grantedCredits": "4",
        "voidedCredits": "1",
        "name": "By hand",
    }
    done = (await world.data(TOP_UP, i={**order, "metadata": [{"key": "a", "value": "b"}]}))[
        "createCustomerWalletTransaction"
    ]
    assert done["metadata"] == {"totalCount": 3}
    assert [(item["transactionStatus"], item["status"], item["amount"]) for item in done["collection"]] == [
        ("purchased", "pending", "10.0"),
        ("granted", "settled", "2.0"),
        ("voided", "settled", "0.5"),
    ]
    assert {item["name"] for item in done["collection"]} == {"By hand"}
    assert done["collection"][0]["metadata"] == [{"key": "a", "value": "b"}]
    await run_jobs(world)
    listed = (await world.data(LINES, w=made["id"]))["walletTransactions"]["collection"]
    assert [item["source"] for item in listed] == ["manual"] * 4
    [bought] = (await world.data(LINES, w=made["id"], s="pending", t="inbound"))["walletTransactions"]["collection"]
    assert bought["invoice"] is not None
    single = await world.data(f"query($id: ID!) {{ walletTransaction(id: $id) {{ {LINE} }} }}", id=bought["id"])
    assert single["walletTransaction"] == bought

    ended = (await world.data(END, i={"id": made["id"]}))["terminateCustomerWallet"]
    assert (ended["status"], ended["terminatedAt"]) == ("terminated", "2024-01-15T10:00:00.000Z")
    found = (await world.data(LIST, c=who))["wallets"]
    assert found["metadata"] == {"totalCount": 1, "currentPage": 1, "customerActiveWalletsCount": 0}
    assert (await world.data(LIST, c=who, s="active"))["wallets"]["collection"] == []


async def test_refusals(world: World) -> None:
    who = await customer(world)
    refused = await world.error(CREATE, i=new(who, rateAmount="0"))
    assert refused["extensions"]["details"] == {"rateAmount": ["value_is_out_of_range"]}
    rule = {"trigger": "interval"}
    refused = await world.error(CREATE, i=new(who, recurringTransactionRules=[rule]))
    assert refused["extensions"]["details"] == {"recurringTransactionRules": ["invalid_recurring_rule"]}
    made = (await world.data(CREATE, i=new(who)))["createCustomerWallet"]
    refused = await world.error(TOP_UP, i={"walletId": made["id"], "paidCredits": "x"})
    assert refused["extensions"]["details"] == {"paidCredits": ["invalid_paid_credits", "invalid_amount"]}
    strange = {"billableMetricIds": [made["id"]]}
    assert (await world.error(UPDATE, i={"id": made["id"], "appliesTo": strange}))["extensions"]["status"] == 404
    for query, variables in (
        (ONE, {"id": "x"}),
        (LINES, {"w": "x"}),
        (LIST, {"c": "x"}),
        ('{ walletTransaction(id: "x") { id } }', {}),
        (UPDATE, {"i": {"id": "x"}}),
        (END, {"i": {"id": "x"}}),
        (CREATE, {"i": new("x")}),
    ):
        assert (await world.error(query, **variables))["extensions"]["status"] == 404, query
    for query, value in (
        (CREATE, new(who)),
        (UPDATE, {"id": made["id"]}),
        (END, {"id": made["id"]}),
        (TOP_UP, {"walletId": made["id"]}),
    ):
        assert (await world.error(query, role="finance", i=value))["extensions"]["status"] == 403
    async with world.client("stranger", world.other.id) as stranger:
        answer = await stranger.post("/graphql", json={"query": ONE, "variables": {"id": made["id"]}})
    assert answer.json()["errors"][0]["extensions"]["status"] == 404


async def test_lists_cost_the_same_for_any_number_of_wallets(world: World) -> None:
    who = await customer(world)
    rule = {"trigger": "interval", "interval": "weekly", "grantedCredits": "1"}

    async def statements() -> int:
        with Statements(world.runtime) as seen:
            await world.data(LIST, c=who)
        return len(seen.texts)

    await world.data(CREATE, i=new(who, recurringTransactionRules=[rule]))
    few = await statements()
    for _ in range(4):
        await world.data(CREATE, i=new(who, recurringTransactionRules=[rule]))
    assert await statements() == few


async def test_metadata_of_a_wallet(world: World) -> None:
    """Spec 05 C7, D1: an update replaces it, null clears it (spec 07 §6.3), what is not sent stays."""
    who = await customer(world)
    one = "query($id: ID!) { wallet(id: $id) { metadata } }"
    given = {"metadata": {"team": "blue", "note": None}, "grantedCredits": "3", "transactionPriority": 7}
    wallet = (await world.data(CREATE, i=new(who, **given)))["createCustomerWallet"]["id"]
    await run_jobs(world)

    async def metadata() -> Any:
        return (await world.data(one, id=wallet))["wallet"]["metadata"]

    assert await metadata() == {"team": "blue", "note": None}
    line = "priority remainingAmountCents remainingCreditAmount creditNoteId voidedInvoiceId"
    lines = await world.data(
        f"query($w: ID!) {{ walletTransactions(walletId: $w) {{ collection {{ {line} }} }} }}", w=wallet
    )
    assert lines["walletTransactions"]["collection"] == [
        {"priority": 7, "remainingAmountCents": "150", "remainingCreditAmount": "3.0", "creditNoteId": None,
         "voidedInvoiceId": None}
    ]  # fmt: skip
    await world.data(UPDATE, i={"id": wallet, "name": "Renamed"})
    assert await metadata() == {"team": "blue", "note": None}
    refused = await world.error(UPDATE, i={"id": wallet, "metadata": {"team": {"deep": "1"}}})
    assert refused["extensions"]["details"] == {"metadata": ["nested_structure_not_allowed"]}
    await world.data(UPDATE, i={"id": wallet, "metadata": {"team": "red"}})
    assert await metadata() == {"team": "red"}
    await world.data(UPDATE, i={"id": wallet, "metadata": None})
    assert await metadata() is None
