"""The organization's settings as its one billing entity (spec 07 §9.6)."""

from __future__ import annotations

import strawberry

from billwright.billing.access.entity_schemas import entity_numbering
from billwright.billing.access.naming import billing_entity_code
from billwright.graphql.scalars import ISO8601DateTime
from billwright.graphql.types.access import OrganizationRow, Seller
from billwright.graphql.types.common import f


@strawberry.type(description="Who sells, and how it bills: the organization's own settings under the names of REST.")
class BillingEntity(Seller):
    updated_at: ISO8601DateTime = f("When it was last changed.")

    @strawberry.field(description="Code; it stays as it was first.")
    def code(self, root: OrganizationRow) -> str:
        return billing_entity_code(root)

    @strawberry.field(description="How invoices are numbered: per_customer or per_billing_entity.")
    def document_numbering(self, root: OrganizationRow) -> str:
        return entity_numbering(root)

    @strawberry.field(description="Whether objects that name no entity belong to it.")
    def is_default(self, root: OrganizationRow) -> bool:
        return True
