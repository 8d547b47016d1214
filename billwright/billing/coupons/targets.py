"""What coupons are limited to, and when two limits overlap (spec 05 B1, B2)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, delete, exists, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric, Charge, Plan
from billwright.billing.coupons.models import AppliedCoupon, Coupon, CouponTarget
from billwright.billing.coupons.schemas import AppliesTo
from billwright.billing.kernel.errors import NotAllowed, NotFound
from billwright.billing.kernel.ids import new_id


async def replace_targets(ctx: Context, coupon: Coupon, applies_to: AppliesTo) -> None:
    """Limit a stored coupon to what was sent; the kind that was not sent gives way to the one that was.

    Raises ``NotAllowed("only_one_limitation_type_per_coupon_allowed")``, ``NotFound`` (``plans``,
    ``billable_metrics``).
    """
    plan_codes, metric_codes = applies_to.plan_codes, applies_to.billable_metric_codes
    if plan_codes and metric_codes:
        raise NotAllowed("only_one_limitation_type_per_coupon_allowed")
    plans = await _ids(ctx, Plan, plan_codes or (), "plans")
    metrics = await _ids(ctx, BillableMetric, metric_codes or (), "billable_metrics")
    if plans or metrics:
        await _clear(ctx, coupon, plans=True, metrics=True)
    else:
        await _clear(ctx, coupon, plans=plan_codes is not None, metrics=metric_codes is not None)
    ctx.session.add_all(
        [
            *(CouponTarget(id=new_id(), coupon_id=coupon.id, plan_id=plan_id) for plan_id in plans),
            *(CouponTarget(id=new_id(), coupon_id=coupon.id, billable_metric_id=metric_id) for metric_id in metrics),
        ]
    )
    coupon.limited_plans = bool(plans) or coupon.limited_plans
    coupon.limited_billable_metrics = bool(metrics) or coupon.limited_billable_metrics
    await ctx.session.flush()


async def remove_targets(ctx: Context, coupon: Coupon) -> None:
    """A deleted coupon has no targets; what it was limited to is kept in its flags."""
    await ctx.session.execute(delete(CouponTarget).where(col(CouponTarget.coupon_id) == coupon.id))


async def _clear(ctx: Context, coupon: Coupon, *, plans: bool, metrics: bool) -> None:
    statement = delete(CouponTarget).where(col(CouponTarget.coupon_id) == coupon.id)
    if plans:
        await ctx.session.execute(statement.where(col(CouponTarget.plan_id).is_not(None)))
        coupon.limited_plans = False
    if metrics:
        await ctx.session.execute(statement.where(col(CouponTarget.billable_metric_id).is_not(None)))
        coupon.limited_billable_metrics = False


async def _ids(
    ctx: Context, model: type[Plan] | type[BillableMetric], codes: Sequence[str], resource: str
) -> list[UUID]:
    wanted = list(dict.fromkeys(codes))
    if not wanted:
        return []
    statement = select(col(model.code), col(model.id)).where(
        col(model.organization_id) == ctx.organization_id,
        col(model.code).in_(wanted),
        col(model.deleted_at).is_(None),
    )
    if model is Plan:
        statement = statement.where(col(Plan.parent_id).is_(None))
    found = {row.code: row.id for row in await ctx.session.execute(statement)}
    if len(found) < len(wanted):
        raise NotFound(resource)
    return [found[code] for code in wanted]


async def overlaps(ctx: Context, customer_id: UUID, coupon: Coupon) -> bool:
    """Whether another active limited application of the customer covers something of ``coupon``'s targets (B2).

    The same plan, the same metric, a metric charged in a plan, or a plan charging a metric, on either side.
    """
    mine, theirs = aliased(CouponTarget), aliased(CouponTarget)
    charged = exists().where(
        col(Charge.deleted_at).is_(None),
        or_(
            and_(
                col(Charge.plan_id) == col(mine.plan_id),
                col(Charge.billable_metric_id) == col(theirs.billable_metric_id),
            ),
            and_(
                col(Charge.plan_id) == col(theirs.plan_id),
                col(Charge.billable_metric_id) == col(mine.billable_metric_id),
            ),
        ),
    )
    found = await ctx.session.execute(
        select(
            exists()
            .where(col(mine.coupon_id) == coupon.id)
            .where(col(theirs.coupon_id) == col(AppliedCoupon.coupon_id))
            .where(
                col(AppliedCoupon.organization_id) == ctx.organization_id,
                col(AppliedCoupon.customer_id) == customer_id,
                col(AppliedCoupon.status) == "active",
                or_(
                    col(mine.plan_id) == col(theirs.plan_id),
                    col(mine.billable_metric_id) == col(theirs.billable_metric_id),
                    charged,
                ),
            )
        )
    )
    return bool(found.scalar_one())


async def codes_of(ctx: Context, coupons: Sequence[Coupon]) -> dict[UUID, tuple[list[str], list[str]]]:
    """Codes of targeted plans and metrics by coupon, sorted."""
    found: dict[UUID, tuple[list[str], list[str]]] = {coupon.id: ([], []) for coupon in coupons}
    limited = [coupon.id for coupon in coupons if coupon.limited_plans or coupon.limited_billable_metrics]
    if limited:
        for position, model, column in (
            (0, Plan, CouponTarget.plan_id),
            (1, BillableMetric, CouponTarget.billable_metric_id),
        ):
            rows = await ctx.session.execute(
                select(col(CouponTarget.coupon_id), col(model.code))
                .join(model, col(model.id) == col(column))
                .where(col(CouponTarget.coupon_id).in_(limited))
                .order_by(col(model.code))
            )
            for coupon_id, code in rows:
                found[coupon_id][position].append(code)
    return found
