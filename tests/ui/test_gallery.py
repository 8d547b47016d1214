"""The templates through the gallery: well-formed, labelled, legible, the same whole or in part, quiet in a browser."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import pytest
import uvicorn
from playwright.async_api import Browser, ConsoleMessage, Error, Page, async_playwright, expect
from starlette.testclient import TestClient

from billwright.ui import components
from billwright.ui.gallery import PAGES, REQUEST_ID, create_app
from billwright.ui.rendering import STATIC, environment, render_text
from tests.support.accessibility import obstacles
from tests.support.extent import share

PATHS = ["/", *PAGES]
CHROMIUM = "/usr/bin/chromium"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
BLOCKS = {"div", "p", "ul", "ol", "dl", "table", "section", "form", "h1", "h2", "h3", "details", "pre", "hr", "figure"}


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create_app())


class Checked(HTMLParser):
    """Walks a page and notes what is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.labelled: set[str] = set()
        self.unlabelled: list[str] = []
        self.counts: dict[str, int] = {}
        self.buttons: list[list[str]] = []
        self.unnamed_buttons = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if len(attributes) != len(attrs):
            self.faults.append(f"<{tag}> repeats an attribute")
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.ids += [value for name, value in attrs if name == "id" and value]
        for name in ("aria-labelledby", "aria-controls", "popovertarget"):
            self.references += (attributes.get(name) or "").split()
        if "style" in attributes or any(name.startswith("on") for name in attributes):
            self.faults.append(f"inline style or script on <{tag}>")
        if tag == "style" or (tag == "script" and "src" not in attributes):
            self.faults.append(f"inline <{tag}>")
        if tag in BLOCKS and any(name == "p" for name, _ in self.open):
            self.faults.append(f"<{tag}> inside <p>")
        if tag == "img" and "alt" not in attributes:
            self.faults.append("image without alt")
        if tag == "nav" and not attributes.get("aria-label"):
            self.faults.append("navigation without a label")
        if tag == "th" and "scope" not in attributes:
            self.faults.append("table head without scope")
        if tag == "label" and attributes.get("for"):
            self.labelled.add(attributes["for"] or "")
        if tag in ("input", "select", "textarea") and attributes.get("type") != "hidden":
            inside = any(name == "label" for name, _ in self.open)
            if not inside and not attributes.get("aria-label"):
                self.unlabelled.append(attributes.get("id") or f"<{tag}>")
        if tag not in VOID:
            self.open.append((tag, attributes))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1][0] if self.open else 'nothing'}")
            return
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if "{{" in data or "{%" in data or "Undefined" in data:
            self.faults.append(f"template text on the page: {data.strip()}")


def check(text: str) -> Checked:
    page = Checked()
    page.feed(text)
    page.close()
    page.faults += [f"<{tag}> never closed" for tag, _ in page.open]
    page.faults += [f"id {one} twice" for one in set(page.ids) if page.ids.count(one) > 1]
    page.faults += [f"no element {one}" for one in page.references if one not in page.ids]
    page.faults += [f"no label for {one}" for one in page.unlabelled if one not in page.labelled]
    return page


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_well_formed_and_labelled(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    page = check(response.text)
    assert page.faults == []
    assert page.counts["h1"] == 1
    assert page.counts["main"] == 1
    if path.startswith("/acme/"):
        assert page.counts["aside"] >= 1
        assert page.counts["nav"] >= 1
        assert 'role="status"' in response.text


@pytest.mark.parametrize("path", PATHS)
def test_enter_in_a_field_saves_the_form(client: TestClient, path: str) -> None:
    """Browsers press the first submit button of a form; where buttons say what to do, that is not another row."""
    for form in re.findall(r"<form.*?</form>", client.get(path).text, re.DOTALL):
        chosen = re.findall(r'<button[^>]*type="submit"[^>]*name="do" value="([^"]*)"', form)
        assert "save" not in chosen or chosen[0] == "save", chosen


def test_the_checker_finds_faults() -> None:
    assert check('<p><div style="x"></div></p><input><a id="x"></a><b id="x">').faults


def test_every_page_template_is_in_the_gallery() -> None:
    shown = {template for _, template, _ in PAGES.values()}
    templates = Path(environment().loader.searchpath[0])  # type: ignore[union-attr]
    pages = {
        str(file.relative_to(templates))
        for file in templates.rglob("*.html")
        if re.search(r'extends "(base|document|errors/page|portal/base)\.html"', file.read_text())
    }
    assert pages - shown == {"base.html", "errors/page.html", "gallery/index.html", "portal/base.html"}


def test_a_missing_variable_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        render_text("search_results.html", {})


def test_values_are_escaped(client: TestClient) -> None:
    text = client.get("/acme/customers/none-found", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


PARTIALS = [
    ("/acme/customers?currency=USD", "results"),
    ("/acme/customers/empty", "results"),
    ("/acme/invoices?page=2", "results"),
    ("/acme/plans", "results"),
    ("/acme/billable-metrics", "results"),
    ("/acme/developers/jobs", "results"),
    ("/acme/customer/1/overview", "tab"),
    ("/acme/customer/1/overview", "usage"),
    ("/acme/customer/1/usage", "usage"),
    ("/acme/customer/1/settings", "tab"),
    ("/acme/customer/1/invoices", "results"),
    ("/acme/invoice/1", "invoice"),
    ("/acme/invoice/draft", "invoice"),
]


@pytest.mark.parametrize(("path", "target"), PARTIALS)
def test_a_partial_is_the_block_of_the_whole_page(client: TestClient, path: str, target: str) -> None:
    whole = client.get(path)
    part = client.get(path, headers={"HX-Request": "true", "HX-Target": target})
    assert part.text.lstrip().startswith(f'<div id="{target}"')
    assert part.text in whole.text
    assert len(part.text) < len(whole.text)
    assert check(part.text.replace(f'aria-labelledby="{target}', 'data-x="')).open == []
    assert "HX-Request" in whole.headers["vary"]


def test_history_and_unknown_targets_get_the_whole_page(client: TestClient) -> None:
    whole = client.get("/acme/customers").text
    asked = {"HX-Request": "true", "HX-Target": "results", "HX-History-Restore-Request": "true"}
    assert client.get("/acme/customers", headers=asked).text == whole
    assert client.get("/acme/customers", headers={"HX-Request": "true", "HX-Target": "elsewhere"}).text == whole


def test_navigation_follows_permissions() -> None:
    groups = components.navigation("acme", {"customers:view", "developers:keys:manage"})
    assert [(group["title"], [item["key"] for item in group["items"]]) for group in groups] == [
        ("Billing & operations", ["customers"]),
        ("", ["developers"]),
    ]


def test_the_sample_invoice_adds_up() -> None:
    invoice = PAGES["/acme/invoice/1"][2]("")["invoice"]
    fees = [fee for group in invoice["groups"] for period in group["periods"] for fee in period["fees"]]
    running = 0
    for row in invoice["totals"]:
        if row["kind"] == "part":
            running += row["cents"]
        else:
            assert running == row["cents"], row
    assert sum(fee["amount_cents"] for fee in fees) == invoice["totals"][0]["cents"]
    assert running == invoice["total_cents"]


def test_icons_named_by_templates_are_in_the_sprite(client: TestClient) -> None:
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
    used = {icon for path in PATHS for icon in re.findall(r"icons\.svg[^#\"]*#([a-z0-9-]+)", client.get(path).text)}
    assert used - sprite == set()
    assert {status.shape for kind in components.STATUSES.values() for status in kind.values()} <= sprite


# --- contrast ------------------------------------------------------------------------------------------------------


def themes() -> dict[str, dict[str, str]]:
    css = (STATIC / "tokens.css").read_text()
    found: dict[str, dict[str, str]] = {}
    for name, opening in {
        "light": ":root {",
        "dark": ':root[data-theme="dark"] {',
        "system": ':root:not([data-theme="light"]) {',
    }.items():
        block = css.split(opening, 1)[1].split("}", 1)[0]
        found[name] = dict(re.findall(r"--([a-z0-9-]+):\s*([^;]+);", block))
    return found


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXT_ON = {
    "text-strong": "surface-0 surface-1 surface-2 surface-3 surface-raised accent-soft",
    "text-normal": "surface-0 surface-1 surface-2 surface-3 surface-raised accent-soft",
    "text-muted": "surface-0 surface-1 surface-2 surface-raised",
    "accent": "surface-0 surface-1 surface-2 surface-raised",
    "accent-strong": "accent-soft surface-0",
    "on-accent": "accent-fill accent-fill-strong",
    "on-negative": "negative-fill negative-fill-strong",
    "positive": "surface-0 surface-1 surface-raised positive-soft",
    "warning": "surface-0 surface-1 surface-raised warning-soft",
    "negative": "surface-0 surface-1 surface-raised negative-soft surface-2",
    "info": "surface-0 surface-1 surface-raised info-soft",
    "on-inverse": "inverse",
    "on-inverse-muted": "inverse",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_reaches_contrast_4_5(theme: str) -> None:
    tokens = themes()[theme]
    short = {
        f"{text} on {ground}": round(contrast(tokens[text], tokens[ground]), 2)
        for text, grounds in TEXT_ON.items()
        for ground in grounds.split()
        if contrast(tokens[text], tokens[ground]) < 4.5
    }
    assert short == {}
    for shape in ("line-control", "mark-1", "mark-2", "mark-3", "mark-4", "mark-5"):
        assert contrast(tokens[shape], tokens["surface-0"]) >= 3, shape


def test_the_two_dark_themes_are_one() -> None:
    found = themes()
    assert found["dark"] == found["system"]
    colours = {name for name, value in found["light"].items() if value.startswith(("#", "rgb")) or name == "shadow"}
    assert colours == set(found["dark"])


def test_the_stylesheet_uses_only_tokens_that_exist() -> None:
    css = (STATIC / "app.css").read_text()
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", css)) <= set(themes()["light"])
    assert not re.search(r"#[0-9a-f]{3,8}\b(?![^{]*\{)", css), "colours belong in tokens.css"
    assert "gradient" not in css


# --- in a browser --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    flags = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync"
    )
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags.split())
        yield running
        await running.close()


@pytest.fixture
async def page(browser: Browser, address: str) -> AsyncIterator[Page]:
    context = await browser.new_context(base_url=address, viewport={"width": 1440, "height": 900})
    await context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    yield await context.new_page()
    await context.close()


def listen(page: Page) -> list[str]:
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


@pytest.fixture(scope="module")
async def window(browser: Browser, address: str) -> AsyncIterator[Page]:
    """One page for all that is only looked at: making one takes longer than looking."""
    context = await browser.new_context(base_url=address)
    yield await context.new_page()
    await context.close()


@pytest.fixture
async def heard(window: Page) -> AsyncIterator[list[str]]:
    """What the window's page complains of during the test."""
    lines: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            lines.append(message.text)

    def fail(error: Error) -> None:
        lines.append(str(error))

    window.on("console", complain)
    window.on("pageerror", fail)
    yield lines
    window.remove_listener("console", complain)
    window.remove_listener("pageerror", fail)


@pytest.mark.browser
@pytest.mark.parametrize("path", PATHS)
async def test_pages_are_quiet_and_fit(window: Page, heard: list[str], path: str) -> None:
    page = window
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    await page.goto(path, wait_until="load")
    assert await page.evaluate("document.fonts.ready.then(() => document.fonts.check('14px \"Inter Variable\"'))")
    looks: list[tuple[int, Literal["light", "dark"]]] = [(1440, "light"), (390, "dark")]
    if path in share(PATHS, 3):
        looks.insert(1, (900, "dark"))
    for width, scheme in looks:
        await page.set_viewport_size({"width": width, "height": 900})
        # without transitions: the colours are looked at, not a moment of their change
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
        if width == 1440 and path in share(PATHS, 3):
            assert await obstacles(page) == []
    if path in share(PATHS, 9):  # the colours of both schemes come from the same tokens
        assert await obstacles(page, contrast_only=True) == [], "dark"
    assert heard == []


@pytest.mark.browser
async def test_inline_script_is_refused(page: Page) -> None:
    heard = listen(page)
    await page.goto("/acme/plans")
    await page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
        document.body.setAttribute("style", "color: red");
    }""")
    assert await page.evaluate("window.ran") is None
    assert any("Content Security Policy" in line for line in heard)


@pytest.mark.browser
async def test_search_and_filters_swap_the_list_and_the_address(page: Page) -> None:
    await page.goto("/acme/customers?currency=USD")
    box = page.locator(".search input")
    await box.press_sequentially("kes")
    await expect(page.locator("#results tbody tr")).to_have_count(1)
    await expect(page, "the filters in force go along").to_have_url(re.compile("search=kes.*currency=USD"))
    await expect(box).to_be_focused()
    await page.go_back()
    await expect(page.locator("#results tbody tr")).to_have_count(12)


@pytest.mark.browser
async def test_palette(page: Page) -> None:
    await page.goto("/acme/customers")
    await page.keyboard.press("/")
    await expect(page.locator("#palette")).to_be_visible()
    await page.keyboard.type("met")
    await expect(page.locator("#palette .palette-item:visible")).to_have_text(["Billable metrics"])
    await page.locator("[data-palette-input]").fill("acme")
    await expect(page.locator('#found [aria-selected="true"]')).to_contain_text("Acme Corporation")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/acme/invoice/1")


@pytest.mark.browser
async def test_dialogs_live_in_the_address(page: Page) -> None:
    await page.goto("/acme/invoice/draft")
    await page.get_by_role("link", name="Finalize").click()
    await expect(page.get_by_role("dialog")).to_contain_text("$3,220.90")
    await expect(page).to_have_url(re.compile("#finalize$"))
    await page.keyboard.press("Escape")
    await expect(page.locator("#finalize")).to_be_hidden()
    await expect(page).to_have_url(re.compile("/draft$"))
    await page.goto("/acme/invoice/draft#finalize")
    await expect(page.locator("#finalize")).to_be_visible()
    await page.locator("#finalize button[type=submit]").click()
    await expect(page.locator("#toasts")).to_contain_text("Invoice finalized")
    await expect(page.locator("#finalize")).to_be_hidden()
    await expect(page.locator("h1")).to_contain_text("Finalized")


@pytest.mark.browser
async def test_a_busy_button_cannot_be_pressed_twice(page: Page) -> None:
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    await page.goto("/acme/invoice/draft")
    button = page.get_by_role("button", name="Refresh")
    await button.click()
    await page.evaluate("document.querySelector('[hx-post$=\"/refresh\"]').click()")
    await expect(page.locator("button.is-busy")).to_have_count(1)
    await expect(page.locator("#toasts")).to_contain_text("Refreshed")
    assert len(posts) == 1
    await expect(page.locator("button.is-busy")).to_have_count(0)


@pytest.mark.browser
async def test_lines_explain_themselves_and_copying_works(page: Page) -> None:
    await page.goto("/acme/invoice/1")
    await page.locator("#fee-f2 summary").click()
    await expect(page.locator("#fee-f2 .explain li")).to_have_count(6)
    await page.locator(".title-row .id").click()
    await expect(page.locator("#toasts")).to_contain_text("Copied")
    assert len(await page.evaluate("navigator.clipboard.readText()")) == 36


@pytest.mark.browser
async def test_time_tooltip_and_keyboard_rows(page: Page) -> None:
    await page.goto("/acme/customer/1/overview")
    await page.locator(".title-row .when").focus()
    await expect(page.get_by_role("tooltip")).to_contain_text("Tue, Jan 16, 2024 08:30:00")
    await page.goto("/acme/invoices")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/acme/invoice/1")


@pytest.mark.browser
async def test_menus_open_beside_their_button_and_close(page: Page) -> None:
    await page.goto("/acme/invoices")
    opener = page.locator("tbody tr").nth(1).locator("[popovertarget]")
    await opener.click()
    menu = page.locator("[data-menu]:popover-open")
    await expect(menu.get_by_role("link", name="Download PDF")).to_be_focused()
    box, from_box = await menu.bounding_box(), await opener.bounding_box()
    assert box is not None
    assert from_box is not None
    assert abs(box["x"] + box["width"] - from_box["x"] - from_box["width"]) < 2
    await page.keyboard.press("Escape")
    await expect(opener).to_be_focused()
    await expect(page, "a click in a row's menu does not open the row").to_have_url(re.compile("/acme/invoices$"))


@pytest.mark.browser
async def test_a_lost_connection_is_told_and_retried(page: Page) -> None:
    await page.goto("/acme/customers")
    await page.route("**/acme/customers?*", lambda route: route.abort())
    await page.locator(".search input").press_sequentially("kes")
    await expect(page.locator("#offline")).to_be_visible()
    await expect(page.locator(".search input")).to_have_value("kes")
    await page.unroute("**/acme/customers?*")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#results tbody tr")).to_have_count(1)
    await expect(page.locator("#offline")).to_be_hidden()


@pytest.mark.browser
async def test_a_server_error_is_told_with_its_request(page: Page) -> None:
    await page.goto("/acme/invoice/draft")
    await page.evaluate("htmx.ajax('GET', '/acme/broken', {target: '#invoice'})")
    await expect(page.locator("#toasts")).to_contain_text(REQUEST_ID)
    await expect(page.locator("h1")).to_contain_text("NOR-0A1B-002-041")


@pytest.mark.browser
async def test_theme_is_kept(page: Page) -> None:
    await page.goto("/acme/plans")
    await page.get_by_role("button", name="Your account").click()
    await page.get_by_role("button", name="Dark").click()
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert await page.evaluate(ground) == "rgb(19, 20, 24)"
    await page.reload()
    assert await page.evaluate(ground) == "rgb(19, 20, 24)"


@pytest.mark.browser
async def test_the_clock_advances_and_reports(page: Page) -> None:
    await page.goto("/acme/customers#advance-clock")
    await page.get_by_role("dialog").get_by_role("button", name="Advance").click()
    await expect(page.locator("#clock progress")).to_be_visible()
    await expect(page.locator("#toasts")).to_contain_text("The clock stands at")
    await expect(page.locator("#clock .clock-advance")).to_be_visible()


@pytest.mark.browser
async def test_unfolded_usage_stays_unfolded_after_a_reload(page: Page) -> None:
    await page.goto("/acme/customer/1/usage")
    await page.locator("#charge-c1 summary").click()
    async with page.expect_response(lambda response: "refresh=1" in response.url):
        await page.get_by_role("button", name="Reload usage").click()
    await asyncio.sleep(0.3)
    await expect(page.locator("#charge-c1")).to_have_attribute("open", "")
    await page.get_by_role("link", name="Analytics").last.click()
    await expect(page.locator("[data-chart] canvas")).to_have_count(1)
