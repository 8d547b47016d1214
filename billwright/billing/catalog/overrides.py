"""Plans of a single subscription: a child is a copy of its parent with other prices (spec 03 §2.5).

The parent and other subscriptions never change. A child keeps its parent's ``code`` and each of its charges the id of
the charge that it was copied from, which is how later changes of the parent find it (``cascades.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import insert, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.charge_filters import FilterEntry, add_all, validated_entries
from billwright.billing.catalog.charges import ChargeChange, ChargeChanges, apply_changes
from billwright.billing.catalog.commitments import (
    apply_commitment,
    commitment_change,
    commitment_of,
    copy_commitment,
)
from billwright.billing.catalog.models import Charge, ChargeFilter, Plan, PlanTax
from billwright.billing.catalog.override_schemas import (
    NEVER_NULL,
    PLAN_NAMES,
    ChargeOverrideInput,
    PlanOverridesInput,
)
from billwright.billing.catalog.plan_attributes import PlanAttributes, attributes_of, columns, validated
from billwright.billing.catalog.plan_metadata import validated_metadata
from billwright.billing.catalog.plans import replace_plan_taxes
from billwright.billing.catalog.queries import (
    ChargeView,
    MetricView,
    charge_views,
    live_charges,
    live_filters,
    metric_views,
)
from billwright.billing.catalog.references import lock_metrics
from billwright.billing.kernel.errors import NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id, parse_id
from billwright.billing.pricing.compatibility import ChargeTraits, validate_charge
from billwright.billing.pricing.filters import same_values
from billwright.billing.pricing.properties import validate_properties
from billwright.billing.progressive.thresholds import ThresholdEntry, parse_thresholds, replace_plan_thresholds
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.queries import taxes_by_codes

_OWN = frozenset({"id", "created_at", "updated_at", "deleted_at", "parent_id", "pending_deletion"})
_OWN_OF_CHARGE = _OWN | {"organization_id", "plan_id", "billable_metric_id"}


@dataclass(frozen=True, slots=True)
class Overrides:
    """Parsed ``plan_overrides``. ``given``: the plan's attributes that differ; ``charges`` by the id they name."""

    given: dict[str, Any]
    tax_codes: list[str] | None
    charges: dict[UUID, ChargeOverrideInput]
    metadata: Any = None
    minimum_commitment: Any = None
    usage_thresholds: Sequence[ThresholdEntry] | None = None
    """The child's own; without them it reads its parent's."""
    places: Mapping[UUID, int] = field(default_factory=dict[UUID, int])
    """Where in the list that was sent each of ``charges`` stands, to say where a mistake is."""

    @property
    def amount_currency(self) -> str | None:
        """The currency asked for, in upper case."""
        given = self.given.get("amount_currency")
        return None if given is None else str(given).upper()


AS_IT_IS = Overrides({}, None, {})
"""A child that differs in nothing, yet."""


@dataclass(frozen=True, slots=True)
class Child:
    """A new child plan. ``charges`` and ``filters``: ids of the parent's -> ids of the copies."""

    plan: Plan
    charges: dict[UUID, UUID]
    filters: dict[UUID, UUID]
    metric_codes: frozenset[str]
    """Metrics whose events may be grouped by other keys than before: for ``changes.publish``."""


def parse_overrides(raw: Any, problems: Problems) -> Overrides | None:
    """``plan_overrides`` as sent; ``None`` when absent, or when it only sets units of fixed charges, which make no
    child. Mistakes go to ``problems``."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        problems.add("plan_overrides", "value_is_invalid")
        return None
    sent = cast("Mapping[str, Any]", raw)
    if sent and set(sent) <= {"fixed_charges"}:
        return None
    try:
        inp = PlanOverridesInput.parse(sent)
    except ValidationFailed as failure:
        add_all(problems, failure)
        return None
    thresholds = parse_thresholds(inp.usage_thresholds, problems)
    charges: dict[UUID, ChargeOverrideInput] = {}
    places: dict[UUID, int] = {}
    for index, item in enumerate(inp.charges or ()):
        if not isinstance(item, Mapping):
            problems.add("charges", "value_is_invalid")
            continue
        try:
            entry = ChargeOverrideInput.parse(item)
        except ValidationFailed as failure:
            with problems.inside("charges", index):
                add_all(problems, failure)
            continue
        charge_id = parse_id(entry.id or "")
        if charge_id is not None:
            charges[charge_id], places[charge_id] = entry, index
    given = {
        name: value
        for name, value in inp.given_values(*PLAN_NAMES).items()
        if value is not None or name not in NEVER_NULL
    }
    return Overrides(given, inp.tax_codes, charges, inp.metadata, inp.minimum_commitment, thresholds, places)


async def create_child(ctx: Context, parent: Plan, overrides: Overrides) -> Child:
    """Copy ``parent``, which must be kept from changing, with its charges, filters and taxes; what ``overrides`` gives
    differs. Raises ``NotFound("tax")`` and ``ValidationFailed`` (codes as for plans and charges).
    """
    problems = Problems()
    attributes = _attributes(parent, overrides.given, problems)
    metadata = parent.custom_metadata
    if overrides.metadata is not None:
        metadata = validated_metadata(overrides.metadata, problems)
    commitment = await commitment_of(ctx, parent.id)
    changed_commitment = await commitment_change(ctx, overrides.minimum_commitment, commitment, problems)
    views = await charge_views(ctx, await live_charges(ctx, parent.id))
    metrics = await _metrics(ctx, views)
    views = [view for view in views if view.metric.id in metrics]
    taxes = await _taxes(ctx, overrides)
    changes: list[ChargeChange] = []
    for view in views:
        with _place_of(view.charge, overrides, problems):
            changed = _changed(view, metrics[view.metric.id], overrides.charges.get(view.charge.id), taxes, problems)
        copied = {name: getattr(view.charge, name) for name in Charge.model_fields if name not in _OWN_OF_CHARGE}
        changes.append(
            ChargeChange(
                charge=None,
                metric=metrics[view.metric.id],
                attributes={**copied, **changed.attributes, "parent_id": view.charge.id},
                filters=changed.filters if changed.filters is not None else [_entry(item) for item in view.filters],
                taxes=changed.taxes if changed.taxes is not None else list(view.taxes),
            )
        )
    problems.raise_if_any()
    values: dict[str, Any] = {name: getattr(parent, name) for name in Plan.model_fields if name not in _OWN}
    values |= columns(attributes)
    values["custom_metadata"] = metadata
    now = ctx.now()
    child = Plan(id=new_id(), created_at=now, updated_at=now, parent_id=parent.id, **values)
    ctx.session.add(child)
    await ctx.session.flush()
    made = await apply_changes(ctx, child, ChargeChanges(changes, [], {}, set()))
    await _copy_parts(ctx, parent, child, overrides, taxes)
    await replace_plan_thresholds(ctx, child.id, overrides.usage_thresholds)
    copied_commitment = await copy_commitment(ctx, commitment, child.id) if commitment else None
    await apply_commitment(ctx, child.id, copied_commitment, changed_commitment)
    pairs = {view.charge.id: charge.id for view, charge in zip(views, made, strict=True)}
    regrouped = {view.metric.code for view in views if view.charge.id in overrides.charges}
    return Child(child, pairs, await _paired_filters(ctx, views, pairs), frozenset(regrouped))


async def _copy_parts(ctx: Context, parent: Plan, child: Plan, overrides: Overrides, taxes: Mapping[str, Tax]) -> None:
    """What a plan has beside its columns and charges: a part that a plan gains is copied here."""
    if overrides.tax_codes is not None:
        await replace_plan_taxes(ctx, child, overrides.tax_codes, taxes)
        return
    own = select(col(PlanTax.tax_id)).where(col(PlanTax.plan_id) == parent.id)
    rows = [{"plan_id": child.id, "tax_id": tax_id} for tax_id in await ctx.session.scalars(own)]
    if rows:
        await ctx.session.execute(insert(PlanTax), rows)


async def edit_child(ctx: Context, child: Plan, overrides: Overrides) -> frozenset[str]:
    """Change a child in place: charges by their own id or their parent's, those not named stay, currency and trial are
    fixed. Returns the codes of metrics to publish. Raises as ``create_child``.
    """
    problems = Problems()
    given = {name: value for name, value in overrides.given.items() if name not in ("amount_currency", "trial_period")}
    attributes = _attributes(child, given, problems)
    metadata = child.custom_metadata
    if overrides.metadata is not None:
        metadata = validated_metadata(overrides.metadata, problems)
    commitment = await commitment_of(ctx, child.id)
    changed_commitment = await commitment_change(ctx, overrides.minimum_commitment, commitment, problems)
    named = [
        (charge, entry)
        for charge in await live_charges(ctx, child.id)
        if (entry := _entry_of(charge, overrides.charges)) is not None
    ]
    views = await charge_views(ctx, [charge for charge, _ in named])
    metrics = await _metrics(ctx, views)
    taxes = await _taxes(ctx, overrides)
    changes: list[ChargeChange] = []
    for view, (_, entry) in zip(views, named, strict=True):
        if view.metric.id in metrics:
            with _place_of(view.charge, overrides, problems):
                changes.append(_changed(view, metrics[view.metric.id], entry, taxes, problems))
    problems.raise_if_any()
    for name, value in columns(attributes).items():
        setattr(child, name, value)
    child.custom_metadata = metadata
    child.updated_at = ctx.now()
    filters = {view.charge.id: list(view.filters) for view in views}
    await apply_changes(ctx, child, ChargeChanges(changes, [], filters, set()))
    if overrides.tax_codes is not None:
        await replace_plan_taxes(ctx, child, overrides.tax_codes, taxes)
    await apply_commitment(ctx, child.id, commitment, changed_commitment)
    await replace_plan_thresholds(ctx, child.id, overrides.usage_thresholds)
    return frozenset(view.metric.code for view in views)


def _attributes(plan: Plan, given: Mapping[str, Any], problems: Problems) -> PlanAttributes:
    return validated(replace(attributes_of(plan), **given), problems)


def _place_of(charge: Charge, overrides: Overrides, problems: Problems) -> AbstractContextManager[None]:
    """Mistakes of the charge are noted where the list that was sent names it, by its own id or its parent's."""
    named = (overrides.places.get(key) for key in (charge.id, charge.parent_id) if key is not None)
    index = next((place for place in named if place is not None), None)
    return nullcontext() if index is None else problems.inside("charges", index)


def _entry_of(charge: Charge, entries: Mapping[UUID, ChargeOverrideInput]) -> ChargeOverrideInput | None:
    found = entries.get(charge.id)
    return found if found is not None or charge.parent_id is None else entries.get(charge.parent_id)


def _changed(
    view: ChargeView,
    metric: MetricView,
    entry: ChargeOverrideInput | None,
    taxes: Mapping[str, Tax],
    problems: Problems,
) -> ChargeChange:
    """The charge of ``view`` as ``entry`` wants it."""
    charge, attributes = view.charge, dict[str, Any]()
    filters: list[FilterEntry] | None = None
    chosen: list[Tax] | None = None
    kind = metric.metric.aggregation_type
    if entry is not None:
        if entry.given("invoice_display_name"):
            attributes["invoice_display_name"] = entry.invoice_display_name or None
        if entry.min_amount_cents is not None:
            attributes["min_amount_cents"] = entry.min_amount_cents
            _check_minimum(charge, metric, entry.min_amount_cents, problems)
        if entry.properties is not None:
            attributes["properties"] = validate_properties(
                charge.charge_model, entry.properties, problems, aggregation_type=kind
            )
        if entry.filters is not None:
            filters = validated_entries(entry.filters, metric, charge.charge_model, problems)
        if entry.tax_codes is not None:
            chosen = [taxes[code] for code in dict.fromkeys(entry.tax_codes)]
    attributes.setdefault("code", charge.code)
    return ChargeChange(charge, metric, attributes, filters, chosen)


def _check_minimum(charge: Charge, metric: MetricView, minimum: int, problems: Problems) -> None:
    validate_charge(
        ChargeTraits(
            charge_model=charge.charge_model,
            aggregation_type=metric.metric.aggregation_type,
            recurring=metric.metric.recurring,
            pay_in_advance=charge.pay_in_advance,
            invoiceable=charge.invoiceable,
            regroup_paid_fees=charge.regroup_paid_fees,
            prorated=charge.prorated,
            min_amount_cents=minimum,
        ),
        problems,
    )


async def _metrics(ctx: Context, views: Sequence[ChargeView]) -> dict[UUID, MetricView]:
    """The live metrics of the charges, kept from being changed or deleted meanwhile."""
    locked = await lock_metrics(ctx, {view.metric.id for view in views})
    return {view.metric.id: view for view in await metric_views(ctx, locked)}


async def _taxes(ctx: Context, overrides: Overrides) -> dict[str, Tax]:
    codes = set(overrides.tax_codes or ())
    for entry in overrides.charges.values():
        codes.update(entry.tax_codes or ())
    return {tax.code: tax for tax in await taxes_by_codes(ctx, sorted(codes))} if codes else {}


def _entry(item: ChargeFilter) -> FilterEntry:
    return FilterEntry(item.values, item.properties, item.invoice_display_name)


async def _paired_filters(ctx: Context, views: Sequence[ChargeView], charges: Mapping[UUID, UUID]) -> dict[UUID, UUID]:
    """Ids of the parent's filters -> ids of the child's with the same values."""
    copies = await live_filters(ctx, charges.values())
    pairs: dict[UUID, UUID] = {}
    for view in views:
        for item in view.filters:
            copy = next(
                (one for one in copies.get(charges[view.charge.id], ()) if same_values(one.values, item.values)), None
            )
            if copy is not None:
                pairs[item.id] = copy.id
    return pairs


async def lock_parent(ctx: Context, plan_id: UUID) -> Plan:
    """The plan, kept from being edited or deleted until the transaction ends, to copy it. Take it before the customer.

    Raises ``NotFound("plan")`` for one that is deleted or about to be: nobody new may get on it (spec 03 §2.3).
    """
    statement = (
        select(Plan)
        .where(
            col(Plan.id) == plan_id,
            col(Plan.organization_id) == ctx.organization_id,
            col(Plan.deleted_at).is_(None),
            col(Plan.pending_deletion).is_(False),
        )
        .with_for_update(read=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    found = (await ctx.session.scalars(statement)).first()
    if found is None:
        raise NotFound("plan")
    return found


async def lock_child(ctx: Context, plan_id: UUID) -> Plan:
    """A child plan, locked for a change; its subscription's customer must be locked already."""
    return await ctx.session.get_one(Plan, plan_id, with_for_update=True, populate_existing=True)
