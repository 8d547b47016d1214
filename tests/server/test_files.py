"""Signed links of stored documents (spec 04 §18)."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.models import StoredFile
from billwright.server import files
from billwright.server.app import DOORS
from billwright.server.middleware import RequestFrame
from tests.support.sandbox import Sandbox, sandbox

pytestmark = pytest.mark.usefixtures("papers")

__all__ = ["sandbox"]


def client(database: Database) -> httpx.AsyncClient:
    app = Starlette(routes=files.routes(), middleware=[Middleware(RequestFrame, secure=False)])
    app.state.database = database
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test")


async def invoice_url(sandbox: Sandbox) -> str:
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe()
    await sandbox.advance("2024-01-15T11:00:00Z")
    [invoice] = await sandbox.invoices()
    return invoice["file_url"]


async def test_the_application_serves_files() -> None:
    assert files.__name__ in DOORS


async def test_04_18_a_link_opens_without_a_key(sandbox: Sandbox) -> None:
    url = await invoice_url(sandbox)
    async with client(sandbox.rest.database) as http:
        answer = await http.get(url)
        assert answer.status_code == 200
        assert answer.content.startswith(b"%PDF-")
        assert answer.headers["content-type"] == "application/pdf"
        name = url.rpartition("/")[2]
        assert answer.headers["content-disposition"] == f"inline; filename=\"{name}\"; filename*=UTF-8''{name}"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert answer.headers["cache-control"] == "private, max-age=3600"
        assert int(answer.headers["content-length"]) == len(answer.content)
        again = await http.get(url, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await http.head(url)).status_code == 200


async def test_other_addresses_find_nothing(sandbox: Sandbox) -> None:
    url = await invoice_url(sandbox)
    head, _, name = url.rpartition("/")
    wrong = [f"{head}x/{name}", f"{head[:-1]}/{name}", f"{head}/other.pdf", f"{head}/", f"{head}/{name}%00"]
    async with client(sandbox.rest.database) as http:
        for address in [*wrong, f"http://api.test/files/{'a' * 5000}/{name}", f"http://api.test/files/%00/{name}"]:
            answer = await http.get(address)
            assert (answer.status_code, answer.json()["code"]) == (404, "resource_not_found"), address
        assert (await http.post(url)).status_code in (404, 405)


async def test_names_with_any_character_survive(sandbox: Sandbox) -> None:
    url = await invoice_url(sandbox)
    async with sandbox.context() as ctx:
        [shown] = await sandbox.invoices()
        invoice = await ctx.session.get_one(Invoice, shown["lago_id"])
        (await ctx.session.get_one(StoredFile, invoice.file_id)).filename = 'É/"1".pdf'
    [shown] = await sandbox.invoices()
    assert shown["file_url"] != url
    async with client(sandbox.rest.database) as http:
        answer = await http.get(shown["file_url"])
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == (
        "inline; filename=\"_/_1_.pdf\"; filename*=UTF-8''%C3%89%2F%221%22.pdf"
    )


async def test_what_a_browser_might_run_is_saved(sandbox: Sandbox) -> None:
    async with sandbox.context() as ctx:
        ctx.session.add(
            StoredFile(
                id=new_id(),
                organization_id=ctx.organization_id,
                filename="x.html",
                content_type="text/html",
                content=b"<script>",
                token="t" * 43,
                created_at=ctx.now(),
            )
        )
    async with client(sandbox.rest.database) as http:
        answer = await http.get(f"http://api.test/files/{'t' * 43}/x.html")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
