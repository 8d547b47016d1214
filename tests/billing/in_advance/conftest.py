from collections.abc import AsyncIterator

import pytest

from billwright.billing.background.registration import register_all
from billwright.billing.kernel.db import Database
from tests.billing.in_advance.shop import Shop, open_shop


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    """A sandbox at 2024-06-01T00:00:00Z, UTC, USD; a subscription ``s1`` once a test has sold something."""
    register_all()
    async with open_shop(database) as made:
        yield made
