"""A customer from the form to its first usage, in a real browser (spec 07 §7.5, §7.7)."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.support import Company

pytestmark = pytest.mark.browser


async def _post(company: Company, path: str, **body: object) -> None:
    headers = {"authorization": f"Bearer {company.api_key}"}
    async with httpx.AsyncClient(base_url=f"{company.url}/api/v1", headers=headers, timeout=60) as api:
        answer = await api.post(path, json=body)
        assert answer.status_code == 200, answer.text


async def test_a_customer_its_plan_its_coupon_and_its_usage(page: Page, company: Company) -> None:
    coupon = {"name": "Welcome", "code": "welcome", "coupon_type": "fixed_amount", "amount_cents": 1000,
              "amount_currency": "EUR", "frequency": "once", "expiration": "no_expiration"}  # fmt: skip
    await _post(company, "/coupons", coupon=coupon)
    await page.goto(f"{company.base}/create/customer")
    await page.get_by_label(re.compile("^Name")).fill("Delphi Data")
    await page.get_by_label("External id").fill("delphi")
    await page.get_by_label("E-mail").fill("ap@delphi.example")
    await page.get_by_label("Country").first.select_option(label="Germany")
    street = page.locator("#field-shipping_address_line1")
    await expect(street).to_be_hidden()
    await page.get_by_label("Same as the billing address").uncheck()
    await street.fill("2 Dock")
    await page.get_by_role("button", name="Create customer").click()
    await expect(page.locator("#toasts")).to_contain_text("Delphi Data created")
    customer = page.url

    await page.get_by_role("link", name="Subscription", exact=True).click()
    await page.get_by_label("Plan").first.select_option(label="Team · €31.00 monthly in advance")
    await page.get_by_label("External id").fill("sub_delphi")
    await page.get_by_role("button", name="Assign plan").last.click()
    await expect(page.locator("#toasts")).to_contain_text("Subscription started")

    await page.goto(customer)
    await page.get_by_title("More actions").click()
    await page.get_by_role("link", name="Apply a coupon").click()
    dialog = page.get_by_role("dialog", name="Apply a coupon")
    await dialog.get_by_label("Coupon").select_option(label="Welcome · €10.00 off once")
    amount = dialog.get_by_label("Amount off")
    await expect(amount).to_have_value("10.00")
    await amount.fill("7.50")
    await dialog.get_by_label("How often").select_option(label="On several invoices")
    await dialog.get_by_label("Invoices").fill("2")
    await dialog.get_by_role("button", name="Apply").click()
    await expect(page.locator("#toasts")).to_contain_text("Welcome applied")
    await expect(page.locator("#tab tbody tr")).to_contain_text("€7.50 off during 2 invoices")

    event = {"transaction_id": "d1", "external_subscription_id": "sub_delphi", "code": "calls",
             "timestamp": 1705312800, "properties": {"n": 30}}  # fmt: skip
    await _post(company, "/events", event=event)
    await page.get_by_role("link", name="Usage", exact=True).click()
    await expect(page.locator("#usage")).to_contain_text("€10.00 so far, without taxes")
    await expect(page).to_have_url(re.compile("/usage$"))
    await page.get_by_role("link", name="Overview", exact=True).click()
    coming = page.locator("#next-invoices")
    await expect(coming).to_contain_text(re.compile(r"Coupons\s*−€7\.50"))
    await expect(page.locator(".time-line")).to_contain_text("Team")

    await page.locator(".tabs").get_by_role("link", name="Settings").click()
    await page.get_by_role("link", name="Set…").nth(1).click()
    dialog = page.get_by_role("dialog", name="Days as draft")
    await dialog.get_by_label("Days as draft").fill("4")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.locator(".own-settings")).to_contain_text("4 days")


async def test_filters_are_kept_in_the_address(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/customers")
    rows = page.locator("#results tbody tr")
    before = await rows.count()
    await page.get_by_role("button", name="More filters").click()
    panel = page.locator("#filter-more")
    await panel.get_by_text("Active subscriptions").click()
    await panel.get_by_label("From").fill("9")
    await panel.get_by_role("button", name="Apply").click()
    await expect(page.locator(".filter-chip")).to_contain_text("at least 9")
    await expect(page, "nothing empty in the address").to_have_url(f"{company.base}/customers?subscriptions_from=9")
    await expect(page.get_by_role("heading", name="No customers match")).to_be_visible()
    await page.reload()
    await expect(page.locator(".filter-chip")).to_have_count(1)
    await page.get_by_title("Remove filter Active subscriptions at least 9").click()
    await expect(rows).to_have_count(before)
    await page.go_back()
    await expect(page.locator(".filter-chip")).to_have_count(1)
