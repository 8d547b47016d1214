"""``/credit_notes`` (spec 05 C3, C5)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from billwright.billing.credit_notes import service
from billwright.billing.credit_notes.documents import request_document
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.presenting import credit_note_detail, credit_note_objects
from billwright.billing.credit_notes.queries import (
    CREDIT_STATUSES,
    CreditNoteFilters,
    find_credit_note,
    list_credit_notes,
)
from billwright.billing.credit_notes.refunding import REFUND_STATUSES
from billwright.billing.credit_notes.schemas import (
    REASONS,
    CreditNoteCreate,
    CreditNoteEstimateInput,
    CreditNoteEstimateOut,
    CreditNoteMetadataOut,
    CreditNoteOut,
    CreditNoteUpdate,
    MetadataInput,
)
from billwright.billing.customers.queries import get_customer
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page
from billwright.billing.mailing.resending import ResendEmail, resend_credit_note_email
from billwright.server.rest.envelope import EMPTY, bare, many, one
from billwright.server.rest.filters import BILLING_ENTITIES, PAGES, check_billing_entities
from billwright.server.rest.operations import Call, Parameter, operation


def _id(lago_id: str) -> UUID:
    return parse_id(lago_id) or UUID(int=0)


async def _answer(call: Call, note: CreditNote) -> CreditNoteOut:
    return await credit_note_detail(call.context, note)


async def create_credit_note(call: Call, inp: CreditNoteCreate) -> CreditNoteOut:
    return await _answer(call, await service.create_credit_note(call.context, inp))


async def estimate_credit_note(call: Call, inp: CreditNoteEstimateInput) -> CreditNoteEstimateOut:
    return await service.estimate_credit_note(call.context, inp)


async def find_all_credit_notes(call: Call) -> Page[CreditNoteOut]:
    return await _page(call, customer_id=None)


async def find_all_customer_credit_notes(call: Call, external_id: str) -> Page[CreditNoteOut]:
    customer = await get_customer(call.context, external_id)
    return await _page(call, customer_id=customer.id)


async def _page(call: Call, *, customer_id: UUID | None) -> Page[CreditNoteOut]:
    check_billing_entities(call)
    query = call.query
    filters = CreditNoteFilters(
        customer_id=customer_id,
        external_customer_id=query.text("external_customer_id") if customer_id is None else None,
        issuing_date_from=query.date("issuing_date_from"),
        issuing_date_to=query.date("issuing_date_to"),
        amount_from=query.integer("amount_from"),
        amount_to=query.integer("amount_to"),
        currency=query.text("currency"),
        reasons=query.texts("reason"),
        credit_statuses=query.texts("credit_status"),
        refund_statuses=query.texts("refund_status"),
        invoice_number=query.text("invoice_number"),
        search=query.text("search_term"),
        self_billed=query.boolean("self_billed"),
    )
    page = await list_credit_notes(call.context, filters, call.page)
    return Page(await credit_note_objects(call.context, page.items), page.total_count, page.request)


async def find_one_credit_note(call: Call, lago_id: str) -> CreditNoteOut:
    return await _answer(call, await find_credit_note(call.context, _id(lago_id)))


async def update_credit_note(call: Call, lago_id: str, inp: CreditNoteUpdate) -> CreditNoteOut:
    return await _answer(call, await service.update_credit_note(call.context, _id(lago_id), inp))


async def void_credit_note(call: Call, lago_id: str) -> CreditNoteOut:
    return await _answer(call, await service.void_credit_note(call.context, _id(lago_id)))


async def download_credit_note(call: Call, lago_id: str) -> CreditNoteOut | None:
    note = await request_document(call.context, _id(lago_id))
    return await _answer(call, note) if note is not None else None


async def download_credit_note_pdf(call: Call, lago_id: str) -> CreditNoteOut | None:
    return await download_credit_note(call, lago_id)


async def resend_email_of_credit_note(call: Call, lago_id: str, inp: ResendEmail) -> None:
    await resend_credit_note_email(call.context, _id(lago_id), inp)


async def replace_credit_note_metadata(call: Call, lago_id: str, inp: MetadataInput) -> CreditNoteMetadataOut:
    return {"metadata": await service.replace_metadata(call.context, _id(lago_id), inp.metadata)}


async def merge_credit_note_metadata(call: Call, lago_id: str, inp: MetadataInput) -> CreditNoteMetadataOut:
    return {"metadata": await service.merge_metadata(call.context, _id(lago_id), inp.metadata)}


async def delete_all_credit_note_metadata(call: Call, lago_id: str) -> CreditNoteMetadataOut:
    return {"metadata": await service.delete_metadata(call.context, _id(lago_id))}


async def delete_credit_note_metadata_key(call: Call, lago_id: str, key: str) -> CreditNoteMetadataOut:
    return {"metadata": await service.delete_metadata(call.context, _id(lago_id), key)}


async def _exists(call: Call, lago_id: str) -> None:
    await find_credit_note(call.context, _id(lago_id))


_ONE = one("credit_note", CreditNoteOut)
_MANY = many("credit_notes", CreditNoteOut)
_METADATA = bare(CreditNoteMetadataOut)
_FILTERS = (
    *PAGES,
    Parameter("issuing_date_from", "Inclusive.", "date"),
    Parameter("issuing_date_to", "Inclusive.", "date"),
    Parameter("amount_from", "Total in minor units, inclusive.", "integer"),
    Parameter("amount_to", "Total in minor units, inclusive.", "integer"),
    Parameter("currency", "ISO 4217 code."),
    Parameter("reason", enum=REASONS),
    Parameter("credit_status", enum=CREDIT_STATUSES),
    Parameter("refund_status", enum=REFUND_STATUSES),
    Parameter("invoice_number"),
    Parameter("search_term", "Part of the number, of a customer's names, external id or e-mail; or an id."),
    Parameter("self_billed", kind="boolean"),
    BILLING_ENTITIES,
)
_DOWNLOAD = (
    "Answers the credit note once its PDF exists. Until then the answer is 200 without a body and the PDF is being "
    "made: ask again, or wait for the `credit_note.generated` webhook."
)
_INVOICE = "1a901a90-1a90-1a90-1a90-1a901a901a90"
_ITEMS: list[Any] = [{"fee_id": "2b902b90-2b90-2b90-2b90-2b902b902b90", "amount_cents": 2000}]

OPERATIONS = [
    operation(
        "POST",
        "/credit_notes",
        permission="credit_note:write",
        body=CreditNoteCreate,
        root="credit_note",
        answer=_ONE,
        summary="Issue a credit note",
        description="Items are amounts of fees without taxes and before coupons; the three parts include taxes and "
        "must add up to what the items are worth. Ask for an estimate first.",
        example={
            "invoice_id": _INVOICE,
            "reason": "product_unsatisfactory",
            "description": "Outage of 3 May",
            "credit_amount_cents": 899,
            "refund_amount_cents": 1200,
            "items": _ITEMS,
        },
    )(create_credit_note),
    operation(
        "POST",
        "/credit_notes/estimate",
        permission="credit_note:write",
        body=CreditNoteEstimateInput,
        root="credit_note",
        nulls="drop_deep",
        session="read",
        answer=one("estimated_credit_note", CreditNoteEstimateOut),
        summary="What a credit note could give back",
        description="Stores nothing.",
        example={"invoice_id": _INVOICE, "items": _ITEMS},
    )(estimate_credit_note),
    operation(
        "GET",
        "/credit_notes",
        permission="credit_note:read",
        answer=_MANY,
        summary="List credit notes, newest first",
        parameters=(*_FILTERS, Parameter("external_customer_id")),
    )(find_all_credit_notes),
    operation(
        "GET",
        "/customers/{external_id}/credit_notes",
        permission="credit_note:read",
        answer=_MANY,
        summary="List a customer's credit notes",
        parameters=_FILTERS,
    )(find_all_customer_credit_notes),
    operation(
        "GET", "/credit_notes/{lago_id}", permission="credit_note:read", answer=_ONE, summary="Show a credit note"
    )(find_one_credit_note),
    operation(
        "PUT",
        "/credit_notes/{lago_id}",
        permission="credit_note:write",
        body=CreditNoteUpdate,
        root="credit_note",
        answer=_ONE,
        exists=_exists,
        summary="Report a refund, add metadata",
        description="Where no payment provider refunds, the refund stays pending until its outcome is reported here.",
        example={"refund_status": "succeeded", "metadata": {"ticket": "4711"}},
    )(update_credit_note),
    operation(
        "PUT",
        "/credit_notes/{lago_id}/void",
        permission="credit_note:write",
        answer=_ONE,
        summary="Void what is left of a credit note",
        description="The refund part is untouched.",
    )(void_credit_note),
    operation(
        "POST",
        "/credit_notes/{lago_id}/download",
        permission="credit_note:write",
        answer=_ONE.or_empty(),
        summary="Get the PDF of a credit note",
        description=_DOWNLOAD,
    )(download_credit_note),
    operation(
        "POST",
        "/credit_notes/{lago_id}/download_pdf",
        permission="credit_note:write",
        answer=_ONE.or_empty(),
        summary="Get the PDF of a credit note",
        description=_DOWNLOAD,
    )(download_credit_note_pdf),
    operation(
        "POST",
        "/credit_notes/{lago_id}/resend_email",
        permission="credit_note:write",
        body=ResendEmail,
        optional_body=True,
        exists=_exists,
        answer=EMPTY,
        summary="Send the e-mail of a credit note again",
        description="To the customer, unless `to` names others. Needs the setting `credit_note.created` among the "
        "organization's `email_settings`. No root key; the body may be empty. Answers 200 without a body.",
        example={"to": ["billing@acme.example"], "bcc": ["archive@acme.example"]},
    )(resend_email_of_credit_note),
    operation(
        "POST",
        "/credit_notes/{lago_id}/metadata",
        permission="credit_note:write",
        body=MetadataInput,
        nulls="keep",
        answer=_METADATA,
        exists=_exists,
        summary="Replace a credit note's metadata",
        description="At most 50 keys of 100 characters, values of 255.",
        example={"metadata": {"ticket": "4711"}},
    )(replace_credit_note_metadata),
    operation(
        "PATCH",
        "/credit_notes/{lago_id}/metadata",
        permission="credit_note:write",
        body=MetadataInput,
        answer=_METADATA,
        exists=_exists,
        summary="Add to a credit note's metadata",
        description="Keys that are not sent stay.",
        example={"metadata": {"ticket": "4711"}},
    )(merge_credit_note_metadata),
    operation(
        "DELETE",
        "/credit_notes/{lago_id}/metadata",
        permission="credit_note:write",
        answer=_METADATA,
        summary="Remove a credit note's metadata",
    )(delete_all_credit_note_metadata),
    operation(
        "DELETE",
        "/credit_notes/{lago_id}/metadata/{key:path}",
        permission="credit_note:write",
        answer=_METADATA,
        summary="Remove one key of a credit note's metadata",
    )(delete_credit_note_metadata_key),
]
