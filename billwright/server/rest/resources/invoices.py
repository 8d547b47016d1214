"""``/invoices``: lists, drafts, documents, payment status and metadata (spec 04 §8, §12, §16, §18)."""

from __future__ import annotations

from uuid import UUID

from billwright.billing.customers.queries import get_customer
from billwright.billing.invoicing.collection import PaymentLinkOut, payment_url, retry_payment
from billwright.billing.invoicing.deletion import delete_draft
from billwright.billing.invoicing.disputes import lose_dispute
from billwright.billing.invoicing.documents import request_document
from billwright.billing.invoicing.drafts import finalize_invoice, refresh_invoice
from billwright.billing.invoicing.models import VISIBLE_STATUSES, Invoice
from billwright.billing.invoicing.one_off import create_one_off_invoice
from billwright.billing.invoicing.one_off_schemas import OneOffInvoiceCreate
from billwright.billing.invoicing.pending import retry_invoice as retry_taxes
from billwright.billing.invoicing.presenting import invoice_detail, invoice_list_objects
from billwright.billing.invoicing.queries import PAYMENT_STATUSES, InvoiceFilters, find_invoice, list_invoices
from billwright.billing.invoicing.schemas import InvoiceOut, InvoiceUpdate
from billwright.billing.invoicing.updates import update_invoice
from billwright.billing.invoicing.voiding import VoidOptions, void_invoice
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page
from billwright.billing.mailing.resending import ResendEmail, resend_invoice_email
from billwright.billing.previewing.schemas import PreviewInput
from billwright.billing.previewing.service import preview_invoice as preview
from billwright.server.rest.envelope import EMPTY, many, one
from billwright.server.rest.filters import BILLING_ENTITIES, PAGES, check_billing_entities
from billwright.server.rest.operations import Call, Parameter, operation


async def find_all_invoices(call: Call) -> Page[InvoiceOut]:
    return await _page(call, customer_id=None)


async def find_customer_invoices(call: Call, external_id: str) -> Page[InvoiceOut]:
    customer = await get_customer(call.context, external_id)
    return await _page(call, customer_id=customer.id)


async def _page(call: Call, *, customer_id: UUID | None) -> Page[InvoiceOut]:
    check_billing_entities(call)
    query = call.query
    external_id = query.text("external_customer_id") or query.text("customer_external_id")
    filters = InvoiceFilters(
        customer_id=customer_id,
        external_customer_id=external_id if customer_id is None else None,
        statuses=query.texts("statuses") or query.texts("status"),
        payment_statuses=query.texts("payment_statuses") or query.texts("payment_status"),
        invoice_types=query.texts("invoice_type"),
        currency=query.text("currency"),
        issuing_date_from=query.date("issuing_date_from"),
        issuing_date_to=query.date("issuing_date_to"),
        amount_from=query.integer("amount_from"),
        amount_to=query.integer("amount_to"),
        payment_overdue=query.boolean("payment_overdue"),
        payment_dispute_lost=query.boolean("payment_dispute_lost"),
        partially_paid=query.boolean("partially_paid"),
        self_billed=query.boolean("self_billed"),
        purchase_order_number=query.text("purchase_order_number"),
        search=query.text("search_term"),
        metadata=query.mapping("metadata"),
    )
    page = await list_invoices(call.context, filters, call.page)
    return Page(await invoice_list_objects(call.context, page.items), page.total_count, page.request)


def _id(lago_id: str) -> UUID:
    return parse_id(lago_id) or UUID(int=0)


async def _answer(call: Call, invoice: Invoice) -> InvoiceOut:
    return await invoice_detail(call.context, invoice)


async def create_invoice(call: Call, inp: OneOffInvoiceCreate) -> InvoiceOut:
    return await _answer(call, await create_one_off_invoice(call.context, inp))


async def preview_invoice(call: Call, inp: PreviewInput) -> InvoiceOut:
    return await preview(call.context, inp)


async def find_one_invoice(call: Call, lago_id: str) -> InvoiceOut:
    return await _answer(call, await find_invoice(call.context, _id(lago_id)))


async def change_invoice(call: Call, lago_id: str, inp: InvoiceUpdate) -> InvoiceOut:
    return await _answer(call, await update_invoice(call.context, _id(lago_id), inp))


async def _exists(call: Call, lago_id: str) -> None:
    await find_invoice(call.context, _id(lago_id))


async def refresh_draft(call: Call, lago_id: str) -> InvoiceOut:
    return await _answer(call, await refresh_invoice(call.context, _id(lago_id)))


async def finalize_draft(call: Call, lago_id: str) -> InvoiceOut:
    return await _answer(call, await finalize_invoice(call.context, _id(lago_id)))


async def download_invoice(call: Call, lago_id: str) -> InvoiceOut | None:
    invoice = await request_document(call.context, _id(lago_id))
    return await _answer(call, invoice) if invoice is not None else None


async def download_invoice_pdf(call: Call, lago_id: str) -> InvoiceOut | None:
    return await download_invoice(call, lago_id)


async def delete_invoice(call: Call, lago_id: str) -> InvoiceOut:
    return await _answer(call, await delete_draft(call.context, _id(lago_id)))


async def void_one_invoice(call: Call, lago_id: str, inp: VoidOptions) -> InvoiceOut:
    return await _answer(call, await void_invoice(call.context, _id(lago_id), inp))


async def lose_dispute_invoice(call: Call, lago_id: str) -> InvoiceOut:
    return await _answer(call, await lose_dispute(call.context, _id(lago_id)))


async def lose_dispute_of_invoice(call: Call, lago_id: str) -> InvoiceOut:
    return await lose_dispute_invoice(call, lago_id)


async def retry_invoice_payment(call: Call, lago_id: str) -> None:
    await retry_payment(call.context, _id(lago_id))


async def resend_email_of_invoice(call: Call, lago_id: str, inp: ResendEmail) -> None:
    await resend_invoice_email(call.context, _id(lago_id), inp)


async def invoice_payment_url(call: Call, lago_id: str) -> PaymentLinkOut:
    return await payment_url(call.context, _id(lago_id))


async def retry_invoice(call: Call, lago_id: str) -> InvoiceOut:
    return await _answer(call, await retry_taxes(call.context, _id(lago_id)))


_ONE = one("invoice", InvoiceOut)
_MANY = many("invoices", InvoiceOut)
_FILTERS = (
    *PAGES,
    Parameter("status", enum=VISIBLE_STATUSES),
    Parameter("statuses", "Any of these statuses.", "array"),
    Parameter("payment_status", enum=PAYMENT_STATUSES),
    Parameter("payment_statuses", "Any of these payment statuses.", "array"),
    Parameter("invoice_type", "May be given more than once."),
    Parameter("currency", "ISO 4217 code."),
    Parameter("issuing_date_from", "Inclusive.", "date"),
    Parameter("issuing_date_to", "Inclusive.", "date"),
    Parameter("amount_from", "Total in minor units, inclusive.", "integer"),
    Parameter("amount_to", "Total in minor units, inclusive.", "integer"),
    Parameter("payment_overdue", kind="boolean"),
    Parameter("payment_dispute_lost", kind="boolean"),
    Parameter("partially_paid", "Paid something, but not all.", "boolean"),
    Parameter("self_billed", kind="boolean"),
    Parameter("search_term", "Part of the number, of a customer's names, external id or e-mail; or an invoice id."),
    Parameter("metadata", "`metadata[key]=value`; an empty value finds those without the key.", "object"),
    Parameter("purchase_order_number"),
    BILLING_ENTITIES,
)
_DOWNLOAD = (
    "Answers the invoice once its PDF exists. Until then the answer is 200 without a body and the PDF is being made: "
    "ask again, or wait for the `invoice.generated` webhook."
)

OPERATIONS = [
    operation(
        "POST",
        "/invoices",
        permission="invoice:write",
        body=OneOffInvoiceCreate,
        root="invoice",
        nulls="drop_deep",
        answer=_ONE,
        summary="Issue a one-off invoice",
        description="Bills add-ons outside any subscription, at once. Taxes of a fee: its `tax_codes`, else the "
        "add-on's, else the customer's, else the organization's. `skip_psp` leaves out the automatic payment.",
        example={
            "external_customer_id": "customer_1",
            "currency": "EUR",
            "fees": [
                {
                    "add_on_code": "setup_fee",
                    "units": "2.5",
                    "unit_amount_cents": 1200,
                    "description": "Onboarding in May",
                    "tax_codes": ["vat_fr_20"],
                }
            ],
        },
    )(create_invoice),
    operation(
        "POST",
        "/invoices/preview",
        permission="invoice:write",
        body=PreviewInput,
        nulls="drop_deep",
        session="read",
        answer=_ONE,
        summary="Preview an invoice",
        description="What a customer would be billed, without storing anything. With `plan_code`: the first invoice of "
        "a new subscription. With `subscriptions`: the next invoice of existing ones, from their usage so far; with "
        "`terminated_at` or `plan_code` inside it, that of an ending or a change of plan. Without an `external_id` the "
        "customer is a new one on your defaults. Coupons sent count where the customer has none. No root key.",
        example={
            "customer": {"external_id": "customer_1"},
            "plan_code": "premium",
            "billing_time": "anniversary",
            "coupons": [{"code": "welcome"}],
        },
    )(preview_invoice),
    operation(
        "GET",
        "/invoices",
        permission="invoice:read",
        answer=_MANY,
        summary="List invoices, newest first",
        description="Lists carry the customer, metadata and taxes; fees and credits are in the single invoice.",
        parameters=(*_FILTERS, Parameter("external_customer_id")),
    )(find_all_invoices),
    operation(
        "GET",
        "/customers/{external_id}/invoices",
        permission="invoice:read",
        answer=_MANY,
        summary="List a customer's invoices",
        parameters=_FILTERS,
    )(find_customer_invoices),
    operation("GET", "/invoices/{lago_id}", permission="invoice:read", answer=_ONE, summary="Show an invoice")(
        find_one_invoice
    ),
    operation(
        "PUT",
        "/invoices/{lago_id}",
        permission="invoice:write",
        body=InvoiceUpdate,
        root="invoice",
        answer=_ONE,
        exists=_exists,
        summary="Change payment status and metadata",
        description="The metadata sent replace all: entries with an id are updated, others created, missing ones "
        "deleted.",
        example={"payment_status": "succeeded", "metadata": [{"key": "deal", "value": "42"}]},
    )(change_invoice),
    operation(
        "PUT",
        "/invoices/{lago_id}/refresh",
        permission="invoice:write",
        answer=_ONE,
        summary="Recompute a draft",
        description="From usage, prices and taxes as they are now. Invoices that are no drafts come back unchanged.",
    )(refresh_draft),
    operation(
        "PUT",
        "/invoices/{lago_id}/finalize",
        permission="invoice:write",
        answer=_ONE,
        summary="Issue a draft now",
    )(finalize_draft),
    operation(
        "POST",
        "/invoices/{lago_id}/download",
        permission="invoice:write",
        answer=_ONE.or_empty(),
        summary="Get the PDF of an invoice",
        description=_DOWNLOAD,
    )(download_invoice),
    operation(
        "POST",
        "/invoices/{lago_id}/download_pdf",
        permission="invoice:write",
        answer=_ONE.or_empty(),
        summary="Get the PDF of an invoice",
        description=_DOWNLOAD,
    )(download_invoice_pdf),
    operation(
        "DELETE",
        "/invoices/{lago_id}",
        permission="invoice:write",
        answer=_ONE,
        summary="Delete a draft",
        description="It disappears; its periods are not billed again.",
    )(delete_invoice),
    operation(
        "POST",
        "/invoices/{lago_id}/void",
        permission="invoice:write",
        body=VoidOptions,
        answer=_ONE,
        exists=_exists,
        summary="Void an issued invoice",
        description="It keeps its number and its document, and nothing is due on it any more. Coupons come back to the "
        "customer; so do wallet credits, unless a credit note is asked for. No root key; the body may be empty.",
        example={"generate_credit_note": True, "credit_amount": 300, "refund_amount": 300},
    )(void_one_invoice),
    operation(
        "POST",
        "/invoices/{lago_id}/lose_dispute",
        permission="invoice:write",
        answer=_ONE,
        summary="Mark a payment dispute as lost",
        description="Such an invoice is no longer overdue and cannot be voided or collected. The first date is kept.",
    )(lose_dispute_invoice),
    operation(
        "PUT",
        "/invoices/{lago_id}/lose_dispute",
        permission="invoice:write",
        answer=_ONE,
        summary="Mark a payment dispute as lost",
        description="The same as POST.",
    )(lose_dispute_of_invoice),
    operation(
        "POST",
        "/invoices/{lago_id}/retry",
        permission="invoice:write",
        answer=_ONE,
        summary="Retry an invoice whose taxes were refused",
        description="Only for status `failed`.",
    )(retry_invoice),
    operation(
        "POST",
        "/invoices/{lago_id}/retry_payment",
        permission="invoice:write",
        answer=EMPTY,
        summary="Try to collect an unpaid invoice again",
        description="Answers 200 without a body. Customers without a payment provider are announced by the webhook "
        "`invoice.payment_failure`, so that you can collect by yourself.",
    )(retry_invoice_payment),
    operation(
        "POST",
        "/invoices/{lago_id}/resend_email",
        permission="invoice:write",
        body=ResendEmail,
        optional_body=True,
        answer=EMPTY,
        exists=_exists,
        summary="Send the e-mail of an issued invoice again",
        description="To the customer, unless `to` names others. Needs the setting `invoice.finalized` among the "
        "organization's `email_settings`. No root key; the body may be empty. Answers 200 without a body.",
        example={"to": ["billing@acme.example"], "cc": ["cfo@acme.example"]},
    )(resend_email_of_invoice),
    operation(
        "POST",
        "/invoices/{lago_id}/payment_url",
        permission="invoice:write",
        answer=one("invoice_payment_details", PaymentLinkOut),
        summary="Get a link to pay an invoice",
        description="Needs a customer who is linked to a payment provider with a payment page.",
    )(invoice_payment_url),
]
