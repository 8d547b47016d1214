"""Objects over GraphQL: what is written, what it costs to read, and the sandbox clock (spec 07 §6.2, 09 §1)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.kernel.outbox import enqueue
from tests.graphql.support import Statements, World, make_customers, make_plan, send_usage

LISTS = {
    "customers": """{ customers(limit: %d) { collection { id displayName activeSubscriptionsCount subscriptionsCount
        invoicesCount overdueBalances { amountCents } grossRevenues { amountCents } metadata { key } taxes { code }
        subscriptions { plan { code chargesCount } currentBillingPeriodEndingAt } } metadata { totalCount } } }""",
    "invoices": """{ invoices(limit: %d) { collection { number totalAmountCents customer { displayName } fileUrl
        fees { itemName amountCents appliedTaxes { taxCode } } appliedTaxes { taxCode } errorDetails { id }
        invoiceSubscriptions { subscription { externalId plan { name } } } } metadata { totalCount } } }""",
    "subscriptions": """{ subscriptions(limit: %d) { collection { externalId customer { displayName }
        plan { name activeSubscriptionsCount customersCount draftInvoicesCount } nextPlanCode applicableTimezone }
        metadata { totalCount } } }""",
}


async def test_lists_cost_the_same_for_25_and_100_rows(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 100)
    for name, query in LISTS.items():
        counts: list[int] = []
        for limit in (25, 100):
            with Statements(world.runtime) as seen:
                found = (await world.data(query % limit))[name]
            assert len(found["collection"]) == limit
            assert found["metadata"]["totalCount"] == 100
            counts.append(len(seen.texts))
        assert counts[0] == counts[1], name
        assert counts[0] < 25, name


async def test_catalogue_lists_cost_the_same(world: World) -> None:
    query = """{ plans(limit: %d) { collection { code charges { code billableMetric { code plansCount } filters { id }
        taxes { code } } taxes { code } chargesCount activeSubscriptionsCount } } }"""
    for number in range(12):
        await make_plan(world, code=f"p{number}")
    counts: list[int] = []
    for limit in (3, 12):
        with Statements(world.runtime) as seen:
            found = (await world.data(query % limit))["plans"]["collection"]
        assert len(found) == limit
        assert found[0]["charges"][0]["billableMetric"]["plansCount"] == 1
        counts.append(len(seen.texts))
    assert counts[0] == counts[1]


async def test_a_customer_from_form_to_termination(world: World) -> None:
    plan = await make_plan(world)
    create = "mutation($i: CreateCustomerInput!) { createCustomer(input: $i) { id displayName currency timezone } }"
    made = (await world.data(create, "manager", i={"externalId": "a1", "name": "Acme", "currency": "eur"}))[
        "createCustomer"
    ]
    assert made["currency"] == "EUR"
    again = await world.error(create, "manager", i={"externalId": "a1"})
    assert again["extensions"]["details"] == {"externalId": ["value_already_exist"]}
    wrong = await world.error(
        create, "manager", i={"externalId": "a2", "currency": "EURO", "timezone": "Mars", "email": "x"}
    )
    assert wrong["extensions"]["details"] == {
        "currency": ["value_is_invalid"],
        "timezone": ["invalid_timezone"],
        "email": ["invalid_email_format"],
    }
    update = "mutation($i: UpdateCustomerInput!) { updateCustomer(input: $i) { name timezone email } }"
    changed = await world.data(update, i={"id": made["id"], "timezone": "Asia/Tokyo"})
    assert changed["updateCustomer"] == {"name": "Acme", "timezone": "Asia/Tokyo", "email": None}
    assert (await world.data(update, i={"id": made["id"], "timezone": None}))["updateCustomer"]["timezone"] is None

    subscribe = """mutation($i: CreateSubscriptionInput!) { createSubscription(input: $i) {
        id externalId status startedAt customer { invoices { collection { totalAmountCents status } } } } }"""
    subscribed = await world.data(
        subscribe, i={"customerId": made["id"], "planId": str(plan.id), "billingTime": "calendar", "externalId": "s1"}
    )
    subscription = subscribed["createSubscription"]
    assert subscription["startedAt"] == "2024-01-15T10:00:00.000Z"
    # 09 §1: 3100 monthly in advance from January 15: 17 of 31 days, in text because it is a BigInt.
    assert subscription["customer"]["invoices"]["collection"] == [{"totalAmountCents": "1700", "status": "finalized"}]

    terminate = """mutation($i: TerminateSubscriptionInput!) { terminateSubscription(input: $i) { status
        terminatedAt } }"""
    refused = await world.error(terminate, "finance", i={"id": subscription["id"]})
    assert refused["extensions"]["requiredPermissions"] == ["subscriptions:update"]
    ended = (await world.data(terminate, i={"id": subscription["id"]}))["terminateSubscription"]
    assert ended["status"] == "terminated"
    assert (await world.error(terminate, i={"id": subscription["id"]}))["extensions"]["code"] == "not_found"


async def test_usage_drafts_and_documents(world: World) -> None:
    plan = await make_plan(world, pay_in_advance=False)
    await make_customers(world, plan, 1)
    await send_usage(world, "sub_c0", 12)
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update organizations set invoice_grace_period = 3 where slug = 'acme-search'"))
    found = (
        await world.data(
            """{ customer(externalId: "c0") { id subscriptions { id currentUsage { amountCents chargesUsage { units
            amountCents billableMetric { code } } } } } }"""
        )
    )["customer"]
    usage = found["subscriptions"][0]["currentUsage"]
    assert usage["amountCents"] == "60"
    assert usage["chargesUsage"] == [{"units": "12.0", "amountCents": "60", "billableMetric": {"code": "calls_scale"}}]
    advance = """mutation($now: ISO8601DateTime!) { advanceTestClock(input: {now: $now}) { now status nextDueAt
        failedJobs { name error } } }"""
    clock = (await world.data(advance, now="2024-02-01T02:00:00Z"))["advanceTestClock"]
    assert clock["now"] == "2024-02-01T02:00:00.000Z"
    assert clock["status"] == "ready"
    assert clock["failedJobs"] == []
    listed = (await world.data("{ invoices(status: [draft]) { collection { id number totalAmountCents } } }"))[
        "invoices"
    ]
    [draft] = listed["collection"]
    assert draft["totalAmountCents"] == str(1700 + 60)
    download = 'mutation {{ downloadInvoice(input: {{id: "{}"}}) {{ fileUrl }} }}'.format(draft["id"])
    assert (await world.error(download))["extensions"]["code"] == "is_draft"
    refreshed = await world.data('mutation {{ refreshInvoice(input: {{id: "{}"}}) {{ status }} }}'.format(draft["id"]))
    assert refreshed["refreshInvoice"]["status"] == "draft"
    finalize = 'mutation {{ finalizeInvoice(input: {{id: "{}"}}) {{ status number fileUrl }} }}'.format(draft["id"])
    issued = (await world.data(finalize))["finalizeInvoice"]
    assert issued["status"] == "finalized"
    first = (await world.data(download))["downloadInvoice"]["fileUrl"]
    assert first.startswith("http://127.0.0.1:8000/files/")
    assert (await world.data(download))["downloadInvoice"]["fileUrl"] == first
    counts = (await world.data("{ invoiceCounts { draft outstanding overdue disputed failed } }"))["invoiceCounts"]
    assert counts == {"draft": 0, "outstanding": 1, "overdue": 0, "disputed": 0, "failed": 0}


async def test_the_clock_answers_at_once_when_asked_to(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 2)
    begin = """mutation { advanceTestClock(input: {now: "2024-06-01T02:00:00Z", respondAsync: true}) { status target
        startedFrom } }"""
    begun = (await world.data(begin))["advanceTestClock"]
    assert begun == {
        "status": "advancing",
        "target": "2024-06-01T02:00:00.000Z",
        "startedFrom": "2024-01-15T10:00:00.000Z",
    }
    services = world.app.state.graphql_services
    await services.clocks._walks[world.organization.id]
    state = await world.data("{ testClock { now status target } organization { clock { now } } }")
    assert state["testClock"] == {"now": "2024-06-01T02:00:00.000Z", "status": "ready", "target": None}
    assert (await world.data("{ invoices { metadata { totalCount } } }"))["invoices"]["metadata"]["totalCount"] == 12
    back = await world.error('mutation { advanceTestClock(input: {now: "2024-01-01"}) { now } }')
    assert back["extensions"]["details"] == {"now": ["value_is_out_of_range"]}


async def test_a_live_organization_has_no_clock(world: World) -> None:
    async with world.client("stranger", world.other.id) as client:
        body = (
            await client.post("/graphql", json={"query": "{ testClock { now } organization { clock { now } } }"})
        ).json()
    assert body["errors"][0]["extensions"] == {"status": 403, "code": "not_a_sandbox"}
    assert body["data"]["organization"]["clock"] is None


async def test_jobs_can_be_retried_when_they_failed(world: World) -> None:
    async with world.runtime.database.transaction() as session:
        for number in range(2):
            await enqueue(session, world.organization.id, "demo.work", {"number": number})
        await enqueue(session, world.other.id, "foreign.work", {})
        await session.execute(
            text(
                "update jobs set status = 'failed', attempts = 5, error = E'Traceback\\nValueError: no'"
                " where arguments->>'number' = '0'"
            )
        )
    listed = (await world.data("{ jobs { collection { id name status error arguments } } }"))["jobs"]["collection"]
    assert {job["name"] for job in listed} == {"demo.work"}
    failed = next(job for job in listed if job["status"] == "failed")
    assert failed["error"] == "ValueError: no"
    retry = 'mutation {{ retryJob(input: {{id: "{}"}}) {{ status attempts error }} }}'.format(failed["id"])
    assert (await world.data(retry))["retryJob"] == {"status": "queued", "attempts": 0, "error": None}
    assert (await world.error(retry))["extensions"] == {"status": 405, "code": "is_not_failed"}
    counted = {row["status"]: row["count"] for row in (await world.data("{ jobCounts { status count } }"))["jobCounts"]}
    assert counted == {"queued": 2, "running": 0, "retrying": 0, "succeeded": 0, "failed": 0}


async def test_search_puts_exact_hits_first_and_keeps_to_permissions(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 12, prefix="alpha")
    query = """query($t: String!) { search(term: $t) { customers { externalId } invoices { number }
        subscriptions { externalId } plans { code } billableMetrics { code } } }"""
    found: dict[str, Any] = (await world.data(query, t="alpha1"))["search"]
    assert [item["externalId"] for item in found["customers"]] == ["alpha1", "alpha10", "alpha11"] or (
        found["customers"][0]["externalId"] == "alpha1"
    )
    assert len((await world.data(query, t="alpha"))["search"]["customers"]) == 5
    assert (await world.data(query, t="al"))["search"]["customers"] == []
    assert (await world.data(query, t="100%"))["search"]["customers"] == []
    assert (await world.data(query, t="calls"))["search"]["billableMetrics"] == [{"code": "calls_scale"}]
    assert (await world.data(query, "finance", t="calls"))["search"]["billableMetrics"] == []


@pytest.mark.parametrize(("limit", "expected"), [(0, 25), (None, 25), (5000, 1000), (7, 7)])
async def test_page_sizes(world: World, limit: int | None, expected: int) -> None:
    query = "query($l: Int) { customers(limit: $l, page: -3) { metadata { limitValue currentPage totalPages } } }"
    assert (await world.data(query, l=limit))["customers"]["metadata"] == {
        "limitValue": expected,
        "currentPage": 0,
        "totalPages": 0,
    }
