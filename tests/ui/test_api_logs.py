"""API logs in the back office and in GraphQL (spec 07 §7.9, §9.2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

from billwright.billing.api_logs.recorder import ApiLogRecorder, Exchange
from billwright.billing.kernel.ids import new_id
from tests.graphql.support import World
from tests.ui.support import BASE, visitor, words

PATH = f"{BASE}/developers/api-logs"
AT = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


async def _log(world: World, *exchanges: dict[str, Any]) -> list[Exchange]:
    recorder = ApiLogRecorder(world.runtime.database)
    usual: dict[str, Any] = {
        "organization_id": world.organization.id, "api_key_id": new_id(), "method": "POST", "path": "/api/v1/taxes",
        "origin": "https://api.example", "client": "curl/8", "status": 200, "request": b"", "response": b"",
    }  # fmt: skip
    made = [
        Exchange(**{**usual, "request_id": uuid4(), "at": AT + timedelta(days=number), **exchange})
        for number, exchange in enumerate(exchanges)
    ]
    for exchange in made:
        recorder.note(exchange)
    await recorder.close()
    return made


async def test_the_list_is_filtered_and_a_row_opens_both_bodies(world: World) -> None:
    async with visitor(world) as admin:
        empty = words(await admin.page(PATH))
        assert "No requests yet" in empty
        assert "curl -X POST http://billwright.test/api/v1/taxes" in empty
        first, second, _ = await _log(
            world,
            {"request": b'{"tax": {"rate": 1.50, "name": "<b>"}}', "response": b'{"tax": {"code": "vat"}}'},
            {"method": "PATCH", "path": "/api/v1/fees/1", "status": 422, "client": "Lago Python v1"},
            {"method": "DELETE", "path": "/api/v1/fees/2", "status": 500},
        )
        page = await admin.page(PATH)
        listed = words(page)
        assert (
            listed.index("DELETE /fees/2") < listed.index("PUT /fees/1 422 Lago Python v1") < listed.index("POST /ta")
        )
        for query, expected in (
            ("?method=put&method=post", ["PUT /fees/1", "POST /taxes"]),
            ("?status=failed", ["DELETE /fees/2", "PUT /fees/1"]),
            ("?status=500", ["DELETE /fees/2"]),
            ("?path=*/fees/*&method=put", ["PUT /fees/1"]),
            ("?day_from=2024-01-02&day_to=2024-01-03", ["PUT /fees/1", "POST /taxes"]),
            (f"?search={second.request_id}", ["PUT /fees/1"]),
        ):
            part = (await admin.part(f"{PATH}{query}", "results")).text
            assert re.findall(r'<a class="mono clip"[^>]*title="([^"]*)"', part) == expected, query
        chips = words(await admin.page(f"{PATH}?method=put&path=/api/v1/fees/1"))
        assert "Method PUT, PATCH" in chips
        assert "Path /api/v1/fees/1" in chips
        assert "No requests match" in words(await admin.page(f"{PATH}?search=nonsense"))

        links = re.findall(r'data-href="([^"]+)"', page)
        whole = await admin.page(unescape(links[-1]))
        shown = words(whole)
        assert "POST /api/v1/taxes" in shown
        assert '"rate": 1.50' in shown
        assert '"code": "vat"' in shown
        assert f'data-copy="{first.request_id}"' in whole
        assert "<b>" not in whole
        assert f"/api/v1/api_logs/{first.request_id}" in whole
        assert "No body." in words(await admin.page(unescape(links[0])))
        assert (await admin.get(f"{PATH}?id={uuid4()}")).status_code == 404
    async with visitor(world, "finance") as finance:
        assert (await finance.get(PATH)).status_code == 403


async def test_a_long_body_says_that_it_was_cut(world: World) -> None:
    await _log(world, {"request": b'{"note": "' + b"x" * 70_000 + b'"}'})
    async with visitor(world) as admin:
        [link] = re.findall(r'data-href="([^"]+)"', await admin.page(PATH))
        assert "Cut at 64 KiB." in words(await admin.page(link))


LIST = """query ($page: Int, $limit: Int, $httpMethods: [HttpMethodEnum!], $httpStatuses: [String!],
  $apiVersion: String) {
  apiLogs(page: $page, limit: $limit, httpMethods: $httpMethods, httpStatuses: $httpStatuses, apiVersion: $apiVersion) {
    collection { id requestId httpMethod httpStatus requestBody apiKeyId loggedAt }
    metadata { totalCount totalPages } } }"""
ONE = "query ($id: ID, $requestId: ID) { apiLog(id: $id, requestId: $requestId) { id requestBody requestResponse } }"


async def test_graphql(world: World) -> None:
    first, second = await _log(world, {"request": b'{"a": 1}'}, {"method": "DELETE", "status": 404})
    found = (await world.data(LIST, limit=1))["apiLogs"]
    assert found["metadata"] == {"totalCount": 2, "totalPages": 2}
    [newest] = found["collection"]
    assert newest["requestId"] == str(second.request_id)
    assert newest["httpMethod"] == "delete"
    assert newest["loggedAt"] == "2024-01-03T03:04:05.000Z"
    filtered = (await world.data(LIST, httpMethods=["post"], httpStatuses=["succeeded"], apiVersion="v1"))["apiLogs"]
    [kept] = filtered["collection"]
    assert kept["requestBody"] == {"a": 1}
    assert kept["apiKeyId"] == str(first.api_key_id)
    by_id = (await world.data(ONE, id=kept["id"]))["apiLog"]
    assert by_id == (await world.data(ONE, requestId=str(first.request_id)))["apiLog"]
    assert by_id["requestResponse"] == {}
    for wrong in ({}, {"id": "x"}, {"requestId": str(uuid4())}):
        [error] = (await world.ask(ONE, **wrong))["errors"]
        assert error["extensions"]["details"] == {"apiLog": ["not_found"]}
    [error] = (await world.ask(LIST, httpStatuses=["ok"]))["errors"]
    assert error["extensions"]["details"] == {"httpStatuses": ["value_is_invalid"]}
    [error] = (await world.ask(LIST, "finance"))["errors"]
    assert error["extensions"]["requiredPermissions"] == ["developers:manage"]
