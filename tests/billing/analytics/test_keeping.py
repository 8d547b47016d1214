"""Figures are kept where invoices are very many, for four hours (spec 07 §8.1, adr 0013)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from billwright.billing.access.context import Context
from billwright.billing.analytics import collections, invoiced, keeping, mrr
from billwright.billing.analytics.collections import MonthFilters
from billwright.billing.analytics.invoiced import InvoicedFilters
from billwright.billing.analytics.keeping import Figure, renew_figures
from billwright.billing.analytics.months import Months
from billwright.billing.kernel.db import Database
from tests.support.sandbox import Sandbox, sandbox_on


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_known", {})
    monkeypatch.setattr(keeping, "_figures", dict(keeping._figures))


def _counting(name: str = "test") -> tuple[Figure[dict[str, Any]], list[Months]]:
    """A figure that says how often it was computed."""
    asked: list[Months] = []

    async def compute(_ctx: Context, months: Months) -> list[dict[str, Any]]:
        await asyncio.sleep(0)
        asked.append(months)
        return [{"month": "2024-01-01T00:00:00.000Z", "currency": "EUR", "times": len(asked)}]

    return Figure(name, compute), asked


def _times(rows: list[dict[str, Any]] | None) -> Any:
    return None if rows is None else rows[0]["times"]


async def test_few_invoices_are_always_read(sandbox: Sandbox) -> None:
    figure, asked = _counting()
    async with sandbox.context() as ctx:
        assert await figure.rows(ctx) is None
        assert await figure.rows(ctx, expire=True) is None
    assert await renew_figures(sandbox.runtime) == 0
    assert asked == []


async def test_what_is_kept_grows_old(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MANY_INVOICES", 0)
    figure, asked = _counting()
    async with sandbox.context() as ctx:
        assert [_times(await figure.rows(ctx)), _times(await figure.rows(ctx))] == [1, 1]
        assert _times(await figure.rows(ctx, expire=True)) == 2
        assert _times(await figure.rows(ctx)) == 2
        now = keeping.system_now()
        monkeypatch.setattr(keeping, "system_now", lambda: now + timedelta(hours=3, minutes=59))
        assert _times(await figure.rows(ctx)) == 2
        monkeypatch.setattr(keeping, "system_now", lambda: now + timedelta(hours=4, minutes=1))
        assert _times(await figure.rows(ctx)) == 3
        assert [(each.start.isoformat(), each.end.isoformat()) for each in asked] == [("2024-01-01", "2024-03-01")] * 3
    await sandbox.advance("2024-01-15T15:00:00Z")
    async with sandbox.context() as ctx:
        assert _times(await figure.rows(ctx)) == 4, "the sandbox's clock went on"


async def test_the_worker_computes_before_anybody_waits(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process finds what the worker has stored; it is computed again after two hours."""
    monkeypatch.setattr(keeping, "MANY_INVOICES", 0)
    monkeypatch.setattr(keeping, "_figures", {})
    figure, asked = _counting()
    assert await renew_figures(sandbox.runtime) == 1
    assert await renew_figures(sandbox.runtime) == 0
    keeping._known.clear()
    async with sandbox.context() as ctx:
        assert _times(await figure.rows(ctx)) == 1
        assert _times(await figure.rows(ctx)) == 1
    now = keeping.system_now()
    monkeypatch.setattr(keeping, "system_now", lambda: now + timedelta(hours=2, minutes=1))
    assert await renew_figures(sandbox.runtime) == 1
    keeping._known.clear()
    async with sandbox.context() as ctx:
        assert _times(await figure.rows(ctx)) == 2
        other = await sandbox.rest.another()
        async with other.context() as foreign:
            assert _times(await figure.rows(foreign)) == 3, "another organization has its own"
    assert len(asked) == 3


async def test_a_minute_is_answered_from_memory(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a process looks whether the worker has stored something newer."""
    monkeypatch.setattr(keeping, "MANY_INVOICES", 0)
    monkeypatch.setattr(keeping, "_figures", {})
    figure, _ = _counting()
    now = keeping.system_now()
    async with sandbox.context() as ctx:
        assert _times(await figure.rows(ctx)) == 1
        remembered = dict(keeping._known)
        monkeypatch.setattr(keeping, "RENEWED_AFTER", timedelta(0))
        assert await renew_figures(sandbox.runtime) == 1
        keeping._known.clear()
        keeping._known.update(remembered)
        assert _times(await figure.rows(ctx)) == 1
        monkeypatch.setattr(keeping, "system_now", lambda: now + timedelta(minutes=2))
        assert _times(await figure.rows(ctx)) == 2


async def test_many_readers_wait_for_one(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MANY_INVOICES", 0)
    figure, asked = _counting()

    async def read() -> Any:
        async with sandbox.context() as ctx:
            return _times(await figure.rows(ctx))

    assert await asyncio.gather(*(read() for _ in range(4))) == [1] * 4
    assert len(asked) == 1


async def test_a_figure_that_fails_does_not_keep_the_others(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MANY_INVOICES", 0)
    monkeypatch.setattr(keeping, "_figures", {})

    async def broken(*_: Any) -> list[Any]:
        raise RuntimeError("broken")

    Figure("broken", broken)
    _counting("good")
    assert await renew_figures(sandbox.runtime) == 1


async def test_what_is_kept_gives_the_same_as_what_is_read(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure in every window and currency, before and after it has been through the database."""
    async with sandbox_on(database) as sandbox:
        for currency, customer in (("EUR", "c1"), ("USD", "c2")):
            plan = await sandbox.plan(f"p{customer}", 1000, currency=currency)
            await sandbox.charge(plan, code=f"calls_{customer}")
            yearly = await sandbox.plan(f"y{customer}", 120_000, currency=currency, interval="yearly",
                                        pay_in_advance=True)  # fmt: skip
            await sandbox.customer(customer, currency=currency, net_payment_term=10)
            await sandbox.subscribe(f"s{customer}", plan.code, customer)
            await sandbox.subscribe(f"y{customer}", yearly.code, customer)
            await sandbox.send(("2024-01-20T10:00:00+00:00", 70), code=f"calls_{customer}", subscription=f"s{customer}")
        await sandbox.advance("2024-04-03T00:00:00Z")

        async def everything(*, of_customer: bool = False) -> list[Any]:
            found: list[Any] = []
            async with sandbox.context() as ctx:
                for currency in (None, "usd", "JPY"):
                    for months in (None, "1", "3", "12"):
                        of = InvoicedFilters(months, currency, "c1" if of_customer else None)
                        each = MonthFilters(months, currency)
                        overdue = await invoiced.overdue_balances(ctx, of)
                        found += [
                            await invoiced.gross_revenues(ctx, of),
                            [
                                {**row, "lago_invoice_ids": [str(item) for item in row["lago_invoice_ids"]]}
                                for row in overdue
                            ],
                            await collections.invoice_collections(ctx, each),
                            await collections.invoiced_usages(ctx, each),
                            await mrr.monthly_recurring_revenue(ctx, each),
                        ]
            return found

        read, of_one = await everything(), await everything(of_customer=True)
        assert all(len(figure) > 1 for figure in read[:5]), "something to compare"
        monkeypatch.setattr(keeping, "MANY_INVOICES", 0)
        assert await renew_figures(sandbox.runtime) == 5
        assert await everything() == read
        keeping._known.clear()
        assert await everything() == read, "as stored"
        assert await everything(of_customer=True) == of_one
