"""Correcting a draft and recording a payment in a real browser (spec 02 §14, 06 §12, 07 §7.8)."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.support import Company

pytestmark = pytest.mark.browser


async def test_a_fee_is_edited_previewed_and_reset(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/invoices?view=draft")
    await page.locator("#results tbody tr", has_text="Blue Harbor").locator(".row-name").click()
    total = page.locator(".totals > div").last
    await expect(total).to_have_text(re.compile(r"Total\s*€20\.40"))
    await page.get_by_role("link", name=re.compile("^Edit Monthly subscription")).click()
    dialog = page.get_by_role("dialog", name="Edit fees")
    await expect(dialog).to_contain_text("Now 1 unit, €17.00")
    await dialog.get_by_label("Units").fill("2")
    await dialog.get_by_role("button", name="Preview").click()
    await expect(dialog).to_contain_text("€34.00 + €6.80 tax = €40.80")
    await expect(total).to_have_text(re.compile(r"Total\s*€20\.40"))
    await dialog.get_by_label("Name on the invoice").fill("Two teams")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden()
    await expect(total).to_have_text(re.compile(r"Total\s*€40\.80"))
    await expect(page.locator("#lines")).to_contain_text("Two teams")
    await expect(page.locator("#lines")).to_contain_text("Edited")
    await page.get_by_role("button", name="Refresh").click()
    await expect(page.locator("#toasts")).to_contain_text("Refreshed")
    await expect(total).to_have_text(re.compile(r"Total\s*€40\.80"))
    await page.get_by_role("link", name="Reset Two teams").click()
    await expect(dialog).to_contain_text("This fee was set by hand.")
    await dialog.get_by_role("button", name="Reset").click()
    await expect(dialog).to_be_hidden()
    await expect(total).to_have_text(re.compile(r"Total\s*€20\.40"))
    await expect(page.locator("#lines")).not_to_contain_text("Edited")


async def test_a_fee_is_added(page: Page, company: Company) -> None:
    """Blue Harbor's calls of January have no usage; 14 of them at the tiers are 6.00."""
    await page.goto(f"{company.base}/invoices")
    await page.get_by_role("link", name="Advance").click()
    clock = page.get_by_role("dialog", name="Advance the clock")
    await clock.get_by_label("A date", exact=True).check()
    await clock.get_by_label("Date and time, UTC").fill("2024-02-01T09:00")
    await clock.get_by_role("button", name="Advance").click()
    await expect(page.locator("#toasts")).to_contain_text("The clock stands at Feb 1, 2024", timeout=30_000)
    await page.goto(f"{company.base}/invoices?view=draft")
    await page.locator("#results tbody tr", has_text="Blue Harbor").first.locator(".row-name").click()
    await expect(page.locator("#lines")).not_to_contain_text("API calls")
    await page.get_by_title("More actions").click()
    await page.get_by_role("link", name="Add a fee").click()
    dialog = page.get_by_role("dialog", name="Edit fees")
    await dialog.get_by_label("Charge").select_option(label="API calls")
    await dialog.get_by_label("Units").fill("14")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden()
    line = page.locator("#lines .line", has_text="API calls")
    await expect(line).to_contain_text("€6.00")
    await expect(line).to_contain_text("Edited")


async def test_a_payment_is_recorded_in_two_parts(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/invoices?view=outstanding")
    await page.locator("#results tbody tr", has_text="Acme").filter(has_text="€20.40").locator(".row-name").click()
    payments = page.get_by_role("region", name="Payments")
    await expect(payments).to_contain_text("No payment yet.")
    for amount, reference in (("8.40", "Transfer 1"), ("12.00", "Transfer 2")):
        await page.get_by_title("More actions").click()
        async with page.expect_response("**/payments/create"):
            await page.get_by_role("link", name="Record a payment").click()
        dialog = page.get_by_role("dialog", name="Record a payment")
        await expect(dialog.get_by_label("Amount in EUR")).to_have_value("20.40" if amount == "8.40" else "12.00")
        await dialog.get_by_label("Amount in EUR").fill(amount)
        await dialog.get_by_label("Reference").fill(reference)
        await dialog.get_by_role("button", name="Record").click()
        await expect(dialog).to_be_hidden()
        await expect(page.locator("#toasts")).to_contain_text(f"Payment of €{amount} recorded")
        await expect(payments).to_contain_text(reference)
    await expect(payments).not_to_contain_text("Still due")
    await expect(page.locator("h1")).to_contain_text("Succeeded")
    await page.get_by_title("More actions").click()
    await expect(page.get_by_role("link", name="Record a payment")).to_have_count(0)
