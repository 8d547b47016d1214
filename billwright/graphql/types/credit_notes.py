"""Credit notes, and what reduced an invoice. Amounts are minor units of their currency."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from billwright.billing.credit_notes import models
from billwright.billing.credit_notes.schemas import CreditNoteEstimateOut
from billwright.billing.mailing.scenarios import CREDIT_NOTE, is_on
from billwright.graphql import batches, credit_note_batches
from billwright.graphql.enums import (
    CreditNoteCreditStatusEnum,
    CreditNoteReasonEnum,
    CreditNoteRefundStatusEnum,
)
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601Date, ISO8601DateTime, JsonObject
from billwright.graphql.types.common import Inf, f

if TYPE_CHECKING:
    from billwright.graphql.types.customers import Customer
    from billwright.graphql.types.invoices import Fee, Invoice

LazyCustomer = Annotated["Customer", strawberry.lazy("billwright.graphql.types.customers")]
LazyInvoice = Annotated["Invoice", strawberry.lazy("billwright.graphql.types.invoices")]
LazyFee = Annotated["Fee", strawberry.lazy("billwright.graphql.types.invoices")]
Line = strawberry.Parent[Mapping[str, Any]]
NoteRow = strawberry.Parent[models.CreditNote]
ItemRow = strawberry.Parent[models.CreditNoteItem]
_BASE = "Taxed base in minor units, coupons deducted."


@strawberry.type(description="What is given back of one fee.")
class CreditNoteItem:
    id: strawberry.ID = f("Internal id.")
    amount_cents: BigInt = f("Amount without taxes and before coupons, in minor units.")

    @strawberry.field(description="Currency (ISO 4217).")
    def amount_currency(self, root: ItemRow) -> str:
        return root.currency

    @strawberry.field(description="The fee.")
    async def fee(self, root: ItemRow, info: Inf) -> LazyFee:
        return await info.context.load(credit_note_batches.fees, root.fee_id)


@strawberry.type(description="A tax of a credit note, as it was on the invoice.")
class CreditNoteAppliedTax:
    id: strawberry.ID = f("Internal id.")
    tax_code: str = f("Code of the tax.")
    tax_name: str = f("Name of the tax.")
    tax_rate: DecimalText = f("Rate in percent.")
    base_amount_cents: BigInt = f(_BASE)
    amount_cents: BigInt = f("Tax in minor units.")


@strawberry.type(description="Money given back for an invoice: as credit, as a refund, or as a smaller amount due.")
class CreditNote:
    id: strawberry.ID = f("Internal id.")
    number: str = f("Number.")
    sequential_id: int = f("Number among the credit notes of its invoice, from 1.")
    description: str | None = f("Internal note; never printed.")
    currency: str = f("Currency (ISO 4217).")
    issuing_date: ISO8601Date = f("Day of issue, in the customer's zone.")
    total_amount_cents: BigInt = f("Total, taxes included, in minor units.")
    taxes_amount_cents: BigInt = f("Taxes, in minor units.")
    taxes_rate: DecimalText = f("Taxes in percent of what they are on.")
    sub_total_excluding_taxes_amount_cents: BigInt = f("Total without taxes, in minor units.")
    coupons_adjustment_amount_cents: BigInt = f("Share of the invoice's coupons in the items, in minor units.")
    credit_amount_cents: BigInt = f("Given as credit, in minor units.")
    refund_amount_cents: BigInt = f("Refunded, in minor units.")
    offset_amount_cents: BigInt = f("Taken off what the invoice asks for, in minor units.")
    balance_amount_cents: BigInt = f("What is left of the credit, in minor units.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")
    voided_at: ISO8601DateTime | None = f("When what was left of its credit was voided.")
    refunded_at: ISO8601DateTime | None = f("When its refund succeeded.")

    @strawberry.field(description="Why it was issued.")
    def reason(self, root: NoteRow) -> CreditNoteReasonEnum:
        return CreditNoteReasonEnum(root.reason)

    @strawberry.field(description="State of its credit; available from the start, also where there is none.")
    def credit_status(self, root: NoteRow) -> CreditNoteCreditStatusEnum:
        return CreditNoteCreditStatusEnum(root.credit_status)

    @strawberry.field(description="State of its refund; null without a refund.")
    def refund_status(self, root: NoteRow) -> CreditNoteRefundStatusEnum | None:
        return CreditNoteRefundStatusEnum(root.refund_status) if root.refund_status else None

    @strawberry.field(description="Whether something of its credit is left that can be voided.")
    def can_be_voided(self, root: NoteRow) -> bool:
        return root.credit_status != "voided" and root.balance_amount_cents > 0

    @strawberry.field(description="Whether it can be mailed to the customer again: such e-mails are on.")
    async def can_be_mailed(self, root: NoteRow, info: Inf) -> bool:
        return is_on((await info.context.principal()).organization, CREDIT_NOTE)

    @strawberry.field(description="Your own keys and values.")
    def metadata(self, root: NoteRow) -> JsonObject | None:
        return JsonObject(root.custom_metadata) if root.custom_metadata else None

    @strawberry.field(description="Seller and buyer as printed, fixed when it was issued.")
    def issued_parties(self, root: NoteRow) -> JsonObject | None:
        return JsonObject(root.issued_parties) if root.issued_parties else None

    @strawberry.field(description="Internal id of the invoice for which it was issued.")
    def invoice_id(self, root: NoteRow, info: Inf) -> strawberry.ID:
        return strawberry.ID(str(root.invoice_id))

    @strawberry.field(description="Invoice for which it was issued; null without invoices:view.")
    async def invoice(self, root: NoteRow, info: Inf) -> LazyInvoice | None:
        if not await info.context.may("invoices:view"):
            return None
        return await info.context.load(batches.invoices, root.invoice_id)

    @strawberry.field(description="Whose invoice it was.")
    async def customer(self, root: NoteRow, info: Inf) -> LazyCustomer:
        return await info.context.load(batches.customers, root.customer_id)

    @strawberry.field(description="What is given back, fee by fee.")
    async def items(self, root: NoteRow, info: Inf) -> list[CreditNoteItem]:
        return await info.context.load(credit_note_batches.items_of_credit_note, root.id, [])

    @strawberry.field(description="Taxes given back.")
    async def applied_taxes(self, root: NoteRow, info: Inf) -> list[CreditNoteAppliedTax]:
        return await info.context.load(credit_note_batches.taxes_of_credit_note, root.id, [])

    @strawberry.field(description="Signed address of its PDF; null until downloadCreditNote made one.")
    async def file_url(self, root: NoteRow, info: Inf) -> str | None:
        return await info.context.load(credit_note_batches.file_url_of_credit_note, root.id)


@strawberry.type(description="What is left of a customer's credit notes in one currency.")
class CreditNotesBalance:
    currency: str = f("Currency (ISO 4217).")
    amount_cents: BigInt = f("What later invoices can use, in minor units.")
    credit_notes_count: int = f("How many credit notes have something left.")


@strawberry.type(description="What would be given back of one fee.")
class CreditNoteItemEstimate:
    fee_id: strawberry.ID = f("Internal id of the fee.")
    amount_cents: BigInt = f("Amount without taxes and before coupons, in minor units.")


@strawberry.type(description="A tax that a credit note would give back.")
class CreditNoteAppliedTaxEstimate:
    tax_code: str = f("Code of the tax.")
    tax_name: str = f("Name of the tax.")
    tax_rate: DecimalText = f("Rate in percent.")
    base_amount_cents: BigInt = f(_BASE)
    amount_cents: BigInt = f("Tax in minor units.")


@strawberry.type(description="What a credit note with these items would be worth. Amounts in minor units.")
class CreditNoteEstimate:
    currency: str = f("Currency (ISO 4217).")
    taxes_amount_cents: BigInt = f("Taxes.")
    taxes_rate: DecimalText = f("Taxes in percent of what they are on.")
    sub_total_excluding_taxes_amount_cents: BigInt = f("Worth without taxes.")
    coupons_adjustment_amount_cents: BigInt = f("Share of the invoice's coupons in the items; not given back.")
    max_creditable_amount_cents: BigInt = f("Worth with taxes: what can become credit.")
    max_refundable_amount_cents: BigInt = f("The most of it that can be refunded.")
    max_offsettable_amount_cents: BigInt = f("The most of it that can come off what the invoice asks for.")
    items: list[CreditNoteItemEstimate] = f("The items, one per fee.")
    applied_taxes: list[CreditNoteAppliedTaxEstimate] = f("The taxes.")


def credit_note_estimate(found: CreditNoteEstimateOut) -> CreditNoteEstimate:
    """The estimate that REST answers with, as its GraphQL type."""
    return CreditNoteEstimate(
        currency=found["currency"],
        taxes_amount_cents=BigInt(found["taxes_amount_cents"]),
        taxes_rate=_decimal(found["taxes_rate"]),
        sub_total_excluding_taxes_amount_cents=BigInt(found["sub_total_excluding_taxes_amount_cents"]),
        coupons_adjustment_amount_cents=BigInt(found["coupons_adjustment_amount_cents"]),
        max_creditable_amount_cents=BigInt(found["max_creditable_amount_cents"]),
        max_refundable_amount_cents=BigInt(found["max_refundable_amount_cents"]),
        max_offsettable_amount_cents=BigInt(found["max_offsettable_amount_cents"]),
        items=[
            CreditNoteItemEstimate(
                fee_id=strawberry.ID(str(item["lago_fee_id"])), amount_cents=BigInt(item["amount_cents"])
            )
            for item in found["items"]
        ],
        applied_taxes=[
            CreditNoteAppliedTaxEstimate(
                tax_code=tax["tax_code"],
                tax_name=tax["tax_name"],
                tax_rate=_decimal(tax["tax_rate"]),
                base_amount_cents=BigInt(tax["base_amount_cents"]),
                amount_cents=BigInt(tax["amount_cents"]),
            )
            for tax in found["applied_taxes"]
        ],
    )


def _decimal(number: object) -> DecimalText:
    return DecimalText(Decimal(str(number)))


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
