"""Handing e-mails to a mail server (spec 04 §22)."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import parseaddr

import aiosmtplib

from billwright.billing.mailing.sender import MailBusy, MailRefused, MailUnreachable

TIMEOUT_SECONDS = 30


class SmtpSender:
    """The ``MailSender`` of servers and workers: one connection a message."""

    def __init__(self, *, host: str, port: int, user: str, password: str, security: str, address: str) -> None:
        self._host, self._port = host, port
        self._user, self._password = user, password
        self._security = security
        self._address = address

    def __repr__(self) -> str:
        return f"SmtpSender({self._host}:{self._port})"

    @property
    def address(self) -> str:
        """The sender, as in ``From``."""
        return self._address

    async def send(self, message: EmailMessage, recipients: list[str]) -> None:
        """One message. Codes 4xx are ``MailBusy``, 5xx ``MailRefused``, no connection ``MailUnreachable``."""
        try:
            await aiosmtplib.send(
                message,
                sender=parseaddr(self._address)[1],
                recipients=recipients,
                hostname=self._host,
                port=self._port,
                username=self._user or None,
                password=self._password or None,
                use_tls=self._security == "tls",
                start_tls=self._security == "starttls",
                timeout=TIMEOUT_SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            code = min((each.code for each in refused.recipients), default=550)
            raise (MailBusy if 400 <= code < 500 else MailRefused)(_said(refused)) from None
        except aiosmtplib.SMTPAuthenticationError as refused:
            raise MailRefused(_said(refused)) from None
        except aiosmtplib.SMTPResponseException as answer:
            raise (MailBusy if 400 <= answer.code < 500 else MailRefused)(_said(answer)) from None
        except (aiosmtplib.SMTPException, OSError) as failure:
            raise MailUnreachable(_said(failure)) from None


def _said(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"[:500]
