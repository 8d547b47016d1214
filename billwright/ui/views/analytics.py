"""The dashboard: overdue and gross revenue, recurring revenue, usage, outstanding invoices (spec 07 §8.10)."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.money import CURRENCIES, exponent
from billwright.ui import formatting
from billwright.ui.views.customers import load_frame, present
from billwright.ui.views.support import Refused, View

PERIODS = (("12", "12 months", 12), ("3", "3 months", 3), ("1", "This month", 1))
LARGEST = 4
DAYS = 30
_STATES = (("succeeded", "Paid"), ("pending", "Pending"), ("failed", "Failed"))


async def dashboard(view: View) -> Response:
    """``GET /{slug}/analytics?currency=&period=``."""
    frame = await load_frame(view)
    default: str = frame["organization"]["defaultCurrency"]
    known: Mapping[str, Any] = await _asked(view, "DashboardCurrencies") or {}
    used = {row["currency"] for rows in known.values() for row in rows} | {default}
    wanted = view.query("currency").upper()
    currency = wanted if wanted in CURRENCIES else default
    chosen = next((each for each in PERIODS if each[0] == view.query("period")), PERIODS[0])
    now = formatting.instant(present(view, frame))
    days, months = days_until(now), months_until(now, chosen[2])

    async def block(operation: str, make: Callable[[list[dict[str, Any]]], Any], **more: Any) -> Any:
        """A block's figure, ``None`` where it could not be had: each fails alone (spec 07 §8.10)."""
        found = await _asked(view, operation, currency=currency, **more)
        return None if found is None else make(next(iter(found.values())))

    content = {
        "title": "Analytics",
        "url": view.url,
        "currency": currency,
        "currencies": [
            {"label": code, "href": formatting.url_with(view.url, currency=code), "current": code == currency,
             "default": code == default}
            for code in sorted(used | {currency})
        ],
        "periods": [
            {"label": label, "href": formatting.url_with(view.url, period=key), "current": key == chosen[0]}
            for key, label, _ in PERIODS
        ],
        "revenue": await block("DashboardRevenue", lambda rows: revenue_of(rows, months, currency)),
        "overdue": await block("DashboardOverdue", lambda rows: _overdue(view, rows, months, currency)),
        "recurring": await block(
            "DashboardMrr", lambda rows: _recurring(rows, months, months_until(now, 12), currency)
        ),
        "usage": await block("DashboardUsage", lambda rows: _usage(rows, months, currency)),
        "collections": await block("DashboardCollections", lambda rows: _collections(view, rows, months, currency)),
        "daily": await block("DashboardDays", lambda rows: _daily(rows, days, currency), since=days[0].isoformat()),
    }  # fmt: skip
    return await view.page("analytics/dashboard.html", "analytics", content)


async def _asked(view: View, operation: str, **variables: Any) -> Mapping[str, Any] | None:
    """What a query answers, ``None`` where it failed on our side."""
    try:
        found: Mapping[str, Any] = await view.ask(operation, **variables)
    except Refused as refused:
        if refused.status < 500:
            raise
        return None
    return found


def months_until(now: datetime, count: int) -> list[str]:
    """The last months as ``YYYY-MM``, oldest first; calendar months are UTC (spec 07 §8.1)."""
    present_month = now.astimezone(UTC).date()
    number = present_month.year * 12 + present_month.month - 1
    return [f"{each // 12:04}-{each % 12 + 1:02}" for each in range(number - count + 1, number + 1)]


def days_until(now: datetime) -> list[date]:
    """Today and the thirty days before it, oldest first (UTC, as spec 07 §8.8 has it by default)."""
    today = now.astimezone(UTC).date()
    return [today - timedelta(days=back) for back in range(DAYS, -1, -1)]


def _sums(rows: Iterable[Mapping[str, Any]], months: list[str]) -> dict[str, int]:
    """Minor units by month of the period."""
    found: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["month"][:7] in months and row["amountCents"] is not None:
            found[row["month"][:7]] += int(row["amountCents"])
    return found


def _symbol(currency: str) -> str:
    return formatting.money_with_currency(0, currency).partition("0")[0].strip()


def _chart(label: str, kind: str, months: list[str], currency: str, series: Mapping[str, Mapping[str, int]]) -> Any:
    """A chart of minor units by month (``YYYY-MM``)."""
    points = [(month, date.fromisoformat(f"{month}-01")) for month in months]
    return _drawn(label, kind, [(key, day, f"{day:%b %Y}") for key, day in points], currency, series)


def _drawn(
    label: str,
    kind: str,
    points: list[tuple[str, date, str]],
    currency: str,
    series: Mapping[str, Mapping[str, int]],
) -> Any:
    """A chart whose points have a key, a day and a text."""
    return {
        "label": label,
        "kind": kind,
        "x": [int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for _, day, _ in points],
        "x_labels": [text for _, _, text in points],
        "axis": {
            "prefix": formatting.money_with_currency(0, currency).partition("0")[0].strip(),
            "exponent": exponent(currency),
        },
        "series": [
            {
                "label": name,
                "values": [values.get(key, 0) for key, _, _ in points],
                "display": [formatting.money_with_currency(values.get(key, 0), currency) for key, _, _ in points],
            }
            for name, values in series.items()
        ],
    }


def revenue_of(rows: list[dict[str, Any]], months: list[str], currency: str) -> dict[str, Any]:
    """Gross revenue of these months: total, how many invoices, chart; ``empty`` without any."""
    sums = _sums(rows, months)
    count = sum(int(row["invoicesCount"]) for row in rows if row["month"][:7] in months)
    return {
        "total_cents": sum(sums.values()),
        "note": f"across {count:,} invoice{'' if count == 1 else 's'}",
        "chart": _chart("Gross revenue by month", "area", months, currency, {"Gross revenue": sums}),
        "empty": not sums,
    }


def _overdue(view: View, rows: list[dict[str, Any]], months: list[str], currency: str) -> dict[str, Any]:
    sums = _sums(rows, months)
    count = sum(len(row["lagoInvoiceIds"]) for row in rows if row["month"][:7] in months)
    return {
        "total_cents": sum(sums.values()),
        "note": f"across {count:,} invoice{'' if count == 1 else 's'}",
        "href": formatting.url_with(f"{view.base}/invoices", view="overdue", currency=currency),
        "chart": _chart("Overdue balance by month", "bars", months, currency, {"Overdue": sums}),
        "empty": not sums,
    }


def _recurring(rows: list[dict[str, Any]], months: list[str], year: list[str], currency: str) -> dict[str, Any]:
    sums = _sums(rows, year)
    last = year[-2]
    return {
        "total_cents": sums.get(last, 0),
        "note": f"in {date.fromisoformat(f'{last}-01'):%B %Y}, the last whole month",
        "chart": _chart("Monthly recurring revenue", "area", months, currency, {"MRR": sums}),
        "empty": not sums,
    }


def _usage(rows: list[dict[str, Any]], months: list[str], currency: str) -> dict[str, Any]:
    """The metrics by amount: all when there are five at most, else the four largest and the others."""
    by_code: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["month"][:7] in months:
            by_code[row["code"]] += int(row["amountCents"])
    ordered = sorted(by_code.items(), key=lambda pair: (-pair[1], pair[0]))
    total = sum(by_code.values())
    if len(ordered) > LARGEST + 1:
        ordered = [*ordered[:LARGEST], ("Others", sum(amount for _, amount in ordered[LARGEST:]))]
    return {
        "total_cents": total,
        "parts": [
            {
                "label": label,
                "amount_cents": amount,
                "percent": round(amount * 100 / total, 1) if total > 0 else 0,
                "shown": f"{label}: {formatting.money_with_currency(amount, currency)}",
            }
            for label, amount in ordered
        ],
        "empty": not by_code,
    }


def _collections(view: View, rows: list[dict[str, Any]], months: list[str], currency: str) -> dict[str, Any]:
    """Paid, pending and failed, each with its invoices; what is outstanding is what is not paid."""
    amounts: dict[str, int] = defaultdict(int)
    counts: dict[str, int] = defaultdict(int)
    series: dict[str, dict[str, int]] = {label: defaultdict(int) for _, label in _STATES}
    labels = dict(_STATES)
    first, last = date.fromisoformat(f"{months[0]}-01"), date.fromisoformat(f"{months[-1]}-01")
    behind = {
        "status": "finalized",
        "currency": currency,
        "disputed": "no",
        "issued_from": first.isoformat(),
        "issued_to": last.replace(day=monthrange(last.year, last.month)[1]).isoformat(),
    }
    for row in rows:
        month, state = row["month"][:7], row["paymentStatus"]
        if month in months and state in labels:
            amounts[state] += int(row["amountCents"])
            counts[state] += int(row["invoicesCount"])
            series[labels[state]][month] += int(row["amountCents"])
    return {
        "total_cents": amounts["pending"] + amounts["failed"],
        "parts": [
            {
                "label": label,
                "amount_cents": amounts[state],
                "count": counts[state],
                "href": formatting.url_with(f"{view.base}/invoices", payment_status=state, **behind),
            }
            for state, label in _STATES
        ],
        "chart": _chart("Issued invoices by payment", "stack", months, currency, series),
        "empty": not any(counts.values()),
    }


def _daily(rows: list[dict[str, Any]], days: list[date], currency: str) -> dict[str, Any]:
    """What each of the last days added to usage, invoiced or not."""
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        sums[row["startOfPeriodDt"]] += int(row["amountCents"])
    points = [(day.isoformat(), day, f"{day:%d %b %Y}") for day in days]
    return {
        "total_cents": sum(sums.values()),
        "note": f"in the last {DAYS} days",
        "chart": {**_drawn("Usage by day", "bars", points, currency, {"Usage": sums}), "unit": "Day"},
        "empty": not sums,
    }
