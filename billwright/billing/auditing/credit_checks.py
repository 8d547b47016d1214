# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Wallets equal their ledgers, what is left of coupons and credit notes equals their uses, nobody paid too much
(spec 05 B2-B3, C1, D3, 06 §0)."""

from __future__ import annotations

from billwright.billing.auditing.checks import check, made_since, of_customers

_BALANCE = check(
    "wallet_balance",
    "A wallet's balance is what is left of its settled inflows",
    f"""
    select w.customer_id, 'wallet' as object_type, w.id as object_id,
      coalesce(sum(t.remaining_amount_cents), 0) as expected, w.balance_cents as found
    from wallets w left join wallet_transactions t on t.wallet_id = w.id
    where w.organization_id = :organization and {made_since("w.updated_at")} and {of_customers("w.customer_id")}
    group by w.id having coalesce(sum(t.remaining_amount_cents), 0) <> w.balance_cents
    """,
)

_LEDGER = check(
    "wallet_ledger",
    "What is left of an inflow is what no outflow drew, and an outflow drew what it is",
    f"""
    select w.customer_id, 'wallet transaction' as object_type, t.id as object_id,
      case when t.transaction_type = 'inbound' then t.amount_cents - d.drawn else t.amount_cents end as expected,
      case when t.transaction_type = 'inbound' then t.remaining_amount_cents else d.drawn end as found
    from wallet_transactions t join wallets w on w.id = t.wallet_id
    cross join lateral (select case when t.transaction_type = 'inbound'
      then coalesce((select sum(amount_cents) from wallet_draws where inbound_id = t.id), 0)
      else coalesce((select sum(amount_cents) from wallet_draws where outbound_id = t.id), 0) end as drawn) d
    where t.organization_id = :organization and t.status = 'settled' and {made_since("t.updated_at")}
      and {of_customers("w.customer_id")}
      and case when t.transaction_type = 'inbound' then t.remaining_amount_cents <> t.amount_cents - d.drawn
        else t.amount_cents <> d.drawn end
    """,
)

_USES = f"""
  select a.*, coalesce(u.cents, 0) as used_cents, coalesce(u.invoices, 0) as used_invoices
  from applied_coupons a
  left join lateral (
    select sum(c.amount_cents) as cents, count(*) as invoices from credits c join invoices i on i.id = c.invoice_id
    where c.applied_coupon_id = a.id and i.status not in ('voided', 'closed', 'deleted')
  ) u on true
  where a.organization_id = :organization and {made_since("a.updated_at")} and {of_customers("a.customer_id")}
"""

_COUPON_AMOUNT = check(
    "coupon_amount",
    "A fixed amount given once is never exceeded, and ends when it is used up",
    f"""
    select a.customer_id, 'applied coupon' as object_type, a.id as object_id,
      case when a.used_cents > a.amount_cents then 'at most ' || a.amount_cents
        else 'terminated, ' || a.amount_cents || ' are used up' end as expected,
      case when a.used_cents > a.amount_cents then a.used_cents::text else a.status end as found
    from ({_USES}) a
    where a.frequency = 'once' and a.amount_cents is not null
      and (a.used_cents > a.amount_cents or (a.used_cents = a.amount_cents and a.status <> 'terminated'))
    """,
)

_COUPON_REMAINING = check(
    "coupon_remaining",
    "A recurring coupon's remaining invoices are its duration less the invoices it reduced",
    f"""
    select a.customer_id, 'applied coupon' as object_type, a.id as object_id,
      greatest(a.frequency_duration - a.used_invoices, 0) as expected, a.frequency_duration_remaining as found
    from ({_USES}) a
    where a.frequency = 'recurring'
      and a.frequency_duration_remaining <> greatest(a.frequency_duration - a.used_invoices, 0)
    """,
)

_NOTE_BALANCE = check(
    "credit_note_balance",
    "What is left of a credit note is its credit less its uses, nothing once voided",
    f"""
    select n.customer_id, 'credit note' as object_type, n.id as object_id,
      case when n.credit_status = 'voided' then 0 else n.credit_amount_cents - u.used end as expected,
      n.balance_amount_cents as found
    from credit_notes n
    cross join lateral (select coalesce(sum(c.amount_cents), 0) as used from credits c where c.credit_note_id = n.id) u
    where n.organization_id = :organization and n.status = 'finalized' and {made_since("n.updated_at")}
      and {of_customers("n.customer_id")}
      and n.balance_amount_cents
        <> case when n.credit_status = 'voided' then 0 else n.credit_amount_cents - u.used end
    """,
)

_OFFSETS = check(
    "invoice_offset",
    "What credit notes took off an invoice's amount due is the sum of theirs",
    f"""
    select i.customer_id, 'invoice' as object_type, i.id as object_id,
      coalesce(sum(n.offset_amount_cents), 0) as expected, i.offset_amount_cents as found
    from invoices i left join credit_notes n on n.invoice_id = i.id and n.status = 'finalized'
    where i.organization_id = :organization and {made_since("i.created_at")} and {of_customers("i.customer_id")}
    group by i.id having coalesce(sum(n.offset_amount_cents), 0) <> i.offset_amount_cents
    """,
)

_OVERPAID = check(
    "invoice_overpaid",
    "Payments never exceed what was due, unless refunded",
    f"""
    select s.customer_id, 'invoice' as object_type, s.id as object_id, 'at most ' || s.due as expected,
      s.paid || ' paid, ' || s.refunded || ' refunded' as found
    from (
      select i.id, i.customer_id, i.total_amount_cents - i.offset_amount_cents as due,
        greatest(i.total_paid_amount_cents, p.paid) as paid, r.refunded
      from invoices i
      cross join lateral (select coalesce(sum(amount_cents), 0) as paid from payments
        where payable_id = i.id and payable_type = 'Invoice' and payable_payment_status = 'succeeded') p
      cross join lateral (select coalesce(sum(refund_amount_cents), 0) as refunded from credit_notes
        where invoice_id = i.id and status = 'finalized') r
      where i.organization_id = :organization and {made_since("i.created_at")} and {of_customers("i.customer_id")}
    ) s where s.paid - s.refunded > s.due
    """,
)

CHECKS = (_BALANCE, _LEDGER, _COUPON_AMOUNT, _COUPON_REMAINING, _NOTE_BALANCE, _OFFSETS, _OVERPAID)
