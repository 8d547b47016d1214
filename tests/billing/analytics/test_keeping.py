"""Figures are kept where invoices are very many, for four hours (spec 07 §8.1)."""

from __future__ import annotations

from typing import Any

import pytest

from billwright.billing.analytics import keeping
from tests.support.sandbox import Sandbox


async def test_07_8_1_figures_of_many_invoices_are_kept(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_kept", {})
    asked: list[Any] = []

    @keeping.kept
    async def figures(ctx: Any, filters: str) -> list[int]:
        asked.append(filters)
        return [len(asked)]

    async with sandbox.context() as ctx:
        assert [await figures(ctx, "EUR"), await figures(ctx, "EUR")] == [[1], [2]], "few invoices: always read"
        monkeypatch.setattr(keeping, "MANY_INVOICES", 0)
        assert [await figures(ctx, "EUR"), await figures(ctx, "EUR")] == [[3], [3]]
        assert await figures(ctx, "USD") == [4]
        assert await figures(ctx, "EUR", expire=True) == [5]
        assert await figures(ctx, "USD") == [6], "of all currencies"
        later = keeping.monotonic() + 4 * 3600 + 1
        monkeypatch.setattr(keeping, "monotonic", lambda: later)
        assert await figures(ctx, "EUR") == [7], "after four hours"
