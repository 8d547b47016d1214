"""What a process offers to background work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from billwright.billing.kernel.db import Database
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.mailing.sender import MailSender
from billwright.billing.notifications.options import WebhookOptions
from billwright.billing.taxes.vat_checks import VatChecker

if TYPE_CHECKING:
    from billwright.billing.metering.store.protocol import EventStore


@dataclass(frozen=True, slots=True)
class Runtime:
    """The database and the event store of this process, public addresses, and how it reaches the outside.

    ``api_url`` and ``app_url`` have no trailing slash; ``box`` opens stored secrets. ``checks_events``: whether events
    are checked each hour (spec 01 §2.12). Without ``mail`` e-mails are kept in the outbox. Without
    ``vat_checker`` checks of VAT numbers fail as if nobody answered. ``stopping`` is set when the process is asked to
    end: what takes long and can be resumed elsewhere ends at once.
    """

    database: Database
    event_store: EventStore
    api_url: str = ""
    app_url: str = ""
    box: SecretBox = field(default_factory=SecretBox)
    webhooks: WebhookOptions = field(default_factory=WebhookOptions)
    checks_events: bool = True
    mail: MailSender | None = None
    vat_checker: VatChecker | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
