"""Lists cost the same number of statements at 25 and at 100 rows, whatever is asked of the rows (spec 07 §6.3):
over GraphQL with everything that belongs to them, in the back office, and over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from graphql import GraphQLField, GraphQLNonNull, GraphQLObjectType, get_named_type, is_leaf_type

from benchmarks.bench_pages import ADDRESS, found_company, product
from benchmarks.big_company import Multiplier, Size
from billwright.billing.kernel.db import asyncpg_url
from billwright.graphql.schema import schema
from billwright.server.rest.application import registry
from billwright.ui import sessions
from billwright.ui.application import PAGES
from tests.conftest import TestStack
from tests.graphql.support import Statements

SIZE = Size(
    customers=110, invoices=220, plans=105, metrics=105, coupons=105, add_ons=105, taxes=105, webhooks=110, jobs=110,
    overridden_plans=2, wallet_transactions_each=22,
)  # fmt: skip
COPIED = (
    ("api_keys", {"digest": "sha256(n::text::bytea)"}, ""),
    ("invites", {"digest": "sha256(n::text::bytea)", "email": "'guest' || n"}, ""),
    ("emails", {}, ""),
    ("webhook_endpoints", {"webhook_url": "r.webhook_url || n"}, ""),
)
"""Tables of which the company has too few rows: what differs between copies."""
PER_ROW = {
    "Subscription.currentUsage": "the events of each subscription are computed by themselves (spec 08, part C)",
    "Subscription.lifetimeUsage": "as above",
    "CustomerPortalSubscription.lifetimeUsage": "as above",
    "Subscription.pastUsage": "a page of a list of its own for each subscription",
    "Customer.invoices": "a page of a list of its own for each customer",
}
"""Fields that cost by the row on purpose: no list of the product asks for them."""
NO_LISTS = ("/analytics", "/webhooks/", "/test_clock", "/organizations", "/wallet_transactions")
SLACK = 10
"""Statements for kinds of things that none of the first 25 rows has. A statement by the row would be 75 more."""
CHUNK = 250
"""Fields of one request; 350 are allowed."""


@dataclass
class Company:
    app: Any
    http: httpx.AsyncClient
    slug: str
    api_key: str
    token: str
    organization_id: str

    async def statements(self, method: str, path: str, **sent: Any) -> tuple[int, httpx.Response]:
        with Statements(self.app.state.runtime) as counted:
            answer = await self.http.request(method, path, **sent)
        return len(counted.texts), answer


@pytest.fixture(scope="module")
async def company(stack: TestStack, module_database_url: str) -> AsyncIterator[Company]:
    async with product(module_database_url, stack.redis_url(1 + stack.worker)) as app:
        organization, api_key, token = await found_company(app, module_database_url, SIZE)
        connection: Any = await asyncpg.connect(asyncpg_url(module_database_url))
        multiplier = Multiplier(connection, organization.id, SIZE)
        for table, changed, _ in COPIED:
            source = f"(SELECT * FROM {table} WHERE organization_id = '{organization.id}' LIMIT 1) r"
            await multiplier.copy(table, f"{source}, generate_series(1, 110) n", {"id": "gen_random_uuid()", **changed})
        await connection.close()
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers={"accept": "text/html"}) as http:
            yield Company(app, http, organization.slug, api_key, token, str(organization.id))


def _free(field: GraphQLField) -> bool:
    return not any(isinstance(argument.type, GraphQLNonNull) for argument in field.args.values())


def _is_plain(kind: GraphQLObjectType, name: str) -> bool:
    """Read from the row's attribute: never a statement."""
    definition = kind.extensions["strawberry-definition"]
    fields = {schema().config.name_converter.get_graphql_name(field): field for field in definition.fields}
    return fields[name].base_resolver is None and is_leaf_type(get_named_type(kind.fields[name].type))


def _selections(kind: GraphQLObjectType, depth: int) -> Iterator[tuple[str, int]]:
    """Each field of the rows that is more than an attribute, with what is below it, and how many fields that is."""
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if not _free(field) or f"{kind.name}.{name}" in PER_ROW or _is_plain(kind, name):
            continue
        if is_leaf_type(inner):
            yield name, 1
        elif depth:
            assert isinstance(inner, GraphQLObjectType)
            below = list(_selections(inner, depth - 1))
            text = " ".join(["__typename", *(part for part, _ in below)])
            yield f"{name} {{ {text} }}", sum(size for _, size in below) + 2


def _chunks(kind: GraphQLObjectType) -> Iterator[str]:
    """Everything that can be asked of a row, in requests of a size that is allowed."""
    chunk = ["__typename"]
    size = 1
    for text, fields in _selections(kind, 2):
        if size + fields > CHUNK:
            yield " ".join(chunk)
            chunk, size = ["__typename"], 1
        chunk.append(text)
        size += fields
    yield " ".join(chunk)


def _lists() -> list[tuple[str, GraphQLObjectType]]:
    query = schema()._schema.query_type
    assert query is not None
    found: list[tuple[str, GraphQLObjectType]] = []
    for name, field in query.fields.items():
        returned = get_named_type(field.type)
        if isinstance(returned, GraphQLObjectType) and returned.name.endswith("Collection"):
            item = get_named_type(returned.fields["collection"].type)
            assert isinstance(item, GraphQLObjectType)
            found.append((name, item))
    return found


ARGUMENTS = {
    "wallets": ("customerId", "wallets", "customer_id"),
    "walletTransactions": ("walletId", "wallet_transactions", "wallet_id"),
    "webhooks": ("webhookEndpointId", "webhooks", "endpoint_id"),
    "customerInvoices": ("customerId", "invoices", "customer_id"),
    "invoiceCreditNotes": ("invoiceId", "credit_notes", "invoice_id"),
}
"""List -> its mandatory argument, and the column whose most frequent value it gets."""


async def _arguments(company: Company, name: str) -> str:
    if name not in ARGUMENTS:
        return ""
    argument, table, column = ARGUMENTS[name]
    connection: Any = await asyncpg.connect(asyncpg_url(str(company.app.state.settings.database_url)))
    value = await connection.fetchval(f"SELECT {column} FROM {table} GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
    await connection.close()
    return f', {argument}: "{value}"'


async def _costs_by_row(
    company: Company, lists: list[tuple[str, GraphQLObjectType]], headers: dict[str, str]
) -> tuple[list[str], int]:
    """What costs more statements for more rows, and how many requests had a full page of them."""
    wrong: list[str] = []
    full = 0
    for name, item in lists:
        given = await _arguments(company, name)
        for fields in _chunks(item):
            counts: list[int] = []
            rows = 0
            for limit in (25, 100):
                query = f"{{ {name}(limit: {limit}{given}) {{ collection {{ {fields} }} metadata {{ totalCount }} }} }}"
                count, answer = await company.statements("POST", "/graphql", json={"query": query}, headers=headers)
                body = answer.json()
                assert "errors" not in body, (name, body["errors"][:2])
                counts.append(count)
                rows = max(rows, len(body["data"][name]["collection"]))
            full += rows == 100
            if counts[1] > counts[0] + SLACK:
                wrong.append(f"{name} {{ {fields} }}: {counts[0]} statements for 25 rows, {counts[1]} for {rows}")
    return wrong, full


def _of_portal(item: GraphQLObjectType) -> bool:
    return item.name.startswith("CustomerPortal")


async def test_graphql_lists_cost_the_same_for_any_number_of_rows(company: Company) -> None:
    headers = {"authorization": f"Bearer {company.token}", "x-lago-organization": company.organization_id}
    lists = [(name, item) for name, item in _lists() if not _of_portal(item)]
    wrong, full = await _costs_by_row(company, lists, headers)
    assert not wrong, "\n\n".join(wrong)
    assert full >= 10


async def test_rest_lists_cost_the_same_for_any_number_of_rows(company: Company) -> None:
    headers = {"authorization": f"Bearer {company.api_key}"}
    wrong: list[str] = []
    full = 0
    for known in registry():
        if known.method != "GET" or "{" in known.path or known.path.startswith(NO_LISTS):
            continue
        small, _ = await company.statements("GET", f"/api/v1{known.path}?per_page=25", headers=headers)
        large, answer = await company.statements("GET", f"/api/v1{known.path}?per_page=100", headers=headers)
        assert answer.status_code == 200, (known.path, answer.text)
        rows = max((len(value) for value in answer.json().values() if isinstance(value, list)), default=0)
        full += rows == 100
        if large > small + SLACK:
            wrong.append(f"{known.path}: {small} statements for 25 rows, {large} for {rows}")
    assert not wrong, "\n".join(wrong)
    assert full >= 10


async def test_pages_cost_the_same_for_any_number_of_rows(company: Company) -> None:
    company.http.cookies.set(sessions.COOKIE, company.token, domain="billwright.test")
    wrong: list[str] = []
    full = 0
    for method, path, _, _ in PAGES:
        if method != "GET" or "{" in path:
            continue
        small, _ = await company.statements("GET", f"/{company.slug}{path}?per_page=20")
        large, answer = await company.statements("GET", f"/{company.slug}{path}?per_page=100")
        assert answer.status_code in (200, 303, 404, 422), (path, answer.status_code)
        full += answer.text.count("data-href=") >= 100
        if large > small + SLACK:
            wrong.append(f"{path}: {small} statements for 20 rows, {large} for 100")
    company.http.cookies.clear()
    assert not wrong, "\n".join(wrong)
    assert full >= 6


async def test_portal_lists_cost_the_same_for_any_number_of_rows(company: Company) -> None:
    """One customer gets all that there is."""
    connection: Any = await asyncpg.connect(asyncpg_url(str(company.app.state.settings.database_url)))
    organization = UUID(company.organization_id)
    customer: UUID = await connection.fetchval(
        "SELECT customer_id FROM wallets WHERE organization_id = $1 LIMIT 1", organization
    )
    await connection.execute("UPDATE invoices SET customer_id = $1, sequential_id = NULL", customer)
    await connection.execute("UPDATE subscriptions SET customer_id = $1", customer)
    source = f"(SELECT * FROM wallets WHERE customer_id = '{customer}' LIMIT 1) r, generate_series(1, 110) n"
    changed = {"id": "gen_random_uuid()", "code": "'copy_' || n"}
    await Multiplier(connection, organization, SIZE).copy("wallets", source, changed)
    await connection.close()
    lists = [(name, item) for name, item in _lists() if _of_portal(item)]
    token = company.app.state.settings.portal_links.issue(customer)
    wrong, full = await _costs_by_row(company, lists, {"customer-portal-token": token})
    assert not wrong, "\n\n".join(wrong)
    assert {name for name, _ in lists} == {
        "customerPortalInvoices", "customerPortalSubscriptions", "customerPortalWallets"
    }  # fmt: skip
    assert full >= len(lists)
