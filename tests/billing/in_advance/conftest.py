from collections.abc import AsyncIterator

import pytest

import billwright.billing.in_advance.processing
import billwright.billing.notifications.preparing  # noqa: F401 - both register their jobs
from billwright.billing.kernel.db import Database
from tests.billing.in_advance.shop import Shop, open_shop


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    """A sandbox at 2024-06-01T00:00:00Z, UTC, USD; a subscription ``s1`` once a test has sold something."""
    async with open_shop(database) as made:
        yield made
