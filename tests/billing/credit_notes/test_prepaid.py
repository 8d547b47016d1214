"""Credit notes on purchases of wallet credits (spec 05 C6), with a wallet of their own behind the door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from billwright.billing.access.context import Context
from billwright.billing.credit_notes import prepaid
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.prepaid import TopUp
from billwright.billing.customers.queries import get_customer
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.kernel.ids import new_id
from tests.server.rest.client import validation
from tests.support.credits import ask, credit, items
from tests.support.sandbox import Sandbox


@dataclass
class Wallet:
    """What the wallets' room keeps of one purchase."""

    remaining_cents: int = 1500
    active: bool = True
    voided: list[int] = field(default_factory=list[int])
    failed: int = 0

    async def top_up(self, ctx: Context, invoice: Invoice) -> TopUp | None:
        return TopUp("Main", self.active, self.remaining_cents)

    async def refund(self, ctx: Context, invoice: Invoice, note: CreditNote, amount_cents: int) -> None:
        assert note.invoice_id == invoice.id
        self.remaining_cents -= amount_cents
        self.voided.append(amount_cents)

    async def fail(self, ctx: Context, invoice: Invoice) -> None:
        self.failed += 1


@pytest.fixture
def wallet() -> Iterator[Wallet]:
    """A connected wallet; whoever was connected before is back afterwards."""
    before = list(prepaid._connected)  # pyright: ignore[reportPrivateUsage]
    made = Wallet()
    prepaid.connect(made)
    yield made
    prepaid._connected[:] = before  # pyright: ignore[reportPrivateUsage]


async def purchase(sandbox: Sandbox, *, paid: bool) -> dict[str, Any]:
    """A top-up of 15 credits at rate 1: an invoice of 1500 with one fee."""
    await sandbox.customer("c1", currency="EUR")
    async with sandbox.context() as ctx:
        now = ctx.now()
        customer = await get_customer(ctx, "c1")
        common: dict[str, Any] = {
            "created_at": now,
            "updated_at": now,
            "organization_id": ctx.organization_id,
            "customer_id": customer.id,
            "currency": "EUR",
            "timestamp": now,
            "payment_status": "succeeded" if paid else "pending",
        }
        invoice = Invoice(
            **common,
            id=new_id(),
            invoice_type="credit",
            status="finalized",
            number="HOO-001-001",
            timezone="UTC",
            issuing_date=date(2024, 1, 15),
            payment_due_date=date(2024, 1, 15),
            fees_amount_cents=1500,
            sub_total_excluding_taxes_amount_cents=1500,
            sub_total_including_taxes_amount_cents=1500,
            total_amount_cents=1500,
            total_paid_amount_cents=1500 if paid else 0,
        )
        fee = Fee(
            **common,
            id=new_id(),
            invoice_id=invoice.id,
            fee_type="credit",
            amount_cents=1500,
            precise_amount_cents=Decimal(1500),
            units=Decimal(15),
            item={"type": "credit", "item_type": "WalletTransaction", "id": str(new_id()), "name": "Main"},
        )
        ctx.session.add(invoice)
        await ctx.session.flush()
        ctx.session.add(fee)
    return {"lago_id": str(invoice.id), "fee": str(fee.id)}


async def test_05_C6_example(sandbox: Sandbox, wallet: Wallet) -> None:
    invoice = await purchase(sandbox, paid=True)
    body = {"credit_note": {"invoice_id": invoice["lago_id"], "items": items((invoice["fee"], 500))}}
    shown = (await sandbox.call("POST", "credit_notes/estimate", body))["estimated_credit_note"]
    assert (shown["max_creditable_amount_cents"], shown["max_refundable_amount_cents"]) == (0, 500)
    note = await credit(sandbox, invoice, items((invoice["fee"], 500)), refund_amount_cents=500)
    assert (note["total_amount_cents"], note["taxes_amount_cents"], note["refund_status"]) == (500, 0, "pending")
    assert (wallet.voided, wallet.remaining_cents) == ([500], 1000)
    wallet.remaining_cents = 5
    answer = await ask(sandbox, invoice, items((invoice["fee"], 10)), refund_amount_cents=10)
    assert answer.json() == validation(amount_cents="higher_than_wallet_balance")
    assert wallet.voided == [500]


async def test_05_C6_a_paid_purchase_is_refunded_only(sandbox: Sandbox, wallet: Wallet) -> None:
    invoice = await purchase(sandbox, paid=True)
    entries = items((invoice["fee"], 500))
    answer = await ask(sandbox, invoice, entries, credit_amount_cents=500)
    assert answer.json() == validation(credit_amount_cents="cannot_credit_invoice")
    answer = await ask(sandbox, invoice, items((invoice["fee"], 1600)), refund_amount_cents=1600)
    assert answer.json() == validation(amount_cents="higher_than_remaining_fee_amount")
    assert wallet.voided == []


async def test_05_C6_an_unpaid_purchase_is_offset_in_full(sandbox: Sandbox, wallet: Wallet) -> None:
    invoice = await purchase(sandbox, paid=False)
    whole = items((invoice["fee"], 1500))
    for part in ("credit_amount_cents", "refund_amount_cents"):
        answer = await ask(sandbox, invoice, whole, **{part: 1500})
        assert (answer.status_code, answer.json()["code"]) == (405, "invalid_type_or_status")
    answer = await ask(sandbox, invoice, items((invoice["fee"], 500)), offset_amount_cents=500)
    assert answer.json() == validation(offset_amount_cents="not_equal_to_total_amount")
    body = {"credit_note": {"invoice_id": invoice["lago_id"], "items": whole}}
    assert (await sandbox.rest.post("credit_notes/estimate", body)).json()["code"] == "invalid_type_or_status"
    note = await credit(sandbox, invoice, whole, offset_amount_cents=1500)
    assert (note["offset_amount_cents"], wallet.failed, wallet.voided) == (1500, 1, [])
    after = await sandbox.invoice(invoice["lago_id"])
    assert (after["payment_status"], after["total_due_amount_cents"]) == ("succeeded", 0)


async def test_05_C6_something_paid(sandbox: Sandbox, wallet: Wallet) -> None:
    invoice = await purchase(sandbox, paid=False)
    async with sandbox.context() as ctx:
        (await ctx.session.get_one(Invoice, UUID(invoice["lago_id"]))).total_paid_amount_cents = 100
    answer = await ask(sandbox, invoice, items((invoice["fee"], 1500)), offset_amount_cents=1500)
    assert answer.json() == validation(offset_amount_cents="cannot_apply_to_paid_invoice")


async def test_05_C6_needs_an_active_wallet(sandbox: Sandbox, wallet: Wallet) -> None:
    invoice = await purchase(sandbox, paid=True)
    wallet.active = False
    answer = await ask(sandbox, invoice, items((invoice["fee"], 500)), refund_amount_cents=500)
    assert (answer.status_code, answer.json()["code"]) == (405, "invalid_type_or_status")
