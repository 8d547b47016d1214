"""One-off invoices: add-ons billed at once, and what they would come to (spec 04 §14)."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.add_ons.queries import add_on_codes
from billwright.billing.invoicing.one_off import OneOffEstimate, create_one_off_invoice, estimate_one_off_invoice
from billwright.billing.invoicing.one_off_schemas import OneOffInvoiceCreate
from billwright.billing.kernel.ids import parse_id
from billwright.graphql.mutations.customers import customer_of
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601DateTime
from billwright.graphql.types.common import Inf, f, shown
from billwright.graphql.types.invoices import FeeAppliedTax, Invoice, InvoiceAppliedTax

_CURRENCY = "Currency (ISO 4217); the customer's when left out."
_FEES = "What is billed, in order."


@strawberry.input(description="One line of a one-off invoice.")
class FeeInput:
    add_on_id: strawberry.ID = m("Internal id of the add-on.")
    units: DecimalText | None = i("How many; 1 when left out.")
    unit_amount_cents: BigInt | None = i("Price of one in minor units; the add-on's when left out.")
    description: str | None = i("Description; the add-on's when left out.")
    invoice_display_name: str | None = i("Name printed in place of the add-on's.")
    tax_codes: list[str] | None = i("Taxes; when left out or empty: the add-on's, else the customer's.")
    from_datetime: ISO8601DateTime | None = i("Begin of what is billed; shown only. Both dates or none.")
    to_datetime: ISO8601DateTime | None = i("End of what is billed.")


@strawberry.input(description="Add-ons billed to a customer at once.")
class CreateInvoiceInput:
    customer_id: strawberry.ID = m("Internal id of the customer.")
    fees: list[FeeInput] = m(_FEES)
    currency: str | None = i(_CURRENCY)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Add-ons that might be billed to a customer.")
class FetchDraftInvoiceTaxesInput:
    customer_id: strawberry.ID = m("Internal id of the customer.")
    fees: list[FeeInput] = m(_FEES)
    currency: str | None = i(_CURRENCY)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.type(description="A line that might be billed, with its taxes.")
class DraftInvoiceFee:
    add_on_id: strawberry.ID = f("Internal id of the add-on.")
    item_name: str = f("Name that would be printed.")
    units: DecimalText = f("Units.")
    amount_cents: BigInt = f("Amount without taxes, in minor units.")
    taxes_amount_cents: BigInt = f("Taxes, in minor units.")
    taxes_rate: DecimalText = f("Sum of the rates in percent.")
    applied_taxes: list[FeeAppliedTax] = f("Taxes of the line.")


@strawberry.type(description="What a one-off invoice would come to. Amounts in minor units.")
class DraftInvoiceTaxes:
    currency: str = f("Currency (ISO 4217).")
    collection: list[DraftInvoiceFee] = f("The lines, in the order asked for.")
    applied_taxes: list[InvoiceAppliedTax] = f("Taxes of the whole.")
    fees_amount_cents: BigInt = f("Sum of the lines.")
    taxes_amount_cents: BigInt = f("Taxes.")
    total_amount_cents: BigInt = f("Total.")


Billing = Annotated[CreateInvoiceInput, strawberry.argument(description="Who is billed for what.")]
Fetching = Annotated[FetchDraftInvoiceTaxesInput, strawberry.argument(description="Who might be billed for what.")]


async def _asked(ctx: Context, input: CreateInvoiceInput | FetchDraftInvoiceTaxesInput) -> OneOffInvoiceCreate:
    """The REST form of the input. Raises ``NotFound`` (``customer``, ``add_on``) and ``ValidationFailed``."""
    customer = await customer_of(ctx, input.customer_id)
    codes = await add_on_codes(ctx, [parse_id(fee.add_on_id) for fee in input.fees])
    asked: dict[str, Any] = {"external_customer_id": customer.external_id}
    if input.currency is not strawberry.UNSET:
        asked["currency"] = input.currency
    asked["fees"] = [
        {**{name: value for name, value in sent(fee, "add_on_id").items() if value is not None}, "add_on_code": code}
        for fee, code in zip(input.fees, codes, strict=True)
    ]
    return OneOffInvoiceCreate.parse(asked)


@strawberry.type
class OneOffInvoiceMutations:
    @strawberry.mutation(
        description="Bill add-ons at once; null when the invoice is empty and such are not issued.",
        permission_classes=[HasPermission("invoices:create")],
    )
    async def create_invoice(self, info: Inf, input: Billing) -> Invoice | None:
        async with info.context.writing() as ctx:
            made = await create_one_off_invoice(ctx, await _asked(ctx, input))
            return None if made.status == "closed" else shown(made)

    @strawberry.mutation(
        description="Taxes and totals of a one-off invoice that is not made.",
        permission_classes=[HasPermission("invoices:create")],
    )
    async def fetch_draft_invoice_taxes(self, info: Inf, input: Fetching) -> DraftInvoiceTaxes | None:
        async with info.context.writing() as ctx:
            return _shown(await estimate_one_off_invoice(ctx, await _asked(ctx, input)))


def _shown(found: OneOffEstimate) -> DraftInvoiceTaxes:
    totals = found.totals
    return DraftInvoiceTaxes(
        currency=found.currency,
        collection=[
            DraftInvoiceFee(
                add_on_id=strawberry.ID(str(fee.add_on_id)),
                item_name=fee.invoice_display_name or fee.item["invoice_display_name"],
                units=DecimalText(fee.units),
                amount_cents=BigInt(fee.amount_cents),
                taxes_amount_cents=BigInt(taxed.taxes_amount_cents),
                taxes_rate=DecimalText(taxed.taxes_rate),
                applied_taxes=[
                    FeeAppliedTax(
                        tax_code=applied.tax.code,
                        tax_name=applied.tax.name,
                        tax_rate=DecimalText(applied.tax.rate),
                        amount_cents=BigInt(applied.amount_cents),
                    )
                    for applied in taxed.applied
                ],
            )
            for fee, taxed in zip(found.fees, totals.fee_taxes, strict=True)
        ],
        applied_taxes=[
            InvoiceAppliedTax(
                tax_code=applied.tax.code,
                tax_name=applied.tax.name,
                tax_rate=DecimalText(applied.tax.rate),
                fees_amount_cents=BigInt(applied.fees_amount_cents),
                amount_cents=BigInt(applied.amount_cents),
            )
            for applied in totals.taxes.applied
        ],
        fees_amount_cents=BigInt(totals.fees_amount_cents),
        taxes_amount_cents=BigInt(totals.taxes_amount_cents),
        total_amount_cents=BigInt(totals.total_amount_cents),
    )
