"""A customer in its portal, in a real browser: usage, a top-up, its information, an invoice; framed by another site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import BrowserContext, expect

from tests.browser.support import Company, Ears

pytestmark = pytest.mark.browser


async def _link(company: Company) -> str:
    headers = {"authorization": f"Bearer {company.api_key}"}
    async with httpx.AsyncClient(base_url=f"{company.url}/api/v1", headers=headers, timeout=60) as api:
        wallet = {"external_customer_id": "acme", "name": "Prepaid", "currency": "EUR", "rate_amount": "2",
                  "paid_credits": "0", "granted_credits": "50", "paid_top_up_min_amount_cents": 1000}  # fmt: skip
        assert (await api.post("/wallets", json={"wallet": wallet})).status_code == 200
        return (await api.get("/customers/acme/portal_url")).json()["customer"]["portal_url"]


async def test_from_the_link_to_the_pdf(context: BrowserContext, company: Company) -> None:
    page = await context.new_page()
    ears = Ears(page, company.url)
    url = await _link(company)
    await page.goto(url)
    await expect(page.get_by_role("heading", name="Usage and billing")).to_be_visible()
    assert (await context.cookies(url))[0]["sameSite"] == "None"

    await page.get_by_role("link", name="View usage").click()
    await expect(page.get_by_role("heading", name="Team")).to_be_visible()
    usage = page.locator("#usage-block")
    await expect(usage).to_contain_text("€10.00")
    await usage.get_by_title("Refresh this section").click()
    await expect(usage).to_contain_text("€10.00")
    await page.get_by_role("link", name="Overview").click()

    await page.get_by_role("link", name="Top up").click()
    credits = page.get_by_label("Number of credits")
    await credits.press_sequentially("3")
    await expect(page.locator("#price")).to_contain_text("€6.00")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.locator("#field-credits-error")).to_have_text("At least €10.00 per purchase")
    ears.heard.clear()  # the browser tells of the answer 422
    await credits.fill("25")
    await expect(page.locator("#price")).to_contain_text("€50.00")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Buy for €50.00").dblclick()
    await expect(page.locator("#toasts")).to_contain_text("25 credits ordered. The invoice is on its way.")
    await expect(page, "what was done is said once").to_have_url(url)

    await page.get_by_role("link", name="Edit", exact=True).click()
    await page.get_by_label("Billing e-mail").fill("nobody")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("Billing e-mail")).to_be_focused()
    ears.heard.clear()
    await page.get_by_label("Billing e-mail").fill("billing@acme.example")
    await page.get_by_label("Language").select_option("de")
    await page.get_by_role("checkbox", name="Same as billing address").check()
    await expect(page.locator(".portal-shipping-fields")).to_be_hidden()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Nutzung und Abrechnung")).to_be_visible()
    await expect(page.locator("#information")).to_contain_text("billing@acme.example")

    async with page.expect_download() as download:
        await page.get_by_title("PDF herunterladen").first.click()
    assert (await download.value).suggested_filename.endswith(".pdf")
    for width in (390, 900, 1440):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    assert ears.heard == []


@asynccontextmanager
async def _site(html: str) -> AsyncIterator[str]:
    """Another site that answers everything with ``html``; its address."""
    answer = (
        f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(html)}\r\nconnection: close\r\n\r\n{html}"
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}/"


async def test_inside_a_frame_of_another_site_the_supplier_s_side_is_hidden(
    context: BrowserContext, company: Company
) -> None:
    page = await context.new_page()
    async with _site(f'<iframe src="{await _link(company)}" width="900" height="900"></iframe>') as shop:
        await page.goto(shop)
        portal = page.frame_locator("iframe")
        await expect(portal.locator("h1")).to_be_visible()
        await expect(portal.locator(".portal-side")).to_be_hidden()
        await portal.locator("#information .button.quiet").first.click()
        await portal.locator("input[name=firstname]").fill("Jana")
        await portal.locator("button[type=submit]").click()
        await expect(portal.locator("#information")).to_contain_text("Jana")
