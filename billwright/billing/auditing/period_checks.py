# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Every subscription and period is billed at most once and, when due, at least once (spec 03 §3, §8.4)."""

from __future__ import annotations

from billwright.billing.auditing.checks import check, made_since, of_customers

SLACK = "26 hours"
"""How far apart the same local day may begin in two time zones: a customer may have moved (spec 03 §3.7)."""
GRACE = "1 hour"
"""How long what is due may wait for the next runs."""

_ROWS = f"""
  select r.id, r.subscription_id, s.customer_id, r.charges_from_datetime, r.charges_to_datetime, r.created_at,
    lag(r.charges_to_datetime) over windows as ended, lag(r.charges_from_datetime) over windows as began
  from invoice_subscriptions r join subscriptions s on s.id = r.subscription_id
  where r.organization_id = :organization and r.recurring and r.replaced_at is null and {of_customers("s.customer_id")}
  window windows as (partition by r.subscription_id order by r.charges_from_datetime, r.charges_to_datetime)
"""

_TWICE = check(
    "period_billed_twice",
    "No two periodic invoices bill the same time of a subscription",
    f"""
    select w.customer_id, 'subscription' as object_type, w.subscription_id as object_id,
      'each instant in one period' as expected,
      string_agg(w.charges_from_datetime || ' to ' || w.charges_to_datetime || ' begins before ' || w.ended, '; '
        order by w.charges_from_datetime) as found
    from ({_ROWS}) w where w.charges_from_datetime < w.ended and {made_since("w.created_at")}
    group by w.subscription_id, w.customer_id
    """,
)

_MISSING = check(
    "period_missing",
    "Between two billed periods of a subscription none is left out",
    f"""
    select w.customer_id, 'subscription' as object_type, w.subscription_id as object_id,
      'periods that follow each other' as expected,
      string_agg('nothing from ' || w.ended || ' to ' || w.charges_from_datetime, '; '
        order by w.charges_from_datetime) as found
    from ({_ROWS}) w
    where w.charges_from_datetime > w.ended + interval '{SLACK}' and {made_since("w.created_at")}
    group by w.subscription_id, w.customer_id
    """,
)

_FEE_TWICE = check(
    "subscription_fee_twice",
    "No time of a subscription is in two subscription fees",
    f"""
    select p.customer_id, 'subscription' as object_type, p.subscription_id as object_id,
      'each day in one fee' as expected,
      string_agg('fee ' || p.id || ' from ' || p.from_datetime || ' begins before ' || p.ended, '; '
        order by p.from_datetime) as found
    from (
      select f.id, f.customer_id, f.subscription_id, f.from_datetime, f.created_at,
        lag(f.to_datetime) over (partition by f.subscription_id order by f.from_datetime, f.to_datetime) as ended
      from fees f join invoices i on i.id = f.invoice_id
      where f.organization_id = :organization and f.fee_type = 'subscription' and f.deleted_at is null
        and f.amount_cents > 0 and i.status in ('draft', 'finalized', 'pending', 'failed')
        and {of_customers("f.customer_id")}
    ) p
    where p.from_datetime < p.ended - interval '{SLACK}' and {made_since("p.created_at")}
    group by p.subscription_id, p.customer_id
    """,
)

_NOT_BILLED = check(
    "period_not_billed",
    "What is due of an active subscription is billed",
    f"""
    select s.customer_id, 'subscription' as object_type, s.id as object_id,
      'billed at ' || s.next_billing_at as expected, 'not billed at ' || cast(:now as timestamptz) as found
    from subscriptions s
    where s.organization_id = :organization and s.status = 'active'
      and s.next_billing_at < cast(:now as timestamptz) - interval '{GRACE}' and {of_customers("s.customer_id")}
    """,
)

_NOT_COMPUTED = check(
    "invoice_not_computed",
    "No invoice is left without its amounts",
    f"""
    select i.customer_id, 'invoice' as object_type, i.id as object_id, 'computed' as expected, 'generating' as found
    from invoices i
    where i.organization_id = :organization and i.status = 'generating'
      and i.created_at < cast(:now as timestamptz) - interval '{GRACE}' and {of_customers("i.customer_id")}
    """,
)

CHECKS = (_TWICE, _MISSING, _FEE_TWICE, _NOT_BILLED, _NOT_COMPUTED)
