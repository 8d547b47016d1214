"""A worker's delivering, as a process that a test may kill: ``python process.py DATABASE_URL``."""

from __future__ import annotations

import asyncio
import sys

import asyncpg

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.notifications.delivery import deliver_due
from billwright.billing.notifications.keys import WebhookKeys
from billwright.billing.notifications.options import WebhookOptions
from billwright.integrations.outbound import OutboundHttp
from billwright.integrations.webhooks import HttpWebhookSender


async def main(url: str) -> None:
    box = SecretBox("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    pool = await asyncpg.create_pool(asyncpg_url(url), min_size=1, max_size=2)
    options = WebhookOptions(
        keys=WebhookKeys(box), sender=HttpWebhookSender(OutboundHttp(allow_private=True)), longest_seconds=60
    )
    print(await deliver_due(Runtime(Database(url), PostgresEventStore(pool), webhooks=options)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
