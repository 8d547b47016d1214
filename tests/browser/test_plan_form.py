"""A plan from an empty form to its deletion, in a real browser, by keyboard and mouse (spec 07 §7.6)."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.support import Company

pytestmark = pytest.mark.browser
METRIC = {
    "name": "Compute minutes",
    "code": "compute",
    "aggregation_type": "sum_agg",
    "field_name": "minutes",
    "filters": [{"key": "region", "values": ["eu", "us"]}],
}


async def test_a_plan_is_made_edited_copied_and_deleted(page: Page, company: Company) -> None:
    headers = {"authorization": f"Bearer {company.api_key}"}
    async with httpx.AsyncClient(base_url=f"{company.url}/api/v1", headers=headers, timeout=60) as api:
        assert (await api.post("/billable_metrics", json={"billable_metric": METRIC})).status_code == 200
    await page.goto(f"{company.base}/plans")
    await page.get_by_role("link", name="Plan", exact=True).click()

    await expect(page.locator("#field-name")).to_be_focused()
    await page.keyboard.type("Cloud Team")
    await expect(page.locator("#field-code")).to_have_value("cloud_team")
    await page.locator("#field-amount").fill("49")
    await expect(page.locator("#plan-summary")).to_contain_text("49.00")

    # Enter in the field of metrics adds the charge; the keyboard is then at its model, and stays there.
    await page.locator("#add-metric").fill("compute")
    await page.keyboard.press("Enter")
    await expect(page.locator("#c1-model")).to_be_focused()
    await page.keyboard.press("g")
    await expect(page.locator("#c1-p-price-0")).to_be_visible()
    await expect(page.locator("#c1-model")).to_be_focused()
    await page.locator("#c1-p-price-0").fill("0.10")
    await expect(page.locator("#example-c1-p")).to_contain_text("1,000 units = $100.00")
    await page.locator('button[value="tier:c1-p"]').click()
    await page.locator("#c1-p-to-0").fill("500")
    await page.locator("#c1-p-price-1").fill("0.05")
    await page.locator("#c1-p-flat-1").fill("5")
    example = page.locator("#example-c1-p")
    await expect(example).to_contain_text("1,000 units = $80.00")
    await expect(example).to_contain_text("501 and above")
    await expect(example.get_by_role("img", name="Price curve: 1,000 units cost $80.00")).to_be_visible()
    await expect(page.locator("#c1-p-flat-1")).to_be_focused()
    await page.locator("#c1-units").fill("100")
    await expect(example).to_contain_text("100 units = $10.00")
    await expect(page.locator("#plan-summary")).to_contain_text("With these units$59.00")

    # A filter begins with the default price; "all values" and single values exclude each other.
    await page.locator('button[value="filter:c1"]').click()
    row = page.locator("#c1-f1")
    await row.get_by_label("eu").check()
    await row.get_by_label("All values").check()
    await expect(row.get_by_label("eu")).not_to_be_checked()
    await row.get_by_label("eu").check()
    await expect(row.get_by_label("All values")).not_to_be_checked()
    await row.locator("#c1-f1-price-0").fill("0.2")
    await expect(page.locator("#figure-c1-f1")).to_have_text("100 units = $20.00")
    await page.keyboard.press("Enter")

    await expect(page.locator("#toasts")).to_contain_text("Cloud Team created")
    charges = page.get_by_role("region", name="Usage charges")
    await expect(charges).to_contain_text("Graduated, in arrears")
    await expect(charges).to_contain_text("region: eu")
    await expect(charges).to_contain_text("$0.20")

    await page.get_by_role("link", name="Edit", exact=True).click()
    await expect(page.locator("#c1-p-price-0")).to_be_hidden()
    await page.locator("#card-c1 summary").first.click()
    await page.locator("#c1-p-price-0").fill("0.11")
    await page.get_by_role("button", name="Save").last.click()
    await expect(page.locator("#toasts")).to_contain_text("Saved")
    await expect(charges).to_contain_text("$0.11")

    await page.get_by_title("More actions").click()
    await page.get_by_role("link", name="Duplicate").click()
    await expect(page.locator("#field-name")).to_have_value("")
    await page.locator("#field-name").fill("Cloud Squad")
    await expect(page.locator("#field-code")).to_have_value("cloud_squad")
    await page.get_by_role("button", name="Create plan").last.click()
    await expect(page.locator("#toasts")).to_contain_text("Cloud Squad created")
    await expect(charges).to_contain_text("$0.11")

    await page.locator(".tabs").get_by_role("link", name="Subscriptions").click()
    await expect(page.get_by_role("heading", name="Nobody is on this plan")).to_be_visible()
    await page.get_by_title("More actions").click()
    await page.get_by_role("link", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete Cloud Squad?")
    await expect(dialog).to_contain_text("No active subscription is on it.")
    await dialog.get_by_role("button", name="Delete plan").click()
    await expect(page.locator("#toasts")).to_contain_text("The plan is being deleted")
    await expect(page.locator("#results")).to_contain_text("Cloud Team")


async def test_what_is_typed_right_after_a_swap_counts(page: Page, company: Company) -> None:
    """A field that htmx has just put there listens at once: it settles without the delay of 20 ms that htmx has."""
    await page.goto(f"{company.base}/create/plan")
    await page.locator("#add-metric").fill("calls")
    await page.evaluate(
        """() => new MutationObserver((_, watch) => {
          const field = document.querySelector("#c1-p-amount");
          if (!field) return;
          watch.disconnect();
          field.value = "2";
          field.dispatchEvent(new Event("input", { bubbles: true }));
        }).observe(document.body, { childList: true, subtree: true })"""
    )
    await page.keyboard.press("Enter")
    await expect(page.locator("#example-c1-p")).to_contain_text("1,000 units = $2,000.00")
