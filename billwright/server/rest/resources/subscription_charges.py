"""``/subscriptions/{external_id}/charges`` and their filters: prices of one subscription (spec 03 §2.5)."""

from __future__ import annotations

from billwright.billing.catalog import queries
from billwright.billing.catalog.override_schemas import ChargeOverrideInput
from billwright.billing.catalog.schemas import (
    ChargeFilterInput,
    ChargeFilterOut,
    ChargeOut,
    charge_filter_object,
    charge_object,
)
from billwright.billing.kernel.pagination import Page
from billwright.billing.subscriptions import own_charges
from billwright.billing.subscriptions.queries import find_subscription
from billwright.server.rest.envelope import many, one, presented
from billwright.server.rest.filters import PAGES, SUBSCRIPTION_STATUS
from billwright.server.rest.filters import subscription_status as _status
from billwright.server.rest.operations import Call, operation


async def find_all_subscription_charges(call: Call, external_id: str) -> Page[ChargeOut]:
    subscription = await find_subscription(call.context, external_id, _status(call))
    return presented(await queries.list_charges(call.context, subscription.plan_id, call.page), charge_object)


async def find_subscription_charge(call: Call, external_id: str, charge_code: str) -> ChargeOut:
    found = await own_charges.find_own_charge(call.context, external_id, _status(call), charge_code)
    return charge_object((await queries.charge_views(call.context, [found]))[0])


async def override_subscription_charge(
    call: Call, external_id: str, charge_code: str, inp: ChargeOverrideInput
) -> ChargeOut:
    return charge_object(await own_charges.override_charge(call.context, external_id, _status(call), charge_code, inp))


async def find_all_subscription_charge_filters(call: Call, external_id: str, charge_code: str) -> Page[ChargeFilterOut]:
    charge = await own_charges.find_own_charge(call.context, external_id, _status(call), charge_code)
    page = await queries.list_charge_filters(call.context, charge.id, call.page)
    return presented(page, lambda item: charge_filter_object(charge, item))


async def create_subscription_charge_filter(
    call: Call, external_id: str, charge_code: str, inp: ChargeFilterInput
) -> ChargeFilterOut:
    return charge_filter_object(
        *await own_charges.create_own_filter(call.context, external_id, _status(call), charge_code, inp)
    )


async def find_subscription_charge_filter(
    call: Call, external_id: str, charge_code: str, filter_id: str
) -> ChargeFilterOut:
    return charge_filter_object(
        *await own_charges.find_own_filter(call.context, external_id, _status(call), charge_code, filter_id)
    )


async def update_subscription_charge_filter(
    call: Call, external_id: str, charge_code: str, filter_id: str, inp: ChargeFilterInput
) -> ChargeFilterOut:
    return charge_filter_object(
        *await own_charges.update_own_filter(call.context, external_id, _status(call), charge_code, filter_id, inp)
    )


async def destroy_subscription_charge_filter(
    call: Call, external_id: str, charge_code: str, filter_id: str
) -> ChargeFilterOut:
    return charge_filter_object(
        *await own_charges.delete_own_filter(call.context, external_id, _status(call), charge_code, filter_id)
    )


async def _charge_exists(call: Call, external_id: str, charge_code: str) -> None:
    await own_charges.find_own_charge(call.context, external_id, _status(call), charge_code)


async def _filter_exists(call: Call, external_id: str, charge_code: str, filter_id: str) -> None:
    await own_charges.find_own_filter(call.context, external_id, _status(call), charge_code, filter_id)


_CHARGE = one("charge", ChargeOut)
_FILTER = one("filter", ChargeFilterOut)
_CHARGES = "/subscriptions/{external_id}/charges"
_ONE_CHARGE = _CHARGES + "/{charge_code}"
_FILTERS = _ONE_CHARGE + "/filters"
_ONE_FILTER = _FILTERS + "/{filter_id}"
_FIRST = "The first change gives the subscription a plan of its own, a copy; other subscriptions stay as they are."
_FILTER_EXAMPLE = {"invoice_display_name": "Europe", "properties": {"amount": "0.08"}, "values": {"region": ["europe"]}}

OPERATIONS = [
    operation(
        "GET",
        _CHARGES,
        permission="subscription:read",
        answer=many("charges", ChargeOut),
        summary="List the charges of a subscription, newest first",
        parameters=(*PAGES, SUBSCRIPTION_STATUS),
    )(find_all_subscription_charges),
    operation(
        "GET",
        _ONE_CHARGE,
        permission="subscription:read",
        answer=_CHARGE,
        summary="Show a charge of a subscription",
        parameters=(SUBSCRIPTION_STATUS,),
    )(find_subscription_charge),
    operation(
        "PUT",
        _ONE_CHARGE,
        permission="subscription:write",
        body=ChargeOverrideInput,
        root="charge",
        answer=_CHARGE,
        exists=_charge_exists,
        summary="Price a charge for one subscription",
        description=_FIRST,
        parameters=(SUBSCRIPTION_STATUS,),
        example={"invoice_display_name": "Storage, as agreed", "properties": {"amount": "0.08"}},
    )(override_subscription_charge),
    operation(
        "GET",
        _FILTERS,
        permission="subscription:read",
        answer=many("filters", ChargeFilterOut),
        summary="List the filters of a subscription's charge",
        parameters=(*PAGES, SUBSCRIPTION_STATUS),
    )(find_all_subscription_charge_filters),
    operation(
        "POST",
        _FILTERS,
        permission="subscription:write",
        body=ChargeFilterInput,
        root="filter",
        answer=_FILTER,
        exists=_charge_exists,
        summary="Add a filter to a subscription's charge",
        description=_FIRST,
        parameters=(SUBSCRIPTION_STATUS,),
        example=_FILTER_EXAMPLE,
    )(create_subscription_charge_filter),
    operation(
        "GET",
        _ONE_FILTER,
        permission="subscription:read",
        answer=_FILTER,
        summary="Show a filter of a subscription's charge",
        parameters=(SUBSCRIPTION_STATUS,),
    )(find_subscription_charge_filter),
    operation(
        "PUT",
        _ONE_FILTER,
        permission="subscription:write",
        body=ChargeFilterInput,
        root="filter",
        answer=_FILTER,
        exists=_filter_exists,
        summary="Change a filter of a subscription's charge",
        description=_FIRST + " It also knows the filter by the id that it had on the plan.",
        parameters=(SUBSCRIPTION_STATUS,),
        example=_FILTER_EXAMPLE,
    )(update_subscription_charge_filter),
    operation(
        "DELETE",
        _ONE_FILTER,
        permission="subscription:write",
        answer=_FILTER,
        summary="Delete a filter of a subscription's charge",
        description=_FIRST,
        parameters=(SUBSCRIPTION_STATUS,),
    )(destroy_subscription_charge_filter),
]
