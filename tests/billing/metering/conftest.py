from collections.abc import AsyncIterator

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.metering.company import Company, open_company


@pytest.fixture
async def company(database: Database) -> AsyncIterator[Company]:
    """A sandbox at 2024-06-01T00:00:00Z, UTC."""
    async with open_company(database) as made:
        yield made
