"""The real pages in Chromium: a live API process, one organization with books, a page that listens to itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser.support import CHROMIUM, FLAGS, Company, Ears, make_company
from tests.conftest import TestStack
from tests.live.server import LiveServer, live_server


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("no chromium here (scripts/browser.sh installs it)")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        await running.close()


@pytest.fixture(scope="module")
def server(
    module_database_url: str, stack: TestStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """One API process for the tests of a module."""
    log = tmp_path_factory.mktemp("browser") / "server.log"
    with live_server(module_database_url, stack.redis_url(8 + stack.worker), log) as running:
        yield running


@pytest.fixture(scope="module")
async def company(server: LiveServer) -> Company:
    """A sandbox organization with customers, usage, a draft, issued invoices and a failed job."""
    return await make_company(server)


@pytest.fixture
async def context(browser: Browser, server: LiveServer) -> AsyncIterator[BrowserContext]:
    made = await browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    yield made
    await made.close()


@pytest.fixture
async def page(context: BrowserContext, company: Company) -> AsyncIterator[Page]:
    """A page of a signed-in admin; in the end nothing failed: no console error, no failed request."""
    await context.add_cookies([{"name": company.cookie[0], "value": company.cookie[1], "url": company.url}])
    made = await context.new_page()
    ears = Ears(made, company.url)
    yield made
    assert ears.heard == []
