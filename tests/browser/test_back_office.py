"""Days of a billing team, in a real browser on the real server; no console error and no failed request on the way."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.support import EMAIL, PASSWORD, Company, Ears

pytestmark = pytest.mark.browser
TABS = (
    "usage",
    "coupons",
    "invoices",
    "payments",
    "analytics",
    "information",
    "settings",
    "wallets",
    "edit",
    "assign-plan",
)


async def test_signing_in_and_out(context: BrowserContext, company: Company) -> None:
    page = await context.new_page()
    ears = Ears(page, company.url)
    await page.goto(f"{company.base}/plans")
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    await expect(page.get_by_label("E-mail")).to_be_focused()
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**{company.base}/plans")
    await expect(page.get_by_role("heading", name="Plans")).to_be_visible()
    await page.goto("/")
    await page.wait_for_url(f"**{company.base}/analytics")
    await page.locator(".organization").click()
    await expect(page.get_by_text(EMAIL, exact=True)).to_be_visible()
    await page.get_by_role("button", name="Log out", exact=True).click()
    await page.wait_for_url("**/login")
    await page.goto(f"{company.base}/customers")
    await page.wait_for_url("**/login?next=**")
    assert ears.heard == []


async def test_a_wrong_password_is_told(context: BrowserContext, company: Company) -> None:
    page = await context.new_page()
    await page.goto("/login")
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_have_text("The e-mail or the password is wrong.")
    await expect(page.get_by_label("Password")).to_be_focused()
    assert company.slug not in page.url


async def test_customers_are_found_made_and_changed(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/customers")
    rows = page.locator("#results tbody tr")
    await expect(rows).to_have_count(2)
    await page.get_by_role("searchbox", name="Name, external id or e-mail").press_sequentially("harb")
    await expect(rows).to_have_count(1)
    await expect(page).to_have_url(re.compile("search=harb"))
    await page.reload()
    await expect(rows).to_have_count(1)
    await page.go_back()
    await expect(rows).to_have_count(2)

    await page.get_by_role("link", name="Customer", exact=True).click()
    await page.get_by_label(re.compile("^Name")).fill("Cartwright & Sons")
    await expect(page.get_by_label("External id")).to_have_value("cartwright_&_sons")
    await page.get_by_label("External id").fill("cartwright")
    await page.get_by_label("Time zone").select_option("Europe/London")
    await page.get_by_role("button", name="Create customer").click()
    await expect(page.get_by_role("heading", name="Cartwright & Sons")).to_be_visible()
    await expect(page.locator("#toasts")).to_contain_text("Cartwright & Sons created")
    await page.get_by_role("link", name="Subscription", exact=True).click()
    await page.get_by_label("Plan", exact=True).select_option(label="Team · €31.00 monthly in advance")
    await page.get_by_label("External id").fill("sub_cartwright")
    await page.get_by_role("button", name="Assign plan").last.click()
    await expect(page.locator("#toasts")).to_contain_text("Subscription started")
    await page.get_by_role("link", name="Cartwright & Sons").first.click()
    await expect(page.locator("#subscriptions tbody tr")).to_have_count(1)
    await page.get_by_role("link", name=re.compile("^Invoices 1")).click()
    await expect(page.locator("#tab tbody tr")).to_contain_text("€20.40")
    await expect(page).to_have_url(re.compile("/invoices$"))


async def test_current_usage(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/customers")
    await page.get_by_role("row", name="Acme Corporation").click()
    await expect(page.get_by_role("heading", name="Acme Corporation")).to_be_visible()
    usage = page.locator("#usage")
    await expect(usage).to_contain_text("€10.00 so far, without taxes")
    await expect(page.locator("#next-invoices")).to_contain_text("Total as of now")
    await page.get_by_role("link", name="Usage", exact=True).click()
    await expect(usage).to_contain_text("API calls")
    await page.get_by_title("Reload usage").click()
    await expect(usage).to_contain_text("€10.00 so far")
    await usage.locator(".when").first.hover()
    tip = page.get_by_role("tooltip")
    await expect(tip).to_contain_text("Customer")
    await expect(tip).to_contain_text("UTC+09:00")
    await usage.get_by_role("heading").get_by_role("link").click()
    await expect(page.get_by_role("heading", name="sub_acme")).to_be_visible()
    await expect(page.locator("#tab")).to_contain_text("Team")


async def test_the_code_of_a_metric_is_tried_in_its_form(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/create/billable-metric")
    code = page.get_by_label("aggregate(event, state, properties)")
    await expect(code).to_be_hidden()
    await page.get_by_label("Units are the").select_option(label="Custom")
    await expect(code).to_be_visible()
    await page.get_by_text("Try it on events").click()
    await page.get_by_role("button", name="Try", exact=True).click()
    await expect(page.get_by_role("row", name='{"gb": 10} 14 1.4')).to_be_visible()
    await expect(page.get_by_role("button", name="Try", exact=True)).to_be_focused()
    assert await page.locator("#metric-form").get_attribute("data-changed") == "", "it is not saved"
    await page.locator("#metric-form").evaluate("form => delete form.dataset.changed")


async def test_an_invoice_and_its_pdf(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/invoices?view=outstanding")
    await page.locator("#results tbody tr", has_text="€20.40").filter(has_text="Acme").locator(".row-name").click()
    sheet = page.get_by_role("article")
    await expect(sheet).to_contain_text("Monthly subscription - Team")
    await expect(sheet).to_contain_text("VAT (20% on €17.00)")
    await expect(sheet.locator(".totals > div").last).to_have_text(re.compile(r"Total\s*€20\.40"))
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Download PDF").click()
    download = await waiting.value
    number = (await page.locator("h1").inner_text()).split()[0]
    assert download.suggested_filename == f"{number}.pdf"
    content = await asyncio.to_thread(Path(await download.path()).read_bytes)
    assert content.startswith(b"%PDF-")
    assert b"%%EOF" in content[-1024:]
    await expect(sheet).to_be_visible()


async def test_advancing_the_clock_bills_the_month(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/invoices")
    before = await page.locator("#results tbody tr").count()
    await page.get_by_role("link", name="Advance").click()
    dialog = page.get_by_role("dialog", name="Advance the clock")
    await dialog.get_by_label("A date", exact=True).check()
    await dialog.get_by_label("Date and time, UTC").fill("2024-02-02T09:00")
    await dialog.get_by_role("button", name="Advance").click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#toasts")).to_contain_text("The clock stands at Feb 2, 2024, 09:00", timeout=30_000)
    await expect(page.locator("#clock")).to_contain_text("Feb 2, 2024, 09:00")
    rows = page.locator("#results tbody tr")
    await expect(rows).not_to_have_count(before)
    billed = rows.filter(has_text="Acme Corporation").first
    await expect(billed).to_contain_text("€49.20")  # (31.00 + 10.00 of usage) and 20 %
    await page.get_by_role("link", name="Advance").click()
    await expect(dialog).to_contain_text("Feb 4, 2024")  # the choices of the new present
    await page.keyboard.press("Escape")

    draft = page.locator("#results tbody tr", has_text="Draft").first
    await draft.locator(".row-name").click()
    await expect(page.locator("h1")).to_contain_text("Draft")
    await page.get_by_role("button", name="Refresh").click()
    await expect(page.locator("#toasts")).to_contain_text("Refreshed")
    await page.get_by_role("link", name="Finalize").click()
    asked = page.get_by_role("dialog", name=re.compile("Finalize"))
    await expect(asked).to_contain_text("€37.20 become due")
    await asked.get_by_role("button", name="Finalize").click()
    await expect(page.locator("h1")).to_contain_text("Finalized")
    await expect(page.get_by_role("link", name="Download PDF")).to_be_visible()

    acme = page.get_by_role("article")
    await page.goto(f"{company.base}/invoices")
    await page.locator("#results tbody tr", has_text="€49.20").locator(".row-name").click()
    await acme.get_by_text("API calls").click()
    await expect(acme).to_contain_text("First 10")
    await expect(acme).to_contain_text("11 and above")
    await expect(acme).to_contain_text("Flat fee, 11 and above")


async def test_a_failed_job_is_tried_again(page: Page, company: Company) -> None:
    await company.change(
        "update jobs set status = 'failed', attempts = 6, started_at = now(), finished_at = now(),"
        " error = 'OSError: disk full' where id = (select id from jobs where organization_id = :organization"
        " and name = 'invoice.document' order by created_at limit 1)"
    )
    await page.goto(f"{company.base}/developers/jobs")
    await page.get_by_role("link", name="Failed 1").click()
    rows = page.locator("#results tbody tr")
    await expect(rows).to_have_count(1)
    row = rows.filter(has_text="OSError: disk full")
    await row.get_by_role("button", name="Retry").click()
    await expect(page.locator("#toasts")).to_contain_text("Queued again")
    await expect(page.get_by_role("link", name="Failed 0")).to_be_visible()
    await expect(page).to_have_url(re.compile("status=failed$"))


async def test_search_from_the_keyboard(page: Page, company: Company) -> None:
    await page.goto(f"{company.base}/plans")
    await page.keyboard.press("/")
    await page.keyboard.type("blue harbor")
    await expect(page.locator('#found [aria-selected="true"]')).to_contain_text("Blue Harbor")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Blue Harbor")).to_be_visible()


async def test_the_graphql_explorer(page: Page, company: Company) -> None:
    await page.goto("/graphql")
    await page.wait_for_url(f"**{company.base}/developers/graphql")
    await page.get_by_role("button", name=re.compile("Execute query")).click()
    await expect(page.locator(".result-window")).to_contain_text("Acme Corporation")
    await page.get_by_role("button", name="Show Documentation Explorer").click()
    await expect(page.locator(".graphiql-plugin")).to_contain_text("Mutation")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
async def test_every_page_is_quiet_and_fits(page: Page, company: Company, width: int, scheme: str) -> None:
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    lists = ("customers", "subscriptions", "invoices", "plans", "billable-metrics")
    paths = [f"{company.base}/{name}" for name in (*lists, "developers/jobs", "developers/api", "create/customer")]
    for name in lists:
        await page.goto(f"{company.base}/{name}")
        href = await page.locator("tr[data-href]").first.get_attribute("data-href")
        assert href is not None
        paths.append(href)
        if name == "customers":
            paths += [f"{href}/{more}" for more in TABS]
    for path in paths:
        await page.goto(path)
        await expect(page.locator("h1")).to_have_count(1)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
