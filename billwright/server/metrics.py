"""Prometheus metrics. With several processes, ``PROMETHEUS_MULTIPROC_DIR`` (set by the supervisor) joins them."""

from __future__ import annotations

import hmac
import os
from functools import lru_cache
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from billwright import __version__
from billwright.billing.kernel.db import Database

REQUESTS = Counter("billwright_http_requests", "HTTP requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "billwright_http_request_seconds",
    "Time from a request's first byte to its answer's last.",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
_JOBS = """
    SELECT status, count(*), coalesce(extract(epoch FROM clock_timestamp() - min(run_at)), 0)
    FROM jobs WHERE status IN ('queued', 'running') GROUP BY status
"""


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request; ``route`` is a template, never a raw path."""
    counted, timed = _instruments(method if method in _METHODS else "other", route, status)
    counted.inc()
    timed.observe(seconds)


@lru_cache(4096)
def _instruments(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, str(status)), SECONDS.labels(method, route)


async def metrics(request: Request) -> Response:
    """``GET /metrics``; asks for the bearer token when ``METRICS_TOKEN`` is set."""
    expected = request.app.state.settings.metrics_token.get_secret_value()
    if expected:
        offered = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(offered, f"Bearer {expected}".encode()):
            return PlainTextResponse("Unauthorized\n", status_code=401)
    body = generate_latest(_everything()) + generate_latest(await _of_database(request.app.state.database))
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def _everything() -> CollectorRegistry:
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    joined = CollectorRegistry()
    collector: Any = MultiProcessCollector
    collector(joined)
    return joined


async def _of_database(database: Database) -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("billwright_build", "Version of this process.", ["version"], registry=registry).labels(__version__).set(1)
    up = Gauge("billwright_database_up", "Whether the database answers.", registry=registry)
    jobs = Gauge("billwright_jobs", "Unfinished background jobs.", ["status"], registry=registry)
    oldest = Gauge("billwright_jobs_oldest_due_seconds", "How long the oldest due job has waited.", registry=registry)
    for status in ("queued", "running"):
        jobs.labels(status).set(0)
    try:
        async with database.reading() as session:
            for status, number, waited in await session.execute(text(_JOBS)):
                jobs.labels(status).set(number)
                if status == "queued":
                    oldest.set(max(0.0, float(waited)))
        up.set(1)
    except Exception:
        up.set(0)
    return registry
