"""``/taxes`` (spec 05 A1). Codes may hold any character, slashes included."""

from __future__ import annotations

from billwright.billing.kernel.pagination import Page
from billwright.billing.taxes import queries, service
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.schemas import TaxCreate, TaxDetailOut, TaxUpdate
from billwright.server.rest.envelope import many, one
from billwright.server.rest.operations import Call, operation


async def _answer(call: Call, tax: Tax) -> TaxDetailOut:
    return (await queries.tax_details(call.context, [tax]))[0]


async def create_tax(call: Call, inp: TaxCreate) -> TaxDetailOut:
    return await _answer(call, await service.create_tax(call.context, inp))


async def find_all_taxes(call: Call) -> Page[TaxDetailOut]:
    page = await queries.list_taxes(call.context, call.page)
    return Page(await queries.tax_details(call.context, page.items), page.total_count, page.request)


async def find_tax(call: Call, code: str) -> TaxDetailOut:
    return await _answer(call, await queries.find_tax(call.context, code))


async def update_tax(call: Call, code: str, inp: TaxUpdate) -> TaxDetailOut:
    return await _answer(call, await service.update_tax(call.context, code, inp))


async def destroy_tax(call: Call, code: str) -> TaxDetailOut:
    counts = (await queries.tax_details(call.context, [await queries.find_tax(call.context, code)]))[0]
    await service.delete_tax(call.context, code)
    return counts


async def _exists(call: Call, code: str) -> None:
    await queries.find_tax(call.context, code)


_ONE = one("tax", TaxDetailOut)

OPERATIONS = [
    operation(
        "POST",
        "/taxes",
        permission="tax:write",
        body=TaxCreate,
        root="tax",
        answer=_ONE,
        summary="Create a tax",
        description="The rate is in percent. A tax applied to the organization is a default of all customers.",
        example={
            "name": "French standard VAT",
            "code": "vat_fr_20",
            "rate": "20.0",
            "description": "TVA",
            "applied_to_organization": False,
        },
    )(create_tax),
    operation("GET", "/taxes", permission="tax:read", answer=many("taxes", TaxDetailOut), summary="List taxes by name")(
        find_all_taxes
    ),
    operation("GET", "/taxes/{code:path}", permission="tax:read", answer=_ONE, summary="Show a tax")(find_tax),
    operation(
        "PUT",
        "/taxes/{code:path}",
        permission="tax:write",
        body=TaxUpdate,
        root="tax",
        answer=_ONE,
        exists=_exists,
        summary="Change a tax",
        description="Drafts follow; finalized documents keep the tax as it was.",
        example={"rate": "21.0"},
    )(update_tax),
    operation(
        "DELETE",
        "/taxes/{code:path}",
        permission="tax:write",
        answer=_ONE,
        summary="Delete a tax",
        description="It is removed from everything that has it, drafts included; finalized documents keep it.",
    )(destroy_tax),
]
