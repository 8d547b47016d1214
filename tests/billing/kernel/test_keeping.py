"""Figures of large organizations are kept for a while (spec 07 §1.3)."""

from __future__ import annotations

import pytest

from billwright.billing.kernel import keeping
from billwright.billing.kernel.keeping import Kept


def test_values_are_kept_for_their_time_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(keeping, "monotonic", lambda: now[0])
    kept: Kept[int] = Kept(seconds=60)
    kept.keep("a", 1)
    now[0] = 159.9
    assert (kept.get("a"), kept.get("b")) == (1, None)
    now[0] = 160.0
    assert kept.get("a") is None
    kept.keep("a", 2)
    assert kept.get("a") == 2


def test_the_oldest_value_makes_room() -> None:
    kept: Kept[int] = Kept(seconds=60, most=2)
    for number, key in enumerate("abac"):
        kept.keep(key, number)
    assert [kept.get(key) for key in "abc"] == [2, None, 3]
