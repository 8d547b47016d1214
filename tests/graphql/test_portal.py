"""The portal over GraphQL (spec 07 §5.4): every operation of its table, and nothing else by a portal token."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLArgument, GraphQLEnumType, GraphQLInputObjectType, GraphQLList, GraphQLNonNull
from sqlalchemy import select, text
from sqlmodel import col

from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.customers.deletion import delete_customer
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.endpoints import create_endpoint
from billwright.billing.notifications.schemas import EndpointInput
from billwright.billing.portal import links
from billwright.billing.subscriptions.schemas import SubscriptionCreate
from billwright.billing.subscriptions.service import create_subscription
from billwright.billing.wallets.models import Wallet, WalletTransaction
from billwright.billing.wallets.schemas import WalletInput
from billwright.billing.wallets.service import create_wallet
from billwright.graphql.application import PORTAL_HEADER
from billwright.graphql.errors import camel_case
from billwright.graphql.permissions import IsPortalCustomer
from billwright.graphql.persisted import operations
from billwright.graphql.schema import Mutation, Query, schema
from billwright.jobs.registration import register_handlers
from tests.graphql.support import Statements, World, make_customers, make_plan, send_usage

PORTAL = {
    "customerPortalUser", "customerPortalOrganization", "customerPortalSubscriptions", "customerPortalSubscription",
    "customerPortalCustomerUsage", "customerPortalCustomerProjectedUsage", "customerPortalWallets",
    "customerPortalWallet", "customerPortalInvoices", "customerPortalInvoiceCollections",
    "customerPortalOverdueBalances", "downloadCustomerPortalInvoice", "generateCustomerPortalPaymentUrl",
    "createCustomerPortalWalletTransaction", "updateCustomerPortalCustomer",
}  # fmt: skip
"""The table of spec 07 §5.4."""


class Portal:
    """A customer that asks with its link's token."""

    def __init__(self, world: World, customer_id: UUID) -> None:
        self.world = world
        self.customer_id = customer_id
        self.token = world.settings.portal_links.issue(customer_id)

    async def ask(self, query: str, http: int = 200, role: str | None = None, **variables: Any) -> dict[str, Any]:
        async with self.world.client(role, **{PORTAL_HEADER: self.token}) as client:
            answer = await client.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == http, answer.text
        return answer.json()

    async def data(self, query: str, **variables: Any) -> Any:
        answer = await self.ask(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def error(self, query: str, http: int = 200, **variables: Any) -> dict[str, Any]:
        answer = await self.ask(query, http, **variables)
        assert len(answer["errors"]) == 1, answer
        return answer["errors"][0]["extensions"]


async def customer_id(world: World, external_id: str) -> UUID:
    async with world.runtime.database.reading() as session:
        found = await session.scalar(select(Customer.id).where(col(Customer.external_id) == external_id))
    assert found is not None
    return found


async def id_of(world: World, table: str, customer: UUID) -> str:
    async with world.runtime.database.reading() as session:
        found = await session.scalar(
            text(f"select id from {table} where customer_id = :customer order by created_at limit 1"),
            {"customer": customer},
        )
    return str(found)


async def make_wallet(world: World, external_id: str = "c0", **more: Any) -> Wallet:
    async with world.runtime.database.transaction() as session:
        values = {"external_customer_id": external_id, "currency": "EUR", "rate_amount": "2", "paid_credits": "0",
                  "granted_credits": "0", **more}  # fmt: skip
        return await create_wallet(await world.fresh(session), WalletInput.parse(values))


@pytest.fixture
async def portal(world: World) -> Portal:
    """Customer ``c0``, one of two on a plan in advance with twelve calls; each has a finalized invoice of 17.00."""
    await make_customers(world, await make_plan(world), 2)
    await send_usage(world, "sub_c0", 12)
    return Portal(world, await customer_id(world, "c0"))


# --- who reaches what ----------------------------------------------------------------------------------------


def _literal(kind: Any) -> str:
    """Any value of an argument's type, so that an operation passes validation."""
    if isinstance(kind, GraphQLNonNull):
        return _literal(kind.of_type)
    if isinstance(kind, GraphQLList):
        return f"[{_literal(kind.of_type)}]"
    if isinstance(kind, GraphQLInputObjectType):
        needed = {name: field.type for name, field in kind.fields.items() if isinstance(field.type, GraphQLNonNull)}
        return "{" + ", ".join(f"{name}: {_literal(of)}" for name, of in needed.items()) + "}"
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    return {"Int": "1", "Boolean": "true", "BigInt": '"1"', "Decimal": '"1"', "ISO8601Date": '"2024-01-01"',
            "ISO8601DateTime": '"2024-01-01T00:00:00Z"', "JSON": "{}"}.get(kind.name, '"x"')  # fmt: skip


def _selection(kind: Any) -> str:
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    return " { __typename }" if hasattr(kind, "fields") else ""


def _operations() -> Iterator[tuple[str, str]]:
    """Name and a valid operation of every root field."""
    graph = schema()._schema
    for word, root in (("query", graph.query_type), ("mutation", graph.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            needed: dict[str, GraphQLArgument] = {
                key: argument for key, argument in field.args.items() if isinstance(argument.type, GraphQLNonNull)
            }
            arguments = ", ".join(f"{key}: {_literal(argument.type)}" for key, argument in needed.items())
            yield name, f"{word} {{ {name}{f'({arguments})' if arguments else ''}{_selection(field.type)} }}"


async def test_a_portal_token_reaches_the_portal_and_nothing_else(portal: Portal) -> None:
    """Every root field, with an admin's session beside the token: the token alone counts."""
    reached: set[str] = set()
    for name, operation in _operations():
        answer = await portal.ask(operation, role="admin")
        errors = answer.get("errors", [])
        assert not any(error["extensions"]["status"] in (400, 500) for error in errors), (name, errors)
        if not any(error["extensions"]["status"] == 401 for error in errors):
            reached.add(name)
    assert reached == PORTAL


async def test_a_session_reaches_no_operation_of_the_portal(portal: Portal) -> None:
    for name, operation in _operations():
        if name in PORTAL:
            error = await portal.world.error(operation)
            assert error["extensions"] == {"status": 401, "code": "unauthorized"}, name


def test_exactly_the_table_s_operations_are_the_portal_s() -> None:
    found = {
        camel_case(field.python_name)
        for root in (Query, Mutation)
        for field in root.__strawberry_definition__.fields
        if field.permission_classes == [IsPortalCustomer]
    }
    assert found == PORTAL


def test_types_of_the_portal_lead_nowhere_else() -> None:
    """Spec 07 §10, trap 16: from the portal's operations no type of the back office can be reached."""
    graph = schema()._schema
    assert graph.query_type is not None
    assert graph.mutation_type is not None
    pending = [
        f.type for root in (graph.query_type, graph.mutation_type) for n, f in root.fields.items() if n in PORTAL
    ]
    seen: set[str] = set()
    while pending:
        kind: Any = pending.pop()
        while hasattr(kind, "of_type"):
            kind = kind.of_type
        if hasattr(kind, "fields") and kind.name not in seen:
            seen.add(kind.name)
            pending.extend(field.type for field in kind.fields.values())
    assert {name for name in seen if not name.startswith("CustomerPortal")} <= {
        "CollectionMetadata", "WalletCollectionMetadata",
    }  # fmt: skip
    organization = graph.type_map["CustomerPortalOrganization"]
    assert set(organization.fields) == {"id", "name", "logoUrl", "defaultCurrency", "timezone", "documentLocale"}


async def test_other_tokens_open_nothing(world: World) -> None:
    async with world.client("admin") as client:
        for token in ("", "x", "a.b.c", "0" * 400, "é"):
            headers = {PORTAL_HEADER: token.encode("latin-1")}
            answer = await client.post("/graphql", json={"query": "{ customerPortalUser { id } }"}, headers=headers)
            assert answer.json()["errors"][0]["extensions"] == {"status": 401, "code": "unauthorized"}, token
            assert answer.json()["data"] == {"customerPortalUser": None}


async def test_session_tokens_and_portal_tokens_are_not_one_another(portal: Portal) -> None:
    as_session = portal.world.client(None, authorization=f"Bearer {portal.token}")
    async with as_session as client:
        answer = (await client.post("/graphql", json={"query": "{ currentUser { id } }"})).json()
    assert answer["errors"][0]["extensions"]["code"] == "unauthorized"
    portal.token = portal.world.tokens["admin"]
    assert (await portal.error("{ customerPortalUser { id } }"))["code"] == "unauthorized"


async def test_links_end_after_twelve_hours_of_system_time(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox of this test stands at January 2024: its clock has no say."""
    real = links.system_now()
    for passed, expected in ((timedelta(hours=12), True), (timedelta(hours=12, seconds=2), False)):
        monkeypatch.setattr(links, "system_now", lambda passed=passed: real + passed)
        answer = await portal.ask("{ customerPortalUser { id } }")
        assert ("errors" not in answer) is expected


async def test_deleting_the_customer_or_changing_the_secret_ends_its_links(portal: Portal) -> None:
    other = links.PortalLinks("another secret of forty characters, at least", "")
    assert other.read(portal.token) is None
    assert portal.world.settings.portal_links.read(portal.token) is not None
    async with portal.world.runtime.database.transaction() as session:
        await delete_customer(await portal.world.fresh(session), "c0")
    assert await portal.error("{ customerPortalUser { id } }") == {"status": 401, "code": "unauthorized"}


async def test_a_setting_restricts_tokens_to_the_portal_s_own_operations(portal: Portal) -> None:
    strict = portal.world.settings.model_copy(update={"portal_persisted_operations_only": True})
    portal.world.app.state.settings = strict
    assert (await portal.error("{ customerPortalUser { id } }"))["code"] == "unknown_operation"
    assert (await portal.data(operations()["PortalInformation"].text))["customerPortalUser"]["name"] == "Customer c0"
    assert (await portal.world.data("{ currentUser { id } }"))["currentUser"]


async def test_the_back_office_makes_links(portal: Portal) -> None:
    mutation = "mutation($id: ID!) { generateCustomerPortalUrl(input: {id: $id}) { url } }"
    for role in ("admin", "manager", "finance"):
        url = (await portal.world.data(mutation, role, id=str(portal.customer_id)))["generateCustomerPortalUrl"]["url"]
        head, _, token = url.rpartition("/")
        assert head == f"{portal.world.settings.app_url}/customer-portal"
        found = portal.world.settings.portal_links.read(token)
        assert found is not None
        assert found.customer_id == portal.customer_id
    error = await portal.world.error(mutation, id=str(new_id()))
    assert error["extensions"]["details"] == {"customer": ["not_found"]}


# --- reading -------------------------------------------------------------------------------------------------


async def test_the_customer_and_its_supplier(portal: Portal) -> None:
    async with portal.world.runtime.database.transaction() as session:
        await session.execute(
            text("update organizations set document_locale = 'fr', timezone = 'Europe/Paris', logo = :logo,"
                 " logo_content_type = 'image/png' where id = :id"),
            {"id": portal.world.organization.id, "logo": b"png"},
        )  # fmt: skip
    data = await portal.data(
        "{ customerPortalUser { id name currency email applicableTimezone documentLocale applicableDocumentLocale"
        " organizationDocumentLocale hasPaymentProvider shippingAddress { city } }"
        " customerPortalOrganization { name logoUrl defaultCurrency timezone documentLocale } }"
    )
    assert data["customerPortalUser"] == {
        "id": str(portal.customer_id), "name": "Customer c0", "currency": "EUR", "email": "c0@buyer.example",
        "applicableTimezone": "Europe/Paris", "documentLocale": None, "applicableDocumentLocale": "fr",
        "organizationDocumentLocale": "fr", "hasPaymentProvider": False, "shippingAddress": {"city": None},
    }  # fmt: skip
    admin = await portal.world.data("{ organization { logoUrl } }")
    assert admin["organization"]["logoUrl"] == data["customerPortalOrganization"]["logoUrl"]
    organization = data["customerPortalOrganization"]
    assert f"/customer-portal/logos/{portal.world.organization.id}?v=" in organization.pop("logoUrl")
    assert organization == {
        "name": "Acme Search", "defaultCurrency": "USD", "timezone": "Europe/Paris", "documentLocale": "fr",
    }  # fmt: skip


async def test_subscriptions_and_their_usage(portal: Portal) -> None:
    listed = await portal.data(
        "{ customerPortalSubscriptions { collection { id status renewalDate currentBillingPeriodEndingAt"
        " plan { name interval amountCents amountCurrency } lifetimeUsage { totalUsageAmountCents } }"
        " metadata { totalCount } } }"
    )
    [mine] = listed["customerPortalSubscriptions"]["collection"]
    assert listed["customerPortalSubscriptions"]["metadata"] == {"totalCount": 1}
    assert mine["renewalDate"] == "2024-02-01"
    assert mine["lifetimeUsage"] is None
    assert mine["plan"] == {"name": "Scale", "interval": "monthly", "amountCents": "3100", "amountCurrency": "EUR"}
    for arguments, count in (("planCode: \"scale\"", 1), ("planCode: \"other\"", 0), ("currency: \"usd\"", 0),
                             ("status: [terminated]", 0), ("status: [active, pending]", 1)):  # fmt: skip
        found = await portal.data(f"{{ customerPortalSubscriptions({arguments}) {{ metadata {{ totalCount }} }} }}")
        assert found["customerPortalSubscriptions"]["metadata"]["totalCount"] == count, arguments
    usage = await portal.data(
        "query($id: ID!) { customerPortalCustomerUsage(subscriptionId: $id) { amountCents currency asOf"
        " chargesUsage { name units amountCents filters { units } groupedUsage { units } } }"
        " customerPortalCustomerProjectedUsage(subscriptionId: $id) { amountCents projectedAmountCents"
        " chargesUsage { projectedUnits } } }",
        id=mine["id"],
    )
    assert usage["customerPortalCustomerUsage"] == {
        "amountCents": "60", "currency": "EUR", "asOf": "2024-01-15T10:00:00.000Z",
        "chargesUsage": [
            {"name": "API calls", "units": "12.0", "amountCents": "60", "filters": [], "groupedUsage": []}
        ],
    }  # fmt: skip
    assert int(usage["customerPortalCustomerProjectedUsage"]["projectedAmountCents"]) > 60


async def test_lists_cost_the_same_for_few_and_many(portal: Portal) -> None:
    """Spec 07 §6.3: no statement per row."""
    query = operations()["PortalPlans"].text
    await portal.data(query)
    counts: list[int] = []
    for number in range(2):
        with Statements(portal.world.runtime) as statements:
            found = await portal.data(query)
        counts.append(len(statements.texts))
        assert len(found["customerPortalSubscriptions"]["collection"]) == 1 + 5 * number
        async with portal.world.runtime.database.transaction() as session:
            ctx = await portal.world.fresh(session)
            for more in range(5):
                values = {"external_customer_id": "c0", "plan_code": "scale", "external_id": f"more{number}{more}"}
                await create_subscription(ctx, SubscriptionCreate.parse(values))
    assert counts[0] == counts[1]


async def test_usage_of_a_subscription_that_is_not_active_is_refused(portal: Portal) -> None:
    subscription = await id_of(portal.world, "subscriptions", portal.customer_id)
    async with portal.world.runtime.database.transaction() as session:
        await session.execute(text("update subscriptions set status = 'terminated', terminated_at = now()"
                                   " where id = :id"), {"id": subscription})  # fmt: skip
    query = "query($id: ID!) { customerPortalCustomerUsage(subscriptionId: $id) { amountCents } }"
    assert await portal.error(query, id=subscription) == {"status": 405, "code": "no_active_subscription"}


async def test_what_is_another_customer_s_does_not_exist(portal: Portal) -> None:
    world = portal.world
    other = await customer_id(world, "c1")
    wallet = await make_wallet(world, "c1")
    subscription, invoice = await id_of(world, "subscriptions", other), await id_of(world, "invoices", other)
    for query, id, resource in (
        ("query($id: ID!) { customerPortalSubscription(id: $id) { id } }", subscription, "subscription"),
        ("query($id: ID!) { customerPortalCustomerUsage(subscriptionId: $id) { amountCents } }", subscription,
         "subscription"),
        ("query($id: ID!) { customerPortalWallet(id: $id) { id } }", str(wallet.id), "wallet"),
        ("mutation($id: ID!) { downloadCustomerPortalInvoice(input: {id: $id}) { fileUrl } }", invoice, "invoice"),
        ("mutation($id: ID!) { generateCustomerPortalPaymentUrl(input: {invoiceId: $id}) { paymentUrl } }", invoice,
         "invoice"),
    ):  # fmt: skip
        for wanted in (id, str(new_id()), "x"):
            error = await portal.error(query, id=wanted)
            assert error == {"status": 404, "code": "not_found", "details": {resource: ["not_found"]}}, query
    mutation = (
        'mutation($id: ID!) { createCustomerPortalWalletTransaction(input: {walletId: $id, paidCredits: "1"}) { id } }'
    )
    assert (await portal.error(mutation, id=str(wallet.id)))["details"] == {"walletId": ["wallet_not_found"]}


async def test_wallets_come_by_priority_then_age_and_only_active_ones(portal: Portal) -> None:
    first = await make_wallet(portal.world, name="Later", priority=20)
    second = await make_wallet(portal.world, name="First", priority=1)
    third = await make_wallet(portal.world, name="Last", priority=20)
    async with portal.world.runtime.database.transaction() as session:
        await session.execute(text("update wallets set created_at = created_at + interval '1 second' where id = :id"),
                              {"id": third.id})  # fmt: skip
    query = ("query($status: WalletStatusEnum) { customerPortalWallets(status: $status) { collection { id name }"
             " metadata { totalCount customerActiveWalletsCount } } }")  # fmt: skip
    found = (await portal.data(query))["customerPortalWallets"]
    assert [item["id"] for item in found["collection"]] == [str(second.id), str(first.id), str(third.id)]
    assert found["metadata"] == {"totalCount": 3, "customerActiveWalletsCount": 3}
    assert (await portal.data(query, status="terminated"))["customerPortalWallets"]["collection"] == []


async def test_only_finalized_invoices_show_whatever_is_asked_for(portal: Portal) -> None:
    world = portal.world
    query = ("query($status: [InvoiceStatusEnum!], $term: String) { customerPortalInvoices(status: $status,"
             " searchTerm: $term) { collection { id number totalAmountCents totalDueAmountCents paymentStatus"
             " invoiceType paymentOverdue paymentDisputeLost } metadata { totalCount } } }")  # fmt: skip
    [mine] = (await portal.data(query))["customerPortalInvoices"]["collection"]
    assert mine["totalAmountCents"] == mine["totalDueAmountCents"] == "1700"
    assert len((await portal.data(query, status=["draft", "voided"]))["customerPortalInvoices"]["collection"]) == 1
    assert len((await portal.data(query, term=mine["number"]))["customerPortalInvoices"]["collection"]) == 1
    assert (await portal.data(query, term="nothing"))["customerPortalInvoices"]["collection"] == []
    for status in ("draft", "voided", "failed", "pending"):
        async with world.runtime.database.transaction() as session:
            await session.execute(text("update invoices set status = :s where id = :id"),
                                  {"s": status, "id": mine["id"]})  # fmt: skip
        assert (await portal.data(query, status=[status]))["customerPortalInvoices"]["metadata"]["totalCount"] == 0
        download = "mutation($id: ID!) { downloadCustomerPortalInvoice(input: {id: $id}) { fileUrl } }"
        assert (await portal.error(download, id=mine["id"]))["details"] == {"invoice": ["not_found"]}


async def test_sums_are_the_customer_s_own_in_its_currency(portal: Portal) -> None:
    query = ("{ customerPortalInvoiceCollections(expireCache: true) { amountCents invoicesCount currency"
             " paymentStatus } customerPortalOverdueBalances { amountCents lagoInvoiceIds } }")  # fmt: skip
    data = await portal.data(query)
    assert data["customerPortalInvoiceCollections"] == [
        {"amountCents": "1700", "invoicesCount": "1", "currency": "EUR", "paymentStatus": "pending"}
    ]
    assert data["customerPortalOverdueBalances"] == []
    async with portal.world.runtime.database.transaction() as session:
        await session.execute(text("update invoices set payment_overdue = true, payment_due_date = '2024-01-15'"))
    [overdue] = (await portal.data(query))["customerPortalOverdueBalances"]
    assert overdue == {
        "amountCents": "1700", "lagoInvoiceIds": [await id_of(portal.world, "invoices", portal.customer_id)],
    }  # fmt: skip
    async with portal.world.runtime.database.transaction() as session:
        await session.execute(text("update customers set currency = 'USD'"))
    assert await portal.data(query) == {"customerPortalInvoiceCollections": [], "customerPortalOverdueBalances": []}


# --- writing -------------------------------------------------------------------------------------------------

TOP_UP = (
    "mutation($wallet: ID!, $credits: String!, $form: String) { createCustomerPortalWalletTransaction("
    "input: {walletId: $wallet, paidCredits: $credits, formToken: $form}) { id creditAmount amountCents status } }"
)


async def transactions(world: World) -> list[WalletTransaction]:
    async with world.runtime.database.reading() as session:
        return list(await session.scalars(select(WalletTransaction).order_by(col(WalletTransaction.created_at))))


async def emitted(world: World) -> list[str]:
    """Types of the webhooks that wait to be sent; somebody wants them all."""
    async with world.runtime.database.reading() as session:
        kinds = await session.scalars(
            text("select arguments->>'event_type' from jobs where arguments ? 'event_type' order by created_at, id")
        )
        return list(kinds)


async def want_webhooks(world: World) -> None:
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        await create_endpoint(ctx, EndpointInput.parse({"webhook_url": "https://hooks.example.com/in"}))


async def test_a_purchase_is_like_one_of_the_back_office(portal: Portal) -> None:
    register_handlers()
    await want_webhooks(portal.world)
    wallet = await make_wallet(portal.world)
    made = (await portal.data(TOP_UP, wallet=str(wallet.id), credits="10.5"))["createCustomerPortalWalletTransaction"]
    assert made.pop("id")
    assert made == {"creditAmount": "10.5", "amountCents": "2100", "status": "pending"}
    assert await emitted(portal.world) == ["wallet.created", "wallet_transaction.created"]
    [stored] = await transactions(portal.world)
    assert (stored.transaction_status, stored.source) == ("purchased", "manual")
    for job_id in await due_jobs(portal.world.runtime.database):
        await run_job(portal.world.runtime, job_id)
    async with portal.world.runtime.database.reading() as session:
        invoiced = await session.scalar(text("select total_amount_cents from invoices where invoice_type = 'credit'"))
    assert invoiced == 2100


async def test_purchases_that_are_refused(portal: Portal) -> None:
    limits = {"paid_top_up_min_amount_cents": 1000, "paid_top_up_max_amount_cents": 20000}
    free, limited = str((await make_wallet(portal.world)).id), str((await make_wallet(portal.world, **limits)).id)
    invalid = ["invalid_paid_credits", "invalid_amount"]
    for wallet, credits, codes in (
        (free, "0", invalid),
        (free, "-1", invalid),
        (free, "many", invalid),
        (free, "", invalid),
        (free, "9" * 40, invalid),
        (free, "0.001", ["amount_rounds_to_zero"]),
        (limited, "4.99", ["amount_below_minimum"]),
        (limited, "100.01", ["amount_above_maximum"]),
    ):
        error = await portal.error(TOP_UP, wallet=wallet, credits=credits)
        assert error["details"] == {"paidCredits": codes}, credits
    assert await transactions(portal.world) == []


async def test_a_terminated_wallet_takes_no_purchases(portal: Portal) -> None:
    wallet = await make_wallet(portal.world)
    async with portal.world.runtime.database.transaction() as session:
        await session.execute(text("update wallets set status = 'terminated'"))
    error = await portal.error(TOP_UP, wallet=str(wallet.id), credits="1")
    assert error["details"] == {"walletId": ["wallet_is_terminated"]}


def test_a_purchase_can_grant_and_void_nothing() -> None:
    """Spec 07 §10, trap 17: impossible by type."""
    kind = schema()._schema.type_map["CreateCustomerPortalWalletTransactionInput"]
    assert set(kind.fields) == {"walletId", "paidCredits", "formToken", "clientMutationId"}


async def test_a_form_buys_once_however_often_it_is_sent(portal: Portal) -> None:
    import asyncio

    wallet = str((await make_wallet(portal.world)).id)
    answers = await asyncio.gather(
        *(portal.data(TOP_UP, wallet=wallet, credits="5", form="one form") for _ in range(4))
    )
    assert len({answer["createCustomerPortalWalletTransaction"]["id"] for answer in answers}) == 1
    await portal.data(TOP_UP, wallet=wallet, credits="5", form="another form")
    assert len(await transactions(portal.world)) == 2


async def test_ten_purchases_an_hour(portal: Portal) -> None:
    wallet = str((await make_wallet(portal.world)).id)
    for number in range(10):
        await portal.data(TOP_UP, wallet=wallet, credits="1", form=str(number))
    assert (await portal.error(TOP_UP, 429, wallet=wallet, credits="1", form="x"))["code"] == "rate_limited"
    repeated = await portal.data(TOP_UP, wallet=wallet, credits="1", form="3")
    assert repeated["createCustomerPortalWalletTransaction"]["id"]
    assert len(await transactions(portal.world)) == 10
    async with portal.world.runtime.database.transaction() as session:
        await session.execute(text("update portal_top_ups set created_at = created_at - interval '1 hour'"))
    await portal.data(TOP_UP, wallet=wallet, credits="1", form="x")


UPDATE = (
    "mutation($input: UpdateCustomerPortalCustomerInput!) { updateCustomerPortalCustomer(input: $input) {"
    " name email documentLocale applicableDocumentLocale country zipcode customerType"
    " shippingAddress { city country } } }"
)


async def test_the_customer_changes_its_own_information(portal: Portal) -> None:
    await want_webhooks(portal.world)
    given = {"name": "Renamed", "documentLocale": "zh-TW", "country": "fr", "zipcode": "75001",
             "customerType": "company", "shippingAddress": {"city": "Lyon", "country": "FR"}}  # fmt: skip
    changed = (await portal.data(UPDATE, input=given))["updateCustomerPortalCustomer"]
    assert changed == {
        "name": "Renamed", "email": "c0@buyer.example", "documentLocale": "zh-TW", "applicableDocumentLocale": "zh-TW",
        "country": "FR", "zipcode": "75001", "customerType": "company",
        "shippingAddress": {"city": "Lyon", "country": "FR"},
    }  # fmt: skip
    assert await emitted(portal.world) == ["customer.updated"]
    cleared = (await portal.data(UPDATE, input={"documentLocale": None, "email": None}))["updateCustomerPortalCustomer"]
    assert (cleared["documentLocale"], cleared["applicableDocumentLocale"], cleared["email"]) == (None, "en", None)
    assert cleared["name"] == "Renamed"


async def test_what_cannot_be_is_refused_by_field(portal: Portal) -> None:
    for given, details in (
        ({"email": "nobody"}, {"email": ["invalid_email_format"]}),
        ({"country": "XX"}, {"country": ["not_a_valid_country_code"]}),
        ({"documentLocale": "tlh"}, {"documentLocale": ["not_a_valid_language_code"]}),
    ):
        assert (await portal.error(UPDATE, input=given))["details"] == details


async def test_information_has_no_other_attributes() -> None:
    kind = schema()._schema.type_map["UpdateCustomerPortalCustomerInput"]
    assert set(kind.fields) == {
        "customerType", "name", "firstname", "lastname", "legalName", "taxIdentificationNumber", "email",
        "documentLocale", "addressLine1", "addressLine2", "city", "zipcode", "state", "country", "shippingAddress",
        "clientMutationId",
    }  # fmt: skip


async def test_the_country_decides_eu_taxes_again(portal: Portal) -> None:
    manage = 'mutation { updateOrganization(input: {country: "FR", euTaxManagement: true}) { country } }'
    await portal.world.data(manage)
    await portal.data(UPDATE, input={"country": "DE"})
    async with portal.world.runtime.database.reading() as session:
        code = await session.scalar(
            text("select t.code from customers_taxes c join taxes t on t.id = c.tax_id where c.customer_id = :id"),
            {"id": portal.customer_id},
        )
    assert code is not None
    assert code.startswith("lago_eu_")


async def test_a_pdf_has_an_address_for_ten_minutes(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    invoice = await id_of(portal.world, "invoices", portal.customer_id)
    mutation = "mutation($id: ID!) { downloadCustomerPortalInvoice(input: {id: $id}) { id fileUrl } }"
    made = (await portal.data(mutation, id=invoice))["downloadCustomerPortalInvoice"]
    token = made["fileUrl"].rpartition("/")[2]
    signed = portal.world.settings.portal_links
    assert signed.read_file(token) is not None
    assert signed.read(token) is None
    monkeypatch.setattr(links, "system_now", lambda: datetime.now(UTC) + timedelta(minutes=11))
    assert signed.read_file(token) is None


async def test_paying_answers_what_rest_answers(portal: Portal) -> None:
    invoice = await id_of(portal.world, "invoices", portal.customer_id)
    mutation = "mutation($id: ID!) { generateCustomerPortalPaymentUrl(input: {invoiceId: $id}) { paymentUrl } }"
    assert (await portal.error(mutation, id=invoice))["details"] == {"base": ["no_linked_payment_provider"]}
