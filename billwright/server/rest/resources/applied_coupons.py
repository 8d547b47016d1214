"""``/applied_coupons`` and a customer's applied coupons (spec 05 B2)."""

from __future__ import annotations

from uuid import UUID

from billwright.billing.coupons.applying import apply_coupon as apply
from billwright.billing.coupons.applying import remove_applied_coupon
from billwright.billing.coupons.models import AppliedCoupon
from billwright.billing.coupons.presenting import applied_coupon_objects
from billwright.billing.coupons.queries import STATUSES, AppliedCouponFilters, list_applied_coupons
from billwright.billing.coupons.schemas import AppliedCouponOut, ApplyCoupon
from billwright.billing.customers.queries import get_customer
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.envelope import many, one
from billwright.server.rest.filters import PAGES
from billwright.server.rest.operations import Call, Parameter, operation


async def _answer(call: Call, applied: AppliedCoupon) -> AppliedCouponOut:
    return (await applied_coupon_objects(call.context, [applied]))[0]


async def apply_coupon(call: Call, inp: ApplyCoupon) -> AppliedCouponOut:
    return await _answer(call, await apply(call.context, inp))


async def find_all_applied_coupons(call: Call) -> Page[AppliedCouponOut]:
    return await _page(
        call,
        AppliedCouponFilters(
            status=call.query.text("status"),
            external_customer_id=call.query.text("external_customer_id"),
            coupon_codes=call.query.texts("coupon_code"),
        ),
    )


async def find_all_customer_applied_coupons(call: Call, external_id: str) -> Page[AppliedCouponOut]:
    customer = await get_customer(call.context, external_id)
    return await _page(
        call,
        AppliedCouponFilters(
            status=call.query.text("status"),
            customer_id=customer.id,
            coupon_codes=call.query.texts("coupon_code"),
        ),
    )


async def _page(call: Call, filters: AppliedCouponFilters) -> Page[AppliedCouponOut]:
    page = await list_applied_coupons(call.context, filters, call.page)
    shown = await applied_coupon_objects(call.context, page.items, with_credits=True)
    return Page(shown, page.total_count, page.request)


async def delete_applied_coupon(call: Call, external_id: str, applied_coupon_id: str) -> AppliedCouponOut:
    identifier = parse_id(applied_coupon_id) or UUID(int=0)
    return await _answer(call, await remove_applied_coupon(call.context, external_id, identifier))


_ONE = one("applied_coupon", AppliedCouponOut)
_MANY = many("applied_coupons", AppliedCouponOut)
_FILTERS = (
    *PAGES,
    Parameter("status", enum=STATUSES),
    Parameter("coupon_code", "Codes of coupons.", "array"),
)

OPERATIONS = [
    operation(
        "POST",
        "/applied_coupons",
        permission="applied_coupon:write",
        body=ApplyCoupon,
        root="applied_coupon",
        answer=_ONE,
        summary="Apply a coupon to a customer",
        description="The values sent replace the coupon's own for this customer.",
        example={
            "external_customer_id": "5eb02857-a71e-4ea2-bcf9-57d3a41bc6ba",
            "coupon_code": "startup_deal",
            "frequency": "recurring",
            "frequency_duration": 3,
        },
    )(apply_coupon),
    operation(
        "GET",
        "/applied_coupons",
        permission="applied_coupon:read",
        answer=_MANY,
        summary="List applied coupons, newest first",
        description="Each with the credits that it gave on invoices.",
        parameters=(*_FILTERS, Parameter("external_customer_id")),
    )(find_all_applied_coupons),
    operation(
        "GET",
        "/customers/{external_id}/applied_coupons",
        permission="applied_coupon:read",
        answer=_MANY,
        summary="List a customer's applied coupons",
        parameters=_FILTERS,
    )(find_all_customer_applied_coupons),
    operation(
        "DELETE",
        "/customers/{external_id}/applied_coupons/{applied_coupon_id}",
        permission="applied_coupon:write",
        answer=_ONE,
        summary="Take a coupon from a customer",
        description="Later invoices are not reduced any more; issued ones stay as they are.",
    )(delete_applied_coupon),
]
