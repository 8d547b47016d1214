"""Coupons, their applications, add-ons (spec 07 §6.2)."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.add_ons.queries import add_on_by_id, list_add_ons
from billwright.billing.coupons.queries import AppliedCouponFilters, coupon_by_id, list_applied_coupons, list_coupons
from billwright.billing.kernel.ids import parse_id
from billwright.graphql.enums import AppliedCouponStatusEnum, CouponStatusEnum
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import (
    Collection,
    IdArgument,
    Inf,
    Limit,
    PageNumber,
    SearchTerm,
    collection,
    page_request,
    shown,
)
from billwright.graphql.types.coupons import AddOn, AppliedCoupon, Coupon

CouponStatus = Annotated[CouponStatusEnum | None, strawberry.argument(description="In this state.")]
AppliedStatus = Annotated[AppliedCouponStatusEnum | None, strawberry.argument(description="In this state.")]
ExternalCustomer = Annotated[str | None, strawberry.argument(description="External id of the customer.")]
CouponCodes = Annotated[list[str] | None, strawberry.argument(description="Of any of these coupons.")]


@strawberry.type
class CouponQueries:
    @strawberry.field(
        description="Coupons: active ones first, then those without an end, then by their end.",
        permission_classes=[HasPermission("coupons:view")],
    )
    async def coupons(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        status: CouponStatus = None,
    ) -> Collection[Coupon]:
        async with info.context.reading() as ctx:
            found = await list_coupons(
                ctx, page_request(page, limit), search=search_term, status=status.value if status else None
            )
            return collection(found)

    @strawberry.field(description="One coupon.", permission_classes=[HasPermission("coupons:view")])
    async def coupon(self, info: Inf, id: IdArgument) -> Coupon | None:
        async with info.context.reading() as ctx:
            return shown(await coupon_by_id(ctx, parse_id(id)))

    @strawberry.field(
        description="Coupons given to customers, newest first.", permission_classes=[HasPermission("coupons:view")]
    )
    async def applied_coupons(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        status: AppliedStatus = None,
        external_customer_id: ExternalCustomer = None,
        coupon_code: CouponCodes = None,
    ) -> Collection[AppliedCoupon]:
        filters = AppliedCouponFilters(
            status=status.value if status else None,
            external_customer_id=external_customer_id,
            coupon_codes=coupon_code,
        )
        async with info.context.reading() as ctx:
            return collection(await list_applied_coupons(ctx, filters, page_request(page, limit)))

    @strawberry.field(description="Add-ons, newest first.", permission_classes=[HasPermission("addons:view")])
    async def add_ons(
        self, info: Inf, page: PageNumber = None, limit: Limit = None, search_term: SearchTerm = None
    ) -> Collection[AddOn]:
        async with info.context.reading() as ctx:
            return collection(await list_add_ons(ctx, page_request(page, limit), search=search_term))

    @strawberry.field(description="One add-on.", permission_classes=[HasPermission("addons:view")])
    async def add_on(self, info: Inf, id: IdArgument) -> AddOn | None:
        async with info.context.reading() as ctx:
            found: Any = await add_on_by_id(ctx, parse_id(id))
        return found
