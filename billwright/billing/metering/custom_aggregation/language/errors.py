"""Problems found at save time, and failures at run time."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """Why a source is refused: 1-based line (0: the source as a whole) and a sentence."""

    line: int
    message: str


class InvalidSource(Exception):
    """The source cannot be saved; ``problems`` is never empty."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"line {problem.line}: {problem.message}" for problem in problems))
        self.problems = problems


class AggregationError(Exception):
    """The code failed on an event: an error, an exceeded limit or a wrong result.

    ``line`` is the 1-based source line when known, ``event_index`` the position in the folded list.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.event_index: int | None = None

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"
