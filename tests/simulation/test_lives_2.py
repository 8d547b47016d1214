"""Seeds 15 to 29 of the simulated lives (one file of four, so that xdist spreads them)."""

from __future__ import annotations

import pytest

from tests.simulation.running import check_life, lives


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", lives(range(15, 30)))
async def test_checker_agrees_with_every_invoice_of_two_years(module_database_url: str, seed: int) -> None:
    await check_life(module_database_url, seed)
