"""Who gets in, what each role may open, forged requests, other organizations (spec 07 §3, §7.1, §10)."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text
from starlette.routing import Mount, Route

from billwright import __version__
from billwright.billing.access.naming import RESERVED_SLUGS
from billwright.billing.access.permissions import permissions_of
from billwright.server.app import create_app
from billwright.sso.next_path import safe_next
from billwright.ui import csrf, sessions
from billwright.ui.application import PAGES, PARTS, routes
from billwright.ui.views.support import FLASH_COOKIE, MEMBER
from tests.graphql.support import PASSWORD, World, settings_for
from tests.ui.support import BASE, HTMX, company, field, make_credit_note, make_payment, visitor, words

UNKNOWN = "018e4b1c-7a2f-7c77-9d1e-3f5a6b7c8d90"


async def test_signing_in_and_out(world: World) -> None:
    async with visitor(world, None) as nobody:
        answer = await nobody.get(f"{BASE}/invoices?view=draft")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?next=%2Facme-search%2Finvoices%3Fview%3Ddraft"
        form = await nobody.page(answer.headers["location"])
        assert field(form, "next") == f"{BASE}/invoices?view=draft"
        nobody.token = field(form, csrf.FIELD)
        wrong = await nobody.submit("/login", email="admin@acme.example", password="wrong")
        assert wrong.status_code == 422
        assert "The e-mail or the password is wrong." in wrong.text
        assert field(wrong.text, "email") == "admin@acme.example"
        assert "wrong" not in field(wrong.text, "password")
        answer = await nobody.submit(
            "/login", email="admin@acme.example", password=PASSWORD, next=f"{BASE}/invoices?view=draft"
        )
        assert answer.headers["location"] == f"{BASE}/invoices?view=draft"
        cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(sessions.COOKIE))
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert (await nobody.get("/")).headers["location"] == BASE
        assert (await nobody.get(BASE)).headers["location"] == f"{BASE}/analytics"
        assert (await nobody.get("/login?next=/acme-search/plans")).headers["location"] == f"{BASE}/plans"
        page = await nobody.page(f"{BASE}/customers")

        kept = nobody.cookies[sessions.COOKIE]
        refused = await nobody.post("/logout")
        assert refused.status_code == 403
        assert await nobody.page(f"{BASE}/customers")
        nobody.token = field(page, csrf.FIELD)
        assert (await nobody.submit("/logout")).headers["location"] == "/login"
        assert sessions.COOKIE not in nobody.cookies
        nobody.cookies.set(sessions.COOKIE, kept, domain="billwright.test")
        assert (await nobody.get(f"{BASE}/customers")).headers["location"].startswith("/login")


async def test_cookies_travel_encrypted_and_unseen_by_scripts(world: World) -> None:
    """Spec 07 §3.5: HttpOnly, Lax, and Secure unless the front address is plain http (``test_signing_in_and_out``)."""
    https = "https://billwright.test"
    world.app.state.settings = world.settings.model_copy(update={"app_url": https})
    set_cookies: list[str] = []
    async with visitor(world, None) as browser:
        browser.base_url = httpx.URL(https)
        form = await browser.get("/login")
        browser.token = field(form.text, csrf.FIELD)
        entered = await browser.submit("/login", email="admin@acme.example", password=PASSWORD)
        browser.token = field(await browser.page(f"{BASE}/customers"), csrf.FIELD)
        saved = await browser.submit(f"{BASE}/settings/authentication")
        for answer in (form, entered, saved):
            set_cookies += [line for line in answer.headers.get_list("set-cookie") if "Max-Age=0" not in line]
    assert {line.partition("=")[0] for line in set_cookies} == {
        csrf.VISITOR_COOKIE, sessions.COOKIE, FLASH_COOKIE
    }  # fmt: skip
    for line in set_cookies:
        assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(line.split("; ")), line


async def test_logging_out_of_every_browser(world: World) -> None:
    """Spec 07 §3.5: other sessions of the person end as well, nobody else's."""
    async with visitor(world, None) as here, visitor(world) as there, visitor(world, "manager") as other:
        here.token = field(await here.page("/login"), csrf.FIELD)
        await here.submit("/login", email="admin@acme.example", password=PASSWORD)
        page = await here.page(f"{BASE}/customers")
        assert 'name="everywhere"' in page
        here.token = field(page, csrf.FIELD)
        assert (await here.submit("/logout", everywhere="yes")).headers["location"] == "/login"
        assert (await there.get(f"{BASE}/customers")).headers["location"].startswith("/login")
        await other.page(f"{BASE}/customers")


async def test_logging_in_needs_the_form_s_token(world: World) -> None:
    async with visitor(world, None) as nobody:
        fields = {"email": "admin@acme.example", "password": PASSWORD}
        for token in ("", "0" * 64):
            answer = await nobody.post("/login", data={**fields, csrf.FIELD: token})
            assert answer.status_code == 403
            assert sessions.COOKIE not in nobody.cookies


async def test_too_many_attempts(world: World) -> None:
    async with visitor(world, None) as nobody:
        nobody.token = field(await nobody.page("/login"), csrf.FIELD)
        for _ in range(10):
            assert (await nobody.submit("/login", email="x@acme.example", password="no")).status_code == 422
        answer = await nobody.submit("/login", email="x@acme.example", password="no")
        assert answer.status_code == 429
        assert "Too many attempts" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "%2F%2Fevil.example",
        "https://evil.example",
        "/%5Cevil",
        "x",
        "/a\nb",
        "/a%0Ab",
        "/a%7Fb",
        "/a\x85b",
        "/" + "a" * 2000,
        "",
    ],
)
def test_next_leads_nowhere_else(path: str) -> None:
    assert safe_next(path) == ""


async def test_whoever_is_locked_out_can_log_in_another_way(world: World) -> None:
    """Spec 07 §3.6: whoever disables their own way to log in is not caught in it."""
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update organizations set authentication_methods = '[\"google_oauth\"]'"))
    async with visitor(world) as admin:
        assert (await admin.get("/login")).headers["location"] == "/", "whoever is logged in goes on"
        home = await admin.page("/", 403)
        assert "Your organizations do not allow the way you logged in" in words(home)
        page = await admin.page(f"{BASE}/invoices?view=draft", 403)
        assert "You cannot open this organization" in words(page)
        for shown, wanted in ((home, ""), (page, f"{BASE}/invoices?view=draft")):
            assert 'action="/logout"' in shown
            assert field(shown, "next") == wanted
        admin.token = field(page, csrf.FIELD)
        out = await admin.submit("/logout", next=field(page, "next"))
        assert out.headers["location"] == "/login?next=%2Facme-search%2Finvoices%3Fview%3Ddraft"
        assert sessions.COOKIE not in admin.cookies
        assert "Continue with Okta" in await admin.page(out.headers["location"])
    async with visitor(world, None) as nobody:
        assert (await nobody.submit("/logout", next="//evil.example")).headers["location"] == "/login"
        assert 'action="/logout"' not in await nobody.page("/docs/nothing", 404)


async def test_a_session_that_is_over_leads_to_the_log_in(world: World) -> None:
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update user_sessions set expires_at = now() - interval '1 second'"))
    async with visitor(world) as admin:
        answer = await admin.get(f"{BASE}/customers")
        assert answer.headers["location"] == "/login?next=%2Facme-search%2Fcustomers"
        part = await admin.part(f"{BASE}/customers", "results")
        assert part.status_code == 204
        assert part.headers["hx-redirect"] == "/login"


def _filled(path: str, known: dict[str, str]) -> str:
    for word, value in known.items():
        path = path.replace("{" + word + "}", value)
    return BASE + path.replace("{tab}", "invoices")


async def test_no_form_without_its_token(world: World) -> None:
    """Every POST is refused without the session's token and changes nothing."""
    known = await company(world)
    posts = [path for method, path, _, _ in PAGES if method == "POST"]
    assert len(posts) >= 8

    async def books() -> object:
        async with world.runtime.database.reading() as session:
            counts = "select (select count(*) from customers), (select count(*) from subscriptions where status = "
            counts += "'active'), (select clock_now from organizations where slug = 'acme-search')"
            return (await session.execute(text(counts))).one()

    before = await books()
    fields = {"name": "X", "external_id": "x", "plan": known["plan"], "to": "day"}
    for other in ("", "0" * 64, csrf.token_for(world.settings, world.tokens["manager"])):
        async with visitor(world) as admin:
            admin.token = other
            for path in posts:
                answer = await admin.submit(_filled(path, known), **fields)
                assert answer.status_code == 403, path
                assert "open for too long" in answer.text
    assert await books() == before


def test_no_organization_is_named_as_a_route() -> None:
    """Spec 07 §3.1: the first word of every address of ours is no slug."""
    app = create_app(settings_for("postgresql://nobody@127.0.0.1/x", "redis://127.0.0.1:1/0"))
    first = {route.path.split("/")[1] for route in app.routes if isinstance(route, Route | Mount)}
    words = {word.replace(".", "-") for word in first if word and "{" not in word}
    assert {"api", "login", "graphql", "health", "static", "customer-portal"} <= words
    assert words <= RESERVED_SLUGS


def test_every_page_declares_who_may_open_it() -> None:
    below = [route for route in routes() if isinstance(route, Route) and route.path.startswith("/{slug")]
    assert len(below) >= len(PAGES)
    for route in below:
        assert getattr(route.endpoint, "needs", ()), route.path


@pytest.mark.parametrize("role", ["admin", "manager", "finance"])
async def test_roles_open_what_they_may(world: World, role: str) -> None:
    known = await company(world)
    known |= {"credit_note": await make_credit_note(world), "payment": await make_payment(world)}
    held = permissions_of([role])
    async with visitor(world, role) as member:
        for method, path, _, needs in PAGES:
            if method != "GET":
                continue
            allowed = MEMBER in needs or bool(held.intersection(needs))
            target = _filled(path, known)
            answer = await member.ask("GET", target)
            expected = {200, 204, 303} if allowed else {403}
            assert answer.status_code in expected, (path, answer.status_code)
            if not allowed:
                assert "You may not open this page" in words(answer.text)
        navigation = await member.page(f"{BASE}/customers")
    assert ("/developers" in navigation) == (role == "admin")
    assert ("/plans" in navigation) == ("plans:view" in held)
    assert (f'href="{BASE}/features"' in navigation) == ("features:view" in held)
    assert f'/releases/tag/v{__version__}"' in navigation, "spec 07 §7.1: the version leads to its release"


@pytest.mark.parametrize(
    ("role", "place"), [("admin", "analytics"), ("finance", "analytics"), ("manager", "customers")]
)
async def test_07_7_1_home_is_the_first_of_what_the_role_sees(world: World, role: str, place: str) -> None:
    async with visitor(world, role) as member:
        assert (await member.get(BASE)).headers["location"] == f"{BASE}/{place}"


async def test_forms_of_others_are_refused(world: World) -> None:
    known = await company(world)
    async with visitor(world, "finance") as finance:
        for path in ("/create/customer", f"/subscription/{known['subscription']}/terminate", "/clock"):
            assert (await finance.submit(BASE + path, name="x", external_id="x", to="day")).status_code == 403, path


async def test_another_organization_finds_nothing(world: World) -> None:
    """With the ids of one organization, a member of another finds nothing on any page and with any form."""
    known = await company(world)
    async with visitor(world, "stranger") as stranger:
        for method, path, _, _ in PAGES:
            target = _filled(path, known)
            answer = await stranger.ask(method, target, to="day", name="x")
            assert answer.status_code == 404, path
            assert "Customer c0" not in answer.text
            if "{" not in path:
                continue
            target = target.replace(BASE, "/other", 1)
            answer = await stranger.ask(method, target, name="x")
            if path in ("/invoices/{invoice}", "/customer/{customer}/subscriptions"):  # old addresses
                answer = await stranger.get(answer.headers["location"])
            assert answer.status_code == 404, (path, answer.status_code)
            assert "Nothing lives at this address" in words(answer.text)
        empty = await stranger.page("/other/customers")
        assert "No customers yet" in empty
        found = await stranger.get("/other/search?term=customer", headers=HTMX)
        assert "Customer c0" not in found.text


async def test_parts_of_pages_lead_to_their_page(world: World) -> None:
    """Whoever opens what a dialog loads by its own address comes to the page, where the dialog opens."""
    known = await company(world)
    known["credit_note"] = await make_credit_note(world)
    async with visitor(world) as admin:
        for path, page in PARTS.items():
            answer = await admin.get(_filled(path, known))
            assert (answer.status_code, answer.headers["location"]) == (303, _filled(page, known)), path
            followed = await admin.get(answer.headers["location"], follow_redirects=True)
            assert followed.status_code == 200, path
            dialog = page.partition("#")[2]
            assert dialog in ("", "send") or f'<dialog class="dialog" id="{dialog}"' in followed.text, path


async def test_addresses_of_nobody(world: World) -> None:
    async with visitor(world) as admin:
        inside = await admin.page(f"{BASE}/nowhere/at/all", 404)
        assert "Nothing lives at this address" in words(inside)
        assert "Acme Search" in inside
        assert "Nothing lives" in await admin.page("/nobody-s-place/customers", 404)
        assert "Nothing lives" in await admin.page("/favicon.ico", 404)
        assert "Nothing lives" in await admin.page(f"{BASE}/customer/{UNKNOWN}", 404)
        assert "Nothing lives" in await admin.page(f"{BASE}/customer/not-an-id", 404)
        program = await admin.get("/favicon.ico", headers={"accept": "application/json"})
        assert program.json()["code"] == "resource_not_found"


async def test_a_failure_gets_a_page_without_its_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from billwright.graphql import batches

    known = await company(world, 1)

    async def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(batches, "customers", broken)
    async with visitor(world) as admin:
        text_of = words(await admin.page(f"{BASE}/customer/{known['customer']}", 500))
    assert "Something went wrong on our side" in text_of
    assert "internal_error" in text_of
    assert "secret" not in text_of
