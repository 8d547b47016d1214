"""Billing an add-on at once, in a real browser (spec 04 §14, 07 §7.8)."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.support import Company

pytestmark = pytest.mark.browser


async def test_lines_and_totals_follow_what_is_typed(page: Page, company: Company) -> None:
    headers = {"authorization": f"Bearer {company.api_key}"}
    add_on = {"name": "Training", "code": "training", "amount_cents": 33300, "amount_currency": "EUR"}
    async with httpx.AsyncClient(base_url=f"{company.url}/api/v1", headers=headers, timeout=60) as api:
        assert (await api.post("/add_ons", json={"add_on": add_on})).status_code == 200
    await page.goto(f"{company.base}/customers")
    await page.locator("#results tbody tr", has_text="Acme").locator(".row-name").click()
    await page.get_by_title("More actions").click()
    await page.get_by_role("link", name="One-off invoice").click()
    await page.get_by_label("Add-on").select_option(label="Training · €333.00")
    await expect(page.get_by_label("Unit price in EUR")).to_have_attribute("placeholder", "333.00")
    worth = page.locator("#one-off-sum")
    await expect(worth).to_contain_text(re.compile(r"Total\s*€399\.60"))
    await page.get_by_label("Units").press("Control+a")
    await page.get_by_label("Units").press_sequentially("2.5")
    await expect(worth).to_contain_text(re.compile(r"Training\s*832\.50\s*Subtotal, excl\. tax\s*€832\.50"))
    await page.get_by_role("button", name="Add a line").click()
    await expect(page.get_by_role("heading", name="Line 2")).to_be_visible()
    await expect(page.get_by_label("Units").first).to_have_value("2.5")
    await page.get_by_role("button", name="Remove").last.click()
    await expect(page.get_by_role("heading", name="Line 2")).to_have_count(0)
    await page.get_by_role("button", name="Issue the invoice").click()
    await page.wait_for_url("**/invoice/**")
    await expect(page.locator("#toasts")).to_contain_text("issued: €999.00")
    await expect(page.locator("#lines")).to_contain_text("Training")
