"""How this process delivers webhooks, and the protocol by which it reaches the outside (spec 06 §16.4, §16.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.notifications.keys import WebhookKeys

MAX_RESPONSE_BYTES = 64 * 1024


class AddressRefused(Exception):
    """The URL leads to an address that is not allowed; trying again is pointless."""


class NoAnswer(Exception):
    """DNS, connection, TLS or time-out trouble; the text goes to the log."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answered; ``body`` holds at most ``MAX_RESPONSE_BYTES``."""

    status: int
    body: bytes


class WebhookSender(Protocol):
    """Posts to user-given URLs, safely."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """One attempt, redirects not followed. Raises ``AddressRefused`` or ``NoAnswer``."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """``attempts`` in all; ``at_once`` deliveries per endpoint, ``in_flight`` per process; ``longest_seconds`` bounds
    one attempt, whatever the sender does. Without a ``sender`` nothing is delivered. ``now`` is the system clock.
    """

    keys: WebhookKeys = field(default_factory=lambda: WebhookKeys(SecretBox()))
    sender: WebhookSender | None = None
    attempts: int = 3
    at_once: int = 10
    in_flight: int = 400
    longest_seconds: float = 100.0
    now: Callable[[], datetime] = system_now
