"""CSV exports over GraphQL and their links (spec 04 §23, 07 §7.5)."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from billwright.billing.access.members import revoke_member
from billwright.billing.background.jobs import JobCall, due_jobs, run_job
from billwright.billing.credit_notes.schemas import CreditNoteCreate
from billwright.billing.credit_notes.service import create_credit_note
from billwright.billing.exports import jobs, service
from billwright.billing.exports.cells import cell_text, csv_lines
from billwright.billing.exports.models import DataExport
from billwright.billing.invoicing.queries import InvoiceFilters
from billwright.billing.invoicing.schemas import InvoiceUpdate
from billwright.billing.invoicing.updates import update_invoice
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.ids import new_id
from billwright.jobs.registration import register_handlers
from billwright.server import files
from tests.graphql.support import World, make_customers, make_plan

CREATE = """mutation($i: CreateDataExportsInvoicesInput!) {
  createInvoicesDataExport(input: $i) { id status resourceType filename rowsDone rowsTotal fileUrl }
}"""
CREATE_NOTES = """mutation($i: CreateDataExportsCreditNotesInput!) {
  createCreditNotesDataExport(input: $i) { id status }
}"""
SHOW = """query($id: ID!) {
  dataExport(id: $id) { status rowsDone rowsTotal fileUrl expiresAt filename }
}"""
INVOICES = """lago_id sequential_id partner_billing issuing_date customer_lago_id customer_external_id customer_name
customer_email customer_country customer_tax_identification_number invoice_number purchase_order_number
invoice_type payment_status status file_url currency fees_amount_cents coupons_amount_cents taxes_amount_cents
credit_notes_amount_cents prepaid_credit_amount_cents total_amount_cents payment_due_date
payment_dispute_lost_at payment_overdue total_due_amount_cents total_paid_amount_cents
total_offsetted_credit_note_amount_cents progressive_billing_credit_amount_cents""".split()
FEES = """invoice_lago_id invoice_number invoice_issuing_date fee_lago_id fee_item_type fee_item_code fee_item_name
fee_item_description fee_item_invoice_display_name fee_item_filter_invoice_display_name fee_item_grouped_by
subscription_external_id subscription_plan_code fee_from_date fee_to_date fee_amount_currency fee_units
fee_precise_unit_amount fee_taxes_amount_cents fee_total_amount_cents""".split()
NOTES = """lago_id sequential_id partner_billing issuing_date customer_lago_id customer_external_id customer_name
customer_email customer_country customer_tax_identification_number number invoice_number purchase_order_number
credit_status refund_status reason description currency total_amount_cents taxes_amount_cents
sub_total_excluding_taxes_amount_cents coupons_adjustment_amount_cents offset_amount_cents credit_amount_cents
balance_amount_cents refund_amount_cents file_url""".split()
ITEMS = """credit_note_lago_id credit_note_number credit_note_invoice_number credit_note_issuing_date
credit_note_item_lago_id credit_note_item_fee_lago_id credit_note_item_currency credit_note_item_amount_cents""".split()
LIST = "{ dataExports { collection { id } } }"


async def work(world: World) -> None:
    """Run what is queued."""
    register_handlers()
    for job_id in await due_jobs(world.runtime.database):
        assert await run_job(world.runtime, job_id, immediate=True) == "succeeded"


def asked(resource_type: str = "invoices", **filters: Any) -> dict[str, Any]:
    return {"format": "csv", "resourceType": resource_type, "filters": filters}


async def download(world: World, url: str) -> httpx.Response:
    app = Starlette(routes=files.routes())
    app.state.database = world.runtime.database
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as http:
        return await http.get(url)


async def exported(world: World, resource_type: str = "invoices", **filters: Any) -> list[dict[str, str]]:
    """The rows of a file by the names of its columns."""
    notes = resource_type.startswith("credit")
    created = await world.data(CREATE_NOTES if notes else CREATE, i=asked(resource_type, **filters))
    [found] = created.values()
    await work(world)
    shown = (await world.data(SHOW, id=found["id"]))["dataExport"]
    assert shown["status"] == "completed"
    answer = await download(world, shown["fileUrl"])
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.endswith("\n")
    assert "\r" not in answer.text
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert shown["rowsDone"] == shown["rowsTotal"] == len(rows)
    return rows


async def issued(world: World, count: int = 2) -> None:
    await make_customers(world, await make_plan(world), count)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-5, "-5"),
        ("=1+1", "'=1+1"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("-", "'-"),
        ("@cmd", "'@cmd"),
        ("\t=1", "'\t=1"),
        ("-12.50", "-12.50"),
        ("+33123456789", "+33123456789"),
        ("a=b", "a=b"),
        ({"region": "eu"}, '{"region":"eu"}'),
    ],
)
def test_04_23_cells(value: Any, shown: str) -> None:
    assert cell_text(value) == shown


def test_04_23_quotes_only_where_needed() -> None:
    assert csv_lines([["a", 'say "x"', "b,c", "d\ne", " f", None]]) == 'a,"say ""x""","b,c","d\ne", f,\n'


async def test_04_23_invoices(world: World) -> None:
    await issued(world)
    async with world.runtime.database.transaction() as session:
        await session.execute(
            text("update customers set name = '=HYPERLINK(1)', country = 'FR' where external_id = 'c0'")
        )
    rows = await exported(world)
    assert list(rows[0]) == INVOICES
    listed = await world.data("{ invoices { collection { id number fileUrl customer { id externalId } } } }")
    order = listed["invoices"]["collection"]
    assert [row["lago_id"] for row in rows] == [item["id"] for item in order], "rows in the order of the list"
    [row] = [row for row in rows if row["customer_external_id"] == "c0"]
    [item] = [item for item in order if item["customer"]["externalId"] == "c0"]
    assert row == {
        **dict.fromkeys(("purchase_order_number", "customer_tax_identification_number", "payment_dispute_lost_at"), ""),
        "lago_id": item["id"],
        "sequential_id": "1",
        "partner_billing": "false",
        "issuing_date": "2024-01-15",
        "customer_lago_id": item["customer"]["id"],
        "customer_external_id": "c0",
        "customer_name": "'=HYPERLINK(1)",
        "customer_email": "c0@buyer.example",
        "customer_country": "FR",
        "invoice_number": item["number"],
        "invoice_type": "subscription",
        "payment_status": "pending",
        "status": "finalized",
        "file_url": row["file_url"],
        "currency": "EUR",
        "fees_amount_cents": "1700",
        "coupons_amount_cents": "0",
        "taxes_amount_cents": "0",
        "credit_notes_amount_cents": "0",
        "prepaid_credit_amount_cents": "0",
        "total_amount_cents": "1700",
        "payment_due_date": "2024-01-15",
        "payment_overdue": "false",
        "total_due_amount_cents": "1700",
        "total_paid_amount_cents": "0",
        "total_offsetted_credit_note_amount_cents": "0",
        "progressive_billing_credit_amount_cents": "0",
    }


async def test_04_23_fees(world: World) -> None:
    await issued(world, 1)
    [row] = await exported(world, "invoice_fees")
    assert list(row) == FEES
    row.pop("invoice_lago_id")
    row.pop("fee_lago_id")
    assert row.pop("invoice_number").startswith("ACM-")
    assert {key: value for key, value in row.items() if value} == {
        "invoice_issuing_date": "2024-01-15",
        "fee_item_type": "subscription",
        "fee_item_code": "scale",
        "fee_item_name": "Scale",
        "fee_item_invoice_display_name": "Scale",
        "fee_item_grouped_by": "{}",
        "subscription_external_id": "sub_c0",
        "subscription_plan_code": "scale",
        "fee_from_date": "2024-01-15",
        "fee_to_date": "2024-01-31",
        "fee_amount_currency": "EUR",
        "fee_units": "1.0",
        "fee_precise_unit_amount": "17.0",
        "fee_taxes_amount_cents": "0",
        "fee_total_amount_cents": "1700",
    }


async def test_04_23_credit_notes_and_items(world: World) -> None:
    await issued(world, 1)
    found = await world.data("{ invoices { collection { id number fees { id } } } }")
    [invoice] = found["invoices"]["collection"]
    async with world.runtime.database.transaction() as session:
        note = {
            "invoice_id": invoice["id"],
            "reason": "product_unsatisfactory",
            "description": "@outage",
            "credit_amount_cents": 300,
            "items": [{"fee_id": invoice["fees"][0]["id"], "amount_cents": 300}],
        }
        await create_credit_note(await world.fresh(session), CreditNoteCreate.parse(note))
    [row] = await exported(world, "credit_notes", invoiceNumber=invoice["number"], searchTerm=invoice["number"])
    assert list(row) == NOTES
    wanted = {
        "number": f"{invoice['number']}-CN001",
        "invoice_number": invoice["number"],
        "credit_status": "available",
        "refund_status": "",
        "reason": "product_unsatisfactory",
        "description": "'@outage",
        "total_amount_cents": "300",
        "credit_amount_cents": "300",
        "balance_amount_cents": "300",
    }
    assert {key: row[key] for key in wanted} == wanted
    [item] = await exported(world, "credit_note_items")
    assert list(item) == ITEMS
    assert item["credit_note_item_fee_lago_id"] == invoice["fees"][0]["id"]
    assert item["credit_note_item_amount_cents"] == "300"
    assert await exported(world, "credit_notes", reason=["duplicated_charge"]) == []


async def test_filters_and_search_are_those_of_the_list(world: World) -> None:
    await issued(world, 3)
    found = await world.data("{ invoices { collection { id customer { externalId id } } } }")
    by_customer = {item["customer"]["externalId"]: item for item in found["invoices"]["collection"]}
    async with world.runtime.database.transaction() as session:
        paid = InvoiceUpdate.parse({"payment_status": "succeeded"})
        await update_invoice(await world.fresh(session), UUID(by_customer["c1"]["id"]), paid)

    async def names(**filters: Any) -> list[str]:
        return sorted(row["customer_external_id"] for row in await exported(world, **filters))

    assert await names(searchTerm="CUSTOMER C2") == ["c2"]
    assert await names(paymentStatus=["succeeded"]) == ["c1"]
    assert await names(customerId=by_customer["c0"]["customer"]["id"]) == ["c0"]
    assert await names(amountFrom="1701") == []
    assert await names(issuingDateFrom="2024-01-15", issuingDateTo="2024-01-15", currency="eur") == ["c0", "c1", "c2"]
    assert await names(customerExternalId="c1", searchTerm="c1") == ["c1"]
    assert await names(status=["draft"]) == []


async def test_the_link_is_mailed_in_english_and_ends_after_seven_days(world: World) -> None:
    await issued(world, 1)
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update organizations set document_locale = 'fr'"))
    created = (await world.data(CREATE, role="finance", i=asked()))["createInvoicesDataExport"]
    assert (created["status"], created["rowsDone"], created["rowsTotal"]) == ("pending", 0, None)
    assert created["fileUrl"] is None
    stamp, _, kind = created["filename"].partition("_")
    assert kind == "invoices.csv"
    assert abs(int(stamp) - int(f"{system_now():%Y%m%d%H%M%S}")) < 5000
    await work(world)
    await work(world)
    mails = await world.data("{ emails { collection { subject recipients text kind } } }")
    [mail] = [item for item in mails["emails"]["collection"] if item["kind"] == "data_export"]
    assert mail["subject"] == "Your export of invoices is ready"
    assert mail["recipients"] == ["finance@acme.example"]
    shown = (await world.data(SHOW, role="finance", id=created["id"]))["dataExport"]
    assert shown["fileUrl"].partition("8000")[2] in mail["text"]
    assert "7 days" in mail["text"]
    assert shown["fileUrl"].endswith("/" + created["filename"])
    assert (await download(world, shown["fileUrl"])).status_code == 200
    assert (await download(world, shown["fileUrl"].replace("/exports/", "/exports/x"))).status_code == 404
    assert (await download(world, shown["fileUrl"][:-4] + "x.csv")).status_code == 404
    async with world.runtime.database.transaction() as session:
        await session.execute(
            text("update data_exports set expires_at = :at"), {"at": system_now() - timedelta(seconds=1)}
        )
    assert (await download(world, shown["fileUrl"])).status_code == 404
    assert (await world.data(SHOW, role="finance", id=created["id"]))["dataExport"]["fileUrl"] is None
    assert await service.discard_expired(world.runtime.database) == 1
    assert await service.discard_expired(world.runtime.database) == 0
    async with world.runtime.database.reading() as session:
        assert await session.scalar(text("select count(*) from data_export_parts")) == 0


async def test_everyone_sees_their_own_exports(world: World) -> None:
    mine = (await world.data(CREATE, role="finance", i=asked()))["createInvoicesDataExport"]["id"]
    assert (await world.data(LIST, role="finance"))["dataExports"]["collection"] == [{"id": mine}]
    assert (await world.data(LIST))["dataExports"]["collection"] == []
    assert (await world.error(SHOW, id=mine))["extensions"]["status"] == 404
    assert (await world.error(SHOW, id="x"))["extensions"]["status"] == 404
    refused = await world.ask(CREATE, i=asked("credit_notes"))
    assert "errors" in refused, "the other kind has a mutation and a permission of its own"


async def test_who_has_left_gets_no_link(world: World) -> None:
    await world.data(CREATE, role="finance", i=asked())
    async with world.runtime.database.transaction() as session:
        membership = await session.scalar(
            text(
                "select m.id from memberships m join users u on u.id = m.user_id where u.email = 'finance@acme.example'"
            )
        )
        await revoke_member(await world.fresh(session), membership, acting_user_id=new_id())
    await work(world)
    mails = await world.data("{ emails { collection { kind } } }")
    assert {"kind": "data_export"} not in mails["emails"]["collection"]


async def test_a_file_is_made_in_parts_and_twice_is_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(jobs, "PART_CHARACTERS", 10)
    await issued(world, 5)
    rows = await exported(world)
    assert sorted(row["customer_external_id"] for row in rows) == ["c0", "c1", "c2", "c3", "c4"]
    async with world.runtime.database.reading() as session:
        assert await session.scalar(text("select count(*) from data_export_parts")) == 4
        export_id = await session.scalar(text("select id from data_exports"))
    call = JobCall(world.runtime, new_id(), world.organization.id, {"export_id": str(export_id)}, attempt=1)
    await jobs.build_export(call)
    mails = await world.data("{ emails { collection { kind } } }")
    assert [item["kind"] for item in mails["emails"]["collection"]].count("data_export") == 1


async def test_an_interrupted_run_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run begins anew; what the first one still wants to write is not taken."""
    monkeypatch.setattr(jobs, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(jobs, "PART_CHARACTERS", 10)
    await issued(world, 3)
    created = (await world.data(CREATE, i=asked()))["createInvoicesDataExport"]
    call = JobCall(world.runtime, new_id(), world.organization.id, {"export_id": created["id"]}, attempt=1)
    progress = jobs._progress

    async def broken(*arguments: Any) -> None:
        await progress(*arguments)
        if arguments[4] == 2:
            raise ConnectionError

    monkeypatch.setattr(jobs, "_progress", broken)
    with pytest.raises(ConnectionError):
        await jobs.build_export(call)
    shown = (await world.data(SHOW, id=created["id"]))["dataExport"]
    assert (shown["status"], shown["rowsDone"], shown["rowsTotal"]) == ("processing", 2, 3), "progress is readable"
    async with world.runtime.database.reading() as session:
        first_run = await session.scalar(text("select run_id from data_exports"))
    monkeypatch.setattr(jobs, "_progress", progress)
    await work(world)
    shown = (await world.data(SHOW, id=created["id"]))["dataExport"]
    assert (shown["status"], shown["rowsDone"]) == ("completed", 3)
    with pytest.raises(jobs._Overtaken):
        await jobs._progress(call, UUID(created["id"]), first_run, 3, 3, 9, b"late")


async def test_what_cannot_be_made_fails_in_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    created = (await world.data(CREATE, i=asked()))["createInvoicesDataExport"]

    def broken(*_: Any) -> Any:
        raise RuntimeError("no")

    monkeypatch.setattr(jobs, "file_of", broken)
    for attempt, status in ((1, "processing"), (service.ATTEMPTS, "failed")):
        call = JobCall(world.runtime, new_id(), world.organization.id, {"export_id": created["id"]}, attempt=attempt)
        with pytest.raises(RuntimeError):
            await jobs.build_export(call)
        assert (await world.data(SHOW, id=created["id"]))["dataExport"]["status"] == status


async def test_another_organization_s_rows_never_show(world: World) -> None:
    await issued(world, 1)
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        ctx.organization = world.other
        user_id = await session.scalar(text("select id from users where email = 'stranger@acme.example'"))
        export = await service.request_invoices_export(ctx, user_id, "invoices", InvoiceFilters())
    await work(world)
    async with world.runtime.database.reading() as session:
        assert (await session.get_one(DataExport, export.id)).rows_done == 0
