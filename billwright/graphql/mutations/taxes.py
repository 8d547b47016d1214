"""Writing taxes."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.taxes.queries import tax_by_id
from billwright.billing.taxes.schemas import TaxCreate, TaxUpdate
from billwright.billing.taxes.service import create_tax, delete_tax, update_tax
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import DecimalText
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.taxes import Tax


@strawberry.input(description="Attributes of a new tax.")
class CreateTaxInput:
    name: str = m("Name printed on documents.")
    code: str = m("Code, unique in the organization.")
    rate: DecimalText = m("Rate in percent.")
    description: str | None = i("What the tax is for.")
    applied_to_organization: bool | None = i("Whether customers without taxes of their own pay it.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Attributes to change.")
class UpdateTaxInput:
    id: strawberry.ID = m("Internal id of the tax.")
    name: str | None = i("Name printed on documents.")
    code: str | None = i("Code, unique in the organization.")
    rate: DecimalText | None = i("Rate in percent.")
    description: str | None = i("What the tax is for.")
    applied_to_organization: bool | None = i("Whether customers without taxes of their own pay it.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="A tax to delete.")
class DestroyTaxInput:
    id: strawberry.ID = m("Internal id of the tax.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


NewTax = Annotated[CreateTaxInput, strawberry.argument(description="Attributes of the tax.")]
ChangedTax = Annotated[UpdateTaxInput, strawberry.argument(description="Attributes to change.")]
GoneTax = Annotated[DestroyTaxInput, strawberry.argument(description="Which tax.")]
MAY = HasPermission("organization:taxes:update")


async def _code_of(ctx: Context, id: str) -> str:
    tax_id = parse_id(id)
    if tax_id is None:
        raise NotFound("tax")
    return (await tax_by_id(ctx, tax_id)).code


def _values(input: Any, *left_out: str) -> dict[str, Any]:
    """Null is absent for what cannot be null."""
    return {name: value for name, value in sent(input, *left_out).items() if value is not None or name == "description"}


@strawberry.type
class TaxMutations:
    @strawberry.mutation(description="Make a tax.", permission_classes=[MAY])
    async def create_tax(self, info: Inf, input: NewTax) -> Tax | None:
        async with info.context.writing() as ctx:
            return shown(await create_tax(ctx, TaxCreate.parse(_values(input))))

    @strawberry.mutation(
        description="Change a tax. Drafts follow; issued documents keep it as it was.", permission_classes=[MAY]
    )
    async def update_tax(self, info: Inf, input: ChangedTax) -> Tax | None:
        async with info.context.writing() as ctx:
            changes = TaxUpdate.parse(_values(input, "id"))
            return shown(await update_tax(ctx, await _code_of(ctx, input.id), changes))

    @strawberry.mutation(
        description="Delete a tax. Everything that has it loses it, drafts too; issued documents keep it.",
        permission_classes=[MAY],
    )
    async def destroy_tax(self, info: Inf, input: GoneTax) -> Tax | None:
        async with info.context.writing() as ctx:
            return shown(await delete_tax(ctx, await _code_of(ctx, input.id)))
