"""``/plans/{code}/charges`` and their filters (spec 02 §2.4)."""

from __future__ import annotations

from billwright.billing.catalog import charge_edits, queries
from billwright.billing.catalog.models import Charge, Plan
from billwright.billing.catalog.schemas import (
    CascadeInput,
    ChargeFilterInput,
    ChargeFilterOut,
    ChargeInput,
    ChargeOut,
    charge_filter_object,
    charge_object,
)
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.envelope import many, one, presented
from billwright.server.rest.operations import Call, Parameter, operation


async def _plan(call: Call, code: str) -> Plan:
    return await queries.find_plan(call.context, code)


async def _charge(call: Call, code: str, charge_code: str) -> Charge:
    return await queries.find_charge(call.context, (await _plan(call, code)).id, charge_code)


async def find_all_plan_charges(call: Call, code: str) -> Page[ChargeOut]:
    return presented(await queries.list_charges(call.context, (await _plan(call, code)).id, call.page), charge_object)


async def create_plan_charge(call: Call, code: str, inp: ChargeInput) -> ChargeOut:
    return charge_object(await charge_edits.create_charge(call.context, code, inp))


async def find_plan_charge(call: Call, code: str, charge_code: str) -> ChargeOut:
    found = await _charge(call, code, charge_code)
    return charge_object((await queries.charge_views(call.context, [found]))[0])


async def update_plan_charge(call: Call, code: str, charge_code: str, inp: ChargeInput) -> ChargeOut:
    return charge_object(await charge_edits.update_charge(call.context, code, charge_code, inp))


async def destroy_plan_charge(call: Call, code: str, charge_code: str, inp: CascadeInput) -> ChargeOut:
    cascade = _cascades(call, inp)
    return charge_object(await charge_edits.delete_charge(call.context, code, charge_code, cascade_updates=cascade))


def _cascades(call: Call, inp: CascadeInput) -> bool | None:
    """``cascade_updates`` of a deletion, in the body or the query."""
    return inp.cascade_updates if inp.given("cascade_updates") else call.query.boolean("cascade_updates")


async def find_all_plan_charge_filters(call: Call, code: str, charge_code: str) -> Page[ChargeFilterOut]:
    charge = await _charge(call, code, charge_code)
    page = await queries.list_charge_filters(call.context, charge.id, call.page)
    return presented(page, lambda item: charge_filter_object(charge, item))


async def create_plan_charge_filter(call: Call, code: str, charge_code: str, inp: ChargeFilterInput) -> ChargeFilterOut:
    return charge_filter_object(*await charge_edits.create_charge_filter(call.context, code, charge_code, inp))


async def find_plan_charge_filter(call: Call, code: str, charge_code: str, filter_id: str) -> ChargeFilterOut:
    charge = await _charge(call, code, charge_code)
    return charge_filter_object(charge, await queries.find_charge_filter(call.context, charge.id, filter_id))


async def update_plan_charge_filter(
    call: Call, code: str, charge_code: str, filter_id: str, inp: ChargeFilterInput
) -> ChargeFilterOut:
    return charge_filter_object(
        *await charge_edits.update_charge_filter(call.context, code, charge_code, filter_id, inp)
    )


async def destroy_plan_charge_filter(
    call: Call, code: str, charge_code: str, filter_id: str, inp: CascadeInput
) -> ChargeFilterOut:
    return charge_filter_object(
        *await charge_edits.delete_charge_filter(
            call.context, code, charge_code, filter_id, cascade_updates=_cascades(call, inp)
        )
    )


async def _plan_exists(call: Call, code: str) -> None:
    await _plan(call, code)


async def _charge_exists(call: Call, code: str, charge_code: str) -> None:
    await _charge(call, code, charge_code)


async def _filter_exists(call: Call, code: str, charge_code: str, filter_id: str) -> None:
    await find_plan_charge_filter(call, code, charge_code, filter_id)


_CHARGE = one("charge", ChargeOut)
_FILTER = one("filter", ChargeFilterOut)
_CHARGES = "/plans/{code}/charges"
_ONE_CHARGE = _CHARGES + "/{charge_code}"
_FILTERS = _ONE_CHARGE + "/filters"
_ONE_FILTER = _FILTERS + "/{filter_id}"
_CHARGE_EXAMPLE = {
    "billable_metric_id": "1a901a90-1a90-1a90-1a90-1a901a901a90",
    "code": "storage",
    "charge_model": "graduated",
    "invoice_display_name": "Storage",
    "min_amount_cents": 0,
    "properties": {
        "graduated_ranges": [
            {"from_value": 0, "to_value": 10, "per_unit_amount": "1", "flat_amount": "0"},
            {"from_value": 11, "to_value": None, "per_unit_amount": "0.5", "flat_amount": "0"},
        ]
    },
}
_CASCADE = Parameter("cascade_updates", "Delete it from overridden plans too.", "boolean")
_CASCADE_EXAMPLE = {"cascade_updates": True}
_FILTER_EXAMPLE = {
    "invoice_display_name": "Europe",
    "properties": {"amount": "0.10"},
    "values": {"region": ["europe"]},
}

OPERATIONS = [
    operation(
        "GET",
        _CHARGES,
        permission="plan:read",
        answer=many("charges", ChargeOut),
        summary="List the charges of a plan, newest first",
    )(find_all_plan_charges),
    operation(
        "POST",
        _CHARGES,
        permission="plan:write",
        body=ChargeInput,
        root="charge",
        answer=_CHARGE,
        exists=_plan_exists,
        summary="Add a charge to a plan",
        example=_CHARGE_EXAMPLE,
    )(create_plan_charge),
    operation("GET", _ONE_CHARGE, permission="plan:read", answer=_CHARGE, summary="Show a charge of a plan")(
        find_plan_charge
    ),
    operation(
        "PUT",
        _ONE_CHARGE,
        permission="plan:write",
        body=ChargeInput,
        root="charge",
        answer=_CHARGE,
        exists=_charge_exists,
        summary="Change a charge of a plan",
        description=(
            "Send the whole charge: absent properties mean the model's default price. Once a subscription is on the "
            "plan only properties, filters, display name and taxes change."
        ),
        example=_CHARGE_EXAMPLE,
    )(update_plan_charge),
    operation(
        "DELETE",
        _ONE_CHARGE,
        permission="plan:write",
        body=CascadeInput,
        root="charge",
        optional_body=True,
        answer=_CHARGE,
        exists=_charge_exists,
        summary="Delete a charge of a plan",
        parameters=(_CASCADE,),
        example=_CASCADE_EXAMPLE,
    )(destroy_plan_charge),
    operation(
        "GET",
        _FILTERS,
        permission="plan:read",
        answer=many("filters", ChargeFilterOut),
        summary="List the filters of a charge",
    )(find_all_plan_charge_filters),
    operation(
        "POST",
        _FILTERS,
        permission="plan:write",
        body=ChargeFilterInput,
        root="filter",
        answer=_FILTER,
        exists=_charge_exists,
        summary="Add a filter to a charge",
        example=_FILTER_EXAMPLE,
    )(create_plan_charge_filter),
    operation("GET", _ONE_FILTER, permission="plan:read", answer=_FILTER, summary="Show a filter of a charge")(
        find_plan_charge_filter
    ),
    operation(
        "PUT",
        _ONE_FILTER,
        permission="plan:write",
        body=ChargeFilterInput,
        root="filter",
        answer=_FILTER,
        exists=_filter_exists,
        summary="Change a filter of a charge",
        example=_FILTER_EXAMPLE,
    )(update_plan_charge_filter),
    operation(
        "DELETE",
        _ONE_FILTER,
        permission="plan:write",
        body=CascadeInput,
        root="filter",
        optional_body=True,
        answer=_FILTER,
        exists=_filter_exists,
        summary="Delete a filter of a charge",
        parameters=(_CASCADE,),
        example=_CASCADE_EXAMPLE,
    )(destroy_plan_charge_filter),
]
