"""A subscription upgraded and ended in a real browser, with what that would do before it is done (spec 07 §7.7)."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.support import Company

pytestmark = pytest.mark.browser


async def test_upgrade_then_terminate_with_credit(page: Page, company: Company) -> None:
    """Team, 31.00 in advance, to Business, 310.00, on January 15: 17 of 31 days each way; 20 % tax (03 §6.8, §6.7)."""
    async with httpx.AsyncClient(base_url=company.url, timeout=60) as api:
        plan = {"name": "Business", "code": "business", "interval": "monthly", "amount_cents": 31000,
                "amount_currency": "EUR", "pay_in_advance": True}  # fmt: skip
        headers = {"authorization": f"Bearer {company.api_key}"}
        assert (await api.post("/api/v1/plans", json={"plan": plan}, headers=headers)).status_code == 200
    await page.goto(f"{company.base}/subscriptions")
    await page.get_by_role("link", name="sub_acme").click()
    await page.get_by_role("link", name="Change plan").click()
    outlook = page.locator("#outlook")
    await expect(outlook).to_contain_text("Choose a plan to see when the change takes effect")
    choice = page.get_by_label("New plan")
    await expect(choice.locator("option", has_text="the present plan")).to_be_disabled()
    await choice.select_option(label="Business · €310.00 monthly in advance")
    await expect(outlook).to_contain_text("The change to Business takes effect now")
    await expect(outlook).to_contain_text("The unused days are credited with €20.40, taxes included.")
    await expect(outlook).to_contain_text(re.compile(r"Jan 15 – Jan 31, 2024, 17 days\s*€170\.00"))
    await page.get_by_label("Prices of its own").check()
    amount = page.get_by_label("Amount, EUR").first
    await expect(amount).to_have_value("310.00")
    await amount.fill("620")
    await expect(outlook).to_contain_text(re.compile(r"17 days\s*€340\.00"))
    await page.get_by_role("button", name="Change plan").last.click()
    await expect(page.locator("#toasts")).to_contain_text("Now on Business")
    await expect(page.locator(".figures")).to_contain_text("€620.00")
    await expect(page.locator("#tab")).to_contain_text("plan: €310.00")

    await page.get_by_title("More actions").click()
    await page.get_by_role("link", name="Terminate…").click()
    dialog = page.get_by_role("dialog", name="Terminate sub_acme?")
    await expect(dialog).to_contain_text(re.compile(r"The unused days are worth €3\d\d\.\d\d, taxes included"))
    await dialog.get_by_label("Give nothing back").check()
    await expect(dialog).not_to_contain_text("The unused days are worth")
    await dialog.get_by_label("Credit it").check()
    await expect(dialog).to_contain_text("€384.00 goes to the customer's credit")
    await dialog.get_by_label("Bill nothing more").check()
    await expect(dialog).to_contain_text("There is no final invoice")
    await expect(dialog).to_contain_text("€384.00 goes to the customer's credit")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await page.goto(page.url.split("#")[0] + "#terminate")
    await expect(dialog.get_by_role("button", name="Terminate", exact=True)).to_be_visible()
    await dialog.get_by_role("button", name="Terminate", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("Subscription ended")
    await expect(page.locator("h1")).to_contain_text("Terminated")
