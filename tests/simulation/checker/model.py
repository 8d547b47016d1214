"""What the checker's books are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from tests.simulation.checker.calendar import Period
from tests.simulation.checker.money import ZERO


@dataclass
class Metric:
    code: str
    aggregation: str
    field_name: str | None
    recurring: bool
    rounding_function: str | None
    rounding_precision: int | None
    filters: dict[str, list[str]]


@dataclass
class Filter:
    """``values`` as sent; ``order`` = the order of creation."""

    values: dict[str, list[str]]
    properties: dict[str, Any]
    order: int


@dataclass
class Charge:
    metric: Metric
    model: str
    properties: dict[str, Any]
    filters: list[Filter]
    pay_in_advance: bool
    invoiceable: bool
    prorated: bool
    minimum: int
    taxes: list[str]
    regroups: bool = False
    """Paid fees of single events are put on an invoice later."""


@dataclass
class Plan:
    code: str
    interval: str
    amount: int
    currency: str
    in_advance: bool
    trial: Fraction
    charges_monthly: bool
    charges: list[Charge]
    taxes: list[str]
    commitment: int
    commitment_taxes: list[str]
    thresholds: list[tuple[int, bool]] = field(default_factory=list)
    """Steps of progressive billing and whether they recur."""


@dataclass
class Customer:
    external_id: str
    sequence: int
    zone: str
    taxes: list[str]
    term: int | None
    grace: int | None
    zero_invoices: str
    invoices_finalized: int = 0


@dataclass(eq=False)
class Subscription:
    external_id: str
    customer: Customer
    plan: Plan
    billing_time: str
    subscription_at: datetime
    created_at: datetime
    order: int
    status: str = "pending"
    started_at: datetime | None = None
    ending_at: datetime | None = None
    terminated_at: datetime | None = None
    trial_ended_at: datetime | None = None
    replaced_by: Subscription | None = None
    upgraded: bool = False
    billed_until: date | None = None
    """The last day that a periodic run billed."""
    previous: Subscription | None = None
    credit_note_option: str = "credit"


@dataclass
class Row:
    """One subscription on an invoice (spec 03 §3.6)."""

    subscription: Subscription
    reason: str
    t: datetime
    fee_period: Period
    fee_window: tuple[datetime, datetime]
    bills_fee: bool
    charge_period: Period
    charge_window: tuple[datetime, datetime] | None
    less_one_day: bool = False
    """The day of an upgrade is the new plan's: of the fee window."""
    charges_less_one_day: bool = False
    excludes_end: bool = False
    renews: bool = False
    """Recurring charges in advance are renewed for the next period."""
    commitment_period: Period | None = None
    replaced_by: Subscription | None = None


@dataclass(eq=False)
class Event:
    transaction_id: str
    code: str
    subscription: str
    at: datetime
    received: int
    properties: dict[str, Any]
    money: Fraction


@dataclass(eq=False)
class Fee:
    """Amounts in cents. ``kind``: subscription, charge, commitment, add_on, credit."""

    kind: str
    amount: int
    precise: Fraction
    units: Fraction
    subscription: Subscription | None = None
    code: str = ""
    """Of the metric or the add-on."""
    filter_values: dict[str, list[str]] | None = None
    group: dict[str, str | None] = field(default_factory=dict)
    charge: Charge | None = None
    true_up: bool = False
    transaction_id: str | None = None
    events: int | None = None
    days: tuple[date, date] | None = None
    """First and last local day shown on the fee."""
    taxes: list[tuple[str, Fraction]] = field(default_factory=list)
    tax: int = 0
    discount: Fraction = ZERO
    after_tax_credit: Fraction = ZERO
    credited: Fraction = ZERO
    """Items of credit notes ever issued on it."""
    plan_amount: int = 0
    counts_for: Period | None = None
    """The plan interval whose commitment it is counted for."""
    fee_period: Period | None = None
    fee_start: datetime | None = None
    total_units: Fraction | None = None
    paid_at: datetime | None = None
    usage_end: datetime | None = None


@dataclass(eq=False)
class Invoice:
    kind: str
    customer: Customer
    currency: str
    t: datetime
    issuing_date: date
    order: int
    rows: list[Row] = field(default_factory=list)
    fees: list[Fee] = field(default_factory=list)
    status: str = "generating"
    number: str | None = None
    due_date: date | None = None
    expected_finalization: date | None = None
    coupons: list[tuple[Any, int]] = field(default_factory=list)
    notes_used: list[tuple[Any, int]] = field(default_factory=list)
    wallets_used: list[tuple[Any, int]] = field(default_factory=list)
    fees_amount: int = 0
    coupons_amount: int = 0
    subtotal: int = 0
    taxes_amount: int = 0
    taxes_rate: Fraction = ZERO
    applied_taxes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Base and amount by code."""
    notes_amount: int = 0
    prepaid_amount: int = 0
    prepaid_granted: int = 0
    prepaid_purchased: int = 0
    total: int = 0
    paid: int = 0
    offset: int = 0
    payment_status: str = "pending"
    voided: bool = False
    credit_notes: list[Any] = field(default_factory=list)
    purchase: Any = None
    billed: Any = None
    """Of a progressive invoice: the subscription and the period whose usage it bills."""
    credited: list[tuple[Any, int]] = field(default_factory=list)
    """What progressive invoices had billed of it."""
    excesses: list[tuple[Any, int]] = field(default_factory=list)
    progressive_amount: int = 0
