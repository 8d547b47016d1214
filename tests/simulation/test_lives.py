"""Random lives of organizations, two sandbox years each: the checker agrees with every invoice to the cent."""

from __future__ import annotations

import pytest

from billwright.billing.kernel.db import Database
from tests.simulation.running import simulate

SEEDS = 6


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_standard_charges_taxes_and_time_zones(database: Database, seed: int) -> None:
    invoices, wrong, history = await simulate(database, seed, features=())
    assert invoices
    assert not wrong, "\n".join([f"seed {seed}", *wrong, history])
