"""Lists, searches, filters, deep pages and detail pages at 100,000 customers and 1,000,000 invoices (design §8: each
p95 <= 100 ms), of the back office, of REST and of GraphQL.

    python -m benchmarks.bench_pages [--customers 100000] [--invoices 1000000] [--rounds 40] [--only PART]
                                     [--data FOLDER] [--profile LINES]

Starts a durable embedded stack in a temporary folder (``TMPDIR``; about 6 GB at full size), fills it in some minutes,
and sends each request ``rounds`` times in process, one after the other, each time with other ids, terms and pages.
With ``--data`` the company stays in that folder, and the next run asks it again instead of making another.
Prints the statements of a request, its processor time (everything, the database too) and how much of it was spent
outside of the database, the time of the first, cold one, the others' median and p95 and the ratio of p95 to the target;
exits 1 if one is beyond. ``--profile`` prints the functions where that time goes. Counts of large lists are kept for
half an hour (spec 07 §1.3): only the first request shows what they cost.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import logging
import math
import pstats
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import psutil
import structlog
import uvloop
from sqlalchemy import select

from benchmarks.big_company import CLOCK, Multiplier, Size, make_prototypes
from benchmarks.stack import served_database
from billwright.billing.access.models import Organization, User
from billwright.billing.access.service import add_membership, create_organization
from billwright.billing.access.sessions import EMAIL_PASSWORD, open_session
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import asyncpg_url
from billwright.billing.kernel.ids import new_id
from billwright.server.app import create_app
from billwright.server.collector import spare_the_loaded
from billwright.server.settings import Settings
from billwright.ui import sessions
from billwright.ui.sessions import issue_token
from tests.graphql.support import Statements

TARGET_MS = 100.0
ADDRESS = "http://billwright.test"
TERMS = {
    "common": ("gmbh", "solar", "logistics", "robotics", "maria"),
    "rare": ("quartz quill maps", "zenith zephyr", "olga.zhang", "keiko.nakamura", "otter reef"),
    "no hit": ("zzqxw", "no such thing", "@nowhere.test", "xyzzy-1", "qqqqq"),
}


@dataclass(frozen=True)
class Request:
    """``path(n)`` is the address of the n-th round; ``query`` a GraphQL text posted to it."""

    group: str
    name: str
    path: Callable[[int], str]
    query: str | None = None


@dataclass
class Found:
    """Ids to ask with, a different one each round."""

    ids: dict[str, list[str]]
    codes: dict[str, list[str]]
    slug: str

    def id(self, kind: str) -> Callable[[int], str]:
        return lambda n: self.ids[kind][n % len(self.ids[kind])]

    def code(self, kind: str) -> Callable[[int], str]:
        return lambda n: quote(self.codes[kind][n % len(self.codes[kind])])


def deep_page(n: int, rows: int) -> int:
    """Pages of 20 of a list of ``rows``: each round's a twentieth of the list further on."""
    step = max(rows // 20 // 20, 1)
    return 1 + n * step % (step * 20)


def back_office(found: Found, customers: int, invoices: int) -> Iterator[Request]:
    base = f"/{found.slug}"

    def page(name: str, path: str) -> Request:
        return Request("page", name, lambda n: base + path.replace("{n}", str(n + 1)))

    def detail(name: str, kind: str, path: str) -> Request:
        identify = found.id(kind)
        return Request("page", name, lambda n: base + path.format(identify(n)))

    rows = {"customers": customers, "subscriptions": customers, "invoices": invoices, "payments": invoices // 4}
    for name in ("customers", "subscriptions", "invoices", "payments", "plans", "billable-metrics", "coupons",
                 "add-ons", "settings/taxes", "settings/members", "developers/jobs", "developers/emails",
                 "developers/keys", "developers/webhooks", "analytics"):  # fmt: skip
        yield page(name, f"/{name}")
    for name in ("customers", "subscriptions", "invoices", "payments"):
        yield page(f"{name}, page 2 and on", f"/{name}?page={{n}}")
        yield Request(
            "page", f"{name}, a deep page",
            lambda n, name=name: f"{base}/{name}?page={deep_page(n, rows[name])}",
        )  # fmt: skip
        for kind, terms in TERMS.items():
            yield Request(
                "page", f"{name}, {kind} search",
                lambda n, name=name, terms=terms: f"{base}/{name}?search={quote(terms[n % len(terms)])}",
            )  # fmt: skip
    for kind, terms in TERMS.items():
        yield Request(
            "page", f"search bar, {kind}", lambda n, terms=terms: f"{base}/search?term={quote(terms[n % len(terms)])}"
        )
    number = found.code("invoice")
    yield Request("page", "invoices, a number", lambda n: f"{base}/invoices?search={number(n)}")
    yield Request("page", "search bar, a number", lambda n: f"{base}/search?term={number(n)}")
    external = found.code("customer")
    yield Request("page", "search bar, an external id", lambda n: f"{base}/search?term={external(n)}")
    yield Request("page", "customers, an external id", lambda n: f"{base}/customers?search={external(n)}")
    for view in ("draft", "outstanding", "overdue", "succeeded", "voided", "disputed"):
        yield page(f"invoices, {view}", f"/invoices?view={view}&page={{n}}")
    for name, query in (("one currency", "currency=USD"), ("one status", "status=failed"),
                        ("a type", "invoice_type=subscription"),
                        ("a month", "issued_from=2025-03-01&issued_to=2025-03-31")):  # fmt: skip
        yield page(f"invoices, {name}", f"/invoices?{query}")
    for name, query in (("one currency", "currency=USD"), ("one country", "country=FR"), ("companies", "type=company")):
        yield page(f"customers, {name}", f"/customers?{query}")
    for name, query in (("terminated", "status=terminated"), ("a plan", "plan=plan_7"), ("any", "status=active")):
        yield page(f"subscriptions, {name}", f"/subscriptions?{query}")
    for tab in ("overview", "invoices", "wallets"):
        yield detail(f"customer, {tab}", "customer", f"/customer/{{}}/{tab}")
        yield detail(f"a large customer, {tab}", "large customer", f"/customer/{{}}/{tab}")
    yield detail("subscription", "subscription", "/subscription/{}")
    yield detail("invoice", "invoice", "/invoice/{}")
    yield detail("plan", "plan", "/plan/{}")
    yield detail("billable metric", "metric", "/billable-metric/{}")
    yield detail("coupon", "coupon", "/coupon/{}")
    yield detail("webhook log", "endpoint", "/developers/webhooks/{}")


def rest(found: Found, customers: int, invoices: int) -> Iterator[Request]:
    def listed(name: str, path: str) -> Request:
        return Request("REST", name, lambda n: "/api/v1" + path.replace("{n}", str(n + 1)))

    for path in ("/customers", "/subscriptions", "/invoices", "/payments", "/credit_notes", "/fees", "/wallets",
                 "/plans", "/billable_metrics", "/coupons", "/applied_coupons", "/add_ons", "/taxes",
                 "/webhook_endpoints"):  # fmt: skip
        yield listed(f"{path}, 20", f"{path}?per_page=20&page={{n}}")
    for path, rows in (
        ("/customers", customers), ("/subscriptions", customers), ("/invoices", invoices),
        ("/payments", invoices // 4), ("/credit_notes", invoices // 40), ("/fees", invoices * 2),
    ):  # fmt: skip
        yield listed(f"{path}, 100", f"{path}?page={{n}}")
        yield Request(
            "REST", f"{path}, 20, a deep page",
            lambda n, path=path, rows=rows: f"/api/v1{path}?per_page=20&page={deep_page(n, rows)}",
        )  # fmt: skip
    for path in ("/customers", "/invoices", "/credit_notes"):
        for kind, terms in TERMS.items():
            yield Request(
                "REST", f"{path}, {kind} search",
                lambda n, path=path, terms=terms: (
                    f"/api/v1{path}?per_page=20&search_term={quote(terms[n % len(terms)])}"
                ),
            )  # fmt: skip
    for query in ("status=draft", "payment_status=failed", "payment_overdue=true", "currency=GBP",
                  "issuing_date_from=2025-03-01&issuing_date_to=2025-03-31"):  # fmt: skip
        yield listed(f"/invoices, {query}", f"/invoices?per_page=20&{query}")
    external, plan = found.code("customer"), found.code("plan")
    for path in ("invoices", "subscriptions", "payments", "credit_notes", "wallets", "applied_coupons"):
        yield Request("REST", f"/customers/…/{path}", lambda n, path=path: f"/api/v1/customers/{external(n)}/{path}")
    yield Request("REST", "/customers/…", lambda n: f"/api/v1/customers/{external(n)}")
    yield Request(
        "REST", "/invoices?external_customer_id", lambda n: f"/api/v1/invoices?external_customer_id={external(n)}"
    )
    yield Request(
        "REST", "/subscriptions?plan_code", lambda n: f"/api/v1/subscriptions?per_page=20&plan_code={plan(n)}"
    )
    identify = found.id("invoice")
    yield Request("REST", "/invoices/…", lambda n: f"/api/v1/invoices/{identify(n)}")
    yield Request("REST", "/plans/…", lambda n: f"/api/v1/plans/{plan(n)}")
    subscription = found.code("subscription")
    yield Request("REST", "/subscriptions/…", lambda n: f"/api/v1/subscriptions/{subscription(n)}")


def graphql(found: Found) -> Iterator[Request]:
    meta = "metadata { totalCount totalPages }"
    for name, fields in (
        ("customers", "id name activeSubscriptionsCount invoicesCount metadata { key value } taxes { code }"),
        ("subscriptions", "id externalId plan { name charges { id } } customer { name } currentBillingPeriodEndingAt"),
        ("invoices", "id number customer { name } fees { id amountCents appliedTaxes { taxRate } } "
                     "invoiceSubscriptions { subscription { externalId plan { code } } } appliedTaxes { taxCode }"),
        ("payments", "id amountCents invoices { number } customer { name }"),
        ("plans", "id code chargesCount activeSubscriptionsCount customersCount draftInvoicesCount"),
        ("billableMetrics", "id code plansCount"),
        ("coupons", "id code customersCount"),
        ("appliedCoupons", "id coupon { code } customer { name }"),
        ("addOns", "id code"),
        ("creditNotes", "id number customer { name }"),
    ):  # fmt: skip
        query = f"{{ {name}(limit: 100) {{ collection {{ {fields} }} {meta} }} }}"
        yield Request("GraphQL", f"{name}, 100 with what belongs to them", lambda n: "/graphql", query)


@dataclass(frozen=True)
class Measured:
    """Milliseconds: of the first, cold request, of the others in ascending order, and of processor time on average."""

    first: float
    others: list[float]
    processor: float
    here: float
    """What of the processor time was this process: requests, rendering, the client."""
    statements: int

    @property
    def p95(self) -> float:
        """By nearest rank: the least time within which 95 of 100 requests were answered."""
        return self.others[math.ceil(len(self.others) * 0.95) - 1]


def processor_seconds() -> float:
    """Of this process and all below it, the database among them: tells a slow page from a busy machine."""
    spent = time.process_time()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = process.cpu_times()
            spent += times.user + times.system
    return spent


async def measure(
    client: httpx.AsyncClient, runtime: Any, known: Request, rounds: int, profile: cProfile.Profile | None = None
) -> Measured:
    """The most statements of any round, and the times of all; all but the first are profiled."""
    times: list[float] = []
    most = 0
    spent = here = 0.0
    for round_number in range(rounds + 1):
        if round_number == 1:
            spent, here = processor_seconds(), time.process_time()
            if profile is not None:
                profile.enable()
        with Statements(runtime) as counted:
            begun = time.perf_counter()
            if known.query is None:
                part = {"hx-request": "true"} if known.name.startswith("search bar") else None
                # a page behind the last, in a smaller company, leads to the last
                answer = await client.get(known.path(round_number), headers=part, follow_redirects=True)
            else:
                answer = await client.post(known.path(round_number), json={"query": known.query})
            times.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != 200 or '"errors"' in answer.text[:20] or answer.url.path == "/login":
            raise AssertionError(f"{known.path(round_number)}: {answer.status_code} {answer.text[:500]}")
        most = max(most, len(counted.texts))
    if profile is not None:
        profile.disable()
    here = (time.process_time() - here) / rounds * 1000
    processor = (processor_seconds() - spent) / rounds * 1000
    return Measured(times[0], sorted(times[1:]), processor, here, most)


@asynccontextmanager
async def product(database_url: str, redis_url: str) -> Any:
    settings = Settings.model_validate(
        {
            "database_url": database_url, "redis_url": redis_url, "secret_key": "k" * 40, "api_url": ADDRESS,
            "encryption_key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "app_url": ADDRESS,
        }
    )  # fmt: skip
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


async def found_company(app: Any, database_url: str, size: Size) -> tuple[Organization, str, str]:
    """The organization with all of its rows, its API key, and a member's session token."""
    async with app.state.database.transaction() as session:
        created = await create_organization(session, "Acme Cloud", kind="sandbox", clock=CLOCK)
        now = system_now()
        user = User(id=new_id(), email="admin@acme.example", created_at=now, updated_at=now)
        session.add(user)
        await session.flush()
        await add_membership(session, user.id, created.organization.id, ["admin"])
    transport = httpx.ASGITransport(app=app)
    headers = {"authorization": f"Bearer {created.api_key_value}"}
    async with httpx.AsyncClient(transport=transport, base_url=f"{ADDRESS}/api/v1", headers=headers) as client:
        await make_prototypes(client)
    connection: Any = await asyncpg.connect(asyncpg_url(database_url))
    begun = time.perf_counter()
    await Multiplier(connection, created.organization.id, size).run()
    await connection.close()
    print(f"{size.customers:,} customers, {size.invoices:,} invoices made in {time.perf_counter() - begun:.0f} s",
          flush=True)  # fmt: skip
    return created.organization, created.api_key_value, await sign_in(app)


async def sign_in(app: Any) -> str:
    """A new session token of the member: sessions end some hours after they were opened."""
    async with app.state.database.transaction() as session:
        user = (await session.scalars(select(User))).one()
        return issue_token(app.state.settings, (await open_session(session, user, EMAIL_PASSWORD)).id)


async def company_of(app: Any, database_url: str, size: Size, data: str | None) -> tuple[Organization, str, str]:
    """That of the folder ``data`` if it has one, else a new one."""
    kept = Path(data) / "company.json" if data else None
    if kept is None or not kept.exists():
        found = await found_company(app, database_url, size)
        if kept is not None:
            kept.write_text(json.dumps({"api_key": found[1], "customers": size.customers, "invoices": size.invoices}))
        return found
    known = json.loads(kept.read_text())
    if (known["customers"], known["invoices"]) != (size.customers, size.invoices):
        raise SystemExit(f"{data} holds {known['customers']:,} customers and {known['invoices']:,} invoices")
    async with app.state.database.transaction() as session:
        organization = (await session.scalars(select(Organization))).one()
    return organization, known["api_key"], await sign_in(app)


async def find(app: Any, organization: Organization) -> Found:
    """Random objects of the company, always the same ones."""
    connection: Any = await asyncpg.connect(asyncpg_url(str(app.state.settings.database_url)))
    generator = random.Random(3)
    ids: dict[str, list[str]] = {}
    codes: dict[str, list[str]] = {}
    for kind, table, code, extra in (
        ("customer", "customers", "external_id", ""),
        ("subscription", "subscriptions", "external_id", "AND status = 'active'"),
        ("invoice", "invoices", "number", "AND status = 'finalized'"),
        ("plan", "plans", "code", "AND parent_id IS NULL"),
        ("metric", "billable_metrics", "code", ""),
        ("coupon", "coupons", "code", ""),
        ("endpoint", "webhook_endpoints", "webhook_url", ""),
    ):
        rows = await connection.fetch(
            f"SELECT id::text, {code} AS code FROM {table} WHERE organization_id = $1 {extra} ORDER BY md5(id::text)"
            " LIMIT 40",
            organization.id,
        )
        generator.shuffle(rows)
        ids[kind], codes[kind] = [row["id"] for row in rows], [row["code"] for row in rows]
    large = await connection.fetch(
        "SELECT customer_id::text AS id FROM invoices GROUP BY 1 ORDER BY count(*) DESC LIMIT 5"
    )
    ids["large customer"] = [row["id"] for row in large]
    await connection.close()
    return Found(ids, codes, organization.slug)


async def run(database_url: str, redis_url: str, arguments: argparse.Namespace) -> int:
    size = Size(arguments.customers, arguments.invoices)
    async with product(database_url, redis_url) as app:
        organization, api_key, token = await company_of(app, database_url, size, arguments.data)
        return await compare(app, organization, api_key, token, arguments)


async def compare(app: Any, organization: Organization, api_key: str, token: str, arguments: argparse.Namespace) -> int:
    """Print the table; how many are beyond the target. The process is set up as one that serves."""
    spare_the_loaded()
    found = await find(app, organization)
    requests = [
        *back_office(found, arguments.customers, arguments.invoices),
        *rest(found, arguments.customers, arguments.invoices),
        *graphql(found),
    ]
    transport = httpx.ASGITransport(app=app)
    headers = {"accept": "text/html", "x-lago-organization": str(organization.id)}
    beyond = 0
    print(f"{'milliseconds':52}{'SQL':>4}{'CPU':>9}{'here':>9}{'first':>9}{'median':>9}{'p95':>9}{'ratio':>7}")
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers, timeout=120) as client:
        for known in requests:
            if arguments.only and arguments.only not in f"{known.group} {known.name}":
                continue
            client.cookies.clear()
            client.headers.pop("authorization", None)
            if known.group == "page":
                client.cookies.set(sessions.COOKIE, token, domain="billwright.test")
            else:
                client.headers["authorization"] = f"Bearer {api_key if known.group == 'REST' else token}"
            profile = cProfile.Profile() if arguments.profile else None
            found_times = await measure(client, app.state.runtime, known, arguments.rounds, profile)
            beyond += found_times.p95 > TARGET_MS
            print(
                f"{known.group:8}{known.name[:43]:44}{found_times.statements:>4}{found_times.processor:>9.1f}{found_times.here:>9.1f}"
                f"{found_times.first:>9.1f}{statistics.median(found_times.others):>9.1f}{found_times.p95:>9.1f}"
                f"{found_times.p95 / TARGET_MS:>7.2f}{'  <--' if found_times.p95 > TARGET_MS else ''}", flush=True,
            )  # fmt: skip
            if profile is not None:
                pstats.Stats(profile).sort_stats("tottime").print_stats(arguments.profile)
    print(f"{beyond} of {len(requests)} beyond {TARGET_MS:g} ms at p95")
    return int(beyond > 0)


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--invoices", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", default="", help="only requests whose name holds this")
    parser.add_argument("--data", help="folder in which the company stays")
    parser.add_argument("--profile", type=int, default=0, help="print so many functions of each request")
    arguments = parser.parse_args()
    with served_database(arguments.data) as (database_url, redis_url):
        return uvloop.run(run(database_url, redis_url, arguments))


if __name__ == "__main__":
    sys.exit(main())
