"""When a running subscription is billed (spec 03 §8.2, §6.9)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.timezones import local_date, start_of_day

_ONE_DAY = timedelta(days=1)


def is_billing_day(terms: Terms, day: date) -> bool:
    """Whether a plan period or a charges period starts on ``day`` (spec 03 §3.4)."""
    return terms.fee_period(day).start == day or terms.charges_period(day).start == day


def is_due(
    terms: Terms,
    t: datetime,
    *,
    created_at: datetime,
    ending_at: datetime | None = None,
    last_billed_on: date | None = None,
) -> bool:
    """The due test at instant ``t``, status aside (only ``active`` subscriptions are ever due).

    ``last_billed_on``: latest local date of a recurring row of this subscription, each in the timezone stored on its
    own invoice.
    """
    day = terms.local(t)
    return (
        terms.local(terms.started_at) < day
        and terms.local(created_at) < day
        and (ending_at is None or terms.local(ending_at) > day)
        and (last_billed_on is None or last_billed_on < day)
        and is_billing_day(terms, day)
    )


def next_billing_day(
    terms: Terms,
    *,
    created_at: datetime,
    ending_at: datetime | None = None,
    last_billed_on: date | None = None,
) -> date | None:
    """First local day meeting ``is_due``, past or future; ``None`` if the subscription ends before it."""
    tz = terms.tz
    after = max(local_date(terms.started_at, tz), local_date(created_at, tz))
    if last_billed_on is not None and last_billed_on > after:
        after = last_billed_on
    # Every plan boundary is a charges boundary too, so the next charges period starts on the next billing day.
    day = terms.charges_period(after).end + _ONE_DAY
    if ending_at is not None and local_date(ending_at, tz) <= day:
        return None
    return day


def next_billing_at(
    terms: Terms,
    *,
    created_at: datetime,
    ending_at: datetime | None = None,
    last_billed_on: date | None = None,
) -> datetime | None:
    """``next_billing_at``: start (UTC) of the first local day meeting ``is_due``; a past one is due at once.

    Recompute at activation, after each billing, and when timezone, plan or ``ending_at`` change.
    """
    day = next_billing_day(terms, created_at=created_at, ending_at=ending_at, last_billed_on=last_billed_on)
    return None if day is None else start_of_day(day, terms.tz)


def billing_days(
    terms: Terms,
    *,
    before: date,
    created_at: datetime,
    ending_at: datetime | None = None,
    last_billed_on: date | None = None,
) -> Iterator[date]:
    """Unbilled billing days earlier than ``before``, oldest first: catching up after downtime (spec 03 §8.5)."""
    while True:
        day = next_billing_day(terms, created_at=created_at, ending_at=ending_at, last_billed_on=last_billed_on)
        if day is None or day >= before:
            return
        yield day
        last_billed_on = day


def switch_day(terms: Terms, day: date) -> date:
    """Local day on which a downgrade asked on ``day`` takes effect: the next plan period's first (spec 03 §6.9)."""
    return terms.fee_period(day).end + _ONE_DAY


def is_switch_day(terms: Terms, day: date) -> bool:
    """Whether a pending downgrade is performed on ``day`` instead of the periodic billing."""
    return terms.fee_period(day).start == day
