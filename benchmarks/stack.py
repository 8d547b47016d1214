"""A migrated, durable database of one benchmark run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from billwright.migrations.runner import upgrade
from billwright.server.embedded import EmbeddedServers
from billwright.server.stack import DataFolder


@contextmanager
def migrated_database(url: str | None = None) -> Iterator[str]:
    """The given (empty) database, or an embedded server in a temporary folder (``TMPDIR``), removed afterwards."""
    if url:
        upgrade(url)
        yield url
        return
    path = tempfile.mkdtemp(prefix="billwright-bench-", dir=os.environ.get("TMPDIR"))
    folder = DataFolder(path)
    folder.create()
    folder.lock()
    servers = EmbeddedServers(folder)
    try:
        info = servers.start()
        upgrade(info.database_url)
        yield info.database_url
    finally:
        servers.stop()
        folder.unlock()
        shutil.rmtree(path, ignore_errors=True)
