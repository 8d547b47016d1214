"""The worker's timetable (spec 03 §8.1 "Live", 08 C3, 07 §2.5).

A pass runs again at the first of its times after it has ended: overlapping starts are dropped. What failed is tried
again within a minute. Times are system time, UTC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from arq.cron import next_cron
from prometheus_client import Counter, Gauge, Histogram

from billwright.billing.activity_logs.queries import discard_old_activities
from billwright.billing.analytics.daily_usage import note_all_days
from billwright.billing.analytics.keeping import renew_figures
from billwright.billing.api_logs.queries import discard_old_api_logs
from billwright.billing.auditing.nightly import audit_nightly
from billwright.billing.background.jobs import discard_finished
from billwright.billing.exports.service import discard_expired
from billwright.billing.in_advance.processing import take_up_forgotten
from billwright.billing.invoicing.generation import retry_forgotten
from billwright.billing.invoicing.releasing import release_forgotten
from billwright.billing.kernel.clock import system_now
from billwright.billing.metering.event_checks import check_all_events
from billwright.billing.notifications.delivery import deliver_due
from billwright.billing.notifications.log import discard_old_deliveries
from billwright.billing.progressive.processing import check_all_marked
from billwright.billing.scheduling.engine import tick
from billwright.billing.scheduling.marks import run_all_marked
from billwright.billing.scheduling.test_clock import resume_advances
from billwright.billing.taxes.eu_management import refresh_all_rates
from billwright.billing.taxes.vies_job import queue_due_checks
from billwright.billing.wallets.refreshing import refresh_all_marked
from billwright.jobs.resources import Resources
from billwright.jobs.singleton import alone
from billwright.jobs.sweep import sweep
from billwright.server.rest.authentication import store_noted_uses
from billwright.server.settings import Settings

KEEP_SUCCEEDED_JOBS = timedelta(days=7)
ROLL_AT_ONCE = 5_000
RETRY_SECONDS = 60.0

SECONDS = Histogram(
    "billwright_pass_seconds",
    "How long a pass of the worker took.",
    ["name"],
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800),
)
HANDLED = Counter(
    "billwright_pass_items", "What the passes of the worker did (customers billed, jobs swept).", ["name"]
)
FAILURES = Counter("billwright_pass_failures", "Passes of the worker that ended with an error.", ["name"])
ENDED = Gauge(
    "billwright_pass_last_success_timestamp_seconds",
    "When a pass last ended well.",
    ["name"],
    multiprocess_mode="mostrecent",
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pass:
    """Work that returns with the clock. ``every`` seconds after its last end, or at the times of ``at`` (ARQ's cron
    fields: ``hour``, ``minute``, ``second``). ``single``: one process of the installation at a time.
    """

    name: str
    run: Callable[[Resources], Awaitable[int | None]]
    every: float | None = None
    at: dict[str, Any] | None = None
    single: bool = False
    at_start: bool = True

    def next_after(self, instant: datetime) -> datetime:
        """The first of its times after ``instant``."""
        if self.every is not None:
            return instant + timedelta(seconds=self.every)
        whole = instant.astimezone(UTC).replace(microsecond=0)
        return next_cron(whole, microsecond=0, **{"second": 0, **(self.at or {})})


async def _tick(resources: Resources) -> int:
    return await tick(resources.runtime)


async def _marks(resources: Resources) -> int:
    return await run_all_marked(resources.runtime)


async def _usage(resources: Resources) -> int:
    return await check_all_marked(resources.runtime, kind="live")


async def _sandbox_usage(resources: Resources) -> int:
    return await check_all_marked(resources.runtime, kind="sandbox")


async def _wallets(resources: Resources) -> int:
    return await refresh_all_marked(resources.runtime)


async def _sweep(resources: Resources) -> int:
    return await sweep(resources.runtime)


async def _webhooks(resources: Resources) -> int:
    return await deliver_due(resources.runtime)


async def _webhook_log(resources: Resources) -> int:
    return await discard_old_deliveries(resources.runtime.database)


async def _figures(resources: Resources) -> int:
    return await renew_figures(resources.runtime)


async def _daily_usage(resources: Resources) -> int:
    return await note_all_days(resources.runtime)


async def _api_logs(resources: Resources, days: int = 30) -> int:
    return await discard_old_api_logs(resources.runtime.database, days)


async def _activity_logs(resources: Resources, days: int = 0) -> int:
    return await discard_old_activities(resources.runtime.database, days)


async def _events(resources: Resources) -> int:
    return await check_all_events(resources.runtime, system_now())


async def _instant_events(resources: Resources) -> int:
    return await take_up_forgotten(resources.runtime)


async def _seal(resources: Resources) -> int:
    return await resources.store.seal(system_now())


async def _roll(resources: Resources) -> int:
    done = 0
    while rolled := await resources.store.roll_dirty(ROLL_AT_ONCE):
        done += rolled
    return done


async def _partitions(resources: Resources) -> int:
    return await resources.store.ensure_upcoming_partitions(system_now())


async def _tidy(resources: Resources) -> int:
    return await discard_finished(resources.runtime.database, KEEP_SUCCEEDED_JOBS)


async def _exports(resources: Resources) -> int:
    return await discard_expired(resources.runtime.database)


async def _audit(resources: Resources) -> int:
    return await audit_nightly(resources.runtime)


async def _last_use(resources: Resources) -> int:
    return await store_noted_uses(resources.redis, resources.runtime.database)


async def _forgotten(resources: Resources) -> int:
    return await retry_forgotten(resources.runtime.database)


async def _untaxed(resources: Resources) -> int:
    return await release_forgotten(resources.runtime)


async def _vat_numbers(resources: Resources) -> int:
    return await queue_due_checks(resources.runtime)


async def _eu_rates(resources: Resources) -> int:
    return await refresh_all_rates(resources.runtime)


async def _clocks(resources: Resources) -> int:
    return await resume_advances(resources.runtime)


TIMETABLE: Sequence[Pass] = (
    Pass("tick", _tick, at={}),
    Pass("marks", _marks, at={"minute": set(range(0, 60, 5)), "second": 30}, single=True),
    Pass("usage", _usage, at={"second": 10}, single=True),
    Pass("sandbox_usage", _sandbox_usage, every=1.0, single=True),
    Pass("wallets", _wallets, every=300.0, single=True),
    Pass("sweep", _sweep, every=2.0),
    Pass("clocks", _clocks, every=5.0),
    Pass("webhooks", _webhooks, every=0.5),
    Pass("seal", _seal, every=15.0, single=True),
    Pass("roll", _roll, every=2.0),
    Pass("partitions", _partitions, at={"hour": 0, "minute": 10}, single=True),
    Pass("tidy", _tidy, at={"hour": 1, "minute": 0}, single=True, at_start=False),
    Pass("exports", _exports, at={"minute": 50}, single=True, at_start=False),
    Pass("instant_events", _instant_events, at={"second": 40}, single=True),
    Pass("events", _events, at={"minute": 5}, single=True, at_start=False),
    Pass("webhook_log", _webhook_log, at={"hour": 1, "minute": 0}, single=True, at_start=False),
    Pass("figures", _figures, at={"minute": {5, 20, 35, 50}, "second": 25}, single=True),
    Pass("daily_usage", _daily_usage, at={"minute": 15}, single=True),
    Pass("api_logs", _api_logs, at={"hour": 1, "minute": 20}, single=True, at_start=False),
    Pass("activity_logs", _activity_logs, at={"hour": 1, "minute": 40}, single=True, at_start=False),
    Pass("forgotten", _forgotten, at={"minute": 30}, single=True, at_start=False),
    Pass("vat_numbers", _vat_numbers, at={"second": 20}, single=True),
    Pass("untaxed", _untaxed, at={"minute": {0, 15, 30, 45}}, single=True, at_start=False),
    Pass("eu_rates", _eu_rates, at={"hour": 0, "minute": 0}, single=True),
    Pass("audit", _audit, at={"hour": 2, "minute": 0}, single=True, at_start=False),
    Pass("last_use", _last_use, at={"minute": 15}, single=True, at_start=False),
)
"""The tick, the sweep, the clocks, the webhooks and the rolling share their work among workers; the single ones are one
at a time."""


def timetable(settings: Settings) -> Sequence[Pass]:
    """``TIMETABLE`` with what an operator may set."""
    chosen: dict[str, dict[str, Any]] = {
        "wallets": {"every": float(settings.wallet_refresh_seconds)},
        "api_logs": {"run": partial(_api_logs, days=settings.api_log_days)},
        "activity_logs": {"run": partial(_activity_logs, days=settings.activity_log_days)},
    }
    return [replace(item, **chosen.get(item.name, {})) for item in TIMETABLE]


async def keep_running(item: Pass, resources: Resources) -> None:
    """Run a pass at its times until cancelled."""
    due = system_now() if item.at_start else item.next_after(system_now())
    while True:
        await asyncio.sleep(max(0.0, (due - system_now()).total_seconds()))
        if await run_once(item, resources):
            due = item.next_after(system_now())
        else:
            due = min(item.next_after(system_now()), system_now() + timedelta(seconds=RETRY_SECONDS))


async def run_once(item: Pass, resources: Resources) -> bool:
    """Run a pass now, unless it is single and another process has it; whether that went well."""
    try:
        if not item.single:
            await _measured(item, resources)
        else:
            async with alone(resources.pool, item.name) as is_alone:
                if is_alone:
                    await _measured(item, resources)
    except Exception as failure:
        FAILURES.labels(item.name).inc()
        log.warning("pass_failed", name=item.name, error=f"{type(failure).__name__}: {failure}", exc_info=failure)
        return False
    return True


async def _measured(item: Pass, resources: Resources) -> None:
    with SECONDS.labels(item.name).time():
        done = await item.run(resources)
    ENDED.labels(item.name).set_to_current_time()
    if done:
        HANDLED.labels(item.name).inc(done)
        log.info("pass_done", name=item.name, done=done)
