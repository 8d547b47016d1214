"""Issuing, due and finalization dates (spec 04 §5, §6). Dates are accounting dates in the customer's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from billwright.billing.access.models import Organization
from billwright.billing.customers import settings
from billwright.billing.customers.models import Customer
from billwright.billing.subscriptions.calendar.timezones import local_date

FINALIZATION_SLOT = time(0, 20, tzinfo=UTC)
"""Drafts are finalized at this UTC time of their expected date (spec 04 §6, 03 §8.1 rank 7)."""


@dataclass(frozen=True, slots=True)
class InvoiceDates:
    """``issuing_date`` and ``payment_due_date``; ``expected_finalization_date`` of a draft only."""

    issuing_date: date
    payment_due_date: date
    net_payment_term: int
    expected_finalization_date: date | None
    grace_period: int

    @property
    def finalization_due_at(self) -> datetime | None:
        """When the finalization pass takes the draft (UTC)."""
        if self.expected_finalization_date is None:
            return None
        return finalization_instant(self.expected_finalization_date)


def finalization_instant(expected: date) -> datetime:
    """00:20 UTC of the expected finalization date."""
    return datetime.combine(expected, FINALIZATION_SLOT)


def issuing_offset(anchor: str, adjustment: str, grace_period: int) -> int:
    """Days added to the local billing date of a periodic invoice (spec 04 §5, the four offsets)."""
    if anchor == "current_period_end":
        if adjustment == "keep_anchor":
            return -1
        return grace_period if grace_period > 0 else -1
    return 0 if adjustment == "keep_anchor" else grace_period


def dates_at_generation(
    customer: Customer,
    organization: Organization,
    t: datetime,
    *,
    has_grace_period: bool,
    periodic: bool,
    tz: str,
) -> InvoiceDates:
    """Dates of an invoice generated with billing instant ``t``."""
    grace = settings.invoice_grace_period(customer, organization) if has_grace_period else 0
    term = settings.net_payment_term(customer, organization)
    local = local_date(t, tz)
    offset = grace
    if periodic:
        offset = issuing_offset(
            settings.issuing_date_anchor(customer, organization),
            settings.issuing_date_adjustment(customer, organization),
            grace,
        )
    issuing = local + timedelta(days=offset)
    return InvoiceDates(
        issuing_date=issuing,
        payment_due_date=issuing + timedelta(days=term),
        net_payment_term=term,
        expected_finalization_date=local + timedelta(days=grace) if grace > 0 else None,
        grace_period=grace,
    )
