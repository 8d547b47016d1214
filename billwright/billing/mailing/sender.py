"""The way out for e-mails, as the domain sees it."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Protocol


class MailUnreachable(Exception):
    """No connection, or it broke: tried again a few times."""


class MailBusy(Exception):
    """The server asks to come back later: tried again for long."""


class MailRefused(Exception):
    """The server will not take this message, ever."""


class MailSender(Protocol):
    """Hands messages to a mail server."""

    @property
    def address(self) -> str:
        """The sender's address, as in ``From``."""
        ...

    async def send(self, message: EmailMessage, recipients: list[str]) -> None:
        """Raises ``MailUnreachable``, ``MailBusy`` or ``MailRefused``."""
        ...
