"""Members in a real browser: an invitation taken up elsewhere, what a role shows, a new password (spec 07 §3)."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.support import EMAIL, Company, Ears

pytestmark = pytest.mark.browser
GUEST = "fiona@hooli.example"


async def _log_in(page: Page, email: str, password: str) -> None:
    await page.goto("/login")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Log in").click()


async def test_somebody_is_invited_joins_and_sees_what_the_role_permits(
    page: Page, company: Company, browser: Browser
) -> None:
    await page.goto(f"{company.base}/settings/members")
    await page.get_by_role("link", name="Invite").click()
    dialog = page.get_by_role("dialog", name="Invite somebody")
    await dialog.get_by_label("E-mail").fill(GUEST)
    await dialog.get_by_label("Account manager").uncheck()
    await dialog.get_by_label("Finance & analyst").check()
    await dialog.get_by_role("button", name="Make the link").click()
    invited = page.get_by_role("region", name="Invitations").get_by_role("row", name=re.compile(GUEST))
    await expect(invited).to_contain_text("Finance & analyst")
    link = await invited.get_by_role("button", name="Copy link").get_attribute("data-copy")
    assert link

    elsewhere = await browser.new_context(base_url=company.url, viewport={"width": 1280, "height": 900})
    try:
        guest = await elsewhere.new_page()
        ears = Ears(guest, company.url)
        await guest.goto(link)
        await expect(guest.get_by_role("heading", name="Join Hooli")).to_be_visible()
        await expect(guest.get_by_text("You are invited as Finance & analyst.")).to_be_visible()
        await guest.get_by_role("textbox", name="Password").fill("Numbers-add-up-1")
        await guest.get_by_role("button", name="Join Hooli").click()
        await expect(guest).to_have_url(re.compile(f"{company.base}/"))

        # Finance reads invoices and analytics; it makes no plans and manages no keys.
        nav = guest.get_by_role("navigation", name="Main")
        await expect(nav.get_by_role("link", name="Invoices")).to_be_visible()
        await expect(nav.get_by_role("link", name="Developers")).to_have_count(0)
        await guest.goto(f"{company.base}/customers")
        await expect(guest.get_by_role("link", name="Blue Harbor")).to_be_visible()
        await expect(guest.get_by_role("link", name="Customer", exact=True)).to_have_count(0)
        assert ears.heard == []
        await guest.goto(f"{company.base}/developers/keys")
        await expect(guest.get_by_role("heading", level=1)).to_have_text("You may not open this page")
        ears.heard.clear()  # the browser tells of the answer 403
        used = await guest.request.get(link, max_redirects=0)
        assert used.status == 404, "an invitation works once"

        # A forgotten password: the letter waits in the outbox of the organization, for an admin to hand on.
        await guest.get_by_title(GUEST.partition("@")[0]).wait_for()
        await elsewhere.clear_cookies()
        await guest.goto("/forgot-password")
        await guest.get_by_label("E-mail").fill(GUEST)
        await guest.get_by_role("main").get_by_role("button").click()
        await page.goto(f"{company.base}/developers/emails")
        letter = page.locator("#results tbody tr", has_text=GUEST)
        await expect(letter).to_contain_text("Waiting")
        # What the worker does where no mail server is configured; only the API runs here.
        await company.change(
            "update emails set status = 'kept' where organization_id = :organization or user_id is not null"
        )
        await page.reload()
        await expect(letter).to_contain_text("Kept")
        await letter.get_by_role("link").click()
        said = await page.get_by_role("dialog").filter(visible=True).locator("pre").inner_text()
        address = re.search(r"https?://\S+/reset-password/\S+", said)
        assert address, said
        await guest.goto(address[0])
        await guest.get_by_role("textbox", name="Password").fill("Numbers-add-up-2")
        await guest.get_by_role("main").get_by_role("button").click()
        await expect(guest).to_have_url(re.compile(f"{company.base}/|/login"))
        await elsewhere.clear_cookies()
        await _log_in(guest, GUEST, "Numbers-add-up-1")
        await expect(guest.get_by_role("alert")).to_have_text("The e-mail or the password is wrong.")
        await _log_in(guest, GUEST, "Numbers-add-up-2")
        await expect(guest.locator(".organization")).to_contain_text("Hooli")

        # The only admin stays admin; the guest is removed and loses the organization at once.
        await page.goto(f"{company.base}/settings/members")
        await page.get_by_role("row", name=re.compile(EMAIL)).get_by_title("More actions").click()
        await expect(page.get_by_role("link", name="Remove…").filter(visible=True)).to_have_count(0)
        await page.get_by_role("link", name="Change role…").filter(visible=True).click()
        role = page.get_by_role("dialog", name=f"Role of {EMAIL}")
        await expect(role).to_contain_text("The only admin stays admin. Make somebody else admin first.")
        await role.get_by_label("Admin", exact=True).uncheck()
        await role.get_by_label("Account manager").check()
        await role.get_by_role("button", name="Save").click()
        await expect(page.locator("#toasts")).to_contain_text("admin")
        await expect(page.get_by_role("row", name=re.compile(EMAIL))).to_contain_text("Admin")
        await page.get_by_role("row", name=re.compile(GUEST)).get_by_title("More actions").click()
        await page.get_by_role("link", name="Remove…").filter(visible=True).click()
        await page.get_by_role("button", name="Remove member").filter(visible=True).click()
        await expect(page.get_by_role("row", name=re.compile(GUEST))).to_have_count(0)
        await guest.goto(f"{company.base}/invoices")
        await expect(guest.get_by_role("heading", level=1)).not_to_have_text("Invoices")
    finally:
        await elsewhere.close()
