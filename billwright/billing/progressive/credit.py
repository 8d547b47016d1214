"""What progressive invoices billed already, taken off the invoice that bills the same usage again (spec 02 §13.5).

The first step of the waterfall, on drafts too. It concerns only rows that bill the charges in arrears of a window in
which progressive invoices were made. What the new invoice cannot take is left in ``Waterfall.excesses``; when it is
final, ``excess.give_excess_back`` makes credit notes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Charge
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.customers.models import Customer
from billwright.billing.explaining.shares import note_progressive_shares
from billwright.billing.invoicing.fee_drafts import FeeDraft, group_key
from billwright.billing.invoicing.models import Credit, Fee, Invoice
from billwright.billing.invoicing.rows import Row
from billwright.billing.invoicing.waterfall import Excess, Waterfall
from billwright.billing.kernel.money import PRECISE, round_half_up
from billwright.billing.progressive.models import ExcessNote
from billwright.billing.progressive.queries import concern_of, progressive_invoices
from billwright.billing.progressive.spreading import Bearer, shares
from billwright.billing.subscriptions.calendar.windows import Case

UNCOUNTED = ("voided", "closed", "deleted")
"""Invoices whose credits no longer count against a progressive invoice."""
_CASES = (Case.periodic, Case.terminating, Case.upgrade_old, Case.downgrade_old, Case.progressive)

_Key = tuple[UUID | None, str, str]
"""What makes two fees the same: the charge (its parent's, where prices were overridden meanwhile), the filter's values,
the group."""


@dataclass(frozen=True, slots=True)
class _Billed:
    """What a progressive invoice billed: its charges, and the amount of each fee, in minor units."""

    charges: frozenset[UUID]
    amounts: Mapping[_Key, int]


async def take_progressive_credits(ctx: Context, customer: Customer, flow: Waterfall) -> None:
    """The waterfall's first step; see the module."""
    rows = [row for row in flow.rows_billed if row.windows.bills_charges and row.windows.case in _CASES]
    if not rows:
        return
    concern = await concern_of(ctx, [row.subscription.id for row in rows])
    flow.is_watched = concern.is_watched
    for row in rows if concern.was_billed else ():
        await _take(ctx, flow, row)


async def _take(ctx: Context, flow: Waterfall, row: Row) -> None:
    opened, closed = row.windows.charges_from_datetime, row.windows.charges_to_datetime
    made = await progressive_invoices(ctx, row.subscription.id, opened, closed)
    made = [invoice for invoice in made if invoice.id != flow.invoice.id]
    if not made:
        return
    latest = made[0]
    credit_cents = await open_credit(ctx, latest)
    if credit_cents <= 0:
        return
    fees = [
        fee
        for fee in flow.fees
        if fee.fee_type == "charge"
        and not fee.pay_in_advance
        and fee.subscription is not None
        and fee.subscription.id == row.subscription.id
    ]
    billed_fees = await _fees_of(ctx, latest.id)
    parents = await _parents(ctx, {fee.charge_id for fee in (*fees, *billed_fees) if fee.charge_id is not None})
    billed = _billed(billed_fees, parents)
    bearing = [fee for fee in fees if _root(fee.charge_id, parents) in billed.charges]
    cap = sum(fee.amount_cents for fee in bearing)
    taken = min(credit_cents, cap)
    if credit_cents > taken:
        earlier = [invoice.id for invoice in made[1:]]
        flow.excesses.append(Excess(latest.id, earlier, credit_cents - taken))
    if taken <= 0:
        return
    bearers = [Bearer(fee.amount_cents, _billed_before(fee, billed, parents)) for fee in bearing]
    given = shares(bearers, taken)
    for fee, share in zip(bearing, given, strict=True):
        fee.discount = PRECISE.add(fee.discount, share)
    note_progressive_shares(bearing, [bearer.weight for bearer in bearers], given, latest.number, taken)
    flow.progressive_cents += taken
    flow.credit(taken, before_taxes=True, progressive_billing_invoice_id=latest.id)


async def open_credit(ctx: Context, invoice: Invoice) -> int:
    """What of a progressive invoice was neither credited on another invoice nor given back, in minor units."""
    credited = await ctx.session.scalar(
        select(func.coalesce(func.sum(col(Credit.amount_cents)), 0))
        .join(Invoice, col(Invoice.id) == col(Credit.invoice_id))
        .where(
            col(Credit.organization_id) == ctx.organization_id,
            col(Credit.progressive_billing_invoice_id) == invoice.id,
            col(Invoice.status).not_in(UNCOUNTED),
        )
    )
    noted = await _noted(ctx, invoice.id)
    return max(invoice.fees_amount_cents - invoice.coupons_amount_cents - int(credited or 0) - noted, 0)


async def _noted(ctx: Context, invoice_id: UUID) -> int:
    """Live credit notes on the invoice, and those made for its excess on earlier ones: the part before taxes of what
    they credited."""
    elsewhere = select(col(ExcessNote.credit_note_id)).where(col(ExcessNote.progressive_invoice_id) == invoice_id)
    rows = await ctx.session.execute(
        select(
            col(CreditNote.sub_total_excluding_taxes_amount_cents),
            col(CreditNote.credit_amount_cents),
            col(CreditNote.total_amount_cents),
        ).where(
            col(CreditNote.organization_id) == ctx.organization_id,
            or_(col(CreditNote.invoice_id) == invoice_id, col(CreditNote.id).in_(elsewhere)),
            col(CreditNote.status) == "finalized",
            col(CreditNote.credit_status) != "voided",
        )
    )
    noted = sum((Fraction(net * credit, total) for net, credit, total in rows if total), Fraction(0))
    return int(round_half_up(noted))


async def _fees_of(ctx: Context, invoice_id: UUID) -> Sequence[Fee]:
    rows = await ctx.session.scalars(
        select(Fee).where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.invoice_id) == invoice_id,
            col(Fee.fee_type) == "charge",
            col(Fee.deleted_at).is_(None),
        )
    )
    return rows.all()


async def _parents(ctx: Context, charge_ids: set[UUID]) -> Mapping[UUID, UUID]:
    rows = await ctx.session.execute(
        select(col(Charge.id), col(Charge.parent_id)).where(
            col(Charge.organization_id) == ctx.organization_id,
            col(Charge.id).in_(charge_ids),
            col(Charge.parent_id).is_not(None),
        )
    )
    return {charge_id: parent_id for charge_id, parent_id in rows if parent_id is not None}


def _root(charge_id: UUID | None, parents: Mapping[UUID, UUID]) -> UUID | None:
    return None if charge_id is None else parents.get(charge_id, charge_id)


def _filter_key(item: Mapping[str, Any]) -> str:
    values: Mapping[str, Sequence[str]] | None = item.get("filters")
    if values is None:
        return ""
    return msgspec.json.encode(sorted((key, sorted(chosen)) for key, chosen in values.items())).decode()


def _billed(fees: Sequence[Fee], parents: Mapping[UUID, UUID]) -> _Billed:
    amounts: dict[_Key, int] = {}
    for fee in fees:
        if fee.true_up_parent_fee_id is None:
            key = (_root(fee.charge_id, parents), _filter_key(fee.item), fee.group_key)
            amounts[key] = amounts.get(key, 0) + fee.amount_cents
    charges = {root for fee in fees if (root := _root(fee.charge_id, parents)) is not None}
    return _Billed(frozenset(charges), amounts)


def _billed_before(fee: FeeDraft, billed: _Billed, parents: Mapping[UUID, UUID]) -> int:
    if fee.true_up_parent is not None:
        return 0
    key = (_root(fee.charge_id, parents), _filter_key(fee.item), group_key(fee.grouped_by))
    return billed.amounts.get(key, 0)
