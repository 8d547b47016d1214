"""Explain this amount: the parts that lines unfold to, who may see them, and figures as people read them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import text

from billwright.ui.views.explanations import figure, readable
from tests.graphql.support import World
from tests.ui.support import BASE, company, visitor, words


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("1834200", "1,834,200"),
        ("-1200.5", "-1,200.5"),
        ("-0.25", "-0.25"),
        ("33.33333333333333333333", "33.33333333…"),
        ("calls", "calls"),
    ],
)
def test_figures(given: str, shown: str) -> None:
    assert figure(given) == shown


def test_formulas_are_shown_with_their_figures() -> None:
    inputs = {"amount": "27.405", "minor_units": "100", "count": "3"}
    assert readable("round(amount * minor_units) - count / 2", inputs) == "round(27.405 × 100) − 3 ÷ 2"
    assert readable("count", inputs) == ""


async def test_a_fee_and_a_charge(world: World) -> None:
    known = await company(world, 1)
    async with world.runtime.database.reading() as session:
        fee = await session.scalar(text("select id from fees where fee_type = 'subscription' order by id limit 1"))
        charge = await session.scalar(text("select id from charges order by id limit 1"))
    usage = f"{BASE}/subscription/{known['subscription']}/charge/{charge}/explain"
    async with visitor(world) as admin:
        page = await admin.page(f"{BASE}/invoice/{known['invoice']}")
        assert f'hx-get="{BASE}/fee/' in page
        said = await admin.fragment(f"{BASE}/fee/{fee}/explain")
        assert "Rounded to minor units" in words(said)
        assert "<script" not in said
        assert "Events so far" in words(await admin.fragment(usage))
        await admin.fragment(f"{BASE}/fee/{uuid4()}/explain", 404)
        await admin.fragment(f"{BASE}/subscription/{known['subscription']}/charge/{uuid4()}/explain", 404)
        await admin.fragment(f"{BASE}/subscription/{uuid4()}/charge/{charge}/explain", 404)
    async with visitor(world, None) as nobody:
        assert (await nobody.get(f"{BASE}/fee/{fee}/explain")).status_code == 303
