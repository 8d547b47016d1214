"""Make the screenshots of docs/screenshots again, from a running demo organization.

    .venv/bin/billwright up --data-dir DIRECTORY          # prints the address, the login and the API key
    .venv/bin/python scripts/docs_screenshots.py URL EMAIL PASSWORD API_KEY

A new directory gives the demo as it was made: clicks below look for its customers and plans. The pictures are 1200 px
wide; with Pillow installed they are reduced to 256 colours, which halves them. (invoice-fr.png is a page of a PDF.)
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

TARGET = Path(__file__).parents[1] / "docs" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
HEIGHT = 760


def main(url: str, email: str, password: str, api_key: str) -> None:
    """Log in and take every picture."""
    api = httpx.Client(base_url=f"{url}/api/v1", headers={"authorization": f"Bearer {api_key}"}, timeout=60)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(base_url=url, viewport={"width": 1200, "height": HEIGHT}).new_page()
        page.goto("/login")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.locator(".organization").wait_for()
        base = f"/{page.url.split('/')[3]}"
        for name, take in SHOTS.items():
            page.emulate_media(color_scheme="dark" if name == "clock" else "light")
            page.set_viewport_size({"width": 1200, "height": HEIGHT})
            take(page, base, api)
            page.wait_for_load_state("networkidle")
            file = TARGET / f"{name}.png"
            page.screenshot(path=file)
            _reduce(file)
            print(f"{file.name}: {file.stat().st_size:,} bytes")
        browser.close()


def _reduce(file: Path) -> None:
    if importlib.util.find_spec("PIL"):
        image = importlib.import_module("PIL.Image").open(file).convert("RGB")
        image.quantize(256, method=1, dither=0).save(file, optimize=True)


def _customer(api: httpx.Client, external_id: str) -> str:
    return api.get(f"/customers/{external_id}").json()["customer"]["lago_id"]


def _subscription(api: httpx.Client, external_id: str) -> str:
    return api.get(f"/subscriptions/{external_id}").json()["subscription"]["lago_id"]


def _home(page: Page, base: str, api: httpx.Client) -> None:
    page.goto(f"{base}/customer/{_customer(api, 'northwind')}")
    page.locator("#next-invoices .total, #next-invoices .sum").first.wait_for()


def _usage(page: Page, base: str, api: httpx.Client) -> None:
    page.goto(f"{base}/subscription/{_subscription(api, 'northwind-growth')}/usage")
    page.locator(".charge summary", has_text="Compute").click()
    page.locator(".explain li").first.wait_for()


def _customer_usage(page: Page, base: str, api: httpx.Client) -> None:
    page.goto(f"{base}/customer/{_customer(api, 'northwind')}/usage")
    page.locator(".charge summary", has_text="Compute").click()
    page.locator(".explain li").first.wait_for()


def _open_invoice(page: Page, base: str, api: httpx.Client) -> None:
    """The newest invoice of Northwind."""
    page.goto(f"{base}/customer/{_customer(api, 'northwind')}/invoices")
    page.locator("#tab tbody tr .row-name").first.click()
    page.get_by_role("article").wait_for()


def _invoice(page: Page, base: str, api: httpx.Client) -> None:
    page.set_viewport_size({"width": 1200, "height": 1000})
    _open_invoice(page, base, api)


def _explain(page: Page, base: str, api: httpx.Client) -> None:
    _open_invoice(page, base, api)
    page.locator(".line summary", has_text="API calls").first.click()
    page.locator(".explain li").first.wait_for()
    page.locator(".lines-head").first.evaluate("part => scrollTo(0, part.getBoundingClientRect().top + scrollY - 64)")


def _plan(page: Page, base: str, api: httpx.Client) -> None:
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto(f"{base}/plans")
    page.get_by_role("link", name="Growth", exact=True).click()
    page.get_by_title("More actions").click()
    page.get_by_role("link", name="Duplicate").click()
    card = page.locator("#card-c1")
    card.wait_for()
    if card.get_attribute("open") is None:
        card.locator("summary").first.click()
    page.locator("#example-c1-p svg").wait_for()
    card.evaluate("part => scrollTo(0, part.getBoundingClientRect().top + scrollY - 64)")


def _clock(page: Page, base: str, api: httpx.Client) -> None:
    page.goto(f"{base}/invoices")
    page.get_by_role("link", name="Advance").click()
    page.get_by_role("dialog", name="Advance the clock").wait_for()


def _portal(page: Page, base: str, api: httpx.Client) -> None:
    page.set_viewport_size({"width": 1200, "height": 1000})
    page.goto(api.get("/customers/northwind/portal_url").json()["customer"]["portal_url"])
    page.get_by_role("heading", name="Invoices").wait_for()


SHOTS: dict[str, Callable[[Page, str, httpx.Client], None]] = {
    "overview": _home,
    "usage": _usage,
    "customer": _customer_usage,
    "invoice": _invoice,
    "explain": _explain,
    "plan": _plan,
    "clock": _clock,
    "portal": _portal,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
