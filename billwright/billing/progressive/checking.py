"""Which thresholds usage has passed, and how near the others are (spec 02 §13.2, §13.3). Pure; minor units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

MOST_MULTIPLES = 1000
"""So many reached multiples of a recurring threshold are listed, the latest ones."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Amounts of the thresholds that apply: ``steps`` ascending, and the recurring one."""

    steps: tuple[int, ...]
    recurring: int | None = None

    @classmethod
    def of(cls, amounts: Sequence[tuple[int, bool]]) -> Grid:
        """From ``(amount, recurring)`` in any order."""
        steps = tuple(sorted(amount for amount, recurring in amounts if not recurring))
        return cls(steps, next((amount for amount, recurring in amounts if recurring), None))

    @property
    def last(self) -> int:
        """``L``: the largest step, 0 if there is none."""
        return self.steps[-1] if self.steps else 0

    def __bool__(self) -> bool:
        return bool(self.steps) or self.recurring is not None


@dataclass(frozen=True, slots=True)
class Usage:
    """Lifetime usage in its parts. ``progressive``: what the latest progressive invoice of the open period billed."""

    historical: int
    invoiced: int
    current: int
    progressive: int = 0

    @property
    def total(self) -> int:
        return self.historical + self.invoiced + self.current


@dataclass(frozen=True, slots=True)
class Passed:
    """``steps``: amounts passed, ascending. ``recurring``: whether the recurring threshold was passed as well."""

    steps: tuple[int, ...] = ()
    recurring: bool = False

    def __bool__(self) -> bool:
        return bool(self.steps) or self.recurring


def passed(grid: Grid, usage: Usage) -> Passed:
    """What must be invoiced now (spec 02 §13.3). Usage that shrank below what was invoiced passes nothing."""
    actual = usage.current - usage.progressive
    if actual <= 0:
        return Passed()
    invoiced = usage.historical + usage.invoiced + usage.progressive
    total, last, size = invoiced + actual, grid.last, grid.recurring
    if invoiced < last:
        steps = tuple(step for step in grid.steps if invoiced < step <= total)
        return Passed(steps, size is not None and total - last >= size)
    return Passed((), size is not None and (invoiced - last) % size + actual >= size)


def reached_amount(grid: Grid, found: Passed, total: int) -> int:
    """The lifetime usage that the last passed threshold stands for (spec 02 §13.4, the PDF)."""
    if found.recurring and grid.recurring is not None:
        return grid.last + (total - grid.last) // grid.recurring * grid.recurring
    return found.steps[-1]


@dataclass(frozen=True, slots=True)
class Completion:
    """A threshold on the way: ``ratio`` 1 when it is reached, else the part of the way from the one before."""

    amount_cents: int
    ratio: Fraction

    @property
    def is_reached(self) -> bool:
        return self.ratio == 1


def completions(grid: Grid, total: int) -> list[Completion]:
    """Every step, then the multiples of the recurring threshold up to the next one (spec 02 §13.2)."""
    found: list[Completion] = []
    before = 0
    running = False
    for step in grid.steps:
        if step <= total:
            found.append(Completion(step, Fraction(1)))
        elif running:
            found.append(Completion(step, Fraction(0)))
        else:
            found.append(Completion(step, Fraction(max(total - before, 0), step - before)))
            running = True
        before = step
    size, last = grid.recurring, grid.last
    if size is None:
        return found
    if total < last:
        return [*found, Completion(last + size, Fraction(0))]
    count, rest = divmod(total - last, size)
    first = max(count - MOST_MULTIPLES, 0) + 1
    found.extend(Completion(last + number * size, Fraction(1)) for number in range(first, count + 1))
    return [*found, Completion(last + (count + 1) * size, Fraction(rest, size))]
