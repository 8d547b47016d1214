"""An organization with the means to fill its catalogue, subscribe customers and run its background jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.service import create_organization
from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog import metrics, plans, queries
from billwright.billing.catalog.queries import ChargeView, MetricView, PlanView
from billwright.billing.catalog.schemas import MetricInput, PlanInput
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.schemas import SubscriptionCreate
from billwright.billing.subscriptions.service import create_subscription

PLAN: dict[str, Any] = {
    "name": "Startup",
    "code": "startup",
    "interval": "monthly",
    "amount_cents": 3100,
    "amount_currency": "EUR",
    "pay_in_advance": False,
}
METRIC: dict[str, Any] = {"name": "Storage", "code": "storage", "aggregation_type": "sum_agg", "field_name": "gb"}


@dataclass
class Shop:
    """Use cases of one organization, each in a transaction of its own."""

    runtime: Runtime
    organization: Organization

    @classmethod
    async def open(cls, runtime: Runtime, name: str = "Acme", *, clock: datetime | None = None) -> Shop:
        async with runtime.database.transaction() as session:
            kind = "sandbox" if clock else "live"
            return cls(runtime, (await create_organization(session, name, kind=kind, clock=clock)).organization)

    @asynccontextmanager
    async def context(self) -> AsyncIterator[Context]:
        async with self.runtime.database.transaction() as session:
            organization = await session.get_one(Organization, self.organization.id)
            yield Context(session, organization, event_store=self.runtime.event_store)

    async def metric(self, **attributes: Any) -> MetricView:
        async with self.context() as ctx:
            return await metrics.create_metric(ctx, MetricInput.parse({**METRIC, **attributes}))

    async def change_metric(self, code: str, /, **attributes: Any) -> MetricView:
        async with self.context() as ctx:
            return await metrics.update_metric(ctx, code, MetricInput.parse(attributes))

    async def plan(self, *charges: dict[str, Any], **attributes: Any) -> PlanView:
        async with self.context() as ctx:
            return await plans.create_plan(ctx, PlanInput.parse({**PLAN, "charges": list(charges), **attributes}))

    async def change_plan(self, code: str, /, **attributes: Any) -> PlanView:
        async with self.context() as ctx:
            return await plans.update_plan(ctx, code, PlanInput.parse(attributes))

    async def show_plan(self, code: str = "startup") -> PlanView:
        async with self.context() as ctx:
            return (await queries.plan_views(ctx, [await queries.find_plan(ctx, code)]))[0]

    async def only_charge(self, code: str = "startup") -> ChargeView:
        (charge,) = (await self.show_plan(code)).charges
        return charge

    async def subscribe(self, external_id: str = "s1", plan: str = "startup", **attributes: Any) -> Subscription:
        body = {"external_customer_id": "c1", "plan_code": plan, "external_id": external_id, **attributes}
        async with self.context() as ctx:
            return await create_subscription(ctx, SubscriptionCreate.parse(body))

    async def set_clock(self, now: datetime) -> None:
        async with self.context() as ctx:
            ctx.organization.clock_now = now

    async def revision(self) -> int:
        async with self.context() as ctx:
            return ctx.organization.catalog_revision

    async def rows(self, statement: Any) -> list[Any]:
        async with self.runtime.database.reading() as session:
            return list((await session.scalars(statement)).all())

    async def all_of(self, table: Any) -> list[Any]:
        return await self.rows(select(table))

    async def run_jobs(self) -> list[str]:
        """Run the catalogue's queued jobs to the end; their names. A job that fails fails the test."""
        names: list[str] = []
        while ids := await due_jobs(self.runtime.database, organization_id=self.organization.id):
            for job_id in ids:
                async with self.runtime.database.reading() as session:
                    name = (
                        await session.execute(text("select name from jobs where id = :id"), {"id": job_id})
                    ).scalar()
                status = await run_job(self.runtime, job_id, immediate=True)
                if str(name).startswith(("catalog.", "metering.")):
                    assert status == "succeeded", name
                    names.append(str(name))
                elif status == "queued":
                    async with self.runtime.database.transaction() as session:
                        await session.execute(text("update jobs set status = 'failed' where id = :id"), {"id": job_id})
        return names


def charge(metric: MetricView, **attributes: Any) -> dict[str, Any]:
    """A standard charge of 1 a unit on ``metric``, changed by ``attributes``."""
    return {
        "billable_metric_id": str(metric.metric.id),
        "charge_model": "standard",
        "properties": {"amount": "1"},
        **attributes,
    }


def codes(failure: Any) -> Any:
    """The details of a refused input, from ``pytest.raises``."""
    assert isinstance(failure.value, ValidationFailed)
    return failure.value.details
