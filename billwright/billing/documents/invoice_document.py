"""What an invoice document is made of: plain typed values, no database rows (spec 04 §19).

Units everywhere: ``*_cents`` are integers in the currency's minor unit; prices and rates are ``Decimal`` (prices in
currency units, rates in percent: ``Decimal("20")`` is 20 %); dates are local dates of the customer. ``None`` and ``""``
both mean "not set" for texts. Texts of users are printed as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

ALL_FILTER_VALUES = "__ALL_FILTER_VALUES__"
"""The single value of a filter key that stands for every value (spec 02 §4)."""


class InvoiceType(StrEnum):
    """Wire values of ``invoice_type`` (spec 04 §1.1)."""

    SUBSCRIPTION = "subscription"
    PROGRESSIVE_BILLING = "progressive_billing"
    ONE_OFF = "one_off"
    CREDIT = "credit"
    ADVANCE_CHARGES = "advance_charges"


class FeeKind(StrEnum):
    """What a fee of a subscription bills."""

    SUBSCRIPTION = "subscription"
    CHARGE = "charge"
    COMMITMENT = "commitment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``country`` is ISO 3166 alpha-2."""

    line1: str | None = None
    line2: str | None = None
    zipcode: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """The seller (organization) or the customer, as of the moment of generation.

    ``name`` and ``legal_name``: the legal one is printed when set. ``first_name``/``last_name``: customers only.
    ``emails``: each on its own line.
    """

    name: str
    legal_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    legal_number: str | None = None
    tax_identification_number: str | None = None
    emails: tuple[str, ...] = ()
    address: Address = field(default_factory=Address)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTax:
    """A tax applied to one fee. ``rate`` in percent."""

    name: str
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterLabel:
    """The charge filter of a fee: its display name, else ``values`` as stored (metric filter key -> values)."""

    display_name: str | None = None
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChange:
    """One change of a recurring metric. ``units`` signed; carried-over units count as a change on the first day."""

    day: date
    units: Decimal
    days_used: int
    days_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringBreakdown:
    """The changes behind the units of a recurring charge billed in arrears (sum and unique count metrics)."""

    metric_name: str
    prorated: bool
    changes: tuple[UnitChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueUp:
    """The spending-minimum true-up of a charge, printed after its parent fee (spec 02 §9).

    ``minimum_amount_cents``: the charge's minimum before proration; ``prorated``: the period was shorter.
    ``taxes``: of the true-up's own fee.
    """

    amount_cents: int
    minimum_amount_cents: int
    prorated: bool = False
    taxes: tuple[FeeTax, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeLine:
    """One fee of a subscription (spec 02 §11.1).

    - ``from_date``, ``to_date``: the fee's own period, local, inclusive. Renewal fees give the period they pay for.
    - ``invoice_display_name``: the fee's own; ``item_name``: charge display name, else metric name (charges),
      commitment display name (commitments), ignored for subscription fees.
    - ``group_values``: values of ``grouped_by`` in its order, nulls left out.
    - ``precise_unit_amount``: currency units per unit.
    - ``amount_details``: as stored with the fee (spec 02 §5; decimals as strings). Empty when there are none.
    - ``charge_model``, ``aggregation_type``: wire names, charges only. ``prorated``: the charge's flag.
    - ``true_up``: on the parent fee; a true-up is never a line of its own.
    - ``pay_in_advance``: billed per event or a paid standalone fee. For those: ``paid_on`` (local date of payment, only
      for non-invoiceable fees), ``succeeded_at`` and ``created_at`` (order of the rows), ``days_used``/``days_total``
      (prorated ones).
    """

    kind: FeeKind
    amount_cents: int
    from_date: date
    to_date: date
    units: Decimal = Decimal(1)
    precise_unit_amount: Decimal = Decimal(0)
    invoice_display_name: str | None = None
    item_name: str | None = None
    group_values: tuple[str, ...] = ()
    filter: FilterLabel | None = None
    taxes: tuple[FeeTax, ...] = ()
    charge_model: str | None = None
    aggregation_type: str | None = None
    prorated: bool = False
    events_count: int | None = None
    amount_details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    true_up: TrueUp | None = None
    recurring: RecurringBreakdown | None = None
    pay_in_advance: bool = False
    paid_on: date | None = None
    succeeded_at: datetime | None = None
    created_at: datetime | None = None
    days_used: int | None = None
    days_total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionSection:
    """One subscription on the invoice and its fees, in any order.

    ``plan_interval``: ``weekly`` ... ``yearly``; ``charges_interval``: ``monthly`` where charges are billed
    monthly on a longer plan. ``progressive_credit_cents``: usage already billed for this
    subscription (positive), deducted from its total. ``charges_from``: first local day of the charges' window,
    required on progressive invoices.
    """

    plan_name: str
    plan_interval: str
    fees: tuple[FeeLine, ...]
    name: str | None = None
    plan_display_name: str | None = None
    charges_interval: str | None = None
    progressive_credit_cents: int = 0
    charges_from: date | None = None

    @property
    def title(self) -> str:
        """Subscription name, else plan display name, else plan name."""
        return self.name or self.plan_display_name or self.plan_name


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnLine:
    """A row of a one-off invoice. ``name``: fee display name, else add-on display name, else add-on name."""

    name: str
    units: Decimal
    precise_unit_amount: Decimal
    amount_cents: int
    from_date: date
    to_date: date
    description: str | None = None
    taxes: tuple[FeeTax, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditPurchase:
    """The row of an invoice for wallet credits. ``unit_price``: currency units per credit (the wallet's rate)."""

    credits: Decimal
    unit_price: Decimal
    amount_cents: int
    transaction_name: str | None = None
    wallet_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponCredit:
    """A coupon's deduction, positive. Exactly one of ``percentage_rate`` (percent) and ``fixed_amount_cents``."""

    name: str
    amount_cents: int
    percentage_rate: Decimal | None = None
    fixed_amount_cents: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedTax:
    """A tax of the document: ``rate`` in percent, taxable base and tax rounded to minor units."""

    code: str
    name: str
    rate: Decimal
    base_amount_cents: int
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceTotals:
    """All minor units, all positive; deductions are printed negative.

    ``prepaid_credit_amount_cents``: ``None`` without wallet transactions on the invoice. ``prepaid_granted...`` and
    ``prepaid_purchased...``: the split by origin of the credits where known.
    """

    sub_total_excluding_taxes_amount_cents: int
    sub_total_including_taxes_amount_cents: int
    total_amount_cents: int
    progressive_billing_credit_amount_cents: int = 0
    credit_notes_amount_cents: int = 0
    prepaid_credit_amount_cents: int | None = None
    prepaid_granted_credit_amount_cents: int | None = None
    prepaid_purchased_credit_amount_cents: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedThreshold:
    """Progressive invoices: the lifetime usage and the (last) threshold that it passed, minor units."""

    usage_amount_cents: int
    threshold_amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentCommon:
    """What invoices and credit notes share.

    ``locale``: a supported code (others print English). ``metadata``: the customer's ``display_in_invoice`` pairs in
    creation order. ``custom_sections``: (display name, details). ``logo``: PNG or JPEG bytes.
    """

    number: str
    issuing_date: date
    currency: str
    seller: Party
    customer: Party
    locale: str = "en"
    metadata: tuple[tuple[str, str], ...] = ()
    applied_taxes: tuple[AppliedTax, ...] = ()
    eu_tax_management: bool = False
    custom_sections: tuple[tuple[str, str], ...] = ()
    footer: str | None = None
    logo: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDocument(DocumentCommon):
    """A finalized invoice. ``net_payment_term`` in days.

    ``subscriptions`` carries subscription, progressive and advance-charges invoices, ``add_ons`` one-off invoices,
    ``credit_purchase`` credit invoices. ``coupons`` in order of application.
    """

    invoice_type: InvoiceType
    payment_due_date: date
    totals: InvoiceTotals
    net_payment_term: int = 0
    subscriptions: tuple[SubscriptionSection, ...] = ()
    add_ons: tuple[AddOnLine, ...] = ()
    credit_purchase: CreditPurchase | None = None
    coupons: tuple[CouponCredit, ...] = ()
    threshold: PassedThreshold | None = None
