"""Charges of a plan: validation, and writing validated changes (spec 02 §2). Use cases are in ``charge_edits.py``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.charge_filters import FilterEntry, add_all, arrange, check_kept, validated_entries
from billwright.billing.catalog.models import Charge, ChargeFilter, ChargeTax, Plan
from billwright.billing.catalog.queries import MetricView, live_filters
from billwright.billing.catalog.references import References, load_references
from billwright.billing.catalog.schemas import ChargeInput
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id, parse_id
from billwright.billing.pricing.compatibility import ChargeTraits, validate_charge
from billwright.billing.pricing.properties import validate_properties
from billwright.billing.taxes.models import Tax

MAX_CODE = 255


@dataclass(frozen=True, slots=True)
class ChargeChange:
    """One charge as it will be. ``charge``: ``None`` for a new one; ``filters`` and ``taxes``: ``None`` = untouched."""

    charge: Charge | None
    metric: MetricView
    attributes: dict[str, Any]
    filters: list[FilterEntry] | None
    taxes: list[Tax] | None


@dataclass(frozen=True, slots=True)
class ChargeChanges:
    """Validated changes of a plan's list of charges, ready to be applied."""

    changes: list[ChargeChange]
    removed: list[Charge]
    current_filters: dict[UUID, list[ChargeFilter]]
    metric_codes: set[str]


def parse_charges(raw: Sequence[Any]) -> list[ChargeInput]:
    """The entries of a plan's ``charges``; raises ``ValidationFailed`` with the codes of all of them."""
    problems = Problems()
    parsed: list[ChargeInput] = []
    for index, item in enumerate(raw):
        if not isinstance(item, dict):
            problems.add("charges", "value_is_invalid")
            continue
        try:
            parsed.append(ChargeInput.parse(item))
        except ValidationFailed as failure:
            with problems.inside("charges", index):
                add_all(problems, failure)
    problems.raise_if_any()
    return parsed


async def prepare_list(
    ctx: Context,
    current: Sequence[Charge],
    entries: Sequence[ChargeInput],
    problems: Problems,
    *,
    attached: bool,
    tax_codes: Iterable[str] = (),
) -> tuple[ChargeChanges, References]:
    """The full list of a plan: a known ``id`` updates, any other entry creates, what is not listed goes (spec 03 §2.2).

    Raises ``NotFound`` for unknown metrics and taxes; mistakes go to ``problems``.
    """
    by_id = {charge.id: charge for charge in current}
    new: list[ChargeInput] = []
    updated: dict[UUID, tuple[Charge, ChargeInput]] = {}
    order: list[tuple[Charge | None, ChargeInput]] = []
    for inp in entries:
        charge = by_id.get(parse_id(inp.id or "") or UUID(int=0))
        if charge is None:
            new.append(inp)
        elif charge.id in updated:
            problems.add("charges", "value_is_duplicated")
            continue
        else:
            updated[charge.id] = (charge, inp)
        order.append((charge, inp))
    removed = [charge for charge in current if charge.id not in updated]
    references = await load_references(ctx, new, [*updated.values()], others=removed, tax_codes=tax_codes)
    filters = await live_filters(ctx, [*by_id])
    changes = prepare_changes(order, references, filters, problems, attached=attached)
    codes = {view.metric.code for view in references.metrics.values()}
    return ChargeChanges(changes, removed, filters, codes), references


def prepare_changes(
    entries: Sequence[tuple[Charge | None, ChargeInput]],
    references: References,
    current_filters: Mapping[UUID, Sequence[ChargeFilter]],
    problems: Problems,
    *,
    attached: bool,
    kept: Sequence[Charge] = (),
) -> list[ChargeChange]:
    """Validate ``entries``: an existing charge, or ``None`` for a new one, and what was sent. ``kept`` are the plan's
    other charges, whose codes are taken; mistakes go to ``problems``."""
    changes: list[ChargeChange] = []
    for index, (charge, inp) in enumerate(entries):
        metric_id = charge.billable_metric_id if charge else parse_id(inp.billable_metric_id or "")
        assert metric_id is not None
        metric = references.metrics[metric_id]
        filters: list[FilterEntry] | None = None
        with problems.inside("charges", index):
            attributes = _attributes(charge, inp, metric, problems, locked=attached)
            model = attributes["charge_model"] or ""
            if inp.filters is not None:
                filters = validated_entries(inp.filters, metric, model, problems)
            elif charge is not None and charge.charge_model != model:
                check_kept(current_filters.get(charge.id, ()), model, metric.metric, problems)
        taxes = None if inp.tax_codes is None else [references.taxes[code] for code in dict.fromkeys(inp.tax_codes)]
        changes.append(ChargeChange(charge, metric, attributes, filters, taxes))
    _assign_codes(changes, {charge.code for charge in kept}, problems)
    return changes


def _attributes(
    charge: Charge | None, inp: ChargeInput, metric: MetricView, problems: Problems, *, locked: bool
) -> dict[str, Any]:
    """Stored attributes of a charge. ``locked``: of an existing one only price and name may change (spec 02 §2.4)."""
    kind = metric.metric.aggregation_type
    if charge is None:
        attributes: dict[str, Any] = {
            "code": inp.code if inp.code and inp.code.strip() else None,
            "charge_model": inp.charge_model,
            "pay_in_advance": bool(inp.pay_in_advance),
            "invoiceable": inp.invoiceable is not False,
            "regroup_paid_fees": inp.regroup_paid_fees,
            "prorated": bool(inp.prorated),
            "min_amount_cents": inp.min_amount_cents or 0,
            "invoice_display_name": inp.invoice_display_name or None,
        }
    else:
        names = ("code", "charge_model", "pay_in_advance", "invoiceable", "regroup_paid_fees", "prorated")
        attributes = {name: getattr(charge, name) for name in (*names, "min_amount_cents", "invoice_display_name")}
        if not locked:
            sent = {name: getattr(inp, name) for name in names if getattr(inp, name) is not None}
            if not (inp.code or "").strip():
                sent.pop("code", None)
            attributes.update(sent, min_amount_cents=inp.min_amount_cents or 0)
            if inp.given("regroup_paid_fees"):
                attributes["regroup_paid_fees"] = inp.regroup_paid_fees
        if inp.given("invoice_display_name"):
            attributes["invoice_display_name"] = inp.invoice_display_name or None
    if len(attributes["code"] or "") > MAX_CODE:
        problems.add("code", "value_is_too_long")
    if charge is None or not locked:
        traits = {name: value for name, value in attributes.items() if name not in ("code", "invoice_display_name")}
        validate_charge(
            ChargeTraits(aggregation_type=kind, recurring=metric.metric.recurring, **traits),
            problems,
        )
    attributes["properties"] = validate_properties(
        attributes["charge_model"] or "", inp.properties, problems, aggregation_type=kind
    )
    return attributes


def _assign_codes(changes: Sequence[ChargeChange], taken: set[str], problems: Problems) -> None:
    """Codes are unique on a plan; one that was not given is the metric's, or its next free number (spec 02 §2.1)."""
    for index, change in enumerate(changes):
        code = change.attributes["code"]
        if code is None:
            continue
        if code in taken:
            problems.add("code", "value_already_exist", at=f"charges.{index}.code")
        taken.add(code)
    for change in changes:
        if change.attributes["code"] is None:
            change.attributes["code"] = _free_code(change.metric.metric.code, taken)
            taken.add(change.attributes["code"])


def _free_code(base: str, taken: set[str]) -> str:
    if base not in taken:
        return base
    numbered = re.compile(re.escape(base) + r"_([0-9]{1,18})")
    numbers = [int(found[1]) for code in taken if (found := numbered.fullmatch(code))]
    return f"{base}_{max([1, *numbers]) + 1}"


async def apply_changes(ctx: Context, plan: Plan, prepared: ChargeChanges) -> list[Charge]:
    """Write prepared changes; the plan's row must be locked. Returns the listed charges in order."""
    now = ctx.now()
    await remove_charges(ctx, [charge.id for charge in prepared.removed])
    for charge in _in_the_way(prepared.changes):
        charge.code = f"{charge.code}~{charge.id}"
    await ctx.session.flush()
    charges: list[Charge] = []
    for change in prepared.changes:
        if change.charge is None:
            charge = Charge(
                id=new_id(),
                created_at=now,
                updated_at=now,
                organization_id=ctx.organization_id,
                plan_id=plan.id,
                billable_metric_id=change.metric.metric.id,
                **change.attributes,
            )
            ctx.session.add(charge)
        else:
            charge = change.charge
            for name, value in change.attributes.items():
                setattr(charge, name, value)
            charge.updated_at = now
        charges.append(charge)
    await ctx.session.flush()
    for charge, change in zip(charges, prepared.changes, strict=True):
        if change.filters is not None:
            arrange(ctx, charge.id, prepared.current_filters.get(charge.id, ()), change.filters)
    await ctx.session.flush()
    await _replace_taxes(ctx, [(charge, change) for charge, change in zip(charges, prepared.changes, strict=True)])
    return charges


def _in_the_way(changes: Sequence[ChargeChange]) -> list[Charge]:
    """Charges that give their code to another one of the list: they must let go of it first."""
    wanted = {change.attributes["code"] for change in changes}
    return [
        change.charge
        for change in changes
        if change.charge is not None
        and change.charge.code != change.attributes["code"]
        and change.charge.code in wanted
    ]


async def remove_charges(ctx: Context, charge_ids: Sequence[UUID]) -> None:
    """Soft-delete charges with their filters: they leave usage and drafts, and stay on finalized invoices."""
    if not charge_ids:
        return
    now = ctx.now()
    for table, owned in ((Charge, col(Charge.id)), (ChargeFilter, col(ChargeFilter.charge_id))):
        await ctx.session.execute(
            update(table)
            .where(owned.in_(charge_ids), col(table.deleted_at).is_(None))
            .values(deleted_at=now, updated_at=now)
            .execution_options(synchronize_session=False)
        )


async def _replace_taxes(ctx: Context, changed: Sequence[tuple[Charge, ChargeChange]]) -> None:
    replaced = [(charge, change.taxes) for charge, change in changed if change.taxes is not None]
    existing = [charge.id for charge, change in changed if change.taxes is not None and change.charge is not None]
    if existing:
        await ctx.session.execute(
            delete(ChargeTax).where(col(ChargeTax.charge_id).in_(existing)).execution_options(synchronize_session=False)
        )
    rows = [{"charge_id": charge.id, "tax_id": tax.id} for charge, taxes in replaced for tax in taxes]
    if rows:
        await ctx.session.execute(insert(ChargeTax), rows)
