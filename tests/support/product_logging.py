"""The product's logging for as long as a test wants it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from billwright.server.logging import configure_logging
from billwright.server.settings import Settings


@contextmanager
def product_logging(settings: Settings) -> Iterator[None]:
    """Undone afterwards: no logger is cached, or those of the modules that log meanwhile would keep to it for good."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    configure_logging(settings)
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        structlog.configure(**before[2])
