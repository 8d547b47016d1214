"""How much the expensive tests look at. ``TESTS_DEEP=1 make test`` takes everything, the plain run a fixed share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
DEEP = bool(os.environ.get("TESTS_DEEP"))


def share(items: Sequence[T], one_in: int) -> Sequence[T]:
    """All of ``items`` in a deep run, else every ``one_in``-th from the first on."""
    return items if DEEP else items[::one_in]
