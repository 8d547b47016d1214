"""Reads of fees that were set by hand: which fee of an invoice is meant, and which were set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.adjusted_fees.applying import Key, key_of
from billwright.billing.adjusted_fees.models import AdjustedFee
from billwright.billing.adjusted_fees.schemas import FeeTarget
from billwright.billing.catalog.snapshot import ChargeSnapshot
from billwright.billing.invoicing.charge_fees import charges_in_arrears, renews
from billwright.billing.invoicing.drafts import rows_of
from billwright.billing.invoicing.fee_drafts import group_key
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.invoicing.rows import Row
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id

ADJUSTABLE = ("charge", "subscription")


@dataclass(frozen=True, slots=True)
class Target:
    """What a fee bills. ``charge`` is null for a subscription fee, and for a charge that is no longer billed."""

    key: Key
    grouped_by: dict[str, str | None]
    charge: ChargeSnapshot | None


def fee_key(fee: Fee) -> Key | None:
    """The identity of a stored fee; ``None`` for one that cannot be set: true-ups, commitments, items."""
    if fee.subscription_id is None or fee.fee_type not in ADJUSTABLE or fee.true_up_parent_fee_id is not None:
        return None
    return (fee.subscription_id, fee.fee_type, fee.charge_id, fee.charge_filter_id, fee.group_key)


async def fees_by_key(ctx: Context, invoice_id: UUID) -> dict[Key, Fee]:
    """The invoice's fees that can be set by hand, by what they bill."""
    rows = await ctx.session.scalars(
        select(Fee)
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.invoice_id) == invoice_id,
            col(Fee.deleted_at).is_(None),
        )
        .execution_options(populate_existing=True)
    )
    return {key: fee for fee in rows for key in (fee_key(fee),) if key is not None}


async def target_of(ctx: Context, invoice: Invoice, asked: FeeTarget) -> Target:
    """What is meant. Raises ``NotFound``: ``fee``, ``subscription``, ``charge``, ``charge_filter``."""
    rows = await rows_of(ctx, invoice)
    if asked.fee_id is not None:
        return await _of_fee(ctx, invoice, rows, asked.fee_id)
    row = _row(rows, asked.subscription_id)
    charge = next((item for item in await _billed(ctx, row) if item.id == parse_id(asked.charge_id or "")), None)
    if charge is None:
        raise NotFound("charge")
    chosen = None
    if asked.charge_filter_id is not None:
        chosen = next((item for item in charge.filters if item.id == parse_id(asked.charge_filter_id)), None)
        if chosen is None:
            raise NotFound("charge_filter")
    key = (row.subscription.id, "charge", charge.id, chosen.id if chosen else None, "")
    return Target(key, {}, charge)


async def _of_fee(ctx: Context, invoice: Invoice, rows: Sequence[Row], fee_id: str) -> Target:
    known: Fee | None = None
    if (wanted := parse_id(fee_id)) is not None:
        known = next((fee for fee in (await fees_by_key(ctx, invoice.id)).values() if fee.id == wanted), None)
    key = None if known is None else fee_key(known)
    if known is None or key is None:
        raise NotFound("fee")
    charge = None
    for row in rows:
        if row.subscription.id == known.subscription_id:
            charge = next((item for item in row.plan.charges if item.id == known.charge_id), None)
    return Target(key, _groups(known), charge)


def _groups(fee: Fee) -> dict[str, str | None]:
    """The fee's group as it was measured: the wire writes the null group as ``""`` (spec 00 rule 35)."""
    groups: dict[str, str | None] = dict(fee.grouped_by)
    if group_key(groups) != fee.group_key:
        groups = {name: value or None for name, value in groups.items()}
    return groups


def _row(rows: Sequence[Row], subscription_id: str | None) -> Row:
    wanted = parse_id(subscription_id or "")
    found = next((row for row in rows if row.subscription.id == wanted), None)
    if found is None:
        raise NotFound("subscription")
    return found


async def _billed(ctx: Context, row: Row) -> list[ChargeSnapshot]:
    """Charges that the row bills; a fee can be added for no other."""
    if not row.windows.bills_charges:
        return []
    renewed = [charge for charge in row.plan.charges if renews(charge, row) and charge.invoiceable]
    return [*await charges_in_arrears(ctx, row), *renewed]


async def addable_charges(ctx: Context, invoice: Invoice) -> list[tuple[Row, ChargeSnapshot]]:
    """The charges for which a fee can be added to a draft, by subscription."""
    found: list[tuple[Row, ChargeSnapshot]] = []
    for row in await rows_of(ctx, invoice):
        found.extend((row, charge) for charge in await _billed(ctx, row))
    return found


async def find_adjusted(ctx: Context, invoice_id: UUID, key: Key) -> AdjustedFee | None:
    """What was set for this identity."""
    rows = await _adjusted(ctx, [invoice_id])
    return next((row for row in rows if key_of(row) == key), None)


async def adjusted_by_fee(ctx: Context, fees: Sequence[Fee]) -> dict[UUID, AdjustedFee]:
    """What was set, by the id of the fee that shows it."""
    stored = await _adjusted(ctx, list({fee.invoice_id for fee in fees if fee.invoice_id is not None}))
    known: dict[Any, AdjustedFee] = {(row.invoice_id, key_of(row)): row for row in stored}
    found: dict[UUID, AdjustedFee] = {}
    for fee in fees:
        row = known.get((fee.invoice_id, fee_key(fee)))
        if row is not None:
            found[fee.id] = row
    return found


async def _adjusted(ctx: Context, invoice_ids: Sequence[UUID]) -> list[AdjustedFee]:
    if not invoice_ids:
        return []
    rows = await ctx.session.scalars(
        select(AdjustedFee).where(
            col(AdjustedFee.organization_id) == ctx.organization_id, col(AdjustedFee.invoice_id).in_(invoice_ids)
        )
    )
    return list(rows)
