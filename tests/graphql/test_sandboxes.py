"""Sandboxes: making, copying a catalogue, resetting, destroying; nothing of anybody else is touched (spec 09 §1)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.service import add_membership
from billwright.billing.add_ons.schemas import AddOnCreate
from billwright.billing.add_ons.service import create_add_on
from billwright.billing.auditing.service import Request, audit
from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.background.registration import register_all
from billwright.billing.catalog.models import (
    BillableMetricFilter,
    Charge,
    ChargeFilter,
    ChargeTax,
    Commitment,
    CommitmentTax,
    Plan,
    PlanTax,
)
from billwright.billing.catalog.queries import PlanFilters, list_plans
from billwright.billing.coupons.applying import apply_coupon
from billwright.billing.coupons.schemas import ApplyCoupon, CouponInput
from billwright.billing.coupons.service import create_coupon
from billwright.billing.entitlements.plans import replace_plan_entitlements
from billwright.billing.entitlements.schemas import FeatureCreate
from billwright.billing.entitlements.service import create_feature
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.pagination import PageRequest
from billwright.billing.progressive.models import UsageThreshold
from billwright.billing.sandboxes import service
from billwright.billing.sandboxes.belongings import CATALOGUE, DELETED, KEPT, deleted_rows, deleted_tables, owned_by
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.tables import metadata
from billwright.billing.taxes.models import Tax
from tests.graphql.support import CLOCK, World, make_customers, make_plan, send_usage
from tests.graphql.test_wallets import CREATE as MAKE_WALLET
from tests.graphql.test_wallets import new as wallet_input

MAKE = """mutation($i: CreateSandboxOrganizationInput!) {
  createSandboxOrganization(input: $i) { id name slug kind clockNow } }"""
RESET = """mutation($i: ResetSandboxOrganizationInput!) {
  resetSandboxOrganization(input: $i) { id name clock { now status } } }"""
DESTROY = "mutation($i: DestroySandboxOrganizationInput!) { destroySandboxOrganization(input: $i) { id } }"
CONTENTS = "{ sandboxContents { customersCount subscriptionsCount invoicesCount } }"
ADVANCE = "mutation($now: ISO8601DateTime!) { advanceTestClock(input: {now: $now}) { failedJobs { name error } } }"
NAME = "Acme Search"
Counts = dict[str, int]


async def counts(world: World, organization_id: UUID) -> Counts:
    """Rows of an organization by table, the event store's included; tables without any are left out."""
    found: Counts = {}
    async with world.runtime.database.reading() as session:
        for table in metadata().sorted_tables:
            owned = owned_by(table, organization_id)
            if owned is not None:
                found[table.name] = await session.scalar(select(func.count()).select_from(table).where(owned)) or 0
        for name in ("events", "usage_dirty", "usage_rollups", "usage_rollup_uniques", "rollup_defs"):
            counted = text(f"select count(*) from {name} where organization_id = :org")
            found[name] = await session.scalar(counted, {"org": organization_id}) or 0
    return {name: count for name, count in found.items() if count}


async def run_jobs(world: World, organization_id: UUID) -> None:
    register_all()
    while ids := await due_jobs(world.runtime.database, organization_id=organization_id):
        for job_id in ids:
            await run_job(world.runtime, job_id, immediate=True)


async def furnished(world: World) -> Plan:
    """Plans of every kind of part, coupons, customers with usage, wallets, overrides and invoices."""
    plan = await make_plan(world)
    await make_customers(world, plan, 2)
    await send_usage(world, "sub_c0", 12)
    found = await world.data("{ customers { collection { id externalId } } plans { collection { id } } }")
    ids = {item["externalId"]: item["id"] for item in found["customers"]["collection"]}
    await world.data(MAKE_WALLET, i=wallet_input(ids["c0"], grantedCredits="10"))
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        coupon = {"name": "Fair", "code": "fair", "coupon_type": "percentage", "percentage_rate": "10",
                  "frequency": "forever", "expiration": "no_expiration",
                  "applies_to": {"plan_codes": [plan.code]}}  # fmt: skip
        await create_coupon(ctx, CouponInput.parse(coupon))
        await apply_coupon(ctx, ApplyCoupon.parse({"external_customer_id": "c0", "coupon_code": "fair"}))
        common = {"created_at": CLOCK, "updated_at": CLOCK}
        here = {**common, "organization_id": world.organization.id}
        charge = (await session.scalars(select(Charge).where(col(Charge.plan_id) == plan.id))).one()
        subscriptions = await session.scalars(select(Subscription).where(col(Subscription.plan_id) == plan.id))
        tax = Tax(id=new_id(), name="VAT", code="vat", rate=Decimal(20), applied_to_organization=True, **here)
        own = Plan(id=new_id(), parent_id=plan.id, name="Own", code=plan.code, interval="monthly", amount_cents=1,
                   amount_currency="EUR", **here)  # fmt: skip
        minimum = Commitment(id=new_id(), plan_id=plan.id, amount_cents=500, **here)
        session.add_all([tax, own, minimum])
        await session.flush()
        privileges = [{"code": "level", "value_type": "select", "config": {"select_options": ["a", "b"]}}]
        await create_feature(ctx, FeatureCreate.parse({"code": "support", "privileges": privileges}))
        await replace_plan_entitlements(ctx, plan.code, {"support": {"level": "b"}})
        add_on = {"name": "Kit", "code": "kit", "amount_cents": 5, "amount_currency": "EUR", "tax_codes": ["vat"]}
        await create_add_on(ctx, AddOnCreate.parse(add_on))
        session.add_all([
            PlanTax(plan_id=plan.id, tax_id=tax.id),
            ChargeTax(charge_id=charge.id, tax_id=tax.id),
            BillableMetricFilter(id=new_id(), billable_metric_id=charge.billable_metric_id, key="region",
                                 values=["eu", "us"], **common),
            ChargeFilter(id=new_id(), charge_id=charge.id, values={"region": ["eu"]}, properties={"amount": "0.03"},
                         **common),
            CommitmentTax(commitment_id=minimum.id, tax_id=tax.id),
            Commitment(id=new_id(), plan_id=own.id, amount_cents=7, **here),
            UsageThreshold(id=new_id(), plan_id=plan.id, amount_cents=900_000, **here),
            *(UsageThreshold(id=new_id(), subscription_id=item.id, amount_cents=800_000, **here)
              for item in subscriptions),
        ])  # fmt: skip
    await world.data(ADVANCE, now="2024-03-02T10:00:00Z")
    return plan


async def neighbour(world: World) -> Organization:
    """Another sandbox of the same admin with the same things in it."""
    async with world.runtime.database.transaction() as session:
        admin = await session.scalar(text("select id from users where email = 'admin@acme.example'"))
        made = (await service.create_organization(session, "Neighbour", kind="sandbox", clock=CLOCK)).organization
        await add_membership(session, admin, made.id, ["admin"])
    home, world.organization = world.organization, made
    await furnished(world)
    world.organization = home
    return made


# --- where things lie ----------------------------------------------------------------------------------------------


def test_every_table_is_placed() -> None:
    """A new table either hangs on customers (then a reset deletes it by itself), or ``belongings`` has to name it."""
    lost = {
        table.name
        for table in metadata().sorted_tables
        if table.name not in KEPT | deleted_tables() and deleted_rows(table, new_id()) is None
    }
    assert lost == set(), "name them in billing/sandboxes/belongings.py: KEPT or DELETED"
    assert not KEPT & deleted_tables()
    assert {"fees", "events"} - deleted_tables() == {"events"}, "fees hang on customers; events are the event store's"
    names = {table.name for table in metadata().sorted_tables}
    assert names >= CATALOGUE | KEPT | DELETED


def test_people_and_the_servers_own_keys_belong_to_no_organization() -> None:
    homeless = {table.name for table in metadata().sorted_tables if owned_by(table, new_id()) is None}
    assert homeless == {"users", "password_resets", "signing_keys"}


# --- making --------------------------------------------------------------------------------------------------------


async def test_anybody_makes_a_sandbox_and_is_its_admin(world: World) -> None:
    made = (await world.data(MAKE, role="finance", i={"name": "Try out", "clock": "2024-02-01T00:00:00Z"}))[
        "createSandboxOrganization"
    ]
    assert made | {"id": ""} == {
        "id": "", "name": "Try out", "slug": "try-out", "kind": "sandbox", "clockNow": "2024-02-01T00:00:00.000Z",
    }  # fmt: skip
    found = await world.data("{ currentUser { memberships { roles organization { name } } } }", role="finance")
    assert {item["organization"]["name"]: item["roles"] for item in found["currentUser"]["memberships"]} == {
        "Try out": ["admin"],
        NAME: ["finance"],
    }
    assert (await counts(world, UUID(made["id"]))).keys() <= {
        "organizations",
        "memberships",
        "api_keys",
        "jobs",
        "activity_logs",
    }
    again = (await world.data(MAKE, role="finance", i={"name": "Try out"}))["createSandboxOrganization"]
    assert again["slug"] != "try-out"
    assert abs(datetime.fromisoformat(again["clockNow"]) - system_now()) < timedelta(minutes=5), "now unless told"
    refused = await world.error(MAKE, i={"name": " "})
    assert refused["extensions"]["details"] == {"name": ["value_is_mandatory"]}
    assert (await world.error(MAKE, role=None, i={"name": "x"}))["extensions"]["status"] == 401


async def test_only_admins_of_the_source_copy_its_catalogue(world: World) -> None:
    for role, source, code in (
        ("manager", str(world.organization.id), "forbidden"),
        ("admin", str(world.other.id), "not_organization_member"),
        ("admin", "nonsense", "not_organization_member"),
    ):
        refused = await world.error(MAKE, role=role, i={"name": "Copy", "copyCatalogueFromOrganizationId": source})
        assert (refused["extensions"]["status"], refused["extensions"]["code"]) == (403, code)
    async with world.runtime.database.reading() as session:
        assert await session.scalar(text("select count(*) from organizations")) == 2, "nothing is left of them"


def plain(value: Any) -> Any:
    """A wire object without what belongs to one organization: ids and times."""
    if isinstance(value, dict):
        return {
            key: plain(each)
            for key, each in value.items()
            if not key.endswith("_at") and key not in ("lago_id", "id", "organization_id", "live")
            and not (key.endswith("_id") and isinstance(each, UUID | str))
        }  # fmt: skip
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return plain(value.model_dump()) if hasattr(value, "model_dump") else value


async def catalogue(world: World, organization: Organization) -> dict[str, list[Any]]:
    """Rows of the catalogue without ids and times, and the plans with all their parts as they are read."""
    found: dict[str, list[Any]] = {}
    async with world.runtime.database.reading() as session:
        for table in metadata().sorted_tables:
            owned = owned_by(table, organization.id)
            if table.name in CATALOGUE and owned is not None:
                rows = [dict(row) for row in (await session.execute(select(table).where(owned))).mappings()]
                found[table.name] = sorted((plain(row) for row in rows), key=str)
        ctx = Context(session, organization, event_store=world.runtime.event_store)
        views = (await list_plans(ctx, PlanFilters(), PageRequest.of(1, 50, default=50))).items
        found["views"] = [str(plain(asdict(view))) for view in views]
    return found


async def test_a_copied_catalogue_sells_the_same(world: World) -> None:
    plan = await furnished(world)
    made = (
        await world.data(MAKE, i={"name": "Copy", "clock": "2024-01-15T10:00:00Z",
                                  "copyCatalogueFromOrganizationId": str(world.organization.id)})
    )["createSandboxOrganization"]  # fmt: skip
    async with world.runtime.database.reading() as session:
        copy = await session.get_one(Organization, UUID(made["id"]))
    there, here = await catalogue(world, world.organization), await catalogue(world, copy)
    for name, rows in here.items():
        assert rows, f"{name}: nothing to compare"
        own = {"plans", "commitments", "usage_thresholds"}
        assert len(rows) == len(there[name]) - (1 if name in own - {"usage_thresholds"} else 2 if name in own else 0)
        assert all(row in there[name] for row in rows), name
    assert here["coupons"][0]["code"] == "fair"
    made_rows = await counts(world, copy.id)
    assert made_rows.keys() - {"organizations", "memberships", "api_keys", "jobs", "activity_logs"} <= CATALOGUE
    await run_jobs(world, copy.id)
    assert (await counts(world, copy.id))["rollup_defs"] == 1, "the event store knows the copied metric"
    before = (await world.data("{ invoices { collection { totalAmountCents } } }"))["invoices"]["collection"]
    home, world.organization = world.organization, copy
    await make_customers(world, plan, 2)
    await send_usage(world, "sub_c0", 12)
    async with world.client("admin", copy.id) as client:
        answer = await client.post("/graphql", json={"query": ADVANCE, "variables": {"now": "2024-03-02T10:00:00Z"}})
        assert answer.json()["data"]["advanceTestClock"]["failedJobs"] == []
        query = "{ invoices { collection { totalAmountCents } } }"
        after = (await client.post("/graphql", json={"query": query})).json()["data"]["invoices"]["collection"]
    world.organization = home
    assert len(after) == len(before)
    assert await findings(world, copy.id) == []


async def findings(world: World, organization_id: UUID) -> list[Any]:
    """What the audit complains about."""
    request = Request(organization_id=organization_id, rollup_sample=1.0)
    return [item async for item in audit(world.runtime.database, request, events=world.runtime.event_store)]


# --- resetting -----------------------------------------------------------------------------------------------------


async def test_a_reset_empties_the_sandbox_and_nothing_else(world: World) -> None:
    plan = await furnished(world)
    beside = await neighbour(world)
    before, others = await counts(world, world.organization.id), await counts(world, beside.id)
    live = await counts(world, world.other.id)
    assert {"events", "fees", "wallet_transactions", "applied_coupons", "jobs", "usage_thresholds"} <= before.keys()
    shown = (await world.data(CONTENTS))["sandboxContents"]
    assert shown == {
        "customersCount": before["customers"],
        "subscriptionsCount": before["subscriptions"],
        "invoicesCount": before["invoices"],
    }
    wanted = {"confirmName": NAME, "clock": "2024-01-15T10:00:00Z"}
    made = (await world.data(RESET, i=wanted))["resetSandboxOrganization"]
    assert made["clock"] == {"now": "2024-01-15T10:00:00.000Z", "status": "ready"}
    after = await counts(world, world.organization.id)
    assert after.keys() <= KEPT | {"jobs", "rollup_defs"}
    kept = {name: count for name, count in before.items() if name in KEPT}
    own = {"plans": 1, "commitments": 1, "usage_thresholds": 2}
    assert {name: after[name] for name in kept} == {name: count - own.get(name, 0) for name, count in kept.items()}
    assert await counts(world, beside.id) == others
    assert await counts(world, world.other.id) == live
    assert (await world.data(CONTENTS))["sandboxContents"]["invoicesCount"] == 0
    await make_customers(world, plan, 1)
    await send_usage(world, "sub_c0", 12)
    await world.data(ADVANCE, now="2024-03-02T10:00:00Z")
    invoices = (await world.data("{ invoices { collection { number } } }"))["invoices"]["collection"]
    assert min(item["number"] for item in invoices).endswith("-001-001"), "numbers begin again"
    assert (await counts(world, world.organization.id))["events"] == 12, "transaction ids are free again"
    assert await findings(world, world.organization.id) == []
    assert await counts(world, beside.id) == others


async def test_a_reset_without_a_clock_goes_to_the_present(world: World) -> None:
    made = (await world.data(RESET, i={"confirmName": f" {NAME} "}))["resetSandboxOrganization"]
    assert abs(datetime.fromisoformat(made["clock"]["now"]) - datetime.now(UTC)) < timedelta(minutes=5)


async def test_a_plan_that_waited_to_be_deleted_is_gone_after_a_reset(world: World) -> None:
    await make_plan(world)
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update plans set pending_deletion = true"))
    await world.data(RESET, i={"confirmName": NAME})
    async with world.runtime.database.reading() as session:
        assert (await session.execute(text("select pending_deletion, deleted_at is null from plans"))).all() == [
            (False, False)
        ]


@pytest.mark.parametrize("mutation", [RESET, DESTROY])
async def test_who_may_not(world: World, mutation: str) -> None:
    await make_customers(world, await make_plan(world), 1)
    before = await counts(world, world.organization.id)
    for name, code in (("acme search", "value_is_invalid"), ("", "value_is_mandatory"), ("Other", "value_is_invalid")):
        refused = await world.error(mutation, i={"confirmName": name})
        assert refused["extensions"]["details"] == {"confirmName": [code]}
    for role in ("manager", "finance"):
        assert (await world.error(mutation, role=role, i={"confirmName": NAME}))["extensions"]["code"] == "forbidden"
    async with world.client("stranger", world.organization.id) as stranger:
        answer = await stranger.post("/graphql", json={"query": mutation, "variables": {"i": {"confirmName": NAME}}})
    assert answer.json()["errors"][0]["extensions"]["code"] == "not_organization_member"
    later = system_now() + timedelta(minutes=1)
    busy = "update organizations set clock_target = '2025-01-01', clock_lease_until = :lease where id = :id"
    async with world.runtime.database.transaction() as session:
        await session.execute(text(busy), {"lease": later, "id": world.organization.id})
    refused = await world.error(mutation, i={"confirmName": NAME})
    assert (refused["extensions"]["status"], refused["extensions"]["code"]) == (405, "clock_is_advancing")
    assert await counts(world, world.organization.id) == before


@pytest.mark.parametrize("mutation", [RESET, DESTROY, CONTENTS])
async def test_nothing_of_a_live_organization_is_touched(world: World, mutation: str) -> None:
    before = await counts(world, world.other.id)
    async with world.client("stranger", world.other.id) as owner:
        variables = {"i": {"confirmName": "Other"}} if mutation != CONTENTS else {}
        answer = await owner.post("/graphql", json={"query": mutation, "variables": variables})
    extensions = answer.json()["errors"][0]["extensions"]
    assert (extensions["status"], extensions["code"]) == (403, "not_a_sandbox")
    async with world.runtime.database.reading() as session:
        owner_id = await session.scalar(text("select id from users where email = 'stranger@acme.example'"))
    for use_case in (service.reset_sandbox, service.destroy_sandbox):
        with pytest.raises(service.Forbidden, match="not_a_sandbox"):
            await use_case(world.runtime, world.other.id, owner_id, confirm_name="Other")
    assert await counts(world, world.other.id) == before


async def test_a_reset_that_fails_leaves_the_clock_free(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    await make_customers(world, await make_plan(world), 1)
    before = await counts(world, world.organization.id)
    with monkeypatch.context() as patch:
        patch.setattr(service, "bump_catalog", broken)
        assert (await world.error(RESET, i={"confirmName": NAME}))["extensions"]["status"] == 500
    assert await counts(world, world.organization.id) == before
    clock = await world.data("{ testClock { status now } }")
    assert clock["testClock"] == {"status": "ready", "now": "2024-01-15T10:00:00.000Z"}
    await world.data(RESET, i={"confirmName": NAME})


# --- destroying ----------------------------------------------------------------------------------------------------


async def test_a_destroyed_sandbox_leaves_nothing(world: World) -> None:
    await furnished(world)
    beside = await neighbour(world)
    others, live = await counts(world, beside.id), await counts(world, world.other.id)
    gone = (await world.data(DESTROY, i={"confirmName": NAME}))["destroySandboxOrganization"]
    assert gone == {"id": str(world.organization.id)}
    assert await counts(world, world.organization.id) == {}
    assert await counts(world, beside.id) == others
    assert await counts(world, world.other.id) == live
    assert (await world.error("{ organization { id } }"))["extensions"]["code"] == "not_organization_member"
    found = await world.data("{ currentUser { email memberships { organization { name } } } }")
    assert found["currentUser"] == {
        "email": "admin@acme.example", "memberships": [{"organization": {"name": "Neighbour"}}],
    }  # fmt: skip
    async with world.runtime.database.reading() as session:
        assert await session.scalar(text("select count(*) from users")) == 4, "people stay"
