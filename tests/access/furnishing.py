"""One of everything, made over REST for any organization, so that two can be furnished alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import text

from billwright.billing.access.api_keys import create_api_key
from billwright.billing.access.invites import create_invite
from billwright.billing.access.models import Organization
from tests.graphql.support import World

PERIOD_END = "2024-02-01T02:00:00Z"
ROWS = {
    "customer": "customers",
    "subscription": "subscriptions",
    "plan": "plans",
    "charge": "charges",
    "filter": "charge_filters",
    "metric": "billable_metrics",
    "tax": "taxes",
    "add_on": "add_ons",
    "feature": "features",
    "coupon": "coupons",
    "applied": "applied_coupons",
    "invoice": "invoices",
    "fee": "fees",
    "payment": "payments",
    "credit_note": "credit_notes",
    "wallet": "wallets",
    "wallet_transaction": "wallet_transactions",
    "alert": "alerts",
    "endpoint": "webhook_endpoints",
    "delivery": "webhooks",
    "job": "jobs",
    "email": "emails",
    "key": "api_keys",
    "member": "memberships",
    "invite": "invites",
    "rule": "wallet_rules",
    "metadata": "customer_metadata",
}
"""Kind -> table."""
_WITHOUT_ORGANIZATION = {"charge_filters": ("charge_id", "charges"), "customer_metadata": ("customer_id", "customers")}
"""Table -> the column and table that it belongs to its organization by."""


@dataclass
class Home:
    """An organization with one of everything; all of its codes and names begin with ``word``."""

    organization: Organization
    word: str
    api_key: str
    ids: dict[str, str] = field(default_factory=dict[str, str])
    """Kind -> internal id; ``draft`` is the invoice that is not issued yet."""
    codes: dict[str, str] = field(default_factory=dict[str, str])
    """Kind -> code, external id, transaction id or key."""

    @property
    def secrets(self) -> set[str]:
        """What nobody else's answer may hold."""
        return {self.word, *self.ids.values()}


class Rest:
    """Requests to ``/api/v1`` with one key, or none."""

    def __init__(self, world: World, api_key: str | None) -> None:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        transport = httpx.ASGITransport(app=world.app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://billwright.test/api/v1", headers=headers)

    async def send(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return await self._http.request(method, path, json=body, params=query or None)

    async def make(self, path: str, root: str, value: dict[str, Any], method: str = "POST") -> Any:
        answer = await self.send(method, path, {root: value})
        assert answer.status_code == 200, (path, answer.text)
        return answer.json().get(root)


async def furnish(world: World, organization: Organization, word: str) -> Home:
    """Make one of everything whose name, code or external id begins with ``word``."""
    async with world.runtime.database.transaction() as session:
        await session.execute(
            text("update organizations set kind = 'sandbox', clock_now = '2024-01-15T10:00:00Z' where id = :id"),
            {"id": organization.id},
        )
        ctx = world.context(session, await session.get_one(Organization, organization.id))
        key = (await create_api_key(ctx, f"{word} key")).value
        await create_invite(ctx, world.runtime.box, f"{word}-guest@x.example", ["manager"], granted_by=["admin"])
    home = Home(organization, word, key)
    rest = Rest(world, key)
    home.codes["billing_entity"] = (await rest.send("GET", "/billing_entities")).json()["billing_entities"][0]["code"]
    await _catalogue(rest, home)
    await _sales(rest, home)
    await _find_ids(world, home)
    return home


async def _catalogue(rest: Rest, home: Home) -> None:
    def named(kind: str, **values: Any) -> dict[str, Any]:
        home.codes[kind] = f"{home.word}-{kind}"
        return {"name": f"{home.word} {kind}", "code": home.codes[kind], **values}

    await rest.make("/taxes", "tax", named("tax", rate="20"))
    metric = named("metric", aggregation_type="sum_agg", field_name="n", filters=[{"key": "region", "values": ["eu"]}])
    made = await rest.make("/billable_metrics", "billable_metric", metric)
    charge = {
        "billable_metric_id": made["lago_id"], "charge_model": "standard", "properties": {"amount": "0.05"},
        "code": f"{home.word}-charge", "filters": [{"values": {"region": ["eu"]}, "properties": {"amount": "0.04"}}],
    }  # fmt: skip
    home.codes["charge"] = charge["code"]
    plan = named("plan", interval="monthly", amount_cents=3100, amount_currency="EUR", pay_in_advance=True,
                 charges=[charge], tax_codes=[home.codes["tax"]], usage_thresholds=[{"amount_cents": 10**9}],
                 metadata={f"{home.word}-key": "1"})  # fmt: skip
    home.codes["key"] = f"{home.word}-key"
    await rest.make("/plans", "plan", plan)
    home.codes["privilege"] = f"{home.word}-privilege"
    await rest.make("/features", "feature", named("feature", privileges=[{"code": home.codes["privilege"]}]))
    granted = {home.codes["feature"]: {home.codes["privilege"]: home.word}}
    await rest.make(f"/plans/{home.codes['plan']}/entitlements", "entitlements", granted)
    await rest.make("/add_ons", "add_on", named("add_on", amount_cents=50000, amount_currency="EUR"))
    coupon = named("coupon", coupon_type="percentage", percentage_rate="10", frequency="forever", reusable=True,
                   expiration="no_expiration")  # fmt: skip
    await rest.make("/coupons", "coupon", coupon)
    await rest.make("/webhook_endpoints", "webhook_endpoint", {"webhook_url": f"https://{home.word}.example.com/in"})


async def _sales(rest: Rest, home: Home) -> None:
    customer = home.codes["customer"] = f"{home.word}-customer"
    subscription = home.codes["subscription"] = f"{home.word}-subscription"
    event = home.codes["event"] = f"{home.word}-event"
    bought = {"external_id": customer, "name": f"{home.word} Ltd", "currency": "EUR",
              "email": f"{home.word}@buyer.example", "billing_configuration": {"invoice_grace_period": 20},
              "metadata": [{"key": "k", "value": home.word}]}  # fmt: skip
    await rest.make("/customers", "customer", bought)
    applied = {"external_customer_id": customer, "coupon_code": home.codes["coupon"]}
    await rest.make("/applied_coupons", "applied_coupon", applied)
    wanted = {"external_customer_id": customer, "plan_code": home.codes["plan"], "external_id": subscription}
    await rest.make("/subscriptions", "subscription", wanted)
    used = {"transaction_id": event, "external_subscription_id": subscription, "code": home.codes["metric"],
            "timestamp": "1705400000", "properties": {"n": 12, "region": "eu"}}  # fmt: skip
    await rest.make("/events", "event", used)
    wallet = {"external_customer_id": customer, "rate_amount": "1", "currency": "EUR", "granted_credits": "10",
              "name": f"{home.word} wallet", "code": f"{home.word}-wallet",
              "recurring_transaction_rules": [{"trigger": "interval", "interval": "yearly", "granted_credits": "1"}],
              "metadata": {home.codes["key"]: "1"}}  # fmt: skip
    home.codes["wallet"] = wallet["code"]
    await rest.make("/wallets", "wallet", wallet)
    home.codes["alert"] = f"{home.word}-alert"
    watching = {"code": home.codes["alert"], "thresholds": [{"value": "1"}]}
    for owner, watched in ((f"/subscriptions/{subscription}", "current_usage_amount"),
                           (f"/customers/{customer}/wallets/{wallet['code']}", "wallet_balance_amount")):  # fmt: skip
        await rest.make(f"{owner}/alerts", "alert", {**watching, "alert_type": watched})
    await rest.make("/test_clock", "test_clock", {"now": PERIOD_END}, "PUT")
    sold = {"external_customer_id": customer, "currency": "EUR", "fees": [{"add_on_code": home.codes["add_on"]}]}
    invoice = await rest.make("/invoices", "invoice", sold)
    home.ids["invoice"] = invoice["lago_id"]
    home.ids["fee"] = invoice["fees"][0]["lago_id"]
    paid = {"invoice_id": invoice["lago_id"], "amount_cents": 100, "reference": f"{home.word} wire"}
    await rest.make("/payments", "payment", paid)
    item = {"fee_id": home.ids["fee"], "amount_cents": 1000}
    note = {"invoice_id": invoice["lago_id"], "reason": "other", "credit_amount_cents": 1000, "items": [item],
            "metadata": {home.codes["key"]: "1"}}  # fmt: skip
    await rest.make("/credit_notes", "credit_note", note)


async def _find_ids(world: World, home: Home) -> None:
    await world.app.state.rest_api_log.flush()
    async with world.runtime.database.reading() as session:
        for kind, table in ROWS.items():
            mine = "organization_id = :org"
            if table in _WITHOUT_ORGANIZATION:
                column, owner = _WITHOUT_ORGANIZATION[table]
                mine = f"{column} in (select id from {owner} where {mine})"
            statement = text(f"select id from {table} where {mine} order by created_at desc, id limit 1")
            found = await session.scalar(statement, {"org": home.organization.id})
            assert found is not None, kind
            home.ids.setdefault(kind, str(found))
        for kind, column, table in (
            ("activity", "id", "activity_logs where resource_type = 'Plan' and"),
            ("api_log", "id", "api_logs where"),
            ("api_request", "request_id", "api_logs where"),
        ):
            logged = text(f"select {column} from {table} organization_id = :org order by id limit 1")
            home.ids[kind] = str((await session.execute(logged, {"org": home.organization.id})).scalar_one())
        draft = text("select id from invoices where organization_id = :org and status = 'draft'")
        home.ids["draft"] = str(await session.scalar(draft, {"org": home.organization.id}))


async def books(world: World, home: Home) -> dict[str, str]:
    """A digest of each table's rows of an organization: what an intruder must not have changed.

    When a key was last used is not a change of the books.
    """
    async with world.runtime.database.reading() as session:
        tables = await session.scalars(
            text(
                "select table_name from information_schema.columns where table_schema = 'public'"
                " and column_name = 'organization_id' order by 1"
            )
        )
        found: dict[str, str] = {}
        for table in tables:
            digest = text(
                f"select coalesce(md5(string_agg(md5(t::text), '' order by t::text)), '') from {table} t"
                " where organization_id = :org"
            )
            found[table] = await session.scalar(digest, {"org": home.organization.id}) or ""
        own = text("select md5(o::text) from organizations o where id = :org")
        found["organizations"] = await session.scalar(own, {"org": home.organization.id}) or ""
    return found


_REFERENCES = """
    SELECT c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND cardinality(c.conkey) = 1 AND NOT EXISTS (
      SELECT FROM unnest(ARRAY[c.conrelid, c.confrelid]) AS t(id) WHERE NOT EXISTS (
        SELECT FROM pg_attribute o WHERE o.attrelid = t.id AND o.attname = 'organization_id'))
"""


async def crossings(world: World) -> list[str]:
    """Columns through which a row of one organization points to a row of another: always none."""
    async with world.runtime.database.reading() as session:
        references = (await session.execute(text(_REFERENCES))).all()
        assert len(references) > 50
        return [
            f"{table}.{column} -> {target}"
            for table, column, target in references
            if await session.scalar(
                text(
                    f"select exists (select from {table} r join {target} t on t.id = r.{column}"
                    " where t.organization_id <> r.organization_id)"
                )
            )
        ]
