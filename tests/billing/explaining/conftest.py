from collections.abc import AsyncIterator

import pytest

import billwright.billing.in_advance.processing
import billwright.billing.notifications.preparing  # noqa: F401 - both register their jobs
from billwright.billing.kernel.db import Database
from tests.billing.in_advance.shop import Shop, open_shop
from tests.billing.metering.company import Company, open_company
from tests.support.sandbox import sandbox

__all__ = ["sandbox"]


@pytest.fixture
async def company(database: Database) -> AsyncIterator[Company]:
    """A sandbox at 2024-06-01T00:00:00Z, UTC."""
    async with open_company(database) as made:
        yield made


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    """The same, selling charges in advance."""
    async with open_shop(database) as made:
        yield made
