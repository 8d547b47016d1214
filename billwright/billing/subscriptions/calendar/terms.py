"""What of a subscription, its plan and its customer decides its dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from billwright.billing.subscriptions.calendar.periods import BillingTime, Interval, Period, period_containing
from billwright.billing.subscriptions.calendar.periods import previous_period as _previous
from billwright.billing.subscriptions.calendar.timezones import local_date

_MONTHLY_CHARGES = frozenset({Interval.yearly, Interval.semiannual})


@dataclass(frozen=True, slots=True)
class Terms:
    """Input of the calendar for one subscription (spec 03 §0).

    ``subscription_at`` is the anchor's instant, inherited through plan changes; ``started_at`` the start under this
    plan; ``tz`` the customer's applicable zone, or the zone stored on an invoice that is being rebuilt.
    """

    interval: Interval
    billing_time: BillingTime
    pay_in_advance: bool
    bill_charges_monthly: bool
    subscription_at: datetime
    started_at: datetime
    terminated_at: datetime | None
    tz: str

    @property
    def anchor(self) -> date:
        """``A``: local date of ``subscription_at``."""
        return local_date(self.subscription_at, self.tz)

    @property
    def charges_interval(self) -> Interval:
        """Monthly where charges are billed monthly on a yearly or semiannual plan, else the plan's (spec 03 §3.5)."""
        if self.bill_charges_monthly and self.interval in _MONTHLY_CHARGES:
            return Interval.monthly
        return self.interval

    def local(self, instant: datetime) -> date:
        """Local date of ``instant`` for this customer."""
        return local_date(instant, self.tz)

    def fee_period(self, day: date) -> Period:
        """``P(day)``: the plan period holding ``day``."""
        return period_containing(self.interval, self.billing_time, self.anchor, day)

    def previous_fee_period(self, day: date) -> Period:
        """``P-(day)``: the plan period before the one holding ``day``."""
        anchor = self.anchor
        return _previous(
            self.interval,
            self.billing_time,
            anchor,
            period_containing(self.interval, self.billing_time, anchor, day),
        )

    def charges_period(self, day: date) -> Period:
        """``M(day)``: the charges period holding ``day``."""
        return period_containing(self.charges_interval, self.billing_time, self.anchor, day)

    def previous_charges_period(self, day: date) -> Period:
        """``M-(day)``: the charges period before the one holding ``day``."""
        anchor, interval = self.anchor, self.charges_interval
        return _previous(
            interval, self.billing_time, anchor, period_containing(interval, self.billing_time, anchor, day)
        )

    def active_days(self, period: Period) -> int:
        """Days of ``period`` on which the subscription was active, first and last included (spec 02 §12)."""
        first = max(period.start, self.local(self.started_at))
        last = period.end
        if self.terminated_at is not None:
            last = min(last, self.local(self.terminated_at))
        return max((last - first).days + 1, 0)
