"""Ctrl-C while a sandbox is being advanced: the process ends in seconds, in order, and another one goes on."""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import TestStack
from tests.live.server import live_server

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

START = datetime(2024, 1, 1, tzinfo=UTC)
FAR = "2033-01-01T00:00:00Z"


def prepare(http: httpx.Client) -> None:
    plan = {"name": "P", "code": "p", "interval": "weekly", "amount_cents": 100, "amount_currency": "EUR",
            "pay_in_advance": True}  # fmt: skip
    assert http.post("plans", json={"plan": plan}).status_code == 200
    for number in range(4):
        body = {"external_customer_id": f"c{number}", "external_id": f"s{number}", "plan_code": "p"}
        assert http.post("subscriptions", json={"subscription": body}).status_code == 200


async def ask_to_advance(url: str, key: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"{url}/api/v1/", headers={"Authorization": f"Bearer {key}"}) as http:
        return await http.put("test_clock", json={"test_clock": {"now": FAR}}, timeout=120)


def clock(http: httpx.Client) -> Any:
    return http.get("test_clock").json()["test_clock"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_advance_is_interrupted_at_once(
    module_database_url: str, stack: TestStack, tmp_path: Path, number: signal.Signals
) -> None:
    redis_url = stack.redis_url(8 + stack.worker)
    with live_server(module_database_url, redis_url, tmp_path / "server.log") as server:
        key = await server.organization("Long", clock=START)
        with httpx.Client(base_url=f"{server.url}/api/v1/", headers={"Authorization": f"Bearer {key}"}) as http:
            prepare(http)
            asked = asyncio.create_task(ask_to_advance(server.url, key))
            while clock(http)["now"] == "2024-01-01T00:00:00Z":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        begin = time.monotonic()
        server.process.send_signal(number)
        answer = await asked
        assert (answer.status_code, answer.json()["code"]) == (503, "server_is_stopping")
        code = await asyncio.to_thread(server.process.wait, 30)
        assert time.monotonic() - begin < 5
        assert code in (0, -number)
        log = (tmp_path / "server.log").read_text()
        assert "Traceback" not in log
        assert "CancelledError" not in log
    with (
        live_server(module_database_url, redis_url, tmp_path / "next.log") as server,
        httpx.Client(base_url=f"{server.url}/api/v1/", headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        shown = clock(http)
        assert shown["status"] == "advancing"
        assert "2024-01-01T00:00:00Z" < shown["now"] < FAR
