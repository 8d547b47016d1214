"""When rules top up and by how much, and whose usage is whose (spec 05 D7, D8). Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.wallets.allocation import Payer
from billwright.billing.wallets.distribution import Answerer, Line, distribute
from billwright.billing.wallets.rule_amounts import Terms, TopUp, is_reached, top_up_of
from billwright.billing.wallets.rule_calendar import INTERVALS, next_day, slot_at, top_up_due

DAY = timedelta(days=1)
INSTANTS = st.integers(0, 8 * 366 * 86400 * 1000).map(
    lambda milliseconds: datetime(2019, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)


def days(anchor: date, interval: str, number: int) -> list[date]:
    found: list[date] = []
    earliest = anchor + DAY
    for _ in range(number):
        day = next_day(anchor, interval, earliest)
        assert day is not None
        found.append(day)
        earliest = day + DAY
    return found


def test_05_D7_monthly_from_january_31() -> None:
    assert days(date(2025, 1, 31), "monthly", 3) == [date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30)]


def test_05_D7_quarterly_from_november_30() -> None:
    assert days(date(2024, 11, 30), "quarterly", 3) == [date(2025, 2, 28), date(2025, 5, 30), date(2025, 8, 30)]


def test_05_D7_yearly_from_february_29() -> None:
    assert days(date(2024, 2, 29), "yearly", 4) == [
        date(2025, 2, 28),
        date(2026, 2, 28),
        date(2027, 2, 28),
        date(2028, 2, 29),
    ]


def test_05_D7_weekly_and_semiannual() -> None:
    assert days(date(2024, 12, 30), "weekly", 2) == [date(2025, 1, 6), date(2025, 1, 13)]
    assert days(date(2024, 8, 31), "semiannual", 3) == [date(2025, 2, 28), date(2025, 8, 31), date(2026, 2, 28)]


def due(
    anchor: str, interval: str, tz: str, earliest: date, not_before: str = "2000-01-01T00:00:00Z"
) -> datetime | None:
    return top_up_due(
        datetime.fromisoformat(anchor),
        interval,
        tz,
        earliest=earliest,
        not_before=datetime.fromisoformat(not_before),
        until=None,
    )


def test_05_D7_the_customers_date_decides() -> None:
    """UTC+11: 1 February there began on 31 January; 1 March begins at 13:00Z of 28 February."""
    found = due("2025-01-31T14:00:00Z", "monthly", "Etc/GMT-11", date(2025, 2, 2))
    assert found == datetime(2025, 2, 28, 13, 55, tzinfo=UTC)


def test_05_D7_the_day_of_the_start_fires_once_it_has_come() -> None:
    assert due("2025-03-10T14:30:00Z", "monthly", "UTC", date(2025, 1, 1)) == datetime(2025, 3, 10, 14, 55, tzinfo=UTC)
    # Its last slot is over: a month later.
    assert due("2025-03-10T23:58:00Z", "monthly", "UTC", date(2025, 1, 1)) == datetime(2025, 4, 10, 0, 55, tzinfo=UTC)


def test_a_rule_made_during_its_day_waits_for_the_next_slot() -> None:
    made = "2025-03-10T14:56:00Z"
    assert due("2025-03-10T00:00:00Z", "weekly", "UTC", date(2025, 3, 1), made) == datetime(
        2025, 3, 10, 15, 55, tzinfo=UTC
    )


@given(
    anchor=INSTANTS,
    interval=st.sampled_from(INTERVALS),
    tz=st.sampled_from(["UTC", "Asia/Kolkata", "America/Santiago", "Pacific/Apia", "Australia/Lord_Howe"]),
    earliest=st.dates(date(2019, 1, 1), date(2027, 1, 1)),
    before=INSTANTS,
)
def test_slots_lie_on_days_of_the_rule(
    anchor: datetime, interval: str, tz: str, earliest: date, before: datetime
) -> None:
    found = top_up_due(anchor, interval, tz, earliest=earliest, not_before=before, until=None)
    assert found is not None
    assert found.minute == 55
    assert found >= max(anchor, before)
    day = local_date(found, tz)
    assert day >= earliest
    assert next_day(local_date(anchor, tz), interval, day) == day


@given(INSTANTS, st.integers(0, 59))
def test_a_slot_is_the_first_one(instant: datetime, minute: int) -> None:
    slot = slot_at(instant, minute)
    assert timedelta(0) <= slot - instant < timedelta(hours=1)
    assert slot.minute == minute


def fixed(threshold: int, paid: str, granted: str = "0", most: str | None = None) -> Terms:
    return Terms(
        "threshold",
        "fixed",
        paid=Fraction(paid),
        granted=Fraction(granted),
        threshold=Fraction(threshold),
        most=None if most is None else Fraction(most),
    )


@pytest.mark.parametrize(
    ("terms", "ongoing", "paid"),
    [
        (fixed(20, "30"), "15", 30),
        (fixed(20, "30", "5"), "-47", 90),
        (fixed(20, "30", "5", most="75"), "-47", 75),
        (fixed(10, "50"), "-39", 50),
        (fixed(10, "50"), "-40", 100),
        (fixed(10, "50"), "-50", 100),
        (fixed(10, "50"), "-429.8", 450),
        (Terms("threshold", "target", target=Fraction(200), least=Fraction(50)), "150", 50),
        (Terms("threshold", "target", target=Fraction(200), least=Fraction(50)), "120", 80),
        (Terms("threshold", "target", target=Fraction(200)), "-30.5", Fraction("230.5")),
        (Terms("interval", "target", target=Fraction(200)), "200", 0),
        (Terms("interval", "fixed", paid=Fraction(30), threshold=Fraction(20)), "-500", 30),
    ],
)
def test_05_D7_amounts(terms: Terms, ongoing: str, paid: Fraction) -> None:
    assert top_up_of(terms, Fraction(ongoing), Fraction(0)) == TopUp(Fraction(paid), terms.granted)


def test_05_D7_a_gap_can_be_granted() -> None:
    terms = Terms("interval", "target", target=Fraction(200), grants_target=True, least=Fraction(500))
    assert top_up_of(terms, Fraction(150), Fraction(0)) == TopUp(granted=Fraction(50))


def test_05_D7_what_is_pending_counts() -> None:
    terms = fixed(20, "30")
    assert is_reached(terms, Fraction(20), Fraction(0))
    assert not is_reached(terms, Fraction(20), Fraction(1))
    assert not is_reached(terms, Fraction(21), Fraction(-5))
    assert top_up_of(terms, Fraction(-50), Fraction(40)).paid == 60


@given(
    threshold=st.fractions(0, 100, max_denominator=100),
    paid=st.fractions(Fraction(1, 100), 100, max_denominator=100),
    granted=st.fractions(0, 50, max_denominator=100),
    ongoing=st.fractions(-1000, 100, max_denominator=100),
    pending=st.fractions(0, 100, max_denominator=100),
)
def test_a_threshold_top_up_passes_the_threshold(
    threshold: Fraction, paid: Fraction, granted: Fraction, ongoing: Fraction, pending: Fraction
) -> None:
    terms = Terms("threshold", "fixed", paid=paid, granted=granted, threshold=threshold)
    bought = top_up_of(terms, ongoing, pending)
    assert ongoing + pending + bought.paid + bought.granted > threshold
    assert bought.paid % paid == 0
    fewer = bought.paid - paid
    assert fewer == 0 or ongoing + pending + fewer + granted <= threshold


def lines(**amounts: int) -> list[Line]:
    return [Line("charge", metric, Fraction(cents)) for metric, cents in amounts.items()]


def one(balance: int, *metrics: str, refills: bool = False) -> Answerer:
    return Answerer(Payer(balance, metric_ids=frozenset(metrics)), refills)


def test_05_D8_several_wallets() -> None:
    wallets = [one(1000, "bm1"), one(1000, "bm2"), one(1000)]
    assert distribute(lines(bm1=3000, bm2=500), wallets) == [1000, 500, 2000]
    assert distribute(lines(api=3600, storage=1200), [one(2000, "api"), one(3000)]) == [2000, 2800]
    assert distribute(lines(api=3600, storage=1200), [one(2000, "api", refills=True), one(3000)]) == [3600, 1200]


def test_05_D8_what_is_billed_already_reduces_the_sum() -> None:
    netted = [*lines(api=3000, storage=1000), Line("charge", "api", Fraction(-3500))]
    assert distribute(netted, [one(10_000)]) == [500]
    assert distribute([*lines(api=1000), Line("charge", "old", Fraction(-4000))], [one(10_000)]) == [0]


@given(
    amounts=st.lists(st.tuples(st.sampled_from("abc"), st.integers(-3000, 9000)), max_size=8),
    wallets=st.lists(
        st.tuples(st.integers(0, 5000), st.sets(st.sampled_from("abc"), max_size=2), st.booleans()), max_size=5
    ),
)
def test_wallets_never_answer_for_more_than_is_owed(
    amounts: list[tuple[str, int]], wallets: list[tuple[int, set[str], bool]]
) -> None:
    owed = [Line("charge", metric, Fraction(cents, 3)) for metric, cents in amounts]
    answering = [one(balance, *metrics, refills=refills) for balance, metrics, refills in wallets]
    given_ = distribute(owed, answering)
    net = max(sum((line.amount for line in owed), Fraction(0)), Fraction(0))
    assert len(given_) == len(answering)
    assert all(cents >= 0 for cents in given_)
    assert sum(given_) <= net + Fraction(1, 2)
    if any(not metrics for _, metrics, _ in wallets):
        assert abs(sum(given_) - net) <= Fraction(1, 2)
