"""Progressive invoices of customers whose taxes are not known yet (spec 02 §13.5, 05 A7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.progressive.steps import notes, sell, sums, threshold, use
from tests.billing.taxes.conftest import Seller
from tests.billing.taxes.test_waiting_invoices import BUYER

MARCH = "2026-03-01T00:00:00Z"


async def answer(seller: Seller) -> None:
    seller.vies.recover()
    await seller.pass_time()
    assert await seller.checks() == []


async def billed(seller: Seller, kind: str) -> Any:
    found = await seller.box.invoices(invoice_type=kind)
    return [await seller.box.invoice(item["lago_id"]) for item in found]


async def wait(seller: Seller) -> None:
    seller.vies.know(BUYER["tax_identification_number"])
    seller.vies.fail("MS_UNAVAILABLE", times=1000)
    await sell(seller.box, threshold(10000), year=2026, **BUYER)


@pytest.mark.parametrize("answered", ["before the end", "after the end"])
async def test_an_excess_is_given_back_when_both_invoices_are_final(managed: Seller, answered: str) -> None:
    await wait(managed)
    await use(managed.box, "02-06", 12000, year=2026)
    [first] = await billed(managed, "progressive_billing")
    assert (first["status"], sums(first)["fees"]) == ("pending", 12000)
    await use(managed.box, "02-16", -4000, year=2026)
    assert len(await billed(managed, "progressive_billing")) == 1, "what waits for taxes counts as billed"
    if answered == "before the end":
        await answer(managed)
        await managed.box.advance(MARCH)
    else:
        await managed.box.advance(MARCH)
        [last] = await billed(managed, "subscription")
        assert (last["status"], sums(last)["progressive_billing_credit"]) == ("pending", 8000)
        assert await notes(managed.box) == []
        await answer(managed)
    [last] = await billed(managed, "subscription")
    assert (last["status"], sums(last)["progressive_billing_credit"]) == ("finalized", 8000)
    assert [
        (note["lago_invoice_id"], note["sub_total_excluding_taxes_amount_cents"]) for note in await notes(managed.box)
    ] == [(first["lago_id"], 4000)]
