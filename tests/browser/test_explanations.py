"""Explain this amount, in a real browser (spec 09 §2): lines of an invoice and of current usage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.support import Company

pytestmark = pytest.mark.browser


async def picture(page: Page, name: str) -> None:
    """Kept where ``SCREENSHOTS`` says, for people to look at."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def test_a_line_of_an_invoice(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/invoices?view=outstanding")
    await page.locator("#results tbody tr", has_text="€20.40").filter(has_text="Acme").locator(".row-name").click()
    line = page.get_by_role("article").locator("details.line").first
    await expect(line).to_contain_text("Explain")
    await line.locator("summary").click()
    steps = line.locator(".explain li")
    await expect(steps).to_have_count(4)
    await expect(steps.nth(0)).to_contain_text("Jan 15, 2024 00:00:00 – Jan 31, 2024 23:59:59 (Asia/Tokyo)")
    await expect(steps.nth(1)).to_contain_text("3,100 × 17 ÷ 31")
    await expect(steps.nth(2)).to_contain_text("round(3,100 × 17 ÷ 31)")
    await expect(steps.nth(2)).to_contain_text("1,700 cents")
    await expect(steps.nth(3)).to_contain_text("VAT (vat)")
    await expect(steps.nth(3)).to_contain_text("340 cents")
    await expect(line.locator(".banner")).to_have_count(0)
    await picture(page, "explain-invoice")


async def test_a_line_of_current_usage(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/customers")
    await page.get_by_role("row", name="Acme Corporation").click()
    await page.get_by_role("link", name="Usage", exact=True).click()
    charge = page.locator("#usage details.charge").first
    await charge.locator("summary").click()
    steps = charge.locator(".explain li")
    await expect(steps.nth(1)).to_contain_text("code calls, subscription sub_acme")
    await expect(charge.locator(".explain")).to_contain_text("(30 − 10) × 0.25 + 5")
    await expect(steps.last).to_contain_text("round(10 × 100)")
    await expect(steps.last).to_contain_text("1,000 cents")
    await picture(page, "explain-usage")
    await page.set_viewport_size({"width": 390, "height": 800})
    await expect(steps.last).to_be_visible()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    await picture(page, "explain-usage-phone")


async def test_findings_of_the_audit(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/developers/audit")
    await expect(page.get_by_text("The books are in order")).to_be_visible()
    await company.change(
        "insert into audit_findings (id, organization_id, code, object_type, object_id, expected, found, first_seen_at,"
        " last_seen_at) select gen_random_uuid(), :organization, 'invoice_totals', 'invoice', id::text,"
        " 'total_amount_cents 2040', 'total_amount_cents 2041', now(), now() from invoices"
        " where organization_id = :organization and status = 'finalized' limit 1"
    )
    await page.goto(f"{company.base}/developers/audit")
    row = page.locator("#results tbody tr")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("An invoice's totals are the sums of their parts")
    await expect(row).to_contain_text("total_amount_cents 2041")
    await picture(page, "audit")
    await row.get_by_role("link").click()
    await expect(page.get_by_role("article")).to_be_visible()
    await page.goto(f"{company.base}/developers/audit")
    await page.get_by_role("link", name="Resolved").click()
    await expect(page.get_by_text("Nothing was resolved yet")).to_be_visible()


async def test_drift_is_told(page: Page, company: Company) -> None:
    await company.change(
        "update fees set explanation = jsonb_set(explanation, '{plan_amount_cents}', '6200')"
        " where organization_id = :organization and fee_type = 'subscription'"
    )
    await page.goto(f"{company.base}/invoices?view=outstanding")
    await page.locator("#results tbody tr", has_text="€20.40").filter(has_text="Acme").locator(".row-name").click()
    line = page.get_by_role("article").locator("details.line").first
    await line.locator("summary").click()
    await expect(line.locator(".banner")).to_contain_text("do not give the stored amount")
