"""A company with very many customers and invoices, for the benchmark of pages and lists.

One of everything is made by the product itself, over REST in a sandbox; the rest are copies of those rows. What differs
between copies is drawn from a seeded generator, streamed in with COPY and joined to the row that is copied, so that two
runs fill the same company and new columns need nothing here. Rows are written in the order of their days, as a company
writes them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from benchmarks import names

CLOCK = datetime(2024, 1, 1, 10, tzinfo=UTC)
BEGAN, TODAY = date(2023, 12, 1), date(2026, 11, 15)
SUBSCRIPTIONS_PER_CUSTOMER = (1, 1, 1, 1, 2, 2, 3)
COUNTRIES = (("DE", "EUR"), ("FR", "EUR"), ("ES", "EUR"), ("NL", "EUR"), ("US", "USD"), ("US", "USD"), ("GB", "GBP"))

_COLUMNS = """
    SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1
    ORDER BY ordinal_position
"""


@dataclass(frozen=True)
class Size:
    """How many of each there are in the end, about."""

    customers: int
    invoices: int
    plans: int = 40
    metrics: int = 30
    coupons: int = 60
    add_ons: int = 60
    taxes: int = 12
    webhooks: int = 50_000
    jobs: int = 20_000
    overridden_plans: int = 2_000
    wallet_transactions_each: int = 4


async def make_prototypes(client: httpx.AsyncClient) -> None:
    """One object of each kind through the product; ``client`` speaks to ``/api/v1`` of a sandbox at ``CLOCK``."""

    async def post(path: str, body: Mapping[str, Any], method: str = "POST") -> Any:
        answer = await client.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    tax = {"name": "VAT", "code": "vat", "rate": "20", "applied_to_organization": True}
    await post("/taxes", {"tax": tax})
    metric = {"name": "API calls", "code": "calls", "aggregation_type": "sum_agg", "field_name": "n"}
    made = (await post("/billable_metrics", {"billable_metric": metric}))["billable_metric"]
    charge = {"billable_metric_id": made["lago_id"], "charge_model": "standard", "properties": {"amount": "0.05"}}
    plan = {"name": "Scale", "code": "scale", "interval": "monthly", "amount_cents": 4900, "amount_currency": "EUR",
            "pay_in_advance": True, "charges": [charge]}  # fmt: skip
    await post("/plans", {"plan": plan})
    add_on = {"name": "Set-up", "code": "set_up", "amount_cents": 50000, "amount_currency": "EUR"}
    await post("/add_ons", {"add_on": add_on})
    coupon = {"name": "Launch", "code": "launch", "coupon_type": "percentage", "percentage_rate": "10",
              "frequency": "forever", "expiration": "no_expiration"}  # fmt: skip
    await post("/coupons", {"coupon": coupon})
    customer = {"external_id": "first", "name": "First", "currency": "EUR", "email": "first@buyer.example",
                "metadata": [{"key": "region", "value": "emea", "display_in_invoice": False}]}  # fmt: skip
    await post("/customers", {"customer": customer})
    await post("/applied_coupons", {"applied_coupon": {"external_customer_id": "first", "coupon_code": "launch"}})
    subscription = {"external_customer_id": "first", "plan_code": "scale", "external_id": "first"}
    await post("/subscriptions", {"subscription": subscription})
    used = {"transaction_id": "1", "external_subscription_id": "first", "code": "calls", "properties": {"n": 900},
            "timestamp": CLOCK.timestamp() + 3600}  # fmt: skip
    await post("/test_clock", {"test_clock": {"now": (CLOCK + timedelta(days=2)).isoformat()}}, "PUT")
    await post("/events", {"event": used})
    await post("/test_clock", {"test_clock": {"now": datetime(2024, 2, 1, 2, tzinfo=UTC).isoformat()}}, "PUT")
    invoice = (await client.get("/invoices")).json()["invoices"][0]
    fee = (await client.get(f"/invoices/{invoice['lago_id']}")).json()["invoice"]["fees"][0]
    item = {"fee_id": fee["lago_id"], "amount_cents": 100}
    note = {"invoice_id": invoice["lago_id"], "reason": "other", "credit_amount_cents": 108, "items": [item]}
    await post("/credit_notes", {"credit_note": note})
    payment = {"invoice_id": invoice["lago_id"], "amount_cents": 100, "reference": "wire"}
    await post("/payments", {"payment": payment})
    wallet = {"external_customer_id": "first", "rate_amount": "1", "currency": "EUR", "granted_credits": "10"}
    await post("/wallets", {"wallet": wallet})
    await post("/webhook_endpoints", {"webhook_endpoint": {"webhook_url": "https://hooks.example.com/billing"}})
    await post("/test_clock", {"test_clock": {"now": datetime(2024, 2, 1, 3, tzinfo=UTC).isoformat()}}, "PUT")


class Multiplier:
    """Fills the tables of one organization with copies of its prototypes."""

    def __init__(self, connection: Any, organization_id: UUID, size: Size, seed: int = 7) -> None:
        self._connection = connection
        self._org = organization_id
        self._size = size
        self._random = random.Random(seed)

    async def run(self) -> None:
        """Everything, then the statistics and visibility that autovacuum would have given."""
        await self._catalogue()
        await self._customers()
        await self._subscriptions()
        await self._invoices()
        await self._documents()
        await self._side_tables()
        await self._connection.execute(
            "UPDATE organizations SET kind = 'live', clock_now = NULL, customer_sequence = $2 WHERE id = $1",
            self._org, self._size.customers + 1,
        )  # fmt: skip
        await self._connection.execute("VACUUM ANALYZE", timeout=1800)

    async def copy(self, table: str, source: str, changed: Mapping[str, str]) -> None:
        """Copies of the row ``r`` of ``source`` (which names its tables) with some columns changed."""
        columns = [row["column_name"] for row in await self._connection.fetch(_COLUMNS, table)]
        assert set(changed) <= set(columns), (table, set(changed) - set(columns))
        values = ", ".join(changed.get(name, f'r."{name}"') for name in columns)
        listed = ", ".join(f'"{name}"' for name in columns)
        await self._connection.execute(f"INSERT INTO {table} ({listed}) SELECT {values} FROM {source}", timeout=3600)

    async def _stream(self, table: str, columns: Mapping[str, str], records: Iterator[tuple[Any, ...]]) -> None:
        """A temporary table with the drawn values."""
        definition = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        await self._connection.execute(f"CREATE TEMP TABLE {table} ({definition})")
        await self._connection.copy_records_to_table(table, records=records, columns=list(columns), timeout=3600)
        await self._connection.execute(f"ANALYZE {table}")

    async def _catalogue(self) -> None:
        await self.copy(
            "billable_metrics",
            f"billable_metrics r, generate_series(2, {self._size.metrics}) n WHERE r.code = 'calls'",
            {"id": "gen_random_uuid()", "code": "'metric_' || n", "name": "'Metric ' || n"},
        )
        await self.copy(
            "plans",
            f"plans r, generate_series(2, {self._size.plans}) n WHERE r.code = 'scale'",
            {"id": "gen_random_uuid()", "code": "'plan_' || n", "name": "'Plan ' || n",
             "amount_cents": "n * 1000", "amount_currency": "CASE WHEN n % 4 = 0 THEN 'USD' ELSE 'EUR' END"},
        )  # fmt: skip
        await self.copy(
            "charges",
            "charges r, (SELECT p.id AS plan, m.id AS metric, m.code FROM plans p JOIN LATERAL (SELECT id, code FROM"
            " billable_metrics WHERE code <> 'calls' ORDER BY md5(code || p.code) LIMIT 4) m ON p.code <> 'scale') n",
            {"id": "gen_random_uuid()", "plan_id": "n.plan", "billable_metric_id": "n.metric", "code": "n.code"},
        )
        for table, code, number in (
            ("coupons", "launch", self._size.coupons),
            ("add_ons", "set_up", self._size.add_ons),
            ("taxes", "vat", self._size.taxes),
        ):
            changed = {"id": "gen_random_uuid()", "code": f"'{code}_' || n", "name": "r.name || ' ' || n"}
            if table == "taxes":
                changed["applied_to_organization"] = "false"
            await self.copy(table, f"{table} r, generate_series(2, {number}) n WHERE r.code = '{code}'", changed)

    async def _customers(self) -> None:
        self._customer_ids = [_uuid(self._random) for _ in range(self._size.customers)]

        def records() -> Iterator[tuple[Any, ...]]:
            days = (TODAY - BEGAN).days
            for number, identifier in enumerate(self._customer_ids, start=2):
                person = names.person(self._random)
                company = names.company(self._random)
                country, currency = self._random.choice(COUNTRIES)
                created = CLOCK + timedelta(days=days * number / self._size.customers, seconds=number % 86_400)
                individual = number % 8 == 0
                slug = company.lower().replace(" ", "-").replace("&", "and").replace(".", "")
                yield (
                    identifier, number, f"{slug}-{number}", None if individual else company, person[0], person[1],
                    f"{person[0]}.{person[1]}@{slug}.example".lower(), country, currency, created,
                    "individual" if individual else "company",
                )  # fmt: skip

        await self._stream(
            "drawn_customers",
            {"id": "uuid", "n": "int", "external_id": "text", "name": "text", "firstname": "text", "lastname": "text",
             "email": "text", "country": "text", "currency": "text", "created_at": "timestamptz", "kind": "text"},
            records(),
        )  # fmt: skip
        await self.copy(
            "customers",
            "customers r, drawn_customers d WHERE r.external_id = 'first'",
            {name: f"d.{name}" for name in ("id", "external_id", "name", "firstname", "lastname", "email", "country",
                                            "currency", "created_at")}
            | {"updated_at": "d.created_at", "sequential_id": "d.n", "customer_type": "d.kind",
               "slug": "'ACME-' || lpad(d.n::text, 6, '0')", "legal_name": "d.name || ' Holding'"},
        )  # fmt: skip
        await self.copy(
            "customer_metadata",
            "customer_metadata r, drawn_customers d WHERE d.n % 5 = 0",
            {"id": "gen_random_uuid()", "customer_id": "d.id", "value": "'region ' || d.n % 40"},
        )

    async def _subscriptions(self) -> None:
        plans = [row["id"] for row in await self._connection.fetch("SELECT id FROM plans ORDER BY code")]
        self._held: list[tuple[UUID, UUID, date]] = []

        def records() -> Iterator[tuple[Any, ...]]:
            number = 0
            for customer in self._customer_ids:
                for _ in range(self._random.choice(SUBSCRIPTIONS_PER_CUSTOMER)):
                    number += 1
                    identifier = _uuid(self._random)
                    started = BEGAN + timedelta(days=self._random.randrange((TODAY - BEGAN).days))
                    status = self._random.choices(("active", "terminated", "pending"), (90, 9, 1))[0]
                    self._held.append((identifier, customer, started))
                    at = datetime(started.year, started.month, started.day, tzinfo=UTC)
                    yield identifier, customer, self._random.choice(plans), f"sub-{number:07d}", status, at

        await self._stream(
            "drawn_subscriptions",
            {"id": "uuid", "customer_id": "uuid", "plan_id": "uuid", "external_id": "text", "status": "text",
             "at": "timestamptz"},
            records(),
        )  # fmt: skip
        ended = "CASE WHEN d.status = 'terminated' THEN d.at + interval '40 days' END"
        started = "CASE WHEN d.status <> 'pending' THEN d.at END"
        next_month = "CASE WHEN d.status = 'active' THEN now() + interval '20 days' END"
        await self.copy(
            "subscriptions",
            "subscriptions r, drawn_subscriptions d WHERE r.external_id = 'first' ORDER BY d.at",
            {name: f"d.{name}" for name in ("id", "customer_id", "plan_id", "external_id", "status")}
            | {"live": "true", "subscription_at": "d.at", "started_at": started, "activated_at": started,
               "created_at": "d.at", "updated_at": "d.at", "terminated_at": ended, "next_billing_at": next_month,
               "due_at": next_month, "name": "CASE WHEN left(d.id::text, 1) < '4' THEN 'Workspace ' || "
               "right(d.external_id, 4) END"},
        )  # fmt: skip

    async def _invoices(self) -> None:
        count = self._size.invoices

        def records() -> Iterator[tuple[Any, ...]]:
            sequence: dict[UUID, int] = {}
            large = self._held[:20]
            days = sorted(self._random.randrange((TODAY - BEGAN).days) for _ in range(count))
            for number, days_on in enumerate(days):
                held = self._random.choice(large if number % 100 == 0 else self._held)
                subscription, customer, _ = held
                sequence[customer] = sequence.get(customer, 0) + 1
                day = BEGAN + timedelta(days=days_on)
                status = self._random.choices(("finalized", "draft", "voided", "failed", "pending"),
                                              (9600, 200, 120, 40, 40))[0]  # fmt: skip
                payment = self._random.choices(("succeeded", "pending", "failed"), (90, 7, 3))[0]
                if status != "finalized":
                    payment = "pending"
                total = int(self._random.lognormvariate(8.5, 1.2)) + 100
                overdue = status == "finalized" and payment != "succeeded" and self._random.random() < 0.3
                at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC) + timedelta(seconds=number % 3600)
                yield (
                    _uuid(self._random), customer, subscription, sequence[customer], status, payment, day, at, total,
                    overdue, self._random.random() < 0.001,
                    self._random.random() < 0.3, self._random.random() < 0.03,
                )  # fmt: skip

        await self._stream(
            "drawn_invoices",
            {"id": "uuid", "customer_id": "uuid", "subscription_id": "uuid", "n": "int", "status": "text",
             "payment": "text", "day": "date", "at": "timestamptz", "total": "bigint", "overdue": "bool",
             "disputed": "bool", "has_payment": "bool", "has_note": "bool"},
            records(),
        )  # fmt: skip
        finalized = "d.status IN ('finalized', 'voided')"
        paid = f"CASE WHEN {finalized} AND d.payment = 'succeeded' THEN d.total ELSE 0 END"
        await self.copy(
            "invoices",
            "(SELECT * FROM invoices WHERE invoice_type = 'subscription' AND status = 'finalized' ORDER BY"
            " issuing_date DESC LIMIT 1) r, drawn_invoices d JOIN drawn_customers c ON c.id = d.customer_id"
            " ORDER BY d.at",
            {"id": "d.id", "customer_id": "d.customer_id", "live": "true", "status": "d.status",
             "payment_status": "d.payment", "issuing_date": "d.day", "payment_due_date": "d.day + 30",
             "created_at": "d.at", "updated_at": "d.at", "timestamp": "d.at", "currency": "c.currency",
             "number": f"CASE WHEN {finalized} THEN 'ACME-' || lpad(c.n::text, 6, '0') || '-' ||"
                       " lpad(d.n::text, 3, '0') ELSE 'ACME-DRAFT' END",
             "sequential_id": f"CASE WHEN {finalized} THEN d.n END", "organization_sequential_id": "NULL",
             "total_amount_cents": "d.total", "total_paid_amount_cents": paid, "payment_overdue": "d.overdue",
             "payment_dispute_lost_at": "CASE WHEN d.disputed THEN d.at END", "overdue_due_at": "NULL",
             "finalization_due_at": "CASE WHEN d.status = 'draft' THEN now() + interval '10 days' END",
             "finalized_at": f"CASE WHEN {finalized} THEN d.at END", "file_id": "NULL"},
        )  # fmt: skip

    async def _documents(self) -> None:
        template = "(SELECT id FROM invoices WHERE number NOT LIKE 'ACME-%' ORDER BY issuing_date DESC LIMIT 1)"
        await self.copy(
            "fees",
            f"fees r, drawn_invoices d JOIN drawn_customers c ON c.id = d.customer_id WHERE r.invoice_id = {template}"
            " AND r.fee_type IN ('subscription', 'charge') ORDER BY d.at",
            {"id": "gen_random_uuid()", "invoice_id": "d.id", "customer_id": "d.customer_id",
             "subscription_id": "d.subscription_id", "external_subscription_id": "'sub'", "created_at": "d.at",
             "updated_at": "d.at", "timestamp": "d.at", "currency": "c.currency", "succeeded_at": "NULL",
             "payment_status": "CASE WHEN d.payment = 'succeeded' THEN 'succeeded' ELSE 'pending' END",
             "from_datetime": "d.at", "to_datetime": "d.at + interval '30 days'",
             "charges_from_datetime": "CASE WHEN r.fee_type = 'charge' THEN d.at END",
             "charges_to_datetime": "CASE WHEN r.fee_type = 'charge' THEN d.at + interval '30 days' END"},
        )  # fmt: skip
        await self.copy(
            "invoice_subscriptions",
            f"invoice_subscriptions r, drawn_invoices d WHERE r.invoice_id = {template} ORDER BY d.at",
            {"id": "gen_random_uuid()", "invoice_id": "d.id", "subscription_id": "d.subscription_id",
             "timestamp": "d.at", "created_at": "d.at", "updated_at": "d.at", "recurring": "false",
             "from_datetime": "d.at", "to_datetime": "d.at + interval '30 days'"},
        )  # fmt: skip
        await self.copy(
            "invoices_taxes",
            f"invoices_taxes r, drawn_invoices d WHERE r.invoice_id = {template} AND d.has_payment",
            {"id": "gen_random_uuid()", "invoice_id": "d.id", "created_at": "d.at"},
        )
        await self.copy(
            "payments",
            "(SELECT * FROM payments LIMIT 1) r, drawn_invoices d JOIN drawn_customers c ON c.id = d.customer_id"
            " WHERE d.has_payment AND d.status = 'finalized' ORDER BY d.at",
            {"id": "gen_random_uuid()", "customer_id": "d.customer_id", "payable_id": "d.id", "currency": "c.currency",
             "amount_cents": "d.total", "reference": "'wire ' || left(md5(d.id::text), 10)",
             "created_at": "d.at", "updated_at": "d.at"},
        )  # fmt: skip
        await self.copy(
            "credit_notes",
            "(SELECT * FROM credit_notes LIMIT 1) r, drawn_invoices d JOIN drawn_customers c ON c.id = d.customer_id"
            " WHERE d.has_note AND d.status = 'finalized' ORDER BY d.at",
            {"id": "gen_random_uuid()", "customer_id": "d.customer_id", "invoice_id": "d.id",
             "currency": "c.currency", "issuing_date": "d.day", "created_at": "d.at", "updated_at": "d.at",
             "number": "'ACME-' || lpad(c.n::text, 6, '0') || '-' || lpad(d.n::text, 3, '0') || '-CN001'",
             "sequential_id": "1",
             "credit_status": "CASE WHEN left(d.id::text, 1) < '4' THEN 'available' ELSE 'consumed' END"},
        )  # fmt: skip

    async def _side_tables(self) -> None:
        await self.copy(
            "applied_coupons",
            "(SELECT * FROM applied_coupons LIMIT 1) r, drawn_customers d JOIN LATERAL (SELECT id FROM coupons"
            " ORDER BY md5(code || d.n) LIMIT 1) c ON d.n % 10 = 0",
            {"id": "gen_random_uuid()", "customer_id": "d.id", "coupon_id": "c.id", "created_at": "d.created_at"},
        )
        await self.copy(
            "wallets",
            "(SELECT * FROM wallets LIMIT 1) r, drawn_customers d WHERE d.n % 20 = 0",
            {"id": "gen_random_uuid()", "customer_id": "d.id", "live": "true", "created_at": "d.created_at",
             "currency": "d.currency", "expiration_due_at": "NULL"},
        )  # fmt: skip
        await self.copy(
            "wallet_transactions",
            f"(SELECT * FROM wallet_transactions LIMIT 1) r, wallets w,"
            f" generate_series(1, {self._size.wallet_transactions_each}) n",
            {"id": "gen_random_uuid()", "wallet_id": "w.id", "created_at": "w.created_at + n * interval '1 day'"},
        )
        await self.copy(
            "webhooks",
            f"(SELECT * FROM webhooks LIMIT 1) r, generate_series(1, {self._size.webhooks}) n",
            {"id": "gen_random_uuid()", "event_id": "gen_random_uuid()", "object_id": "gen_random_uuid()",
             "status": "CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END", "due_at": "NULL",
             "lease_until": "NULL", "http_status": "CASE WHEN n % 50 = 0 THEN 503 ELSE 200 END",
             "created_at": "r.created_at + n * interval '1 minute'",
             "updated_at": "r.updated_at + n * interval '1 minute'"},
        )  # fmt: skip
        await self.copy(
            "jobs",
            f"(SELECT * FROM jobs LIMIT 1) r, generate_series(1, {self._size.jobs}) n",
            {"id": "gen_random_uuid()", "unique_key": "NULL", "created_at": "r.created_at + n * interval '1 minute'",
             "status": "CASE WHEN n % 200 = 0 THEN 'failed' ELSE 'succeeded' END"},
        )  # fmt: skip
        await self.copy(
            "plans",
            f"plans r, generate_series(1, {self._size.overridden_plans}) n"
            " WHERE r.code = 'scale' AND r.parent_id IS NULL",
            {"id": "gen_random_uuid()", "parent_id": "r.id"},
        )


def _uuid(generator: random.Random) -> UUID:
    return UUID(int=generator.getrandbits(128), version=4)
