"""Coupons on an invoice being issued: which are due, in which order, and what that consumes (spec 05 B3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.coupons.deduction import Discount, cap_of, credit_of, spread
from billwright.billing.coupons.models import AppliedCoupon, Coupon, CouponTarget
from billwright.billing.customers.locking import lock_scope
from billwright.billing.customers.models import Customer
from billwright.billing.explaining.shares import discounts_of, note_shares
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.models import Credit, Invoice
from billwright.billing.invoicing.waterfall import Waterfall
from billwright.billing.kernel.loading import column_count, columns_of, objects_of
from billwright.billing.kernel.statements import fetch, flush

UNCOUNTED = ("voided", "closed", "deleted")
"""Invoices whose credits no longer count against a coupon (spec 05 B2)."""


@dataclass(frozen=True, slots=True)
class _Application:
    """An active application with the ids it is limited to; ``None`` where it is not."""

    applied: AppliedCoupon
    name: str
    metric_ids: frozenset[UUID] | None
    plan_ids: frozenset[UUID] | None

    @property
    def group(self) -> int:
        """Metric-limited first, then plan-limited, then unlimited."""
        return 0 if self.metric_ids is not None else 1 if self.plan_ids is not None else 2


async def take_coupons(ctx: Context, customer: Customer, flow: Waterfall) -> None:
    """The waterfall's coupon step. Nothing on drafts and on invoices without an amount; consumes what it reaches."""
    if not flow.final or not flow.held.coupons or flow.sub_total_excluding_taxes_cents <= 0:
        return
    await lock_scope(ctx, "coupon", customer.id)
    applications = await _applications(ctx, customer, flow)
    if not applications:
        return
    used = await used_amounts(ctx, [item.applied.id for item in applications if _counts_down(item.applied)])
    parents = await _parents(ctx, flow.fees if any(item.plan_ids for item in applications) else ())
    for item in applications:
        if flow.sub_total_excluding_taxes_cents <= 0:
            break
        applied = item.applied
        if applied.percentage_rate is None and applied.amount_currency != flow.invoice.currency:
            continue
        fees = [fee for fee in flow.fees if _is_eligible(item, fee, parents)]
        if not fees:
            continue
        unlimited = item.group == 2
        cap = Decimal(flow.sub_total_excluding_taxes_cents) if unlimited else cap_of(fees)
        discount = _discount(applied, used.get(applied.id, 0))
        credit_cents = credit_of(discount, cap)
        before = discounts_of(fees)
        spread(fees, credit_cents, cap)
        note_shares(fees, before, "coupon share", f"Coupon {item.name}", credit_cents, cap)
        flow.coupons_cents += credit_cents
        flow.credit(credit_cents, before_taxes=True, applied_coupon_id=applied.id)
        _consume(ctx, applied, credit_cents, discount)


_ACTIVE = f"""
select {columns_of(AppliedCoupon, "a")}, {columns_of(Coupon, "c")}
from applied_coupons a join coupons c on c.id = a.coupon_id
where a.organization_id = $1 and a.customer_id = $2 and a.status = 'active'
  and not exists (select from credits where invoice_id = $3 and applied_coupon_id = a.id)
order by a.id for update of a
"""  # noqa: S608 - names of the models' columns; every value is a parameter


async def _applications(ctx: Context, customer: Customer, flow: Waterfall) -> list[_Application]:
    """Active applications in order of use, locked, without those that are on the invoice already."""
    await flush(ctx.session)
    rows = await fetch(ctx.session, _ACTIVE, ctx.organization_id, customer.id, flow.invoice.id)
    coupons = objects_of(ctx.session, Coupon, rows, start=column_count(AppliedCoupon))
    found = list(zip(objects_of(ctx.session, AppliedCoupon, rows), coupons, strict=True))
    limited = [coupon.id for _, coupon in found if coupon.limited_plans or coupon.limited_billable_metrics]
    metrics: dict[UUID, set[UUID]] = {}
    plans: dict[UUID, set[UUID]] = {}
    if limited:
        targets = await ctx.session.scalars(select(CouponTarget).where(col(CouponTarget.coupon_id).in_(limited)))
        for target in targets:
            if target.billable_metric_id is not None:
                metrics.setdefault(target.coupon_id, set()).add(target.billable_metric_id)
            if target.plan_id is not None:
                plans.setdefault(target.coupon_id, set()).add(target.plan_id)
    applications = [
        _Application(
            applied,
            coupon.name,
            frozenset(metrics.get(coupon.id, ())) if coupon.limited_billable_metrics else None,
            frozenset(plans.get(coupon.id, ())) if coupon.limited_plans else None,
        )
        for applied, coupon in found
    ]
    return sorted(applications, key=lambda item: (item.group, item.applied.created_at, item.applied.id))


async def _parents(ctx: Context, fees: Sequence[FeeDraft]) -> Mapping[UUID, UUID]:
    """Plans that the fees' subscriptions override, by the overriding plan."""
    plans = {fee.subscription.plan_id for fee in fees if fee.subscription is not None}
    if not plans:
        return {}
    rows = await ctx.session.execute(
        select(col(Plan.id), col(Plan.parent_id)).where(col(Plan.id).in_(plans), col(Plan.parent_id).is_not(None))
    )
    return {plan_id: parent_id for plan_id, parent_id in rows if parent_id is not None}


def _is_eligible(item: _Application, fee: FeeDraft, parents: Mapping[UUID, UUID]) -> bool:
    if item.metric_ids is not None:
        return fee.fee_type == "charge" and UUID(str(fee.item["id"])) in item.metric_ids
    if item.plan_ids is not None:
        if fee.subscription is None:
            return False
        plan_id = fee.subscription.plan_id
        return plan_id in item.plan_ids or parents.get(plan_id) in item.plan_ids
    return True


async def used_amounts(ctx: Context, applied_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What each application has taken so far, in minor units; voided, closed and deleted invoices do not count."""
    if not applied_ids:
        return {}
    rows = await ctx.session.execute(
        select(col(Credit.applied_coupon_id), func.sum(col(Credit.amount_cents)))
        .join(Invoice, col(Invoice.id) == col(Credit.invoice_id))
        .where(
            col(Credit.organization_id) == ctx.organization_id,
            col(Credit.applied_coupon_id).in_(applied_ids),
            col(Invoice.status).not_in(UNCOUNTED),
        )
        .group_by(col(Credit.applied_coupon_id))
    )
    return {applied_id: int(total) for applied_id, total in rows if applied_id is not None}


def _counts_down(applied: AppliedCoupon) -> bool:
    """A fixed amount given once: what an invoice does not take is carried over."""
    return applied.frequency == "once" and applied.percentage_rate is None


def _discount(applied: AppliedCoupon, used_cents: int) -> Discount:
    if applied.percentage_rate is not None:
        return Discount(percentage_rate=applied.percentage_rate)
    amount = applied.amount_cents or 0
    return Discount(amount_cents=max(amount - used_cents, 0) if _counts_down(applied) else amount)


def _consume(ctx: Context, applied: AppliedCoupon, credit_cents: int, discount: Discount) -> None:
    """Count the invoice against the application (spec 05 B3 step 7)."""
    applied.updated_at = ctx.now()
    ended = False
    if applied.frequency == "recurring":
        applied.frequency_duration_remaining = max((applied.frequency_duration_remaining or 0) - 1, 0)
        ended = applied.frequency_duration_remaining == 0
    elif applied.frequency == "once":
        ended = discount.amount_cents is None or credit_cents >= discount.amount_cents
    if ended:
        applied.status = "terminated"
        applied.ended_by = "consumption"
        applied.terminated_at = ctx.now()
