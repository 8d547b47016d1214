"""What a check of a VAT number can answer, and who answers it (spec 08 A13). Adapters implement ``VatChecker``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

ErrorType = Literal[
    "rate_limit",
    "timeout",
    "blocked",
    "invalid_requester",
    "service_unavailable",
    "member_state_unavailable",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Valid:
    """The number exists. ``country_code`` is an ISO code; ``name`` and ``address`` are null where not disclosed."""

    country_code: str
    vat_number: str
    request_date: str
    name: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Invalid:
    """The number does not exist, or cannot: ``valid_format`` tells whether its syntax is right."""

    valid_format: bool


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nobody knows: the service did not answer. Never to be taken for ``Invalid``."""

    type: ErrorType
    message: str


Outcome = Valid | Invalid | Unavailable


class VatChecker(Protocol):
    """Asks whether VAT numbers exist."""

    async def check(self, vat_number: str) -> Outcome:
        """One question, one answer; every failure is an ``Unavailable``."""
        ...
