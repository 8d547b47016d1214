"""Short spellings for the calendar's worked examples."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from billwright.billing.subscriptions.calendar.periods import BillingTime, Interval
from billwright.billing.subscriptions.calendar.terms import Terms


def at(text: str) -> datetime:
    """``2024-08-10T09:30`` (UTC) to an instant."""
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


def wire(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def terms(
    started: str,
    *,
    interval: str = "monthly",
    time: str = "calendar",
    advance: bool = False,
    monthly_charges: bool = False,
    anchor: str | None = None,
    ended: str | None = None,
    tz: str = "UTC",
) -> Terms:
    return Terms(
        interval=Interval(interval),
        billing_time=BillingTime(time),
        pay_in_advance=advance,
        bill_charges_monthly=monthly_charges,
        subscription_at=at(anchor or started),
        started_at=at(started),
        terminated_at=at(ended) if ended else None,
        tz=tz,
    )


ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Paris",
    "Asia/Kolkata",
    "Africa/Cairo",
    "America/Santiago",
    "Asia/Beirut",
    "America/Havana",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "America/Asuncion",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "America/St_Johns",
]
"""Zones with odd midnights, half-hour changes, far offsets, and ordinary ones."""

instants = st.datetimes(datetime(2020, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
late_days = st.tuples(instants, st.sampled_from([29, 30, 31])).map(
    lambda pair: pair[0].replace(month=1 if pair[0].month > 6 else 8, day=pair[1])
)


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    anchor = draw(instants | late_days)
    shift = draw(st.sampled_from([timedelta(0), timedelta(days=3, hours=5), timedelta(days=200), timedelta(days=45)]))
    return Terms(
        interval=draw(st.sampled_from(Interval)),
        billing_time=draw(st.sampled_from(BillingTime)),
        pay_in_advance=draw(st.booleans()),
        bill_charges_monthly=draw(st.booleans()),
        subscription_at=anchor,
        started_at=anchor + shift,
        terminated_at=None,
        tz=draw(st.sampled_from(ZONES)),
    )
