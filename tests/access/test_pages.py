"""Every page and form of the back office: its permission, every role, nobody, forged requests, other organizations."""

from __future__ import annotations

import re

import httpx
import pytest
from starlette.routing import Route

from billwright.ui import csrf, sessions
from billwright.ui.application import PAGES, routes
from tests.access.conftest import Street
from tests.access.furnishing import books, crossings
from tests.access.matrix import may_open, page_needs
from tests.ui.support import Visitor, visitor

UNKNOWN = "018e4b1c-7a2f-7c77-9d1e-3f5a6b7c8d90"
KNOWN = [(method, path) for method, path, _, _ in PAGES if page_needs(method, path) is not None]


def _filled(path: str, ids: dict[str, str], slug: str) -> str:
    below = re.sub(r"\{(\w+)[^}]*\}", lambda found: ids.get(found[1], UNKNOWN), path.replace("{tab}", "invoices"))
    return f"/{slug}{below}"


def test_every_page_declares_the_permission_of_the_spec() -> None:
    """Spec 07 §7. The first page of the settings is opened by any of its tabs."""
    declared = {f"{method} {path}": set(needs) for method, path, _, needs in PAGES if path != "/settings"}
    expected = {
        name: set(page_needs(*name.split()) or {"write it down in tests/access/matrix.py"}) for name in declared
    }
    assert declared == expected
    assert len(declared) > 90


def test_every_address_below_an_organization_is_guarded() -> None:
    below = [route for route in routes() if isinstance(route, Route) and route.path.startswith("/{slug")]
    assert len(below) == len(PAGES) + 2
    assert [route.path for route in below if not getattr(route.endpoint, "needs", ())] == []


@pytest.mark.parametrize("role", ["admin", "manager", "finance", "nobody"])
async def test_each_role_opens_what_the_matrix_says(street: Street, role: str) -> None:
    """Pages with real objects; forms with ids that nothing has, so that what is permitted changes nothing."""
    wrong: list[str] = []
    async with visitor(street.world, role) as member:
        for method, path in KNOWN:
            ids = street.theirs.ids if method == "GET" else {}
            address = _filled(path, ids, "acme-search")
            answer = await member.ask(method, address)
            allowed = may_open(method, path, role)
            if (answer.status_code == 403) == allowed or answer.status_code >= 500:
                wrong.append(f"{role} {method} {path}: {answer.status_code}")
            if not allowed and any(secret in answer.text for secret in street.theirs.secrets):
                wrong.append(f"{role} {method} {path} tells what it refuses")
    assert not wrong, "\n".join(wrong)


async def test_nobody_is_sent_to_the_log_in(street: Street) -> None:
    async with visitor(street.world, None) as nobody:
        for method, path in KNOWN:
            answer = await nobody.request(method, _filled(path, street.theirs.ids, "acme-search"))
            assert answer.status_code == 303, (method, path)
            assert answer.headers["location"].startswith("/login"), (method, path)


async def test_the_pages_of_another_organization_are_not_there(street: Street) -> None:
    """Neither below its slug, nor its objects below one's own, alone or behind an object of one's own."""
    before = await books(street.world, street.theirs)
    wrong: list[str] = []
    async with visitor(street.world, "stranger") as stranger:
        for method, path in KNOWN:
            address = _filled(path, street.theirs.ids, "acme-search")
            wrong += await _told(street, stranger, method, address, {404})
            parameters = re.findall(r"\{(\w+)", path.replace("{tab}", "invoices"))
            if not parameters:
                continue
            last = parameters[-1]
            home = {**street.mine.ids, "invoice": street.mine.ids["draft"]} if last == "fee" else street.mine.ids
            for ids in (street.theirs.ids, {**home, last: street.theirs.ids.get(last, UNKNOWN)}):
                unknown = await _final(stranger, method, _filled(path, {**ids, last: UNKNOWN}, "other"))
                same = unknown.history or path.endswith("/preview")  # which says beside the form what is wrong
                expected = {unknown.status_code} if same else {404, 405}
                wrong += await _told(street, stranger, method, _filled(path, ids, "other"), expected)
        for searched in ("customers", "invoices", "subscriptions", "payments", "plans", "coupons", "add-ons"):
            wrong += await _told(street, stranger, "GET", f"/other/{searched}?search=acmesecret", {200})
        wrong += await _told(street, stranger, "GET", "/other/search?term=acmesecret", {200})
        customer = street.theirs.codes["customer"]
        wrong += await _told(street, stranger, "GET", f"/other/invoices?customer={customer}", {200})
    assert not wrong, "\n".join(wrong)
    assert await books(street.world, street.theirs) == before
    assert await crossings(street.world) == []


async def _told(street: Street, member: Visitor, method: str, address: str, expected: set[int]) -> list[str]:
    """What is wrong with the answer: its status, or that it says more of the others than the address did."""
    answer = await _final(member, method, address)
    if answer.status_code not in expected:
        return [f"{method} {address}: {answer.status_code}, expected {expected}"]
    asked = [secret for secret in street.theirs.secrets if secret in address]
    found = [secret for secret in (*street.theirs.ids.values(), "acmesecret Ltd") if secret in answer.text]
    return [f"{method} {address} tells {secret}" for secret in found if secret not in asked]


async def _final(member: Visitor, method: str, address: str) -> httpx.Response:
    """The answer, and where it redirects to the page that it leads to."""
    answer = await member.ask(method, address)
    onward = answer.headers.get("location") or answer.headers.get("hx-redirect")
    if onward:
        followed = await member.get(onward)
        followed.history = [answer]
        return followed
    return answer


def _forms() -> list[str]:
    """The address of every form, but the portal's, which need the link's own token."""
    found = [
        re.sub(r"\{(slug|\w+)[^}]*\}", lambda part: "acme-search" if part[1] == "slug" else UNKNOWN, route.path)
        for route in routes()
        if isinstance(route, Route)
        and route.methods
        and "POST" in route.methods
        and not route.path.startswith("/customer-portal/")
    ]
    assert len(found) > 50
    return found


async def test_no_form_works_without_its_token(street: Street) -> None:
    """Spec 07 §3.5: none, a made-up one, and the token of another session."""
    before = await books(street.world, street.theirs)
    foreign = csrf.token_for(street.world.settings, street.world.tokens["manager"])
    async with visitor(street.world) as admin:
        for path in _forms():
            for token in ("", "0" * 64, foreign):
                admin.token = token
                answer = await admin.submit(path, email="admin@acme.example", name="x", to="day")
                begun_anew = answer.headers.get("location", "").startswith("/login?refused=")
                no_such_link = answer.status_code == 404 and path.startswith(("/reset-password/", "/invitation/"))
                assert answer.status_code == 403 or begun_anew or no_such_link, (path, answer.status_code)
                assert sessions.COOKIE not in answer.cookies
    assert await books(street.world, street.theirs) == before


async def test_nothing_is_changed_by_following_a_link(street: Street) -> None:
    """GET and HEAD write nothing, whoever asks."""
    before = await books(street.world, street.theirs)
    async with visitor(street.world) as admin:
        for method, path in KNOWN:
            if method == "GET" and not path.endswith(".pdf"):  # the first download makes the file
                address = _filled(path, street.theirs.ids, "acme-search")
                await admin.ask("GET", address)
    assert await books(street.world, street.theirs) == before
