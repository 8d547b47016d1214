"""Figures and tables of spec 04 (invoices) that the tests beside the code do not assert."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from billwright.billing.documents.blocks import Header
from billwright.billing.documents.layout import lay_out_invoice
from billwright.billing.invoicing.documents import invoice_document
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.db import Database
from tests.billing.coupons.test_waterfall import everything_at_once
from tests.billing.invoicing.test_one_off import add_on, sell
from tests.server.rest.client import validation
from tests.support.credits import apply, coupon, pay
from tests.support.sandbox import Sandbox, sandbox_on

ACTIONS = [
    ("GET", ""),
    ("PUT", ""),
    ("DELETE", ""),
    ("PUT", "/refresh"),
    ("PUT", "/finalize"),
    ("POST", "/void"),
    ("POST", "/download"),
    ("POST", "/download_pdf"),
    ("POST", "/retry"),
    ("POST", "/retry_payment"),
    ("POST", "/payment_url"),
    ("POST", "/lose_dispute"),
    ("PUT", "/lose_dispute"),
]


async def ask(sandbox: Sandbox, method: str, lago_id: Any, action: str = "") -> tuple[int, str | None]:
    body = {"invoice": {"payment_status": "succeeded"}} if (method, action) == ("PUT", "") else None
    answer = await sandbox.rest.request(method, f"invoices/{lago_id}{action}", body)
    return answer.status_code, answer.json().get("code") if answer.content else None


async def closed(sandbox: Sandbox) -> Any:
    """An empty one-off invoice that is not issued."""
    await sandbox.customer("c1", currency="EUR", finalize_zero_amount_invoice="skip")
    await add_on(sandbox)
    fees = [{"add_on_code": "setup", "unit_amount_cents": 0}]
    body = {"invoice": {"external_customer_id": "c1", "fees": fees}}
    invoice = (await sandbox.call("POST", "invoices", body))["invoice"]
    assert invoice["status"] == "closed"
    return invoice


async def issued(sandbox: Sandbox, **customer: Any) -> Any:
    await sandbox.customer("c1", **customer)
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe()
    [invoice] = await sandbox.invoices()
    return await sandbox.invoice(invoice["lago_id"])


async def test_04_2_1_invisible_invoices_are_not_found(sandbox: Sandbox) -> None:
    """On every endpoint, like one that never was."""
    invoice = await closed(sandbox)
    for lago_id in (invoice["lago_id"], uuid4()):
        for method, action in ACTIONS:
            assert await ask(sandbox, method, lago_id, action) == (404, "invoice_not_found"), (lago_id, method, action)
    assert await sandbox.invoices() == []
    assert await sandbox.invoices(search_term=invoice["lago_id"]) == []


@pytest.mark.parametrize(
    ("status", "method", "action", "answer"),
    [
        ("draft", "POST", "/void", (405, "not_voidable")),
        ("draft", "POST", "/download", (404, "invoice_not_found")),
        ("draft", "POST", "/retry", (405, "invalid_status")),
        ("draft", "POST", "/retry_payment", (405, "invalid_status")),
        ("draft", "POST", "/lose_dispute", (405, "not_disputable")),
        ("draft", "PUT", "", (405, "payment_status_update_on_draft_invoice")),
        ("finalized", "PUT", "/finalize", (404, "invoice_not_found")),
        ("finalized", "PUT", "/refresh", (200, None)),
        ("finalized", "DELETE", "", (405, "not_deletable")),
        ("finalized", "POST", "/retry", (405, "invalid_status")),
        ("voided", "POST", "/void", (405, "not_voidable")),
        ("voided", "PUT", "/finalize", (404, "invoice_not_found")),
        ("voided", "DELETE", "", (405, "not_deletable")),
        ("voided", "POST", "/download", (404, "invoice_not_found")),
        ("voided", "POST", "/retry", (405, "invalid_status")),
        ("voided", "POST", "/retry_payment", (405, "invalid_status")),
        ("voided", "PUT", "", (405, "update_on_voided_invoice")),
    ],
)
async def test_04_2_2_everything_else_is_refused(
    sandbox: Sandbox, status: str, method: str, action: str, answer: tuple[int, str | None]
) -> None:
    grace = {"invoice_grace_period": 3} if status == "draft" else {}
    invoice = await issued(sandbox, billing_configuration=grace)
    if status == "voided":
        await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void")
    before = await sandbox.invoice(invoice["lago_id"])
    assert before["status"] == status
    assert await ask(sandbox, method, invoice["lago_id"], action) == answer
    assert await sandbox.invoice(invoice["lago_id"]) == before


async def test_04_8_1_only_subscription_invoices_are_refreshed(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    invoice = await sell(sandbox, {"add_on_code": "setup"})
    assert await ask(sandbox, "PUT", invoice["lago_id"], "/refresh") == (403, "feature_unavailable")


async def test_04_5_a_term_of_the_organization_moves_drafts_without_their_own(sandbox: Sandbox) -> None:
    """Drafts of 18 January: the one of a customer with a term of its own stays, finalized ones too."""
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe("s0", customer="issued")
    grace = {"invoice_grace_period": 3}
    await sandbox.customer("own", net_payment_term=0, billing_configuration=grace)
    await sandbox.customer("inherits", billing_configuration=grace)
    await sandbox.subscribe("s1", customer="own")
    await sandbox.subscribe("s2", customer="inherits")
    await sandbox.call("PUT", "organizations", {"organization": {"net_payment_term": 20}})
    await sandbox.advance("2024-01-15T10:00:00Z")
    due = {item["customer"]["external_id"]: item["payment_due_date"] for item in await sandbox.invoices()}
    assert due == {"issued": "2024-01-15", "own": "2024-01-18", "inherits": "2024-02-07"}
    terms = {item["customer"]["external_id"]: item["net_payment_term"] for item in await sandbox.invoices()}
    assert terms == {"issued": 0, "own": 0, "inherits": 20}


async def test_04_16_filters_that_find_something(sandbox: Sandbox) -> None:
    """One invoice each: partly paid, disputed, voided, one-off; a filter finds its own and no other."""
    await sandbox.plan(pay_in_advance=True)
    for name in ("partly", "disputed", "voided"):
        await sandbox.subscribe(name, customer=name)
    await sandbox.customer("once", currency="EUR")
    await add_on(sandbox)
    body = {"external_customer_id": "once", "fees": [{"add_on_code": "setup"}]}
    await sandbox.call("POST", "invoices", {"invoice": body})
    found = {item["customer"]["external_id"]: item["lago_id"] for item in await sandbox.invoices()}
    await pay(sandbox, found["partly"], 1)
    await sandbox.call("POST", f"invoices/{found['disputed']}/lose_dispute")
    await sandbox.call("POST", f"invoices/{found['voided']}/void")
    for query, names in (
        ({"partially_paid": "true"}, {"partly"}),
        ({"payment_dispute_lost": "true"}, {"disputed"}),
        ({"status": "voided"}, {"voided"}),
        ({"statuses[]": ["voided", "finalized"], "invoice_type": "one_off"}, {"once"}),
        ({"partially_paid": "false", "payment_dispute_lost": "false", "status": "finalized"}, {"once"}),
        ({"amount_from": 1000, "amount_to": 1000}, {"once"}),
        ({"currency": "EUR"}, set(found)),
    ):
        assert {item["customer"]["external_id"] for item in await sandbox.invoices(**query)} == names, query
    paid = await sandbox.invoice(found["partly"])
    assert (paid["total_paid_amount_cents"], paid["total_due_amount_cents"]) == (1, 1699)
    assert (await sandbox.invoice(found["voided"]))["total_due_amount_cents"] == 0


async def header(sandbox: Sandbox, lago_id: str) -> tuple[str, str]:
    """Language and title of an invoice's document."""
    async with sandbox.context() as ctx:
        made = await invoice_document(ctx, await ctx.session.get_one(Invoice, UUID(lago_id)))
    first = lay_out_invoice(made).blocks[0]
    assert isinstance(first, Header)
    return made.locale, first.title


@pytest.mark.parametrize(
    ("organization", "customer", "found"),
    [
        (None, None, ("en", "Invoice")),
        ("fr", None, ("fr", "Facture")),
        ("fr", "de", ("de", "Rechnung")),
        (None, "sv", ("sv", "Faktura")),
    ],
)
async def test_04_20_precedence_of_locales(
    sandbox: Sandbox, organization: str | None, customer: str | None, found: tuple[str, str]
) -> None:
    if organization:
        configuration = {"billing_configuration": {"document_locale": organization}}
        await sandbox.call("PUT", "organizations", {"organization": configuration})
    invoice = await issued(sandbox, billing_configuration={"document_locale": customer})
    assert await header(sandbox, invoice["lago_id"]) == found


@pytest.mark.parametrize("country", ["AU", "AE", "NZ", "ID", "SG"])
async def test_04_19_1_tax_invoices_of_the_organizations_country(sandbox: Sandbox, country: str) -> None:
    await sandbox.call("PUT", "organizations", {"organization": {"country": country.lower()}})
    assert (await sandbox.call("GET", "organizations"))["organization"]["country"] == country
    invoice = await issued(sandbox, country="FR")
    assert await header(sandbox, invoice["lago_id"]) == ("en", "Tax invoice")


async def test_04_19_1_the_customers_country_makes_no_tax_invoice(sandbox: Sandbox) -> None:
    invoice = await issued(sandbox, country="AU")
    assert await header(sandbox, invoice["lago_id"]) == ("en", "Invoice")


@pytest.mark.parametrize(("prefix", "stored"), [("a", "A"), ("hoo-a1b2c3", "HOO-A1B2C3"), ("Acm", "ACM")])
async def test_04_4_prefixes_of_one_to_ten_characters(sandbox: Sandbox, prefix: str, stored: str) -> None:
    answer = await sandbox.call("PUT", "organizations", {"organization": {"document_number_prefix": prefix}})
    assert answer["organization"]["document_number_prefix"] == stored
    invoice = await issued(sandbox)
    assert invoice["number"] == f"{stored}-001-001"


async def test_04_24_zero_is_a_value_and_null_inherits(database: Database) -> None:
    """Term, grace period, empty invoices and zone of a customer over those of the organization."""
    async with sandbox_on(database, clock=datetime(2024, 1, 31, 23, tzinfo=UTC)) as sandbox:
        attributes = {
            "net_payment_term": 30,
            "timezone": "Asia/Tokyo",
            "finalize_zero_amount_invoice": False,
            "billing_configuration": {"invoice_grace_period": 5},
        }
        await sandbox.call("PUT", "organizations", {"organization": attributes})
        await sandbox.plan("p", 2900, pay_in_advance=True)
        own = {"net_payment_term": 0, "timezone": "UTC", "billing_configuration": {"invoice_grace_period": 0}}
        await sandbox.customer("own", **own)
        null: dict[str, Any] = dict.fromkeys(("net_payment_term", "timezone"))
        await sandbox.customer("inherits", **null, billing_configuration={"invoice_grace_period": None})
        for name in ("own", "inherits"):
            await sandbox.subscribe(name, customer=name)
        found = {
            item["customer"]["external_id"]: (
                item["status"],
                item["issuing_date"],
                item["payment_due_date"],
                item["fees_amount_cents"],
            )
            for item in await sandbox.invoices()
        }
        assert found == {
            "own": ("finalized", "2024-01-31", "2024-01-31", 94),  # the last of 31 days of January
            "inherits": ("draft", "2024-02-06", "2024-03-07", 2900),  # 1 February in Tokyo
        }


@pytest.mark.parametrize(
    ("attributes", "details"),
    [
        ({"billing_configuration": {"invoice_footer": "x" * 600}}, None),
        ({"billing_configuration": {"invoice_footer": "x" * 601}}, {"invoice_footer": "value_is_too_long"}),
        ({"billing_configuration": {"document_locale": "pt-BR"}}, None),
        ({"billing_configuration": {"document_locale": "pt"}}, {"document_locale": "not_a_valid_language_code"}),
        ({"document_number_prefix": "A" * 10}, None),
        ({"document_number_prefix": "A" * 11}, {"document_number_prefix": "value_is_too_long"}),
        ({"default_currency": "HUF"}, None),
        ({"default_currency": "huf?"}, {"default_currency": "value_is_invalid"}),
        ({"net_payment_term": 0}, None),
        ({"country": "XX"}, {"country": "not_a_valid_country_code"}),
        ({"name": "Another"}, None),
    ],
)
async def test_04_24_limits(sandbox: Sandbox, attributes: dict[str, Any], details: dict[str, str] | None) -> None:
    answer = await sandbox.rest.put("organizations", {"organization": attributes})
    if details is None:
        assert (answer.status_code, answer.json()["organization"]["name"]) == (200, "Hooli")
    else:
        assert (answer.status_code, answer.json()) == (422, validation(**details))


async def test_04_4_the_prefix_is_read_at_finalization(sandbox: Sandbox) -> None:
    await sandbox.call("PUT", "organizations", {"organization": {"document_number_prefix": "old"}})
    draft = await issued(sandbox, billing_configuration={"invoice_grace_period": 3})
    assert (draft["number"], draft["sequential_id"]) == ("OLD-DRAFT", None)
    await sandbox.call("PUT", "organizations", {"organization": {"document_number_prefix": "new"}})
    await sandbox.advance("2024-01-18T00:20:00Z")
    [invoice] = await sandbox.invoices()
    assert (invoice["number"], invoice["sequential_id"]) == ("NEW-001-001", 1)
    await sandbox.call("PUT", "organizations", {"organization": {"document_number_prefix": "later"}})
    assert (await sandbox.invoices())[0]["number"] == "NEW-001-001"


async def test_04_6_drafts_of_a_customer_are_finalized_in_their_order(sandbox: Sandbox) -> None:
    """By expected date, then by their making: it decides who gets the coupon and the lower number."""
    await sandbox.plan(pay_in_advance=True)
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.subscribe("first")
    await sandbox.subscribe("second")
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 2})
    await sandbox.subscribe("third")
    await coupon(sandbox, amount_cents=2000)
    await apply(sandbox)
    await sandbox.advance("2024-01-18T01:00:00Z")
    found = [await sandbox.invoice(item["lago_id"]) for item in await sandbox.invoices()]
    order = sorted(found, key=lambda item: item["sequential_id"])
    assert [(item["subscriptions"][0]["external_id"], item["coupons_amount_cents"]) for item in order] == [
        ("first", 1700),
        ("second", 300),
        ("third", 0),
    ]


async def test_04_2_3_drafts_have_a_payment_status(sandbox: Sandbox) -> None:
    """``succeeded`` when nothing is due, else ``pending``; drafts too."""
    await sandbox.plan("zero", 0, pay_in_advance=True)
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    for code in ("zero", "p"):
        await sandbox.subscribe(code, code)
    found = {item["total_amount_cents"]: (item["status"], item["payment_status"]) for item in await sandbox.invoices()}
    assert found == {0: ("draft", "succeeded"), 1700: ("draft", "pending")}


@pytest.mark.parametrize(("credits_granted", "prepaid", "total"), [("50", 5000, 8785), ("200", 13785, 0)])
async def test_04_3_2_ex_A_with_a_wallet(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, credits_granted: str, prepaid: int, total: int
) -> None:
    """Credit notes leave 13 785; the buckets add up to 13 784.98744, a rich wallet still pays all."""
    advance = sandbox.advance

    async def advance_with_a_wallet_in_march(to: str) -> Any:
        if to.startswith("2024-03"):
            wallet = {"external_customer_id": "c1", "currency": "EUR", "rate_amount": "1"}
            await sandbox.call("POST", "wallets", {"wallet": {**wallet, "granted_credits": credits_granted}})
        return await advance(to)

    monkeypatch.setattr(sandbox, "advance", advance_with_a_wallet_in_march)
    invoice = await everything_at_once(sandbox)
    [source] = await sandbox.invoices(invoice_type="progressive_billing")
    credited = [(item["amount_cents"], item["item"]["code"]) for item in invoice["credits"][:1]]
    assert credited == [(3000, source["number"])]
    assert invoice["progressive_billing_credit_amount_cents"] == source["fees_amount_cents"] == 3000
    names = ("sub_total_including_taxes", "credit_notes", "prepaid_credit", "total")
    assert [invoice[f"{name}_amount_cents"] for name in names] == [15585, 1800, prepaid, total]
    assert invoice["payment_status"] == ("pending" if total else "succeeded")
    [wallet] = (await sandbox.call("GET", "wallets", params={"external_customer_id": "c1"}))["wallets"]
    assert wallet["balance_cents"] == int(credits_granted) * 100 - prepaid
