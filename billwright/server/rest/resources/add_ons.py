"""``/add_ons`` (spec 04 §14, 00 rule 28). Codes may hold any character, slashes included."""

from __future__ import annotations

from billwright.billing.add_ons import queries, service
from billwright.billing.add_ons.models import AddOn
from billwright.billing.add_ons.schemas import AddOnCreate, AddOnOut, AddOnUpdate
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.envelope import many, one
from billwright.server.rest.filters import PAGES
from billwright.server.rest.operations import Call, Parameter, operation


async def _answer(call: Call, add_on: AddOn) -> AddOnOut:
    return (await queries.add_on_objects(call.context, [add_on]))[0]


async def create_add_on(call: Call, inp: AddOnCreate) -> AddOnOut:
    return await _answer(call, await service.create_add_on(call.context, inp))


async def find_all_add_ons(call: Call) -> Page[AddOnOut]:
    page = await queries.list_add_ons(call.context, call.page, search=call.query.text("search_term"))
    return Page(await queries.add_on_objects(call.context, page.items), page.total_count, page.request)


async def find_add_on(call: Call, code: str) -> AddOnOut:
    return await _answer(call, await queries.find_add_on(call.context, code))


async def update_add_on(call: Call, code: str, inp: AddOnUpdate) -> AddOnOut:
    return await _answer(call, await service.update_add_on(call.context, code, inp))


async def destroy_add_on(call: Call, code: str) -> AddOnOut:
    return await _answer(call, await service.delete_add_on(call.context, code))


async def _exists(call: Call, code: str) -> None:
    await queries.find_add_on(call.context, code)


_ONE = one("add_on", AddOnOut)

OPERATIONS = [
    operation(
        "POST",
        "/add_ons",
        permission="add_on:write",
        body=AddOnCreate,
        root="add_on",
        answer=_ONE,
        summary="Create an add-on",
        description="What a one-off invoice sells. The amount is in minor units; taxes of its own come before the "
        "customer's.",
        example={
            "name": "Setup fee",
            "code": "setup_fee",
            "amount_cents": 50000,
            "amount_currency": "EUR",
            "description": "Implementation and onboarding",
            "tax_codes": ["vat_fr_20"],
        },
    )(create_add_on),
    operation(
        "GET",
        "/add_ons",
        permission="add_on:read",
        answer=many("add_ons", AddOnOut),
        summary="List add-ons, newest first",
        parameters=(*PAGES, Parameter("search_term", "Part of the name or code.")),
    )(find_all_add_ons),
    operation("GET", "/add_ons/{code:path}", permission="add_on:read", answer=_ONE, summary="Show an add-on")(
        find_add_on
    ),
    operation(
        "PUT",
        "/add_ons/{code:path}",
        permission="add_on:write",
        body=AddOnUpdate,
        root="add_on",
        answer=_ONE,
        exists=_exists,
        summary="Change an add-on",
        description="Issued invoices keep what they were made of. `tax_codes` replaces the whole set.",
        example={"amount_cents": 60000},
    )(update_add_on),
    operation(
        "DELETE",
        "/add_ons/{code:path}",
        permission="add_on:write",
        answer=_ONE,
        summary="Delete an add-on",
        description="It disappears and its code is free again; issued invoices are unaffected.",
    )(destroy_add_on),
]
