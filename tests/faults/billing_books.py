"""The books of one organization as plain values, free of random ids and system times, so that two runs compare."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg

from billwright.billing.kernel.db import asyncpg_url

Books = dict[str, list[str]]

_RANDOM = "- '{id,organization_id,created_at,updated_at,finalized_at,succeeded_at}'::text[]"
_TABLES = {
    "invoices": f"""
      select to_jsonb(i) {_RANDOM} - '{{customer_id,number,organization_sequential_id,file_id}}'::text[]
        || jsonb_build_object('customer', c.external_id)
      from invoices i join customers c on c.id = i.customer_id where i.organization_id = $1""",
    "rows": f"""
      select to_jsonb(r) {_RANDOM} - '{{invoice_id,subscription_id}}'::text[]
        || jsonb_build_object('invoice', i.timestamp, 'status', i.status, 'subscription', s.external_id)
      from invoice_subscriptions r join invoices i on i.id = r.invoice_id
      join subscriptions s on s.id = r.subscription_id
      where r.organization_id = $1""",
    "fees": f"""
      select to_jsonb(f) {_RANDOM}
        - '{{customer_id,invoice_id,subscription_id,charge_id,charge_filter_id,true_up_parent_fee_id}}'::text[]
        || jsonb_build_object('invoice', i.timestamp, 'customer', c.external_id, 'item', f.item - 'id')
      from fees f join invoices i on i.id = f.invoice_id join customers c on c.id = f.customer_id
      where f.organization_id = $1""",
    "fee taxes": f"""
      select to_jsonb(t) {_RANDOM} - '{{fee_id,tax_id}}'::text[]
        || jsonb_build_object('billed', f.timestamp, 'place', f.position, 'subscription', f.external_subscription_id)
      from fees_taxes t join fees f on f.id = t.fee_id where t.organization_id = $1""",
    "invoice taxes": f"""
      select to_jsonb(t) {_RANDOM} - '{{invoice_id,tax_id}}'::text[]
        || jsonb_build_object('invoice', i.timestamp, 'customer', c.external_id)
      from invoices_taxes t join invoices i on i.id = t.invoice_id join customers c on c.id = i.customer_id
      where t.organization_id = $1""",
    "credits": f"""
      select to_jsonb(r) {_RANDOM} - '{{invoice_id,applied_coupon_id}}'::text[]
        || jsonb_build_object('billed', i.timestamp, 'customer', c.external_id)
      from credits r join invoices i on i.id = r.invoice_id join customers c on c.id = i.customer_id
      where r.organization_id = $1""",
    "coupons": f"""
      select to_jsonb(a) {_RANDOM} - '{{customer_id,coupon_id}}'::text[]
        || jsonb_build_object('customer', c.external_id)
      from applied_coupons a join customers c on c.id = a.customer_id where a.organization_id = $1""",
    "due": f"""
      select to_jsonb(s) {_RANDOM} - '{{customer_id,plan_id,previous_subscription_id,activated_at}}'::text[]
      from subscriptions s where s.organization_id = $1""",
    "counters": """
      select jsonb_build_object('customer', c.external_id, 'invoices', c.invoice_sequence, 'all', o.invoice_sequence)
      from customers c join organizations o on o.id = c.organization_id where o.id = $1""",
    "numbers": """
      select to_jsonb(array_agg(right(i.number, 3)::int order by i.number)) from invoices i
      where i.organization_id = $1 and i.status = 'finalized' and i.organization_sequential_id is not null""",
    "jobs": """
      select jsonb_build_object('name', j.name, 'customer', c.external_id, 'invoice', i.timestamp,
        'arguments', j.arguments - 'invoice_id' - 'object_id')
      from jobs j left join invoices i on i.id = coalesce(j.arguments->>'invoice_id', j.arguments->>'object_id')::uuid
      left join customers c on c.id = i.customer_id where j.organization_id = $1""",
}


async def connect(database_url: str) -> Any:
    return await asyncpg.connect(asyncpg_url(database_url))


async def books(database_url: str, organization_id: UUID) -> Books:
    """Every row of every table that billing writes, as sorted canonical JSON."""
    connection = await connect(database_url)
    try:
        found: Books = {}
        for name, statement in _TABLES.items():
            rows = await connection.fetch(statement, organization_id)  # one of the constants above
            found[name] = sorted(json.dumps(json.loads(row[0] or "null"), sort_keys=True) for row in rows)
        return found
    finally:
        await connection.close()


def assert_same(found: Books, wanted: Books) -> None:
    """Table by table, and only the rows that are in one of them, so that a difference is readable."""
    for name, rows in wanted.items():
        lost, new = Counter(rows) - Counter(found[name]), Counter(found[name]) - Counter(rows)
        head = f"{name}: {lost.total()} rows are not there, {new.total()} should not be"
        assert lost == new, "\n".join([head, *sorted(lost)[:2], *sorted(new)[:2]])
