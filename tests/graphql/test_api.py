"""``POST /graphql``: authentication, scoping, errors and limits (spec 07 §6.1, §6.3)."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from billwright import __version__
from billwright.billing.access.models import UserSession
from billwright.billing.kernel.clock import system_now
from billwright.graphql.persisted import FOLDER, Operation, check_operations, fingerprint, operations, problems_of
from billwright.server.health import GITHUB_URL
from billwright.ui import csrf, sessions
from tests.graphql.support import PASSWORD, World, make_customers, make_plan

ME = "{ currentUser { email memberships { organization { name } roles permissions { plansView plansCreate } } } }"
CUSTOMERS = "{ customers { collection { externalId } metadata { totalCount currentPage limitValue } } }"


async def test_signing_in_and_out(world: World) -> None:
    login = "mutation($i: LoginUserInput!) { loginUser(input: $i) { token user { email } } }"
    found = await world.data(login, None, i={"email": "ADMIN@acme.example ", "password": PASSWORD})
    world.tokens["fresh"] = found["loginUser"]["token"]
    me = (await world.data(ME, "fresh"))["currentUser"]
    assert me["email"] == "admin@acme.example"
    assert me["memberships"][0]["permissions"] == {"plansView": True, "plansCreate": True}
    await world.data("mutation { logout { id } }", "fresh")
    assert (await world.error(ME, "fresh"))["extensions"] == {"status": 401, "code": "unauthorized"}


@pytest.mark.parametrize(
    ("email", "password"), [("admin@acme.example", "wrong"), ("nobody@acme.example", PASSWORD), ("a\x00", "b")]
)
async def test_wrong_credentials_are_all_the_same(world: World, email: str, password: str) -> None:
    login = "mutation($i: LoginUserInput!) { loginUser(input: $i) { token } }"
    error = await world.error(login, None, i={"email": email, "password": password})
    assert error["message"] == "Unprocessable Entity"
    assert error["extensions"] == {
        "status": 422,
        "code": "unprocessable_entity",
        "details": {"base": ["incorrect_login_or_password"]},
    }


async def test_the_eleventh_failed_login_is_throttled(world: World) -> None:
    login = 'mutation { loginUser(input: {email: "admin@acme.example", password: "x"}) { token } }'
    async with world.client(None) as client:
        codes = [(await client.post("/graphql", json={"query": login})).status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]


async def test_sessions_unknown_expired_and_about_to_end(world: World) -> None:
    assert (await world.error(ME, None))["message"] == "unauthorized"
    async with world.client(None, authorization="Bearer nonsense") as client:
        body = (await client.post("/graphql", json={"query": ME})).json()
    assert body["errors"][0]["extensions"] == {"status": 401, "code": "unauthorized"}
    async with world.runtime.database.transaction() as session:
        await session.execute(
            update(UserSession)
            .values(expires_at=system_now() + timedelta(minutes=30))
            .where(col(UserSession.id) != None)  # noqa: E711
        )
    async with world.client() as client:
        first = await client.post("/graphql", json={"query": ME})
        second = await client.post("/graphql", json={"query": ME})
    assert sessions.read_token(world.settings, first.headers["x-lago-token"]) is not None
    assert "x-lago-token" not in second.headers
    async with world.runtime.database.transaction() as session:
        await session.execute(update(UserSession).values(expires_at=system_now() - timedelta(seconds=1)))
    error = await world.error(ME)
    assert error["message"] == "expired_jwt_token"
    assert error["extensions"] == {"status": 401, "code": "expired_jwt_token"}


async def test_the_organization_must_be_chosen_and_ones_own(world: World) -> None:
    async with world.client() as client:
        del client.headers["x-lago-organization"]
        missing = (await client.post("/graphql", json={"query": CUSTOMERS})).json()["errors"][0]
    assert missing["extensions"] == {"status": 403, "code": "forbidden"}
    async with world.client("stranger") as client:
        foreign = (await client.post("/graphql", json={"query": CUSTOMERS})).json()["errors"][0]
    assert foreign["message"] == "Not in organization"
    assert foreign["extensions"] == {"status": 403, "code": "not_organization_member"}


async def test_the_cookie_needs_its_csrf_header(world: World) -> None:
    token = world.tokens["admin"]
    async with world.client(None) as client:
        client.cookies.set(sessions.COOKIE, token)
        refused = (await client.post("/graphql", json={"query": ME})).json()
        allowed = await client.post(
            "/graphql", json={"query": ME}, headers={csrf.HEADER: csrf.token_for(world.settings, token)}
        )
    assert refused["errors"][0]["extensions"]["code"] == "unauthorized"
    assert allowed.json()["data"]["currentUser"]["email"] == "admin@acme.example"


async def test_a_missing_permission_names_what_would_do(world: World) -> None:
    create = 'mutation { createCustomer(input: {externalId: "x"}) { id } }'
    error = await world.error(create, "finance")
    assert error["message"] == "Missing permissions"
    assert error["extensions"] == {"status": 403, "code": "forbidden", "requiredPermissions": ["customers:create"]}
    assert (await world.data(CUSTOMERS))["customers"]["metadata"]["totalCount"] == 0
    assert (await world.error("{ billableMetrics { collection { id } } }", "manager"))["extensions"][
        "requiredPermissions"
    ] == ["billable_metrics:view"]


async def test_output_fields_without_permission_are_null(world: World) -> None:
    """Spec 07 §10, trap 19."""
    query = "{ organization { name billingConfiguration { documentLocale } emailSettings taxes { id } } }"
    assert (await world.data(query, "manager"))["organization"] == {
        "name": "Acme Search",
        "billingConfiguration": None,
        "emailSettings": None,
        "taxes": None,
    }
    assert (await world.data(query))["organization"]["billingConfiguration"] == {"documentLocale": "en"}


async def test_another_organizations_objects_are_not_found(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 1)
    customer = (
        await world.data('{ customer(externalId: "c0") { id subscriptions { id } invoices { collection { id } } } }')
    )["customer"]
    ids = {
        "customer": customer["id"],
        "subscription": customer["subscriptions"][0]["id"],
        "invoice": customer["invoices"]["collection"][0]["id"],
        "plan": str(plan.id),
    }
    async with world.client("stranger", world.other.id) as client:
        for name, value in ids.items():
            query = f'{{ {name}(id: "{value}") {{ id }} }}'
            body = (await client.post("/graphql", json={"query": query})).json()
            assert body["data"] == {name: None}
            assert body["errors"][0]["message"] == "Resource not found"
            assert body["errors"][0]["extensions"] == {
                "status": 404,
                "code": "not_found",
                "details": {name: ["not_found"]},
            }
        for mutation in (
            f'finalizeInvoice(input: {{id: "{ids["invoice"]}"}}) {{ id }}',
            f'downloadInvoice(input: {{id: "{ids["invoice"]}"}}) {{ id }}',
            f'terminateSubscription(input: {{id: "{ids["subscription"]}"}}) {{ id }}',
            f'updateCustomer(input: {{id: "{ids["customer"]}", name: "x"}}) {{ id }}',
        ):
            body = (await client.post("/graphql", json={"query": f"mutation {{ {mutation} }}"})).json()
            assert body["errors"][0]["extensions"]["code"] == "not_found"
        usage = f'{{ customerUsage(subscriptionId: "{ids["subscription"]}") {{ currency }} }}'
        assert (await client.post("/graphql", json={"query": usage})).json()["errors"][0]["extensions"]["status"] == 404
        assert (await client.post("/graphql", json={"query": CUSTOMERS})).json()["data"]["customers"][
            "collection"
        ] == []


async def test_fields_that_fail_side_by_side_are_one_answer(world: World) -> None:
    """The first one that may not be null has the others cancelled, in the midst of their statements perhaps."""
    lost = """query($id: ID!) { a: walletTransactions(walletId: $id) { metadata { totalCount } }
      wallet(id: $id) { id } b: walletTransactions(walletId: $id) { metadata { totalCount } } organization { id } }"""
    for _ in range(5):
        answer = await world.ask(lost, id="x")
        assert answer["data"] is None
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"not_found"}
    assert (await world.data(CUSTOMERS))["customers"]["collection"] == []


async def test_unexpected_failures_keep_their_words_to_themselves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr("billwright.graphql.queries.customers.list_customers", broken)
    error = await world.error(CUSTOMERS)
    assert error["message"] == "Internal error"
    assert error["extensions"]["code"] == "internal_error"
    assert error["extensions"]["status"] == 500
    assert error["extensions"]["requestId"]
    assert "hunter2" not in str(error)


async def test_bodies_that_are_no_operation(world: World) -> None:
    async with world.client() as client:
        for body in ("{", "[]", '[{"query": "{ currentUser { id } }"}]', "{}", '{"query": 1}', '"x"', b"\xff"):
            assert (await client.post("/graphql", content=body)).status_code == 400


@pytest.mark.parametrize(
    ("query", "code", "status"),
    [
        ("{ currentUser { id } }" + " " * 15_000, "query_is_too_large", 413),
        ("{" + " ".join(f"a{n}: currentVersion {{ number }}" for n in range(16)) + "}", "query_too_complex", 400),
        ("{ currentVersion { " + " ".join(f"a{n}: number" for n in range(31)) + " } }", "query_too_complex", 400),
        ("{ currentVersion { " + "number " * 350 + " } }", "query_too_complex", 400),
        ("{ customers { " + "n " * 5_001 + "} }", "query_too_complex", 400),
        ("{ customers { collection { " + "id " * 3_600 + "} } }", "query_too_complex", 400),
        (
            "mutation {" + " ".join(f"a{n}: logout {{ id }}" for n in range(6)) + "}",
            "query_too_complex",
            400,
        ),
        (
            "{ customers { collection { " + "subscriptions { customer { " * 7 + "id" + " } }" * 7 + " } } }",
            "query_too_complex",
            400,
        ),
        (
            "query { ...F0 } "
            + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
            + " fragment F60 on Query { currentVersion { number } }",
            "query_too_complex",
            400,
        ),
    ],
    ids=[
        "characters",
        "roots",
        "aliases",
        "complexity",
        "tokens",
        "overlapping",
        "mutations",
        "depth",
        "fragment bomb",
    ],
)
async def test_limits(world: World, query: str, code: str, status: int) -> None:
    body = await world.ask(query)
    assert body["data"] is None
    [error] = body["errors"]  # nothing else looked at it
    assert (error["extensions"]["code"], error["extensions"]["status"]) == (code, status)


async def test_introspection_is_for_the_signed_in(world: World) -> None:
    query = "{ __schema { queryType { name } } }"
    assert (await world.error(query, None))["extensions"] == {"status": 401, "code": "unauthorized"}
    assert (await world.data(query))["__schema"]["queryType"]["name"] == "Query"
    suggestion = await world.error("{ custom { id } }", None)
    assert "Did you mean" not in suggestion["message"]
    assert suggestion["extensions"] == {"status": 400, "code": "invalid_query"}


async def test_introspection_can_be_turned_off(world: World) -> None:
    """Spec 07 §6.3: a setting."""
    world.app.state.settings = world.settings.model_copy(update={"graphql_introspection": False})
    error = await world.error("{ __schema { queryType { name } } }")
    assert error["extensions"] == {"status": 403, "code": "forbidden"}
    assert (await world.data("{ organization { __typename name } }"))["organization"]["name"] == "Acme Search"


async def test_the_whole_introspection_query_is_within_the_limits(world: World) -> None:
    from graphql import get_introspection_query

    assert (await world.data(get_introspection_query()))["__schema"]["types"]


def test_the_schema_takes_every_operation_of_the_pages() -> None:
    assert {name: problems for name, each in operations().items() if (problems := problems_of(each))} == {}
    written = (FOLDER / "validated.sha256").read_text().strip()
    assert written == fingerprint(), "python -m billwright.graphql.persisted"
    assert problems_of(Operation("Wrong", "query Wrong { organization { nothing } }"))
    assert problems_of(Operation("Deep", "query Deep " + "{ invoices { collection " * 30 + "{ id }" + "} }" * 30))


def test_operations_are_validated_at_the_start_unless_they_were(tmp_path: Path) -> None:
    check_operations()
    (tmp_path / "pages.graphql").write_text("query Right { organization { name } }")
    check_operations(tmp_path)
    (tmp_path / "pages.graphql").write_text("query Wrong { organization { nothing } }")
    (tmp_path / "validated.sha256").write_text("of others")
    with pytest.raises(ValueError, match=r"Wrong.*nothing"):
        check_operations(tmp_path)
    (tmp_path / "validated.sha256").write_text(fingerprint(tmp_path) + "\n")
    check_operations(tmp_path)


async def test_operations_can_be_called_by_their_digest(world: World) -> None:
    operation = operations()["Frame"]
    assert operation.id == hashlib.sha256(operation.text.encode()).hexdigest()
    async with world.client() as client:
        for body in (
            {"documentId": operation.id},
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": operation.id}}},
        ):
            answer = (await client.post("/graphql", json=body)).json()
            assert answer["data"]["organization"]["name"] == "Acme Search"
        assert (await client.post("/graphql", json={"documentId": "0" * 64})).status_code == 400


async def test_the_version_is_for_everybody(world: World) -> None:
    """Spec 07 §6.2: number and githubUrl, as ``GET /health`` tells them (§1.6)."""
    known = (await world.data("{ currentVersion { number githubUrl } }", None))["currentVersion"]
    assert known == {"number": __version__, "githubUrl": GITHUB_URL}
