from collections.abc import Iterator

import pytest

from tests.conftest import TestStack
from tests.live.server import LiveServer, live_server


@pytest.fixture(scope="module")
def server(
    module_database_url: str, stack: TestStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """One API process for the tests of a module."""
    log = tmp_path_factory.mktemp("server") / "server.log"
    with live_server(module_database_url, stack.redis_url(8 + stack.worker), log) as running:
        yield running
