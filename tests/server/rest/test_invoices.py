"""``/invoices`` on the wire (spec 04 §1, §8, §12, §16, §18)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from billwright.billing.invoicing.models import Invoice
from tests.server.rest.client import validation
from tests.server.rest.contract import problems, unknown_keys
from tests.support.sandbox import API_URL, APP_URL, Sandbox

NOT_FOUND = {"status": 404, "error": "Not Found", "code": "invoice_not_found"}


def not_allowed(code: str) -> tuple[int, Any]:
    return 405, {"status": 405, "error": "Method Not Allowed", "code": code}


async def first(sandbox: Sandbox, **customer: Any) -> Any:
    """A finalized start invoice of 1700 over 17 of 31 days; a draft with a grace period."""
    await sandbox.customer("c1", **customer)
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    [invoice] = await sandbox.invoices()
    return await sandbox.invoice(invoice["lago_id"])


async def draft(sandbox: Sandbox) -> Any:
    return await first(sandbox, billing_configuration={"invoice_grace_period": 3})


async def put(sandbox: Sandbox, invoice: Any, **attributes: Any) -> tuple[int, Any]:
    answer = await sandbox.rest.put(f"invoices/{invoice['lago_id']}", {"invoice": attributes})
    return answer.status_code, answer.json()


async def test_04_1_a_finalized_invoice(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20")
    shown = await first(sandbox, name="Gavin", net_payment_term=30)
    assert problems("Invoice", {"invoice": shown}) == []
    assert unknown_keys("InvoiceObjectExtended", shown) <= {
        "total_paid_amount_cents",
        "total_due_amount_cents",
        "total_offsetted_credit_note_amount_cents",
        "xml_url",
        "voided_at",
        "purchase_order_number",
    }
    prefix = sandbox.rest.organization.document_number_prefix
    expected = {
        "billing_entity_code": "hooli",
        "sequential_id": 1,
        "number": f"{prefix}-001-001",
        "issuing_date": "2024-01-15",
        "payment_due_date": "2024-02-14",
        "net_payment_term": 30,
        "payment_overdue": False,
        "payment_dispute_lost_at": None,
        "invoice_type": "subscription",
        "status": "finalized",
        "payment_status": "pending",
        "currency": "EUR",
        "fees_amount_cents": 1700,
        "coupons_amount_cents": 0,
        "progressive_billing_credit_amount_cents": 0,
        "sub_total_excluding_taxes_amount_cents": 1700,
        "taxes_amount_cents": 340,
        "sub_total_including_taxes_amount_cents": 2040,
        "credit_notes_amount_cents": 0,
        "prepaid_credit_amount_cents": 0,
        "prepaid_granted_credit_amount_cents": None,
        "prepaid_purchased_credit_amount_cents": None,
        "total_amount_cents": 2040,
        "total_paid_amount_cents": 0,
        "total_due_amount_cents": 2040,
        "total_offsetted_credit_note_amount_cents": 0,
        "version_number": 4,
        "self_billed": False,
        "purchase_order_number": None,
        "file_url": None,
        "xml_url": None,
        "web_url": f"{APP_URL}/{sandbox.rest.organization.slug}/invoices/{shown['lago_id']}",
        "voided_at": None,
        "created_at": "2024-01-15T10:00:00Z",
        "updated_at": "2024-01-15T10:00:00Z",
        "metadata": [],
        "credits": [],
        "error_details": [],
        "applied_invoice_custom_sections": [],
    }
    assert {key: shown[key] for key in expected} == expected
    [period] = shown["billing_periods"]
    [subscription] = shown["subscriptions"]
    assert period == {
        "lago_subscription_id": subscription["lago_id"],
        "external_subscription_id": "s1",
        "lago_plan_id": period["lago_plan_id"],
        "subscription_from_datetime": "2024-01-15T00:00:00Z",
        "subscription_to_datetime": "2024-01-31T23:59:59Z",
        "charges_from_datetime": "2024-01-15T10:00:00Z",
        "charges_to_datetime": "2024-01-15T10:00:00Z",
        "invoicing_reason": "subscription_starting",
    }
    [tax] = shown["applied_taxes"]
    assert (tax["tax_code"], tax["tax_rate"], tax["fees_amount_cents"], tax["amount_cents"]) == ("vat", 20, 1700, 340)
    assert tax["lago_invoice_id"] == shown["lago_id"]
    assert (shown["customer"]["external_id"], shown["customer"]["name"]) == ("c1", "Gavin")
    [fee] = shown["fees"]
    assert (fee["amount_cents"], fee["taxes_amount_cents"], fee["applied_taxes"][0]["tax_code"]) == (1700, 340, "vat")


async def test_04_4_a_draft_has_no_number(sandbox: Sandbox) -> None:
    shown = await draft(sandbox)
    assert problems("Invoice", {"invoice": shown}) == []
    prefix = sandbox.rest.organization.document_number_prefix
    assert (shown["status"], shown["number"], shown["sequential_id"]) == ("draft", f"{prefix}-DRAFT", None)
    assert (shown["issuing_date"], shown["fees_amount_cents"]) == ("2024-01-18", 1700)


async def test_04_1_3_lists_leave_out_fees_and_credits(sandbox: Sandbox) -> None:
    await first(sandbox)
    body = await sandbox.call("GET", "invoices")
    assert problems("InvoicesPaginated", body) == []
    [listed] = body["invoices"]
    assert {"customer", "metadata", "applied_taxes"} <= set(listed)
    assert not {"fees", "credits", "subscriptions", "billing_periods", "error_details"} & set(listed)
    assert body["meta"]["total_count"] == 1


async def test_unknown_and_foreign_invoices(sandbox: Sandbox) -> None:
    shown = await first(sandbox)
    other = await sandbox.rest.another()
    for client, lago_id in ((sandbox.rest, uuid4()), (sandbox.rest, "nonsense"), (other, shown["lago_id"])):
        for method, path in (
            ("GET", ""),
            ("PUT", "/refresh"),
            ("PUT", "/finalize"),
            ("POST", "/download"),
            ("POST", "/download_pdf"),
        ):
            answer = await client.request(method, f"invoices/{lago_id}{path}")
            assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
        answer = await client.put(f"invoices/{lago_id}", {"invoice": {"payment_status": "nonsense"}})
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert (await other.get("invoices")).json()["invoices"] == []


async def test_permissions(sandbox: Sandbox) -> None:
    shown = await first(sandbox)
    reader = await sandbox.rest.with_key({"invoice": ["read"]})
    assert (await reader.get("invoices")).status_code == 200
    assert (await reader.get("customers/c1/invoices")).status_code == 200
    answer = await reader.post(f"invoices/{shown['lago_id']}/download")
    assert (answer.status_code, answer.json()["code"]) == (403, "write_action_not_allowed_for_invoice")


@pytest.fixture
async def books(sandbox: Sandbox) -> Sandbox:
    """Customer a: invoices of 15 Jan, 1 Feb (paid, with metadata) and 1 Mar; customer b: a draft of 1 Mar in USD."""
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.plan("u", 900, currency="USD")
    await sandbox.customer("a", name="Able", email="able@x.test")
    await sandbox.customer("b_1", firstname="Bob", billing_configuration={"invoice_grace_period": 5})
    await sandbox.subscribe("s1", "p", "a")
    await sandbox.subscribe("s2", "u", "b_1", subscription_at="2024-02-01T00:00:00Z")
    await sandbox.advance("2024-03-01T01:00:00Z")
    february = (await sandbox.invoices())[1]
    await put(sandbox, february, payment_status="succeeded", metadata=[{"key": "deal", "value": "42"}])
    return sandbox


FILTERS: tuple[tuple[str, list[str]], ...] = (
    ("", ["b 03-06", "a 03-01", "a 02-01", "a 01-15"]),
    ("external_customer_id=a", ["a 03-01", "a 02-01", "a 01-15"]),
    ("customer_external_id=b_1", ["b 03-06"]),
    ("external_customer_id=nobody", []),
    ("status=draft", ["b 03-06"]),
    ("statuses[]=draft&statuses[]=voided", ["b 03-06"]),
    ("status=finalized", ["a 03-01", "a 02-01", "a 01-15"]),
    ("payment_status=succeeded", ["a 02-01"]),
    ("payment_statuses[]=succeeded&payment_statuses[]=failed", ["a 02-01"]),
    ("payment_status=pending&status=finalized", ["a 03-01", "a 01-15"]),
    ("invoice_type=subscription&currency=usd", ["b 03-06"]),
    ("invoice_type=one_off", []),
    ("invoice_type[]=one_off&invoice_type[]=subscription&currency=USD", ["b 03-06"]),
    ("issuing_date_from=2024-02-01&issuing_date_to=2024-03-01", ["a 03-01", "a 02-01"]),
    ("amount_from=1700&amount_to=1700", ["a 01-15"]),
    ("amount_from=1701", ["a 03-01", "a 02-01"]),
    ("payment_overdue=true", ["a 01-15"]),
    ("payment_overdue=false&status=draft", ["b 03-06"]),
    ("payment_dispute_lost=true", []),
    ("payment_dispute_lost=false&status=draft", ["b 03-06"]),
    ("partially_paid=true", []),
    ("partially_paid=false&status=draft", ["b 03-06"]),
    ("self_billed=true", []),
    ("self_billed=false&status=draft", ["b 03-06"]),
    ("search_term=001-002", ["a 02-01"]),
    ("search_term=ABLE", ["a 03-01", "a 02-01", "a 01-15"]),
    ("search_term=able%40x", ["a 03-01", "a 02-01", "a 01-15"]),
    ("search_term=bob", ["b 03-06"]),
    ("search_term=b_1", ["b 03-06"]),
    ("search_term=_1", ["b 03-06"]),
    ("search_term=%25", []),
    ("metadata[deal]=42", ["a 02-01"]),
    ("metadata[deal]=43", []),
    ("metadata[deal]=&status=finalized", ["a 03-01", "a 01-15"]),
    ("settlements[]=payment&status=draft", ["b 03-06"]),
    ("billing_entity_codes[]=hooli&status=draft", ["b 03-06"]),
    ("per_page=1&page=2", ["a 03-01"]),
)


async def test_04_16_filters(books: Sandbox) -> None:
    wrong: dict[str, list[str]] = {}
    for query, found in FILTERS:
        listed = (await books.call("GET", f"invoices?{query}"))["invoices"]
        shown = [f"{item['customer']['external_id'][0]} {item['issuing_date'][5:]}" for item in listed]
        if shown != found:
            wrong[query] = shown
    assert wrong == {}


async def test_04_16_search_by_id_and_within_a_customer(books: Sandbox) -> None:
    january = (await books.invoices())[0]
    for path, found in (
        (f"invoices?search_term={january['lago_id']}", 1),
        (f"customers/a/invoices?search_term={january['lago_id']}", 1),
        ("customers/a/invoices?search_term=001-002", 1),
        ("customers/a/invoices?search_term=able", 0),
        ("customers/a/invoices", 3),
        ("customers/a/invoices?external_customer_id=b_1", 3),
        ("customers/b_1/invoices?status=finalized", 0),
    ):
        assert len((await books.call("GET", path))["invoices"]) == found, path
    answer = await books.rest.get("customers/nobody/invoices")
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ("status=open", {"status": "value_is_invalid"}),
        ("statuses[]=draft&statuses[]=closed", {"status": "value_is_invalid"}),
        ("payment_status=paid", {"payment_status": "value_is_invalid"}),
        ("issuing_date_from=yesterday", {"issuing_date_from": "invalid_date"}),
        ("issuing_date_to=2024-13-01", {"issuing_date_to": "invalid_date"}),
        ("amount_from=ten", {"amount_from": "value_is_invalid"}),
    ],
)
async def test_04_16_bad_filters(sandbox: Sandbox, query: str, details: dict[str, str]) -> None:
    await sandbox.customer("c1")
    for path in ("invoices", "customers/c1/invoices"):
        answer = await sandbox.rest.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()) == (422, validation(**details))


async def test_04_16_an_unknown_billing_entity(sandbox: Sandbox) -> None:
    answer = await sandbox.rest.get("invoices?billing_entity_codes[]=nope")
    assert (answer.status_code, answer.json()["code"]) == (404, "billing_entity_not_found")


async def test_04_12_payment_status_reaches_the_fees(sandbox: Sandbox) -> None:
    invoice = await first(sandbox)
    status, body = await put(sandbox, invoice, payment_status="succeeded")
    assert (status, problems("Invoice", body)) == (200, [])
    assert body["invoice"]["payment_status"] == "succeeded"
    [fee] = body["invoice"]["fees"]
    assert (fee["payment_status"], fee["succeeded_at"], fee["failed_at"]) == (
        "succeeded",
        "2024-01-15T10:00:00Z",
        None,
    )
    assert (body["invoice"]["total_paid_amount_cents"], body["invoice"]["total_due_amount_cents"]) == (0, 1700)
    status, body = await put(sandbox, invoice, payment_status="failed")
    [fee] = body["invoice"]["fees"]
    assert (fee["payment_status"], fee["succeeded_at"], fee["failed_at"]) == (
        "failed",
        None,
        "2024-01-15T10:00:00Z",
    )


@pytest.mark.parametrize("status", ["refunded", "", None, 1])
async def test_04_12_bad_payment_statuses(sandbox: Sandbox, status: Any) -> None:
    invoice = await first(sandbox)
    assert await put(sandbox, invoice, payment_status=status) == (422, validation(payment_status="value_is_invalid"))


async def test_04_12_drafts_refuse(sandbox: Sandbox) -> None:
    invoice = await draft(sandbox)
    assert await put(sandbox, invoice, metadata=[]) == not_allowed("metadata_on_draft_invoice")
    assert await put(sandbox, invoice, payment_status="succeeded") == not_allowed(
        "payment_status_update_on_draft_invoice"
    )
    assert (await put(sandbox, invoice, payment_status="pending"))[0] == 200


async def test_04_12_voided_ones_refuse(sandbox: Sandbox) -> None:
    invoice = await first(sandbox)
    async with sandbox.context() as ctx:
        (await ctx.session.get_one(Invoice, invoice["lago_id"])).status = "voided"
    assert await put(sandbox, invoice, payment_status="succeeded") == not_allowed("update_on_voided_invoice")
    assert (await sandbox.invoice(invoice["lago_id"]))["total_due_amount_cents"] == 0


async def test_04_12_metadata(sandbox: Sandbox) -> None:
    invoice = await first(sandbox)
    _, body = await put(sandbox, invoice, metadata=[{"key": "a", "value": "1"}, {"key": "b", "value": "x" * 140}])
    a, b = body["invoice"]["metadata"]
    assert problems("Invoice", body) == []
    assert (a["key"], a["value"], b["key"]) == ("a", "1", "b")
    _, body = await put(sandbox, invoice, metadata=[{"id": b["lago_id"], "value": "2"}, {"key": "c", "value": "3"}])
    assert [(item["key"], item["value"]) for item in body["invoice"]["metadata"]] == [("b", "2"), ("c", "3")]
    assert body["invoice"]["metadata"][0]["lago_id"] == b["lago_id"]
    for metadata, details in (
        ([{"key": "b", "value": "x"}], {"key": "value_already_exist"}),
        ([{"key": " ", "value": "x"}], {"key": "value_is_mandatory"}),
        ([{"key": "x" * 21, "value": "x"}], {"key": "value_is_too_long"}),
        ([{"key": "x", "value": ""}], {"value": "value_is_mandatory"}),
        ([{"key": "x", "value": "x" * 141}], {"value": "value_is_too_long"}),
        ([{"key": "n", "value": "x"}, {"key": "n", "value": "y"}], {"key": "value_already_exist"}),
        ([{"key": str(number), "value": "x"} for number in range(6)], {"metadata": "invalid_count"}),
    ):
        assert await put(sandbox, invoice, metadata=metadata) == (422, validation(**details))
    listed = (await sandbox.call("GET", "invoices"))["invoices"][0]
    assert [item["key"] for item in listed["metadata"]] == ["b", "c"]
    _, body = await put(sandbox, invoice, metadata=[])
    assert body["invoice"]["metadata"] == []


async def test_04_8_1_refresh_follows_the_catalogue(sandbox: Sandbox) -> None:
    invoice = await draft(sandbox)
    await sandbox.tax("vat", "10")
    refreshed = (await sandbox.call("PUT", f"invoices/{invoice['lago_id']}/refresh"))["invoice"]
    assert problems("Invoice", {"invoice": refreshed}) == []
    assert (refreshed["lago_id"], refreshed["status"]) == (invoice["lago_id"], "draft")
    assert (refreshed["taxes_amount_cents"], refreshed["total_amount_cents"]) == (170, 1870)
    assert refreshed["fees"][0]["lago_id"] != invoice["fees"][0]["lago_id"]
    assert refreshed["fees"][0]["created_at"] == invoice["created_at"]
    assert refreshed["billing_periods"] == invoice["billing_periods"]


async def test_04_8_1_a_finalized_invoice_is_left_alone(sandbox: Sandbox) -> None:
    invoice = await first(sandbox)
    await sandbox.tax("vat", "10")
    assert (await sandbox.call("PUT", f"invoices/{invoice['lago_id']}/refresh"))["invoice"] == invoice


async def test_04_8_2_finalize(sandbox: Sandbox) -> None:
    invoice = await draft(sandbox)
    await sandbox.advance("2024-01-16T12:00:00Z")
    issued = (await sandbox.call("PUT", f"invoices/{invoice['lago_id']}/finalize"))["invoice"]
    assert problems("Invoice", {"invoice": issued}) == []
    assert (issued["status"], issued["sequential_id"], issued["issuing_date"]) == ("finalized", 1, "2024-01-16")
    answer = await sandbox.rest.put(f"invoices/{invoice['lago_id']}/finalize")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert (await sandbox.rest.put(f"invoices/{invoice['lago_id']}/refresh", b"")).status_code == 200


async def test_04_18_download(sandbox: Sandbox) -> None:
    invoice = await first(sandbox)
    path = f"invoices/{invoice['lago_id']}/download"
    answer = await sandbox.rest.post(path, b"")
    assert (answer.status_code, answer.content) == (200, b"")
    await sandbox.advance("2024-01-15T11:00:00Z")
    for action in ("download", "download_pdf"):
        shown = (await sandbox.call("POST", f"invoices/{invoice['lago_id']}/{action}"))["invoice"]
        assert problems("Invoice", {"invoice": shown}) == []
        assert shown["file_url"].startswith(f"{API_URL}/files/")
        assert shown["file_url"].endswith(f"/{invoice['number']}.pdf")
    assert (await sandbox.call("GET", "invoices"))["invoices"][0]["file_url"] == shown["file_url"]


async def test_04_18_drafts_have_no_document(sandbox: Sandbox) -> None:
    invoice = await draft(sandbox)
    answer = await sandbox.rest.post(f"invoices/{invoice['lago_id']}/download")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
