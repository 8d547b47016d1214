"""The same wallet, coupon, credit note, number sequence and subscription under many hands at once (design §6, §7).

Requests go over real HTTP to the product's server, two of the product's workers run jobs and ticks beside. Whatever
the order was, the ledgers agree to the cent and every cause had one effect.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billwright.billing.kernel.clock import system_now
from tests.conftest import TestStack
from tests.faults.billing_processes import workers_on
from tests.faults.money_attack import (
    Attack,
    Request,
    attack_on,
    check_coupons,
    check_credit_notes,
    check_invoices,
    check_wallets,
)
from tests.live.server import LiveServer, live_server
from tests.support.extent import share

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

MODES = ("per_customer", "per_organization")


@pytest.fixture(scope="module")
def server(
    module_database_url: str, stack: TestStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """One server and two workers for all attacks."""
    logs = tmp_path_factory.mktemp("attack")
    redis_url = stack.redis_url(8 + stack.worker)
    with (
        live_server(module_database_url, redis_url, logs / "server.log") as running,
        workers_on(redis_url, logs / "workers.log") as workers,
    ):
        started = [workers.start(module_database_url) for _ in range(2)]
        yield running
        workers.check(*started)


async def plan(attack: Attack, code: str = "start", cents: int = 700, **more: Any) -> None:
    """A plan that bills ``cents`` at the start of each subscription."""
    values = {"name": code, "code": code, "interval": "monthly", "amount_currency": "EUR", "amount_cents": cents}
    await attack.make("plans", "plan", **{**values, "pay_in_advance": True, **more})


async def customer(attack: Attack, external_id: str = "c1") -> None:
    await attack.make("customers", "customer", external_id=external_id, currency="EUR")


def start(external_id: str, *, plan: str = "start", customer: str = "c1", **more: Any) -> Request:
    body = {"external_customer_id": customer, "plan_code": plan, "external_id": external_id, **more}
    return ("POST", "subscriptions", {"subscription": {"billing_time": "anniversary", **body}})


async def wallet(attack: Attack, **values: Any) -> Any:
    body = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", **values}
    made = await attack.make("wallets", "wallet", **body)
    await attack.settled()
    return (await attack.call("GET", f"wallets/{made['lago_id']}"))["wallet"]


def top_up(made: Any, **values: Any) -> Request:
    return ("POST", "wallet_transactions", {"wallet_transaction": {"wallet_id": made["lago_id"], **values}})


async def invoices(attack: Attack, **query: Any) -> list[Any]:
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return (await attack.call("GET", f"invoices?per_page=1000&{words}"))["invoices"]


def statuses(answers: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize("numbering", share(MODES, 2))
async def test_one_wallet_under_many_hands(server: LiveServer, numbering: str) -> None:
    """Top-ups, voids, payments that arrive three times, invoices that it pays, voids of those, changes of its rule."""
    async with attack_on(server, numbering=numbering) as attack:
        await attack.make("taxes", "tax", name="VAT", code="vat", rate="19.6", applied_to_organization=True)
        await customer(attack)
        await plan(attack)
        rule = {"trigger": "threshold", "threshold_credits": "40", "paid_credits": "5", "granted_credits": "0.37"}
        made = await wallet(attack, granted_credits="100", recurring_transaction_rules=[rule])
        limited = await wallet(attack, code="fees", granted_credits="30.11", priority=1, rate_amount="0.37",
                               applies_to={"fee_types": ["subscription"]})  # fmt: skip
        bought = [
            (await attack.call(*top_up(made, paid_credits=f"{n}.99")))["wallet_transactions"][0] for n in range(1, 7)
        ]
        await attack.settled()
        bought = [
            (await attack.call("GET", f"wallet_transactions/{item['lago_id']}"))["wallet_transaction"]
            for item in bought
        ]
        path = f"wallets/{made['lago_id']}"
        pay = {"invoice": {"payment_status": "succeeded"}}
        first = await attack.all_at_once(
            [
                *(top_up(made, granted_credits="1.37") for _ in range(12)),
                *(top_up(limited, granted_credits="0.5", voided_credits="1.25") for _ in range(8)),
                *(top_up(made, voided_credits="0.91") for _ in range(12)),
                *(("PUT", f"invoices/{item['lago_invoice_id']}", pay) for item in bought for _ in range(3)),
                *(start(f"s{n}") for n in range(12)),
                *(("PUT", path, {"wallet": {"priority": n, "recurring_transaction_rules": [rule]}}) for n in (2, 3, 4)),
            ]
        )
        assert statuses([*first[:12], *first[20:]]) == {200: 57}
        assert set(statuses(first[12:20])) <= {200, 422}, "a void beyond what invoices have left is refused"
        await attack.settled()
        await check_wallets(attack)
        paid = [item for item in await invoices(attack) if item["invoice_type"] == "subscription"]
        assert len(paid) == 12
        assert all(item["total_amount_cents"] == 837 - item["prepaid_credit_amount_cents"] for item in paid)

        second = await attack.all_at_once(
            [
                *(("POST", f"invoices/{item['lago_id']}/void", None) for item in paid[:6] for _ in range(3)),
                *(start(f"t{n}") for n in range(6)),
                *(top_up(made, voided_credits="0.01") for _ in range(8)),
                *(("DELETE", f"subscriptions/s{n}", None) for n in range(6)),
                ("DELETE", f"wallets/{limited['lago_id']}", None),
            ]
        )
        assert statuses(second[:18]) == {200: 6, 405: 12}
        assert statuses(second[18:]) == {200: 21}
        await attack.settled()
        await attack.run_every_job_again("wallet.%", 2)
        await check_wallets(attack)
        await check_credit_notes(attack)
        made_invoices = await check_invoices(attack, numbering=numbering)
        purchases = await attack.rows(
            "select t.status, count(i.id) as bills from wallet_transactions t"
            " left join fees f on f.item->>'id' = t.id::text and f.fee_type = 'credit'"
            " left join invoices i on i.id = f.invoice_id"
            " where t.organization_id = $1 and t.transaction_status = 'purchased' group by t.id"
        )
        assert {row["bills"] for row in purchases} == {1}
        assert sum(row["status"] == "settled" for row in purchases) == 6
        assert len([item for item in made_invoices if item["invoice_type"] == "credit"]) == len(purchases)


async def test_a_wallet_never_gives_more_than_it_has(server: LiveServer) -> None:
    """Twelve invoices of 7.00 and voids of 3.00 want 25.00; what is left unpaid is due."""
    async with attack_on(server) as attack:
        await customer(attack)
        await plan(attack)
        made = await wallet(attack, granted_credits="25")
        answers = await attack.all_at_once(
            [*(start(f"s{n}") for n in range(12)), *(top_up(made, voided_credits="3") for _ in range(12))]
        )
        assert statuses(answers[:12]) == {200: 12}
        voids = statuses(answers[12:])
        assert set(voids) <= {200, 422}
        await attack.settled()
        await check_wallets(attack)
        found = await check_invoices(attack)
        taken = sum(item["prepaid_credit_amount_cents"] for item in found) + 300 * voids[200]
        left = (await attack.call("GET", f"wallets/{made['lago_id']}"))["wallet"]["balance_cents"]
        assert taken + left == 2500
        assert left < 700
        assert sum(item["total_amount_cents"] for item in found) == 12 * 700 - taken + 300 * voids[200]


async def test_a_purchase_paid_through_every_door_counts_once(server: LiveServer) -> None:
    """Recorded by hand in parts, marked as paid and as failed, all at once: the credits arrive once."""
    async with attack_on(server) as attack:
        await customer(attack)
        made = await wallet(attack, invoice_requires_successful_payment=True)
        await attack.all_at_once(top_up(made, paid_credits="10") for _ in range(4))
        await attack.settled()
        lines = (await attack.call("GET", f"wallets/{made['lago_id']}/wallet_transactions"))["wallet_transactions"]
        bills = [item["lago_invoice_id"] for item in lines]
        assert len(set(bills)) == 4
        requests: list[Request] = []
        for bill in bills:
            for part in range(6):
                payment = {"invoice_id": bill, "amount_cents": 500, "reference": f"{bill[-6:]}-{part}"}
                requests.append(("POST", "payments", {"payment": payment}))
            for status in ("failed", "succeeded", "succeeded", "failed"):
                requests.append(("PUT", f"invoices/{bill}", {"invoice": {"payment_status": status}}))
        answers = await attack.all_at_once(requests)
        assert set(statuses(answers)) <= {200, 404, 405, 422}
        await attack.settled()
        await attack.run_every_job_again("wallet.%", 2)
        await check_wallets(attack)
        await check_invoices(attack)
        [row] = await attack.rows(
            "select count(*) filter (where status = 'settled') as settled, count(*) as all from wallet_transactions"
            " where organization_id = $1"
        )
        assert tuple(row) == (4, 4)
        assert (await attack.call("GET", f"wallets/{made['lago_id']}"))["wallet"]["balance_cents"] == 4000
        paid = await attack.rows(
            "select i.total_amount_cents, i.total_paid_amount_cents, i.status, i.payment_status from invoices i"
            " where i.organization_id = $1"
        )
        for total, received, status, payment_status in paid:
            assert (total, status) == (1000, "finalized")
            assert payment_status in ("succeeded", "failed"), "whoever wrote the status last"
            assert received <= total


async def test_a_customer_never_gets_a_seventh_wallet(server: LiveServer) -> None:
    """Sixteen want a wallet, six get one, no code twice; rules that replace each other leave one active."""
    async with attack_on(server) as attack:
        await customer(attack)
        body = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", "granted_credits": "2"}
        answers = await attack.all_at_once(("POST", "wallets", {"wallet": body}) for _ in range(16))
        assert statuses(answers) == {200: 6, 422: 10}
        await attack.settled()
        wallets = (await attack.call("GET", "wallets?external_customer_id=c1"))["wallets"]
        assert len({item["code"] for item in wallets}) == 6
        path = f"wallets/{wallets[0]['lago_id']}"
        rule = {"trigger": "interval", "interval": "weekly", "paid_credits": "3"}
        changes = [("PUT", path, {"wallet": {"recurring_transaction_rules": rules}}) for rules in ([rule], []) * 8]
        assert statuses(await attack.all_at_once(changes)) == {200: 16}
        ends = [("DELETE", f"wallets/{item['lago_id']}", None) for item in wallets[1:] for _ in range(3)]
        assert statuses(await attack.all_at_once([*ends, *changes])) == {200: 31}
        rules = await attack.rows("select status, count(*) from wallet_rules where organization_id = $1 group by 1")
        assert {row[0]: row[1] for row in rules}.get("active", 0) <= 1
        granted = await attack.rows(
            "select wallet_id, count(*) from wallet_transactions where organization_id = $1 group by 1"
        )
        assert sorted(row[1] for row in granted) == [1] * 6
        await check_wallets(attack)


async def test_a_threshold_rule_buys_once_for_one_cause(server: LiveServer) -> None:
    """Sixteen changes below the threshold, and every refresh run three times more: one purchase that covers the gap."""
    async with attack_on(server) as attack:
        await customer(attack)
        rule = {"trigger": "threshold", "threshold_credits": "50", "paid_credits": "500"}
        made = await wallet(attack, granted_credits="60", recurring_transaction_rules=[rule])
        answers = await attack.all_at_once(top_up(made, voided_credits="1") for _ in range(16))
        assert statuses(answers) == {200: 16}
        await attack.settled()
        await attack.run_every_job_again("wallet.%", 3)
        bought = await attack.rows(
            "select status, amount_cents from wallet_transactions where organization_id = $1 and source = 'threshold'"
        )
        assert [tuple(row) for row in bought] == [("pending", 50_000)]
        await check_wallets(attack)


async def test_one_coupon_under_many_hands(server: LiveServer) -> None:
    """A coupon for one application, one amount that is spent once, one that counts its uses."""
    async with attack_on(server) as attack:
        await attack.make("taxes", "tax", name="VAT", code="vat", rate="7.7", applied_to_organization=True)
        await customer(attack)
        await plan(attack, cents=1111)
        common = {"coupon_type": "fixed_amount", "amount_currency": "EUR", "expiration": "no_expiration"}
        for code, values in {
            "single": {"frequency": "once", "amount_cents": 4321, "reusable": False},
            "counted": {"frequency": "recurring", "frequency_duration": 4, "amount_cents": 77},
        }.items():
            await attack.make("coupons", "coupon", name=code, code=code, **common, **values)

        def use(code: str) -> Request:
            return ("POST", "applied_coupons", {"applied_coupon": {"external_customer_id": "c1", "coupon_code": code}})

        applying = await attack.all_at_once([use("single") for _ in range(16)])
        assert statuses(applying) == {200: 1, 422: 15}
        await attack.call(*use("counted"))
        starting = await attack.all_at_once(start(f"s{n}") for n in range(12))
        assert statuses(starting) == {200: 12}
        await attack.settled()
        await check_coupons(attack)
        found = await check_invoices(attack)
        spent = await attack.rows(
            "select c.code, sum(r.amount_cents)::bigint from credits r"
            " join applied_coupons a on a.id = r.applied_coupon_id join coupons c on c.id = a.coupon_id"
            " where r.organization_id = $1 group by 1"
        )
        assert {row[0]: row[1] for row in spent} == {"single": 4321, "counted": 4 * 77}

        voiding = await attack.all_at_once(
            [
                *(("POST", f"invoices/{item['id']}/void", None) for item in found[:6] for _ in range(3)),
                *(start(f"t{n}") for n in range(6)),
                *(("DELETE", "coupons/counted", None) for _ in range(3)),
                use("single"),
            ]
        )
        assert statuses(voiding[:18]) == {200: 6, 405: 12}
        assert statuses(voiding[18:24]) == {200: 6}
        assert statuses(voiding[24:27])[200] == 1
        assert voiding[27].status_code == 422
        await attack.settled()
        await check_coupons(attack)
        await check_invoices(attack)


async def test_one_credit_note_under_many_hands(server: LiveServer) -> None:
    """Sixteen credit 90.00 of an invoice of 1,000.00 each; then starts use what eleven got, while some are voided."""
    async with attack_on(server) as attack:
        await customer(attack)
        await plan(attack, cents=100_000, code="big")
        await plan(attack, cents=3333)
        await attack.call(*start("s", plan="big"))
        await attack.settled()
        [paid] = await invoices(attack)
        await attack.call("PUT", f"invoices/{paid['lago_id']}", {"invoice": {"payment_status": "succeeded"}})
        [fee] = (await attack.call("GET", f"invoices/{paid['lago_id']}"))["invoice"]["fees"]
        note = {
            "invoice_id": paid["lago_id"],
            "reason": "other",
            "credit_amount_cents": 9000,
            "items": [{"fee_id": fee["lago_id"], "amount_cents": 9000}],
        }
        answers = await attack.all_at_once(("POST", "credit_notes", {"credit_note": note}) for _ in range(16))
        assert statuses(answers) == {200: 11, 422: 5}
        notes = [item.json()["credit_note"]["lago_id"] for item in answers if item.status_code == 200]
        using = await attack.all_at_once(
            [
                *(start(f"t{n}") for n in range(12)),
                *(("PUT", f"credit_notes/{lago_id}/void", None) for lago_id in notes[:3] for _ in range(3)),
                *(("GET", f"credit_notes/{lago_id}", None) for lago_id in notes),
            ]
        )
        assert statuses(using[:12]) == {200: 12}
        assert set(statuses(using[12:21])) <= {200, 405}
        await attack.settled()
        await check_credit_notes(attack)
        found = await check_invoices(attack)
        used = sum(item["credit_notes_amount_cents"] for item in found)
        left = await attack.rows(
            "select credit_status, sum(balance_amount_cents)::bigint, sum(credit_amount_cents)::bigint"
            " from credit_notes where organization_id = $1 group by 1"
        )
        assert used > 0
        assert sum(row[2] for row in left) == 11 * 9000
        ended = await attack.all_at_once(("DELETE", f"subscriptions/t{n % 12}", None) for n in range(36))
        assert statuses(ended) == {200: 12, 404: 24}
        await attack.settled()
        await check_credit_notes(attack)
        await check_invoices(attack)


@pytest.mark.parametrize("numbering", MODES)
async def test_one_number_sequence_under_many_hands(server: LiveServer, numbering: str) -> None:
    """One-off invoices, starts and drafts being finalized, of several customers: no gap, no number twice."""
    async with attack_on(server, numbering=numbering) as attack:
        await plan(attack)
        await attack.make("add_ons", "add_on", name="Setup", code="setup", amount_cents=500, amount_currency="EUR")
        for who in ("c1", "c2", "c3"):
            await customer(attack, who)
        await attack.make(
            "customers", "customer", external_id="slow", currency="EUR",
            billing_configuration={"invoice_grace_period": 5},
        )  # fmt: skip
        for n in range(6):
            await attack.call(*start(f"slow{n}", customer="slow"))
        await attack.settled()
        drafts = await invoices(attack, status="draft")
        assert len(drafts) == 6

        def one_off(who: str) -> Request:
            body = {"external_customer_id": who, "currency": "EUR", "fees": [{"add_on_code": "setup"}]}
            return ("POST", "invoices", {"invoice": body})

        answers = await attack.all_at_once(
            [
                *(one_off(who) for who in ("c1", "c2", "c3", "slow") for _ in range(6)),
                *(start(f"{who}-{n}", customer=who) for who in ("c1", "c2", "c3") for n in range(4)),
                *(("PUT", f"invoices/{item['lago_id']}/finalize", None) for item in drafts for _ in range(3)),
                *(one_off("nobody") for _ in range(4)),
            ]
        )
        assert statuses(answers[:36]) == {200: 36}
        assert statuses(answers[36:54]) == {200: 6, 404: 12}
        assert statuses(answers[54:]) == {404: 4}
        await attack.settled()
        found = await check_invoices(attack, numbering=numbering)
        assert len(found) == 42
        assert {item["status"] for item in found} == {"finalized"}


async def test_one_subscription_under_many_hands(server: LiveServer) -> None:
    """One start, one invoice per period although it is due for two workers, one end, one fee per event."""
    async with attack_on(server) as attack:
        await customer(attack)
        metric = await attack.make(
            "billable_metrics", "billable_metric",
            name="Calls", code="calls", aggregation_type="sum_agg", field_name="n",
        )  # fmt: skip
        charge = {
            "billable_metric_id": metric["lago_id"],
            "charge_model": "standard",
            "pay_in_advance": True,
            "properties": {"amount": "0.5"},
        }
        await plan(attack, charges=[charge])
        await plan(attack, "other", 900)
        made = await wallet(attack, granted_credits="500")
        began = (system_now() - timedelta(days=3)).isoformat()
        starting = await attack.all_at_once(start("one", subscription_at=began) for _ in range(12))
        assert 200 in statuses(starting)
        live = await attack.rows(
            "select id from subscriptions where organization_id = $1 and external_id = 'one' and status = 'active'"
        )
        assert len(live) == 1

        events = [
            {"transaction_id": f"e{n}", "external_subscription_id": "one", "code": "calls", "properties": {"n": n % 5}}
            for n in range(16)
        ]
        sent = await attack.all_at_once(("POST", "events", {"event": event}) for event in events for _ in range(3))
        assert statuses(sent) == {200: 16, 422: 32}
        await attack.settled()
        fees = await attack.rows(
            "select event_transaction_id, count(*) from fees where organization_id = $1"
            " and event_transaction_id is not null group by 1"
        )
        assert sorted((row[0], row[1]) for row in fees) == sorted((event["transaction_id"], 1) for event in events)

        # A month later for the books: the period is over, and two workers tick.
        await attack.rows(
            "update subscriptions set started_at = started_at - interval '40 days',"
            " subscription_at = subscription_at - interval '40 days', created_at = created_at - interval '40 days',"
            " next_billing_at = now() - interval '1 minute', due_at = now() - interval '1 minute'"
            " where organization_id = $1 and external_id = 'one'"
        )
        ending = await attack.all_at_once(
            [
                *(("GET", "customers/c1/current_usage?external_subscription_id=one", None) for _ in range(6)),
                *(start("one", plan="other") for _ in range(6)),
                *(("DELETE", "subscriptions/one", None) for _ in range(6)),
            ]
        )
        assert max(answer.status_code for answer in ending) < 500
        async with asyncio.timeout(100):
            while (await attack.rows(_DUE))[0][0]:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        await attack.settled()
        periods = await attack.rows(
            "select subscription_id, invoicing_reason, charges_from_datetime, count(*) from invoice_subscriptions"
            " where organization_id = $1 and invoicing_reason <> 'in_advance_charge' group by 1, 2, 3"
        )
        assert {row[3] for row in periods} == {1}
        running = await attack.rows(
            "select id from subscriptions where organization_id = $1 and external_id = 'one' and status = 'active'"
        )
        assert len(running) <= 1
        await check_wallets(attack)
        await check_credit_notes(attack)
        await check_invoices(attack)
        assert (await attack.call("GET", f"wallets/{made['lago_id']}"))["wallet"]["balance_cents"] >= 0


_DUE = "select exists (select from subscriptions where organization_id = $1 and due_at <= now() and status = 'active')"


async def test_one_sandbox_clock_under_many_hands(server: LiveServer) -> None:
    """Many step the same clock while others top up: each period is billed once, each rule acts once a day."""
    key = await server.organization("Walked", clock=datetime(2024, 1, 15, 10, tzinfo=UTC))
    async with attack_on(server) as attack:
        attack.http.headers["Authorization"] = f"Bearer {key}"
        shown = await attack.call("GET", "test_clock")
        attack.organization_id = shown["test_clock"]["lago_organization_id"]
        await customer(attack)
        await plan(attack)
        rule = {"trigger": "interval", "interval": "weekly", "granted_credits": "3"}
        made = await attack.make(
            "wallets", "wallet",
            external_customer_id="c1", rate_amount="1", currency="EUR", recurring_transaction_rules=[rule],
        )  # fmt: skip
        await attack.call(*start("s"))
        target = {"test_clock": {"now": "2024-03-20T00:00:00Z"}}
        answers = await attack.all_at_once(
            [
                *(("PUT", "test_clock", target) for _ in range(6)),
                *(top_up(made, granted_credits="1") for _ in range(12)),
            ]
        )
        assert set(statuses(answers[:6])) <= {200, 405}
        assert statuses(answers[6:]) == {200: 12}
        await attack.call("PUT", "test_clock", {"test_clock": {"now": "2024-03-21T00:00:00Z"}})
        await attack.settled()
        days = await attack.rows(
            "select created_at::date::text from wallet_transactions where organization_id = $1 and source = 'interval'"
            " order by 1"
        )
        assert [row[0] for row in days] == [
            "2024-01-22", "2024-01-29", "2024-02-05", "2024-02-12", "2024-02-19", "2024-02-26", "2024-03-04",
            "2024-03-11", "2024-03-18",
        ]  # fmt: skip
        found = await check_invoices(attack)
        assert [item["issuing_date"].isoformat() for item in found] == ["2024-01-15", "2024-02-15", "2024-03-15"]
        await check_wallets(attack)
