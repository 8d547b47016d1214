"""Spec 09 §3: clean books have no findings, and each corruption of the database is found, and nothing else."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from billwright.billing.auditing.checks import Finding
from billwright.billing.auditing.service import CHECKS, Request, audit
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database

INVOICE_OF = """(select i.id from invoices i join customers c on c.id = i.customer_id
  where c.external_id = '{customer}' and i.sequential_id is not null order by i.sequential_id {order} limit 1)"""
C3 = INVOICE_OF.format(customer="c3", order="desc")
C1 = INVOICE_OF.format(customer="c1", order="asc")
LAST_ROW = """(select id from invoice_subscriptions where recurring
  order by subscription_id, charges_from_datetime desc limit 1)"""
ONE_JOB = "insert into jobs (id, organization_id, name, arguments, status, attempts, max_attempts, run_at, created_at)"
ONE_HOOK = """insert into webhooks (id, created_at, updated_at, organization_id, endpoint_id, event_id, webhook_type,
  object_type, endpoint, payload, status, retries, single_attempt, due_at)"""

CORRUPTIONS: list[tuple[str, str, str]] = [
    ("invoice_fees", "invoice", f"update fees set amount_cents = amount_cents + 1 where invoice_id = {C3}"),
    ("invoice_totals", "invoice", f"update invoices set total_amount_cents = total_amount_cents + 1 where id = {C3}"),
    (
        "invoice_credits",
        "invoice",
        "update credits set amount_cents = amount_cents - 1 where id = (select x.id from credits x"
        " join applied_coupons a on a.id = x.applied_coupon_id where a.frequency = 'recurring' limit 1)",
    ),
    (
        "fee_discounts",
        "invoice",
        "update fees set precise_coupons_amount_cents = precise_coupons_amount_cents - 0.00001 where id ="
        f" (select id from fees where invoice_id = {C1} order by position limit 1)",
    ),
    (
        "fee_tax",
        "fee",
        "update fees_taxes set amount_cents = amount_cents + 1 where id = (select min(id::text)::uuid from fees_taxes)",
    ),
    (
        "fee_taxes",
        "fee",
        f"update fees set taxes_rate = 19 where invoice_id = {C1} and position = 0",
    ),
    (
        "invoice_tax",
        "invoice",
        f"update invoices_taxes set amount_cents = amount_cents + 1 where invoice_id = {C1} and tax_code = 'vat'",
    ),
    (
        "invoice_taxes",
        "invoice",
        f"""update invoices set taxes_amount_cents = taxes_amount_cents + 1,
          total_amount_cents = total_amount_cents + 1,
          sub_total_including_taxes_amount_cents = sub_total_including_taxes_amount_cents + 1 where id = {C1}""",
    ),
    (
        "number_duplicate",
        "invoice number",
        f"update invoices set number = (select number from invoices where id = {C1}) where id = {C3}",
    ),
    ("number_gap", "customer", "update customers set invoice_sequence = invoice_sequence + 2 where external_id = 'c3'"),
    (
        "number_above_counter",
        "customer",
        "update customers set invoice_sequence = invoice_sequence - 1 where external_id = 'c3'",
    ),
    (
        "organization_number_gap",
        "invoice",
        """update invoices i set organization_sequential_id = n.place + (n.place > 3)::int from (
          select id, row_number() over (order by finalized_at, id) as place from invoices
          where sequential_id is not null
        ) n where n.id = i.id""",
    ),
    ("credit_note_number_gap", "credit note", "update credit_notes set sequential_id = 2"),
    (
        "period_billed_twice",
        "subscription",
        f"""update invoice_subscriptions set charges_from_datetime = charges_from_datetime - interval '1 day'
          where id = {LAST_ROW}""",
    ),
    (
        "period_missing",
        "subscription",
        f"""update invoice_subscriptions set charges_from_datetime = charges_from_datetime + interval '3 days'
          where id = {LAST_ROW}""",
    ),
    (
        "subscription_fee_twice",
        "subscription",
        f"""update fees set from_datetime = from_datetime - interval '9 days'
          where invoice_id = {C3} and fee_type = 'subscription'""",
    ),
    (
        "period_not_billed",
        "subscription",
        "update subscriptions set next_billing_at = '2024-03-01T00:00:00Z' where external_id = 's3'",
    ),
    (
        "invoice_not_computed",
        "invoice",
        f"update invoices set status = 'generating', created_at = created_at - interval '1 day' where id = {C3}",
    ),
    (
        "wallet_balance",
        "wallet",
        "update wallets set balance_cents = balance_cents + 1, funded_amount_cents = funded_amount_cents + 1",
    ),
    (
        "wallet_ledger",
        "wallet transaction",
        "update wallet_draws set amount_cents = amount_cents + 1 where id = (select id from wallet_draws limit 1)",
    ),
    (
        "coupon_amount",
        "applied coupon",
        "update applied_coupons set status = 'active' where frequency = 'once'",
    ),
    (
        "coupon_remaining",
        "applied coupon",
        "update applied_coupons set frequency_duration_remaining = 3 where frequency = 'recurring'",
    ),
    (
        "credit_note_balance",
        "credit note",
        "update credit_notes set balance_amount_cents = balance_amount_cents + 1",
    ),
    ("invoice_offset", "invoice", f"update invoices set offset_amount_cents = 1 where id = {C3}"),
    ("invoice_overpaid", "invoice", f"update invoices set total_paid_amount_cents = 1001 where id = {C3}"),
    (
        "outbox_stuck",
        "job",
        f"""{ONE_JOB} select gen_random_uuid(), id, 'invoice.document', '{{}}', 'queued', 0, 5,
          now() - interval '11 minutes', now() from organizations where name = 'Hooli'""",
    ),
    (
        "webhook_stuck",
        "webhook",
        f"""{ONE_HOOK} select gen_random_uuid(), now(), now(), id, gen_random_uuid(), gen_random_uuid(), 'fee.created',
          'fee', 'http://x.test', '', 'pending', 0, false, now() - interval '11 minutes'
          from organizations where name = 'Hooli'""",
    ),
    (
        "foreign_organization",
        "subscriptions",
        "update subscriptions set plan_id = (select id from plans where code = 'other') where external_id = 's3'",
    ),
]  # fmt: skip


async def findings_of(database: Database, **request: object) -> list[Finding]:
    return [finding async for finding in audit(database, Request(**request))]  # type: ignore[arg-type]


async def corrupt(database: Database, statement: str) -> None:
    async with database.transaction() as session:
        changed = await session.execute(text(statement))
        assert changed.rowcount > 0, "nothing was corrupted"  # type: ignore[attr-defined]


async def value(database: Database, statement: str) -> object:
    async with database.reading() as session:
        return await session.scalar(text(statement))


async def test_clean_books_have_no_findings(audited: Database) -> None:
    """Not vacuously: every kind of object that is checked is there."""
    for table in (
        "fees_taxes", "credits", "wallet_draws", "credit_notes", "payments", "applied_coupons", "invoice_subscriptions",
    ):  # fmt: skip
        assert await value(audited, f"select count(*) from {table}") != 0, table
    assert await value(audited, "select count(*) from credits where credit_note_id is not null") != 0
    assert await value(audited, f"select sequential_id from invoices where id = {C3}") == 3
    assert await findings_of(audited) == []


@pytest.mark.parametrize(("code", "object_type", "statement"), CORRUPTIONS, ids=[item[0] for item in CORRUPTIONS])
async def test_each_corruption_is_found_and_nothing_else(
    audited: Database, code: str, object_type: str, statement: str
) -> None:
    before = system_now()
    await corrupt(audited, statement)
    found = await findings_of(audited)
    assert {(item.code, item.object_type) for item in found} == {(code, object_type)}
    assert len(found) == (2 if code == "wallet_ledger" else 1)
    for item in found:
        assert item.expected != item.found
        assert item.object_id
        assert before <= item.first_seen <= system_now()
        assert item.organization_id == await value(audited, "select id from organizations where name = 'Hooli'")


def test_every_check_has_its_corruption() -> None:
    assert {item.code for item in CHECKS} == {code for code, _, _ in CORRUPTIONS}
    assert len({item.code for item in CHECKS}) == len(CHECKS)


async def test_what_was_expected_and_what_was_found(audited: Database) -> None:
    await corrupt(audited, f"update invoices set total_amount_cents = total_amount_cents + 1 where id = {C3}")
    [finding] = await findings_of(audited)
    assert (finding.expected, finding.found) == ("total_amount_cents 1000", "total_amount_cents 1001")
    assert finding.object_id == str(await value(audited, f"select {C3}"))
    assert finding.customer_id == await value(audited, "select id from customers where external_id = 'c3'")


async def test_missing_numbers_are_named(audited: Database) -> None:
    await corrupt(audited, "update customers set invoice_sequence = 6 where external_id = 'c3'")
    [finding] = await findings_of(audited)
    assert (finding.expected, finding.found) == ("every number up to 6", "numbers missing: 4-6")
    await corrupt(audited, "update customers set invoice_sequence = 3 where external_id = 'c3'")
    await corrupt(
        audited,
        "update invoices set sequential_id = null where sequential_id = 2"
        " and customer_id = (select id from customers where external_id = 'c3')",
    )
    [finding] = await findings_of(audited)
    assert finding.found == "numbers missing: 2"


async def test_only_one_organization(audited: Database) -> None:
    await corrupt(audited, f"update invoices set total_amount_cents = total_amount_cents + 1 where id = {C3}")
    other = await value(audited, "select id from organizations where name = 'Initech'")
    own = await value(audited, "select id from organizations where name = 'Hooli'")
    assert await findings_of(audited, organization_id=other) == []
    assert len(await findings_of(audited, organization_id=own)) == 1


async def test_only_what_was_made_since(audited: Database) -> None:
    await corrupt(audited, "update invoices set total_amount_cents = total_amount_cents + 1 where sequential_id = 1")
    assert len(await findings_of(audited, since=datetime(2024, 1, 1, tzinfo=UTC))) == 3
    assert await findings_of(audited, since=datetime(2024, 4, 1, tzinfo=UTC)) == []


async def test_jobs_of_the_installation(audited: Database) -> None:
    await corrupt(
        audited,
        f"{ONE_JOB} values (gen_random_uuid(), null, 'tidy', '{{}}', 'queued', 0, 5, now() - interval '1 hour', now())",
    )
    [finding] = await findings_of(audited)
    assert (finding.code, finding.organization_id) == ("outbox_stuck", None)
    own = await value(audited, "select id from organizations where name = 'Hooli'")
    assert await findings_of(audited, organization_id=own) == []


async def test_work_that_waits_for_its_time_is_not_stuck(audited: Database) -> None:
    """Retries later, and a job that a worker holds."""
    await corrupt(
        audited,
        f"""{ONE_JOB} select gen_random_uuid(), id, 'later', '{{}}', 'queued', 1, 5, now() + interval '1 hour',
          now() - interval '2 hours' from organizations where name = 'Hooli'""",
    )
    await corrupt(
        audited,
        """insert into jobs (id, organization_id, name, arguments, status, attempts, max_attempts, run_at, created_at,
          lease_until) select gen_random_uuid(), id, 'long', '{}', 'running', 1, 5, now() - interval '1 hour',
          now() - interval '2 hours', now() + interval '1 minute' from organizations where name = 'Hooli'""",
    )
    assert await findings_of(audited) == []


async def test_a_sample_is_a_share_of_the_customers(audited: Database) -> None:
    """All seeds together see every customer; no share sees none."""
    await corrupt(audited, "update invoices set total_amount_cents = total_amount_cents + 1 where sequential_id = 1")
    assert await findings_of(audited, share=0) == []
    seen: set[UUID | None] = set()
    for seed in range(15):
        seen |= {item.customer_id for item in await findings_of(audited, share=40, seed=seed)}
    assert len(seen) == 3
    assert len(await findings_of(audited, share=100)) == 3


async def test_the_audit_writes_nothing(audited: Database) -> None:
    async def sizes() -> object:
        return await value(
            audited, "select md5(string_agg(i.xmin::text || i::text, ',' order by i.id)) from invoices i"
        ), await value(audited, "select count(*) from audit_findings")

    await corrupt(audited, f"update invoices set total_amount_cents = total_amount_cents + 1 where id = {C3}")
    before = await sizes()
    assert len(await findings_of(audited)) == 1
    assert await sizes() == before


async def test_many_findings_come_one_after_the_other(audited: Database) -> None:
    """A cursor of the server: what 60,000 findings need is far less than what they are."""
    await corrupt(
        audited,
        f"""{ONE_JOB} select gen_random_uuid(), id, repeat('x', 500), '{{}}', 'queued', 0, 5,
          now() - interval '1 hour', now() from organizations, generate_series(1, 60000) where name = 'Hooli'""",
    )
    number = 0
    tracemalloc.start()
    try:
        async for _ in audit(audited, Request()):
            number += 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == 60_000
    assert peak < 10_000_000, "the findings alone are 30 MB of text"
