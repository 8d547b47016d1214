"""A part of an invoice given back and the rest of it voided, in a real browser (spec 05 C3, C5, 07 §7.8)."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.support import Company

pytestmark = pytest.mark.browser


async def test_a_partial_refund_and_credit_then_the_void(page: Page, company: Company) -> None:
    """20.40 with tax, 8.40 of it paid: 10.00 of the fee come to 12.00, of which 5.00 are refunded."""
    await page.goto(f"{company.base}/invoices?view=outstanding")
    await page.locator("#results tbody tr", has_text="Acme").filter(has_text="€20.40").locator(".row-name").click()
    await page.get_by_role("link", name=re.compile("^Payments")).last.click()
    await expect(page.get_by_role("heading", name="No payment yet.")).to_be_visible()
    async with page.expect_response("**/payments/create"):
        await page.get_by_role("link", name="Record a payment").last.click()
    payment = page.get_by_role("dialog", name="Record a payment")
    await payment.get_by_label("Amount in EUR").fill("8.40")
    await payment.get_by_label("Reference").fill("Transfer 1")
    await payment.get_by_role("button", name="Record").click()
    await expect(payment).to_be_hidden()
    await expect(page.locator("#invoice")).to_contain_text("€8.40 of €20.40 are paid.")
    await page.get_by_role("link", name=re.compile("^Credit notes")).last.click()
    await page.wait_for_url("**/credit-notes")
    await page.get_by_role("link", name="Issue a credit note").last.click()

    worth = page.locator("#note-sum")
    await page.get_by_role("textbox", name=re.compile("^Monthly subscription")).fill("10")
    await expect(worth).to_contain_text(re.compile(r"VAT \(20% on €10\.00\)\s*\+2\.00\s*Worth\s*€12\.00"))
    await page.get_by_label("Refund in EUR").fill("9")
    await expect(worth).to_contain_text("At most €8.40.")
    await page.get_by_label("Refund in EUR").fill("5")
    await expect(worth).to_contain_text(re.compile(r"Refunded\s*€5\.00\s*Credit for later invoices\s*€7\.00"))
    await page.get_by_label("Reason").select_option(label="Product unsatisfactory")
    await page.get_by_role("button", name="Issue the credit note").click()
    await page.wait_for_url("**/credit-note/**")
    await expect(page.locator("#toasts")).to_contain_text("-CN001 issued: €12.00")
    await expect(page.locator("h1")).to_contain_text(re.compile(r"-CN001\s*Available\s*Refund pending"))

    await page.get_by_title("More actions").click()
    await page.get_by_role("link", name="Void the rest…").click()
    dialog = page.get_by_role("dialog", name=re.compile("^Void the rest"))
    await expect(dialog).to_contain_text("€7.00 are left of its credit")
    await dialog.get_by_role("button", name="Void the rest").click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator("h1")).to_contain_text("Voided")
    await page.get_by_role("link", name=re.compile(r"^ACM|^HOO|-001-00")).first.click()
    await expect(page.get_by_role("region", name="What happened")).to_contain_text("Credit note over €12.00")
