"""``/activity_logs``: every change with its object, in the transaction of the change (spec 07 §9.1)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from billwright.billing.access.context import Context
from billwright.billing.access.service import create_organization, rename
from billwright.billing.activity_logs.queries import ActivityFilters, discard_old_activities, list_activities
from billwright.billing.activity_logs.service import record
from billwright.billing.coupons.schemas import CouponInput
from billwright.billing.coupons.service import create_coupon
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.pagination import PageRequest
from tests.server.rest.client import RestClient
from tests.server.rest.contract import problems, unknown_keys
from tests.support.sandbox import Sandbox

COUPON = {
    "name": "Ten",
    "code": "ten",
    "coupon_type": "fixed_amount",
    "amount_cents": 1000,
    "amount_currency": "EUR",
    "frequency": "once",
    "expiration": "no_expiration",
}
METRIC = {"name": "Calls", "code": "calls", "aggregation_type": "count_agg"}
PLAN = {
    "name": "Startup",
    "code": "startup",
    "interval": "monthly",
    "amount_cents": 3100,
    "amount_currency": "EUR",
    "pay_in_advance": True,
}


async def logged(rest: RestClient, query: str = "") -> list[Any]:
    """The log over REST, oldest first."""
    answer = await rest.get(f"activity_logs?per_page=1000&{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["activity_logs"][::-1]


async def types(rest: RestClient, query: str = "") -> list[str]:
    return [item["activity_type"] for item in await logged(rest, query)]


async def test_a_change_shows_its_object_and_what_changed(rest: RestClient) -> None:
    made = (await rest.post("coupons", {"coupon": COUPON})).json()["coupon"]
    changed = (await rest.put("coupons/ten", {"coupon": {"name": "Twelve", "amount_cents": 1200}})).json()["coupon"]
    await rest.delete("coupons/ten")
    created, updated, deleted = await logged(rest, f"resource_ids[]={made['lago_id']}")
    assert problems("ActivityLogObject", created) == []
    assert unknown_keys("ActivityLogObject", created) == set()
    assert (created["activity_type"], created["activity_object"], created["activity_object_changes"]) == (
        "coupon.created",
        made,
        {},
    )
    assert created["activity_source"] == "api"
    assert created["user_email"] is None
    assert (created["resource_type"], created["resource_id"]) == ("Coupon", made["lago_id"])
    assert created["organization_id"] == str(rest.organization.id)
    assert created["logged_at"] == created["created_at"]
    assert updated["activity_type"] == "coupon.updated"
    assert updated["activity_object"] == changed
    assert updated["activity_object_changes"] == {"name": ["Ten", "Twelve"], "amount_cents": [1000, 1200]}
    assert deleted["activity_type"] == "coupon.deleted"
    assert deleted["activity_object"] == changed, "as it was before"
    assert deleted["activity_object_changes"] == {}
    shown = await rest.get(f"activity_logs/{updated['activity_id']}")
    assert shown.json() == {"activity_log": updated}


async def test_catalogue_and_customers(rest: RestClient) -> None:
    await rest.post("billable_metrics", {"billable_metric": METRIC})
    await rest.put("billable_metrics/calls", {"billable_metric": {"description": "All of them"}})
    metric = (await rest.get("billable_metrics/calls")).json()["billable_metric"]
    charge = {"billable_metric_id": metric["lago_id"], "charge_model": "standard", "properties": {"amount": "1"}}
    await rest.post("plans", {"plan": PLAN})
    plan = (await rest.put("plans/startup", {"plan": {"amount_cents": 4000, "charges": [charge]}})).json()["plan"]
    await rest.post("customers", {"customer": {"external_id": "c1", "name": "Hooli"}})
    sent = {"external_id": "c1", "email": "ceo@hooli.test", "metadata": [{"key": "tier", "value": "gold"}]}
    customer = (await rest.post("customers", {"customer": sent})).json()["customer"]
    await rest.delete("customers/c1")
    await rest.delete("plans/startup")
    await rest.delete("billable_metrics/calls")
    found = {item["activity_type"]: item for item in await logged(rest)}
    assert list(found) == [
        "billing_entities.created",
        "billable_metric.created",
        "billable_metric.updated",
        "plan.created",
        "plan.updated",
        "customer.created",
        "customer.updated",
        "customer.deleted",
        "plan.deleted",
        "billable_metric.deleted",
    ]
    assert found["billable_metric.updated"]["activity_object_changes"] == {"description": [None, "All of them"]}
    changes = found["plan.updated"]["activity_object_changes"]
    assert changes == {"amount_cents": [3100, 4000], "charges": [[], plan["charges"]]}
    changes = found["customer.updated"]["activity_object_changes"]
    assert changes == {"email": [None, "ceo@hooli.test"], "metadata": [[], customer["metadata"]]}
    assert found["customer.deleted"]["activity_object"] == customer
    assert found["customer.deleted"]["external_customer_id"] == "c1"
    assert found["plan.deleted"]["activity_object"]["pending_deletion"] is False, "as it was before"
    assert found["billable_metric.deleted"]["activity_object"]["lago_id"] == metric["lago_id"]


async def test_billing_is_logged_as_the_systems(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.customer("c1", currency="EUR")
    await sandbox.subscribe("s1", "p")
    await sandbox.advance("2024-02-01T02:00:00Z")
    invoice = await sandbox.invoice((await sandbox.invoices())[-1]["lago_id"])
    paid = {"invoice_id": invoice["lago_id"], "amount_cents": invoice["total_amount_cents"], "reference": "wire"}
    await sandbox.call("POST", "payments", {"payment": paid})
    await sandbox.call("POST", f"invoices/{(await sandbox.invoices())[0]['lago_id']}/void", {})
    await sandbox.terminate("s1")
    started = (await logged(sandbox.rest, "activity_types[]=subscription.started"))[0]
    assert (started["activity_source"], started["external_subscription_id"]) == ("api", "s1")
    assert started["external_customer_id"] == "c1"
    assert started["logged_at"] == "2024-01-15T10:00:00Z", "the organization's clock"
    [first, second, _] = await logged(sandbox.rest, "activity_types[]=invoice.created")
    assert (first["activity_source"], second["activity_source"]) == ("api", "system")
    assert second["resource_id"] == invoice["lago_id"]
    assert second["external_customer_id"] == "c1"
    assert second["external_subscription_id"] is None
    issued = second["activity_object"]
    kept = {name: invoice[name] for name in issued}
    moved = {"updated_at", "file_url", "web_url", "payment_status", "total_paid_amount_cents", "total_due_amount_cents"}
    assert {name for name in issued if issued[name] != kept[name]} <= moved
    assert issued["total_amount_cents"] == issued["total_due_amount_cents"] == 3100
    about = await logged(sandbox.rest, f"resource_ids[]={invoice['lago_id']}&activity_sources[]=api")
    assert [item["activity_type"] for item in about] == ["payment.recorded", "invoice.payment_status_updated"]
    assert about[0]["activity_object"]["reference"] == "wire"
    assert about[0]["resource_type"] == "Invoice"
    assert about[1]["activity_object_changes"] == {
        "payment_status": ["pending", "succeeded"],
        "total_paid_amount_cents": [0, 3100],
        "total_due_amount_cents": [3100, 0],
    }
    [voided] = await logged(sandbox.rest, "activity_types[]=invoice.voided")
    assert voided["activity_object_changes"]["status"] == ["finalized", "voided"]
    [ended] = await logged(sandbox.rest, "activity_types[]=subscription.terminated")
    assert ended["activity_object_changes"]["status"] == ["active", "terminated"]
    generated = await logged(sandbox.rest, "activity_types[]=invoice.generated")
    assert generated, "the PDF"
    assert all(item["activity_object"]["file_url"] is None for item in generated), "the signed address opens the file"


async def test_wallets_and_coupons_carry_what_belongs_to_them(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    body = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", "granted_credits": "10", "name": "W"}
    wallet = (await sandbox.call("POST", "wallets", {"wallet": body}))["wallet"]
    await sandbox.call("PUT", f"wallets/{wallet['lago_id']}", {"wallet": {"name": "Prepaid"}})
    await sandbox.advance("2024-01-15T10:10:00Z")
    await sandbox.call("DELETE", f"wallets/{wallet['lago_id']}")
    about = await logged(sandbox.rest, f"resource_ids[]={wallet['lago_id']}")
    assert [item["activity_type"] for item in about] == [
        "wallet.created",
        "wallet.updated",
        "wallet.depleted_ongoing_balance",
        "wallet_transaction.created",
        "wallet.terminated",
    ], "the balance of the wallet moves by its transaction, which is logged"
    assert {item["resource_type"] for item in about} == {"Wallet"}
    assert {item["external_customer_id"] for item in about} == {"c1"}
    assert about[1]["activity_object_changes"] == {"name": ["W", "Prepaid"]}
    assert about[3]["activity_object"]["credit_amount"] == "10.0"
    coupon = (await sandbox.call("POST", "coupons", {"coupon": COUPON}))["coupon"]
    given = {"external_customer_id": "c1", "coupon_code": "ten"}
    applied = (await sandbox.call("POST", "applied_coupons", {"applied_coupon": given}))["applied_coupon"]
    await sandbox.call("DELETE", f"customers/c1/applied_coupons/{applied['lago_id']}")
    about = await logged(sandbox.rest, f"resource_ids[]={coupon['lago_id']}")
    assert [item["activity_type"] for item in about] == [
        "coupon.created",
        "applied_coupon.created",
        "applied_coupon.deleted",
    ]
    assert about[1]["activity_object"]["lago_id"] == applied["lago_id"]
    assert about[2]["activity_object"]["status"] == "active", "as it was before"
    assert about[2]["external_customer_id"] == "c1"


async def test_what_did_not_happen_is_not_logged(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.customer("c1", currency="EUR")
    before = await types(sandbox.rest)
    await sandbox.call(
        "POST", "invoices/preview", {"customer": {"external_id": "c1"}, "plan_code": "p", "coupons": [COUPON]}
    )
    refused = await sandbox.rest.post("coupons", {"coupon": {**COUPON, "amount_cents": -1}})
    assert refused.status_code == 422
    with contextlib.suppress(ValidationFailed):
        async with sandbox.context() as ctx:
            await create_coupon(ctx, CouponInput.parse(COUPON))
            raise ValidationFailed(base="after_all_not")
    assert await types(sandbox.rest) == before


async def test_features(rest: RestClient) -> None:
    made = (await rest.post("features", {"feature": {"code": "seats", "name": "Seats"}})).json()["feature"]
    await rest.put("features/seats", {"feature": {"name": "Places"}})
    await rest.delete("features/seats")
    created, updated, deleted = await logged(rest, "resource_types[]=Feature")
    assert created["activity_object"] == made
    assert updated["activity_object_changes"] == {"name": ["Seats", "Places"]}
    assert (deleted["activity_type"], deleted["activity_object"]["name"]) == ("feature.deleted", "Places")


async def test_filters(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100)
    await sandbox.customer("c1")
    await sandbox.customer("c2")
    await sandbox.subscribe("s1", "p")
    await sandbox.advance("2024-01-17T10:00:00Z")
    await sandbox.customer("c1", name="Renamed")
    rest = sandbox.rest
    assert await types(rest, "activity_types[]=customer.updated&activity_types[]=subscription.started") == [
        "subscription.started",
        "customer.updated",
    ]
    assert await types(rest, "external_customer_id=c2") == ["customer.created"]
    assert await types(rest, "external_subscription_id=s1") == ["subscription.started"]
    assert await types(rest, "resource_types[]=Customer&external_customer_id=c1") == [
        "customer.created",
        "customer.updated",
    ]
    assert await types(rest, "activity_sources[]=system&resource_types[]=Customer") == []
    assert await types(rest, "user_emails[]=ceo@hooli.test") == []
    assert await types(rest, "from_date=2024-01-17") == ["customer.updated"]
    assert await types(rest, "to_date=2024-01-14") == []
    assert await types(rest, "from_date=2024-01-15&to_date=2024-01-15&resource_types[]=Subscription") == [
        "subscription.started"
    ]
    assert await types(rest, "resource_ids[]=nonsense") == []
    page = (await rest.get("activity_logs?per_page=1&page=1")).json()
    assert [item["activity_type"] for item in page["activity_logs"]] == ["customer.updated"], "newest first"
    assert page["meta"]["next_page"] == 2
    for query, field in (("from_date=soon", "from_date"), ("activity_sources[]=moon", "activity_sources")):
        answer = await rest.get(f"activity_logs?{query}")
        assert (answer.status_code, list(answer.json()["error_details"])) == (422, [field])


async def test_strangers_and_unknown_ids_find_nothing(rest: RestClient) -> None:
    await rest.post("coupons", {"coupon": COUPON})
    mine = (await logged(rest))[-1]["activity_id"]
    other = await rest.another()
    for client, wanted in ((other, mine), (rest, uuid4()), (rest, "nonsense")):
        answer = await client.get(f"activity_logs/{wanted}")
        assert (answer.status_code, answer.json()["code"]) == (404, "activity_log_not_found")
    assert "coupon.created" not in await types(other)
    blind = await rest.with_key({"coupon": ["read", "write"]})
    assert (await blind.get("activity_logs")).json()["code"] == "read_action_not_allowed_for_activity_log"


async def test_settings_and_secrets_stay_out_of_the_api(rest: RestClient) -> None:
    made = {"webhook_url": "https://hooks.example.com/a", "signature_algo": "hmac"}
    await rest.post("webhook_endpoints", {"webhook_endpoint": made})
    await rest.post("taxes", {"tax": {"name": "VAT", "code": "vat", "rate": "20"}})
    key = await rest.with_key({"coupon": ["read"]})
    assert await types(rest) == ["billing_entities.created"]
    async with rest.context() as ctx:
        rows = (
            await ctx.session.execute(
                text(
                    "select activity_type, activity_object::text || activity_object_changes::text from activity_logs"
                    " where organization_id = :org order by id"
                ),
                {"org": rest.organization.id},
            )
        ).all()
    assert [row[0] for row in rows] == [
        "api_key.created",
        "billing_entities.created",
        "webhook_endpoint.created",
        "tax.created",
        "api_key.created",
    ]
    everything = " ".join(row[1] for row in rows)
    assert rest.api_key not in everything
    assert key.api_key not in everything
    assert "digest" not in everything


async def test_the_key_that_acted_is_kept(rest: RestClient) -> None:
    await rest.post("coupons", {"coupon": COUPON})
    async with rest.context() as ctx:
        row = (
            await ctx.session.execute(
                text(
                    "select l.activity_source, k.hint from activity_logs l join api_keys k on k.id = l.api_key_id"
                    " where l.activity_type = 'coupon.created'"
                )
            )
        ).one()
    assert row == ("api", rest.api_key[-3:])


async def test_an_organization_may_be_changed_while_it_is_made(rest: RestClient) -> None:
    async with rest.database.transaction() as session:
        made = (await create_organization(session, "Pied Piper")).organization
        await rename(Context(session, made), "Piper")
    other = replace(rest, organization=made)
    async with other.context() as ctx:
        found = await list_activities(ctx, ActivityFilters(resource_types=["BillingEntity"]), PageRequest())
    assert [(row.activity_type, row.activity_object["name"]) for row in found.items] == [
        ("billing_entities.updated", "Piper"),
        ("billing_entities.created", "Piper"),
    ]
    assert found.items[0].activity_object_changes == {}, "nobody has seen the other name"


async def test_the_same_change_twice_is_one_and_unknown_objects_are_none(rest: RestClient) -> None:
    async with rest.context() as ctx:
        coupon = await create_coupon(ctx, CouponInput.parse(COUPON))
    async with rest.context() as ctx:
        record(ctx, "coupon.updated", "coupon", coupon.id)
        record(ctx, "coupon.updated", "coupon", coupon.id)
        record(ctx, "moon.updated", "moon", coupon.id)
        record(ctx, "coupon.updated", "coupon", uuid4())
    assert await types(rest, "activity_types[]=coupon.updated&activity_types[]=moon.updated") == ["coupon.updated"]


async def test_the_log_is_kept_as_long_as_the_setting_says(rest: RestClient) -> None:
    await rest.post("coupons", {"coupon": COUPON})
    now = datetime.now(UTC)
    later = now + timedelta(days=8)
    assert await discard_old_activities(rest.database, 0, now=later) == 0
    assert await discard_old_activities(rest.database, 9, now=later) == 0
    assert len(await logged(rest)) == 2
    assert await discard_old_activities(rest.database, 7, now=later) == 3, "the first API key's as well"
    assert await logged(rest) == []
