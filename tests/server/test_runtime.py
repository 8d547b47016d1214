"""What the settings give to background work, and what is closed with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog

from billwright.billing.kernel.db import Database
from billwright.billing.metering.custom_aggregation import INITIAL, fold_in_sandbox, sandbox_pool
from billwright.billing.notifications.options import AddressRefused
from billwright.billing.notifications.signing import generate_private_key
from billwright.server.runtime import open_runtime
from billwright.server.settings import Settings
from tests.billing.metering.custom_aggregation.programs import computing, event
from tests.support.product_logging import product_logging
from tests.support.webhook_receiver import receiver as listening

PEM = generate_private_key()


def settings_for(database_url: str = "postgresql://u:p@h/d", **more: str) -> Settings:
    return Settings.from_environment(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": "redis://h",
            "SECRET_KEY": "s" * 32,
            "ENCRYPTION_KEY": "A" * 43 + "=",
            **more,
        }
    )


async def test_the_settings_of_webhooks_reach_the_runtime(database: Database) -> None:
    settings = settings_for(
        RSA_PRIVATE_KEY=PEM.replace("\n", "\\n"),
        WEBHOOK_ATTEMPTS="5",
        WEBHOOK_CONCURRENCY="3",
        WEBHOOK_TIMEOUT_SECONDS="2",
        API_URL="https://api.example.com/",
        APP_URL="https://app.example.com",
        CHECK_EVENTS="false",
    )
    store: Any = None
    async with open_runtime(settings, database, store) as runtime:
        options = runtime.webhooks
        assert (options.attempts, options.at_once, options.longest_seconds) == (5, 3, 16)
        assert (await options.keys.private_key(database)).strip() == PEM.strip()
        assert (runtime.api_url, runtime.app_url) == ("https://api.example.com", "https://app.example.com")
        assert not runtime.checks_events
        assert runtime.box.open(runtime.box.seal("s")) == "s"


@pytest.mark.parametrize("allowed", [False, True])
async def test_private_addresses_are_refused_unless_allowed(database: Database, allowed: bool) -> None:
    settings = settings_for(WEBHOOK_ALLOW_PRIVATE_NETWORKS=str(allowed))
    store: Any = None
    async with listening() as receiver, open_runtime(settings, database, store) as runtime:
        sender = runtime.webhooks.sender
        assert sender is not None
        if allowed:
            assert (await sender.post(receiver.url, {}, b"{}")).status == 200
        else:
            with pytest.raises(AddressRefused):
                await sender.post(receiver.url, {}, b"{}")
        assert len(receiver.requests) == int(allowed)


async def test_processes_of_custom_aggregators_end_with_the_runtime(database: Database) -> None:
    store: Any = None
    async with open_runtime(settings_for(), database, store):
        await fold_in_sandbox(computing('state["total_units"] + 1'), {}, INITIAL, [event()])
        (worker,) = sandbox_pool()._idle
        process = worker.process
        assert process.returncode is None
    assert await asyncio.wait_for(process.wait(), 5) != 0


def test_tracebacks_on_a_terminal_show_no_variables(capsys: pytest.CaptureFixture[str]) -> None:
    with product_logging(settings_for(LOG_FORMAT="pretty")):
        api_key = "key-123"
        try:
            raise RuntimeError("over" + api_key[:0])
        except RuntimeError:
            structlog.get_logger("t").exception("failed")
    written = capsys.readouterr().err
    assert "RuntimeError" in written
    assert "key-123" not in written
