"""The frame around every request: health, metrics, ids, headers, bounded bodies, quiet failures, clean logs."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from billwright import __version__
from billwright.server.app import create_app, installed_doors
from billwright.server.middleware import safe_path
from billwright.server.settings import Settings
from tests.support.product_logging import product_logging


def settings_for(database_url: str, redis_url: str, **more: str) -> Settings:
    return Settings.from_environment(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "s" * 32,
            "ENCRYPTION_KEY": "A" * 43 + "=",
            "METRICS_TOKEN": "scrape-me",
            **more,
        }
    )


async def explode(_request: Request) -> Response:
    raise RuntimeError("the secret recipe is 42")


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
async def app(database_url: str, redis_url: str) -> AsyncIterator[Starlette]:
    made = create_app(settings_for(database_url, redis_url, APP_URL="https://billing.example"))
    made.router.routes.insert(0, Route("/explode", explode))
    made.router.routes.insert(0, Route("/echo", echo, methods=["POST"]))
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://billing.example") as made:
        yield made


async def test_health(client: httpx.AsyncClient) -> None:
    """Spec 07 §1.6."""
    answer = await client.get("/health")
    body = answer.json()
    assert (answer.status_code, body["message"], body["version"]) == (200, "Success", __version__)
    assert body["github_url"].startswith("https://")


async def test_health_without_database(client: httpx.AsyncClient, app: Starlette, monkeypatch: Any) -> None:
    """Spec 07 §1.6: 500, ``Unhealthy`` and generic details."""
    from billwright.billing.kernel.db import Database

    nowhere = Database("postgresql://user:hunter2@127.0.0.1:1/none")
    monkeypatch.setattr(app.state, "database", nowhere)
    answer = await client.get("/health")
    await nowhere.close()
    assert answer.status_code == 500
    assert answer.json()["message"] == "Unhealthy"
    assert "hunter2" not in answer.text


async def test_ready_until_shutdown_begins(client: httpx.AsyncClient, app: Starlette) -> None:
    """Spec 07 §1.6."""
    assert (await client.get("/ready")).json() == {"status": "ok"}
    app.state.shutting_down = True
    answer = await client.get("/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "shutting down"})


async def test_metrics_count_requests_by_route_and_show_the_queue(client: httpx.AsyncClient) -> None:
    await client.get("/api/v1/plans/some-code-nobody-has")
    await client.get(f"/{uuid.uuid4()}")
    assert (await client.get("/metrics")).status_code == 401
    answer = await client.get("/metrics", headers={"Authorization": "Bearer scrape-me"})
    assert answer.status_code == 200
    assert "billwright_database_up 1.0" in answer.text
    assert 'billwright_jobs{status="queued"} 0.0' in answer.text
    assert "billwright_http_requests_total{" in answer.text
    assert "some-code-nobody-has" not in answer.text


async def test_every_answer_has_an_id_and_echoes_a_uuid(client: httpx.AsyncClient) -> None:
    """Spec 07 §1.1, request id."""
    mine = str(uuid.uuid4())
    assert (await client.get("/ready", headers={"X-Request-Id": mine})).headers["x-request-id"] == mine
    for wrong in ("1; DROP TABLE", "x" * 500):
        made = (await client.get("/nope", headers={"X-Request-Id": wrong})).headers["x-request-id"]
        assert uuid.UUID(made).version == 7
    rest = await client.get("/api/v1/nope")
    assert rest.headers.get_list("x-request-id") == [rest.headers["x-request-id"]]


async def test_security_headers(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/ready")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["strict-transport-security"].startswith("max-age=")
    assert "server" not in headers


async def test_unknown_paths_and_verbs_are_one_404(client: httpx.AsyncClient) -> None:
    """Spec 07 §1.1, unmatched path or verb."""
    expected = {"status": 404, "error": "Not Found", "code": "resource_not_found"}
    for answer in (await client.delete("/health"), await client.get("/nope.json"), await client.get("/api/v2/x")):
        assert answer.status_code == 404
    assert (await client.delete("/health")).json() == expected


async def test_a_bug_is_a_plain_500(client: httpx.AsyncClient) -> None:
    """Spec 07 §1.4: never a stack trace."""
    answer = await client.get("/explode")
    assert answer.status_code == 500
    assert answer.json() == {"status": 500, "error": "Internal Server Error", "code": "internal_error"}


async def test_bodies_beyond_10_mb_are_413_in_the_envelope(client: httpx.AsyncClient) -> None:
    assert (await client.post("/echo", content=b"x" * (10 * 2**20))).text == str(10 * 2**20)
    announced = await client.post("/echo", content=b"x" * (10 * 2**20 + 1))
    assert (announced.status_code, announced.json()) == (413, {"status": 413, "error": "Content Too Large"})

    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 2**20

    streamed = await client.post("/echo", content=trickle())
    assert (streamed.status_code, streamed.json()) == (413, announced.json())


def test_a_door_that_is_broken_stops_the_start(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "broken_door.py").write_text("import a_module_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert installed_doors(["no_such_door_at_all"]) == []
    with pytest.raises(ModuleNotFoundError, match="a_module_that_nobody_has"):
        installed_doors(["broken_door"])


@pytest.fixture
def log_lines(tmp_path: Any) -> Iterator[Any]:
    log = tmp_path / "log.json"
    settings = settings_for("postgresql://u:p@h/d", "redis://h", LOG_FILE=str(log), LOG_LEVEL="debug")
    with product_logging(settings):
        yield lambda: [json.loads(line) for line in log.read_text().splitlines()]


def test_logs_are_json_and_hide_secrets(log_lines: Any) -> None:
    structlog.get_logger("t").info(
        "made",
        api_key="k-123",
        password="p-123",
        nested={"Authorization": "Bearer b-123", "kept": 1},
        body='{"card": "c-123"}',
        url="postgresql://user:u-123@host/db",
    )
    logging.getLogger("stdlib").warning("connecting to %s", "redis://:r-123@host", extra={"token": "t-123"})
    lines = log_lines()
    assert lines[0]["event"] == "made"
    assert lines[0]["nested"]["kept"] == 1
    assert lines[1]["level"] == "warning"
    assert "-123" not in json.dumps(lines)


async def test_the_access_line_names_the_request(client: httpx.AsyncClient, log_lines: Any) -> None:
    mine = str(uuid.uuid4())
    await client.get("/explode?token=q-123", headers={"X-Request-Id": mine})
    lines = [line for line in log_lines() if line.get("request_id") == mine]
    assert [line["event"] for line in lines] == ["request_failed", "request"]
    assert (lines[1]["path"], lines[1]["status"], lines[1]["route"]) == ("/explode", 500, "explode")
    assert "q-123" not in json.dumps(lines)


async def test_a_module_that_logged_then_logs_elsewhere_later(
    client: httpx.AsyncClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a later test of this process that reads what is logged finds nothing."""
    settings = settings_for("postgresql://u:p@h/d", "redis://h", LOG_FILE=str(tmp_path / "log.json"))
    with product_logging(settings):
        await client.get("/echo?first")
    await client.get("/echo?second")
    assert "/echo" in capsys.readouterr().out


def test_signed_links_are_cut_in_logs() -> None:
    link = "a1b2c3" + "d" * 40
    assert safe_path(f"/portal/{link}/invoices") == "/portal/a1b2c3…/invoices"
    assert safe_path("/api/v1/invoices/0199b3b4-6f7a-7c3e-8f5d-2f0d5b6f7a8b") == (
        "/api/v1/invoices/0199b3b4-6f7a-7c3e-8f5d-2f0d5b6f7a8b"
    )
