"""Jobs with retry, the API pages, the GraphQL explorer, the sandbox clock, and what every page is made of."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from billwright.ui.application import PAGES
from billwright.ui.rendering import STATIC, static_url
from tests.graphql.support import World
from tests.ui.support import BASE, Visitor, company, visitor, words


async def test_jobs_and_retry(world: World) -> None:
    known = await company(world, 1)
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update jobs set status = 'succeeded', attempts = 1, finished_at = now()"))
        job = await session.scalar(text("select id from jobs where name = 'invoice.document' limit 1"))
        await session.execute(
            text(
                "update jobs set status = 'failed', attempts = 6, started_at = now() - interval '2 seconds',"
                " error = 'Traceback' || chr(10) || 'OSError: no <disk>' where id = :id"
            ),
            {"id": job},
        )
    address = f"{BASE}/developers/jobs?status=failed"
    async with visitor(world) as admin:
        assert (await admin.get(f"{BASE}/developers")).headers["location"] == f"{BASE}/developers/keys"
        page = await admin.page(address)
        said = words(page)
        assert "Failed 1" in said
        assert "OSError: no <disk>" in said
        assert "<disk>" not in page
        assert f'href="{BASE}/invoice/{known["invoice"]}"' in page
        assert "2.0 s" in said
        retried = await admin.post(
            f"{BASE}/developers/jobs/{job}/retry",
            headers={
                "hx-request": "true", "hx-target": "results", "x-csrf-token": admin.token,
                "hx-current-url": f"http://billwright.test{address}",
            },
        )  # fmt: skip
        assert json.loads(retried.headers["hx-trigger"])["toast"]["text"] == "Queued again"
        assert "No jobs match" in words(retried.text), "the failed ones, of which there are none any more"
        assert "every" not in retried.text
        assert 'hx-trigger="load delay:5s"' in retried.text, "it looks again while work is open"
        twice = await admin.submit(f"{BASE}/developers/jobs/{job}/retry", "results")
        assert "Only failed jobs can be retried" in twice.headers["hx-trigger"]
        assert str(job)[:8] not in words(await admin.page(f"{BASE}/developers/jobs?search=nothing"))
        found = await admin.page(f"{BASE}/developers/jobs?search={known['invoice']}")
        assert "invoice.document" in found
    async with world.runtime.database.reading() as session:
        row = (await session.execute(text("select status, attempts from jobs where id = :id"), {"id": job})).one()
    assert row == ("queued", 0)


async def test_api_page_and_explorer(world: World) -> None:
    async with visitor(world) as admin:
        page = words(await admin.page(f"{BASE}/developers/api"))
        assert "POST /events/batch" in page
        assert "curl -X POST http://billwright.test/api/v1/customers" in page
        led = await admin.get("/graphql")
        assert led.headers["location"] == "/docs/graphql"
        led = await admin.get(led.headers["location"])
        assert led.headers["location"] == f"{BASE}/developers/graphql"
        answer = await admin.get(led.headers["location"])
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        token, organization = (
            re.search(rf'data-{name}="([^"]+)"', answer.text)[1]  # type: ignore[index]
            for name in ("token", "organization")
        )
        query = {"query": "{ __schema { queryType { name } } organization { name } }"}
        headers = {"x-csrf-token": token, "x-lago-organization": organization}
        data = (await admin.post("/graphql", json=query, headers=headers)).json()["data"]
        assert data == {"__schema": {"queryType": {"name": "Query"}}, "organization": {"name": "Acme Search"}}
        refused = (await admin.post("/graphql", json=query, headers={"x-lago-organization": organization})).json()
        assert refused["errors"][0]["extensions"]["code"] == "unauthorized"
        program = await admin.get("/graphql", headers={"accept": "application/json"})
        assert program.status_code == 400


async def test_the_clock(world: World) -> None:
    await company(world, 1)
    async with visitor(world) as admin:
        page = words(await admin.page(f"{BASE}/plans"))
        assert "Jan 15, 2024, 10:00 Advance" in page
        assert "Next due work Feb 1, 2024, 00:00" in page
        for fields, reason in (
            ({"to": "date", "now": "2023-01-01T00:00"}, "The clock only moves forward."),
            ({"to": "date", "now": "soon"}, "Choose a date and a time."),
            ({"to": "date"}, "Choose a date and a time."),
            ({"to": "sideways"}, "Choose a date and a time."),
        ):
            refused = await admin.submit(f"{BASE}/clock", "clock", **fields)
            assert refused.status_code == 422
            assert refused.headers["hx-retarget"] == "#clock-form"
            assert reason in words(refused.text)
        begun = await admin.submit(f"{BASE}/clock", "clock", to="next_due")
        assert begun.status_code == 200
        assert "Advancing to" in words(begun.text)
        assert "<progress" in begun.text
        arrived = await _arrival(admin)
        assert "Feb 1, 2024, 00:00" in words(arrived.text)
        assert 'hx-swap-oob="true"' in arrived.text
        told = json.loads(arrived.headers["hx-trigger"])
        assert told["toast"] == {"tone": "positive", "text": "The clock stands at Feb 1, 2024, 00:00"}
        assert "clock:arrived" in told
        assert (await admin.page(f"{BASE}/invoices")).count("data-href=") == 2
        await admin.submit(f"{BASE}/clock", "clock", to="day")
        assert "Feb 2, 2024, 00:00" in words((await _arrival(admin)).text)
    async with visitor(world, "manager") as manager:
        page = words(await manager.page(f"{BASE}/customers"))
        assert "Feb 2, 2024" in page
        assert "Advance" not in page
    async with visitor(world, "stranger") as live:
        assert "Sandbox." not in words(await live.page("/other/customers"))
        assert (await live.submit("/other/clock", "clock", to="day")).status_code == 404


async def _arrival(admin: Visitor):  # type: ignore[no-untyped-def]
    for _ in range(200):
        answer = await admin.part(f"{BASE}/clock", "clock")
        if "hx-trigger" in answer.headers:
            return answer
    raise AssertionError("the clock did not arrive")


LOADS = re.compile(r'<(?:script|link|img|iframe|form|source|use)\b[^>]*?\b(?:src|href|action)="([^"]+)"')
ANY_ADDRESS = re.compile(r"(?:https?:)?//([a-z0-9.-]+)", re.IGNORECASE)
MAILS = {"/settings/emails/preview"}
"""Mails as they are sent, shown in a frame with a policy of their own (see test_email_settings)."""
WELL_KNOWN = {"www.w3.org", "github.com"}
"""Names of XML, no addresses, and where the version leads to its release (spec 07 §7.1), which nothing loads. Samples
of calls name hosts of example.com."""


async def test_pages_load_from_this_server_alone_and_run_no_inline_script(world: World) -> None:
    known = await company(world)
    async with visitor(world) as admin, visitor(world, None) as nobody:
        answers = [await nobody.get("/login"), await admin.get(f"{BASE}/nowhere"), await nobody.get("/nowhere")]
        for method, path, _, _ in PAGES:
            for word, value in known.items():
                path = path.replace("{" + word + "}", value)
            if method == "GET" and path not in MAILS:
                answers.append(await admin.get(BASE + path.replace("{tab}", "invoices")))
        pages = [answer for answer in answers if answer.headers.get("content-type", "").startswith("text/html")]
        assert len(pages) > 20
        loaded: set[str] = set()
        for answer in pages:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "script-src 'self';" in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["cache-control"] == "private, no-store"
            assert re.search(r"<script(?![^>]*\bsrc=)", answer.text) is None
            assert "<style" not in answer.text
            assert re.search(r"<[a-z]+[^>]*\s(?:style|on[a-z]+)=\"", answer.text) is None
            hosts = {host for host in ANY_ADDRESS.findall(answer.text) if not host.endswith("example.com")}
            assert hosts - WELL_KNOWN <= {"billwright.test"}, answer.url
            found = set(LOADS.findall(answer.text))
            assert all(not urlsplit(one).netloc and one.startswith("/") for one in found), answer.url
            loaded |= {one for one in found if one.startswith("/static/")}
        assert any("graphiql" in one for one in loaded)
        for one in sorted(loaded):
            answer = await nobody.get(one.partition("#")[0])
            assert answer.status_code == 200, one
            if "?v=" in one:
                assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("file", sorted(STATIC.rglob("*.css")), ids=lambda file: file.name)
def test_style_sheets_name_no_other_server(file) -> None:  # type: ignore[no-untyped-def]
    addresses = re.findall(r"(?:url\(|@import\s+)['\"]?([^'\")\s]+)", file.read_text(encoding="utf-8"))
    for address in addresses:
        assert address.startswith("data:image/") or not urlsplit(address).netloc, address
        if not address.startswith(("data:", "#")):
            assert (file.parent / address).is_file(), address


async def test_static_files_do_not_leave_their_folder(world: World) -> None:
    async with visitor(world, None) as nobody:
        for path in ("/static/../rendering.py", "/static/%2e%2e/rendering.py", "/static/..%2frendering.py", "/static/"):
            assert (await nobody.get(path)).status_code == 404, path
        fresh = await nobody.get(static_url("app.css"), headers={"accept-encoding": "gzip"})
        assert fresh.headers["content-encoding"] == "gzip"
        kept = await nobody.get(static_url("app.css"), headers={"if-none-match": fresh.headers["etag"]})
        assert kept.status_code == 304
