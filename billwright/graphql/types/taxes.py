"""Taxes."""

from __future__ import annotations

import strawberry

from billwright.billing.taxes import models
from billwright.billing.taxes.queries import tax_counts
from billwright.billing.taxes.schemas import TaxCounts
from billwright.graphql.scalars import DecimalText, ISO8601DateTime
from billwright.graphql.types.common import Inf, f

TaxRow = strawberry.Parent[models.Tax]


async def _counts(info: Inf, root: models.Tax) -> TaxCounts:
    none: TaxCounts = {"add_ons_count": 0, "customers_count": 0, "plans_count": 0, "charges_count": 0}
    return await info.context.load(tax_counts, root.id, none)


@strawberry.type(description="A tax of the organization.")
class Tax:
    id: strawberry.ID = f("Internal id.")
    name: str = f("Name printed on documents.")
    code: str = f("Code of the tax, unique in the organization.")
    description: str | None = f("What the tax is for.")
    rate: DecimalText = f("Rate in percent.")
    applied_to_organization: bool = f("Whether customers without taxes of their own pay it.")
    auto_generated: bool = f("Whether EU tax management made it.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")

    @strawberry.field(description="Customers that have it.")
    async def customers_count(self, root: TaxRow, info: Inf) -> int:
        return (await _counts(info, root))["customers_count"]

    @strawberry.field(description="Plans that have it; overrides are not counted.")
    async def plans_count(self, root: TaxRow, info: Inf) -> int:
        return (await _counts(info, root))["plans_count"]

    @strawberry.field(description="Charges that have it; overrides are not counted.")
    async def charges_count(self, root: TaxRow, info: Inf) -> int:
        return (await _counts(info, root))["charges_count"]

    @strawberry.field(description="Add-ons that have it.")
    async def add_ons_count(self, root: TaxRow, info: Inf) -> int:
        return (await _counts(info, root))["add_ons_count"]
