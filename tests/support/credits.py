"""Coupons, credit notes and payments of a sandbox, as tests of credits need them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from billwright.billing.catalog.models import ChargeTax
from billwright.billing.invoicing.models import Invoice
from billwright.billing.taxes.queries import find_tax
from tests.support.sandbox import Sandbox

JANUARY = "2024-01-01T00:00:00Z"


async def coupon(sandbox: Sandbox, code: str = "deal", **values: Any) -> Any:
    """A new coupon: 100.00 EUR once, unless told otherwise."""
    body: dict[str, Any] = {
        "name": code.title(),
        "code": code,
        "coupon_type": "fixed_amount",
        "frequency": "once",
        "expiration": "no_expiration",
        **values,
    }
    if body["coupon_type"] == "fixed_amount":
        body = {"amount_cents": 10000, "amount_currency": "EUR", **body}
    return (await sandbox.call("POST", "coupons", {"coupon": body}))["coupon"]


async def apply(sandbox: Sandbox, code: str = "deal", customer: str = "c1", **values: Any) -> Any:
    body = {"external_customer_id": customer, "coupon_code": code, **values}
    return (await sandbox.call("POST", "applied_coupons", {"applied_coupon": body}))["applied_coupon"]


async def applied(sandbox: Sandbox, **query: Any) -> list[Any]:
    """Applications, oldest first."""
    found = (await sandbox.call("GET", "applied_coupons", params=query))["applied_coupons"]
    return list(reversed(found))


async def details(sandbox: Sandbox) -> list[Any]:
    """All visible invoices with everything, oldest first."""
    return [await sandbox.invoice(item["lago_id"]) for item in await sandbox.invoices()]


def money(invoice: Any) -> tuple[int, int, int, int]:
    """Fees, coupons, taxes, total."""
    return (
        invoice["fees_amount_cents"],
        invoice["coupons_amount_cents"],
        invoice["taxes_amount_cents"],
        invoice["total_amount_cents"],
    )


async def pay(sandbox: Sandbox, lago_id: str, cents: int) -> None:
    """Note ``cents`` as paid; all of the total is a success."""
    async with sandbox.context() as ctx:
        invoice = await ctx.session.get_one(Invoice, UUID(lago_id))
        invoice.total_paid_amount_cents += cents
        if invoice.total_due_amount_cents == 0:
            invoice.payment_status = "succeeded"


async def the_invoice_of_A4(sandbox: Sandbox) -> Any:
    """Subscription 9900 and api 4525 with 20 %, storage 1500 with 0 %, a coupon of 2000 (spec 05 A4)."""
    await sandbox.customer("c1")
    await sandbox.tax("vat20", "20")
    await sandbox.tax("vat0", "0", applied_to_organization=False)
    plan = await sandbox.plan("p", 9900)
    await sandbox.charge(plan, "api", properties={"amount": "1"})
    storage = await sandbox.charge(plan, "storage", properties={"amount": "1"})
    async with sandbox.context() as ctx:
        ctx.session.add(ChargeTax(charge_id=storage.id, tax_id=(await find_tax(ctx, "vat0")).id))
        ctx.organization.catalog_revision += 1
    await coupon(sandbox, amount_cents=2000)
    await apply(sandbox)
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00+00:00", "45.25"), code="api")
    await sandbox.send(("2024-01-20T00:00:00+00:00", 15), code="storage")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [invoice] = await details(sandbox)
    return invoice


def fee_id(invoice: Any, code: str | None = None) -> str:
    """The fee of a charge's metric, or the subscription fee."""
    kind = "subscription" if code is None else "charge"
    [found] = [
        fee["lago_id"]
        for fee in invoice["fees"]
        if fee["item"]["type"] == kind and (code is None or fee["item"]["code"] == code)
    ]
    return found


def items(*entries: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"fee_id": lago_id, "amount_cents": cents} for lago_id, cents in entries]


async def credit(sandbox: Sandbox, invoice: Any, entries: list[dict[str, Any]], **values: Any) -> Any:
    """A credit note; refused ones fail the test."""
    answer = await ask(sandbox, invoice, entries, **values)
    assert answer.status_code == 200, answer.text
    return answer.json()["credit_note"]


async def ask(sandbox: Sandbox, invoice: Any, entries: Any, **values: Any) -> Any:
    body = {"invoice_id": invoice["lago_id"], "items": entries, **values}
    return await sandbox.rest.post("credit_notes", {"credit_note": body})


async def notes(sandbox: Sandbox, **query: Any) -> list[Any]:
    """Credit notes, oldest first."""
    found = (await sandbox.call("GET", "credit_notes", params=query))["credit_notes"]
    return list(reversed(found))
