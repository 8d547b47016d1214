"""Google and Okta in a real browser, through the log in page and a provider of our own (spec 07 §4.3, §7.2, §7.10)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.support import EMAIL, Company, Ears
from tests.conftest import TestStack
from tests.live.server import LiveServer, live_server
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider, identity_provider

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[IdentityProvider]:
    """Google of the installation, and the host of Okta connections."""
    async with identity_provider() as running:
        yield running


@pytest.fixture(scope="module")
def server(
    module_database_url: str, stack: TestStack, tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider
) -> Iterator[LiveServer]:
    log = tmp_path_factory.mktemp("browser") / "server.log"
    settings = {
        "GOOGLE_CLIENT_ID": CLIENT_ID,
        "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
        "GOOGLE_DISCOVERY_URL": f"{provider.url}/.well-known/openid-configuration",
        "SSO_ALLOW_LOOPBACK": "true",
    }
    with live_server(module_database_url, stack.redis_url(8 + stack.worker), log, **settings) as running:
        provider.redirect_uris = {f"{running.url}/auth/{name}/callback" for name in ("google", "okta")}
        yield running


@asynccontextmanager
async def _visit(browser: Browser, server: LiveServer, provider: IdentityProvider) -> AsyncIterator[tuple[Page, Ears]]:
    """A page of a browser of its own, which may visit the provider; in the end nothing failed."""
    context = await browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    ears = Ears(page, server.url, provider.url)
    yield page, ears
    assert ears.heard == []
    assert provider.refusals == []
    await context.close()


@pytest.fixture
async def stranger(browser: Browser, server: LiveServer, provider: IdentityProvider) -> AsyncIterator[Page]:
    """Somebody who is not logged in."""
    async with _visit(browser, server, provider) as (page, _):
        yield page


@pytest.fixture
async def admin(
    browser: Browser, server: LiveServer, provider: IdentityProvider, company: Company
) -> AsyncIterator[tuple[Page, Ears]]:
    """The admin, logged in by password."""
    async with _visit(browser, server, provider) as (page, ears):
        await page.context.add_cookies([{"name": company.cookie[0], "value": company.cookie[1], "url": company.url}])
        yield page, ears


async def test_signing_in_with_google_leads_to_what_was_asked_for(
    stranger: Page, company: Company, provider: IdentityProvider
) -> None:
    provider.email = EMAIL
    await stranger.goto(f"{company.base}/plans")
    await stranger.get_by_role("link", name="Continue with Google").click()
    await expect(stranger.get_by_role("heading", name="Plans")).to_be_visible()
    await expect(stranger).to_have_url(f"{company.base}/plans")
    await stranger.get_by_title(EMAIL.partition("@")[0]).click()
    await expect(stranger.get_by_text(EMAIL).filter(visible=True)).to_be_visible()


async def test_google_opens_no_account_by_itself(stranger: Page, company: Company, provider: IdentityProvider) -> None:
    provider.email = "nobody@elsewhere.example"
    await stranger.goto("/login")
    await stranger.get_by_role("link", name="Continue with Google").click()
    await expect(stranger.get_by_role("alert")).to_contain_text("Nobody here has this address")
    await expect(stranger).to_have_url(re.compile("/login"))


async def test_an_organization_is_made_with_google(
    stranger: Page, company: Company, provider: IdentityProvider
) -> None:
    provider.email = "monica@raviga.example"
    await stranger.goto("/sign-up")
    await stranger.get_by_role("link", name="Sign up with Google").click()
    await expect(stranger.get_by_text("You are monica@raviga.example.")).to_be_visible()
    await stranger.get_by_label("Organization").fill("Raviga")
    await stranger.get_by_role("button", name="Create organization").click()
    await expect(stranger.locator(".organization")).to_contain_text("Raviga")


async def test_okta_is_connected_joined_by_invitation_and_then_the_only_way_in(
    admin: tuple[Page, Ears], stranger: Page, company: Company, provider: IdentityProvider
) -> None:
    """The admin connects Okta; somebody accepts an invitation by it; then passwords and Google are switched off."""
    page, ears = admin
    await page.goto(f"{company.base}/settings/authentication")
    await page.get_by_role("link", name="Set it up").click()
    await page.get_by_label("Domain").fill("hooli.example")
    await page.get_by_label("Okta organization").fill("Hooli")
    await page.get_by_label("Host").fill(provider.host)
    await page.get_by_label("Client id").fill(CLIENT_ID)
    await page.get_by_label("Client secret").fill(CLIENT_SECRET)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Settings")).to_be_visible()

    await page.goto(f"{company.base}/settings/members#invite")
    dialog = page.get_by_role("dialog", name="Invite somebody")
    await dialog.get_by_label("E-mail").fill("peter@hooli.example")
    await dialog.get_by_role("button", name="Make the link").click()
    link = await page.get_by_role("button", name="Copy link").get_attribute("data-copy")
    assert link
    provider.email = "peter@hooli.example"
    await stranger.goto(link)
    await stranger.get_by_role("link", name="Join with Okta").click()
    await stranger.get_by_role("button", name="Continue with Okta").click()
    await expect(stranger.locator(".organization")).to_contain_text("Hooli")
    await stranger.goto(f"{company.base}/customers")
    await expect(stranger.get_by_role("heading", name="Customers")).to_be_visible()

    await page.goto(f"{company.base}/settings/authentication")
    for name in ("E-mail and password", "Google"):
        await page.get_by_label(name).uncheck()
    await expect(page.get_by_text("Okta is connected.")).to_be_visible()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Disable").click()
    await expect(page.locator("main")).not_to_contain_text("How members may log in")
    ears.heard.clear()  # this session began by a password: it has lost the organization with its own change (403)
    await stranger.goto(f"{company.base}/invoices")
    await expect(stranger.get_by_role("heading", name="Invoices"), "a session of Okta goes on").to_be_visible()

    await page.context.clear_cookies()
    provider.email = EMAIL
    await page.goto(f"{company.base}/customers")
    await page.get_by_role("link", name="Continue with Okta").click()
    await page.get_by_label("E-mail at work").fill(EMAIL)
    await page.get_by_role("button", name="Continue with Okta").click()
    await expect(page.get_by_role("heading", name="Customers")).to_be_visible()
