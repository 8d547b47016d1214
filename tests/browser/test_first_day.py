"""The first day of a company: from signing up to the first invoice, in a real browser (spec 07 §7.2, §7.5 to §7.10)."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.support import Ears
from tests.live.server import LiveServer
from tests.support.accessibility import obstacles

pytestmark = pytest.mark.browser


async def _api_key(page: Page, base: str) -> str:
    """A new key's value, which is shown once."""
    await page.goto(f"{base}/developers/keys/new")
    await page.get_by_label("Name").fill("The product")
    await page.get_by_role("button", name="Create key").click()
    shown = page.get_by_role("status").filter(has_text="Copy The product now.")
    await expect(shown).to_be_visible()
    value = await shown.get_by_title("Copy key").get_attribute("data-copy")
    assert value
    await page.goto(f"{base}/developers/keys")
    await expect(page.get_by_role("link", name="The product")).to_be_visible()
    await expect(shown).to_have_count(0)
    return value


async def test_from_signing_up_to_the_first_invoice(context: BrowserContext, server: LiveServer) -> None:
    """30.00 in advance from March 10 of 2024: 22 of 31 days (02 §4); in April, 7 units at 2.00 and 30.00 more."""
    page = await context.new_page()
    ears = Ears(page, server.url)
    await page.goto("/login")
    await page.get_by_role("link", name="Create an organization").click()
    await page.get_by_label("Organization").fill("Pied Piper")
    await page.get_by_label("Your e-mail").fill("richard@piper.example")
    await page.get_by_role("textbox", name="Password").fill("short")
    await expect(page.locator(".met")).not_to_have_count(0)
    assert await obstacles(page) == []
    await page.get_by_role("textbox", name="Password").fill("Middle-out-2024")
    await page.get_by_role("button", name="Create organization").click()
    await expect(page.locator(".organization")).to_contain_text("Pied Piper")

    # Trying things out happens in a sandbox, whose clock stands still.
    await page.goto("/pied-piper/settings/sandboxes")
    await page.get_by_role("link", name="Sandbox", exact=True).click()
    await page.get_by_label("Name").fill("Piper trial")
    await page.get_by_label("Its clock begins at").fill("2024-03-10T00:00")
    await page.get_by_role("button", name="Create sandbox").click()
    await expect(page.locator("#toasts")).to_contain_text("Piper trial is ready. You are its admin.")
    await expect(page.locator("#clock")).to_contain_text("Mar 10, 2024, 00:00")
    base = "/piper-trial"

    nav = page.get_by_role("navigation", name="Main")
    await nav.get_by_role("link", name="Billable metrics").click()
    await page.get_by_role("link", name="Create a metric").click()
    await page.get_by_label("Name").fill("Files compressed")
    await expect(page.get_by_label("Code")).to_have_value("files_compressed")
    await page.get_by_role("button", name="Create metric").click()
    await expect(page.locator("#toasts")).to_contain_text("Files compressed created")

    await nav.get_by_role("link", name="Plans").click()
    await page.get_by_role("link", name="Create a plan").click()
    await page.locator("#field-name").fill("Starter")
    await page.locator("#field-amount").fill("30")
    await page.get_by_label("When the period begins").check()
    await page.locator("#add-metric").fill("files")
    await page.get_by_role("button", name="Add charge").click()
    await expect(page.locator("#c1-model")).to_be_focused()
    await page.locator("#c1-p-amount").fill("2")
    await expect(page.locator("#example-c1-p")).to_contain_text("1,000 units = $2,000.00")
    await page.get_by_role("button", name="Create plan").last.click()
    await expect(page.locator("#toasts")).to_contain_text("Starter created")

    await nav.get_by_role("link", name="Customers").click()
    await page.get_by_role("link", name="Create a customer").click()
    await page.get_by_label(re.compile("^Name")).fill("Bachmanity")
    await expect(page.get_by_label("External id")).to_have_value("bachmanity")
    await page.get_by_role("button", name="Create customer").click()
    await expect(page.locator("#toasts")).to_contain_text("Bachmanity created")
    await page.get_by_role("link", name="Assign a plan").click()
    await page.get_by_label("Plan", exact=True).select_option(label="Starter · $30.00 monthly in advance")
    await page.get_by_label("External id").fill("sub_bachmanity")
    await expect(page.locator("#outlook")).to_contain_text("$21.29")
    await page.get_by_role("button", name="Assign plan").last.click()
    await expect(page.locator("#toasts")).to_contain_text("Subscription started")

    headers = {"authorization": f"Bearer {await _api_key(page, base)}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as api:
        events = [
            {"transaction_id": f"file-{number}", "external_subscription_id": "sub_bachmanity",
             "code": "files_compressed", "timestamp": 1710072000 + number}
            for number in range(7)
        ]  # fmt: skip
        assert (await api.post("/api/v1/events/batch", json={"events": events})).status_code == 200
    await page.goto(f"{base}/developers/events")
    await expect(page.locator("#results tbody tr")).to_have_count(7)

    await page.get_by_role("link", name="Advance").click()
    dialog = page.get_by_role("dialog", name="Advance the clock")
    await dialog.get_by_label("A date", exact=True).check()
    await dialog.get_by_label("Date and time, UTC").fill("2024-04-01T06:00")
    await dialog.get_by_role("button", name="Advance").click()
    await expect(page.locator("#clock")).to_contain_text("Apr 1, 2024, 06:00", timeout=30_000)

    await nav.get_by_role("link", name="Invoices").click()
    rows = page.locator("#results tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.last).to_contain_text("$21.29")
    await rows.filter(has_text="$44.00").locator(".row-name").click()
    sheet = page.get_by_role("article")
    await expect(sheet).to_contain_text("Files compressed")
    await expect(sheet).to_contain_text("$14.00")
    await expect(sheet.locator(".totals > div").last).to_have_text(re.compile(r"Total\s*\$44\.00"))
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Download PDF").click()
    content = await asyncio.to_thread(Path(await (await waiting.value).path()).read_bytes)
    assert content.startswith(b"%PDF-")
    assert await obstacles(page) == []
    assert ears.heard == []
