"""Use cases of plans: create, edit, duplicate (spec 03 §2.1-§2.4). Deletion is in ``plan_deletion.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.cascades import Described, described, queue_cascade
from billwright.billing.catalog.changes import publish
from billwright.billing.catalog.charges import apply_changes, parse_charges, prepare_list
from billwright.billing.catalog.commitments import apply_commitment, commitment_change, commitment_of
from billwright.billing.catalog.models import Plan, PlanTax
from billwright.billing.catalog.plan_attributes import (
    MONTHLY_CHARGES,
    NAMES,
    PlanAttributes,
    attributes_of,
    columns,
    validated,
)
from billwright.billing.catalog.plan_metadata import validated_metadata
from billwright.billing.catalog.price_changes import queue_reconsideration
from billwright.billing.catalog.queries import (
    PlanView,
    charge_views,
    find_plan,
    is_plan_attached,
    live_charges,
    plan_views,
)
from billwright.billing.catalog.references import References
from billwright.billing.catalog.schemas import PlanInput
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.service import emit
from billwright.billing.progressive.marks import mark_plan
from billwright.billing.progressive.thresholds import parse_thresholds, replace_plan_thresholds
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.queries import taxes_by_codes

EDITABLE_WHEN_ATTACHED = ("name", "invoice_display_name", "description", "amount_cents")


_MONTHLY_FLAGS = ("bill_charges_monthly", "bill_fixed_charges_monthly")


async def create_plan(ctx: Context, inp: PlanInput) -> PlanView:
    """A new plan with charges and taxes, all or nothing.

    Raises ``NotFound`` (``billable_metrics``, ``tax``) and ``ValidationFailed`` (spec 03 §2.1, 02 §2).
    """
    entries = parse_charges(inp.charges or ())
    problems = Problems()
    thresholds = parse_thresholds(inp.usage_thresholds, problems)
    attributes = validated(replace(PlanAttributes(), **inp.given_values(*NAMES)), problems)
    metadata = validated_metadata(inp.metadata, problems)
    commitment = await commitment_change(ctx, inp.minimum_commitment, None, problems)
    prepared, references = await prepare_list(ctx, (), entries, problems, attached=False, tax_codes=inp.tax_codes or ())
    if attributes.code and await _code_taken(ctx, attributes.code):
        problems.add("code", "value_already_exist")
    problems.raise_if_any()
    now = ctx.now()
    plan = Plan(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        custom_metadata=metadata,
        **columns(attributes),
    )
    try:
        async with ctx.session.begin_nested():
            ctx.session.add(plan)
    except IntegrityError:
        raise ValidationFailed(code="value_already_exist") from None
    await apply_changes(ctx, plan, prepared)
    if inp.tax_codes:
        await replace_plan_taxes(ctx, plan, inp.tax_codes, references.taxes)
    await apply_commitment(ctx, plan.id, None, commitment)
    await replace_plan_thresholds(ctx, plan.id, thresholds)
    await publish(ctx, metric_codes=prepared.metric_codes)
    await emit(ctx, "plan.created", "plan", plan.id)
    return await _view(ctx, plan)


async def update_plan(ctx: Context, code: str, inp: PlanInput) -> PlanView:
    """Change what was sent; on an attached plan only what spec 03 §2.2 lists, the rest is ignored without an error.

    A new price reaches subscriptions at their next invoice; drafts are flagged, and pending downgrades judged again.
    ``cascade_updates`` takes price and charges to the overridden children (spec 03 §2.6). Raises ``NotFound``
    (``plan``, ``billable_metrics``, ``tax``) and ``ValidationFailed``.
    """
    plan = await find_plan(ctx, code, lock=True)
    attached = await is_plan_attached(ctx, plan.id)
    entries = None if inp.charges is None else parse_charges(inp.charges)
    problems = Problems()
    thresholds = parse_thresholds(inp.usage_thresholds, problems)
    before = attributes_of(plan)
    after = validated(replace(before, **_changes(inp, attached)), problems)
    metadata = validated_metadata(inp.metadata, problems) if inp.given("metadata") else plan.custom_metadata
    current_commitment = await commitment_of(ctx, plan.id) if inp.given("minimum_commitment") else None
    cleared = inp.given("minimum_commitment") and inp.minimum_commitment is None
    commitment = await commitment_change(ctx, {} if cleared else inp.minimum_commitment, current_commitment, problems)
    if after.code and after.code != before.code and await _code_taken(ctx, after.code):
        problems.add("code", "value_already_exist")
    prepared = None
    charges_before: Described = {}
    if entries is not None:
        current = await live_charges(ctx, plan.id)
        if inp.cascade_updates:
            charges_before = described(await charge_views(ctx, current))
        prepared, references = await prepare_list(
            ctx, current, entries, problems, attached=attached, tax_codes=inp.tax_codes or ()
        )
    else:
        references = References({}, {tax.code: tax for tax in await taxes_by_codes(ctx, inp.tax_codes or ())})
    problems.raise_if_any()
    try:
        async with ctx.session.begin_nested():
            for name, value in columns(after).items():
                setattr(plan, name, value)
            plan.custom_metadata = metadata
            plan.updated_at = ctx.now()
    except IntegrityError:
        raise ValidationFailed(code="value_already_exist") from None
    if prepared is not None:
        await apply_changes(ctx, plan, prepared)
    if inp.tax_codes is not None:
        await replace_plan_taxes(ctx, plan, inp.tax_codes, references.taxes)
    await apply_commitment(ctx, plan.id, current_commitment, commitment)
    if await replace_plan_thresholds(ctx, plan.id, thresholds):
        await mark_plan(ctx, plan.id)
    view = await _view(ctx, plan)
    if inp.cascade_updates:
        await queue_cascade(
            ctx,
            plan,
            amount_before=before.amount_cents,
            charges_before=charges_before,
            charges_after=described(view.charges) if prepared else {},
        )
    if after.amount_cents != before.amount_cents:
        await queue_reconsideration(ctx, [plan.id])
    await publish(ctx, metric_codes=prepared.metric_codes if prepared else (), plan_ids=[plan.id])
    await emit(ctx, "plan.updated", "plan", plan.id)
    return view


def _changes(inp: PlanInput, attached: bool) -> dict[str, Any]:
    """The sent attributes that may change now; a long interval without its flags turns them off (spec 03 §2.2)."""
    if attached:
        return inp.given_values(*EDITABLE_WHEN_ATTACHED)
    changes = inp.given_values(*NAMES)
    if inp.interval in MONTHLY_CHARGES:
        for flag in _MONTHLY_FLAGS:
            changes.setdefault(flag, False)
    return changes


async def duplicate_input(ctx: Context, code: str) -> PlanInput:
    """What the creation form of a duplicate starts with: everything but name and code (spec 03 §2.4)."""
    view = await _view(ctx, await find_plan(ctx, code))
    charge_names = ("charge_model", "invoice_display_name", "pay_in_advance", "invoiceable", "regroup_paid_fees")
    charges = [
        {
            **{name: getattr(item.charge, name) for name in (*charge_names, "prorated", "min_amount_cents")},
            "billable_metric_id": str(item.charge.billable_metric_id),
            "properties": item.charge.properties,
            "filters": [
                {
                    "values": entry.values,
                    "properties": entry.properties,
                    "invoice_display_name": entry.invoice_display_name,
                }
                for entry in item.filters
            ],
            "tax_codes": [tax.code for tax in item.taxes],
        }
        for item in view.charges
    ]
    copied = {name: getattr(view.plan, name) for name in NAMES if name not in ("name", "code")}
    commitment = view.commitment and {
        "amount_cents": view.commitment.commitment.amount_cents,
        "invoice_display_name": view.commitment.commitment.invoice_display_name,
        "tax_codes": [tax.code for tax in view.commitment.taxes],
    }
    return PlanInput(
        **copied,
        charges=charges,
        tax_codes=[tax.code for tax in view.taxes],
        metadata=view.plan.custom_metadata,
        minimum_commitment=commitment,
        usage_thresholds=[
            {
                "amount_cents": row.amount_cents,
                "threshold_display_name": row.threshold_display_name,
                "recurring": row.recurring,
            }
            for row in view.thresholds
        ],
    )


async def _view(ctx: Context, plan: Plan) -> PlanView:
    return (await plan_views(ctx, [plan]))[0]


async def _code_taken(ctx: Context, code: str) -> bool:
    statement = select(col(Plan.id)).where(
        col(Plan.organization_id) == ctx.organization_id,
        col(Plan.code) == code,
        col(Plan.deleted_at).is_(None),
        col(Plan.parent_id).is_(None),
    )
    return (await ctx.session.scalars(statement)).first() is not None


async def replace_plan_taxes(ctx: Context, plan: Plan, codes: Sequence[str], taxes: Mapping[str, Tax]) -> None:
    """Make the taxes of ``codes``, looked up in ``taxes``, the plan's."""
    await ctx.session.execute(
        delete(PlanTax).where(col(PlanTax.plan_id) == plan.id).execution_options(synchronize_session=False)
    )
    rows = [{"plan_id": plan.id, "tax_id": taxes[code].id} for code in dict.fromkeys(codes)]
    if rows:
        await ctx.session.execute(insert(PlanTax), rows)
