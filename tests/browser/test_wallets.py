"""A wallet in a real browser: prices while credits are typed, fields of the chosen rule, topping up, ending (§7.7)."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.support import Company

pytestmark = pytest.mark.browser


async def test_a_wallet_is_made_topped_up_and_ended(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/customers")
    await page.locator("tr[data-href] a").first.click()
    await page.get_by_role("link", name=re.compile("^Wallets")).click()
    await expect(page).to_have_url(re.compile("/wallets$"))
    await page.get_by_role("link", name="Create a wallet").click()
    await page.get_by_label("Name", exact=False).first.fill("Big Deal")
    await expect(page.get_by_label("Code")).to_have_value("big_deal")
    await page.get_by_label("Worth of a credit").fill("0.5")
    await page.get_by_label("Granted credits").first.fill("10.333")
    await expect(page.locator("#prices")).to_contain_text("€5.17")
    await expect(page.locator("#prices")).to_contain_text("10.34 credits, rounded to whole coins")
    threshold = page.get_by_label("At so many credits or fewer")
    await expect(threshold).to_be_hidden()
    await page.get_by_label("Top up", exact=True).select_option(label="When the balance gets low")
    await threshold.fill("20")
    target = page.get_by_label("Credits to have afterwards")
    await expect(target).to_be_hidden()
    await page.get_by_label("How much").select_option(label="Up to a balance")
    await target.fill("10")
    await page.get_by_label("Grant what is missing").check()
    await page.get_by_label("How much").select_option(label="The same credits each time")
    await page.get_by_label("How much").select_option(label="Up to a balance")
    await expect(target).to_have_value("10", timeout=5_000)
    await target.fill("200")
    await page.get_by_role("button", name="Create wallet").click()
    await expect(page.locator("#toasts")).to_contain_text("Wallet created")
    await expect(page.locator("h1")).to_contain_text("Big Deal")
    await expect(page.locator(".aside")).to_contain_text("Tops up to 200 credits; what is missing is granted")

    await page.get_by_role("link", name="Top up").first.click()
    await page.get_by_label("Granted credits").fill("40")
    await expect(page.locator("#prices")).to_contain_text("Granted for nothing")
    await page.get_by_role("button", name="Top up").click()
    await expect(page.locator("#toasts")).to_contain_text("€20.00 granted")
    await page.get_by_role("link", name="Granted").click()
    await expect(page).to_have_url(re.compile("kind=granted"))
    await expect(page.locator("#results")).to_contain_text("+€20.00")

    await page.get_by_title("More actions").click()
    await page.get_by_role("link", name="End the wallet…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Nothing is paid back.")
    await dialog.get_by_role("button", name="End the wallet").click()
    await expect(page.locator("#toasts")).to_contain_text("Wallet ended")
    await expect(page.locator("h1")).to_contain_text("Terminated")
