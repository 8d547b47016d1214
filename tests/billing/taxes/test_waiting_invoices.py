"""Invoices that wait for a check of the customer's VAT number (spec 05 A7, 04 §11)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from billwright.billing.invoicing.drafts import locked_invoice
from billwright.billing.invoicing.pending import fail_taxes
from billwright.billing.invoicing.releasing import release_forgotten
from billwright.billing.kernel.ids import parse_id
from billwright.billing.taxes.vies_job import queue_due_checks
from tests.billing.taxes.conftest import Seller

BUYER = {"country": "IT", "tax_identification_number": "IT12345678901"}


@pytest.fixture
async def waiting(managed: Seller) -> Seller:
    """Customer c1, whose check fails until ``answer``; webhooks are prepared."""
    await managed.listen()
    managed.vies.know("IT12345678901")
    managed.vies.fail("MS_UNAVAILABLE", times=1000)
    await managed.box.customer(**BUYER)
    await managed.jobs()
    assert len(await managed.checks()) == 1
    return managed


async def answer(seller: Seller) -> None:
    """Let VIES answer: the number is valid, so reverse charge (0 %) applies."""
    seller.vies.recover()
    await seller.pass_time()
    assert await seller.checks() == []


async def invalid(seller: Seller) -> None:
    """Let VIES answer that there is no such number: 22 % apply."""
    seller.vies.forget("IT12345678901")
    await answer(seller)


async def paid_in_advance(seller: Seller, amount: int = 10000, **more: Any) -> Any:
    await seller.box.plan("p", amount, pay_in_advance=True)
    await seller.box.subscribe(**more)
    [invoice] = await seller.box.invoices()
    return await seller.box.invoice(invoice["lago_id"])


def totals(invoice: Any) -> dict[str, int]:
    names = """fees coupons taxes sub_total_excluding_taxes sub_total_including_taxes credit_notes prepaid_credit
    total""".split()
    return {name: invoice[f"{name}_amount_cents"] for name in names if invoice[f"{name}_amount_cents"]}


async def status(seller: Seller, invoice: Any) -> tuple[str, str | None]:
    [row] = await seller.rows("select status, tax_status from invoices where id = :id", id=invoice["lago_id"])
    return row["status"], row["tax_status"]


async def test_an_invoice_waits_and_is_issued_with_the_answer(waiting: Seller) -> None:
    invoice = await paid_in_advance(waiting)
    assert invoice["status"] == "pending"
    assert invoice["number"].endswith("-DRAFT")
    assert invoice["payment_status"] == "pending"
    assert totals(invoice) == {"fees": 10000, "sub_total_excluding_taxes": 10000}
    assert invoice["applied_taxes"] == []
    assert invoice["fees"][0]["applied_taxes"] == []
    assert (await status(waiting, invoice))[1] == "pending"
    assert await waiting.announced("invoice.created") == []
    await waiting.box.advance("2026-01-20T10:00:00Z")
    assert (await waiting.box.invoice(invoice["lago_id"]))["status"] == "pending"
    await invalid(waiting)
    issued = await waiting.box.invoice(invoice["lago_id"])
    assert (issued["status"], issued["payment_status"]) == ("finalized", "pending")
    assert totals(issued) == {
        "fees": 10000,
        "taxes": 2200,
        "sub_total_excluding_taxes": 10000,
        "sub_total_including_taxes": 12200,
        "total": 12200,
    }
    assert not issued["number"].endswith("-DRAFT")
    assert (issued["issuing_date"], issued["payment_due_date"]) == ("2026-01-20", "2026-01-20")
    [tax] = issued["applied_taxes"]
    assert (tax["tax_code"], tax["fees_amount_cents"], tax["amount_cents"]) == ("lago_eu_it_standard", 10000, 2200)
    [fee] = issued["fees"]
    assert (fee["taxes_amount_cents"], fee["taxes_rate"], len(fee["applied_taxes"])) == (2200, 22, 1)
    assert await status(waiting, invoice) == ("finalized", "succeeded")
    [announced] = await waiting.announced("invoice.created")
    assert (announced["lago_id"], announced["total_amount_cents"]) == (invoice["lago_id"], 12200)
    [row] = await waiting.rows("select deferred_tax_ids from fees")
    assert row["deferred_tax_ids"] is None


async def test_reverse_charge(waiting: Seller) -> None:
    invoice = await paid_in_advance(waiting)
    await answer(waiting)
    issued = await waiting.box.invoice(invoice["lago_id"])
    assert (issued["status"], issued["total_amount_cents"]) == ("finalized", 10000)
    assert [tax["tax_code"] for tax in issued["applied_taxes"]] == ["lago_eu_reverse_charge"]


async def test_an_invoice_waits_before_the_first_attempt_too(managed: Seller) -> None:
    await managed.box.customer(**BUYER)
    invoice = await paid_in_advance(managed)
    assert invoice["status"] == "pending"
    await managed.jobs()
    assert (await managed.box.invoice(invoice["lago_id"]))["taxes_amount_cents"] == 2200


async def test_due_date_counts_from_the_day_of_issue(waiting: Seller) -> None:
    await waiting.box.call("POST", "customers", {"customer": {"external_id": "c1", "net_payment_term": 10}})
    invoice = await paid_in_advance(waiting)
    await waiting.box.advance("2026-01-20T10:00:00Z")
    await answer(waiting)
    issued = await waiting.box.invoice(invoice["lago_id"])
    assert (issued["issuing_date"], issued["payment_due_date"]) == ("2026-01-20", "2026-01-30")


async def test_a_periodic_invoice_may_keep_its_date(waiting: Seller) -> None:
    configuration = {"subscription_invoice_issuing_date_adjustment": "keep_anchor"}
    await waiting.box.customer(billing_configuration=configuration)
    await waiting.box.plan("p", 3100)
    await waiting.box.subscribe()
    await waiting.box.advance("2026-02-05T10:00:00Z")
    [invoice] = await waiting.box.invoices()
    await answer(waiting)
    issued = await waiting.box.invoice(invoice["lago_id"])
    assert (issued["status"], issued["issuing_date"]) == ("finalized", "2026-02-01")


async def test_coupons_are_taken_once_and_credits_at_the_end(waiting: Seller) -> None:
    """Check of spec 05, head: 7000 - 1000, + 10 % (here 22 %), - credit notes, - wallet."""
    await waiting.box.call(
        "POST",
        "coupons",
        {
            "coupon": {
                "name": "C",
                "code": "c",
                "coupon_type": "fixed_amount",
                "amount_cents": 1000,
                "amount_currency": "EUR",
                "frequency": "once",
                "expiration": "no_expiration",
            }
        },
    )
    await waiting.box.call(
        "POST", "applied_coupons", {"applied_coupon": {"external_customer_id": "c1", "coupon_code": "c"}}
    )
    wallet = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", "granted_credits": "30"}
    await waiting.box.call("POST", "wallets", {"wallet": wallet})
    await waiting.jobs()
    invoice = await paid_in_advance(waiting, 7000)
    assert totals(invoice) == {"fees": 7000, "coupons": 1000, "sub_total_excluding_taxes": 6000}
    assert [credit["amount_cents"] for credit in invoice["credits"]] == [1000]
    assert (await waiting.rows("select balance_cents from wallets"))[0]["balance_cents"] == 3000
    await invalid(waiting)
    issued = await waiting.box.invoice(invoice["lago_id"])
    assert totals(issued) == {
        "fees": 7000,
        "coupons": 1000,
        "taxes": 1320,
        "sub_total_excluding_taxes": 6000,
        "sub_total_including_taxes": 7320,
        "prepaid_credit": 3000,
        "total": 4320,
    }
    assert [credit["amount_cents"] for credit in issued["credits"]] == [1000]
    assert (await waiting.rows("select balance_cents from wallets"))[0]["balance_cents"] == 0
    assert issued["fees"][0]["precise_coupons_amount_cents"] in ("1000.0", "1000.00000")


async def test_credit_notes_are_used_at_the_end(waiting: Seller) -> None:
    await waiting.manage(eu_tax_management=False)
    first = await paid_in_advance(waiting, 2000)
    note = {"invoice_id": first["lago_id"], "reason": "other", "credit_amount_cents": 500, "refund_amount_cents": 0}
    items = [{"fee_id": first["fees"][0]["lago_id"], "amount_cents": 500}]
    await waiting.box.call("POST", "credit_notes", {"credit_note": {**note, "items": items}})
    await waiting.manage()
    await waiting.box.customer(zipcode="00100")
    await waiting.jobs()
    await waiting.box.plan("q", 1000, pay_in_advance=True)
    await waiting.box.subscribe("s2", "q")
    [second] = [item for item in await waiting.box.invoices() if item["status"] == "pending"]
    await invalid(waiting)
    issued = await waiting.box.invoice(second["lago_id"])
    assert totals(issued) == {
        "fees": 1000,
        "taxes": 220,
        "sub_total_excluding_taxes": 1000,
        "sub_total_including_taxes": 1220,
        "credit_notes": 500,
        "total": 720,
    }
    assert issued["fees"][0]["precise_total_amount"] is not None


async def test_taxes_of_the_fees_own_levels_are_kept(waiting: Seller) -> None:
    """A2 still holds: plan before customer; the tax as it is at the end."""
    await waiting.box.tax("local", "10", applied_to_organization=False)
    plan = await waiting.box.plan("p", 10000, pay_in_advance=True)
    await waiting.run(
        "insert into plans_taxes (plan_id, tax_id) select :plan, id from taxes where code = 'local'", plan=plan.id
    )
    await waiting.run("update organizations set catalog_revision = catalog_revision + 1")
    await waiting.box.subscribe()
    [invoice] = await waiting.box.invoices()
    assert (invoice["status"], invoice["taxes_amount_cents"]) == ("pending", 0)
    await waiting.box.call("PUT", "taxes/local", {"tax": {"rate": "12"}})
    await invalid(waiting)
    issued = await waiting.box.invoice(invoice["lago_id"])
    assert [(tax["tax_code"], tax["amount_cents"]) for tax in issued["applied_taxes"]] == [("local", 1200)]


async def test_one_off_invoices(waiting: Seller) -> None:
    await waiting.box.tax("local", "10", applied_to_organization=False)
    add_on = {"name": "Setup", "code": "setup", "amount_cents": 5000, "amount_currency": "EUR"}
    await waiting.box.call("POST", "add_ons", {"add_on": add_on})
    wallet = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", "granted_credits": "100"}
    await waiting.box.call("POST", "wallets", {"wallet": wallet})
    await waiting.jobs()
    fees = [{"add_on_code": "setup"}, {"add_on_code": "setup", "units": "2", "tax_codes": ["local"]}]
    body = {"invoice": {"external_customer_id": "c1", "currency": "EUR", "fees": fees}}
    invoice = (await waiting.box.call("POST", "invoices", body))["invoice"]
    assert (invoice["status"], totals(invoice)) == (
        "pending",
        {"fees": 15000, "sub_total_excluding_taxes": 15000},
    )
    await invalid(waiting)
    issued = await waiting.box.invoice(invoice["lago_id"])
    assert totals(issued) == {
        "fees": 15000,
        "taxes": 2100,
        "sub_total_excluding_taxes": 15000,
        "sub_total_including_taxes": 17100,
        "total": 17100,
    }
    assert len(await waiting.announced("invoice.one_off_created")) == 1
    assert await waiting.announced("invoice.created") == []


async def test_drafts_stay_drafts(waiting: Seller) -> None:
    await waiting.box.customer(billing_configuration={"invoice_grace_period": 3})
    invoice = await paid_in_advance(waiting)
    assert (invoice["status"], totals(invoice)) == ("draft", {"fees": 10000, "sub_total_excluding_taxes": 10000})
    assert (await status(waiting, invoice))[1] == "pending"
    refused = await waiting.box.rest.put(f"invoices/{invoice['lago_id']}/finalize")
    assert (refused.status_code, refused.json()["code"]) == (403, "cannot_finalize_with_pending_taxes")
    await waiting.box.advance("2026-01-25T10:00:00Z")
    assert (await status(waiting, invoice)) == ("draft", "pending")
    await invalid(waiting)
    issued = await waiting.box.invoice(invoice["lago_id"])
    assert (issued["status"], issued["total_amount_cents"]) == ("finalized", 12200)
    assert issued["issuing_date"] == "2026-01-25"


async def test_the_answer_refreshes_drafts_that_are_not_due(waiting: Seller) -> None:
    await waiting.box.customer(billing_configuration={"invoice_grace_period": 30})
    invoice = await paid_in_advance(waiting)
    await waiting.box.advance("2026-01-16T10:00:00Z")
    assert len(await waiting.announced("invoice.drafted")) == 1
    assert await waiting.announced("invoice.ready_to_finalize") == []
    await invalid(waiting)
    draft = await waiting.box.invoice(invoice["lago_id"])
    assert (draft["status"], draft["total_amount_cents"]) == ("draft", 12200)
    assert len(await waiting.announced("invoice.ready_to_finalize")) == 1
    await waiting.box.call("PUT", f"invoices/{invoice['lago_id']}/refresh")
    assert len(await waiting.announced("invoice.ready_to_finalize")) == 1
    assert await status(waiting, invoice) == ("draft", "succeeded")
    await waiting.box.call("PUT", f"invoices/{invoice['lago_id']}/finalize")


async def test_invoices_are_issued_in_their_order(waiting: Seller) -> None:
    """Oldest first: numbers and credits go to it."""
    for position in range(3):
        await waiting.box.plan(f"p{position}", 1000 + position, pay_in_advance=True)
        await waiting.box.subscribe(f"s{position}", f"p{position}")
    wallet = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", "granted_credits": "15"}
    await waiting.box.call("POST", "wallets", {"wallet": wallet})
    await waiting.jobs()
    await invalid(waiting)
    issued = sorted(await waiting.box.invoices(), key=lambda item: item["sequential_id"])
    assert [item["fees_amount_cents"] for item in issued] == [1000, 1001, 1002]
    assert [item["prepaid_credit_amount_cents"] for item in issued] == [1220, 280, 0]


async def test_usage_that_comes_meanwhile_is_not_on_the_invoice(waiting: Seller) -> None:
    plan = await waiting.box.plan("p", 1000)
    await waiting.box.charge(plan)
    await waiting.box.subscribe()
    await waiting.box.send(("2026-01-20T00:00:00+00:00", 5))
    await waiting.box.advance("2026-02-01T10:00:00Z")
    [invoice] = await waiting.box.invoices()
    before = invoice["fees_amount_cents"]
    await waiting.box.send(("2026-01-21T00:00:00+00:00", 50))
    await invalid(waiting)
    assert (await waiting.box.invoice(invoice["lago_id"]))["fees_amount_cents"] == before


async def test_events_billed_at_once(waiting: Seller) -> None:
    """Invoices of single events wait; fees on no invoice are taxed with what the customer has."""
    await waiting.box.tax("default", "5")
    plan = await waiting.box.plan("p", 0)
    await waiting.box.charge(plan, "calls", pay_in_advance=True, properties={"amount": "2"})
    await waiting.box.charge(plan, "seats", pay_in_advance=True, invoiceable=False, properties={"amount": "4"})
    await waiting.box.subscribe()
    for code in ("calls", "seats"):
        event = {"transaction_id": code, "external_subscription_id": "s1", "code": code, "properties": {"n": "1"}}
        await waiting.box.call("POST", "events", {"event": event})
    await waiting.jobs()
    [invoice] = await waiting.box.invoices()
    assert (invoice["status"], totals(invoice)) == ("pending", {"fees": 200, "sub_total_excluding_taxes": 200})
    [fee] = await waiting.rows("select taxes_amount_cents from fees where invoice_id is null")
    assert fee["taxes_amount_cents"] == 20
    await invalid(waiting)
    assert (await waiting.box.invoice(invoice["lago_id"]))["taxes_amount_cents"] == 44


async def test_purchases_of_credits_do_not_wait(waiting: Seller) -> None:
    wallet = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", "paid_credits": "10"}
    await waiting.box.call("POST", "wallets", {"wallet": wallet})
    await waiting.jobs()
    [invoice] = await waiting.box.invoices()
    assert (invoice["status"], invoice["invoice_type"]) == ("finalized", "credit")


async def test_empty_invoices_are_closed_all_the_same(waiting: Seller) -> None:
    await waiting.box.customer(finalize_zero_amount_invoice="skip")
    await waiting.box.plan("p", 0, pay_in_advance=True)
    await waiting.box.subscribe()
    [row] = await waiting.rows("select status, tax_status, payment_status from invoices")
    assert (row["status"], row["tax_status"], row["payment_status"]) == ("closed", None, "succeeded")


async def test_previews_show_the_taxes_that_the_customer_has(waiting: Seller) -> None:
    await waiting.box.tax("default", "5")
    await waiting.box.plan("p", 1000, pay_in_advance=True)
    body = {"customer": {"external_id": "c1"}, "plan_code": "p"}
    shown = (await waiting.box.call("POST", "invoices/preview", body))["invoice"]
    assert shown["taxes_amount_cents"] * 20 == shown["fees_amount_cents"]
    assert len(await waiting.checks()) == 1


async def test_a_subscription_cannot_end_while_its_fee_is_not_taxed(waiting: Seller) -> None:
    invoice = await paid_in_advance(waiting)
    await waiting.box.plan("big", 90000, pay_in_advance=True)
    refused = await waiting.box.rest.delete("subscriptions/s1")
    assert (refused.status_code, refused.json()["code"]) == (405, "cannot_terminate_with_pending_taxes")
    upgrade = {"external_customer_id": "c1", "plan_code": "big", "external_id": "s1"}
    refused = await waiting.box.rest.post("subscriptions", {"subscription": upgrade})
    assert (refused.status_code, refused.json()["code"]) == (405, "cannot_terminate_with_pending_taxes")
    [row] = await waiting.rows("select status from subscriptions")
    assert row["status"] == "active"
    await answer(waiting)
    assert (await waiting.box.terminate("s1"))["status"] == "terminated"
    assert len(await waiting.box.invoices()) == 2
    assert (await waiting.box.invoice(invoice["lago_id"]))["status"] == "finalized"


async def test_a_scheduled_end_waits_and_keeps_its_instant(waiting: Seller) -> None:
    await paid_in_advance(waiting, ending_at="2026-01-25T00:00:00Z")
    await waiting.box.advance("2026-01-28T10:00:00Z")
    [row] = await waiting.rows("select status, terminated_at from subscriptions")
    assert (row["status"], row["terminated_at"]) == ("active", None)
    await answer(waiting)
    await waiting.box.advance("2026-01-28T10:00:01Z")
    [row] = await waiting.rows("select status, terminated_at from subscriptions")
    assert (row["status"], row["terminated_at"].isoformat()) == ("terminated", "2026-01-25T00:00:00+00:00")


@pytest.mark.parametrize("path", ["customers/c1", "plans/p"])
async def test_deletions_wait(waiting: Seller, path: str) -> None:
    """Spec 03 §6.7: not refused, but done only when the taxes are known."""
    invoice = await paid_in_advance(waiting)
    await waiting.box.call("DELETE", path)
    await waiting.box.advance("2026-01-10T10:00:00Z")
    [row] = await waiting.rows("select status from subscriptions")
    assert row["status"] == "active"
    await answer(waiting)
    await waiting.box.advance("2026-01-10T11:00:00Z")
    [row] = await waiting.rows("select status from subscriptions")
    assert row["status"] == "terminated"
    assert (await waiting.box.invoice(invoice["lago_id"]))["status"] == "finalized"
    notes = (await waiting.box.call("GET", "credit_notes"))["credit_notes"]
    assert [note["invoice_number"] for note in notes] == [(await waiting.box.invoice(invoice["lago_id"]))["number"]]


async def test_drafts_of_a_deleted_customer_go_with_the_answer(waiting: Seller) -> None:
    await waiting.box.customer(billing_configuration={"invoice_grace_period": 20})
    await waiting.box.plan("p", 3100)
    await waiting.box.subscribe()
    await waiting.box.advance("2026-02-01T10:00:00Z")
    [draft] = await waiting.box.invoices()
    await waiting.box.call("DELETE", "customers/c1")
    await waiting.box.advance("2026-02-02T10:00:00Z")
    assert (await waiting.box.invoice(draft["lago_id"]))["status"] == "draft"
    await invalid(waiting)
    assert (await waiting.box.invoice(draft["lago_id"]))["status"] == "finalized"


async def test_invoices_made_while_the_answer_comes(waiting: Seller) -> None:
    """Whoever comes first: each invoice is issued once, with the taxes of the answer."""
    add_on = {"name": "Setup", "code": "setup", "amount_cents": 1000, "amount_currency": "EUR"}
    await waiting.box.call("POST", "add_ons", {"add_on": add_on})
    body = {"invoice": {"external_customer_id": "c1", "currency": "EUR", "fees": [{"add_on_code": "setup"}]}}
    waiting.vies.recover()
    waiting.vies.forget("IT12345678901")
    waiting.vies.delay = 0.2
    await waiting.run("update vies_checks set next_attempt_at = now() - interval '1 second'")
    await queue_due_checks(waiting.box.runtime)

    statuses: list[str] = []

    async def sell() -> None:
        while "finalized" not in statuses:
            statuses.append((await waiting.box.call("POST", "invoices", body))["invoice"]["status"])

    await asyncio.gather(sell(), sell(), waiting.run_one("customer.vies_check"))
    assert set(statuses) == {"pending", "finalized"}, "some before, some after the answer"
    await waiting.jobs()
    invoices = await waiting.box.invoices()
    assert {(item["status"], item["total_amount_cents"]) for item in invoices} == {("finalized", 1220)}
    assert sorted(item["sequential_id"] for item in invoices) == list(range(1, len(statuses) + 1))


async def test_disabling_lets_waiting_invoices_go(waiting: Seller) -> None:
    await waiting.box.tax("default", "5")
    invoice = await paid_in_advance(waiting)
    await waiting.manage(eu_tax_management=False)
    await waiting.jobs()
    issued = await waiting.box.invoice(invoice["lago_id"])
    assert (issued["status"], issued["taxes_amount_cents"]) == ("finalized", 500)


async def test_removing_the_number_lets_waiting_invoices_go(waiting: Seller) -> None:
    invoice = await paid_in_advance(waiting)
    await waiting.box.customer(tax_identification_number=None)
    await waiting.jobs()
    assert (await waiting.box.invoice(invoice["lago_id"]))["taxes_amount_cents"] == 2200


async def test_another_check_keeps_invoices_waiting(waiting: Seller) -> None:
    invoice = await paid_in_advance(waiting)
    waiting.vies.recover()
    await waiting.run("update vies_checks set next_attempt_at = now() - interval '1 second'")
    await queue_due_checks(waiting.box.runtime)
    await waiting.run_one("customer.vies_check")
    waiting.vies.fail("TIMEOUT", times=10)
    await waiting.box.customer(tax_identification_number="IT10987654321")
    await waiting.jobs()
    assert (await waiting.box.invoice(invoice["lago_id"]))["status"] == "pending"
    await answer(waiting)
    assert (await waiting.box.invoice(invoice["lago_id"]))["taxes_amount_cents"] == 2200


async def test_payments_of_waiting_invoices_are_refused(waiting: Seller) -> None:
    invoice = await paid_in_advance(waiting)
    path = f"invoices/{invoice['lago_id']}"
    refused = await waiting.box.rest.put(path, {"invoice": {"payment_status": "succeeded"}})
    assert (refused.status_code, refused.json()["code"]) == (405, "payment_status_update_on_draft_invoice")


async def test_failed_invoices_and_their_retry(waiting: Seller) -> None:
    """04 §11: ``failed`` with one ``tax_error``; the retry discards it and starts over."""
    invoice = await paid_in_advance(waiting)
    path = f"invoices/{invoice['lago_id']}/retry"
    refused = await waiting.box.rest.post(path)
    assert (refused.status_code, refused.json()["code"]) == (405, "invalid_status")
    async with waiting.box.context() as ctx:
        found, _ = await locked_invoice(ctx, parse_id(invoice["lago_id"]))  # type: ignore[arg-type]
        await fail_taxes(ctx, found, "taxDateTooFarInFuture", "not yet")
    shown = await waiting.box.invoice(invoice["lago_id"])
    assert shown["status"] == "failed"
    [error] = shown["error_details"]
    assert error["error_code"] == "tax_error"
    assert error["details"] == {"tax_error": "taxDateTooFarInFuture", "tax_error_message": "not yet"}
    assert [item["lago_id"] for item in await waiting.box.invoices(status="failed")] == [invoice["lago_id"]]
    await waiting.manage(eu_tax_management=False)
    retried = (await waiting.box.call("POST", path))["invoice"]
    assert (retried["status"], retried["error_details"]) == ("pending", [])
    await waiting.jobs()
    assert (await waiting.box.invoice(invoice["lago_id"]))["status"] == "finalized"
    assert (await waiting.box.rest.post(path)).status_code == 405
    missing = await waiting.box.rest.post("invoices/11111111-1111-4111-8111-111111111111/retry")
    assert (missing.status_code, missing.json()["code"]) == (404, "invoice_not_found")


async def test_what_cannot_be_issued_fails(waiting: Seller) -> None:
    broken = await paid_in_advance(waiting)
    await waiting.box.plan("q", 2000, pay_in_advance=True)
    await waiting.box.subscribe("s2", "q")
    [sound] = [item for item in await waiting.box.invoices() if item["fees_amount_cents"] == 2000]
    await waiting.run("alter table fees_taxes add constraint broken check (amount_cents <> 2200)")
    waiting.vies.forget("IT12345678901")
    waiting.vies.recover()
    with pytest.raises(AssertionError, match="taxes_known"):
        await waiting.pass_time()
    shown = await waiting.box.invoice(broken["lago_id"])
    assert (shown["status"], shown["error_details"][0]["details"]["tax_error"]) == ("failed", "unexpected_error")
    assert (await waiting.box.invoice(sound["lago_id"]))["status"] == "finalized"
    await waiting.run("alter table fees_taxes drop constraint broken")
    await waiting.box.call("POST", f"invoices/{broken['lago_id']}/retry")
    await waiting.jobs()
    assert (await waiting.box.invoice(broken["lago_id"]))["total_amount_cents"] == 12200


async def test_the_quarterly_pass_finds_what_was_forgotten(waiting: Seller) -> None:
    limited = await paid_in_advance(waiting)
    assert await release_forgotten(waiting.box.runtime) == 0, "it waits rightly"
    async with waiting.box.context() as ctx:
        found, _ = await locked_invoice(ctx, parse_id(limited["lago_id"]))  # type: ignore[arg-type]
        await fail_taxes(ctx, found, "error", "API limit exceeded")
    await waiting.run("delete from vies_checks")
    assert await release_forgotten(waiting.box.runtime) == 1
    await waiting.jobs()
    assert (await waiting.box.invoice(limited["lago_id"]))["status"] == "finalized"
    await waiting.box.customer(tax_identification_number="IT10987654321")
    await waiting.box.plan("q", 2000, pay_in_advance=True)
    await waiting.box.subscribe("s2", "q")
    await waiting.run("delete from vies_checks")
    await waiting.run("delete from jobs where status = 'queued'")
    assert await release_forgotten(waiting.box.runtime) == 1
    await waiting.jobs()
    assert {item["status"] for item in await waiting.box.invoices()} == {"finalized"}
