"""Structured logs: JSON lines, or readable ones on a terminal. Secrets and bodies never reach them."""

from __future__ import annotations

import logging
import logging.handlers
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from billwright.server.request_context import request_id
from billwright.server.settings import Settings

_SECRET = re.compile(
    r"passw|secret|token(?!_count)|api_?key|authorization|cookie|encryption|credential|private_key", re.IGNORECASE
)
_BODIES = {"body", "payload", "request_body", "response_body"}
_HIDDEN = "[hidden]"
_URL_PASSWORD = re.compile(r"(\w+://[^\s/:@]*:)[^\s/@]+@")


def configure_logging(settings: Settings) -> None:
    """Send structlog and the standard library's records through one formatter to standard error or ``LOG_FILE``."""
    handler: logging.Handler
    if settings.log_file:
        handler = logging.handlers.RotatingFileHandler(settings.log_file, maxBytes=20 * 2**20, backupCount=3)
    else:
        handler = logging.StreamHandler(sys.stderr)
    pretty = settings.log_format == "pretty" or (
        settings.log_format == "auto" and not settings.log_file and sys.stderr.isatty()
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_request_id,
        hide_secrets,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(
                    # the other formatters show local variables, which hold secrets
                    [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
                    if pretty
                    else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
                ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("httpx", "httpcore", "asyncio", "multipart", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for own in ("uvicorn", "uvicorn.error", "uvicorn.access", "arq", "arq.worker"):
        logging.getLogger(own).handlers.clear()
        logging.getLogger(own).propagate = True
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def add_request_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every line of a request carries its id."""
    current = request_id()
    if current is not None:
        event.setdefault("request_id", current)
    return event


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Values under telling names, bodies, and passwords inside URLs are replaced, at every depth."""
    for name in list(event):
        event[name] = _clean(name, event[name])
    return event


def _clean(name: str, value: Any) -> Any:
    if name.startswith("_") or name == "exc_info":
        return value
    if name in _BODIES or _SECRET.search(name):
        return _HIDDEN if value else value
    if isinstance(value, str):
        return _URL_PASSWORD.sub(rf"\1{_HIDDEN}@", value)
    if isinstance(value, dict):
        return {key: _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", item) for item in value]
    return value
