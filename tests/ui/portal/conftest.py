"""A customer with something to see in its portal."""

from __future__ import annotations

import pytest

from tests.graphql.support import World, make_customers, make_plan, send_usage
from tests.ui.portal.support import Browser, portal


@pytest.fixture
async def shop(world: World) -> Browser:
    """Customer c0 on a plan in advance with twelve calls and an invoice of 17.00, in its portal."""
    await make_customers(world, await make_plan(world), 1)
    await send_usage(world, "sub_c0", 12)
    return await portal(world)
