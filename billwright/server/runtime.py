"""What the settings give to background work: secrets, public addresses, and the way to webhook receivers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.metering.custom_aggregation import close_sandbox
from billwright.billing.metering.store.protocol import EventStore
from billwright.billing.notifications.keys import WebhookKeys
from billwright.billing.notifications.options import WebhookOptions
from billwright.billing.subscriptions.alerts import configure_alerts
from billwright.billing.taxes.eu_rates import configure_eu_rates
from billwright.integrations.mail import SmtpSender
from billwright.integrations.outbound import OutboundHttp
from billwright.integrations.vies import ViesClient
from billwright.integrations.webhooks import HttpWebhookSender
from billwright.server.settings import Settings


def secret_box(settings: Settings) -> SecretBox:
    """Seals and opens stored secrets with the installation's keys."""
    return SecretBox(settings.encryption_key.get_secret_value(), settings.encryption_key_previous.get_secret_value())


def mail_sender(settings: Settings) -> SmtpSender | None:
    """The way to the mail server of the settings; ``None`` without one."""
    if not settings.smtp_host:
        return None
    return SmtpSender(
        host=settings.smtp_host,
        port=settings.smtp_port,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value(),
        security=settings.smtp_security,
        address=settings.mail_from,
    )


@asynccontextmanager
async def open_runtime(settings: Settings, database: Database, event_store: EventStore) -> AsyncIterator[Runtime]:
    """The runtime of a process; at the end its connections and the processes of custom aggregators are closed."""
    box = secret_box(settings)
    configure_alerts(int(days) for days in settings.subscription_termination_alert_days.split(",") if days)
    sender = HttpWebhookSender(
        OutboundHttp(allow_private=settings.webhook_allow_private_networks, timeout=settings.webhook_timeout_seconds)
    )
    configure_eu_rates(settings.eu_tax_rates_file)
    vies = ViesClient(settings.vies_url, timeout=settings.vies_timeout_seconds)
    webhooks = WebhookOptions(
        keys=WebhookKeys(box, settings.rsa_private_key.get_secret_value()),
        sender=sender,
        attempts=settings.webhook_attempts,
        at_once=settings.webhook_concurrency,
        longest_seconds=3 * settings.webhook_timeout_seconds + 10,
    )
    try:
        yield Runtime(
            database,
            event_store,
            api_url=settings.api_url,
            app_url=settings.app_url,
            box=box,
            webhooks=webhooks,
            checks_events=settings.check_events,
            mail=mail_sender(settings),
            vat_checker=vies,
        )
    finally:
        await vies.close()
        await sender.close()
        await close_sandbox()
