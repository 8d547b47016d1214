"""Trials waive the subscription fee, nothing else (spec 03 §5, conditions of §4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from billwright.billing.subscriptions.calendar.timezones import local_date

_MICROSECONDS_PER_DAY = 86_400_000_000


def trial_end(first_started_at: datetime, trial_days: Decimal | Fraction | int | None) -> datetime | None:
    """End of the trial; ``None`` without one (null or 0 days).

    ``first_started_at`` is the earliest ``started_at`` among all subscriptions of the customer with this
    ``external_id``; ``trial_days`` those of the subscription's present plan, 24 hours each, fractions
    to the microsecond.
    """
    if trial_days is None or trial_days <= 0:
        return None
    return first_started_at + timedelta(microseconds=int(Fraction(trial_days) * _MICROSECONDS_PER_DAY))


@dataclass(frozen=True, slots=True)
class Trial:
    """A subscription's trial: its computed ``end`` (``None`` without one) and the stamped ``trial_ended_at``."""

    end: datetime | None
    ended_at: datetime | None = None

    def is_running(self, at: datetime) -> bool:
        """*In trial* at ``at``: the end is in the future, and was not stamped before.

        A stamp later than ``at`` does not count, so a draft made during the trial stays the same when refreshed.
        """
        return self.end is not None and self.end > at and (self.ended_at is None or self.ended_at > at)

    def waives_fee(self, t: datetime, tz: str) -> bool:
        """No fee at ``t``: in trial, and the trial does not end later on that same local day (spec 03 §4.2)."""
        if self.end is None or not self.is_running(t):
            return False
        return local_date(self.end, tz) != local_date(t, tz)

    def job_is_due(self, now: datetime) -> bool:
        """Whether the trial job has to stamp an active subscription (and perhaps bill it, see ``bills_at_end``)."""
        return self.end is not None and self.ended_at is None and self.end <= now

    def bills_at_end(self, *, pay_in_advance: bool, started_at: datetime, fee_billed: bool) -> bool:
        """Whether the trial job makes the first invoice, with ``t = end``.

        ``fee_billed``: the subscription already got a subscription fee for the period holding the trial's end.
        """
        return self.end is not None and pay_in_advance and self.end > started_at and not fee_billed


NO_TRIAL = Trial(None)


def ended_at_creation(end: datetime | None, now: datetime) -> datetime | None:
    """``trial_ended_at`` of a subscription created with a past start: its trial's end if over, else ``None``."""
    return end if end is not None and end <= now else None
