"""Voiding, deleting and disputing invoices (spec 04 §2.2, §8.4, §9, §13; 06 §9.5)."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from billwright.billing.invoicing.models import Invoice
from tests.billing.invoicing.test_one_off import add_on, sell
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox

NOT_FOUND = {"status": 404, "error": "Not Found", "code": "invoice_not_found"}


def not_allowed(code: str) -> tuple[int, Any]:
    return 405, {"status": 405, "error": "Method Not Allowed", "code": code}


async def issued(sandbox: Sandbox) -> Any:
    """A finalized start invoice of 1700."""
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    [invoice] = await sandbox.invoices()
    return await sandbox.invoice(invoice["lago_id"])


async def drafted(sandbox: Sandbox) -> Any:
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    return await issued(sandbox)


async def ask(
    sandbox: Sandbox, invoice: Any, action: str, body: Any = None, *, method: str = "POST"
) -> tuple[int, Any]:
    answer = await sandbox.rest.request(method, f"invoices/{invoice['lago_id']}/{action}".rstrip("/"), body)
    return answer.status_code, answer.json() if answer.content else None


async def void(sandbox: Sandbox, invoice: Any, body: Any = None) -> Any:
    status, answer = await ask(sandbox, invoice, "void", body)
    assert (status, problems("Invoice", answer)) == (200, [])
    return answer["invoice"]


async def test_04_9_what_changes_and_what_stays(sandbox: Sandbox) -> None:
    invoice = await issued(sandbox)
    await sandbox.advance("2024-01-17T12:00:00Z")
    before = await sandbox.invoice(invoice["lago_id"])
    assert (before["payment_overdue"], before["total_due_amount_cents"]) == (True, 1700)
    after = await void(sandbox, invoice)
    changed = {
        "status": "voided",
        "voided_at": "2024-01-17T12:00:00Z",
        "updated_at": "2024-01-17T12:00:00Z",
        "payment_overdue": False,
        "total_due_amount_cents": 0,
    }
    volatile = {"customer", "subscriptions"}
    assert {key: value for key, value in after.items() if key not in volatile} == {
        key: value for key, value in {**before, **changed}.items() if key not in volatile
    }
    assert (after["number"], after["payment_status"]) == (invoice["number"], "pending")
    assert [item["lago_id"] for item in await sandbox.invoices(status="voided")] == [invoice["lago_id"]]


async def test_04_9_voided_ones_keep_their_place(sandbox: Sandbox) -> None:
    await void(sandbox, await issued(sandbox))
    await sandbox.advance("2024-02-01T00:00:00Z")
    assert [(item["sequential_id"], item["status"]) for item in await sandbox.invoices()] == [
        (1, "voided"),
        (2, "finalized"),
    ]
    assert not any(item["payment_overdue"] for item in await sandbox.invoices())


@pytest.mark.parametrize("payment_status", ["succeeded", "failed"])
async def test_04_9_whatever_its_payment_status(sandbox: Sandbox, payment_status: str) -> None:
    invoice = await issued(sandbox)
    await sandbox.call("PUT", f"invoices/{invoice['lago_id']}", {"invoice": {"payment_status": payment_status}})
    assert (await void(sandbox, invoice))["payment_status"] == payment_status


@pytest.mark.parametrize("body", [None, b"", {}, {"generate_credit_note": None, "credit_amount": None}])
async def test_04_9_the_body_is_optional(sandbox: Sandbox, body: Any) -> None:
    assert (await void(sandbox, await issued(sandbox), body))["status"] == "voided"


async def test_04_9_not_voidable(sandbox: Sandbox) -> None:
    draft = await drafted(sandbox)
    assert await ask(sandbox, draft, "void") == not_allowed("not_voidable")
    await sandbox.call("PUT", f"invoices/{draft['lago_id']}/finalize")
    await void(sandbox, draft)
    assert await ask(sandbox, draft, "void") == not_allowed("not_voidable")
    assert await ask(sandbox, {"lago_id": uuid4()}, "void") == (404, NOT_FOUND)
    assert await ask(sandbox, {"lago_id": uuid4()}, "void", {"credit_amount": -1}) == (404, NOT_FOUND)


@pytest.mark.parametrize("name", ["credit_amount", "refund_amount"])
@pytest.mark.parametrize(("value", "code"), [(-1, "value_is_out_of_range"), ("much", "value_is_invalid")])
async def test_04_9_bad_amounts(sandbox: Sandbox, name: str, value: Any, code: str) -> None:
    invoice = await issued(sandbox)
    body = {"generate_credit_note": True, name: value}
    assert await ask(sandbox, invoice, "void", body) == (422, validation(**{name: code}))
    assert (await sandbox.invoice(invoice["lago_id"]))["status"] == "finalized"


async def test_04_9_one_of_several_at_once_wins(sandbox: Sandbox) -> None:
    invoice = await issued(sandbox)
    answers = await asyncio.gather(*(ask(sandbox, invoice, "void") for _ in range(5)))
    assert sorted(status for status, _ in answers) == [200, 405, 405, 405, 405]


async def test_04_9_void_against_a_change_of_payment_status(sandbox: Sandbox) -> None:
    """Whoever comes second sees the other's work: the status is taken over, or refused."""
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    for _ in range(5):
        invoice = await sell(sandbox, {"add_on_code": "setup"})
        path = f"invoices/{invoice['lago_id']}"
        voided, paid = await asyncio.gather(
            sandbox.rest.post(f"{path}/void"),
            sandbox.rest.put(path, {"invoice": {"payment_status": "succeeded"}}),
        )
        shown = await sandbox.invoice(invoice["lago_id"])
        assert (voided.status_code, shown["status"]) == (200, "voided")
        assert paid.status_code in (200, 405)
        assert shown["payment_status"] == ("succeeded" if paid.status_code == 200 else "pending")
        assert shown["fees"][0]["payment_status"] == shown["payment_status"]


async def test_06_9_5_a_lost_dispute(sandbox: Sandbox) -> None:
    invoice = await issued(sandbox)
    await sandbox.advance("2024-01-17T12:00:00Z")
    for method in ("POST", "PUT"):
        status, body = await ask(sandbox, invoice, "lose_dispute", method=method)
        assert (status, problems("Invoice", body)) == (200, [])
        shown = body["invoice"]
        assert (shown["payment_dispute_lost_at"], shown["payment_overdue"]) == ("2024-01-17T12:00:00Z", False)
        assert (shown["status"], shown["payment_status"]) == ("finalized", "pending")
        await sandbox.advance("2024-01-20T12:00:00Z")
    assert not (await sandbox.invoice(invoice["lago_id"]))["payment_overdue"]
    assert await ask(sandbox, invoice, "void") == not_allowed("not_voidable")
    assert await ask(sandbox, invoice, "retry_payment") == not_allowed("invalid_status")
    assert len(await sandbox.invoices(payment_dispute_lost="true")) == 1


async def test_06_9_5_not_disputable(sandbox: Sandbox) -> None:
    draft = await drafted(sandbox)
    for method in ("POST", "PUT"):
        assert await ask(sandbox, draft, "lose_dispute", method=method) == not_allowed("not_disputable")
        assert await ask(sandbox, {"lago_id": uuid4()}, "lose_dispute", method=method) == (404, NOT_FOUND)
    await sandbox.call("PUT", f"invoices/{draft['lago_id']}/finalize")
    await void(sandbox, draft)
    assert (await ask(sandbox, draft, "lose_dispute"))[0] == 200


async def test_04_8_4_a_deleted_draft(sandbox: Sandbox) -> None:
    draft = await drafted(sandbox)
    status, body = await ask(sandbox, draft, "", method="DELETE")
    assert (status, problems("Invoice", body)) == (200, [])
    assert (body["invoice"]["status"], body["invoice"]["web_url"]) == ("deleted", None)
    for method, action in (("GET", ""), ("DELETE", ""), ("PUT", "refresh"), ("PUT", "finalize"), ("POST", "void")):
        assert await ask(sandbox, draft, action, method=method) == (404, NOT_FOUND)
    assert (await sandbox.rest.get(f"fees/{draft['fees'][0]['lago_id']}")).status_code == 404
    clock = await sandbox.advance("2024-01-31T00:00:00Z")
    assert clock["next_due_at"] == "2024-02-01T00:00:00Z"
    assert await sandbox.invoices() == []
    await sandbox.advance("2024-02-05T00:00:00Z")
    assert [(item["fees_amount_cents"], item["sequential_id"]) for item in await sandbox.invoices()] == [(3100, 1)]


async def test_04_8_4_only_drafts(sandbox: Sandbox) -> None:
    invoice = await issued(sandbox)
    assert await ask(sandbox, invoice, "", method="DELETE") == not_allowed("not_deletable")
    await void(sandbox, invoice)
    assert await ask(sandbox, invoice, "", method="DELETE") == not_allowed("not_deletable")
    assert await ask(sandbox, {"lago_id": uuid4()}, "", method="DELETE") == (404, NOT_FOUND)


async def test_04_2_2_delete_against_finalize(sandbox: Sandbox) -> None:
    """One of the two wins; the other finds no draft any more."""
    draft = await drafted(sandbox)
    path = f"invoices/{draft['lago_id']}"
    deleted, finalized = await asyncio.gather(sandbox.rest.delete(path), sandbox.rest.put(f"{path}/finalize"))
    assert {deleted.status_code, finalized.status_code} in ({200, 404}, {200, 405})
    async with sandbox.context() as ctx:
        row = await ctx.session.get_one(Invoice, UUID(draft["lago_id"]))
        assert (row.status, row.sequential_id) == (
            ("deleted", None) if deleted.status_code == 200 else ("finalized", 1)
        )


async def test_04_11_nothing_to_retry(sandbox: Sandbox) -> None:
    invoice = await issued(sandbox)
    assert await ask(sandbox, invoice, "retry") == not_allowed("invalid_status")
    assert await ask(sandbox, {"lago_id": uuid4()}, "retry") == (404, NOT_FOUND)


async def test_04_13_retry_payment(sandbox: Sandbox) -> None:
    invoice = await issued(sandbox)
    assert await ask(sandbox, invoice, "retry_payment") == (200, None)
    assert await ask(sandbox, {"lago_id": uuid4()}, "retry_payment") == (404, NOT_FOUND)
    await sandbox.call("PUT", f"invoices/{invoice['lago_id']}", {"invoice": {"payment_status": "succeeded"}})
    assert await ask(sandbox, invoice, "retry_payment") == not_allowed("invalid_status")
    await sandbox.call("PUT", f"invoices/{invoice['lago_id']}", {"invoice": {"payment_status": "failed"}})
    assert await ask(sandbox, invoice, "retry_payment") == (200, None)
    await void(sandbox, invoice)
    assert await ask(sandbox, invoice, "retry_payment") == not_allowed("invalid_status")


async def test_04_13_drafts_are_not_collected(sandbox: Sandbox) -> None:
    assert await ask(sandbox, await drafted(sandbox), "retry_payment") == not_allowed("invalid_status")


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        (None, "no_linked_payment_provider"),
        ("gocardless", "invalid_payment_provider"),
        ("stripe", "missing_payment_provider"),
    ],
)
async def test_04_13_payment_links(sandbox: Sandbox, provider: str | None, code: str) -> None:
    if provider is not None:
        await sandbox.customer("c1", billing_configuration={"payment_provider": provider})
    invoice = await issued(sandbox)
    assert await ask(sandbox, invoice, "payment_url") == (422, validation(base=code))
    assert await ask(sandbox, {"lago_id": uuid4()}, "payment_url") == (404, NOT_FOUND)
    if provider == "stripe":
        await void(sandbox, invoice)
        refused = validation(base="invalid_invoice_status_or_payment_status")
        assert await ask(sandbox, invoice, "payment_url") == (422, refused)


async def test_of_other_organizations(sandbox: Sandbox) -> None:
    invoice = await issued(sandbox)
    other = await sandbox.rest.another()
    for method, action in (
        ("POST", "/void"),
        ("DELETE", ""),
        ("POST", "/lose_dispute"),
        ("PUT", "/lose_dispute"),
        ("POST", "/retry"),
        ("POST", "/retry_payment"),
        ("POST", "/payment_url"),
    ):
        answer = await other.request(method, f"invoices/{invoice['lago_id']}{action}")
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


async def credited(sandbox: Sandbox, *amounts: int) -> Any:
    """A one-off invoice of 5000 of customer c1 with credit notes that hold ``amounts`` for later invoices."""
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox, amount_cents=5000)
    invoice = await sell(sandbox, {"add_on_code": "setup"})
    for amount in amounts:
        items = [{"fee_id": invoice["fees"][0]["lago_id"], "amount_cents": amount}]
        note = {"invoice_id": invoice["lago_id"], "credit_amount_cents": amount, "items": items}
        await sandbox.call("POST", "credit_notes", {"credit_note": note})
    return invoice


async def balances(sandbox: Sandbox) -> list[tuple[int, str]]:
    notes = (await sandbox.call("GET", "credit_notes"))["credit_notes"]
    return sorted((note["balance_amount_cents"], note["credit_status"]) for note in notes)


async def test_04_9_coupons_come_back_consumed_credit_notes_do_not(sandbox: Sandbox) -> None:
    """Example A voided without options, as far as coupons and credit notes go."""
    await credited(sandbox, 1000, 800)
    coupon = {
        "name": "Ten",
        "code": "ten",
        "coupon_type": "percentage",
        "percentage_rate": "10",
        "frequency": "once",
        "expiration": "no_expiration",
    }
    await sandbox.call("POST", "coupons", {"coupon": coupon})
    applied = {"external_customer_id": "c1", "coupon_code": "ten"}
    await sandbox.call("POST", "applied_coupons", {"applied_coupon": applied})
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    [listed] = await sandbox.invoices(invoice_type="subscription")
    invoice = await sandbox.invoice(listed["lago_id"])
    assert (invoice["coupons_amount_cents"], invoice["credit_notes_amount_cents"]) == (170, 1530)
    assert (invoice["total_amount_cents"], await balances(sandbox)) == (0, [(0, "consumed"), (270, "available")])
    voided = await void(sandbox, invoice)
    assert (voided["coupons_amount_cents"], voided["credit_notes_amount_cents"]) == (170, 1530)
    assert [credit["amount_cents"] for credit in voided["credits"]] == [170, 1000, 530]
    assert await balances(sandbox) == [(0, "consumed"), (270, "available")]
    await sandbox.advance("2024-02-01T00:00:00Z")
    following = (await sandbox.invoices(invoice_type="subscription"))[-1]
    assert (following["coupons_amount_cents"], following["credit_notes_amount_cents"]) == (310, 270)


async def test_04_9_void_against_a_credit_note(sandbox: Sandbox) -> None:
    """Whoever comes first: together they never give back more than was billed."""
    invoice = await credited(sandbox)
    path, items = f"invoices/{invoice['lago_id']}", [{"fee_id": invoice["fees"][0]["lago_id"], "amount_cents": 4000}]
    note = {"invoice_id": invoice["lago_id"], "credit_amount_cents": 4000, "items": items}
    voided, noted = await asyncio.gather(
        sandbox.rest.post(f"{path}/void", {"generate_credit_note": True, "credit_amount": 5000}),
        sandbox.rest.post("credit_notes", {"credit_note": note}),
    )
    assert (voided.status_code, noted.status_code) in ((200, 422), (422, 200))
    assert sum(balance for balance, _ in await balances(sandbox)) == (5000 if voided.status_code == 200 else 4000)
    assert (await sandbox.invoice(invoice["lago_id"]))["status"] == (
        "voided" if voided.status_code == 200 else "finalized"
    )
