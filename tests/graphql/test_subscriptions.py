"""Subscriptions over GraphQL, and what a change would do before it is made (spec 07 §6.2, 03 §6)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from tests.graphql.support import World, make_customers, make_plan, send_usage

CREATE = """mutation($i: CreateSubscriptionInput!) { createSubscription(input: $i) {
    id externalId status name startedAt endingAt nextPlanCode downgradePlanDate plan { code amountCents isOverridden
    trialPeriod charges { properties minAmountCents } } applicableUsageThresholds { amountCents recurring } } }"""
UPDATE = """mutation($i: UpdateSubscriptionInput!) { updateSubscription(input: $i) {
    id name status endingAt startedAt onTerminationCreditNote plan { amountCents isOverridden minimumCommitment {
    amountCents } charges { properties } } applicableUsageThresholds { amountCents } } }"""
TERMINATE = "mutation($i: TerminateSubscriptionInput!) { terminateSubscription(input: $i) { status } }"
INVOICE = """at currency feesAmountCents creditNotesAmountCents totalAmountCents
    fees { feeType name amountCents firstOn lastOn }"""
OUTLOOK = f"""outcome timezone takesEffectAt planName periodFrom periodTo trialEndsAt endsAt
    invoices {{ {INVOICE} }} creditNotes {{ totalAmountCents creditAmountCents refundAmountCents offsetAmountCents }}
    nextInvoice {{ {INVOICE} }}"""
FORESEE = f"mutation($i: CreateSubscriptionInput!) {{ previewSubscription(input: $i) {{ {OUTLOOK} }} }}"
FORESEE_UPDATE = f"mutation($i: UpdateSubscriptionInput!) {{ previewSubscriptionUpdate(input: $i) {{ {OUTLOOK} }} }}"
FORESEE_END = (
    f"mutation($i: TerminateSubscriptionInput!) {{ previewSubscriptionTermination(input: $i) {{ {OUTLOOK} }} }}"
)
BOOKS = """select (select count(*) from subscriptions), (select count(*) from invoices), (select count(*) from fees),
    (select count(*) from credit_notes), (select count(*) from plans), (select count(*) from jobs),
    (select count(*) from webhooks), (select max(updated_at) from subscriptions)"""


async def _books(world: World) -> Any:
    async with world.runtime.database.reading() as session:
        return (await session.execute(text(BOOKS))).one()


async def _at(world: World, year: int, month: int, day: int, hour: int = 0) -> None:
    """Put the organization's clock there."""
    async with world.runtime.database.transaction() as session:
        now = datetime(year, month, day, hour, tzinfo=UTC)
        await session.execute(
            text("update organizations set clock_now = :now where id = :id"), {"now": now, "id": world.organization.id}
        )


async def _customer(world: World, external_id: str = "c0") -> dict[str, Any]:
    found: dict[str, Any] = (
        await world.data(f'{{ customer(externalId: "{external_id}") {{ id subscriptions {{ id status }} }} }}')
    )["customer"]
    return found


async def test_a_new_subscription_with_prices_of_its_own(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 1)
    customer = await _customer(world)
    charge = (await world.data(f'{{ plan(id: "{plan.id}") {{ charges {{ id }} }} }}'))["plan"]["charges"][0]["id"]
    made = (
        await world.data(
            CREATE,
            i={
                "customerId": customer["id"], "planId": str(plan.id), "billingTime": "anniversary", "externalId": "own",
                "endingAt": "2024-12-31T00:00:00Z",
                "planOverrides": {
                    "amountCents": "6200", "trialPeriod": "3",
                    "charges": [{"id": charge, "properties": {"amount": "0.04"}, "minAmountCents": "900"}],
                },
                "usageThresholds": [{"amountCents": "5000"}, {"amountCents": "1000", "recurring": True}],
            },
        )
    )["createSubscription"]  # fmt: skip
    assert made["plan"]["isOverridden"]
    assert made["plan"]["amountCents"] == "6200"
    assert made["plan"]["trialPeriod"] == "3.0"
    assert made["plan"]["charges"][0]["properties"] == {"amount": "0.04"}
    assert made["plan"]["charges"][0]["minAmountCents"] == "900"
    assert made["endingAt"] == "2024-12-31T00:00:00.000Z"
    assert made["applicableUsageThresholds"] == [
        {"amountCents": "5000", "recurring": False},
        {"amountCents": "1000", "recurring": True},
    ]
    taken = {"customerId": customer["id"], "planId": str(plan.id), "billingTime": "calendar", "externalId": "own"}
    for mutation in (CREATE, FORESEE):
        refused = await world.error(mutation, i=taken)
        assert refused["extensions"]["details"] == {"externalId": ["value_already_exist"]}, "no silent plan change"
    child = {**taken, "externalId": "x", "planId": await _plan_of(world, made["id"])}
    assert (await world.error(CREATE, i=child))["extensions"]["details"] == {"plan": ["not_found"]}


async def _plan_of(world: World, subscription: str) -> str:
    found = await world.data(f'{{ subscription(id: "{subscription}") {{ plan {{ id }} }} }}')
    plan_id: str = found["subscription"]["plan"]["id"]
    return plan_id


async def test_edits_are_foreseen_and_made(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 1)
    [subscription] = (await _customer(world))["subscriptions"]
    change = {
        "id": subscription["id"], "name": "Production", "endingAt": "2024-02-20T10:00:00Z",
        "onTerminationCreditNote": "refund",
        "planOverrides": {"amountCents": "2900", "minimumCommitment": {"amountCents": "4000"}},
        "usageThresholds": [{"amountCents": "7000"}],
    }  # fmt: skip
    before = await _books(world)
    seen = (await world.data(FORESEE_UPDATE, i=change))["previewSubscriptionUpdate"]
    assert await _books(world) == before
    assert seen["outcome"] == "updated"
    assert seen["endsAt"] == "2024-02-20T00:00:00.000Z", "endings are at local midnight, 03 §6.6"
    assert seen["nextInvoice"]["at"] == "2024-02-01T00:00:00.000Z"
    assert seen["nextInvoice"]["fees"][0]["amountCents"] == "2900", "the whole month in advance; credited at the end"
    done = (await world.data(UPDATE, i=change))["updateSubscription"]
    assert (done["name"], done["onTerminationCreditNote"]) == ("Production", "refund")
    assert done["plan"] == {
        "amountCents": "2900", "isOverridden": True, "minimumCommitment": {"amountCents": "4000"},
        "charges": [{"properties": {"amount": "0.05"}}],
    }  # fmt: skip
    assert done["applicableUsageThresholds"] == [{"amountCents": "7000"}]
    cleared = (await world.data(UPDATE, i={"id": subscription["id"], "endingAt": None}))["updateSubscription"]
    assert cleared["endingAt"] is None
    assert cleared["name"] == "Production", "what is left out stays"
    wrong = await world.error(FORESEE_UPDATE, i={"id": subscription["id"], "endingAt": "2024-01-15T23:00:00Z"})
    assert wrong["extensions"]["details"] == {"endingAt": ["invalid_date"]}
    refused = await world.error(UPDATE, "finance", i={"id": subscription["id"], "name": "x"})
    assert refused["extensions"]["requiredPermissions"] == ["subscriptions:update"]
    await world.data(TERMINATE, i={"id": subscription["id"]})
    for mutation in (UPDATE, FORESEE_UPDATE, FORESEE_END):
        gone = await world.error(mutation, i={"id": subscription["id"]})
        assert gone["extensions"]["code"] == "not_found"


async def test_03_6_8_an_upgrade_in_advance_is_foreseen_to_the_cent(world: World) -> None:
    """2900 -> 29000 on 12 February 2024: credit 1800, and 18000 billed now."""
    await _at(world, 2024, 2, 1)
    small = await make_plan(world, code="small", amount_cents=2900)
    large = await make_plan(world, code="large", amount_cents=29000)
    await make_customers(world, small, 1)
    customer = await _customer(world)
    [subscription] = customer["subscriptions"]
    await _at(world, 2024, 2, 12, 9)
    asked = {
        "customerId": customer["id"], "planId": str(large.id), "billingTime": "calendar",
        "subscriptionId": subscription["id"],
    }  # fmt: skip
    before = await _books(world)
    seen = (await world.data(FORESEE, i=asked))["previewSubscription"]
    assert await _books(world) == before, "nothing is stored"
    assert (seen["outcome"], seen["planName"]) == ("upgraded", "Large")
    assert seen["takesEffectAt"] == "2024-02-12T09:00:00.000Z"
    assert (seen["periodFrom"], seen["periodTo"]) == ("2024-02-01T00:00:00.000Z", "2024-02-29T00:00:00.000Z")
    assert [note["totalAmountCents"] for note in seen["creditNotes"]] == ["1800"]
    [invoice] = seen["invoices"]
    assert {fee["feeType"]: fee["amountCents"] for fee in invoice["fees"] if fee["amountCents"] != "0"} == {
        "subscription": "18000"
    }
    assert invoice["creditNotesAmountCents"] == "1800"
    assert invoice["totalAmountCents"] == "16200"
    assert seen["nextInvoice"]["at"] == "2024-03-01T00:00:00.000Z"
    assert seen["nextInvoice"]["feesAmountCents"] == "29000"
    made = (await world.data(CREATE, i=asked))["createSubscription"]
    assert made["externalId"] == "sub_c0"
    assert made["plan"]["code"] == "large"
    async with world.runtime.database.reading() as session:
        latest = text("select total_amount_cents from invoices order by created_at desc, id desc limit 1")
        assert await session.scalar(latest) == 16200, "what was foreseen is what came"
    stale = await world.error(CREATE, i=asked)
    assert stale["extensions"]["code"] == "not_found", "the subscription that was shown is not the running one any more"


async def test_03_6_9_a_downgrade_waits_for_the_end_of_the_period(world: World) -> None:
    """10000 monthly calendar in arrears, asked in February 2024: on 1 March 10000 for February."""
    await _at(world, 2024, 2, 1)
    large = await make_plan(world, code="large", amount_cents=10000, pay_in_advance=False)
    small = await make_plan(world, code="small", amount_cents=900, pay_in_advance=False)
    await make_customers(world, large, 1)
    customer = await _customer(world)
    [subscription] = customer["subscriptions"]
    await _at(world, 2024, 2, 12, 9)
    asked = {
        "customerId": customer["id"], "planId": str(small.id), "billingTime": "calendar",
        "subscriptionId": subscription["id"],
    }  # fmt: skip
    seen = (await world.data(FORESEE, i=asked))["previewSubscription"]
    assert (seen["outcome"], seen["planName"]) == ("downgraded", "Small")
    assert seen["takesEffectAt"] == "2024-03-01T00:00:00.000Z"
    assert (seen["invoices"], seen["creditNotes"]) == ([], [])
    assert seen["nextInvoice"]["at"] == "2024-03-01T00:00:00.000Z"
    assert seen["nextInvoice"]["feesAmountCents"] == "10000"
    done = (await world.data(CREATE, i=asked))["createSubscription"]
    assert (done["id"], done["nextPlanCode"], done["downgradePlanDate"]) == (subscription["id"], "small", "2024-03-01")
    again = (await world.data(FORESEE, i={**asked, "planId": str(large.id)}))["previewSubscription"]
    assert again["outcome"] == "unchanged"


async def test_03_6_7_a_termination_is_foreseen_with_each_option(world: World) -> None:
    """2900 calendar in advance, terminated 12 February 2024: 17 of 29 days, 1700."""
    await _at(world, 2024, 2, 1)
    await make_customers(world, await make_plan(world, amount_cents=2900), 1)
    [subscription] = (await _customer(world))["subscriptions"]
    await _at(world, 2024, 2, 12, 9)
    await send_usage(world, "sub_c0", 0)
    before = await _books(world)

    async def seen(**options: str) -> dict[str, Any]:
        found: dict[str, Any] = (await world.data(FORESEE_END, i={"id": subscription["id"], **options}))[
            "previewSubscriptionTermination"
        ]
        return found

    credit = await seen(onTerminationCreditNote="credit")
    assert credit["outcome"] == "terminated"
    assert credit["takesEffectAt"] == "2024-02-12T09:00:00.000Z"
    assert credit["creditNotes"] == [
        {"totalAmountCents": "1700", "creditAmountCents": "1700", "refundAmountCents": "0", "offsetAmountCents": "0"}
    ]
    assert credit["nextInvoice"] is None
    assert len(credit["invoices"]) == 1
    offset = await seen(onTerminationCreditNote="offset", onTerminationInvoice="skip")
    assert offset["creditNotes"][0]["offsetAmountCents"] == "1700", "nothing was paid, so nothing is paid back"
    assert offset["invoices"] == []
    assert (await seen(onTerminationCreditNote="skip"))["creditNotes"] == []
    assert await _books(world) == before


async def test_starts_are_foreseen(world: World) -> None:
    """Today, in the future, in the past and with a trial (03 §6.4, §5); zones are the customer's."""
    advance = await make_plan(world, code="advance", amount_cents=3100)
    arrears = await make_plan(world, code="arrears", amount_cents=3100, pay_in_advance=False)
    await make_customers(world, advance, 1)
    customer = await _customer(world)

    async def seen(plan: Any, **more: Any) -> dict[str, Any]:
        asked = {"customerId": customer["id"], "planId": str(plan.id), "billingTime": "calendar", **more}
        found: dict[str, Any] = (await world.data(FORESEE, i=asked))["previewSubscription"]
        return found

    today = await seen(advance)
    assert today["outcome"] == "started"
    assert [invoice["totalAmountCents"] for invoice in today["invoices"]] == ["1700"], "17 of 31 days"
    assert today["nextInvoice"]["at"] == "2024-02-01T00:00:00.000Z"
    late = await seen(arrears)
    assert late["invoices"] == []
    assert late["nextInvoice"]["at"] == "2024-02-01T00:00:00.000Z"
    assert late["nextInvoice"]["fees"][0]["firstOn"] == "2024-01-15"
    assert late["nextInvoice"]["fees"][0]["lastOn"] == "2024-01-31"
    assert late["nextInvoice"]["feesAmountCents"] == "1700"
    future = await seen(advance, subscriptionAt="2024-03-10T15:00:00Z", billingTime="anniversary")
    assert future["outcome"] == "scheduled"
    assert future["takesEffectAt"] == "2024-03-10T00:00:00.000Z"
    assert (future["periodFrom"], future["periodTo"]) == ("2024-03-10T00:00:00.000Z", "2024-04-09T00:00:00.000Z")
    assert future["nextInvoice"]["at"] == "2024-03-10T00:00:00.000Z"
    assert future["nextInvoice"]["feesAmountCents"] == "3100"
    past = await seen(advance, subscriptionAt="2023-11-10T00:00:00Z")
    assert past["outcome"] == "started"
    assert past["invoices"] == [], "a past start never invoices, 03 §6.4"
    assert (past["nextInvoice"]["at"], past["nextInvoice"]["feesAmountCents"]) == ("2024-02-01T00:00:00.000Z", "3100")
    trial = await seen(advance, planOverrides={"trialPeriod": "7"})
    assert trial["invoices"] == []
    assert trial["trialEndsAt"] == "2024-01-22T10:00:00.000Z"
    assert trial["nextInvoice"]["at"] == "2024-01-22T10:00:00.000Z"
    assert trial["nextInvoice"]["feesAmountCents"] == "1000", "10 of 31 days from the day the trial ends"
    ending = await seen(arrears, endingAt="2024-01-20T00:00:00Z")
    assert ending["nextInvoice"]["at"] == "2024-01-20T00:00:00.000Z"
    assert ending["nextInvoice"]["feesAmountCents"] == "600", "the ending day is billed"
    zone = "mutation($i: UpdateCustomerInput!) { updateCustomer(input: $i) { id } }"
    await world.data(zone, i={"id": customer["id"], "timezone": "Asia/Tokyo"})
    tokyo = await seen(arrears, subscriptionAt="2024-03-10T15:00:00Z")
    assert tokyo["timezone"] == "Asia/Tokyo"
    assert tokyo["takesEffectAt"] == "2024-03-10T15:00:00.000Z", "midnight of 11 March in Tokyo"
    wrong = await world.error(FORESEE, i={"customerId": customer["id"], "planId": str(advance.id),
                                          "billingTime": "calendar", "endingAt": "2023-01-01T00:00:00Z"})  # fmt: skip
    assert wrong["extensions"]["details"] == {"endingAt": ["invalid_date"]}


async def test_figures_are_those_of_issued_invoices(world: World) -> None:
    """A grace period keeps invoices as drafts, whose credits are not taken yet; the outlook sees past it."""
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update organizations set invoice_grace_period = 3 where slug = 'acme-search'"))
    plan = await make_plan(world)
    await make_customers(world, plan, 1)
    customer = await _customer(world)
    [subscription] = customer["subscriptions"]
    await send_usage(world, "sub_c0", 12)
    before = await _books(world)
    asked = {"customerId": customer["id"], "planId": str(plan.id), "billingTime": "calendar"}
    seen = (await world.data(FORESEE, i=asked))["previewSubscription"]
    assert [invoice["totalAmountCents"] for invoice in seen["invoices"]] == ["1700"]
    ending = (await world.data(FORESEE_END, i={"id": subscription["id"]}))["previewSubscriptionTermination"]
    assert ending["creditNotes"][0]["totalAmountCents"] == "1600", "16 of 31 days; today is kept"
    assert [invoice["feesAmountCents"] for invoice in ending["invoices"]] == ["0"], "events of later do not count"
    assert await _books(world) == before
    query = '{ customer(externalId: "c0") { invoices { collection { status } } } }'
    found = (await world.data(query))["customer"]["invoices"]["collection"]
    assert found == [{"status": "draft"}]
    async with world.runtime.database.reading() as session:
        assert await session.scalar(text("select invoice_grace_period from customers")) is None


async def test_a_scheduled_start_is_replaced_and_moved(world: World) -> None:
    small = await make_plan(world, code="small", amount_cents=900)
    large = await make_plan(world, code="large", amount_cents=9000)
    await make_customers(world, small, 1)
    customer = await _customer(world)
    base = {"customerId": customer["id"], "billingTime": "calendar"}
    made = (await world.data(CREATE, i={**base, "planId": str(small.id), "subscriptionAt": "2024-03-10T00:00:00Z"}))[
        "createSubscription"
    ]
    assert made["status"] == "pending"
    changed = {**base, "planId": str(large.id), "subscriptionId": made["id"]}
    assert (await world.data(FORESEE, i=changed))["previewSubscription"]["outcome"] == "rescheduled"
    assert (await world.data(CREATE, i=changed))["createSubscription"]["id"] == made["id"]
    moved = {"id": made["id"], "subscriptionAt": "2024-01-15T08:00:00Z"}
    assert (await world.data(FORESEE_UPDATE, i=moved))["previewSubscriptionUpdate"]["outcome"] == "started"
    started = (await world.data(UPDATE, i=moved))["updateSubscription"]
    assert (started["status"], started["startedAt"]) == ("active", "2024-01-15T08:00:00.000Z")


async def test_what_a_subscription_says_about_its_neighbours_and_its_past(world: World) -> None:
    large = await make_plan(world, code="large", amount_cents=10000)
    small = await make_plan(world, code="small", amount_cents=900)
    await make_customers(world, large, 2)
    customer = await _customer(world)
    [subscription] = customer["subscriptions"]
    query = """{ subscriptions { collection { id trialEndsAt nextBillingAt nextSubscription { status plan { code } }
        previousSubscription { id } plan { parent { code } } billedPeriods { invoicingReason invoice { number } }
        pastUsage { collection { amountCents } metadata { totalCount } } } } }"""
    change = {"customerId": customer["id"], "planId": str(small.id), "billingTime": "calendar",
              "subscriptionId": subscription["id"]}  # fmt: skip
    await world.data(CREATE, i=change)
    await world.data(UPDATE, i={"id": subscription["id"], "planOverrides": {"trialPeriod": "2"}})
    found = {item["id"]: item for item in (await world.data(query))["subscriptions"]["collection"]}
    assert len(found) == 3, "the pending downgrade is one of its own"
    mine = found.pop(subscription["id"])
    assert mine["nextSubscription"] == {"status": "pending", "plan": {"code": "small"}}
    assert mine["previousSubscription"] is None
    assert mine["plan"] == {"parent": {"code": "large"}}
    assert mine["trialEndsAt"] == "2024-01-17T10:00:00.000Z"
    assert mine["nextBillingAt"] == "2024-02-01T00:00:00.000Z"
    [period] = mine["billedPeriods"]
    assert period["invoicingReason"] == "subscription_starting"
    assert period["invoice"]["number"].endswith("-001-001")
    assert mine["pastUsage"] == {"collection": [], "metadata": {"totalCount": 0}}
    [pending] = [item for item in found.values() if item["previousSubscription"]]
    assert pending["previousSubscription"] == {"id": subscription["id"]}
    assert (pending["trialEndsAt"], pending["nextBillingAt"]) == (None, None)
    as_finance = await world.data(query, "finance")
    assert as_finance["subscriptions"]["collection"][0]["billedPeriods"] is not None


async def test_search_finds_the_full_id(world: World) -> None:
    await make_customers(world, await make_plan(world), 2)
    [subscription] = (await _customer(world))["subscriptions"]
    query = "query($t: String) { subscriptions(searchTerm: $t) { collection { id } } }"
    assert (await world.data(query, t=subscription["id"]))["subscriptions"]["collection"] == [
        {"id": subscription["id"]}
    ]
    assert (await world.data(query, t=subscription["id"][:20]))["subscriptions"]["collection"] == []
