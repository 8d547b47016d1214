# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Invoices add up, their taxes follow from their rates, their numbers have no gaps (spec 04 §3, §4, 05 A3-A4)."""

from __future__ import annotations

from billwright.billing.auditing.checks import ISSUED, Check, check, made_since, of_customers

_INVOICES = f"""i.organization_id = :organization and i.status in {ISSUED}
  and {made_since("i.created_at")} and {of_customers("i.customer_id")}"""

_FEES = check(
    "invoice_fees",
    "An invoice's fees add up to its fees total",
    f"""
    select i.customer_id, 'invoice' as object_type, i.id as object_id,
      coalesce(sum(f.amount_cents), 0) as expected, i.fees_amount_cents as found
    from invoices i left join fees f on f.invoice_id = i.id and f.deleted_at is null
    where {_INVOICES}
    group by i.id having coalesce(sum(f.amount_cents), 0) <> i.fees_amount_cents
    """,
)


def _by_field(code: str, title: str, values: str) -> Check:
    """Totals of an invoice, each as (name, expected, found)."""
    return check(
        code,
        title,
        f"""
        select i.customer_id, 'invoice' as object_type, i.id as object_id,
          string_agg(v.name || ' ' || v.expected, ', ' order by v.name) as expected,
          string_agg(v.name || ' ' || v.found, ', ' order by v.name) as found
        from invoices i cross join lateral (values {values}) as v(name, expected, found)
        where {_INVOICES} and v.expected <> v.found
        group by i.id
        """,
    )


_TOTALS = _by_field(
    "invoice_totals",
    "An invoice's totals are the sums of their parts",
    """
    ('sub_total_excluding_taxes_amount_cents',
      i.fees_amount_cents - i.progressive_billing_credit_amount_cents - i.coupons_amount_cents,
      i.sub_total_excluding_taxes_amount_cents),
    ('sub_total_including_taxes_amount_cents', i.sub_total_excluding_taxes_amount_cents + i.taxes_amount_cents,
      i.sub_total_including_taxes_amount_cents),
    ('total_amount_cents',
      i.sub_total_including_taxes_amount_cents - i.credit_notes_amount_cents - i.prepaid_credit_amount_cents,
      i.total_amount_cents)
    """,
)

_CREDITS = _by_field(
    "invoice_credits",
    "What reduced an invoice is what its credits and wallet transactions say",
    """
    ('coupons_amount_cents', coalesce((select sum(c.amount_cents) from credits c
      where c.invoice_id = i.id and c.applied_coupon_id is not null), 0), i.coupons_amount_cents),
    ('progressive_billing_credit_amount_cents', coalesce((select sum(c.amount_cents) from credits c
      where c.invoice_id = i.id and c.progressive_billing_invoice_id is not null), 0),
      i.progressive_billing_credit_amount_cents),
    ('credit_notes_amount_cents', coalesce((select sum(c.amount_cents) from credits c
      where c.invoice_id = i.id and c.credit_note_id is not null), 0), i.credit_notes_amount_cents),
    ('prepaid_credit_amount_cents', coalesce((select sum(t.amount_cents) from wallet_transactions t
      where t.invoice_id = i.id and t.transaction_status = 'invoiced' and t.status = 'settled'), 0),
      i.prepaid_credit_amount_cents)
    """,
)

_DISCOUNTS = check(
    "fee_discounts",
    "The fees' shares of coupons and progressive credits add up to what the invoice took",
    f"""
    select i.customer_id, 'invoice' as object_type, i.id as object_id,
      i.coupons_amount_cents + i.progressive_billing_credit_amount_cents as expected,
      trim_scale(coalesce(sum(f.precise_coupons_amount_cents), 0)) as found
    from invoices i left join fees f on f.invoice_id = i.id and f.deleted_at is null
    where {_INVOICES}
    group by i.id having coalesce(sum(f.precise_coupons_amount_cents), 0)
      <> i.coupons_amount_cents + i.progressive_billing_credit_amount_cents
    """,
)

_OWN = "(f.amount_cents - f.precise_coupons_amount_cents)"
"""What a fee is taxed on."""
_ANY_FEES = f"""f.organization_id = :organization and f.deleted_at is null
  and {made_since("f.created_at")} and {of_customers("f.customer_id")}"""

_FEE_TAX = check(
    "fee_tax",
    "Each tax of a fee is its rate of the fee less discounts, rounded once",
    f"""
    select f.customer_id, 'fee' as object_type, f.id as object_id,
      string_agg(t.tax_code || ' ' || round({_OWN} * t.tax_rate * 0.01), ', ' order by t.tax_code) as expected,
      string_agg(t.tax_code || ' ' || t.amount_cents, ', ' order by t.tax_code) as found
    from fees f join fees_taxes t on t.fee_id = f.id
    where {_ANY_FEES} and t.amount_cents <> round({_OWN} * t.tax_rate * 0.01)
    group by f.id
    """,
)

_FEE_TAXES = check(
    "fee_taxes",
    "A fee's taxes are the sum of its taxes before rounding, and its rate the sum of their rates",
    f"""
    select s.customer_id, 'fee' as object_type, s.id as object_id,
      s.amount || ' at ' || trim_scale(s.rate) as expected,
      s.taxes_amount_cents || ' at ' || trim_scale(s.taxes_rate) as found
    from (
      select f.id, f.customer_id, f.taxes_amount_cents, f.taxes_rate,
        round(coalesce(sum({_OWN} * t.tax_rate * 0.01), 0)) as amount, coalesce(sum(t.tax_rate), 0) as rate
      from fees f left join fees_taxes t on t.fee_id = f.id where {_ANY_FEES} group by f.id
    ) s where s.amount <> s.taxes_amount_cents or s.rate <> s.taxes_rate
    """,
)

_INVOICE_TAX = check(
    "invoice_tax",
    "Each tax of an invoice follows from its fees and the tax's rate",
    f"""
    select i.customer_id, 'invoice' as object_type, i.id as object_id,
      string_agg(s.tax_code || ' ' || s.amount || ' on ' || s.base, ', ' order by s.tax_code) as expected,
      string_agg(s.tax_code || ' ' || s.amount_cents || ' on ' || s.fees_amount_cents, ', ' order by s.tax_code)
        as found
    from invoices i cross join lateral (
      select a.tax_code, a.amount_cents, a.fees_amount_cents, round(coalesce(sum({_OWN}), 0)) as base,
        case when i.invoice_type = 'advance_charges' then coalesce(sum(t.amount_cents), 0)
          else round(coalesce(sum({_OWN} * a.tax_rate * 0.01), 0)) end as amount
      from invoices_taxes a
      left join (fees_taxes t join fees f on f.id = t.fee_id and f.deleted_at is null)
        on f.invoice_id = i.id and t.tax_code = a.tax_code and t.tax_rate = a.tax_rate
          and t.tax_id is not distinct from a.tax_id
      where a.invoice_id = i.id group by a.id
    ) s
    where {_INVOICES} and (s.base <> s.fees_amount_cents or s.amount <> s.amount_cents)
    group by i.id
    """,
)

_INVOICE_TAXES = check(
    "invoice_taxes",
    "An invoice's taxes are those of its fees before rounding",
    f"""
    select s.customer_id, 'invoice' as object_type, s.id as object_id, s.amount as expected,
      s.taxes_amount_cents as found
    from (
      select i.id, i.customer_id, i.taxes_amount_cents, coalesce(
        case when i.invoice_type = 'advance_charges'
          then (select sum(f.taxes_amount_cents) from fees f where f.invoice_id = i.id and f.deleted_at is null)
          else (select round(sum({_OWN} * t.tax_rate * 0.01)) from fees f join fees_taxes t on t.fee_id = f.id
            where f.invoice_id = i.id and f.deleted_at is null) end, 0) as amount
      from invoices i where {_INVOICES}
    ) s where s.amount <> s.taxes_amount_cents
    """,
)

_DUPLICATE = check(
    "number_duplicate",
    "No two invoices have the same number",
    """
    select null::uuid as customer_id, 'invoice number' as object_type, i.number as object_id, '1 invoice' as expected,
      count(*) || ' invoices: ' || string_agg(i.id::text, ', ' order by i.id) as found
    from invoices i where i.organization_id = :organization and i.sequential_id is not null
    group by i.number having count(*) > 1
    """,
)

_GAP = check(
    "number_gap",
    "A customer's invoices are numbered without gaps, up to the customer's counter",
    f"""
    select s.customer_id, 'customer' as object_type, s.customer_id as object_id,
      'every number up to ' || s.invoice_sequence as expected,
      'numbers missing: ' || string_agg(s.missing, ', ' order by s.first) as found
    from (
      select c.id as customer_id, c.invoice_sequence, n.sequential_id as first,
        case when n.sequential_id - n.before = 2 then (n.before + 1)::text
          else (n.before + 1) || '-' || (n.sequential_id - 1) end as missing
      from customers c join lateral (
        select sequential_id, lag(sequential_id, 1, 0) over (order by sequential_id) as before from (
          select i.sequential_id from invoices i where i.customer_id = c.id and i.sequential_id is not null
          union all select c.invoice_sequence + 1
        ) taken
      ) n on n.sequential_id > n.before + 1
      where c.organization_id = :organization and {of_customers("c.id")}
    ) s group by s.customer_id, s.invoice_sequence
    """,
)

_ABOVE = check(
    "number_above_counter",
    "No invoice has a number that its customer's counter has not reached",
    f"""
    select c.id as customer_id, 'customer' as object_type, c.id as object_id,
      'at most ' || c.invoice_sequence as expected, max(i.sequential_id) as found
    from customers c join invoices i on i.customer_id = c.id
    where c.organization_id = :organization and {of_customers("c.id")}
    group by c.id having max(i.sequential_id) > c.invoice_sequence
    """,
)

_ORGANIZATION_GAP = check(
    "organization_number_gap",
    "Numbers per organization have no gaps but those that invoices numbered per customer left in between",
    """
    select null::uuid as customer_id, 'invoice' as object_type, s.id as object_id, s.before + 1 as expected,
      s.organization_sequential_id as found
    from (
      select i.id, i.finalized_at, i.organization_sequential_id,
        lag(i.organization_sequential_id) over numbers as before, lag(i.finalized_at) over numbers as at_before
      from invoices i where i.organization_id = :organization and i.organization_sequential_id is not null
      window numbers as (order by i.organization_sequential_id)
    ) s
    where s.organization_sequential_id > s.before + 1 and not exists (
      select from invoices o where o.organization_id = :organization and o.sequential_id is not null
        and o.organization_sequential_id is null and o.finalized_at between s.at_before and s.finalized_at)
    """,
)

_NOTE_GAP = check(
    "credit_note_number_gap",
    "The credit notes of an invoice are numbered without gaps",
    f"""
    select s.customer_id, 'credit note' as object_type, s.id as object_id, s.before + 1 as expected,
      s.sequential_id as found
    from (
      select n.id, n.customer_id, n.sequential_id,
        lag(n.sequential_id, 1, 0) over (partition by n.invoice_id order by n.sequential_id) as before
      from credit_notes n where n.organization_id = :organization and {of_customers("n.customer_id")}
    ) s where s.sequential_id > s.before + 1
    """,
)

CHECKS = (
    _FEES, _TOTALS, _CREDITS, _DISCOUNTS, _FEE_TAX, _FEE_TAXES, _INVOICE_TAX, _INVOICE_TAXES, _DUPLICATE, _GAP, _ABOVE,
    _ORGANIZATION_GAP, _NOTE_GAP,
)  # fmt: skip
