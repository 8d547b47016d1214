"""Ongoing balances over REST: usage, drafts, what is billed already, several wallets, depletion (spec 05 D8)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from tests.support.credits import JANUARY
from tests.support.sandbox import Sandbox
from tests.support.wallets import check_books, pay_invoice, reread, run_jobs, top_up, transactions, wallet

FIGURES = (
    "balance_cents",
    "ongoing_usage_balance_cents",
    "ongoing_balance_cents",
    "credits_ongoing_usage_balance",
    "credits_ongoing_balance",
)


async def figures(sandbox: Sandbox, made: Any) -> tuple[Any, ...]:
    """Balance, usage, ongoing balance in minor units, then the last two in credits; jobs have run."""
    await run_jobs(sandbox)
    now = await reread(sandbox, made)
    return tuple(now[name] for name in FIGURES)


async def use(sandbox: Sandbox, units: int, code: str = "calls", subscription: str = "s1", **more: Any) -> None:
    """An event over REST at the clock's present."""
    event = {
        "transaction_id": more.pop("transaction_id", f"t-{code}-{units}-{subscription}"),
        "external_subscription_id": subscription,
        "code": code,
        "properties": {"n": units},
        **more,
    }
    await sandbox.call("POST", "events", {"event": event})


async def subscribed(
    sandbox: Sandbox, *charges: str, tax: str | None = None, plan_amount: int = 0, **charge: Any
) -> None:
    """Customer c1 with subscription s1 to a plan with charges of 1 EUR a unit."""
    await sandbox.customer("c1")
    if tax:
        await sandbox.tax("vat", tax)
    plan = await sandbox.plan("p", plan_amount)
    for code in charges or ("calls",):
        await sandbox.charge(plan, code, **charge)
    await sandbox.subscribe(subscription_at=JANUARY)


async def announced(sandbox: Sandbox, event_type: str) -> int:
    """How often an event type was to be announced."""
    async with sandbox.context() as ctx:
        found = await ctx.session.execute(
            text("select count(*) from jobs where organization_id = :org and arguments->>'event_type' = :type"),
            {"org": sandbox.organization_id, "type": event_type},
        )
        return int(found.scalar_one())


async def test_05_D8_usage_with_taxes_and_drafts(sandbox: Sandbox) -> None:
    """Balance 10000; usage 3000 + 600, draft 2000 + 400: usage 6000, ongoing 4000 (40 credits)."""
    await subscribed(sandbox, tax="20")
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    made = await wallet(sandbox, granted_credits="100")
    await use(sandbox, 20)
    await sandbox.advance("2024-02-02T00:00:00Z")
    assert [item["status"] for item in await sandbox.invoices()] == ["draft"]
    await use(sandbox, 30)
    assert await figures(sandbox, made) == (10_000, 6000, 4000, "60.0", "40.0")
    await sandbox.advance("2024-02-10T00:00:00Z")
    assert await figures(sandbox, made) == (7600, 3600, 4000, "36.0", "40.0")
    await check_books(sandbox)


async def test_05_D8_credits_at_another_rate(sandbox: Sandbox) -> None:
    await subscribed(sandbox, tax="20")
    made = await wallet(sandbox, rate_amount="0.5", granted_credits="100")
    await use(sandbox, 30)
    assert await figures(sandbox, made) == (5000, 3600, 1400, "72.0", "28.0")


async def test_05_D8_the_subscription_fee_is_not_usage(sandbox: Sandbox) -> None:
    await subscribed(sandbox, plan_amount=5000)
    made = await wallet(sandbox, granted_credits="100")
    await use(sandbox, 7)
    assert await figures(sandbox, made) == (10_000, 700, 9300, "7.0", "93.0")


async def test_05_D8_fees_in_advance_are_billed_already(sandbox: Sandbox) -> None:
    """What was invoiced in advance comes off the usage; here the wallet has paid it."""
    await subscribed(sandbox, tax="20", pay_in_advance=True)
    made = await wallet(sandbox, granted_credits="100")
    await use(sandbox, 10)
    await sandbox.advance("2024-01-16T00:00:00Z")
    [invoice] = await sandbox.invoices()
    assert (invoice["fees_amount_cents"], invoice["total_amount_cents"]) == (1000, 0)
    assert await figures(sandbox, made) == (8800, 0, 8800, "0.0", "88.0")


async def test_05_D8_standalone_fees_are_billed_already(sandbox: Sandbox) -> None:
    await subscribed(sandbox, pay_in_advance=True, invoiceable=False)
    made = await wallet(sandbox, granted_credits="100")
    await use(sandbox, 10)
    await sandbox.advance("2024-01-16T00:00:00Z")
    assert await sandbox.invoices() == []
    assert await figures(sandbox, made) == (10_000, 0, 10_000, "0.0", "100.0")


async def test_05_D8_renewals_in_advance_are_billed_already(sandbox: Sandbox) -> None:
    """The seats of the new period stand on the periodic invoice; none of them is spoken for a second time."""
    await subscribed(sandbox, "seats", "calls", tax="20", pay_in_advance=True, recurring=True)
    made = await wallet(sandbox, granted_credits="100")
    await use(sandbox, 10, "seats")
    await sandbox.advance("2024-02-02T00:00:00Z")
    assert await sandbox.amounts() == [("2024-01-15", 1000), ("2024-02-01", 1000)]
    assert await figures(sandbox, made) == (7600, 0, 7600, "0.0", "76.0")
    await use(sandbox, 5, "seats")
    await sandbox.advance("2024-02-03T00:00:00Z")
    assert await figures(sandbox, made) == (7000, 0, 7000, "0.0", "70.0")


async def test_05_D8_only_its_currency(sandbox: Sandbox) -> None:
    await subscribed(sandbox)
    dollars = await wallet(sandbox, code="usd", currency="USD", granted_credits="10")
    euros = await wallet(sandbox, code="eur", granted_credits="10")
    await use(sandbox, 4)
    assert await figures(sandbox, dollars) == (1000, 0, 1000, "0.0", "10.0")
    assert await figures(sandbox, euros) == (1000, 400, 600, "4.0", "6.0")


async def test_05_D8_several_wallets(sandbox: Sandbox) -> None:
    await subscribed(sandbox, "api", "storage", tax="20")
    scope = {"billable_metric_codes": ["api"]}
    a = await wallet(sandbox, code="a", granted_credits="20", applies_to=scope)
    rest = await wallet(sandbox, code="rest", granted_credits="30")
    await use(sandbox, 30, "api")
    await use(sandbox, 10, "storage")
    assert await figures(sandbox, a) == (2000, 2000, 0, "20.0", "0.0")
    assert await figures(sandbox, rest) == (3000, 2800, 200, "28.0", "2.0")
    rule = {"trigger": "threshold", "threshold_credits": "0", "paid_credits": "20"}
    await sandbox.call("PUT", f"wallets/{a['lago_id']}", {"wallet": {"recurring_transaction_rules": [rule]}})
    assert await figures(sandbox, a) == (2000, 3600, -1600, "36.0", "-16.0")
    assert await figures(sandbox, rest) == (3000, 1200, 1800, "12.0", "18.0")
    [bought] = [item for item in await transactions(sandbox, a) if item["source"] == "threshold"]
    assert bought["amount"] == "20.0"
    await sandbox.call("DELETE", f"wallets/{a['lago_id']}")
    assert await figures(sandbox, rest) == (3000, 4800, -1800, "48.0", "-18.0")


async def test_05_D7_usage_fires_a_threshold(sandbox: Sandbox) -> None:
    """Threshold 10, fixed 50, ongoing -40: gap 50, bought 100; what is pending counts against more."""
    await subscribed(sandbox)
    rule = {"trigger": "threshold", "threshold_credits": "10", "paid_credits": "50"}
    made = await wallet(sandbox, granted_credits="20", recurring_transaction_rules=[rule])
    await use(sandbox, 60)
    assert await figures(sandbox, made) == (2000, 6000, -4000, "60.0", "-40.0")
    await use(sandbox, 5)
    assert await figures(sandbox, made) == (2000, 6500, -4500, "65.0", "-45.0")
    [bought] = [item for item in await transactions(sandbox, made) if item["source"] == "threshold"]
    assert (bought["amount"], bought["status"]) == ("100.0", "pending")
    await pay_invoice(sandbox, bought["lago_invoice_id"])
    assert (await figures(sandbox, made))[2] == 5500
    assert len([item for item in await transactions(sandbox, made) if item["source"] == "threshold"]) == 1
    await check_books(sandbox)


async def test_05_D7_nothing_changed_nothing_bought(sandbox: Sandbox) -> None:
    """A rule that comes later waits for a change (trap 20)."""
    await subscribed(sandbox)
    made = await wallet(sandbox)
    rule = {"trigger": "threshold", "threshold_credits": "10", "paid_credits": "50"}
    await sandbox.call("PUT", f"wallets/{made['lago_id']}", {"wallet": {"recurring_transaction_rules": [rule]}})
    await run_jobs(sandbox)
    assert await transactions(sandbox, made) == []
    await use(sandbox, 1)
    await run_jobs(sandbox)
    assert [item["amount"] for item in await transactions(sandbox, made)] == ["50.0"]


async def test_05_D8_depletion_is_told_once(sandbox: Sandbox) -> None:
    name = "wallet.depleted_ongoing_balance"
    async with sandbox.context() as ctx:
        ctx.organization.webhook_event_types = ["*"]
    await subscribed(sandbox)
    made = await wallet(sandbox, granted_credits="10")
    assert await announced(sandbox, name) == 0
    await use(sandbox, 10)
    await figures(sandbox, made)
    assert await announced(sandbox, name) == 1
    await use(sandbox, 3)
    assert (await figures(sandbox, made))[2] == -300
    assert await announced(sandbox, name) == 1
    await top_up(sandbox, made, granted_credits="10")
    await top_up(sandbox, made, voided_credits="10")
    assert await announced(sandbox, name) == 2
    await wallet(sandbox, code="empty", priority=1)
    assert await announced(sandbox, name) == 3


async def test_what_ends_or_is_deleted_is_owed_no_more(sandbox: Sandbox) -> None:
    await subscribed(sandbox)
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    made = await wallet(sandbox, granted_credits="10")
    await use(sandbox, 2)
    await sandbox.terminate("s1", on_termination_invoice="skip")
    assert (await figures(sandbox, made))[1] == 0
    await sandbox.subscribe("s2", subscription_at=JANUARY)
    await use(sandbox, 4, subscription="s2")
    await sandbox.advance("2024-02-01T00:00:00Z")
    assert (await figures(sandbox, made))[1] == 400
    [draft] = await sandbox.invoices()
    await sandbox.call("DELETE", f"invoices/{draft['lago_id']}")
    assert (await figures(sandbox, made))[1] == 0


async def test_batches_and_odd_bodies_count_too(sandbox: Sandbox) -> None:
    await subscribed(sandbox)
    made = await wallet(sandbox, granted_credits="100")
    events = [
        {"transaction_id": f"b{n}", "external_subscription_id": "s1", "code": "calls", "properties": {"n": 1}}
        for n in range(3)
    ]
    await sandbox.call("POST", "events/batch", {"events": events})
    assert (await figures(sandbox, made))[1] == 300
    await use(sandbox, 2, transaction_id=17, timestamp="1705312800")
    assert (await figures(sandbox, made))[1] == 500


async def test_events_that_nobody_marked_are_found_by_the_next_step_of_the_clock(sandbox: Sandbox) -> None:
    await subscribed(sandbox)
    made = await wallet(sandbox, granted_credits="100")
    await sandbox.send(("2024-01-15T10:00:00+00:00", 5))
    assert (await figures(sandbox, made))[1] == 0
    await sandbox.advance("2024-01-15T10:00:00Z")
    assert (await figures(sandbox, made))[1] == 500


async def test_wallets_and_rules_of_others_stay_alone(sandbox: Sandbox) -> None:
    await subscribed(sandbox)
    await sandbox.customer("c2")
    other = await wallet(sandbox, "c2", granted_credits="10")
    await use(sandbox, 5)
    assert (await figures(sandbox, other))[1] == 0


async def test_05_D8_progressive_invoices_have_billed_it_already(sandbox: Sandbox) -> None:
    """Usage 15.00 passes the threshold of 10.00 and is invoiced; 2.00 more are owed, taxes included."""
    await sandbox.customer("c1")
    await sandbox.tax("vat", "20")
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan)
    thresholds = [{"amount_cents": 1000, "threshold_display_name": "Ten"}]
    await sandbox.call("PUT", "plans/p", {"plan": {"usage_thresholds": thresholds}})
    await sandbox.subscribe(subscription_at=JANUARY)
    made = await wallet(sandbox, granted_credits="10")
    await use(sandbox, 15)
    await sandbox.advance("2024-01-16T00:00:00Z")
    [invoice] = await sandbox.invoices()
    assert (invoice["invoice_type"], invoice["total_amount_cents"]) == ("progressive_billing", 800)
    assert await figures(sandbox, made) == (0, 0, 0, "0.0", "0.0")
    await use(sandbox, 2)
    assert await figures(sandbox, made) == (0, 240, -240, "2.4", "-2.4")
    await sandbox.advance("2024-02-02T00:00:00Z")
    assert await figures(sandbox, made) == (0, 0, 0, "0.0", "0.0")
