"""Taxes."""

from __future__ import annotations

import strawberry

from billwright.graphql.scalars import DecimalText, ISO8601DateTime
from billwright.graphql.types.common import f


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
