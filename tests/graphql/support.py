"""An organization with members of every role, and a client that asks as one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import redis.asyncio
from sqlalchemy import event
from starlette.applications import Starlette

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization, User
from billwright.billing.access.passwords import hash_password
from billwright.billing.access.service import add_membership, create_organization
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.models import BillableMetric, Charge, Plan
from billwright.billing.customers.schemas import CustomerInput
from billwright.billing.customers.service import upsert_customer
from billwright.billing.kernel import statements
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.protocol import EventIn
from billwright.billing.subscriptions.schemas import SubscriptionCreate
from billwright.billing.subscriptions.service import create_subscription
from billwright.graphql import application as graphql_door
from billwright.server.middleware import RequestFrame
from billwright.server.settings import Settings

PASSWORD = "Correct-horse-9"
_HASHED: list[str] = []
"""Of the password, made once: it is slow on purpose."""
CLOCK = datetime(2024, 1, 15, 10, tzinfo=UTC)


def settings_for(database_url: str, redis_url: str, address: str = "http://127.0.0.1:8000") -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url,
            "redis_url": redis_url,
            "secret_key": "k" * 40,
            "encryption_key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            "api_url": address,
            "app_url": address,
        }
    )


def application(runtime: Runtime, client: redis.asyncio.Redis, settings: Settings, *doors: Any) -> Starlette:
    app = Starlette(routes=[route for door in (graphql_door, *doors) for route in door.routes()])
    app.add_middleware(RequestFrame, secure=False)
    app.state.settings = settings
    app.state.runtime = runtime
    app.state.database = runtime.database
    app.state.event_store = runtime.event_store
    app.state.redis = client
    app.state.shutting_down = False
    return app


@dataclass
class World:
    """One sandbox organization, its members' tokens, and another organization that must never show."""

    app: Starlette
    runtime: Runtime
    settings: Settings
    organization: Organization
    other: Organization
    tokens: dict[str, str]

    def client(self, role: str | None = "admin", organization: UUID | None = None, **headers: str) -> httpx.AsyncClient:
        sent = dict(headers)
        if role is not None:
            sent["authorization"] = f"Bearer {self.tokens[role]}"
        sent["x-lago-organization"] = str(organization or self.organization.id)
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://billwright.test", headers=sent)

    async def ask(self, query: str, role: str | None = "admin", **variables: Any) -> dict[str, Any]:
        async with self.client(role) as client:
            answer = await client.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def data(self, query: str, role: str | None = "admin", **variables: Any) -> Any:
        answer = await self.ask(query, role, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def error(self, query: str, role: str | None = "admin", **variables: Any) -> dict[str, Any]:
        answer = await self.ask(query, role, **variables)
        assert len(answer["errors"]) == 1, answer
        return answer["errors"][0]

    def context(self, session: Any, organization: Organization | None = None) -> Context:
        return Context(session, organization or self.organization, event_store=self.runtime.event_store)

    async def fresh(self, session: Any) -> Context:
        return self.context(session, await session.get_one(Organization, self.organization.id))


async def make_world(runtime: Runtime, client: redis.asyncio.Redis, settings: Settings, *doors: Any) -> World:
    from billwright.billing.access.sessions import EMAIL_PASSWORD, open_session
    from billwright.ui.sessions import issue_token

    if not _HASHED:
        _HASHED.append(await hash_password(PASSWORD))
    hashed = _HASHED[0]
    tokens: dict[str, str] = {}
    async with runtime.database.transaction() as session:
        organization = (await create_organization(session, "Acme Search", kind="sandbox", clock=CLOCK)).organization
        other = (await create_organization(session, "Other", kind="live")).organization
        for role, home in (
            ("admin", organization),
            ("manager", organization),
            ("finance", organization),
            ("stranger", other),
        ):
            now = CLOCK
            user = User(id=new_id(), email=f"{role}@acme.example", password_hash=hashed, created_at=now, updated_at=now)
            session.add(user)
            await session.flush()
            await add_membership(session, user.id, home.id, ["admin" if role == "stranger" else role])
            tokens[role] = issue_token(settings, (await open_session(session, user, EMAIL_PASSWORD)).id)
    return World(application(runtime, client, settings, *doors), runtime, settings, organization, other, tokens)


async def make_plan(
    world: World, *, code: str = "scale", pay_in_advance: bool = True, amount_cents: int = 3100
) -> Plan:
    """A monthly plan in EUR with one charge: 0.05 a call of the metric ``calls``."""
    async with world.runtime.database.transaction() as session:
        common: dict[str, Any] = {"created_at": CLOCK, "updated_at": CLOCK, "organization_id": world.organization.id}
        plan = Plan(
            id=new_id(), name=code.title(), code=code, interval="monthly", amount_cents=amount_cents,
            amount_currency="EUR", pay_in_advance=pay_in_advance, **common,
        )  # fmt: skip
        metric = BillableMetric(
            id=new_id(), name="API calls", code=f"calls_{code}", aggregation_type="sum_agg", field_name="n", **common
        )
        session.add(plan)
        session.add(metric)
        await session.flush()
        session.add(
            Charge(
                id=new_id(),
                plan_id=plan.id,
                billable_metric_id=metric.id,
                code="calls",
                charge_model="standard",
                properties={"amount": "0.05"},
                **common,
            )
        )
    return plan


async def make_customers(world: World, plan: Plan, count: int, *, prefix: str = "c") -> None:
    """Customers with a subscription each; in advance, so each has an invoice."""
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        for number in range(count):
            name = f"{prefix}{number}"
            await upsert_customer(
                ctx,
                CustomerInput.parse(
                    {
                        "external_id": name,
                        "name": f"Customer {name}",
                        "currency": "EUR",
                        "email": f"{name}@buyer.example",
                    }
                ),
            )
            await create_subscription(
                ctx,
                SubscriptionCreate.parse(
                    {"external_customer_id": name, "plan_code": plan.code, "external_id": f"sub_{name}"}
                ),
            )


async def send_usage(world: World, subscription: str, units: int, *, code: str = "calls_scale") -> None:
    await world.runtime.event_store.append(
        [
            EventIn(
                organization_id=world.organization.id, transaction_id=f"{subscription}-{number}", code=code,
                timestamp=CLOCK + timedelta(minutes=number), created_at=CLOCK, external_subscription_id=subscription,
                properties={"n": 1},
            )
            for number in range(units)
        ]
    )  # fmt: skip


class Counted:
    """A connection whose plain statements are noted."""

    def __init__(self, driver: Any, texts: list[str]) -> None:
        self._driver, self._texts = driver, texts

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        self._texts.append(query)
        return await self._driver.fetch(query, *values)


class Statements:
    """Counts SQL statements of a database, those of the ORM and plain ones."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine = runtime.database.engine.sync_engine
        self._driver_of: Any = vars(statements)["_driver"]
        self.texts: list[str] = []

    async def _counted(self, session: Any) -> Counted:
        return Counted(await self._driver_of(session), self.texts)

    def _seen(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.texts.append(statement)

    def __enter__(self) -> Statements:
        event.listen(self._engine, "before_cursor_execute", self._seen)
        statements._driver = self._counted
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._seen)
        statements._driver = self._driver_of
