"""Fees being computed: plain values, before they have a row, a tax or a discount."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from billwright.billing.catalog.snapshot import TaxRate
from billwright.billing.kernel.ids import new_id
from billwright.billing.subscriptions.models import Subscription


class CustomerTaxes(tuple[TaxRate, ...]):
    """Taxes of the customer or the organization (spec 05 A2): a fee that has them has none of its own levels."""

    __slots__ = ()


@dataclass(slots=True)
class FeeDraft:
    """One fee (spec 02 §7). ``amount_cents``, ``precise_amount_cents`` and ``discount`` in minor units.

    ``precise_unit_amount`` in currency units. ``discount`` becomes ``precise_coupons_amount_cents``,
    ``credit_notes`` (its share of the credit notes used) ``precise_credit_notes_amount_cents``. ``taxes`` are the
    taxes of the first non-empty level (spec 05 A2). ``item`` is the snapshot stored with the fee. Fees of add-ons have
    no subscription and no charges window.
    """

    fee_type: str
    subscription: Subscription | None
    amount_cents: int
    precise_amount_cents: Decimal
    units: Decimal
    precise_unit_amount: Decimal
    from_datetime: datetime
    to_datetime: datetime
    charges_from_datetime: datetime | None
    charges_to_datetime: datetime | None
    charges_duration: int | None
    timestamp: datetime
    item: dict[str, Any]
    taxes: tuple[TaxRate, ...] = ()
    total_aggregated_units: Decimal | None = None
    events_count: int | None = None
    amount_details: dict[str, Any] = field(default_factory=dict[str, Any])
    charge_id: UUID | None = None
    charge_filter_id: UUID | None = None
    add_on_id: UUID | None = None
    description: str | None = None
    grouped_by: dict[str, str | None] = field(default_factory=dict[str, str | None])
    pay_in_advance: bool = False
    event_transaction_id: str | None = None
    invoiceable: bool = True
    invoice_display_name: str | None = None
    explanation: dict[str, Any] = field(default_factory=dict[str, Any])
    discount: Decimal = Decimal(0)
    credit_notes: Decimal = Decimal(0)
    true_up_parent: FeeDraft | None = None
    adjusted: bool = False
    """Set by hand (spec 02 §14): stored whatever its units are."""
    id: UUID = field(default_factory=new_id)

    @property
    def is_empty(self) -> bool:
        """Nothing to store on an invoice: no units, no amount, no event (spec 02 §7)."""
        return not self.adjusted and not self.units and not self.amount_cents and not self.events_count


def group_key(grouped_by: dict[str, str | None]) -> str:
    """Digest of a group's values, part of the identity of a fee; empty without grouping."""
    if not grouped_by:
        return ""
    encoded = msgspec.json.encode(sorted(grouped_by.items()))
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()


def wire_groups(grouped_by: dict[str, str | None]) -> dict[str, str]:
    """``grouped_by`` of a fee holds strings only; the null group is ``""`` (spec 00 rule 35)."""
    return {name: value if value is not None else "" for name, value in grouped_by.items()}
