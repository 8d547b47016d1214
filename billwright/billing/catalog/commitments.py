"""The minimum commitment of a plan: input, reading, storing (spec 02 §12, 03 §2.2, §2.5).

Writers hold the plan's row locked; whoever copies a commitment holds its plan's row too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Commitment, CommitmentTax
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.inputs import Input, Integer, Text
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.queries import taxes_by_codes


class CommitmentInput(Input):
    """``minimum_commitment`` of a plan or an override; ``amount_cents`` in minor units of the plan's currency."""

    amount_cents: Integer | None = None
    invoice_display_name: Text | None = None
    tax_codes: list[Text] | None = None


@dataclass(frozen=True, slots=True)
class CommitmentView:
    """A commitment with its taxes."""

    commitment: Commitment
    taxes: tuple[Tax, ...]


@dataclass(frozen=True, slots=True)
class CommitmentChange:
    """What was sent: ``remove``, or the attributes and taxes (``None``: as they are) to store."""

    remove: bool = False
    attributes: Mapping[str, Any] | None = None
    taxes: Sequence[Tax] | None = None


async def commitment_views(session: Session, plan_ids: Sequence[UUID]) -> dict[UUID, CommitmentView]:
    """Commitments of plans, by plan, with their live taxes: one query."""
    rows = await session.execute(
        select(Commitment, Tax)
        .outerjoin(CommitmentTax, col(CommitmentTax.commitment_id) == col(Commitment.id))
        .outerjoin(Tax, (col(Tax.id) == col(CommitmentTax.tax_id)) & col(Tax.deleted_at).is_(None))
        .where(col(Commitment.plan_id).in_(plan_ids))
        .order_by(col(Tax.created_at), col(Tax.id))
    )
    found: dict[UUID, tuple[Commitment, list[Tax]]] = {}
    for commitment, tax in cast("Iterable[tuple[Commitment, Tax | None]]", rows):
        taxes = found.setdefault(commitment.plan_id, (commitment, []))[1]
        if tax is not None:
            taxes.append(tax)
    return {plan_id: CommitmentView(row, tuple(taxes)) for plan_id, (row, taxes) in found.items()}


async def commitment_of(ctx: Context, plan_id: UUID) -> CommitmentView | None:
    """The plan's commitment, if it has one."""
    return (await commitment_views(ctx.session, [plan_id])).get(plan_id)


async def commitment_change(
    ctx: Context, raw: Any, current: CommitmentView | None, problems: Problems
) -> CommitmentChange | None:
    """What ``raw`` asks for, where ``current`` is now: ``None`` when nothing, ``{}`` removes, else the given keys.

    Mistakes go to ``problems``, named by the key inside: ``amount_cents`` is mandatory for a new commitment and above
    0. Raises ``NotFound("tax")``.
    """
    if raw is None or (raw == {} and current is None):
        return None
    if not isinstance(raw, Mapping):
        problems.add("minimum_commitment", "value_is_invalid")
        return None
    if not raw:
        return CommitmentChange(remove=True)
    try:
        inp = CommitmentInput.parse(raw)
    except ValidationFailed as failure:
        for name, codes in cast("dict[str, list[str]]", failure.details).items():
            for code in codes:
                problems.add(name, code, at=f"minimum_commitment.{name}")
        return None
    amount, place = inp.amount_cents, "minimum_commitment.amount_cents"
    if amount is None and (current is None or inp.given("amount_cents")):
        problems.add("amount_cents", "value_is_mandatory", at=place)
    elif amount is not None and amount <= 0:
        problems.add("amount_cents", "value_is_out_of_range", at=place)
    attributes = inp.given_values("amount_cents", "invoice_display_name")
    if "invoice_display_name" in attributes:
        attributes["invoice_display_name"] = inp.invoice_display_name or None
    taxes = None if inp.tax_codes is None else await taxes_by_codes(ctx, inp.tax_codes)
    return CommitmentChange(attributes=attributes, taxes=taxes)


async def apply_commitment(
    ctx: Context, plan_id: UUID, current: CommitmentView | None, change: CommitmentChange | None
) -> None:
    """Make ``change`` to the plan's commitment, which is ``current``."""
    if change is None:
        return
    await ctx.session.flush()
    if change.remove:
        if current is not None:
            await _replace_taxes(ctx, current.commitment.id, ())
            await ctx.session.delete(current.commitment)
            await ctx.session.flush()
        return
    now = ctx.now()
    row = current.commitment if current else None
    if row is None:
        row = Commitment(
            id=new_id(), created_at=now, updated_at=now, organization_id=ctx.organization_id, plan_id=plan_id
        )
        ctx.session.add(row)
    for name, value in (change.attributes or {}).items():
        setattr(row, name, value)
    row.updated_at = now
    await ctx.session.flush()
    if change.taxes is not None:
        await _replace_taxes(ctx, row.id, change.taxes)


async def copy_commitment(ctx: Context, current: CommitmentView, plan_id: UUID) -> CommitmentView:
    """The same commitment, with its taxes, on another plan."""
    kept = current.commitment
    attributes = {"amount_cents": kept.amount_cents, "invoice_display_name": kept.invoice_display_name}
    await apply_commitment(ctx, plan_id, None, CommitmentChange(attributes=attributes, taxes=current.taxes))
    copied = await commitment_of(ctx, plan_id)
    assert copied is not None
    return copied


async def _replace_taxes(ctx: Context, commitment_id: UUID, taxes: Sequence[Tax]) -> None:
    await ctx.session.execute(
        delete(CommitmentTax)
        .where(col(CommitmentTax.commitment_id) == commitment_id)
        .execution_options(synchronize_session=False)
    )
    rows = [{"commitment_id": commitment_id, "tax_id": tax.id} for tax in taxes]
    if rows:
        await ctx.session.execute(insert(CommitmentTax), rows)
