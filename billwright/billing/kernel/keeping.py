"""Figures that are dear to find out for a large organization, kept for a while by each process (spec 07 §1.3)."""

from __future__ import annotations

from collections.abc import Hashable
from time import monotonic
from typing import Generic, TypeVar

V = TypeVar("V")


class Kept(Generic[V]):
    """At most ``most`` values, each for ``seconds``."""

    def __init__(self, seconds: float, most: int = 1024) -> None:
        self._seconds = seconds
        self._most = most
        self._values: dict[Hashable, tuple[V, float]] = {}

    def get(self, key: Hashable) -> V | None:
        found = self._values.get(key)
        return found[0] if found is not None and found[1] > monotonic() else None

    def keep(self, key: Hashable, value: V) -> None:
        self._values.pop(key, None)
        while len(self._values) >= self._most:
            del self._values[next(iter(self._values))]
        self._values[key] = (value, monotonic() + self._seconds)
