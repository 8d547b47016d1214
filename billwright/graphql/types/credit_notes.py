"""Credit notes, and what reduced an invoice. Amounts are minor units of their currency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry

from billwright.billing.credit_notes import models
from billwright.graphql.scalars import BigInt, ISO8601Date, ISO8601DateTime
from billwright.graphql.types.common import Inf, f

Line = strawberry.Parent[Mapping[str, Any]]


@strawberry.type(description="Money given back for an invoice: as credit, as a refund, or as a smaller amount due.")
class CreditNote:
    id: strawberry.ID = f("Internal id.")
    number: str = f("Number.")
    reason: str = f("Why it was issued.")
    description: str | None = f("Text for the customer.")
    currency: str = f("Currency (ISO 4217).")
    issuing_date: ISO8601Date = f("Day of issue, in the customer's zone.")
    credit_status: str | None = f("available, consumed or voided; null without a credit.")
    refund_status: str | None = f("pending, succeeded or failed; null without a refund.")
    total_amount_cents: BigInt = f("Total, taxes included, in minor units.")
    credit_amount_cents: BigInt = f("Given as credit, in minor units.")
    refund_amount_cents: BigInt = f("Refunded, in minor units.")
    offset_amount_cents: BigInt = f("Taken off what the invoice asks for, in minor units.")
    balance_amount_cents: BigInt = f("What is left of the credit, in minor units.")
    created_at: ISO8601DateTime = f("When it was made.")

    @strawberry.field(description="Invoice for which it was issued.")
    def invoice_id(self, root: strawberry.Parent[models.CreditNote], info: Inf) -> strawberry.ID:
        return strawberry.ID(str(root.invoice_id))


@strawberry.type(description="One reduction of an invoice: a coupon, a credit note, or usage billed before.")
class InvoiceCredit:
    @strawberry.field(description="coupon, credit_note or invoice.")
    def item_type(self, root: Line) -> str:
        return root["item"]["type"]

    @strawberry.field(description="The coupon's code, or the number of the credit note or invoice.")
    def item_code(self, root: Line) -> str:
        return root["item"]["code"]

    @strawberry.field(description="The coupon's name, or the number of the credit note's invoice or of the invoice.")
    def item_name(self, root: Line) -> str:
        return root["item"]["name"]

    @strawberry.field(description="Amount in minor units, positive.")
    def amount_cents(self, root: Line) -> BigInt:
        return BigInt(root["amount_cents"])

    @strawberry.field(description="Currency (ISO 4217).")
    def amount_currency(self, root: Line) -> str:
        return root["amount_currency"]

    @strawberry.field(description="Whether it comes off before taxes are computed.")
    def before_taxes(self, root: Line) -> bool:
        return root["before_taxes"]
