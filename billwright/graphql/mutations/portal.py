"""Links to the portal, and what a portal token may do: its own information, purchases, documents (spec 07 §5.4)."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.background.jobs import JobCall
from billwright.billing.invoicing.collection import payment_url
from billwright.billing.invoicing.documents import make_document, request_document
from billwright.billing.kernel.ids import new_id, parse_id
from billwright.billing.portal import queries as own
from billwright.billing.portal import service
from billwright.graphql.enums import CustomerCustomerTypeEnum
from billwright.graphql.mutations.customers import customer_of
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission, IsPortalCustomer
from billwright.graphql.queries.portal import NOBODY
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.portal import (
    CustomerPortalCustomer,
    CustomerPortalInvoiceDocument,
    CustomerPortalPaymentUrl,
    CustomerPortalWalletTransaction,
    PortalUrl,
)


@strawberry.input(description="Names one object.")
class GenerateCustomerPortalUrlInput:
    id: strawberry.ID = m("Internal id of the customer.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class DownloadCustomerPortalInvoiceInput:
    id: strawberry.ID = m("Internal id of the invoice.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class GenerateCustomerPortalPaymentUrlInput:
    invoice_id: strawberry.ID = m("Internal id of the invoice.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Credits to buy.")
class CreateCustomerPortalWalletTransactionInput:
    wallet_id: strawberry.ID = m("Internal id of the wallet.")
    paid_credits: str = m("Credits to buy, as decimal text above 0.")
    form_token: str | None = i("Text that names this purchase: sent again, it buys nothing and answers the first one.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="A shipping address; attributes that are not sent are left alone.")
class CustomerPortalAddressInput:
    address_line1: str | None = i("First line.")
    address_line2: str | None = i("Second line.")
    city: str | None = i("City.")
    zipcode: str | None = i("Postal code.")
    state: str | None = i("State or province.")
    country: str | None = i("Country (ISO 3166 alpha-2).")


@strawberry.input(description="What a customer changes of itself; attributes that are not sent are left alone.")
class UpdateCustomerPortalCustomerInput:
    customer_type: CustomerCustomerTypeEnum | None = i("Company or individual.")
    name: str | None = i("Name.")
    firstname: str | None = i("First name.")
    lastname: str | None = i("Last name.")
    legal_name: str | None = i("Legal name.")
    tax_identification_number: str | None = i("Tax id.")
    email: str | None = i("E-mail addresses for invoices, separated by commas.")
    document_locale: str | None = i("Language of the portal and of new documents; null: the organization's.")
    address_line1: str | None = i("First line of the billing address.")
    address_line2: str | None = i("Second line of the billing address.")
    city: str | None = i("City of the billing address.")
    zipcode: str | None = i("Postal code of the billing address.")
    state: str | None = i("State or province of the billing address.")
    country: str | None = i("Country of the billing address (ISO 3166 alpha-2).")
    shipping_address: CustomerPortalAddressInput | None = i("Where goods go; null clears it.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


Linking = Annotated[GenerateCustomerPortalUrlInput, strawberry.argument(description="Whose portal.")]
Downloading = Annotated[DownloadCustomerPortalInvoiceInput, strawberry.argument(description="Which invoice.")]
Paying = Annotated[GenerateCustomerPortalPaymentUrlInput, strawberry.argument(description="Which invoice.")]
Buying = Annotated[CreateCustomerPortalWalletTransactionInput, strawberry.argument(description="How many credits.")]
Changed = Annotated[UpdateCustomerPortalCustomerInput, strawberry.argument(description="What to change.")]


def own_mutation(description: str) -> Any:
    """A mutation for portal tokens."""
    return strawberry.mutation(description=description, permission_classes=[IsPortalCustomer])


@strawberry.type
class PortalMutations:
    @strawberry.mutation(
        description="A link to a customer's portal, valid for twelve hours; each call makes another one.",
        permission_classes=[HasPermission("customers:view")],
    )
    async def generate_customer_portal_url(self, info: Inf, input: Linking) -> PortalUrl | None:
        async with info.context.reading() as ctx:
            customer = await customer_of(ctx, input.id)
        return PortalUrl(url=info.context.services.settings.portal_links.url(customer.id))

    @own_mutation("Make the PDF of a finalized invoice, if there is none, and an address for it.")
    async def download_customer_portal_invoice(
        self, info: Inf, input: Downloading
    ) -> CustomerPortalInvoiceDocument | None:
        customer = (await info.context.visitor()).customer
        services = info.context.services
        async with info.context.writing() as ctx:
            invoice = await own.own_invoice(ctx, customer, parse_id(input.id) or NOBODY)
            ready = await request_document(ctx, invoice.id)
            invoice_id, organization_id = invoice.id, ctx.organization_id
        if ready is None:
            arguments = {"invoice_id": str(invoice_id)}
            await make_document(JobCall(services.runtime, new_id(), organization_id, arguments, attempt=1))
        async with info.context.reading() as ctx:
            file_id = (await own.own_invoice(ctx, (await info.context.visitor()).customer, invoice_id)).file_id
        file_url = services.settings.portal_links.file_url(file_id) if file_id else None
        return CustomerPortalInvoiceDocument(id=strawberry.ID(str(invoice_id)), file_url=file_url)

    @own_mutation("A page on which an invoice can be paid.")
    async def generate_customer_portal_payment_url(self, info: Inf, input: Paying) -> CustomerPortalPaymentUrl | None:
        customer = (await info.context.visitor()).customer
        async with info.context.writing() as ctx:
            invoice = await own.own_invoice(ctx, customer, parse_id(input.invoice_id) or NOBODY)
            return CustomerPortalPaymentUrl(payment_url=(await payment_url(ctx, invoice.id))["payment_url"])

    @own_mutation("Buy credits: the invoice follows at once. At most ten purchases an hour.")
    async def create_customer_portal_wallet_transaction(
        self, info: Inf, input: Buying
    ) -> CustomerPortalWalletTransaction | None:
        customer_id = (await info.context.visitor()).customer.id
        async with info.context.writing() as ctx:
            given = sent(input)
            wallet_id = parse_id(given["wallet_id"]) or NOBODY
            return shown(
                await service.top_up(ctx, customer_id, wallet_id, given["paid_credits"], given.get("form_token"))
            )

    @own_mutation("Change the customer's own information.")
    async def update_customer_portal_customer(self, info: Inf, input: Changed) -> CustomerPortalCustomer | None:
        customer_id = (await info.context.visitor()).customer.id
        async with info.context.writing() as ctx:
            return shown(await service.update_information(ctx, customer_id, sent(input)))
