"""``/coupons`` (spec 05 B1)."""

from __future__ import annotations

from billwright.billing.coupons import service
from billwright.billing.coupons.models import Coupon
from billwright.billing.coupons.presenting import coupon_objects
from billwright.billing.coupons.queries import find_coupon as find
from billwright.billing.coupons.queries import list_coupons
from billwright.billing.coupons.schemas import CouponInput, CouponOut
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.envelope import many, one
from billwright.server.rest.filters import PAGES
from billwright.server.rest.operations import Call, operation


async def _answer(call: Call, coupon: Coupon) -> CouponOut:
    return (await coupon_objects(call.context, [coupon]))[0]


async def create_coupon(call: Call, inp: CouponInput) -> CouponOut:
    return await _answer(call, await service.create_coupon(call.context, inp))


async def find_all_coupons(call: Call) -> Page[CouponOut]:
    page = await list_coupons(call.context, call.page)
    return Page(await coupon_objects(call.context, page.items), page.total_count, page.request)


async def find_coupon(call: Call, code: str) -> CouponOut:
    return await _answer(call, await find(call.context, code))


async def update_coupon(call: Call, code: str, inp: CouponInput) -> CouponOut:
    return await _answer(call, await service.update_coupon(call.context, code, inp))


async def destroy_coupon(call: Call, code: str) -> CouponOut:
    shown = await _answer(call, await find(call.context, code))
    await service.delete_coupon(call.context, code)
    return shown


async def _exists(call: Call, code: str) -> None:
    await find(call.context, code)


_ONE = one("coupon", CouponOut)
_EXAMPLE = {
    "name": "Startup deal",
    "code": "startup_deal",
    "description": "Half off for a year",
    "coupon_type": "percentage",
    "percentage_rate": "50.0",
    "frequency": "recurring",
    "frequency_duration": 12,
    "expiration": "no_expiration",
    "reusable": False,
    "applies_to": {"plan_codes": [], "billable_metric_codes": []},
}

OPERATIONS = [
    operation(
        "POST",
        "/coupons",
        permission="coupon:write",
        body=CouponInput,
        root="coupon",
        answer=_ONE,
        summary="Create a coupon",
        description="A fixed amount or a percentage, for one invoice, a number of invoices or for ever. It may be "
        "limited to plans or to billable metrics, not to both.",
        example=_EXAMPLE,
    )(create_coupon),
    operation(
        "GET",
        "/coupons",
        permission="coupon:read",
        answer=many("coupons", CouponOut),
        summary="List coupons",
        description="Active ones first, then those without expiration, then by expiration.",
        parameters=PAGES,
    )(find_all_coupons),
    operation("GET", "/coupons/{code:path}", permission="coupon:read", answer=_ONE, summary="Show a coupon")(
        find_coupon
    ),
    operation(
        "PUT",
        "/coupons/{code:path}",
        permission="coupon:write",
        body=CouponInput,
        root="coupon",
        answer=_ONE,
        exists=_exists,
        summary="Change a coupon",
        description="Once it was applied to a customer only name, description and expiration change; other attributes "
        "are ignored.",
        example={"name": "Startup deal 2026", "expiration": "time_limit", "expiration_at": "2027-01-01T00:00:00Z"},
    )(update_coupon),
    operation(
        "DELETE",
        "/coupons/{code:path}",
        permission="coupon:write",
        answer=_ONE,
        summary="Delete a coupon",
        description="Every active application ends. The code is free again at once.",
    )(destroy_coupon),
]
